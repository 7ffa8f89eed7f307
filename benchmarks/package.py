"""What an installation costs: the size of the wheel, and what comes with it."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from _support import Report, command, progress
from packaging.requirements import Requirement

from parts.install import ROOT, requirements

TESTING = "s2sauth/testing/"


@contextmanager
def wheel() -> Iterator[Path]:
    """The checkout's, built anew."""
    with TemporaryDirectory(prefix="s2sauth-") as folder:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT)]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        (built,) = Path(folder).glob("*.whl")
        yield built


def brought_along(extra: str) -> int:
    """How many packages `pip install s2sauth[EXTRA]` installs, s2sauth among them.

    As pinned; tests/integration/test_package.py holds that these are the ones that it needs.
    """
    lines = requirements(f"extra-{extra}").splitlines()
    needed = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    return 1 + sum(one.marker is None or one.marker.evaluate() for one in needed)


def figures(report: Report) -> None:
    """The table."""
    progress("building the wheel")
    with wheel() as built:
        packed = built.stat().st_size
        with zipfile.ZipFile(built) as archive:
            files = archive.infolist()
    code = [file for file in files if file.filename.endswith(".py")]
    report.row("wheel", s2sauth=packed / 1024, at_most=310.0, unit="KiB")
    report.row("  its files, unpacked", s2sauth=sum(file.file_size for file in files) / 1024, at_most=760.0, unit="KiB")
    hashes = sum(file.compress_size for file in files if file.filename.endswith("/requirements.txt"))
    report.row("  of the wheel, hashes for `s2sauth local`", s2sauth=hashes / 1024, unit="KiB")
    testing = sum(file.compress_size for file in files if file.filename.startswith(TESTING))
    report.row("  of the wheel, for tests of your own", s2sauth=testing / 1024, unit="KiB")
    report.row("  modules", s2sauth=len(code))
    report.row("pip install s2sauth: packages", s2sauth=brought_along("none"), at_most=14)
    most_of = {"httpx2": 17, "store": 17, "otel": 17, "redis": 18, "aws": 21, "dynamodb": 24}
    for extra, most in most_of.items():
        report.row(f"pip install s2sauth[{extra}]: packages", s2sauth=brought_along(extra), at_most=most)
    report.note("Packages as pinned in requirements/, s2sauth among them, for this machine and this Python.")


if __name__ == "__main__":
    command("What an installation costs", figures)
