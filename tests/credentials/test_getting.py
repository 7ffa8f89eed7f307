"""Getting a token: one for everybody, kept while it is good."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from s2sauth import AccessToken, CognitoClientCredentials, ConfigurationError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import PATIENCE, WORLDS, Asyncio, GetToken, Threads, Trio, World

Make = Callable[..., CognitoClientCredentials]


def test_constructor_sends_nothing(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Building the object opens no connection."""
    assert fake.counts()["token_connections"] == 0


def test_token_is_fetched_at_the_first_call(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """The first caller gets what the token endpoint issued."""
    token = world.get(credentials)
    assert isinstance(token, AccessToken)
    assert [request.form["scope"] for request in fake.token_requests] == ["demo/read.file"]
    assert token.scopes == ("demo/read.file",)


def test_token_is_cached_while_it_is_fresh(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Up to the renewal point every caller gets the same object, and nothing is sent."""
    token = world.get(credentials)
    clock.advance(2879)
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1


def test_many_callers_on_a_cold_object_cost_one_token_request(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """Two hundred callers wait for one flight and get the same token."""
    fake.gate()
    callers = world.ask(credentials, 200)
    fake.release()
    assert len({id(token) for token in callers.values()}) == 1
    assert fake.counts()["token_requests"] == 1


def test_threads_and_tasks_of_all_kinds_share_one_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """Threads, two asyncio loops and a trio run on one object cost one token request."""
    fake.gate()
    crowd = [world.ask(credentials, 20) for world in (Threads(), Asyncio(), Asyncio(), Trio())]
    fake.release()
    assert len({id(token) for callers in crowd for token in callers.values()}) == 1
    assert fake.counts()["token_requests"] == 1


def test_token_knows_its_life(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """`expires_in` is the life it was issued with, `remaining()` what is left of it, `expires_at` is for people."""
    token = credentials.get_token()
    assert token.expires_in == 3600
    assert token.expires_at == datetime.fromtimestamp(clock.wall() + 3600, UTC)
    clock.advance(600)
    assert token.remaining() == 3000
    clock.advance(3600)
    assert token.remaining() == 0


def test_life_counts_from_before_the_request_was_sent(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """An answer that took five seconds brings a token that is five seconds old."""
    fake.gate()
    callers = world.ask(credentials)
    fake.wait_for_token_requests()
    clock.advance(5)
    fake.release()
    assert callers.values()[0].remaining() == 3595


def test_auth_headers_carry_the_token(credentials: CognitoClientCredentials) -> None:
    """One header for any other HTTP client."""
    assert credentials.auth_headers() == {"Authorization": f"Bearer {credentials.get_token().access_token}"}


def test_two_objects_share_nothing(make: Make, fake: FakeCognito) -> None:
    """Each credentials object has its own token: build it once."""
    assert make().get_token().access_token != make().get_token().access_token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("inf"), True, "5", 1j])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, timeout: object
) -> None:
    """The error names the argument and the form, and nothing is sent."""
    with pytest.raises(ConfigurationError, match="timeout: seconds, 0 or more"):
        world.get(credentials, timeout=timeout)
    assert fake.counts()["token_requests"] == 0


def test_arguments_are_keyword_only(credentials: CognitoClientCredentials) -> None:
    """`get_token(5)` could mean anything."""
    with pytest.raises(TypeError):
        credentials.get_token(5)  # type: ignore[call-arg]  # that is the test


def test_scopes_none_asks_for_none_and_gets_all(make: Make, fake: FakeCognito) -> None:
    """Cognito then grants all of the app client's, and the token says which."""
    token = make(scopes=None).get_token()
    assert "scope" not in fake.token_requests[0].form
    assert token.scopes == ("demo/read.file", "demo/write.file")


def test_token_request_is_as_the_rfc_wants_it(make: Make, fake: FakeCognito) -> None:
    """RFC 6749 4.4.2: a POST of a form, exactly this content type, one authentication, metadata as one JSON text."""
    make(scopes="demo/write.file demo/read.file", client_metadata={"b": "2", "a": "1"}).get_token()
    (request,) = fake.token_requests
    assert request.method == "POST"
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    assert request.header("accept") == "application/json"
    assert (request.header("user-agent") or "").startswith("s2sauth/")
    assert (request.header("authorization") or "").startswith("Basic ")
    assert request.form == {
        "grant_type": "client_credentials",
        "scope": "demo/read.file demo/write.file",
        "aws_client_metadata": '{"a":"1","b":"2"}',
    }


@pytest.mark.parametrize("secret", ["a+b/c==", "a%2Bb", "a&b=c"])
def test_secret_that_basic_authentication_makes_ambiguous_goes_into_the_body(
    make: Make, fake: FakeCognito, secret: str
) -> None:
    """RFC 6749 form-encodes it there, AWS does not; in the body both agree. Never both places."""
    fake.rotate_secret(secret)
    make(client_secret=secret).get_token()
    (request,) = fake.token_requests
    assert request.header("authorization") is None
    assert (request.form["client_id"], request.form["client_secret"]) == (fake.client_id, secret)


@pytest.mark.parametrize(
    ("method", "in_header"), [("client_secret_basic", True), ("client_secret_post", False), ("auto", True)]
)
def test_auth_method_says_where_the_secret_goes(make: Make, fake: FakeCognito, method: str, in_header: bool) -> None:
    """One of two places."""
    make(auth_method=method).get_token()
    (request,) = fake.token_requests
    assert (request.header("authorization") is not None) is in_header
    assert ("client_secret" in request.form) is not in_header


@pytest.mark.parametrize(("asked", "scopes"), [("a b", ("a", "b")), (None, None)])
def test_scopes_of_an_opaque_token_are_those_asked_for(
    make: Make, fake: FakeCognito, asked: str | None, scopes: tuple[str, ...] | None
) -> None:
    """Else None: nobody knows."""
    fake.answer_json({"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600})
    assert make(scopes=asked).get_token().scopes == scopes


def test_token_url_keeps_its_query(make: Make, fake: FakeCognito) -> None:
    """A caching proxy may need one."""
    make(token_url=f"{fake.token_url}?tenant=7").get_token()
    assert fake.token_requests[0].path == "/oauth2/token?tenant=7"


def test_cached_read_takes_no_lock_of_ours(credentials: CognitoClientCredentials) -> None:
    """A thread that holds whatever lock it likes holds up nobody: the read only compares."""
    token = credentials.get_token()
    with credentials._engine.slots._lock:
        got: list[AccessToken] = []
        reader = threading.Thread(target=lambda: got.append(credentials.get_token()))
        reader.start()
        reader.join(PATIENCE)
    assert got == [token]


def test_every_world_is_tried() -> None:
    """The suite's own promise: threads, asyncio and trio."""
    assert [world.name for world in WORLDS] == ["threads", "asyncio", "trio"]


def test_callers_of_different_scopes_do_not_wait_for_each_other(make: Make, fake: FakeCognito, world: World) -> None:
    """Each scope set has its own flight: all requests are under way at once, and each caller gets its own token."""
    credentials = make(scopes=None)
    read, write = credentials.with_scopes("demo/read.file"), credentials.with_scopes("demo/write.file")
    fake.gate()
    callers = world.start([GetToken(read), GetToken(write), GetToken(credentials)])
    fake.wait_for_token_requests(3)
    fake.release()
    assert [token.scopes for token in callers.values()] == [
        ("demo/read.file",),
        ("demo/write.file",),
        ("demo/read.file", "demo/write.file"),
    ]
