"""Times, scopes and other people's text, as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .._core.endpoint import is_region
from .._core.partitions import DNS_SUFFIX, OTHER_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIXES: Final = tuple(f".{suffix}" for suffix in ("amazoncognito.com", DNS_SUFFIX, *OTHER_SUFFIXES.values()))
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: float) -> str:
    """In the largest unit of which there is at least one, rounded down: `59 minutes`."""
    whole = int(abs(seconds))
    size, unit = next(((size, unit) for size, unit in _UNITS if whole >= size), (1, "second"))
    return f"{whole // size} {unit}{'' if whole // size == 1 else 's'}"


def distance(seconds: float) -> str:
    """How far away a moment is: `in 59 minutes`, `2 hours ago`, `now`."""
    if abs(seconds) < 1:
        return "now"
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(seconds)} ago"


def moment(epoch: float) -> str:
    """An instant in ISO 8601, UTC, to the second."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"


def scope_text(scopes: Iterable[str] | None) -> str:
    """Scopes in one line."""
    return "all of the app client's" if scopes is None else " ".join(scopes) or "none"


def region_of(url: str) -> str | None:
    """The AWS Region that a host of Cognito names; None for any other host."""
    host = urlsplit(url).hostname or ""
    if not host.endswith(_SUFFIXES):
        return None
    return next(filter(is_region, host.split(".")), None)


def printable(text: str) -> str:
    """Without control characters, which would reach the terminal; line ends and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
