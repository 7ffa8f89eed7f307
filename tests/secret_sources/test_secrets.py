"""Where the client secret comes from. What AWS's services do, moto does here."""

import logging
from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, InvalidClient, TokenUnavailable
from s2sauth.secret_sources import EnvironmentSecret, ParameterStoreSecret, SecretsManagerSecret
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.secrets import Vault as SecretsService
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


class Vault:
    """A secret source that a test changes, breaks and counts."""

    def __init__(self, gives: object) -> None:
        self.gives = gives
        self.calls = 0

    def __call__(self) -> object:
        self.calls += 1
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives() if callable(self.gives) else self.gives


class AccessDenied(Exception):
    """As a cloud's SDK raises it; its text may hold anything."""


def statuses(fake: FakeCognito) -> list[int]:
    """Those of the token requests."""
    return [request.status for request in fake.token_requests]


@pytest.mark.fault(122)
def test_secret_rotated_between_read_and_use(make: Make, fake: FakeCognito, world: World) -> None:
    """The source gave the old one a moment before it was deleted: it is asked again, and nobody notices."""

    def old_then_rotated() -> str:
        old = fake.client_secret
        if vault.calls == 1:
            fake.rotate_secret()
        return old

    vault = Vault(old_then_rotated)
    world.get(make(client_secret=vault))
    assert statuses(fake) == [400, 200]
    assert vault.calls == 2


@pytest.mark.fault(122)
def test_rotation_with_two_live_secrets_has_no_downtime(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Create the new one, switch the source, delete the old one: each renewal gets its token with its first request."""
    vault = Vault(fake.client_secret)
    credentials = make(client_secret=vault)
    world.get(credentials)
    old, new = fake.client_secret, fake.rotate_secret(keep_old=True)
    for gives in (old, [old, new], [new, old], new):
        vault.gives = gives
        clock.advance(4000)
        world.get(credentials)
    fake.rotate_secret(new)
    clock.advance(4000)
    world.get(credentials)
    assert statuses(fake) == [200] * 6


DOWN = {
    "down": ConnectionRefusedError("vault:8200"),
    "throttled": TimeoutError("Rate exceeded"),
    "denied": AccessDenied("arn:aws:iam::123456789012:role/files is not authorized"),
}


@pytest.mark.fault(123)
@pytest.mark.parametrize("error", DOWN.values(), ids=DOWN)
def test_source_fails_after_it_worked(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], world: World, error: Exception
) -> None:
    """The last good secret is used; one event a reading names the class and nothing else."""
    vault = Vault(fake.client_secret)
    credentials = make(client_secret=vault)
    world.get(credentials)
    vault.gives = error
    clock.advance(4000)
    world.get(credentials)
    assert statuses(fake) == [200, 200]
    failed = [event for event in events if event.name == "secret_source_failed"]
    assert [event.error for event in failed] == [type(error).__name__]
    assert str(error) not in repr(events)


@pytest.mark.fault(123)
@pytest.mark.parametrize("error", DOWN.values(), ids=DOWN)
def test_source_fails_from_the_start(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, error: Exception
) -> None:
    """A typed error without the source's words, one reading for 200 calls, a pause before the next, and recovery."""
    vault = Vault(error)
    credentials = make(client_secret=vault)
    for _ in range(200):
        with pytest.raises(TokenUnavailable, match=type(error).__name__) as caught:
            credentials.get_token()
        assert str(error) not in str(caught.value)
    assert vault.calls == 1
    assert fake.counts()["token_connections"] == 0
    clock.advance(1)
    vault.gives = fake.client_secret
    world.get(credentials)


@pytest.mark.fault(123)
def test_callers_at_the_same_time_share_one_reading(make: Make, fake: FakeCognito, world: World) -> None:
    """200 wait while the source works: it is read once."""
    fake.gate()
    vault = Vault(fake.client_secret)
    callers = world.ask(make(client_secret=vault), 200)
    fake.wait_for_token_requests()
    fake.release()
    assert len({token.access_token for token in callers.values()}) == 1
    assert vault.calls == 1


@pytest.mark.fault(124)
def test_wrong_new_secret_is_tried_once_and_the_old_one_kept(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], world: World
) -> None:
    """As long as the old one is accepted nobody goes without, and each renewal says what to correct."""
    vault = Vault(fake.client_secret)
    credentials = make(client_secret=vault)
    world.get(credentials)
    vault.gives = "stored-by-mistake"
    clock.advance(4000)
    world.get(credentials)
    world.get(credentials)
    assert statuses(fake) == [200, 400, 200]
    assert names(events).count("secret_refused") == 1


@pytest.mark.fault(124)
def test_source_that_gives_another_wrong_secret_each_time_is_no_storm(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Two readings and two requests, then the refusal is remembered: a minute of calls costs a handful."""
    vault = Vault(lambda: f"wrong-{vault.calls}")
    credentials = make(client_secret=vault)
    for _ in range(60):
        with pytest.raises(InvalidClient):
            world.get(credentials)
        clock.advance(1)
    assert vault.calls == len(statuses(fake)) <= 10


BAD = {
    "empty": "",
    "blank": " ",
    "inner NUL": "abc\0def",
    "byte order mark": "\ufeffabcdef",
    "quotes": '"abcdef"',
    "25 kB": "abcdef" * 4_167,
    "bytes": b"abcdef",
    "JSON": '{"client_secret": "abcdef"}',
    "JSON without the key": "{}",
    "int": 123_456_789,
}


@pytest.mark.fault(125)
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_value_that_is_no_secret(make: Make, fake: FakeCognito, world: World, value: object) -> None:
    """An error that names the field and what is wrong with it, never the value; nothing is sent."""
    with pytest.raises(ConfigurationError, match="client_secret") as caught:
        world.get(make(client_secret=Vault(value)))
    assert "abc" not in str(caught.value)
    assert "123" not in str(caught.value)
    assert fake.counts()["token_connections"] == 0


@pytest.mark.fault(125)
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_one_line_break_at_the_end(
    make: Make, fake: FakeCognito, events: list[Event], world: World, ending: str
) -> None:
    """Is cut off, with a warning: a file or a shell adds one."""
    world.get(make(client_secret=Vault(fake.client_secret + ending)))
    assert names(events).count("secret_newline_stripped") == 1


@pytest.mark.fault(126)
def test_source_that_gives_bytes(make: Make, fake: FakeCognito, world: World) -> None:
    """A binary secret is a ConfigurationError that says so, also in a list beside a good one."""
    for value in (b"\x00\x01\xff", [fake.client_secret, b"\x00"], bytearray(b"abc"), memoryview(b"abc")):
        with pytest.raises(ConfigurationError, match=r"client_secret: is of type \w+, not a string"):
            world.get(make(client_secret=Vault(value)))
    assert fake.counts()["token_connections"] == 0


@pytest.mark.fault(126)
def test_binary_secret_of_secrets_manager(make: Make, fake: FakeCognito, vault: SecretsService, world: World) -> None:
    """It has no text: the error says where it lies and that it is bytes; nothing is sent."""
    source = SecretsManagerSecret(vault.create(b"\x00\x01\xff"), endpoint_url=vault.url)
    with pytest.raises(ConfigurationError, match=r"in secret files/client-\d+: is of type bytes, not a string"):
        world.get(make(client_secret=source))
    assert fake.counts()["token_connections"] == 0


@pytest.mark.fault(126)
def test_encrypted_parameter_is_decrypted(make: Make, fake: FakeCognito, vault: SecretsService, world: World) -> None:
    """The Parameter Store gives the cipher text to who does not ask for more."""
    vault.put_parameter("/files/encrypted", fake.client_secret)
    assert vault.parameter_as_it_lies("/files/encrypted") != fake.client_secret
    world.get(make(client_secret=ParameterStoreSecret("/files/encrypted", endpoint_url=vault.url)))
    assert statuses(fake) == [200]


@pytest.mark.fault(135)
def test_botocore_at_debug(
    make: Make, fake: FakeCognito, vault: SecretsService, caplog: pytest.LogCaptureFixture
) -> None:
    """It logs each answer as it is; of our reading, refused, repeated and all, no library below us logs a line."""
    name = vault.create("wrong")
    vault.put(name, fake.client_secret, "AWSPENDING")
    credentials = make(client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))
    caplog.set_level(logging.DEBUG)
    credentials.get_token()
    assert statuses(fake) == [400, 200]
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"s2sauth", "httpx", "httpcore"}
    assert fake.client_secret not in caplog.text


@pytest.fixture
def environ(fake: FakeCognito) -> dict[str, str]:
    """What `from_env()` reads."""
    return dict(fake.environ)


@pytest.fixture
def from_env(make: Make, environ: dict[str, str]) -> CognitoClientCredentials:
    """Credentials with the secret in the environment."""
    return make(client_secret=EnvironmentSecret(("APP_CLIENT_SECRET",), environ))


@pytest.mark.fault(127)
def test_changed_variable_is_read_at_the_next_renewal(
    from_env: CognitoClientCredentials, environ: dict[str, str], fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """No restart: the variable is read when a token is requested."""
    world.get(from_env)
    environ["APP_CLIENT_SECRET"] = fake.rotate_secret()
    clock.advance(4000)
    world.get(from_env)
    assert statuses(fake) == [200, 200]


@pytest.mark.fault(127)
def test_variable_changed_after_a_refusal_is_picked_up(
    from_env: CognitoClientCredentials, environ: dict[str, str], fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The refusal of the old value is remembered for seconds, not for ever."""
    new = fake.rotate_secret()
    with pytest.raises(InvalidClient):
        world.get(from_env)
    environ["APP_CLIENT_SECRET"] = new
    clock.advance(6)
    world.get(from_env)


@pytest.mark.fault(127)
def test_variable_removed_after_it_worked(
    from_env: CognitoClientCredentials, environ: dict[str, str], events: list[Event], clock: ManualClock, world: World
) -> None:
    """The last good value goes on to be used, and an event says so; a STALE token is served meanwhile as always."""
    old = world.get(from_env)
    del environ["APP_CLIENT_SECRET"]
    clock.advance(2880)
    assert world.get(from_env) is old
    settled(from_env)
    assert world.get(from_env) is not old
    assert names(events).count("secret_source_failed") == 1


@pytest.mark.fault(127)
def test_variable_removed_before_it_was_ever_used(
    from_env: CognitoClientCredentials, environ: dict[str, str], clock: ManualClock, world: World
) -> None:
    """A ConfigurationError that names the variable; set again, it is read again after the pause."""
    value = environ.pop("APP_CLIENT_SECRET")
    with pytest.raises(ConfigurationError, match="set APP_CLIENT_SECRET"):
        world.get(from_env)
    environ["APP_CLIENT_SECRET"] = value
    clock.advance(0.5)
    world.get(from_env)
