"""docs/compatibility.md says what pyproject.toml allows and what the requirement files pin."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def asked() -> dict[str, tuple[str, set[str]]]:
    """Each dependency's bounds, and the extras that have it."""
    found: dict[str, tuple[str, set[str]]] = {}
    everywhere = [(name, "") for name in PROJECT["dependencies"]]
    optional = [(name, extra) for extra, names in PROJECT["optional-dependencies"].items() for name in names]
    for requirement, extra in everywhere + optional:
        name, bounds = re.fullmatch(r"([\w-]+)(\S+)", requirement).groups()  # type: ignore[union-attr]  # all have bounds
        known, extras = found.setdefault(name, (bounds, set()))
        assert known == bounds, f"{name} has two bounds"
        if extra:
            extras.add(extra)
    return found


def lines() -> dict[str, list[str]]:
    """The cells of each line of the first table."""
    table = PAGE.split("|---|---|---|---|\n")[1].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {first.split(" ")[0]: [first, *others] for first, *others in cells}


def pinned(name: str, file: str) -> str:
    """Its version in this requirement file."""
    found = re.search(rf"^{name}==([\d.]+)", (ROOT / "requirements" / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


ASKED, LINES = asked(), lines()


def test_every_dependency_has_a_line() -> None:
    """And no other."""
    assert set(LINES) == set(ASKED)


@pytest.mark.parametrize("name", ASKED)
def test_bounds_and_extras_are_those_of_the_project(name: str) -> None:
    """The bounds to the letter."""
    bounds, extras = ASKED[name]
    assert LINES[name][1] == f"`{bounds}`"
    assert set(re.findall(r"\[(\w+)\]", LINES[name][0])) == extras


@pytest.mark.parametrize("name", ["httpx", "httpx2", "pydantic", "cachetools"])
def test_the_lowest_tested_is_the_lowest_allowed(name: str) -> None:
    """As pinned for the tests of the lowest versions."""
    lowest = LINES[name][2]
    assert lowest == pinned(name, "both-lowest.txt")
    assert lowest.startswith(re.findall(r">=([\d.]+)", ASKED[name][0])[0])


def test_the_newest_tested_are_those_of_the_suite() -> None:
    """Of the HTTP libraries."""
    assert LINES["httpx"][3] == pinned("httpx", "dev.txt")
    assert LINES["httpx2"][3] == pinned("httpx2", "dev.txt")


def test_the_pythons_are_those_of_the_project() -> None:
    """By its classifiers and its lower bound."""
    versions = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    *others, last = versions
    assert f"Python {', '.join(others)} and {last}, CPython." in PAGE
    assert PROJECT["requires-python"] == f">={versions[0]}"
