"""Four type checkers agree on the public face: what is right passes, and what is wrong is found.

They see it as a user's project does: the installed package, none of this project's settings.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = ("api.py", "misuse.py")
CHECKERS = {
    "mypy": ["--strict", "--no-pretty", "--python-executable", sys.executable, *FILES],
    "pyright": ["--pythonpath", sys.executable, "--project", "."],
    "ty": ["check", "--output-format", "concise", "--python", sys.executable, *FILES],
    "pyrefly": [
        *("check", "--preset", "default", "--output-format", "min-text"),
        *("--python-interpreter-path", sys.executable, *FILES),
    ],
}
IS_TYS = "error[invalid-argument-type]"
"""How ty alone writes an error."""


@pytest.fixture(scope="module", params=CHECKERS)
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one checker says to a folder with the two files; takes as long as it starts, some seconds."""
    project = tmp_path_factory.mktemp("project")
    for name in FILES:
        shutil.copy(HERE / name, project)
    # strict can be said to pyright in a file only
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).parent / request.param, *CHECKERS[request.param]],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )
    return done.stdout + done.stderr


def test_right_use_passes(output: str) -> None:
    """Every public call, attribute and error is typed as documented."""
    assert "api.py:" not in output, output


@pytest.mark.fault(176)
def test_each_mistake_is_found(output: str) -> None:
    """Exactly the lines marked `wrong` are errors; ty 0.0.x does not look for unknown keys of an unpacked TypedDict."""
    lines = (HERE / "misuse.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
    found = {int(number) for number in re.findall(r"misuse\.py:(\d+)", output)}
    if IS_TYS in output:
        wrong -= {number for number, line in enumerate(lines, 1) if "not seen by ty" in line}
    assert found == wrong, output
