"""What happened when, in lanes of characters: one figure for terminals and for plain text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Cell = Literal["empty", "good", "bad"]
"""What a moment of a lane is about."""


@dataclass(frozen=True)
class Glyphs:
    """The characters of a lane that holds moments, and of one that is a line."""

    moments: dict[Cell, str]
    line: dict[Cell, str]


PLAIN: Final = Glyphs({"empty": " ", "good": "o", "bad": "x"}, {"empty": " ", "good": "=", "bad": "x"})
FINE: Final = Glyphs({"empty": " ", "good": "●", "bad": "✕"}, {"empty": " ", "good": "━", "bad": "╳"})


@dataclass(frozen=True)
class Moment:
    """A call or a token request: when, and whether it was answered well."""

    at: float
    good: bool


@dataclass(frozen=True)
class Lane:
    """One line of the figure: what it is about, its cells from left to right, and the same in figures."""

    name: str
    cells: tuple[Cell, ...]
    text: str
    note: str


@dataclass
class Timeline:
    """What is noted while it goes on. Seconds since the beginning."""

    seconds: float
    """How long it takes."""
    calls: list[Moment] = field(default_factory=list[Moment])
    renewals: list[Moment] = field(default_factory=list[Moment])
    """Token requests."""
    down: tuple[float, float] = (0.0, 0.0)
    """From when to when Cognito answers no token request."""
    revoked: float | None = None
    """When the API stopped taking the tokens issued so far."""
    now: float = 0.0

    def lanes(self, width: int, glyphs: Glyphs) -> list[Lane]:
        """The figure, with `width` characters for the time; what has not come yet is empty."""
        bought = sum(one.good for one in self.renewals)
        failed = len(self.renewals) - bought
        served = sum(one.good for one in self.calls)
        begin, end = self.down
        up = self._line(width, lambda at: begin <= at < end)
        revoked = "" if self.revoked is None else "every token"
        moments = glyphs.moments
        return [
            _lane("Cognito", up, glyphs.line, f"down for {end - begin:.1f} s"),
            _lane("tokens", self._moments(width, self.renewals), moments, f"{bought}, {failed} failed"),
            _lane("revoked", self._moments(width, self._revocation()), moments, revoked),
            _lane("calls", self._moments(width, self.calls), glyphs.line, f"{served} of {len(self.calls)}, 50/s"),
        ]

    def scale(self, width: int) -> str:
        """The seconds, one number where each begins."""
        cells = [" "] * (width + 3)
        for second in range(int(self.seconds) + 1):
            for place, digit in enumerate(str(second), int(second * width / self.seconds)):
                cells[place] = digit
        return "".join(cells).rstrip()

    def _revocation(self) -> Iterator[Moment]:
        if self.revoked is not None:
            yield Moment(self.revoked, good=False)

    def _line(self, width: int, is_bad: Callable[[float], bool]) -> Iterator[Cell]:
        for cell in range(width):
            at = (cell + 0.5) * self.seconds / width
            yield "empty" if at > self.now else "bad" if is_bad(at) else "good"

    def _moments(self, width: int, moments: Iterable[Moment]) -> list[Cell]:
        cells: list[Cell] = ["empty"] * width
        for one in list(moments):  # another thread may add to them
            cell = min(int(one.at * width / self.seconds), width - 1)
            cells[cell] = "good" if one.good and cells[cell] != "bad" else "bad"
        return cells


def _lane(name: str, cells: Iterable[Cell], shown: dict[Cell, str], note: str) -> Lane:
    kept = tuple(cells)
    return Lane(name, kept, "".join(shown[cell] for cell in kept), note)
