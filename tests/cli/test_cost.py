"""`s2sauth cost`."""

import json
from math import floor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

SIMULATED: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/reference/costs.json").read_text("utf-8")
)
DAYS = 365 / 12
"""Of a month."""
STORES = {"PRIVATE": "none", "MACHINE": "sqlite", "REDIS": "redis", "DYNAMODB": "dynamodb"}


@pytest.mark.parametrize("row", SIMULATED["rows"], ids=lambda row: f"{row['way']} {row['life']}")
def test_formula_and_simulation_agree(row: dict[str, Any], run: Run) -> None:
    """A calm day of 10,000 processes: within 3 %, and for lives of a day within the token that each begins with."""
    fleet = ("--processes", str(SIMULATED["processes"]), "--per-machine", str(SIMULATED["on_machine"]))
    reckoned = run("cost", "--json", *fleet, "--store", STORES[row["way"]], "--lifetime", str(row["life"])).json
    buyers, a_day = reckoned["requests_if_all_start_at_once"], reckoned["tokens_a_month"] / DAYS
    if row["life"] < 86400:
        assert a_day == pytest.approx(row["minted"], rel=0.03)
    else:
        assert buyers * floor(a_day / buyers) <= row["minted"] <= a_day + buyers


def test_the_first_sentence_of_the_costs_page(run: Run) -> None:
    """500 busy processes, private and shared: what the simulation reckoned."""
    first = SIMULATED["first_sentence"]
    private = run("cost", "--processes", "500", "--json").json
    assert private["dollars_a_month"] == first["PRIVATE"]["reckoned"]
    assert private["tokens_a_month"] * private["dollars_a_token"] == pytest.approx(private["dollars_a_month"], abs=0.01)
    for store in ("redis", "dynamodb"):
        shared = run("cost", "--processes", "500", "--store", store, "--json").json
        assert shared["dollars_a_month"] == pytest.approx(first["DYNAMODB"]["reckoned"], abs=0.01)


def test_the_table_has_a_price_of_its_own(run: Run) -> None:
    """Each process looks once for each token; the writes are a few cents more. In dollars, on demand."""
    fleet = ("--processes", "10000", "--store", "dynamodb")
    reckoned = run("cost", "--json", *fleet).json
    looks = reckoned["tokens_a_month"] * 10_000
    assert reckoned["table_dollars_a_month"] == pytest.approx(looks * 0.125e-6, abs=0.01)
    out = run("cost", *fleet).out
    assert "table, dollars a month  1.22 at most, beside the tokens" in out
    assert "$0.125 for a million reads and $0.625 for a million writes" in out
    assert "https://aws.amazon.com/dynamodb/pricing/on-demand/" in out


@pytest.mark.parametrize("store", ["none", "sqlite", "redis"])
def test_the_others_have_no_price_of_this_kind(store: str, run: Run) -> None:
    """A file costs nothing; a server of Redis is paid by the hour, which is said."""
    arguments = ("cost", "--processes", "500", "--store", store)
    reckoned = run(*arguments, "--json").json
    assert reckoned["table_dollars_a_month"] is None
    assert ("the Redis or Valkey server" in reckoned["not_included"]) is (store == "redis")
    assert "table" not in run(*arguments).out


def test_what_is_not_included_is_said(run: Run) -> None:
    """And that others may buy tokens, too: both are on the page."""
    reckoned = run("cost", "--processes", "500", "--store", "redis", "--json").json
    out = run("cost", "--processes", "500", "--store", "redis").out
    assert f"Not included: {'; '.join(reckoned['not_included'])}." in out
    assert f"Warning: {reckoned['warning']}." in out
    page = (Path(__file__).resolve().parents[2] / "docs/costs.md").read_text("utf-8")
    for what in ("Data transfer", "fee for the app client", "Redis or Valkey server", "OpenDcrGrantTypes"):
        assert what in page
        assert what.lower() in out.lower()


def test_quota(run: Run) -> None:
    """More than the quota at once is said."""
    out = run("cost", "--processes", "151").out
    assert "151 if all start together (more than the quota of 150 a second" in out
    out = run("cost", "--processes", "3000", "--store", "sqlite", "--lifetime", "300").out
    assert "150 if all start together (quota: 150 a second)" in out
    assert "September 2026, https://aws.amazon.com/cognito/pricing/" in out


@pytest.mark.parametrize(
    "argv",
    [
        ["--processes", "0"],
        ["--processes", "x"],
        ["--processes", "5", "--lifetime", "an hour"],
        ["--processes", "5", "--lifetime", "299"],
        ["--processes", "5", "--lifetime", "nan"],
        ["--processes", "5", "--store", "file"],
        [],
    ],
)
def test_wrong_arguments(argv: list[str], run: Run) -> None:
    """argparse says which."""
    ran = run("cost", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert "s2sauth cost: error: " in ran.err
