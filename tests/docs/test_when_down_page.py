"""The numbers of docs/when-cognito-is-down.md are those of the policy and of the pauses.

Private modules: the pauses are constants, and by the public face each would take a failure to see.
"""

from pathlib import Path

from s2sauth import RenewalPolicy
from s2sauth._core.policy import SPREAD
from s2sauth._core.retry import OUTAGE, STALE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "when-cognito-is-down.md").read_text(encoding="utf-8")
POLICY = RenewalPolicy()


def minutes(seconds: float) -> str:
    """As `59:50`."""
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def budget(life: float) -> str:
    """From the latest renewal to the end of use, in words."""
    seconds = POLICY.window(life) * SPREAD[0] - POLICY.margin(life)
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def test_the_minutes_are_the_policys() -> None:
    """Of a token of an hour."""
    earliest, latest = POLICY.renew_after(3600, 0.0), POLICY.renew_after(3600, 1.0)
    assert f"| up to {minutes(earliest)} |" in PAGE
    assert f"| {minutes(earliest)} to {minutes(latest)} |" in PAGE
    assert f"| {minutes(POLICY.usable_for(3600))} |" in PAGE
    assert f"{POLICY.attempts} attempts with pauses" in PAGE
    assert f"within {POLICY.deadline:g} s else" in PAGE


def test_the_unnoticed_outages_are_the_policys() -> None:
    """For the shortest, the usual and the longest life."""
    said = f"for at least {budget(3600)}; for tokens of 5 minutes {budget(300)}, of 24 hours {budget(86400)}."
    assert said in " ".join(PAGE.split())


def test_the_pauses_are_the_retrys() -> None:
    """From half of each to all of it."""

    def span(seconds: float) -> str:
        return f"{seconds / 2:g} to {seconds:g} s"

    assert f"{span(STALE.base)}, {span(2 * STALE.base)}, … up to {span(STALE.cap)}" in PAGE
    assert f"{span(OUTAGE.base)}, doubling up to {span(OUTAGE.cap)}" in PAGE
