"""Other versions of Python than the one that runs the tests, each with the wheel and what it needs at run time."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import s2sauth
from parts.install import locked

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "interpreters"
REQUIREMENTS = ROOT / "requirements" / "start.txt"


def interpreter(version: str) -> tuple[str, dict[str, str]]:
    """The Python of this version and the variables it needs; skips the test where the machine has none."""
    package = Path(s2sauth.__file__).resolve().parent
    checkout = package.is_relative_to(ROOT / "src")
    variables = {"PYTHONPATH": str(package.parent)} if checkout else {}
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable, variables
    for found in _candidates(version):
        return _with_the_wheel(found, version, None if checkout else _wheel()), variables
    pytest.skip(f"this machine has no Python {version}")


def _candidates(version: str) -> Iterator[str]:
    places = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}*/bin/python3"), reverse=True)
    for place in (*map(str, places), shutil.which(f"python{version}")):
        if place is None:
            continue
        shown = subprocess.run([place, "-V"], capture_output=True, text=True, check=False)
        if shown.stdout.startswith(f"Python {version}."):
            yield place


def _wheel() -> Path:
    (wheel,) = Path(sys.prefix, "wheel").glob("*.whl")
    return wheel


def _with_the_wheel(base: str, version: str, wheel: Path | None) -> str:
    """An environment made of it, which is kept while requirements and wheel stay the same."""
    environment = FOLDER / version
    python = environment / "bin" / "python"
    stamp = environment / ".made-of"
    made_of = [base, *(hashlib.sha256(each.read_bytes()).hexdigest() for each in (REQUIREMENTS, wheel) if each)]
    with locked(FOLDER / f"{version}.lock"):  # test runs side by side make it once
        before = stamp.read_text(encoding="utf-8").split("\n") if stamp.exists() else []
        if before == made_of:
            return str(python)
        stamp.unlink(missing_ok=True)
        if before[:2] != made_of[:2]:
            _do(base, "-m", "venv", "--clear", str(environment))
            _pip(python, "--require-hashes", "-r", str(REQUIREMENTS))
        if wheel is not None:
            _pip(python, "--no-deps", "--no-index", "--force-reinstall", str(wheel))
        stamp.write_text("\n".join(made_of), encoding="utf-8")
    return str(python)


def _pip(python: Path, *arguments: str) -> None:
    _do(str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", *arguments)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
