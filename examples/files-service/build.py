"""Makes build/caller, the folder that becomes the caller's Lambda zip: its handler, s2sauth, and what that needs.

boto3 is not in it: Lambda's Python has it, for a token table in DynamoDB.

python3 build.py          for Lambda: Python 3.13 on x86_64, whatever this machine is
python3 build.py --here   for this interpreter, on this machine
python3 build.py --to FOLDER --handler FILE   the same for another caller: its handler, the folder for its build
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAMBDA = (
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux2014_x86_64",
    "--python-version",
    "3.13",
    "--implementation",
    "cp",
)


def pip(*arguments: str | Path) -> None:
    """Run this interpreter's pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def main() -> None:
    """Build anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="for this interpreter, on this machine")
    parser.add_argument("--wheel", type=Path, help="s2sauth's wheel (default: made from this checkout)")
    parser.add_argument("--to", type=Path, default=HERE / "build", metavar="FOLDER", help="instead of build")
    parser.add_argument("--handler", type=Path, default=HERE / "caller" / "handler.py", metavar="FILE", help="another")
    options = parser.parse_args()

    build: Path = options.to
    wheel: Path | None = options.wheel
    shutil.rmtree(build, ignore_errors=True)
    if wheel is None:
        pip("wheel", "-qq", "--no-deps", "--wheel-dir", build / "wheel", ROOT)
        (wheel,) = (build / "wheel").glob("*.whl")

    caller = build / "caller"
    install = ("install", "-qq", "--no-compile", "--no-deps", "--target", caller, "--only-binary=:all:")
    platform = () if options.here else LAMBDA
    pip(*install, *platform, "--require-hashes", "-r", ROOT / "requirements" / "caller.txt")
    pip(*install, *platform, wheel)
    shutil.rmtree(caller / "bin", ignore_errors=True)  # commands that the packages bring
    shutil.copy(options.handler, caller / "handler.py")


if __name__ == "__main__":
    main()
