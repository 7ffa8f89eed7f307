"""The options that say which app client: they win over the environment, and none of them is a secret."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._core.config import client_id_from
from .._core.environment import from_environment
from .._core.errors import ConfigurationError
from .._core.record import Record
from .._core.secret_arn import parse_secret_arn
from ..credentials import CognitoClientCredentials
from ..secret_sources.base import prepare_source
from ..secret_sources.env import environment_secret
from ._exits import USAGE, CommandFailed
from ._trust import check_pipes
from ._words import region_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ..secret_sources import SecretInput

_OPTIONS = {
    "domain": ("--domain", "the user pool's domain, or with --region a bare prefix"),
    "region": ("--region", "the AWS Region of a bare prefix, or of --api get_client_token"),
    "token_url": ("--token-url", "the whole URL of the token endpoint, in place of a domain"),
    "api": ("--api", "oauth2, or get_client_token: Cognito's own API, which needs --region and no domain"),
    "client_id": ("--client-id", "the app client's id"),
    "secret_file": ("--secret-file", "the file that holds the client secret"),
    "secret_arn": ("--secret-arn", "the client secret's ARN in Secrets Manager or Parameter Store"),
}


class Loaded(Record):
    """The credentials, and where each setting came from."""

    credentials: CognitoClientCredentials
    secret: SecretInput
    sources: Mapping[str, str]
    """Setting -> the option or the environment variable that it was read from."""
    token_url: str
    region: str | None
    """The one given, else the one that Cognito's host names, if any."""
    scopes: tuple[str, ...] | None
    """Those that are asked for; None asks for all of the app client's."""

    @property
    def client_id(self) -> str:
        """The app client's id; before it has been read with the secret, the ARN of that."""
        return self.credentials._slot.settings.client_id


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    group = parser.add_argument_group(
        "app client", "What is not given is read from the environment, as from_env() does."
    )
    secret = group.add_mutually_exclusive_group()
    for name, (option, text) in _OPTIONS.items():
        place = secret if name.startswith("secret") else group
        place.add_argument(option, dest=name, metavar=name.upper(), help=text)
    group.add_argument(
        "--scope", action="append", dest="scopes", metavar="SCOPE", help="one or several; may be repeated"
    )
    group.add_argument("--prefix", default="", help='goes before each variable, as "BILLING_"')


def load(arguments: argparse.Namespace) -> Loaded:
    """The credentials of the command line and the environment. Raises ConfigurationError with all that is wrong,
    and CommandFailed where an extra is missing."""
    check_pipes()
    given: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("domain", "region", "token_url", "api", "client_id", "scopes")
        if getattr(arguments, name) is not None
    }
    sources = {name: "--scope" if name == "scopes" else _OPTIONS[name][0] for name in given}
    if arguments.secret_file is not None:
        from ..secret_sources import FileSecret  # noqa: PLC0415  # only what is used

        given["client_secret"] = FileSecret(arguments.secret_file)
        sources["client_secret"] = _OPTIONS["secret_file"][0]
    elif arguments.secret_arn is not None:
        from ..secret_sources.aws import from_arn  # noqa: PLC0415  # only what is used

        try:
            given["client_secret"] = from_arn(parse_secret_arn(arguments.secret_arn))
        except ConfigurationError as wrong:
            raise ConfigurationError(f"--secret-arn: {wrong.message}") from None
        sources["client_secret"] = _OPTIONS["secret_arn"][0]
    names_client = client_id_from(given.get("client_secret")) is not None
    found = from_environment(
        arguments.prefix, os.environ, frozenset(given), api=given.get("api"), names_client=names_client
    )
    credentials = CognitoClientCredentials.from_env(arguments.prefix, **given)
    known = credentials._slot.settings  # as from_env() made them
    secret: SecretInput = given.get("client_secret") or environment_secret(found, os.environ)
    if not known.client_known:
        sources["client_id"] = "the secret"
    try:
        prepare_source(secret)
    except ImportError as missing:  # its message names the extra
        raise CommandFailed(f"client_secret: {missing}", USAGE) from None
    return Loaded(
        credentials=credentials,
        secret=secret,
        sources=sources | {_plain(name): variable for name, variable in found.variables.items()},
        token_url=known.token_url,
        region=arguments.region or found.region or region_of(known.token_url),
        scopes=known.scopes,
    )


def _plain(argument: str) -> str:
    return "client_secret" if argument.startswith("client_secret") else argument
