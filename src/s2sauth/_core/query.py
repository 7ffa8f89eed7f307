"""What the query of a `token_url` names: it is kept, and nothing in it is sent a second time (RFC 6749 3.2)."""

import json
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from .endpoint import SCOPE, with_scope
from .strict_json import json_object
from .values import is_scope_token

_NEEDED: Final = f'are missing, and {SCOPE} in token_url stands for them; name them, as "demo/read.file"'
_DIFFER: Final = f"are not those in the query of token_url; write scope={SCOPE} there, which stands for them"
_OTHER_METADATA: Final = "is not the aws_client_metadata in the query of token_url; give it in one place only"


def named(token_url: str) -> frozenset[str]:
    """The parameters in the query, by name; one without a value counts too."""
    return frozenset(name for name, _ in _pairs(token_url))


def asked_scopes(scopes: tuple[str, ...] | None, token_url: str) -> tuple[str, ...] | None:
    """The scopes that are asked for: those given, else those that are written out in the query, else None."""
    if scopes is not None or SCOPE in token_url:
        return scopes
    return tuple(sorted(filter(is_scope_token, _scopes(token_url)))) or None


def wrong_scopes(scopes: tuple[str, ...] | None, token_url: str) -> str | None:
    """What is wrong with them where the query of `token_url` says scopes too; a cache would mix up the tokens."""
    if scopes is None:
        return _NEEDED if SCOPE in token_url else None
    url = with_scope(token_url, scopes)
    return _DIFFER if "scope" in named(url) and _scopes(url) != {*scopes} else None


def wrong_metadata(metadata: str, token_url: str) -> str | None:
    """What is wrong with `client_metadata`, as JSON, where the query has some too."""
    said = [value for name, value in _pairs(token_url) if name == "aws_client_metadata"]
    same = [json_object(value.encode()) for value in said] == [json.loads(metadata)]
    return None if not said or same else _OTHER_METADATA


def _scopes(token_url: str) -> set[str]:
    return set(" ".join(value for name, value in _pairs(token_url) if name == "scope").split())


def _pairs(token_url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(token_url).query, keep_blank_values=True)
