"""docs/renew-at.md says what benchmarks/renew_at.py prints."""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "renew-at.md").read_text(encoding="utf-8")
sys.path.append(str(ROOT / "benchmarks"))

renew_at: Any = import_module("renew_at")


def test_the_table_is_the_simulated_one() -> None:
    """Every cell, simulated again: over a second."""
    table = renew_at.markdown(renew_at.table(more=False))

    assert renew_at.written(PAGE, table) == PAGE
    assert table in PAGE


def test_nobody_notices_an_outage_of_the_length_that_it_promises() -> None:
    """For tokens of an hour; in one of twice that length somebody does."""
    for fraction in renew_at.FRACTIONS:
        assert renew_at.failed(renew_at.policy(fraction), 3600) == 0

    assert renew_at.failed(renew_at.policy(0.75), 3600, times=2.0) > 0


def test_what_the_text_says_of_it() -> None:
    """A third more tokens at 0.5, an eighth less at 0.9."""
    usual, early, late = (renew_at.tokens(renew_at.policy(fraction), 3600) for fraction in (0.75, 0.5, 0.9))

    assert 1.28 < early / usual < 1.38
    assert 0.86 < late / usual < 0.89
    budgets = [renew_at.budget(renew_at.policy(fraction), 3600) for fraction in (0.75, 0.5, 0.9)]
    assert 2.0 <= budgets[1] / budgets[0] < 2.05
    assert budgets[2] / budgets[0] < 0.45
    assert re.search("a third more tokens and doubles the outage; going to 0.9 saves an eighth", PAGE)
