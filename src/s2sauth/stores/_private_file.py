"""A file that only its own user can change: who owns it, its folder, and what SQLite puts beside it.

    The folder belongs to this user or to root, and no other user can write to it.
    The file belongs to this user, and no other user can read it.

Another user who can write to the folder could swap the file, or add a journal, which SQLite would apply to the file. A
sticky folder such as /tmp keeps them from removing the file, but not from being the first to make it or its journal.

The folders further up do not count. Another user who can write there can move the folder away, but a folder that they
put in its place belongs to them, so it is refused. Windows has no owners and modes of this kind, so nothing is checked:
there the rights of the folder decide.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from .base import UnsafeFile

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_BESIDE: Final = ("-journal", "-wal", "-shm")
"""Files that SQLite trusts if it finds them beside its own."""


def is_there(path: Path) -> bool:
    """Whether the file exists. UnsafeFile if other users could change it, now or once it exists."""
    checked = hasattr(os, "geteuid")
    try:
        if checked:
            _check_folder(path, path.parent)
        link, file = path.lstat(), path.stat()
    except FileNotFoundError:
        return False
    if checked:
        target = Path(os.path.realpath(path)) if stat.S_ISLNK(link.st_mode) else path
        _check_folder(path, target.parent)
        _check_file(path, link, file)
        _check_beside(target)
    return True


def make(path: Path) -> None:
    """Make an empty file with mode 0600, and its folder with mode 0700, unless another process was quicker.

    Only the last folder is made: a mistyped path must not fill a disk. The file is made under another name: closing it
    drops all locks that this process has on it, also those of SQLite in another thread. SQLite itself would make it
    with the mode that the umask allows. UnsafeFile if another user was quicker.
    """
    try:
        path.parent.mkdir(0o700)
    except FileExistsError:
        pass
    else:
        path.parent.chmod(0o700)  # whatever the umask
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        new.chmod(0o600)  # whatever the umask
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()
    is_there(path)


def _check_folder(path: Path, folder: Path) -> None:
    info = folder.stat()
    if not stat.S_ISDIR(info.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    user = os.geteuid()
    owners = {folder.lstat().st_uid, info.st_uid}  # of a link, and of the folder that it leads to
    if strangers := owners - {user, 0}:  # root can change everything anyway
        owner = strangers.pop()
        why = f"its folder {folder} belongs to another user (id {owner}; this process has id {user})"
    elif info.st_mode & _OTHERS_WRITE:
        why = f"other users can write to its folder {folder}"
    else:
        return
    instead = folder / "s2sauth" / path.name
    advice = (
        f"Use {instead}. The folder {instead.parent} is then made with mode 0700, for this user alone."
        if os.access(folder, os.W_OK | os.X_OK)
        else "Use a folder that belongs to the user of this process."
    )
    raise UnsafeFile(f"{path} is refused, because {why}. {advice}")


def _check_file(path: Path, link: os.stat_result, file: os.stat_result) -> None:
    if any(info.st_uid != os.geteuid() for info in (link, file)):
        raise UnsafeFile(f"{path} is refused, because it belongs to another user. Use a path where no file is yet.")
    if file.st_mode & _OTHERS:
        raise UnsafeFile(f"{path} is refused, because other users can read or write it. Run: chmod 600 {path}")


def _check_beside(path: Path) -> None:
    for beside in (path.with_name(path.name + suffix) for suffix in _BESIDE):
        try:
            owner = beside.lstat().st_uid
        except FileNotFoundError:
            continue
        if owner != os.geteuid():
            raise UnsafeFile(
                f"{path} is refused, because {beside} belongs to another user, and SQLite would apply it to the file."
                f" Delete {beside}."
            )
