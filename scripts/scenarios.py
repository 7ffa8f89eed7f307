#!/usr/bin/env python3
"""Writes the lists of docs/reference/scenarios.md from scenarios.json, each between its two markers.

scripts/scenarios.py            write
scripts/scenarios.py --check    write nothing; exit status 1 when the page is not current
"""

import argparse
import json
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
PAGE = REFERENCE / "scenarios.md"

Scenario = dict[str, Any]
Table = dict[str, Any]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _aws(scenario: Scenario) -> str:
    """Its counterparts in AWS's table, and whether they say the same."""
    sign = "≠" if "differs" in scenario else "="
    numbers = " ".join(f"{sign}{number}" for number in scenario.get("aws", []))
    return numbers or ("≠" if "differs" in scenario else "")


def listed(table: Table) -> str:
    """Every scenario, by group."""
    lines: list[str] = []
    for group, members in groupby(table["scenarios"], key=lambda scenario: scenario["group"]):
        lines += [f"### {group}", "", "| scenario | why | AWS |", "|---|---|---|"]
        lines += [f"| {_cell(each['name'])} | {_cell(each['why'])} | {_aws(each)} |" for each in members]
        lines.append("")
    return "\n".join(lines)


def _counterparts(table: Table, number: int) -> list[Scenario]:
    """Our scenarios for this case of AWS's table: first those that hold here as well."""
    found = [each for each in table["scenarios"] if number in each.get("aws", [])]
    return sorted(found, key=lambda each: "differs" in each)


def cases(table: Table) -> str:
    """AWS's table, case by case: our scenarios, and where they differ, why."""
    lines = ["| no. | AWS's case | our scenarios | where we differ, and why |", "|---|---|---|---|"]
    for case in table["aws_cases"]:
        number, text = str(case["no"]), _cell(case["case"])
        for each in _counterparts(table, case["no"]):
            sign = "≠" if "differs" in each else "="
            lines.append(f"| {number} | {text} | {sign} {_cell(each['name'])} | {_cell(each.get('differs', ''))} |")
            number = text = ""
    return "\n".join([*lines, ""])


def others(table: Table) -> str:
    """The differences that no case of AWS's table shows."""
    lines = ["| scenario | where we differ, and why |", "|---|---|"]
    found = [each for each in table["scenarios"] if "differs" in each and "aws" not in each]
    lines += [f"| {_cell(each['name'])} | {_cell(each['differs'])} |" for each in found]
    return "\n".join([*lines, ""])


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


def current(page: str, table: Table) -> str:
    """The page with its generated parts as they should be."""
    for name, part in PARTS.items():
        begin, end = f"<!-- scenarios.py: {name} -->\n", f"<!-- scenarios.py: end of {name} -->"
        pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise SystemExit(f"{PAGE.name}: the markers of {name} are not there, or not once")
        text = part(table)
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)  # type: ignore[misc]  # mypy has no type for a lambda with a default
    return page


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="The lists of docs/reference/scenarios.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when it is not current")
    check = parser.parse_args(arguments).check
    table = json.loads((REFERENCE / "scenarios.json").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    text = current(page, table)
    if text != page and check:
        print(f"{PAGE.name} is not current: run scripts/scenarios.py")
        return 1
    if text != page:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
