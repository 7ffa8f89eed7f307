"""docs/design.md has the numbers of the code, the records and the pages that it takes them from.

Private modules: no public name has the constants that the page explains.
"""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from s2sauth import RenewalPolicy
from s2sauth._core.policy import HOUR, LAMBDA_WAIT, LONGEST_LIFE
from s2sauth._core.retry import PURCHASES
from s2sauth._core.sharing import RESERVED_PART
from s2sauth._fork_guard import FORK_WAIT

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGE = " ".join((DOCS / "design.md").read_text(encoding="utf-8").split())

plants: Any = import_module("tests.explore.plants")


def _peers(row: str) -> list[str]:
    """The cells of a row of the comparison, without their marks; s2sauth's first."""
    page = (DOCS / "how-it-compares.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| \**{re.escape(row)}\** \|(.+)\|$", page, re.MULTILINE)
    return [cell.strip(" *✗") for cell in line.split("|")]


def _seconds(cell: str) -> float:
    return float(cell.split("; ")[1].removesuffix(" s"))


def test_the_constants_are_those_of_the_code() -> None:
    """Waits, shares and limits."""
    policy = RenewalPolicy()
    assert f"waits up to {LAMBDA_WAIT:g} s" in PAGE
    assert f"for {FORK_WAIT:g} s at most" in PAGE
    assert f"the last {RESERVED_PART:.0%} of its time".replace("%", " %") in PAGE
    assert f"and {LONGEST_LIFE / HOUR:g} hours" in PAGE
    assert f"at least {policy.forced_renewal_every / 2:g} s old" in PAGE
    assert f"began at least {policy.forced_renewal_every:g} s ago" in PAGE
    assert f"${0.00225 * 60 * 24 * 30:.0f} a month" in PAGE


def test_the_purchase_budget_is_that_of_the_code() -> None:
    """Row by row."""
    names = ("1 hour and more", "15 minutes", "5 minutes", "2 minutes", "1 minute and less")
    for name, (_, number) in zip(names, PURCHASES, strict=True):
        assert f"| {name} | {number} |" in PAGE


def test_the_counts_are_those_that_were_recorded() -> None:
    """Requests of a crowd, planted races."""
    runs = json.loads((DOCS / "reference" / "callers.json").read_text(encoding="utf-8"))["runs"]
    ours, pasted = (runs[name]["token_requests"] for name in ("s2sauth", "twenty lines by hand"))
    assert f"made {ours} token request; the usual twenty lines made {pasted}" in PAGE
    assert f"[{len(plants.PLANTS)} races]" in PAGE


def test_the_figures_are_those_of_the_comparison() -> None:
    """Which another machine changes."""
    ours, *others = _peers("50 threads, endpoint answers 503")
    slowest = max(others, key=_seconds)
    assert f"cost {ours.split(';')[0]} requests and {_seconds(ours):g} s" in PAGE
    assert f"made {slowest.split(';')[0]} requests and took {_seconds(slowest):g} s" in PAGE
    most = max(int(cell) for cell in _peers("API always says 401: tokens for 20 calls"))
    assert f"20 calls to such an API cost {most}." in PAGE
    clocks = sum(float(_peers(f"the {clock}")[0].split()[0]) for clock in ("wall clock", "clock since boot"))
    whole = _peers("`auth_headers()`, all of it")[0].split()[0]
    assert f"of the {whole} µs of `auth_headers()`, [{clocks:.2f} are the two clocks]" in PAGE
    flight = _peers("the first token: thread, client, TCP, TLS, request")[0].split()[0]
    assert f"[{flight} ms]" in PAGE
