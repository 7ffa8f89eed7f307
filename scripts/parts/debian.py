"""Programs from Debian's packages, unpacked beside the checkout: nothing is installed, and nobody has to be root."""

import shutil
import subprocess
import sys
from pathlib import Path

from .install import _CACHE, ROOT, unchanged


class NotToBeHad(Exception):
    """This machine is no Debian or Ubuntu that reaches its package source."""


def unpacked(name: str, *packages: str) -> Path:
    """The folder `name` of the cache, in which these packages are unpacked. NotToBeHad if they cannot be downloaded."""
    folder = _CACHE / name
    with unchanged(folder / ".packages", *packages) as fits:
        if not fits:
            if not shutil.which("apt-get") or not shutil.which("dpkg"):
                raise NotToBeHad("there is no apt-get")
            print(f"Downloading {', '.join(packages)} into {folder.relative_to(ROOT)}", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            done = subprocess.run(
                ["apt-get", "download", "-qq", *packages],
                cwd=folder,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise NotToBeHad(done.stderr)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, folder], check=True, stdin=subprocess.DEVNULL)
                package.unlink()
    return folder
