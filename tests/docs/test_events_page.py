"""docs/reference/events.md has one line for each event, and says what the code says."""

import ast
import re
import typing
from collections import Counter
from pathlib import Path

import pytest

from s2sauth.events import EventName, Reporter
from s2sauth.testing import ManualClock

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
NAMES: tuple[EventName, ...] = typing.get_args(EventName)


def tables() -> list[list[list[str]]]:
    """The cells of each table, without its head."""
    found = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]] for table in found
    ]


LINES, FIELDS = tables()


def reported() -> dict[str, set[str]]:
    """The fields that the sources give each event somewhere; those of an odd token are named in its findings."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("_report", "_report_once", "report", "Finding"):
                found.setdefault(str(node.args[0].value), set()).update(
                    str(word.arg)
                    for word in node.keywords
                    if word.arg != "advice"  # for the log alone
                )
    return found


def line(name: str) -> list[str]:
    """The cells of one event's line."""
    (found,) = [cells for cells in LINES if cells[0] == f"`{name}`"]
    return found


def test_every_event_has_one_line_and_there_is_no_other() -> None:
    """In the order of the alphabet, as in the code."""
    assert [cells[0] for cells in LINES] == [f"`{name}`" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_line_says_what_the_log_says(name: EventName, caplog: pytest.LogCaptureFixture) -> None:
    """Meaning and level are those of the code, word for word; and there is something to do."""
    _, level, meaning, _, advice = line(name)
    caplog.set_level("DEBUG", logger="s2sauth")
    Reporter(ManualClock(), None)(name, "0123abcd", seconds=3600.0)  # a small step of the clock is no warning
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == (level, f"{name}: {meaning} [key=0123abcd seconds=3600.000]")
    assert advice.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_line_names_the_fields_that_the_event_carries(name: EventName) -> None:
    """Those that some place in the sources gives it, each explained once."""
    carries = set(re.findall(r"`(\w+)`", line(name)[3]))
    assert carries == reported()[name]
    explained = Counter(cells[1].strip("`") for cells in FIELDS if cells[0] == f"`{name}`")
    assert explained == Counter(carries)


def test_every_event_is_reported_somewhere() -> None:
    """A name that nothing reports is a promise that nobody keeps."""
    assert set(reported()) == set(NAMES)
