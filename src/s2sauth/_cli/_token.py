"""`s2sauth token`: is a token to be had, for how long, for what, and by which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._exits import FINE
from ._settings import add_options, load
from ._words import duration, moment, scope_text

if TYPE_CHECKING:
    import argparse

    from ._console import Console

HELP = "Get a token; show its life, its scopes and where the settings came from."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--raw", action="store_true", help="write the token itself, and nothing else, to stdout")
    add_options(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Get one token and show what it is."""
    loaded = load(arguments)
    with loaded.credentials as credentials:
        token = credentials.get_token()
        document: dict[str, Any] = {
            "command": "token",
            "scopes": None if token.scopes is None else list(token.scopes),
            "expires_at": moment(token.expires_at.timestamp()),
            "expires_in": int(token.expires_in),
            "token_url": loaded.token_url,
            "client_id": loaded.client_id,
            "sources": dict(loaded.sources),
        }
        if arguments.raw:
            console.document({**document, "access_token": token.access_token})
            console.line(token.access_token)
            return FINE
        console.document(document)
        console.line(f"{console.paint('scopes ', 'bold')}  {scope_text(token.scopes)}")
        console.line(f"{console.paint('expires', 'bold')}  in {duration(token.remaining())}, {document['expires_at']}")
        console.line(f"{console.paint('client ', 'bold')}  {loaded.client_id} at {loaded.token_url}")
        console.line(console.paint("settings", "bold"))
        console.lines(f"  {setting:14} {source}" for setting, source in loaded.sources.items())
    return FINE
