"""docs/reference/scenarios.json has the form that its schema says, says it once, and the page beside it is current."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.support.json_schema import mistakes

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
TABLE: dict[str, Any] = json.loads((REFERENCE / "scenarios.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((REFERENCE / "scenarios.schema.json").read_text(encoding="utf-8"))
SCENARIOS: list[dict[str, Any]] = TABLE["scenarios"]


def test_the_table_has_the_form_of_its_schema() -> None:
    """A reader in another language may rely on it."""
    assert list(mistakes(TABLE, SCHEMA, SCHEMA)) == []


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
    "AWS's 24th scenario": (["scenarios", 0, "aws"], [24]),
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
    assert list(mistakes(table, SCHEMA, SCHEMA))


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


def test_each_of_aws_own_scenarios_has_its_counterpart() -> None:
    """All 23, each once: where we do something else, the scenario says what they do."""
    numbers = [number for scenario in SCENARIOS for number in scenario.get("aws", [])]
    assert sorted(numbers) == list(range(1, 24))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "scenarios.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_is_current() -> None:
    """Its lists are made from the table: scripts/scenarios.py writes them."""
    run = _run("--check")
    assert run.returncode == 0, run.stdout + run.stderr
