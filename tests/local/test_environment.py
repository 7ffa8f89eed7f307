"""MiniStack's environment, made of small packages in its packages' places, by the real venv and pip without a network.

Private modules: the commands start what is installed, and the small packages cannot be started. The environment of the
real ones is that of tests/cli/test_local.py.
"""

import hashlib
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from s2sauth.local import _environment
from s2sauth.local._environment import CALLER, SERVER, Environment, EnvironmentFailed, cache_folder, interpreter

NAMES = (*SERVER, *CALLER)
UV = f"""#!/bin/sh
# A faster installer that is on the PATH; this one is pip with another command line.
shift 4
python=$1
shift
exec "{sys.executable}" -m pip --python "$python" install --quiet "$@"
"""
NO_INDEX = """#!/bin/sh
echo "error: no index"
exit 2
"""
KILLED = """#!/bin/sh
# The user kills the command; what it had started does not know that yet.
kill -9 $PPID
echo >"$STARTED"
read line <"$GO_ON"
exit 1
"""
FIRST_USE = """
import sys
from s2sauth.local import _environment
from pathlib import Path

_environment.REQUIREMENTS = Path(sys.argv[1])
_environment.interpreter(None, _environment.SERVER, print)
"""


def wheel(folder: Path, name: str) -> str:
    """A package with one empty module; its line in a requirement file."""
    path = folder / f"{name}-1-py3-none-any.whl"
    info = f"{name}-1.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return f"{name}==1 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, in which nothing is yet; pip finds the small packages, and there is no uv."""
    packages = tmp_path / "packages"
    packages.mkdir()
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("".join(wheel(packages, name) for name in NAMES))
    monkeypatch.setattr(_environment, "REQUIREMENTS", pinned)
    monkeypatch.setenv("PATH", f"{tmp_path / 'commands'}:/usr/bin:/bin")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packages))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "s2sauth"


@pytest.fixture
def uv(tmp_path: Path) -> Callable[[str], None]:
    """Puts a command `uv` on the path."""

    def put(script: str = UV) -> None:
        command = tmp_path / "commands" / "uv"
        command.parent.mkdir(exist_ok=True)
        command.write_text(script)
        command.chmod(0o700)

    return put


@pytest.fixture
def said() -> list[str]:
    """What the user is told."""
    return []


def made(said: list[str]) -> Path:
    """The interpreter that a command gets."""
    return interpreter(None, SERVER, said.append)


def found(python: Path) -> bool:
    """Whether it has the packages."""
    return subprocess.run([python, "-c", f"import {', '.join(NAMES)}"], check=False).returncode == 0


def test_first_use_makes_it_and_the_second_one_asks_for_nothing(
    cache: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pip alone, which takes seconds. Then there may be no network, and a folder in which nothing can be made."""
    python = made(said)
    assert found(python)
    assert python.is_relative_to(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert said == [
        f"making an environment for MiniStack in {python.parents[1]}",
        "this takes about a minute, and is done once: after that no network is needed",
    ]
    said.clear()
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setattr(Environment, "make", None)
    assert made(said) == python
    assert said == []


def test_uv_makes_it_where_it_is(cache: Path, said: list[str], uv: Callable[..., None]) -> None:
    """Without pip, which need not even be there: Debian's Python may lack it."""
    uv()
    python = made(said)
    assert found(python)
    assert not list(python.parents[1].glob("lib/*/site-packages/pip"))


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_its_own_folders_are_for_its_user_alone(
    cache: Path, said: list[str], uv: Callable[..., None], umask: int
) -> None:
    """Whatever the umask, or the second run would refuse what the first one has made."""
    uv()
    before = os.umask(umask)
    try:
        python = made(said)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (cache, python.parents[1])] == [0o700, 0o700]
    said.clear()
    assert made(said) == python
    assert said == []


def test_pip_makes_it_if_uv_does_not(cache: Path, said: list[str], uv: Callable[..., None]) -> None:
    """It reads no settings of pip, where alone the index may stand."""
    uv(NO_INDEX)
    assert found(made(said))


def test_half_an_environment_is_made_again(cache: Path, said: list[str], uv: Callable[..., None]) -> None:
    """What is there of it goes."""
    uv()
    folder = Environment(cache).folder
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half a file")
    assert found(made(said))
    (folder / "complete").unlink()
    (folder / "left").touch()
    assert found(made(said))
    assert not (folder / "left").exists()


@pytest.mark.parametrize("part", ["bin/python", "lib/*/site-packages/ministack.py"])
def test_broken_environment_is_made_again(cache: Path, said: list[str], uv: Callable[..., None], part: str) -> None:
    """Its Python was removed, or a package."""
    uv()
    python = made(said)
    (lost,) = python.parents[1].glob(part)
    lost.unlink()
    said.clear()
    assert made(said) == python
    assert found(python)
    assert len(said) == 2


def test_killed_while_making_it(
    cache: Path, said: list[str], uv: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run waits until what was started has ended, then makes it again: the two never write at once."""
    started, go_on, waits = tmp_path / "started", tmp_path / "go_on", threading.Event()
    for pipe in (started, go_on):
        os.mkfifo(pipe)
    monkeypatch.setenv("STARTED", str(started))
    monkeypatch.setenv("GO_ON", str(go_on))
    uv(KILLED)
    command = [sys.executable, "-c", FIRST_USE, str(_environment.REQUIREMENTS)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as killed:
        started.read_text()
    assert killed.returncode == -9
    uv()

    def say(text: str) -> None:
        said.append(text)
        waits.set()

    result: list[Path] = []
    second = threading.Thread(target=lambda: result.append(interpreter(None, SERVER, say)))
    second.start()
    assert waits.wait(60)
    assert said == [f"waiting for another process that makes {Environment(cache).folder}"]
    go_on.write_text("\n")
    second.join()
    assert found(result[0])
    assert len(said) == 3


def test_two_at_once_make_it_once(cache: Path, uv: Callable[..., None]) -> None:
    """The second one takes what the first has made."""
    uv()
    both: list[list[str]] = [[], []]
    threads = [threading.Thread(target=made, args=(said,)) for said in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.startswith("making") for said in both for line in said) == 1


def test_another_python_and_other_pins_have_their_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions of s2sauth go on side by side."""
    folders = {Environment(cache).folder}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "another")
        folders.add(Environment(cache).folder)
    _environment.REQUIREMENTS.write_text("other pins")
    folders.add(Environment(cache).folder)
    assert len(folders) == 3


@pytest.mark.usefixtures("cache")
def test_another_package_than_the_pinned_one_is_not_installed(said: list[str], tmp_path: Path) -> None:
    """Its hash differs. What pip said is told, and what to do."""
    with (tmp_path / "packages" / "ministack-1-py3-none-any.whl").open("ab") as changed:
        changed.write(b"changed")
    with pytest.raises(EnvironmentFailed) as failed:
        made(said)
    assert failed.value.again
    assert str(failed.value).startswith("MiniStack cannot be installed: THESE PACKAGES DO NOT MATCH THE HASHES FROM ")
    assert str(failed.value).endswith(
        "It is downloaded once, with your settings of pip (pip config list). Connect to the network and run this"
        " again, or name an environment that has MiniStack: --ministack PATH."
    )


DEBIAN = """#!/bin/sh
cat <<END
The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv
package using the following command.

    apt install python3.11-venv

Failing command: $0
END
exit 1
"""


@pytest.mark.usefixtures("cache")
def test_python_without_ensurepip(said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian and Ubuntu ship it: the package to install is named."""
    python = tmp_path / "python3"
    python.write_text(DEBIAN)
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(EnvironmentFailed, match=r"no ensurepip\. On Debian and Ubuntu, install python3-venv\. "):
        made(said)


def test_package_that_is_not_there_after_all(cache: Path, said: list[str], uv: Callable[..., None]) -> None:
    """It is named, and nothing counts as complete."""
    uv()
    lines = _environment.REQUIREMENTS.read_text().splitlines(keepends=True)
    _environment.REQUIREMENTS.write_text("".join(line for line in lines if not line.startswith("ministack")))
    with pytest.raises(EnvironmentFailed, match="but ministack is not there"):
        made(said)
    assert not Environment(cache).is_ready()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes of this kind")
@pytest.mark.parametrize("whose", ["cache", "environment"])
def test_folder_that_others_can_write_to_is_not_used(cache: Path, said: list[str], whose: str) -> None:
    """They could put a program of theirs there, which would be run."""
    folder = cache if whose == "cache" else Environment(cache).folder
    folder.mkdir(parents=True)
    cache.chmod(0o700)
    folder.chmod(0o777)
    with pytest.raises(EnvironmentFailed) as failed:
        made(said)
    assert str(failed.value).startswith(f"The cache folder {folder} is not used, because other users can write to it.")
    assert said == []


def test_without_owners_and_locks(
    cache: Path, said: list[str], uv: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows: nothing is checked, and two runs at once are not kept apart."""
    uv()
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert found(made(said))
    assert not list(cache.glob("*.lock"))


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "HOME/.cache/s2sauth"),
        ("linux", {"XDG_CACHE_HOME": ""}, "HOME/.cache/s2sauth"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "HOME/.cache/s2sauth"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/s2sauth"),
        ("darwin", {}, "HOME/Library/Caches/s2sauth"),
        ("darwin", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/s2sauth"),
        ("win32", {}, "HOME/AppData/Local/s2sauth"),
        ("win32", {"LOCALAPPDATA": "/Users/me/Local"}, "/Users/me/Local/s2sauth"),
    ],
)
def test_cache_folder_is_where_the_system_has_it(
    platform: str, variables: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the customs of each; XDG_CACHE_HOME is heeded everywhere."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == expected.replace("HOME", str(tmp_path))


def test_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in some containers: what to set."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(EnvironmentFailed, match=r"this user has no home\. Set XDG_CACHE_HOME"):
        cache_folder()


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """One that somebody else has made, with all packages; its Python is a script that says so."""
    folder = tmp_path / "theirs"
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3.12", "ministack"):
        (folder / "bin" / name).write_text("#!/bin/sh\n")
        (folder / "bin" / name).chmod(0o700)
    return folder


@pytest.mark.parametrize(
    ("named", "python"),
    [
        ("theirs", "python"),
        ("theirs/bin/python", "python"),
        ("theirs/bin/python3.12", "python3.12"),
        ("theirs/bin/ministack", "python"),
        ("ministack", "python"),  # on the path
        ("link", "python"),  # as pipx makes them
    ],
)
def test_environment_that_is_named(
    environment: Path, named: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """By its folder or by a command in it, from wherever the user is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{environment / 'bin'}:/usr/bin:/bin")
    (tmp_path / "link").symlink_to(environment / "bin" / "ministack")
    assert interpreter(Path(named), NAMES, said.append) == environment / "bin" / python


@pytest.mark.parametrize("named", ["/dev/null", "/nowhere", "/etc"])
def test_what_is_no_environment(named: str, said: list[str]) -> None:
    """What would be one is said."""
    with pytest.raises(EnvironmentFailed, match=f"--ministack: {named} is neither a Python environment nor a command"):
        interpreter(Path(named), NAMES, said.append)


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/no/such/interpreter\n"], ids=["fails", "cannot be run"])
def test_python_that_does_not_run_has_no_packages(environment: Path, script: str, said: list[str]) -> None:
    """All of them are named."""
    (environment / "bin" / "python").write_text(script)
    with pytest.raises(EnvironmentFailed, match="theirs lacks cryptography, ministack, cachetools, httpx, pydantic"):
        interpreter(environment, NAMES, said.append)
