"""`s2sauth claims`: what the token says about itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from .._core.cognito import claims
from ._exits import FAILED, FINE, CommandFailed
from ._settings import add_options, load
from ._words import distance, moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ._console import Console

HELP = "Get a token and show its claims, with times in words; the signature is not checked."

_TIMES = ("auth_time", "exp", "iat", "nbf")  # RFC 7519 4.1, OpenID Connect Core 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Get one token and show its claims."""
    with load(arguments).credentials as credentials:
        found = claims(credentials.get_token().access_token)
    if found is None:
        raise CommandFailed(
            "the token is no JWT, so nobody but its server can read it. Other servers than Cognito may issue such "
            "tokens, and the calls are none the worse for it",
            FAILED,
        )
    times = in_words(found, time.time())
    console.document({"command": "claims", "claims": dict(found), "times": times})
    width = max(map(len, found), default=0)
    for name, value in found.items():
        # As JSON: a claim may hold anything, control characters too.
        text = value if isinstance(value, str) and value.isprintable() else json.dumps(value)
        when = "  " + console.paint(", ".join(times[name].values()), "dim") if name in times else ""
        console.line(f"{console.paint(json.dumps(name)[1:-1].ljust(width), 'bold')}  {text}{when}")
    return FINE


def in_words(found: Mapping[str, object], now: float) -> dict[str, dict[str, str]]:
    """The claims that are times: when that is, and how far from `now`, in seconds since the epoch."""
    return {
        name: {"at": moment(value), "in_words": distance(value - now)}
        for name in _TIMES
        if isinstance(value := found.get(name), int | float) and not isinstance(value, bool) and 0 <= value < 1e11
    }
