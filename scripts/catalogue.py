"""Writes docs/reference/faults.md: every fault, norm and incident of the catalogue, its outcome, and its tests.

    python scripts/catalogue.py            writes the page
    python scripts/catalogue.py --check    says what is missing, and whether the page is current; writes nothing

The catalogue is tests/faults/catalogue.toml, which says how a test is found by its name.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = Path("tests/faults/catalogue.toml")
PAGE = Path("docs/reference/faults.md")
TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)
MEMBERS = {"fault", "outcome", "note", "not_here", "source", "tests"}

HEAD = """\
# Faults

What goes wrong around a token client, what must come of it, and the test that shows it. Groups A to M are faults; those
of the network are made to happen on real sockets of this machine. Then what the norms demand, and what has happened to
others.

Written by `scripts/catalogue.py` from [catalogue.toml](../../tests/faults/catalogue.toml) and the names of the tests.
An entry without a test says why; the tests fail when one has neither, and when this page is not current.
"""

Tests = Mapping[str, Path]
"""The name of each test function and its file, relative to the checkout."""


@dataclass(frozen=True)
class Entry:
    """A line of the page."""

    id: str
    fault: str
    outcome: str
    source: str = ""
    note: str = ""
    not_here: str = ""
    named: tuple[str, ...] = ()
    """Tests that are found by their subject, wherever they are."""

    @property
    def prefix(self) -> str:
        """What the names of its tests begin with."""
        name = self.id.lower().replace("-", "_")
        numbered = re.fullmatch(r"n?\d+|cve_\d+_\d+", name)
        return f"test_{name}_" if numbered else f"test_incident_{name}_"

    def tests(self, tests: Tests) -> list[str]:
        """The names of its tests."""
        numbered = [name for name in tests if name.startswith(self.prefix) and _is_numbered(tests[name])]
        return numbered + [name for name in self.named if name in tests]


@dataclass(frozen=True)
class Section:
    """A group of faults, the norms, or the incidents."""

    id: str
    title: str
    not_here: str
    entries: tuple[Entry, ...]

    def reason(self, entry: Entry) -> str:
        """Why the entry needs no test; empty if it needs one."""
        return entry.not_here or self.not_here


def read(text: str) -> list[Section]:
    """The catalogue. Raises ValueError for a member that means nothing here."""
    return [_section(name, table) for name, table in tomllib.loads(text).items()]


def _section(name: str, table: Mapping[str, object]) -> Section:
    entries: list[Entry] = []
    for key, value in table.items():
        if isinstance(value, dict):
            if unknown := value.keys() - MEMBERS:
                raise ValueError(f"{key}: {', '.join(sorted(unknown))}: no such member")
            members = {name: text for name, text in value.items() if name != "tests"}
            entries.append(Entry(key, **members, named=tuple(value.get("tests", ()))))
    return Section(name, str(table["title"]), str(table.get("not_here", "")), tuple(entries))


def find(root: Path) -> dict[str, Path]:
    """Every test function; of two with one name, that of tests/faults."""
    paths = sorted((root / "tests").rglob("test_*.py"), key=lambda path: (_is_numbered(path.relative_to(root)), path))
    return {name: path.relative_to(root) for path in paths for name in TEST.findall(path.read_text(encoding="utf-8"))}


def _is_numbered(path: Path) -> bool:
    """Whether the names of its tests may begin with the number of an entry."""
    return path.is_relative_to(CATALOGUE.parent)


def complaints(sections: Sequence[Section], tests: Tests) -> list[str]:
    """What is missing: a line for each entry that has neither a test nor a reason, or both; and for each stray test."""
    wrong: list[str] = []
    known: set[str] = set()
    for section in sections:
        for entry in section.entries:
            found = entry.tests(tests)
            known.update(found)
            wrong += [f"{entry.id} names {name}, which is not there" for name in entry.named if name not in tests]
            if not found and not section.reason(entry):
                wrong.append(
                    f"{entry.id} has no test: write one named {entry.prefix}…, list it in tests, or say in not_here why"
                )
            if found and entry.not_here:
                wrong.append(f"{entry.id} has a test, {found[0]}, and yet says not_here: make that a note, or drop it")
    numbered = re.compile(r"test_(?:n?\d+|cve_\d+_\d+|incident)_")
    wrong += [
        f"{name} belongs to no entry of the catalogue"
        for name, path in tests.items()
        if numbered.match(name) and _is_numbered(path) and name not in known
    ]
    return wrong


def page(sections: Sequence[Section], tests: Tests) -> str:
    """The page's text."""
    parts = [HEAD]
    for section in sections:
        title = f"{section.id}. {section.title}" if len(section.id) == 1 else section.title
        columns = ["", "fault", "what must come of it", "tests"]
        if section.id == "norms":
            columns[1] = "what it demands"
        lines = [f"## {title}", "", _row(columns), _row(["---"] * len(columns))]
        lines += [_row(_cells(section, entry, tests)) for entry in section.entries]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cells(section: Section, entry: Entry, tests: Tests) -> list[str]:
    names = entry.tests(tests)
    files: dict[Path, list[str]] = {}
    for name in names:
        files.setdefault(tests[name], []).append(f"`{name}`")
    shown = [f"[{file.name}](../../{file.as_posix()}) {', '.join(found)}" for file, found in files.items()]
    if not names:
        shown.append(f"None: {section.reason(entry) or 'not written yet'}.")
    if entry.note:
        shown.append(entry.note)
    fault = f"{entry.fault} ({entry.source})" if entry.source else entry.fault
    return [entry.id, fault, entry.outcome, "; ".join(shown)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def check(root: Path = ROOT) -> list[str]:
    """Every complaint about the catalogue of this checkout, its tests and its page."""
    sections, tests = read((root / CATALOGUE).read_text(encoding="utf-8")), find(root)
    wrong = complaints(sections, tests)
    written = (root / PAGE).read_text(encoding="utf-8") if (root / PAGE).exists() else ""
    if written != page(sections, tests):
        wrong.append(f"{PAGE.as_posix()} is not current: run python scripts/catalogue.py")
    return wrong


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command. 1 if something is missing."""
    parser = argparse.ArgumentParser(description="The page of the fault catalogue.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is missing")
    if not parser.parse_args(argv).check:
        sections = read((root / CATALOGUE).read_text(encoding="utf-8"))
        (root / PAGE).parent.mkdir(parents=True, exist_ok=True)
        (root / PAGE).write_text(page(sections, find(root)), encoding="utf-8")
    wrong = check(root)
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
