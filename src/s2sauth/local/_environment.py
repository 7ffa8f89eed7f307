"""Where MiniStack is installed: an environment of its own in the user's cache folder, made on first use.

MiniStack pins the versions of what it needs, boto3's core among them. Beside a service it would change what that
service runs with. So it gets its own environment, with the packages and hashes that the wheel carries. The
environment's name depends on these and on this Python: another version of s2sauth or of Python makes its own.

A file `complete` is written last. An environment without it, or without its packages, is made again.
"""

import hashlib
import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
SERVER: Final = ("cryptography", "ministack")
"""What MiniStack needs; without cryptography it signs no tokens."""
CALLER: Final = ("cachetools", "httpx", "pydantic")
"""What s2sauth needs in a Lambda, beside itself."""

_COMMANDS: Final = Path("Scripts" if os.name == "nt" else "bin")
_SUFFIX: Final = ".exe" if os.name == "nt" else ""
_COMPLETE: Final = "complete"
_ELSEWHERE: Final = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET")
"""Variables with which pip would install into another place."""
_LOOK: Final = """
import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))
"""
_NO_CONNECTION: Final = "connection broken|Connection refused|ProxyError|unreachable|timed out|resolve|dns error"

Say = Callable[[str], object]
"""Tells the user how it goes."""


class EnvironmentFailed(RuntimeError):
    """There is no interpreter with MiniStack: what happened, why, and what to do.

    `again`: whether another try may help, without a change to the command line.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


def interpreter(given: Path | None, needed: Sequence[str], say: Say) -> Path:
    """The interpreter that has these packages: of the environment that is given, else of our own, made if need be."""
    if given is not None:
        python = _named(given)
        if lacking := _missing(python, needed):
            raise EnvironmentFailed(
                f"--ministack: {given} lacks {', '.join(lacking)}. Install what is missing there, or leave"
                " --ministack out: then an environment with MiniStack is made for you."
            )
        return python
    environment = Environment(cache_folder())
    environment.check_owner()
    if not environment.is_ready():
        environment.make(say)
    return environment.python


def cache_folder() -> Path:
    """Where this user's environments are, by the customs of the system."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the specification: a relative one is ignored
        return named / "s2sauth"
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        raise EnvironmentFailed(f"No cache folder: this user has no home. {_INSTEAD}") from None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "s2sauth"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "s2sauth")
    return home / ".cache" / "s2sauth"


class Environment:
    """The one for this Python and this version of s2sauth."""

    def __init__(self, base: Path) -> None:
        made_of = f"{sys.version} {sys.platform} {platform.machine()}".encode() + REQUIREMENTS.read_bytes()
        self._base = base
        self.folder = base / f"ministack-{hashlib.sha256(made_of).hexdigest()[:12]}"
        self.python = self.folder / _COMMANDS / f"python{_SUFFIX}"
        self._complete = self.folder / _COMPLETE

    def check_owner(self) -> None:
        """EnvironmentFailed if other users could have put a program of theirs there."""
        if not hasattr(os, "geteuid"):
            return
        for folder in (self._base, self.folder):
            try:
                info = folder.stat()
            except OSError:
                return  # it does not exist, or is_ready() and make() say more
            if info.st_uid not in (os.geteuid(), 0) or info.st_mode & 0o022:
                raise EnvironmentFailed(
                    f"The cache folder {folder} is not used, because other users can write to it. {_INSTEAD}"
                )

    def is_ready(self) -> bool:
        """Whether it was made to the end, and still has its packages."""
        return os.access(self._complete, os.F_OK) and not _missing(self.python, (*SERVER, *CALLER))

    def make(self, say: Say) -> None:
        """Make it, unless another process does; then wait for that one."""
        try:
            self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.check_owner()
            with self._locked(say) as held:
                if not self.is_ready():
                    say(f"making an environment for MiniStack in {self.folder}")
                    say("this takes about a minute, and is done once: after that no network is needed")
                    self._complete.unlink(missing_ok=True)  # first: a removal may be cut short
                    self._install(held)
                    self._complete.touch()
        except OSError as error:
            where = error.filename or self._base
            raise EnvironmentFailed(f"The cache folder cannot be used: {where}: {error.strerror}. {_INSTEAD}") from None

    @contextmanager
    def _locked(self, say: Say) -> Generator[tuple[int, ...]]:
        """One process at a time. What it starts has the lock as well: if it is killed, that may go on for a while."""
        fcntl = _fcntl()
        if fcntl is None:
            yield ()
            return
        descriptor = os.open(self.folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that makes {self.folder}")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield (descriptor,)
        finally:
            os.close(descriptor)

    def _install(self, held: tuple[int, ...]) -> None:
        if uv := shutil.which("uv"):
            try:
                self._begin(held, "--without-pip")
                self._run(held, uv, "pip", "install", "--quiet", "--python", self.python, *_PINNED, REQUIREMENTS)
            except EnvironmentFailed:  # uv reads no settings of pip, which may be all that leads to an index
                pass
            else:
                return self._check()
        self._begin(held)
        pip = (self.python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2")
        self._run(held, *pip, "install", "--quiet", "--no-user", *_PINNED, REQUIREMENTS)
        return self._check()

    def _begin(self, held: tuple[int, ...], *options: str) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700)  # venv would make it as the umask allows
        self._run(held, sys.executable, "-I", "-m", "venv", *options, self.folder)

    def _run(self, held: tuple[int, ...], *command: str | os.PathLike[str]) -> None:
        done = subprocess.run(  # noqa: S603  # commands of our own
            command,
            env={name: value for name, value in os.environ.items() if name not in _ELSEWHERE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=held,
            check=False,
        )
        if done.returncode:
            raise EnvironmentFailed(f"MiniStack cannot be installed: {_reason(done.stdout)} {_ONCE}", again=True)

    def _check(self) -> None:
        if lacking := _missing(self.python, (*SERVER, *CALLER)):
            names = ", ".join(lacking)
            raise EnvironmentFailed(f"MiniStack was installed in {self.folder}, but {names} is not there. {_INSTEAD}")


def made_by_us(python: Path) -> Path | None:
    """The folder of this interpreter's environment, if it is one of ours."""
    folder = python.parents[1]
    return folder if (folder / _COMPLETE).exists() else None


def _named(given: Path) -> Path:
    """The interpreter of this environment, or of the one that this command is in."""
    found = given
    if not given.exists() and (command := shutil.which(str(given))):
        found = Path(command)
    if found.is_dir():
        python = found / _COMMANDS / f"python{_SUFFIX}"
    elif found.name.lower().startswith(("python", "pypy")):
        python = found  # its links stay: they tell it which environment it is of
    else:
        python = found.resolve().with_name(f"python{_SUFFIX}")  # pipx and uv link to their environments' commands
    if not python.is_file():
        raise EnvironmentFailed(
            f"--ministack: {given} is neither a Python environment nor a command in one. Use the folder of an"
            " environment that has MiniStack, or its bin/python or bin/ministack."
        )
    return python.absolute()


def _missing(python: Path, names: Sequence[str]) -> list[str]:
    """Which of these packages this interpreter does not find; all of them if it does not run."""
    try:
        done = subprocess.run(  # noqa: S603  # an interpreter that the user named, or ours
            [python, "-I", "-c", _LOOK, *names], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return list(names)
    return list(names) if done.returncode else done.stdout.split()


def _reason(said: str) -> str:
    """The gist of what an installer has said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = (errors or lines or ["no reason was given"])[-1].rstrip(".")
    if "ensurepip is not" in said:  # of venv, whose last line is the command that failed
        return "this Python has no ensurepip. On Debian and Ubuntu, install python3-venv."
    if re.search(_NO_CONNECTION, said):
        return f"the package index cannot be reached ({last})."
    return f"{last}."


def _fcntl() -> ModuleType | None:
    try:
        return importlib.import_module("fcntl")
    except ModuleNotFoundError:  # Windows
        return None


_PINNED: Final = ("--require-hashes", "--only-binary", ":all:", "-r")
_INSTEAD: Final = (
    "Set XDG_CACHE_HOME to a folder that this user alone can write to, or name an environment that has MiniStack:"
    " --ministack PATH."
)
_ONCE: Final = (
    "It is downloaded once, with your settings of pip (pip config list). Connect to the network and run this again, or"
    " name an environment that has MiniStack: --ministack PATH."
)
