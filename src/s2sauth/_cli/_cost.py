"""`s2sauth cost`: how many tokens a fleet buys in a month, and what they cost."""

from __future__ import annotations

import argparse
from math import ceil
from typing import TYPE_CHECKING

from .._core.policy import LONGEST_LIFE, SHORTEST_LIFE, RenewalPolicy
from ._exits import FINE
from ._price import DATED, DAYS, DOLLARS, QUOTA, SOURCE, dollars

if TYPE_CHECKING:
    from ._console import Console

HELP = "Reckon how many tokens a fleet buys in a month, what they cost, and whether it stays within the quota."

STORES = ("none", "sqlite", "redis", "dynamodb")
POLICY = RenewalPolicy()


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
        }
    )
    console.line(f"{console.paint('tokens a month', 'bold')}          {tokens:,.0f}")
    console.line(f"{console.paint('dollars a month', 'bold')}         {dollars(tokens):,.2f}")
    over = f"more than the quota of {QUOTA} a second: some wait" if buyers > QUOTA else f"quota: {QUOTA} a second"
    console.line(f"{console.paint('token requests at once', 'bold')}  {buyers:,} if all start together ({over})")
    console.line(f"${DOLLARS} for a token, as of {DATED}, {SOURCE}.")
    console.line("Busy processes that run all month; each start of one without a store adds a token.")
    return FINE


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
