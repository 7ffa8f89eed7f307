"""Which processes there are."""

import os
import select
from pathlib import Path


def running_below(folder: Path) -> list[str]:
    """The processes whose working directory is in `folder`."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(process.name)
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def is_left_alone(folder: Path) -> bool:
    """Whether no process is there; one that was just killed may take a moment to go."""
    for process in running_below(folder):
        try:
            descriptor = os.pidfd_open(int(process))
        except ProcessLookupError:
            continue
        try:
            select.select([descriptor], [], [], 5)
        finally:
            os.close(descriptor)
    return not running_below(folder)
