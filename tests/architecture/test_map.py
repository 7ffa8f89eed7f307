"""The map in CONTRIBUTING.md leads somewhere, and every folder of tests and every part of the source is on it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_, _, REST = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## The map\n")
MAP, _, _ = REST.partition("\n## ")
PATHS = re.findall(r"`((?:src|tests)/[^`]+)`", MAP)
NOT_ROOMS = {"__init__.py", "__main__.py", "_version.py", "_closing.py", "py.typed"}
"""Parts of the source that hold nothing to be looked for."""


def test_every_path_on_the_map_exists() -> None:
    """A file that is renamed takes the map along."""
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


def test_there_are_twelve_rooms() -> None:
    """As many as a reader can keep in mind."""
    first, *_ = re.findall(r"(?:^\|.*\n)+", MAP, re.MULTILINE)
    assert len(first.splitlines()) - 2 == 12


def test_every_folder_of_tests_is_on_the_map() -> None:
    """And every test file beside them."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").iterdir() if _counts(path)}
    assert found - set(PATHS) == set()


def test_every_part_of_the_source_is_on_the_map() -> None:
    """Each module and package of the first floor."""
    package = ROOT / "src" / "s2sauth"
    found = {
        path.relative_to(ROOT).as_posix()
        for path in package.iterdir()
        if path.name not in NOT_ROOMS and path.name != "__pycache__"
    }
    assert found - set(PATHS) == set()


def _counts(path: Path) -> bool:
    return path.name.startswith("test_") or (path.is_dir() and any(path.glob("*.py")))
