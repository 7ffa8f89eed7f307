"""docs/reference/scenarios.json has the form that its schema says, says it once, and the page beside it is current."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
TABLE: dict[str, Any] = json.loads((REFERENCE / "scenarios.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((REFERENCE / "scenarios.schema.json").read_text(encoding="utf-8"))
SCENARIOS: list[dict[str, Any]] = TABLE["scenarios"]


def test_the_table_has_the_form_of_its_schema() -> None:
    """A reader in another language may rely on it."""
    assert list(Draft202012Validator(SCHEMA).iter_errors(TABLE)) == []


BROKEN: dict[str, tuple[list[Any], Any]] = {
    "another version": (["version"], "2.0"),
    "a step that nobody knows": (["scenarios", 0, "steps", 0], {"wait": 3}),
    "two steps in one": (["scenarios", 0, "steps", 0], {"advance": 3, "suspend": 3}),
    "an unknown error": (["scenarios", 0, "steps", 0], {"get": {}, "expect": {"error": "Oops", "token_requests": 0}}),
    "a token and an error": (
        ["scenarios", 0, "steps", 0],
        {"get": {}, "expect": {"token": "T1", "error": "InvalidClient", "token_requests": 0}},
    ),
    "nothing expected": (["scenarios", 0, "steps", 0], {"get": {}}),
    "time that goes back": (["scenarios", 0, "steps", 0], {"advance": -3}),
    "a chance of 1": (["scenarios", 0, "chance"], 1),
    "true for a number": (["scenarios", 0, "given"], {"life": True, "age": 0}),
    "no sentence": (["scenarios", 0, "name"], ""),
    "AWS's 25th case": (["scenarios", 0, "aws"], [25]),
    "a case of AWS's without its number": (["aws_cases", 0], {"case": "cached"}),
    "a scenario without steps": (["scenarios", 0, "steps"], []),
}


@pytest.mark.parametrize(("path", "value"), BROKEN.values(), ids=BROKEN)
def test_the_schema_sees_a_mistake(path: list[Any], value: object) -> None:
    """Each of these is a table with one mistake in it."""
    table: Any = deepcopy(TABLE)
    target = table
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    assert list(Draft202012Validator(SCHEMA).iter_errors(table))


def test_names_are_sentences_that_occur_once() -> None:
    """A failing scenario is found by its name."""
    names = [scenario["name"] for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert [name for name in names if len(name.split()) < 4 or name.endswith(".")] == []


def test_groups_stand_together() -> None:
    """A group is one list on the page."""
    groups = [scenario["group"] for scenario in SCENARIOS]
    changes = [group for before, group in zip([None, *groups], groups, strict=False) if group != before]
    assert len(set(changes)) == len(changes)


AWS_CASES = list(range(1, 25))
"""The places of the 24 cases in AWS's table of August 2026; the table itself is AWS's, and is not kept here."""


def test_each_of_the_24_cases_of_aws_is_listed() -> None:
    """In AWS's order, each once and in words of its own."""
    assert [case["no"] for case in TABLE["aws_cases"]] == AWS_CASES
    assert len({case["case"] for case in TABLE["aws_cases"]}) == len(AWS_CASES)


@pytest.mark.parametrize("number", AWS_CASES)
def test_each_of_the_24_cases_of_aws_has_a_counterpart(number: int) -> None:
    """At least one scenario corresponds to it; where we do something else, the scenario says what they do."""
    assert [scenario["name"] for scenario in SCENARIOS if number in scenario.get("aws", [])]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "scenarios.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_is_current() -> None:
    """Its lists are made from the table: scripts/scenarios.py writes them."""
    run = _run("--check")
    assert run.returncode == 0, run.stdout + run.stderr
