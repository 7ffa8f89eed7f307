"""`s2sauth cost`: how many tokens a fleet buys in a month, and what they cost."""

from __future__ import annotations

import argparse
from math import ceil
from typing import TYPE_CHECKING

from .._core.policy import LONGEST_LIFE, SHORTEST_LIFE, RenewalPolicy
from ._exits import FINE
from ._price import DATED, DAYS, DOLLARS, QUOTA, SOURCE, TABLE_READ, TABLE_SOURCE, TABLE_WRITE, dollars, table_dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._console import Console

HELP = "Reckon how many tokens a fleet buys in a month, what they cost, and whether it stays within the quota."

STORES = ("none", "sqlite", "redis", "dynamodb")
POLICY = RenewalPolicy()
OPEN_REGISTRATION = (
    "if the user pool allows open client registration for client_credentials (OpenDcrGrantTypes),"
    " anyone can request tokens, and you pay for them"
)
"""botocore 1.44.5, DcrConfigurationType (November 2026): AWS's own warning. Open registration is off by default, and
allows the code grant alone by default."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--processes", type=_count, required=True, help="how many run at a time")
    parser.add_argument("--lifetime", type=_life, default=3600.0, metavar="SECONDS", help="of a token, 3600 by default")
    parser.add_argument("--store", choices=STORES, default="none", help="what processes share tokens through")
    parser.add_argument(
        "--per-machine", type=_count, default=20, help="processes on a machine, for sqlite; 20 by default"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Reckon and show."""
    buyers, sharing = shared(arguments.processes, arguments.store, arguments.per_machine)
    tokens = tokens_a_month(buyers, sharing, arguments.lifetime)
    # Each process looks once for each token that it uses, whoever renewed it.
    table = table_dollars(tokens * sharing, tokens) if arguments.store == "dynamodb" else None
    console.document(
        {
            "command": "cost",
            "processes": arguments.processes,
            "lifetime": arguments.lifetime,
            "store": arguments.store,
            "tokens_a_month": round(tokens),
            "dollars_a_month": round(dollars(tokens), 2),
            "requests_if_all_start_at_once": buyers,
            "dollars_a_token": DOLLARS,
            "quota_a_second": QUOTA,
            "dated": DATED,
            "source": SOURCE,
            "table_dollars_a_month": None if table is None else round(table, 2),
            "not_included": [*_not_included(arguments.store)],
            "warning": OPEN_REGISTRATION,
        }
    )
    console.line(f"{console.paint('tokens a month', 'bold')}          {tokens:,.0f}")
    console.line(f"{console.paint('dollars a month', 'bold')}         {dollars(tokens):,.2f}")
    over = f"more than the quota of {QUOTA} a second: some wait" if buyers > QUOTA else f"quota: {QUOTA} a second"
    console.line(f"{console.paint('token requests at once', 'bold')}  {buyers:,} if all start together ({over})")
    if table is not None:
        console.line(f"{console.paint('table, dollars a month', 'bold')}  {table:,.2f} at most, beside the tokens")
    console.line(f"${DOLLARS} for a token, as of {DATED}, {SOURCE}.")
    if table is not None:
        prices = f"${TABLE_READ * 1e6:.3f} for a million reads and ${TABLE_WRITE * 1e6:.3f} for a million writes"
        console.line(f"{prices}, on demand, US East, since November 2024, {TABLE_SOURCE}.")
    console.line("Busy processes that run all month; each start of one without a store adds a token.")
    console.line(f"Not included: {'; '.join(_not_included(arguments.store))}.")
    console.line(f"Warning: {OPEN_REGISTRATION}.")
    return FINE


def _not_included(store: str) -> Iterator[str]:
    yield "data transfer, for example through a NAT gateway"
    yield "a fee for the app client, if AWS charges one: its pages disagree"
    if store == "redis":
        yield "the Redis or Valkey server"


def shared(processes: int, store: str, per_machine: int) -> tuple[int, float]:
    """How many tokens are held at a time, and by how many processes each."""
    buyers = {"none": processes, "sqlite": ceil(processes / per_machine)}.get(store, 1)
    return buyers, processes / buyers


def tokens_a_month(buyers: int, sharing: float, lifetime: float) -> float:
    """Each token is replaced at the earliest of the renewal points that those who share it draw at random.

    The least of n draws from [0, 1) is 1/(n + 1) on average. A test holds this against benchmarks/simulate.py.
    """
    return buyers * DAYS * 86400 / POLICY.renew_after(lifetime, 1 / (sharing + 1))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError("use a whole number, 1 or more")
    return int(text)


def _life(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST_LIFE <= seconds <= LONGEST_LIFE:
        raise argparse.ArgumentTypeError("use seconds, 300 to 86400, which is what Cognito issues")
    return seconds
