"""The client secret: read when a token is requested, asked again after a refusal, and what no secret is."""

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


class Source:
    """Gives what the test put there, and counts how often it was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self) -> object:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Hidden:
    """As pydantic's SecretStr."""

    def __init__(self, value: str) -> None:
        self.get_secret_value = lambda: value


def used(fake: FakeCognito) -> list[int]:
    """The statuses of the token requests."""
    return [request.status for request in fake.token_requests]


@pytest.mark.parametrize(
    "wrap",
    [
        str,
        Hidden,
        lambda secret: lambda: secret,
        lambda secret: lambda: [secret],
        lambda secret: lambda: Hidden(secret),
    ],
    ids=["string", "object", "callable", "callable-list", "callable-object"],
)
def test_every_form_of_secret_works(make: Make, fake: FakeCognito, wrap: Callable[[str], object], world: World) -> None:
    """A string, an object with get_secret_value(), a callable that gives one or several."""
    world.get(make(client_secret=wrap(fake.client_secret)))
    assert used(fake) == [200]


def test_source_is_not_read_at_construction(make: Make, fake: FakeCognito) -> None:
    """Building the object does no I/O, and neither do a view, a hook or a repr."""
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    credentials.with_scopes("demo/write.file")
    credentials.httpx_auth("https://api.example.com")
    repr(credentials)
    credentials.state()
    assert source.calls == 0


def test_source_is_read_once_for_each_flight(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Not for each caller, and not for each attempt."""
    clock.set_random(0.0)
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    fake.fail(503, times=2)
    credentials.get_token()
    credentials.get_token()
    assert source.calls == 1


def test_changed_secret_is_noticed_at_the_next_flight(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The source gives the new one: nothing fails."""
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    credentials.get_token()
    source.answers = [fake.rotate_secret()]
    clock.advance(4000)
    credentials.get_token()
    assert used(fake) == [200, 200]


def test_refused_secret_is_read_again_and_what_is_new_is_tried(make: Make, fake: FakeCognito) -> None:
    """A source that cached the old one gives the new one when asked again."""
    old, new = fake.client_secret, fake.rotate_secret()
    make(client_secret=Source(old, new)).get_token()
    assert used(fake) == [400, 200]


def test_refused_secret_that_has_not_changed_is_tried_once(make: Make, fake: FakeCognito, world: World) -> None:
    """Asking twice with the same secret helps nobody."""
    source = Source("wrong")
    with pytest.raises(InvalidClient):
        world.get(make(client_secret=source))
    assert used(fake) == [400]
    assert source.calls == 2


def test_both_of_two_live_secrets_are_tried_in_order(make: Make, fake: FakeCognito) -> None:
    """Each once, until one is accepted."""
    make(client_secret=Source(["first", "second", fake.client_secret])).get_token()
    assert used(fake) == [400, 400, 200]


def test_secret_that_worked_is_remembered(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The next flight begins with it, wherever it stands in the list."""
    credentials = make(client_secret=Source(["old", fake.client_secret]))
    credentials.get_token()
    clock.advance(4000)
    credentials.get_token()
    assert used(fake) == [400, 200, 200]


def test_views_share_what_worked(make: Make, fake: FakeCognito) -> None:
    """One client, one secret."""
    credentials = make(client_secret=Source(["old", fake.client_secret]))
    credentials.get_token()
    credentials.with_scopes("demo/write.file").get_token()
    assert used(fake) == [400, 200, 200]


def test_wrong_value_stored_by_mistake_leaves_the_last_good_secret(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """A rotation that stores the wrong value is tried first, then what worked last; the event is for who stored it."""
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    credentials.get_token()
    source.answers = ["wrong"]
    for _ in range(2):
        clock.advance(4000)
        credentials.get_token()
    assert used(fake) == [200, 400, 200, 400, 200]
    assert [name for name in names(events) if name.startswith("secret_")] == ["secret_refused"] * 2


def test_last_good_secret_that_is_refused_too_leaves_the_refusal(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """Each was tried once; the refusal is remembered like any other."""
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    credentials.get_token()
    source.answers = ["wrong"]
    fake.rotate_secret()
    clock.advance(4000)
    for _ in range(3):
        with pytest.raises(InvalidClient):
            credentials.get_token()
    assert used(fake) == [200, 400, 400]


def test_source_that_is_down_leaves_the_last_good_value(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """What worked last may still work; that it was used is an event, which names the class that the source raised."""
    source = Source(fake.client_secret, OSError("vault sealed"))
    credentials = make(client_secret=source)
    credentials.get_token()
    clock.advance(4000)
    credentials.get_token()
    assert source.calls == 2
    assert used(fake) == [200, 200]
    assert [(event.name, event.error) for event in events if event.error] == [("secret_source_failed", "OSError")]


def test_source_that_fails_with_nothing_known_is_an_event_too(make: Make, events: list[Event]) -> None:
    """The failed renewal says what it meant for the caller, this one where to look."""
    with pytest.raises(TokenUnavailable):
        make(client_secret=Source(OSError("sealed"))).get_token()
    assert names(events) == ["renewal_started", "secret_source_failed", "renewal_failed"]


def test_source_that_was_never_up_is_an_outage(make: Make, fake: FakeCognito, world: World, clock: ManualClock) -> None:
    """TokenUnavailable, which names the class and never the text; nothing is sent, and it is remembered like one."""
    source = Source(OSError("password=hunter2"))
    credentials = make(client_secret=source)
    with pytest.raises(TokenUnavailable, match="OSError") as caught:
        world.get(credentials)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    assert source.calls == 1
    assert fake.counts()["token_connections"] == 0
    clock.advance(30)
    source.answers = [fake.client_secret]
    world.get(credentials)


@pytest.mark.parametrize(
    "second", [OSError("sealed"), ConfigurationError("empty file"), "", []], ids=["down", "config", "empty", "none"]
)
def test_source_that_fails_when_asked_again_leaves_the_refusal(make: Make, fake: FakeCognito, second: object) -> None:
    """What the endpoint said stands, and is remembered; a source that is down afterwards does not make it an outage."""
    credentials = make(client_secret=Source("wrong", second))
    for _ in range(3):
        with pytest.raises(InvalidClient):
            credentials.get_token()
    assert used(fake) == [400]


WRONG: dict[str, object] = {
    "empty": "",
    "blank": " ",
    "inner blank": "a b",
    "leading blank": " abc",
    "NUL": "a\0b",
    "BOM": "\ufeffabc",
    "quotes": '"abc"',
    "JSON": '{"secret": "abc"}',
    "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
    "25 kB": "a" * 25_000,
    "non-ASCII": "äbc",
    "bytes": b"abc",
    "int": 7,
    "None": None,
    "empty list": [],
    "list with None": ["abc", None],
    "dict": {"secret": "abc"},
    "two newlines": "abc\n\n",
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_wrong_value_from_a_source_is_a_configuration_error(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, value: object
) -> None:
    """It names the field, never the value; nothing is sent; the source is asked again after a pause."""
    source = Source(value)
    credentials = make(client_secret=source)
    for _ in range(5):
        with pytest.raises(ConfigurationError, match="client_secret") as caught:
            world.get(credentials)
    assert "abc" not in str(caught.value)
    assert fake.counts()["token_connections"] == 0
    assert source.calls == 1
    source.answers = [fake.client_secret]
    clock.advance(0.5)
    world.get(credentials)


def test_literal_secret_with_a_newline_works_too(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """The same for a string."""
    make(client_secret=fake.client_secret + "\n").get_token()
    assert "secret_newline_stripped" in names(events)


def test_stale_token_is_served_while_the_source_is_wrong(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Even a source that turns out an empty string is nobody's failure while a token lives."""
    source = Source(fake.client_secret)
    credentials = make(client_secret=source)
    old = world.get(credentials)
    source.answers = [""]
    clock.advance(2880)
    world.get(credentials)
    settled(credentials)
    assert world.get(credentials) is not None
    assert old.remaining() > 0
