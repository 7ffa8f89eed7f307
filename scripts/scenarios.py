#!/usr/bin/env python3
"""Writes the lists of docs/reference/scenarios.md anew from scenarios.json, each between its two markers.

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


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _aws(scenario: Scenario) -> str:
    """Its counterparts in AWS's table, and whether they say the same."""
    sign = "≠" if "differs" in scenario else "="
    numbers = " ".join(f"{sign}{number}" for number in scenario.get("aws", []))
    return numbers or ("≠" if "differs" in scenario else "")


def listed(scenarios: list[Scenario]) -> str:
    """Every scenario, by group."""
    lines: list[str] = []
    for group, members in groupby(scenarios, key=lambda scenario: scenario["group"]):
        lines += [f"### {group}", "", "| scenario | why | AWS |", "|---|---|---|"]
        lines += [f"| {_cell(each['name'])} | {_cell(each['why'])} | {_aws(each)} |" for each in members]
        lines.append("")
    return "\n".join(lines)


def differences(scenarios: list[Scenario]) -> str:
    """Those in which AWS's caches do something else on purpose."""
    lines = ["| scenario | AWS's no. | what AWS's caches do, and why it is not done here |", "|---|---|---|"]
    for each in scenarios:
        if "differs" in each:
            numbers = ", ".join(str(number) for number in each.get("aws", []))
            lines.append(f"| {_cell(each['name'])} | {numbers} | {_cell(each['differs'])} |")
    return "\n".join([*lines, ""])


def counts(scenarios: list[Scenario]) -> str:
    """How many there are."""
    groups = len({scenario["group"] for scenario in scenarios})
    same = sum(len(each.get("aws", [])) for each in scenarios if "differs" not in each)
    other = sum(len(each.get("aws", [])) for each in scenarios if "differs" in each)
    steps = sum(len(scenario["steps"]) for scenario in scenarios)
    text = (
        f"{len(scenarios)} scenarios in {groups} groups, {steps} steps. Of the {same + other} scenarios in AWS's own\n"
        f"table {same} hold here as they stand, and {other} are decided otherwise."
    )
    return f"{text}\n"


PARTS = {"counts": counts, "differences": differences, "list": listed}


def current(page: str, scenarios: list[Scenario]) -> str:
    """The page with its generated parts as they should be."""
    for name, part in PARTS.items():
        begin, end = f"<!-- scenarios.py: {name} -->\n", f"<!-- scenarios.py: end of {name} -->"
        pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise SystemExit(f"{PAGE.name}: the markers of {name} are not there, or not once")
        text = part(scenarios)
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)  # type: ignore[misc]  # mypy has no type for a lambda with a default
    return page


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="The lists of docs/reference/scenarios.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when it is not current")
    check = parser.parse_args(arguments).check
    scenarios = json.loads((REFERENCE / "scenarios.json").read_text(encoding="utf-8"))["scenarios"]
    page = PAGE.read_text(encoding="utf-8")
    text = current(page, scenarios)
    if text != page and check:
        print(f"{PAGE.name} is not current: run scripts/scenarios.py")
        return 1
    if text != page:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
