"""What `s2sauth demo` has shown, as text and for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..local._timeline import PLAIN
from ._price import DOLLARS, dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..local._show import Show
    from ..local._timeline import Timeline

WIDTH = 50  # characters of the timeline


def plain(show: Show) -> Iterator[str]:
    """The table, the timeline and what it comes to."""
    width = max(len(row.what) for row in show.rows)
    yield ""
    yield f"  {'what':{width}}  calls  tokens"
    for row in show.rows:
        mark = "ok  " if row.ok else "SHORT"
        yield f"  {row.what:{width}}  {row.calls or '':>5}  {row.tokens:>6}  {mark}  {row.result}"
    yield ""
    yield from figure(show.timeline)
    yield ""
    yield from summary(show)


def figure(timeline: Timeline) -> Iterator[str]:
    """The timeline as plain text."""
    yield f"  {'seconds':8} {timeline.scale(WIDTH)}"
    for lane in timeline.lanes(WIDTH, PLAIN):
        yield f"  {lane.name:8} {lane.text} {lane.note}"


def summary(show: Show) -> Iterator[str]:
    """What it comes to."""
    yield f"  {show.calls:,} calls with a token each would have cost ${dollars(show.calls):.2f};"
    yield f"  {show.tokens} tokens cost ${dollars(show.tokens):.4f} (${DOLLARS} each)."
    yield f"  {show.seconds:.0f} s. Next: README.md; `s2sauth local` is this world for a service of yours."


def document(show: Show) -> dict[str, object]:
    """The same for machines."""
    return {
        "command": "demo",
        "rows": [asdict(row) for row in show.rows],
        "calls": show.calls,
        "tokens": show.tokens,
        "dollars": round(dollars(show.tokens), 5),
        "dollars_with_a_token_per_call": round(dollars(show.calls), 5),
        "seconds": round(show.seconds, 1),
    }
