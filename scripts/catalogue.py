"""Writes docs/reference/faults.md: every fault, norm and incident of the catalogue, its outcome, and its tests.

    python scripts/catalogue.py            writes the page
    python scripts/catalogue.py --check    says what is missing, and whether the page is current; writes nothing

The catalogue is tests/faults/catalogue.toml. A test names its entries by a mark: `@pytest.mark.fault(47)`.
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = Path("tests/faults/catalogue.toml")
PAGE = Path("docs/reference/faults.md")

HEAD = """\
# Faults

What goes wrong around a token client, what must come of it, and the test that shows it. Groups A to N are faults; those
of the network are made to happen on real sockets of this machine. Then what the norms demand, and what has happened to
others.

Written by `scripts/catalogue.py` from [catalogue.toml](../../tests/faults/catalogue.toml) and the marks of the tests.
An entry without a test says why; the tests fail when one has neither, and when this page is not current.
"""

Tests = Mapping[str, Sequence[tuple[str, Path]]]
"""By the id of an entry: the names of its tests, each with its file, relative to the checkout."""


@dataclass(frozen=True)
class Entry:
    """A line of the page."""

    id: str
    fault: str
    outcome: str
    source: str = ""
    note: str = ""
    not_here: str = ""


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
    """The catalogue. Raises TypeError for a member that means nothing here."""
    return [_section(name, table) for name, table in tomllib.loads(text).items()]


def _section(name: str, table: Mapping[str, Any]) -> Section:
    entries = tuple(Entry(key, **value) for key, value in table.items() if isinstance(value, dict))
    return Section(name, table["title"], table.get("not_here", ""), entries)


def find(root: Path) -> Tests:
    """The tests that are marked, in the order of their files."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for name, entry in _marked(path.read_text(encoding="utf-8")):
            found.setdefault(entry, []).append((name, path.relative_to(root)))
    return found


def _marked(text: str) -> Iterator[tuple[str, str]]:
    """The name of each marked test of a file, with each entry that its mark names."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    yield from ((node.name, str(ast.literal_eval(each))) for each in mark.args)


def complaints(sections: Sequence[Section], tests: Tests) -> list[str]:
    """What is missing: a line for each entry that has neither a test nor a reason, or both; and for each stray mark."""
    wrong: list[str] = []
    entries = {entry.id: (section, entry) for section in sections for entry in section.entries}
    for name, (section, entry) in entries.items():
        found = tests.get(name, ())
        if not found and not section.reason(entry):
            written = name if name.isdigit() else f'"{name}"'
            wrong.append(f"{name} has no test: mark one with @pytest.mark.fault({written}), or say in not_here why")
        if found and entry.not_here:
            wrong.append(f"{name} has a test, {found[0][0]}, and yet says not_here: make that a note, or drop it")
    stray = tests.keys() - entries.keys()
    return [*wrong, *(f"{tests[name][0][0]} is marked with {name}, which is not there" for name in stray)]


def page(sections: Sequence[Section], tests: Tests) -> str:
    """The page's text."""
    parts = [HEAD]
    for section in sections:
        title = f"{section.id}. {section.title}" if len(section.id) == 1 else section.title
        what = "what it demands" if section.id == "norms" else "fault"
        rows = [["", what, "what must come of it", "tests"], ["---"] * 4]
        rows += [_cells(section, entry, tests.get(entry.id, ())) for entry in section.entries]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        parts.append("\n".join([f"## {title}", "", *lines]) + "\n")
    return "\n".join(parts)


def _cells(section: Section, entry: Entry, tests: Sequence[tuple[str, Path]]) -> list[str]:
    files: dict[Path, list[str]] = {}
    for name, path in tests:
        files.setdefault(path, []).append(f"`{name}`")
    shown = [f"[{file.name}](../../{file.as_posix()}) {', '.join(names)}" for file, names in files.items()]
    if not tests:
        shown.append(f"None: {section.reason(entry) or 'not written yet'}.")
    if entry.note:
        shown.append(entry.note)
    fault = f"{entry.fault} ({entry.source})" if entry.source else entry.fault
    return [entry.id, fault, entry.outcome, "; ".join(shown)]


def check(root: Path = ROOT, *, write: bool = False) -> list[str]:
    """Every complaint about the catalogue of this checkout, its tests and its page, which is written first if asked."""
    sections, tests, file = read((root / CATALOGUE).read_text(encoding="utf-8")), find(root), root / PAGE
    text, wrong = page(sections, tests), complaints(sections, tests)
    if write:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    elif not file.exists() or file.read_text(encoding="utf-8") != text:
        wrong.append(f"{PAGE.as_posix()} is not current: run python scripts/catalogue.py")
    return wrong


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command. 1 if something is missing."""
    parser = argparse.ArgumentParser(description="The page of the fault catalogue.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is missing")
    wrong = check(root, write=not parser.parse_args(argv).check)
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
