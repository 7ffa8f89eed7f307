#!/usr/bin/env python3
"""Writes the tables of docs/costs.md and its picture anew from docs/reference/costs.json.

scripts/costs.py            write
scripts/costs.py --check    write nothing; exit status 1 when page or picture is not current

The figures themselves come from `benchmarks/simulate.py --docs`, which takes some minutes and runs this at its end.
"""

import argparse
import json
import sys
from math import log10
from typing import Any

import drawing
from drawing import WIDE, Panel, chart, lengths, peaks
from pages import DOCS, ROOT, filled, keep, table

sys.path.append(str(ROOT / "benchmarks"))

from _price import DAYS, TABLE_SOURCE, table_dollars  # found by the line above

TABLE = DOCS / "reference" / "costs.json"
PAGE = DOCS / "costs.md"
PICTURE = DOCS / "images" / "costs.svg"

Data = dict[str, Any]
WAYS = {"PRIVATE": "private tokens", "MACHINE": "SQLite, per machine", "REDIS": "Redis", "DYNAMODB": "DynamoDB"}
COLOURS = {"PRIVATE": "spare", "MACHINE": "good", "REDIS": "calm", "DYNAMODB": "calm"}
BY_ALL = ("REDIS", "DYNAMODB")
SHARING = {"PRIVATE": "private", "MACHINE": "per machine", "DYNAMODB": "by all"}
"""Ways that cost the same are drawn once."""
LIVES = {300: "5 min", 3600: "1 h", 86400: "24 h"}


def money(amount: float) -> str:
    """As on a bill, but without cents that mean nothing."""
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def _row(data: Data, way: str, life: int) -> Data:
    rows: list[Data] = data["rows"]
    (found,) = [row for row in rows if (row["way"], row["life"]) == (way, life)]
    return found


def _by_life(data: Data, texts: dict[str, str], *, ways: tuple[str, ...] = tuple(WAYS)) -> str:
    """A line for each figure and way, a column for each life."""
    lines = []
    for name, text in texts.items():
        for way in ways:
            values = [_row(data, way, life)[name] for life in LIVES]
            label = f"{text}, {WAYS[way]}" if len(ways) > 1 else text
            lines.append([label, *(f"{value:,}" if name != "longest" else f"{value:.1f} s" for value in values)])
    return table(["tokens of", *LIVES.values()], lines, numbers=True)


def sentence(data: Data) -> str:
    """What this is about, reckoned and simulated."""
    first = data["first_sentence"]
    private, shared = first["PRIVATE"], first["DYNAMODB"]
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
            text,
            *(
                f"{money(row['dollars_a_month'])} ({row['minted']:,})"
                for row in (_row(data, way, life) for way in WAYS)
            ),
        ]
        for life, text in LIVES.items()
    ]
    return table(["tokens of", *WAYS.values()], lines, numbers=True)


def cold(data: Data) -> str:
    """All processes start at once, with empty stores."""
    names = {
        "peak": "most token requests in a second",
        "throttled": "requests answered 429",
        "minted": "tokens",
        "failed": "calls failed",
        "longest": "longest wait of a call, seconds",
    }
    lines = [[text, *(f"{data['cold'][way][name]:,}" for way in WAYS)] for name, text in names.items()]
    return table([f"{data['processes']:,} processes start at once", *WAYS.values()], lines, numbers=True)


def crowds(data: Data) -> str:
    """What the limits of the stores do to a crowd that has no token."""
    lines = []
    for crowd in data["crowds"].values():
        cells = []
        for way in BY_ALL:
            run = crowd[way]
            cells += [f"{run['minted']:,}", f"{run['failed']:,}", f"{run['longest']:.1f} s", f"{run['store_peak']:,}"]
        lines.append([crowd["title"], *cells])
    said = ("tokens", "failed", "slowest", "most in a second")
    return table(["", *(f"{WAYS[way]}: {one}" for way in BY_ALL for one in said)], lines, numbers=True)


def at_once(data: Data) -> str:
    """The deploy of all processes at once on the bad day."""
    names = {"at_once_peak": "most token requests in a second", "at_once_failed": "calls failed"}
    return _by_life(data, names)


def down(data: Data) -> str:
    """Cognito's outages."""
    budgets = [data["budgets"][str(life)] for life in LIVES]
    outlived = [f"{int(seconds // 60)} min {seconds % 60:.0f} s" for seconds in budgets]
    head = table(["tokens of", *LIVES.values()], [["outage that every token outlasts", *outlived]], numbers=True)
    names = {"outlasted": "calls failed in longer ones", "failed": "calls failed otherwise, all day"}
    return head + "".join(_by_life(data, names).splitlines(keepends=True)[2:])


def store_down(data: Data) -> str:
    """The hour without a store."""
    names = {
        "store_down_peak": "most token requests in a second",
        "store_down_failed": "calls failed",
        "bad_minted": "tokens, all day",
    }
    return _by_life(data, names, ways=BY_ALL)


def store(data: Data) -> str:
    """What the store has to do."""
    names = {"store_day": "operations on a calm day", "store_peak": "most in a second, on the bad day"}
    return _by_life(data, names, ways=BY_ALL)


def store_price(data: Data) -> str:
    """What a DynamoDB table asks for that; each operation counted as a consistent read, and the writes beside it."""
    amounts = []
    for life in LIVES:
        row = _row(data, "DYNAMODB", life)
        amounts.append(money(DAYS * table_dollars(row["store_day"], row["minted"])))
    return table(["tokens of", *LIVES.values()], [["DynamoDB on demand, a month", *amounts]], numbers=True) + (
        f"\nAt most, in US East, at the [prices]({TABLE_SOURCE}) since November 2024.\n"
    )


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
    "crowds": crowds,
    "at once": at_once,
    "down": down,
    "store down": store_down,
    "store": store,
    "store price": store_price,
    "made": made,
}


def current(page: str, data: Data) -> str:
    """The page with its generated parts as they should be."""
    return filled(page, {f"costs.py: {name}": part(data) for name, part in PARTS.items()})


def picture(data: Data) -> str:
    """The bad day for each way of sharing, and the dollars of a month."""
    day, pictured = data["day"], data["pictured"]
    panels = [
        peaks(
            f"{name[0].upper()}{name[1:]}: token requests a second, most in every {pictured['bin'] // 60} minutes",
            COLOURS[way],
            [float(value) for value in pictured["bins"][way].split()],
            data["quota"],
            "the account's quota",
        )
        for way, name in WAYS.items()
    ]
    dollars: list[str] = []
    for n, (life, said) in enumerate(LIVES.items()):
        amounts = {way: _row(data, way, life)["dollars_a_month"] for way in SHARING}
        rows = [(SHARING[way], COLOURS[way], log10(max(1, one)) / 6, money(one)) for way, one in amounts.items()]
        dollars += [drawing.text(14, 61 * n + 12, said, "head"), *lengths(rows, 150, 61 * n, WIDE - 280)]
    return chart(
        f"A bad day of {data['processes']:,} processes, tokens of {LIVES[pictured['life']]}",
        "Simulated with the library's own decisions. Without bars: no token request.",
        day["seconds"],
        [*panels, Panel("Dollars a month, by the life of the tokens (logarithmic)", 183, dollars, timed=False)],
        {
            "deploy (15:00: all at once)": ("quiet", day["deploys"]),
            "Cognito is down": ("bad", day["outages"]),
            "the store is down": ("fault", day["store_outages"]),
        },
    )


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="The tables and the picture of docs/costs.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when they are not current")
    data = json.loads(TABLE.read_text(encoding="utf-8"))
    files = {PAGE: current(PAGE.read_text(encoding="utf-8"), data), PICTURE: picture(data)}
    return keep(files, check=parser.parse_args(arguments).check, command="scripts/costs.py")


if __name__ == "__main__":
    sys.exit(main())
