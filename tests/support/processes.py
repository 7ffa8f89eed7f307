"""Which processes there are."""

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
