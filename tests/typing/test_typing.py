"""Four type checkers agree on the public face: what is right passes, and what is wrong is found.

They see it as a user's project does: the installed package, none of this project's settings.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-pretty", "--python-executable", sys.executable],
    "pyright": ["pyright", "--pythonpath", sys.executable, "--project", "."],
    "ty": ["ty", "check", "--output-format", "concise", "--python", sys.executable],
    "pyrefly": [
        "pyrefly",
        "check",
        "--preset",
        "default",
        "--output-format",
        "min-text",
        "--python-interpreter-path",
        sys.executable,
    ],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the two files to check."""
    for name in ("api.py", "misuse.py"):
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def check(checker: str, name: str, project: Path) -> tuple[int, str]:
    """Exit status and output of one checker on one file."""
    command, *arguments = CHECKERS[checker]
    if checker == "pyright":  # strict can be said in a file only
        settings = f'{{"typeCheckingMode": "strict", "include": ["{name}"]}}'
        (project / "pyrightconfig.json").write_text(settings, encoding="utf-8")
    else:
        arguments.append(name)
    done = subprocess.run([BIN / command, *arguments], cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_use_passes(checker: str, project: Path) -> None:
    """Every public call, attribute and error is typed as documented. Takes as long as the checker starts: seconds."""
    status, output = check(checker, "api.py", project)
    assert status == 0, output


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_mistake_is_found(checker: str, project: Path) -> None:
    """Exactly the lines marked `wrong` are errors. Takes as long as the checker starts: seconds."""
    lines = (project / "misuse.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
    _, output = check(checker, "misuse.py", project)
    assert {int(number) for number in re.findall(r"misuse\.py:(\d+)", output)} == wrong, output
