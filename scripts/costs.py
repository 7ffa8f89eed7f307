#!/usr/bin/env python3
"""Writes the tables of docs/costs.md and its picture anew from docs/reference/costs.json.

scripts/costs.py            write
scripts/costs.py --check    write nothing; exit status 1 when page or picture is not current

The figures themselves come from `benchmarks/simulate.py --docs`, which takes some minutes and runs this at its end.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from _chart import Amounts, Peaks, drawing  # noqa: E402  # the line above says where it is
from _price import DAYS  # noqa: E402  # found by the line above

TABLE = ROOT / "docs" / "reference" / "costs.json"
PAGE = ROOT / "docs" / "costs.md"
PICTURE = ROOT / "docs" / "images" / "costs.svg"

Data = dict[str, Any]
WAYS = {"PRIVATE": "private tokens", "MACHINE": "shared per machine", "ALL": "shared by all"}
COLOURS = {"PRIVATE": "spare", "MACHINE": "good", "ALL": "calm"}
LIVES = {300: "5 min", 3600: "1 h", 86400: "24 h"}


def money(amount: float) -> str:
    """As on a bill, but without cents that mean nothing."""
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def _row(data: Data, way: str, life: int) -> Data:
    rows: list[Data] = data["rows"]
    (found,) = [row for row in rows if (row["way"], row["life"]) == (way, life)]
    return found


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [head, rule, *lines])


def _by_life(data: Data, texts: dict[str, str], *, ways: tuple[str, ...] = tuple(WAYS)) -> str:
    """A line for each figure and way, a column for each life."""
    lines = []
    for name, text in texts.items():
        for way in ways:
            values = [_row(data, way, life)[name] for life in LIVES]
            label = f"{text}, {WAYS[way]}" if len(ways) > 1 else text
            lines.append([label, *(f"{value:,}" if name != "longest" else f"{value:.1f} s" for value in values)])
    return _table(["tokens of", *LIVES.values()], lines)


def sentence(data: Data) -> str:
    """What this is about, reckoned and simulated."""
    first = data["first_sentence"]
    private, shared = first["PRIVATE"], first["ALL"]
    processes, price = first["processes"], data["dollars_a_token"]
    return (
        f"{processes} busy processes with hourly tokens of their own renew each token after "
        f"{private['renewed_after'] / 60:.0f} minutes on average, so a month costs\n"
        f"{processes} × {DAYS:.1f} days × 24 h ÷ {private['renewed_after'] / 60:.0f} min × ${price} = "
        f"**{money(private['reckoned'])}**. With one token for all of them, which the first to notice renews\n"
        f"after {shared['renewed_after'] / 60:.0f} minutes, it is **{money(shared['reckoned'])}**. Simulated: "
        f"{private['minted']:,} tokens a day and {money(private['simulated'])} a month, against {shared['minted']} and "
        f"{money(shared['simulated'])}.\n"
    )


def month(data: Data) -> str:
    """Dollars a month, and tokens a day."""
    lines = [
        [
            life_text,
            *(
                f"{money(_row(data, way, life)['dollars_a_month'])} ({_row(data, way, life)['minted']:,})"
                for way in WAYS
            ),
        ]
        for life, life_text in LIVES.items()
    ]
    return _table(["tokens of", *WAYS.values()], lines)


def cold(data: Data) -> str:
    """All processes start at once, with empty stores."""
    names = {
        "peak": "most token requests in a second",
        "throttled": "requests answered 429",
        "minted": "tokens",
        "failed": "calls failed",
        "longest": "longest wait of a call, seconds",
    }
    return _table(
        [f"{data['processes']:,} processes start at once", *WAYS.values()],
        [[text, *(f"{data['cold'][way][name]:,}" for way in WAYS)] for name, text in names.items()],
    )


def at_once(data: Data) -> str:
    """The deploy of all processes at once on the bad day."""
    names = {"at_once_peak": "most token requests in a second", "at_once_failed": "calls failed"}
    return _by_life(data, names)


def down(data: Data) -> str:
    """Cognito's outages."""
    budgets = {life: data["budgets"][str(life)] for life in LIVES}
    head = "| tokens of | " + " | ".join(LIVES.values()) + " |\n| --- | ---: | ---: | ---: |\n"
    outlived = "| outage that every token outlasts | " + " | ".join(
        f"{int(seconds // 60)} min {seconds % 60:.0f} s" for seconds in budgets.values()
    )
    names = {"outlasted": "calls failed in longer ones", "failed": "calls failed otherwise, all day"}
    return head + outlived + " |\n" + "".join(_by_life(data, names).splitlines(keepends=True)[2:])


def store_down(data: Data) -> str:
    """The hour without a store."""
    names = {
        "store_down_peak": "most token requests in a second",
        "store_down_failed": "calls failed",
        "bad_minted": "tokens, all day",
    }
    return _by_life(data, names, ways=("ALL",))


def store(data: Data) -> str:
    """What the store has to do."""
    names = {"store_day": "operations on a calm day", "store_peak": "most in a second, on the bad day"}
    return _by_life(data, names, ways=("ALL",))


def made(data: Data) -> str:
    """Where the numbers are from."""
    return (
        f"Price and quota as of {data['dated']}; {data['processes']:,} processes, {data['on_machine']} on a machine; "
        f"seed {data['seed']}.\n"
    )


PARTS = {
    "sentence": sentence,
    "month": month,
    "cold": cold,
    "at once": at_once,
    "down": down,
    "store down": store_down,
    "store": store,
    "made": made,
}


def current(page: str, data: Data) -> str:
    """The page with its generated parts as they should be."""
    for name, part in PARTS.items():
        begin, end = f"<!-- costs.py: {name} -->\n", f"<!-- costs.py: end of {name} -->"
        pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise SystemExit(f"{PAGE.name}: the markers of {name} are not there, or not once")
        text = part(data)
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)  # type: ignore[misc]  # mypy has no type for a lambda with a default
    return page


def picture(data: Data) -> str:
    """The bad day for each way of sharing, and the dollars of a month."""
    day, pictured = data["day"], data["pictured"]
    life = LIVES[pictured["life"]]
    panels = [
        Peaks(
            f"{WAYS[way].capitalize()}: token requests in the busiest second of every {pictured['bin'] // 60} minutes",
            COLOURS[way],
            [float(value) for value in pictured["bins"][way].split()],
            limit=data["quota"],
            limit_name="the account's quota",
            unit="a second",
        )
        for way in WAYS
    ]
    return drawing(
        f"A bad day of {data['processes']:,} processes, tokens of {life}",
        "Simulated with the library's own decisions. Without bars: no token request.",
        day["seconds"],
        panels,
        shades={
            "deploy (15:00: all at once)": ("quiet", day["deploys"]),
            "Cognito is down": ("bad", day["outages"]),
            "the store is down": ("fault", day["store_outages"]),
        },
        amounts=Amounts(
            "Dollars a month, by the life of the tokens (logarithmic)",
            {
                f"{text}": {
                    name.removeprefix("shared ").removesuffix(" tokens"): (
                        COLOURS[way],
                        _row(data, way, seconds)["dollars_a_month"],
                        money(_row(data, way, seconds)["dollars_a_month"]),
                    )
                    for way, name in WAYS.items()
                }
                for seconds, text in LIVES.items()
            },
        ),
    )


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="The tables and the picture of docs/costs.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when they are not current")
    check = parser.parse_args(arguments).check
    data = json.loads(TABLE.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    wanted = {PAGE: current(page, data), PICTURE: picture(data)}
    status = 0
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"{path.name} is not current: run scripts/costs.py")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
