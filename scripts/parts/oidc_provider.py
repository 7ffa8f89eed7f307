"""oidc-provider: an OpenID-certified authorization server that is not Cognito, over TLS."""

import os
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from .node import NODE, packages
from .server import Server


class OidcProvider(Server):
    """`with OidcProvider(ca, certificate, key, by_header=..., by_body=...) as server:`: PEM files and two secrets.

    Its app clients are `by-header` and `by-body`, named after the one way in which each may authenticate;
    `server.token_url` is where.
    """

    health = "/.well-known/openid-configuration"

    def __init__(
        self, ca: Path, certificate: Path, key: Path, *, by_header: str, by_body: str, expires_in: int = 600
    ) -> None:
        super().__init__()
        self.url = f"https://localhost:{self.port}"
        self.token_url = f"{self.url}/token"
        self._trusted = ssl.create_default_context(cafile=ca)
        self._variables = {
            "CERTIFICATE": str(certificate),
            "KEY": str(key),
            "BY_HEADER": by_header,
            "BY_BODY": by_body,
            "EXPIRES_IN": str(expires_in),
        }

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [NODE, Path(__file__).with_suffix(".mjs")]

    def environ(self) -> Mapping[str, str]:
        return {**self._variables, "PORT": str(self.port), "PACKAGES": str(packages("oidc-provider"))}

    def ready(self) -> bool:
        with urllib.request.urlopen(self.url + self.health, timeout=5, context=self._trusted):
            return True
