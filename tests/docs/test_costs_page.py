"""docs/costs.md shows what the simulation said, with the decisions and the price of today."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

costs: Any = import_module("costs")
price: Any = import_module("_price")
simulate: Any = import_module("simulate")

DATA: dict[str, Any] = json.loads(costs.TABLE.read_text(encoding="utf-8"))
PAGE = costs.PAGE.read_text(encoding="utf-8")
AGAIN = "run benchmarks/simulate.py --docs: the figures of docs/costs.md are of other decisions"


def test_the_page_and_the_picture_are_current() -> None:
    """Both are made from docs/reference/costs.json: scripts/costs.py writes them."""
    assert costs.main(["--check"]) == 0


def test_another_figure_is_another_page() -> None:
    """Every number of the table is on the page: a changed one is seen."""
    changed = json.loads(json.dumps(DATA))
    changed["rows"][0]["dollars_a_month"] += 1000
    assert costs.current(PAGE, changed) != PAGE
    assert costs.picture(changed) != costs.picture(DATA)


def test_the_decisions_are_those_that_were_simulated() -> None:
    """Constants of the library's core and the default policy; who changes one simulates again."""
    assert json.loads(json.dumps(simulate.decisions())) == DATA["decisions"], AGAIN


def test_price_and_quota_are_those_that_were_simulated() -> None:
    """From the one place that has them; the text names both."""
    assert (DATA["dollars_a_token"], DATA["quota"], DATA["dated"]) == (price.DOLLARS, price.QUOTA, price.DATED), AGAIN
    assert f"${price.DOLLARS}" in PAGE
    assert f"{price.QUOTA} token requests a second" in PAGE


def test_the_first_sentence_is_simulated_again() -> None:
    """A day of 500 processes, private and shared: a second or two, and the figures of the page to the last digit."""
    assert simulate.first_sentence() == DATA["first_sentence"], AGAIN


def test_arithmetic_and_simulation_agree() -> None:
    """To a few percent, and with what the page says of it: about $1,000 a month against about $2."""
    first = DATA["first_sentence"]
    for way in ("PRIVATE", "DYNAMODB"):
        assert abs(first[way]["simulated"] / first[way]["reckoned"] - 1) < 0.05
    assert 900 < first["PRIVATE"]["reckoned"] < 1100
    assert 2 < first["DYNAMODB"]["reckoned"] < 2.5
