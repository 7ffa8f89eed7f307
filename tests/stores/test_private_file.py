"""Which files SQLite's store refuses, because other users could change them, and what it says to use instead."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s2sauth import CognitoClientCredentials, Event
from s2sauth.stores.base import UnsafeFile
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito
from tests.support.shared_store import landed
from tests.support.store_faults import failures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes and owners of this kind")

Make = Callable[..., CognitoClientCredentials]

KEY = "s2sauth:1:key"
STRANGER = 54_321  # a user id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One for this user alone."""
    made = tmp_path / "shared"
    made.mkdir(0o700)
    return made


def put(path: Path) -> bool:
    """The first use by a process that has a token."""
    return SQLiteStore(path).put(KEY, b"value", replaces=None, seconds=60)


def refusal(path: Path) -> str:
    """What each operation says, before it has read or changed anything."""
    before = {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()}
    store = SQLiteStore(path)
    said: set[str] = set()
    for use in (lambda: store.get(KEY), lambda: put(path), lambda: store.delete(KEY, b"value")):
        with pytest.raises(UnsafeFile) as caught:
            use()
        said.add(str(caught.value))
    assert {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()} == before
    (text,) = said
    return text


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Make another user its owner. Only root can: for others, this process becomes another user. Returns our id."""
    if os.geteuid() == 0:
        os.chown(path, STRANGER, -1, follow_symlinks=False)
        return 0
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    return STRANGER


@pytest.mark.fault(194)
@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o770, 0o775, 0o2775, 0o707, 0o720, 0o702], ids=oct)
def test_a_folder_that_others_can_write_to_is_refused(folder: Path, mode: int) -> None:
    """Sticky or not, for a group or for all, before there is a file and after. The text names what to use instead."""
    folder.chmod(mode)
    path, instead = folder / "tokens.db", folder / "s2sauth" / "tokens.db"
    expected = (
        f"{path} is refused, because other users can write to its folder {folder}."
        f" Use {instead}. The folder {instead.parent} is then made with mode 0700, for this user alone."
    )
    assert refusal(path) == expected

    folder.chmod(0o700)
    assert put(path)
    folder.chmod(mode)
    assert refusal(path) == expected

    assert put(instead)
    assert SQLiteStore(instead).get(KEY) is not None
    assert instead.parent.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o711, 0o2755], ids=oct)
def test_a_folder_that_others_can_only_read_is_fine(folder: Path, mode: int) -> None:
    """The file in it is for its user alone."""
    folder.chmod(mode)

    assert put(folder / "tokens.db")


@pytest.mark.fault(194)
def test_the_folder_for_temporary_files_is_refused() -> None:
    """The real one."""
    path = Path(tempfile.gettempdir(), "s2sauth-test-tokens.db")
    if not path.parent.stat().st_mode & 0o022:
        pytest.skip("here it is for this user alone, as on macOS")

    with pytest.raises(UnsafeFile, match="other users can write to its folder"):
        put(path)
    assert not path.exists()


@pytest.mark.fault(194)
def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else can write to it, but its owner could swap the file."""
    path = folder / "tokens.db"
    ours = give_away(folder, monkeypatch)
    owner = folder.stat().st_uid

    text = refusal(path)

    assert f"its folder {folder} belongs to another user (id {owner}; this process has id {ours})" in text


def test_a_folder_that_nothing_can_be_made_in_has_no_subfolder_to_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, and closed to us: what to use lies elsewhere."""
    give_away(folder, monkeypatch)
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert refusal(folder / "tokens.db").endswith(". Use a folder that belongs to the user of this process.")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_root_is_fine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can change everything anyway: such a folder is another reason to fail, or the file was made for us."""
    path = folder / "tokens.db"
    assert put(path)
    os.chown(path, STRANGER, -1)
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)

    assert SQLiteStore(path).get(KEY) is not None


@pytest.mark.fault(194)
class TestLinks:
    """What a link leads to counts, and who made the link."""

    def test_a_link_to_a_folder_is_followed(self, folder: Path, tmp_path: Path) -> None:
        """To a safe one it is fine; to another one it is refused by the name that was given."""
        link = tmp_path / "link"
        link.symlink_to(folder)
        assert put(link / "tokens.db")

        folder.chmod(0o777)
        assert f"other users can write to its folder {link}." in refusal(link / "tokens.db")

    def test_a_link_of_another_user_to_a_folder_is_refused(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a folder for everybody they could have us write to any folder of ours."""
        link = tmp_path / "link"
        link.symlink_to(folder)
        give_away(link, monkeypatch)

        assert f"its folder {link} belongs to another user" in refusal(link / "tokens.db")

    def test_a_link_to_a_file_in_an_open_folder_is_refused(self, folder: Path, tmp_path: Path) -> None:
        """SQLite makes the journal beside the file that the link leads to."""
        path = folder / "tokens.db"
        assert put(path)
        link = tmp_path / "link.db"
        link.symlink_to(path)
        folder.chmod(0o777)

        assert f"{link} is refused, because other users can write to its folder {folder}." in refusal(link)


@pytest.mark.fault(194)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_what_another_user_put_beside_the_file_is_not_applied_to_it(folder: Path, suffix: str) -> None:
    """Left from when the folder was open: SQLite would believe it. Its owner counts, not who can read it."""
    path = folder / "tokens.db"
    beside = folder / f"tokens.db{suffix}"
    assert put(path)
    beside.touch(0o644)
    os.chown(beside, STRANGER, -1)

    assert refusal(path) == (
        f"{path} is refused, because {beside} belongs to another user, and SQLite would apply it to the file."
        f" Delete {beside}."
    )
    beside.unlink()
    assert SQLiteStore(path).get(KEY) is not None


class TestTheFolderIsMade:
    """The last one, by the first write."""

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
    def test_for_its_user_alone(self, tmp_path: Path, umask: int) -> None:
        """Whatever the process's umask says."""
        path = tmp_path / "made" / "tokens.db"
        before = os.umask(umask)
        try:
            assert put(path)
        finally:
            os.umask(before)

        assert path.parent.stat().st_mode & 0o7777 == 0o700

    def test_not_by_reading(self, tmp_path: Path) -> None:
        """Nor by removing: until there is a folder there is nothing in it."""
        store = SQLiteStore(tmp_path / "none" / "tokens.db")

        assert store.get(KEY) is None
        store.delete(KEY, b"value")

        assert list(tmp_path.iterdir()) == []

    def test_not_the_folders_above_it(self, tmp_path: Path) -> None:
        """A mistyped path must not fill a disk."""
        with pytest.raises(FileNotFoundError):
            put(tmp_path / "none" / "made" / "tokens.db")

        assert list(tmp_path.iterdir()) == []

    def test_another_user_who_was_quicker_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the look and the making. Our file in their folder is not used."""
        path = tmp_path / "made" / "tokens.db"
        mkdir = Path.mkdir

        def late(folder: Path, mode: int = 0o777) -> None:
            mkdir(folder, mode)
            folder.chmod(0o777)
            raise FileExistsError

        monkeypatch.setattr(Path, "mkdir", late)

        with pytest.raises(UnsafeFile, match="other users can write to its folder"):
            put(path)


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder as a Kubernetes emptyDir is: root's, open to all, not sticky."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


@pytest.mark.fault(194)
def test_the_log_says_what_to_use_instead(
    make: Make, fake: FakeCognito, events: list[Event], everybodys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers get their tokens, each process its own. With what the text says, they share one."""
    member = make(store=f"sqlite:///{everybodys}/tokens.db")
    assert member.get_token()
    landed(member)
    assert failures(events) == ["UnsafeFile"]
    (said,) = [record.getMessage() for record in caplog.records if "store_failed" in record.getMessage()]
    assert (
        "tokens are fetched without it for some seconds."
        f" {everybodys}/tokens.db is refused, because other users can write to its folder {everybodys}."
        f" Use {everybodys}/s2sauth/tokens.db. "
    ) in said

    events.clear()
    first, second = (make(store=f"sqlite:///{everybodys}/s2sauth/tokens.db") for _ in range(2))
    token = first.get_token().access_token
    landed(first)
    assert second.get_token().access_token == token
    assert failures(events) == []
