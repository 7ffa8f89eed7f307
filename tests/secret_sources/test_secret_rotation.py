"""The client secret: read when a token is requested, rotated under way, and what happens when its source is down."""

from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, InvalidClient, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


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


def test_rotation_with_two_live_secrets_fails_nobody(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """Create the new one, switch, delete the old one: a token at each step, and one event."""
    source = Source([fake.client_secret])
    credentials = make(client_secret=source)
    credentials.get_token()
    old, new = fake.client_secret, fake.rotate_secret(keep_old=True)
    for answer in ([old, new], [new, old], [new]):
        source.answers = [answer]
        clock.advance(4000)
        credentials.get_token()
    fake.rotate_secret(new)
    clock.advance(4000)
    credentials.get_token()
    assert used(fake) == [200] * 5
    assert names(events).count("secret_changed") == 1


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


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_trailing_newline_is_cut_with_a_warning(
    make: Make, fake: FakeCognito, events: list[Event], ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A file or a shell often adds one."""
    make(client_secret=Source(fake.client_secret + ending)).get_token()
    assert used(fake) == [200]
    assert "secret_newline_stripped" in names(events)
    assert [record.levelname for record in caplog.records if "secret_newline_stripped" in record.getMessage()] == [
        "WARNING"
    ]


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
