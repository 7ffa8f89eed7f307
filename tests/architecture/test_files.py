"""What holds for every file of the project."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In pieces, so that this file does not hold what it looks for.
HOSTS = [".".join(host) for host in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("debian", "org"))]
OPTIONS = ["-".join(option) for option in (("index", "url"), ("find", "links"), ("trusted", "host"))]
PLACES = [f"/{place}/" for place in ("work", "root", "home")]
EXCEPTION = re.compile(r"# (?:type: ignore|pyright: ignore|ty: ignore|pyrefly: ignore|noqa)\b(?P<rest>.*)")
REASONED = re.compile(r"(\[[\w, -]+\]|: [A-Z]+\d+(, [A-Z]+\d+)*)  # \S.{5,}")


def committed() -> list[Path]:
    """Every file that is committed, or would be by `git add --all`."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in sorted(names.split("\0")) if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """Path and content of every committed text file."""
    found: list[tuple[str, str]] = []
    for path in committed():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def holding(words: list[str]) -> list[str]:
    """Each committed line that holds one of the words."""
    return [
        f"{path}:{number}: {word}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for word in words
        if word in line
    ]


@pytest.fixture(scope="module", autouse=True)
def _checkout() -> None:
    if not committed():
        pytest.skip("not a git checkout: nothing says which files belong to the project")


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the business of the machine that installs them."""
    assert holding(HOSTS + OPTIONS) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """Paths are relative to the checkout."""
    assert holding(PLACES) == []


def test_there_is_one_kind_of_lock_file() -> None:
    """requirements/*.txt pin everything; a second list would drift."""
    assert {path.name for path in committed()} & {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"} == set()


def test_start_and_dev_requirements_agree() -> None:
    """What start-up is measured with is what the tests ran with."""
    pins = {
        name: set(
            re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE)
        )
        for name in ("start.txt", "dev.txt")
    }
    assert pins["start.txt"] <= pins["dev.txt"]


def test_nothing_is_left_out_of_coverage_by_a_comment() -> None:
    """What cannot run is named once, in pyproject.toml."""
    assert holding(["pragma: no" + " cover", "pragma: no" + " branch"]) == []


def test_every_exception_from_a_checker_has_its_code_and_reason_beside_it() -> None:
    """The code in brackets or after the colon says which rule, a second comment why it does not hold here."""
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        if path.endswith(".py")
        for number, line in enumerate(text.splitlines(), 1)
        for found in [EXCEPTION.search(line)]
        if found and not REASONED.fullmatch(found["rest"])
    ]
    assert bare == []


@pytest.mark.parametrize("line", ["noqa", "noqa: S101", "type: ignore[arg-type]", "type: ignore  # why it is so"])
def test_the_check_sees_an_exception_without_a_reason(line: str) -> None:
    """Each of these says too little."""
    found = EXCEPTION.search(f"# {line}")
    assert found
    assert not REASONED.fullmatch(found["rest"])
