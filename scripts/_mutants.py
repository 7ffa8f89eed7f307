"""What became of the mutants: a table, and the survivors for which nobody has given a reason. See scripts/mutants."""

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

REQUIRED = 97.0
"""Percent."""
NOTICED = {"killed", "timeout", "segfault"}
"""mutmut's words for a mutant with which the tests failed, did not end, or died."""


def found() -> dict[str, dict[str, int | None]]:
    """By module, the mutants and the exit code of each; below the folder in which mutmut ran."""
    by_module: dict[str, dict[str, int | None]] = {}
    for meta in sorted(Path("mutants/src").rglob("*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        if codes:
            by_module[".".join(meta.relative_to("mutants/src/s2sauth").with_suffix("").with_suffix("").parts)] = codes
    return by_module


def what_it_does(module: str, mutant: str) -> str:
    """`_core.retry: return 2 -> return 3`, whatever the number of the mutant."""
    was: list[str] = []
    now: list[str] = []
    for line in get_diff_for_mutant(mutant).splitlines():
        if not line.startswith(("---", "+++")):
            (was if line.startswith("-") else now if line.startswith("+") else []).append(line[1:].strip())
    return f"{module}: {' '.join(was)} -> {' '.join(now)}"


def main(reasons: str) -> int:
    """Print both; 0 if enough were noticed."""
    listed = {
        mutant: group["reason"]
        for group in tomllib.loads(Path(reasons).read_text(encoding="utf-8"))["survivors"]
        for mutant in group["mutants"]
    }
    survivors: Counter[str] = Counter()
    noticed = total = 0
    print(f"\n{'':28}{'mutants':>8}{'noticed':>9}{'survived':>10}")
    for module, codes in found().items():
        alive = [mutant for mutant, code in codes.items() if status_by_exit_code[code] not in NOTICED]
        survivors.update(what_it_does(module, mutant) for mutant in alive)
        print(f"{module:28}{len(codes):8}{len(codes) - len(alive):9}{len(alive):10}")
        noticed += len(codes) - len(alive)
        total += len(codes)
    percent = 100 * noticed / total
    print(f"{'all':28}{total:8}{noticed:9}{total - noticed:10}   {percent:.1f} %, required {REQUIRED:.0f} %")
    for heading, texts in {
        "Survivors without a reason:": sorted(survivors.keys() - listed.keys()),
        "Listed, but noticed or gone:": sorted(listed.keys() - survivors.keys()),
    }.items():
        if texts:
            print("", heading, *texts, sep="\n")
    return int(percent < REQUIRED)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
