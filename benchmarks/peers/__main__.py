"""Run all rows, print the table, and write the JSON: `python -m benchmarks.peers`."""

import argparse
import datetime as dt
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from . import page
from .adapters import NAMES, SHOWN
from .rows import ROWS, TIMED, Cell, cells, interleaved
from .stage import ROOT


def _version(name: str) -> str:
    package = import_module(f"benchmarks.peers.adapters.{name}").PACKAGE
    return f"{package} {importlib.metadata.version(package)}"


def _rows(peers: list[str], texts: list[str], *, ci: bool) -> Iterator[tuple[str, dict[str, Cell]]]:
    """The cells of each row, or of those whose name has one of the texts."""
    began = time.monotonic()
    for names in [*((name,) for name in TIMED), *ROWS]:
        if texts and not any(text in name for text in texts for name in names):
            continue
        print(f"... {time.monotonic() - began:3.0f} s  {'; '.join(names)}", file=sys.stderr, flush=True)
        if names in ROWS:
            found = {peer: cells(names, peer, ci=ci) for peer in peers}
            for n, name in enumerate(names):
                yield name, {peer: found[peer][n] for peer in peers}
        else:
            yield names[0], interleaved(TIMED[names[0]], peers, ci=ci)


def _command(name: str, *, ci: bool) -> Any:
    """The table of another command, which says on stderr what it does."""
    print(f"... benchmarks/{name}.py", file=sys.stderr, flush=True)
    command = [sys.executable, f"benchmarks/{name}.py", "--json", *(["--ci"] if ci else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode > 1:  # 1: a figure fell short, and is shown
        raise subprocess.CalledProcessError(done.returncode, command)
    return json.loads(done.stdout)


def main(argv: list[str] | None = None) -> int:
    """0; 1 when a cell of s2sauth is red."""
    parser = argparse.ArgumentParser(description="s2sauth beside what a user would pick instead")
    parser.add_argument("--ci", action="store_true", help="a run of seconds, that only shows that it works")
    parser.add_argument("--peer", action="append", choices=NAMES, help="only these; may be given again")
    parser.add_argument("--row", action="append", default=[], help="only rows whose name has this text")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--docs", action="store_true", help="write docs/how-it-compares.md, its JSON and its pictures")
    options = parser.parse_args(argv)
    if options.docs and (options.peer or options.row):
        parser.error("--docs: the page has every peer and every row")
    few = options.ci and not options.docs
    peers = options.peer or list(NAMES[:2] if few else NAMES)
    rows: list[dict[str, Any]] = [
        {"what": what, "cells": {SHOWN[name]: asdict(cell) for name, cell in found.items()}}
        for what, found in _rows(peers, options.row, ci=options.ci)
    ]
    data = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "short": options.ci,
        "versions": {SHOWN[name]: _version(name) for name in peers},
        "rows": rows,
    }
    if options.docs:
        hot, cold, scale = (_command(name, ci=options.ci) for name in ("hot_path", "cold_start", "scale"))
        notes = [f"{hot['notes'][-1]} {cold['notes'][-1]}"]
        data |= {"where": {"rows": hot["rows"] + cold["rows"], "notes": notes}, "scale": scale}
    print(page.text(data))
    if options.json:
        options.json.write_text(page.dump(data), encoding="utf-8")
    if options.docs:
        page.write(data)
    return any(one["cells"].get("s2sauth", {}).get("red") for one in rows)


if __name__ == "__main__":
    sys.exit(main())
