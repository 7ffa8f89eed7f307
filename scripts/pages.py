"""Pages of which commands write parts, each between two marks: `<!-- NAME -->` and `<!-- NAME: end -->`."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with these texts between their marks."""
    for name, text in parts.items():
        marked = re.compile(f"(<!-- {re.escape(name)} -->\n).*?(<!-- {re.escape(name)}: end -->)", re.DOTALL)
        begins = marked.search(page)
        if begins is None or len(marked.findall(page)) > 1:
            raise SystemExit(f"the marks of {name} are not there, or not once")
        page = f"{page[: begins.start()]}{begins[1]}\n{text}\n{begins[2]}{page[begins.end() :]}"
    return page


def table(head: Sequence[str], lines: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """In Markdown; all columns but the first are numbers if said so."""
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [head, rule, *lines])


def keep(files: Mapping[Path, str], *, check: bool, command: str) -> int:
    """Write the files that differ; with `check` only name them, for `command` to be run. The exit status."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not current: run {command}", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    return int(check and bool(stale))


def main(about: str, files: Callable[[], Mapping[Path, str]], arguments: Sequence[str] | None, command: str) -> int:
    """The command line of one that writes these files, or with --check says which are not current. The exit status."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when one is not current")
    return keep(files(), check=parser.parse_args(arguments).check, command=command)
