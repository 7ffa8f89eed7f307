"""What renewing earlier costs, and what it buys: tokens a day, and the outage that goes unnoticed."""

import argparse
import sys

from _price import DAYS, dollars
from _sharing import Fleet, Way, World
from _support import Report, command, progress
from _world import Day, Deploy, Outage

import pages
from pages import DOCS, filled
from s2sauth import ConfigurationError, RenewalPolicy

LIVES = {300: "5 min", 3600: "1 h", 86_400: "24 h"}
FRACTIONS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
DAY = 86_400.0
PROCESSES = 20
SEED = 6
SHORT_MARGIN = 5.0
"""Seconds, where 10 would be refused."""
PAGE = DOCS / "renew-at.md"
MARK = "renew_at.py: table"


def policy(renew_at: float) -> RenewalPolicy:
    """With this `renew_at` and all else as usual, but for the margin where the window would be too short for it."""
    try:
        return RenewalPolicy(renew_at=renew_at)
    except ConfigurationError:
        return RenewalPolicy(renew_at=renew_at, expiry_margin=SHORT_MARGIN)


def tokens(chosen: RenewalPolicy, life: int) -> float:
    """Tokens that one busy process buys on a calm day: simulated, private."""
    day = Day(DAY, (Deploy(0, spread=60.0),))
    books = World(day, Fleet(PROCESSES, on_machine=1), Way.PRIVATE, life, f"{SEED} {life}", policy=chosen).run()
    return sum(books.minted) / PROCESSES


def budget(chosen: RenewalPolicy, life: int) -> float:
    """Seconds of an outage that goes unnoticed whenever it begins: from the latest renewal point to the token's end."""
    return chosen.usable_for(life) - chosen.renew_after(life, 1.0)


def failed(chosen: RenewalPolicy, life: int, *, times: float = 1.0) -> int:
    """Calls that fail in a simulated outage of `times` that length, less a second, in the middle of the day."""
    outage = Outage(DAY / 2, DAY / 2 + times * budget(chosen, life) - 1, hangs=False)
    day = Day(DAY * 0.6, (Deploy(0, spread=float(life)),), outages=(outage,))
    return sum(World(day, Fleet(PROCESSES, on_machine=1), Way.PRIVATE, life, f"{SEED} out", policy=chosen).run().failed)


def minutes(seconds: float) -> str:
    """As people say it."""
    hours, rest = divmod(round(seconds), 3600)
    parts = [
        f"{hours} h" if hours else "",
        f"{rest // 60} min" if rest >= 60 else "",
        f"{rest % 60} s" if not hours else "",
    ]
    return " ".join(part for part in parts if part and not part.startswith("0 "))


def table(lives: tuple[int, ...] = tuple(LIVES), *, more: bool = True) -> dict[tuple[float, int], tuple[str, int]]:
    """The cell of each fraction and life, and the calls that failed in its outage."""
    cells: dict[tuple[float, int], tuple[str, int]] = {}
    for life in lives:
        for fraction in FRACTIONS:
            chosen = policy(fraction)
            bought = tokens(chosen, life)
            text = f"{bought:.1f}, ${dollars(bought * DAYS):,.2f}, {minutes(budget(chosen, life))}"
            cells[fraction, life] = text, failed(chosen, life) if more else 0
    return cells


def markdown(cells: dict[tuple[float, int], tuple[str, int]]) -> str:
    """As it stands on the page."""
    lines: list[list[str]] = []
    for fraction in FRACTIONS:
        name = f"**{fraction}**" if fraction == RenewalPolicy().renew_at else str(fraction)
        name += f", `expiry_margin={SHORT_MARGIN}`" if policy(fraction).expiry_margin == SHORT_MARGIN else ""
        lines.append([name, *(cells[fraction, life][0] for life in LIVES)])
    return pages.table(["`renew_at`", *(f"tokens of {text}" for text in LIVES.values())], lines)


def written(page: str, text: str) -> str:
    """The page with this table in its place."""
    return filled(page, {MARK: text})


def figures(report: Report) -> None:
    """A row for each cell: nobody notices an outage of the length that the page promises."""
    lives = (3600, 86_400) if report.ci else tuple(LIVES)
    progress(f"{len(FRACTIONS)} fractions, {len(lives)} lives")
    cells = table(lives)
    for (fraction, life), (text, calls) in cells.items():
        report.row(f"{LIVES[life]}, renew_at {fraction}: {text}: calls failed", s2sauth=calls, exactly=0)
    report.note("Tokens a day of one busy process, dollars a month, and the outage that goes unnoticed.")
    if report.options.docs:
        if report.ci:
            sys.exit("--docs needs all lives: leave --ci out")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), markdown(cells)), encoding="utf-8")


def options(parser: argparse.ArgumentParser) -> None:
    """Those of this command alone."""
    parser.add_argument("--docs", action="store_true", help="write the table of docs/renew-at.md as well")


if __name__ == "__main__":
    command("What renewing earlier costs and buys", figures, add_options=options)
