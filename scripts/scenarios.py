#!/usr/bin/env python3
"""Writes the lists of docs/reference/scenarios.md from scenarios.json, each between its two markers.

scripts/scenarios.py            write
scripts/scenarios.py --check    write nothing; exit status 1 when the page is not current
"""

import json
import sys
from itertools import groupby
from typing import Any

import pages
from pages import DOCS, filled, table

PAGE = DOCS / "reference" / "scenarios.md"

Scenario = dict[str, Any]
Table = dict[str, Any]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _aws(scenario: Scenario) -> str:
    """Its counterparts in AWS's table, and whether they say the same."""
    sign = "≠" if "differs" in scenario else "="
    numbers = " ".join(f"{sign}{number}" for number in scenario.get("aws", []))
    return numbers or ("≠" if "differs" in scenario else "")


def listed(found: Table) -> str:
    """Every scenario, by group."""
    parts: list[str] = []
    for group, members in groupby(found["scenarios"], key=lambda scenario: scenario["group"]):
        lines = [[_cell(each["name"]), _cell(each["why"]), _aws(each)] for each in members]
        parts.append(f"### {group}\n\n{table(['scenario', 'why', 'AWS'], lines)}")
    return "\n".join(parts)


def _counterparts(table: Table, number: int) -> list[Scenario]:
    """Our scenarios for this case of AWS's table: first those that hold here as well."""
    found = [each for each in table["scenarios"] if number in each.get("aws", [])]
    return sorted(found, key=lambda each: "differs" in each)


def cases(found: Table) -> str:
    """AWS's table, case by case: our scenarios, and where they differ, why."""
    lines: list[list[str]] = []
    for case in found["aws_cases"]:
        number, text = str(case["no"]), _cell(case["case"])
        for each in _counterparts(found, case["no"]):
            sign = "≠" if "differs" in each else "="
            lines.append([number, text, f"{sign} {_cell(each['name'])}", _cell(each.get("differs", ""))])
            number = text = ""
    return table(["no.", "AWS's case", "our scenarios", "where we differ, and why"], lines)


def others(found: Table) -> str:
    """The differences that no case of AWS's table shows."""
    different = [each for each in found["scenarios"] if "differs" in each and "aws" not in each]
    lines = [[_cell(each["name"]), _cell(each["differs"])] for each in different]
    return table(["scenario", "where we differ, and why"], lines)


def counts(table: Table) -> str:
    """How many there are."""
    scenarios = table["scenarios"]
    groups = len({scenario["group"] for scenario in scenarios})
    steps = sum(len(scenario["steps"]) for scenario in scenarios)
    numbers = [case["no"] for case in table["aws_cases"]]
    signs = [{"differs" in each for each in _counterparts(table, number)} for number in numbers]
    same, limited, other = (signs.count(sign) for sign in ({False}, {False, True}, {True}))
    return (
        f"{len(scenarios)} scenarios in {groups} groups, {steps} steps. AWS's table has {len(numbers)} cases: "
        f"{same} hold here as\nwell, {limited} hold with a limit of ours, and {other} differ on purpose.\n"
    )


PARTS = {"counts": counts, "cases": cases, "others": others, "list": listed}


def current(page: str, found: Table) -> str:
    """The page with its generated parts as they should be."""
    return filled(page, {f"scenarios.py: {name}": part(found) for name, part in PARTS.items()})


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    found = json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    files = {PAGE: current(PAGE.read_text(encoding="utf-8"), found)}
    return pages.main("The lists of docs/reference/scenarios.md.", lambda: files, arguments, "scripts/scenarios.py")


if __name__ == "__main__":
    sys.exit(main())
