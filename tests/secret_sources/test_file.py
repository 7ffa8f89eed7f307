"""A secret in a file."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, TokenUnavailable
from s2sauth.secret_sources import FileSecret, SourceFailed
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def path(tmp_path: Path, fake: FakeCognito) -> Path:
    """The file, with the right secret in it."""
    path = tmp_path / "client"
    path.write_text(fake.client_secret)
    return path


def test_a_changed_file_counts_at_the_next_renewal(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], path: Path
) -> None:
    """It is read whenever a token is requested, and a line break at its end is cut off."""
    credentials = make(client_secret=FileSecret(path))
    credentials.get_token()
    path.write_text(fake.rotate_secret() + "\n")
    clock.advance(4000)
    credentials.get_token()
    assert [request.status for request in fake.token_requests] == [200, 200]
    assert {"secret_changed", "secret_newline_stripped"} <= set(names(events))


def test_kubernetes_swaps_a_symbolic_link(make: Make, fake: FakeCognito, clock: ManualClock, tmp_path: Path) -> None:
    """The file's name leads through `..data` to a folder of a date, and all files change at once with that link."""
    for folder, secret in (("..2026_11_01", fake.client_secret), ("..2026_11_24", fake.rotate_secret(keep_old=True))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "client").write_text(secret)
    (tmp_path / "..data").symlink_to("..2026_11_01")
    (tmp_path / "client").symlink_to("..data/client")
    credentials = make(client_secret=FileSecret(tmp_path / "client"))
    credentials.get_token()

    (tmp_path / "..data_tmp").symlink_to("..2026_11_24")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    fake.rotate_secret(fake.client_secret)
    clock.advance(4000)
    credentials.get_token()

    assert [request.status for request in fake.token_requests] == [200, 200]


def test_a_file_rotated_between_reading_and_use_is_read_again(make: Make, fake: FakeCognito, path: Path) -> None:
    """The second reading of the same token request finds the new one."""
    fake.rotate_secret()
    source = FileSecret(path)

    class Changing:
        """The same file, written to as soon as it has been read once."""

        def __call__(self) -> str:
            try:
                return source()
            finally:
                path.write_text(fake.client_secret)

    make(client_secret=Changing()).get_token()
    assert [request.status for request in fake.token_requests] == [400, 200]


def test_a_key_of_a_json_object(tmp_path: Path) -> None:
    """As agents write them."""
    path = tmp_path / "client.json"
    path.write_text('{"id": "x", "secret": "abc"}')
    assert FileSecret(os.fspath(path), key="secret")() == "abc"


WRONG = {
    "empty": (b"", "is empty"),
    "blank": (b"abc def", "holds white space"),
    "byte order mark": ("\ufeffabcdef".encode(), "byte order mark"),
    "UTF-16": ("abcdef".encode("utf-16"), "NUL"),
    "no text": (b"abc\xff\xfe", "RFC 6749 A.2"),
    "quotes": (b'"abcdef"', "quotes"),
    "JSON": (b'{"secret": "abcdef"}', "is a JSON object: give the value of the key"),
    "longer than a secret": (b"abcdef" * 1000, "longer than 4096 characters"),
    "longer than it may be": (b"abcdef" * 20_000, "longer than 65536 bytes"),
}


@pytest.mark.parametrize(("content", "says"), WRONG.values(), ids=WRONG)
def test_a_content_that_is_no_secret_is_said_with_the_path(tmp_path: Path, content: bytes, says: str) -> None:
    """And without the content."""
    path = tmp_path / "client"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=says) as caught:
        FileSecret(path)()
    assert f"client_secret in file {path}" in str(caught.value)
    assert "abc" not in str(caught.value)


def test_a_wrong_content_shows_in_no_traceback(fake: FakeCognito, path: Path) -> None:
    """The sweep looks at the locals of each frame: two secrets in one file, one too long, one under the wrong key."""
    for content, key in (
        (f"{fake.client_secret} {fake.client_secret}", None),
        (fake.client_secret * 5000, None),
        (f'{{"secret": "{fake.client_secret}"}}', "other"),
        (f'{{"secret": ["{fake.client_secret}"]}}', "secret"),
        (fake.client_secret, "secret"),
    ):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match="client_secret in file"):
            FileSecret(path, key=key)()


def make_a_pipe(path: Path) -> None:
    """A named one."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no named pipes in a folder")
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make_it", [make_a_pipe, Path.mkdir, lambda path: path.symlink_to(path)], ids=["pipe", "folder", "loop"]
)
def test_what_is_no_file_holds_nobody_up(tmp_path: Path, make_it: Callable[[Path], object]) -> None:
    """A pipe into which nobody writes would be waited for without an end."""
    path = tmp_path / "client"
    make_it(path)
    with pytest.raises((ConfigurationError, SourceFailed)):
        FileSecret(path)()


def test_a_pipe_with_nothing_in_it_yet_holds_nobody_up(tmp_path: Path) -> None:
    """Somebody has opened it, and writes later."""
    path = tmp_path / "client"
    make_a_pipe(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    try:
        with pytest.raises(ConfigurationError, match="is empty"):
            FileSecret(path)()
    finally:
        os.close(writer)
        os.close(reader)


def test_a_missing_file_is_a_source_that_is_down(
    make: Make, clock: ManualClock, events: list[Event], path: Path
) -> None:
    """The last good secret is used; a process that has none says which error it was."""
    credentials = make(client_secret=FileSecret(path))
    credentials.get_token()
    path.unlink()
    clock.advance(4000)
    credentials.get_token()
    assert [event.error for event in events if event.name == "secret_source_failed"] == ["FileNotFoundError"]
    with pytest.raises(
        TokenUnavailable, match=f"the secret file {path} cannot be read: FileNotFoundError: No such file"
    ):
        make(client_secret=FileSecret(path)).get_token()


def test_a_path_is_needed() -> None:
    """Said at once."""
    with pytest.raises(ConfigurationError, match="path: use the path of the file"):
        FileSecret("")


def test_its_repr_is_the_path() -> None:
    """For logs."""
    assert repr(FileSecret("/run/secrets/client")) == "FileSecret('/run/secrets/client')"


def test_from_env_reads_the_file_that_a_variable_names(fake: FakeCognito, path: Path, make: Make) -> None:
    """At each renewal; the secret's own variable is not set then."""
    environ = {name: value for name, value in fake.environ.items() if name != "APP_CLIENT_SECRET"}
    environ["COGNITO_CLIENT_SECRET_FILE"] = str(path)
    with CognitoClientCredentials.from_env(environ=environ) as credentials:
        assert credentials.get_token().access_token
    prefixed = {f"BILLING_{name}": value for name, value in environ.items()}
    path.unlink()
    with CognitoClientCredentials.from_env("BILLING_", prefixed) as credentials:
        with pytest.raises(TokenUnavailable, match=f"file {path}, named by BILLING_COGNITO_CLIENT_SECRET_FILE, cannot"):
            credentials.get_token()


@pytest.mark.fault(173)
@pytest.mark.parametrize(
    ("make_it", "name", "says"),
    [
        (lambda path: None, "FileNotFoundError", "FileNotFoundError: No such file"),
        (Path.mkdir, "IsADirectoryError", "IsADirectoryError: Is a directory"),
        (lambda path: path.symlink_to(path), "OSError", "OSError: Too many levels"),
    ],
    ids=["missing", "folder", "loop"],
)
def test_a_file_that_a_variable_names_and_that_cannot_be_read_is_said_with_both(
    fake: FakeCognito, tmp_path: Path, make_it: Callable[[Path], object], name: str, says: str
) -> None:
    """The event has one word, which is no path."""
    path = tmp_path / "client"
    make_it(path)
    events: list[Event] = []
    with named_by_variable(fake, path, events) as credentials:
        with pytest.raises(TokenUnavailable) as caught:
            credentials.get_token()
    assert f"(the secret file {path}, named by COGNITO_CLIENT_SECRET_FILE, cannot be read: {says}" in str(caught.value)
    assert [event.error for event in events if event.name == "secret_source_failed"] == [name]
    assert fake.counts()["token_connections"] == 0


@pytest.mark.parametrize(
    ("content", "says"), [("", "is empty"), ("x" * 100_000, "is longer than 65536 bytes")], ids=["empty", "too long"]
)
def test_a_file_that_a_variable_names_and_that_has_no_secret_in_it_is_said_with_both(
    fake: FakeCognito, tmp_path: Path, content: str, says: str
) -> None:
    """As a setting that is wrong."""
    path = tmp_path / "client"
    path.write_text(content, encoding="utf-8")
    with named_by_variable(fake, path, []) as credentials:
        with pytest.raises(ConfigurationError) as caught:
            credentials.get_token()
    place = f"client_secret in file {path}, named by COGNITO_CLIENT_SECRET_FILE"
    assert str(caught.value).startswith(f"{place}: {says}")


def named_by_variable(fake: FakeCognito, path: Path, events: list[Event]) -> CognitoClientCredentials:
    """Credentials whose secret is in the file that the environment names."""
    environ = {name: value for name, value in fake.environ.items() if name != "APP_CLIENT_SECRET"}
    environ["COGNITO_CLIENT_SECRET_FILE"] = str(path)
    return CognitoClientCredentials.from_env(environ=environ, on_event=events.append)


def test_a_source_of_ones_own_may_name_what_is_wrong(make: Make, events: list[Event]) -> None:
    """`SourceFailed` holds words that may be shown; of every other exception the class alone is."""

    def source() -> str:
        raise SourceFailed("vault sealed")

    with pytest.raises(TokenUnavailable, match=r"The secret source failed \(vault sealed\)"):
        make(client_secret=source).get_token()
    assert [event.error for event in events if event.name == "secret_source_failed"] == ["vault sealed"]


def test_a_source_of_ones_own_may_have_a_word_for_events(make: Make, events: list[Event]) -> None:
    """Where the reason has a path in it, say."""

    def source() -> str:
        raise SourceFailed("vault at /run/vault sealed", "VaultSealed")

    with pytest.raises(TokenUnavailable, match=r"\(vault at /run/vault sealed\)"):
        make(client_secret=source).get_token()
    assert [event.error for event in events if event.name == "secret_source_failed"] == ["VaultSealed"]


def test_a_failure_of_a_source_says_why_and_can_be_pickled() -> None:
    """With both its fields."""
    failed = SourceFailed("vault sealed", "VaultSealed")
    again = pickle.loads(pickle.dumps(failed))
    assert (str(again), again.reason, again.name) == ("vault sealed", "vault sealed", "VaultSealed")
    assert SourceFailed("down").name == "down"
