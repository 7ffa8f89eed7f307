"""`http_client`: a factory whose clients carry the token request and nothing else of theirs."""

import errno
import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import NO_TLS, plain_client
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


class Factory:
    """Counts its clients."""

    def __init__(self, **arguments: Any) -> None:
        self.made: list[httpx.Client] = []
        self._arguments = arguments

    def __call__(self) -> httpx.Client:
        self.made.append(httpx.Client(verify=NO_TLS, trust_env=False, **self._arguments))
        return self.made[-1]


def test_factory_is_called_once_for_each_flight(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Not for each attempt, not for each caller, not at construction; each client is closed."""
    clock.set_random(0.0)
    factory = Factory()
    credentials = make(http_client=factory)
    credentials.httpx_auth("https://api.example.com")
    assert factory.made == []
    fake.fail(503, times=2)
    credentials.get_token()
    clock.advance(3600)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 4
    assert [client.is_closed for client in factory.made] == [True, True]


def test_client_is_closed_when_the_flight_fails(make: Make, fake: FakeCognito) -> None:
    """Whatever the end."""
    factory = Factory()
    fake.fail(405)
    with pytest.raises(Exception, match="405"):
        make(http_client=factory).get_token()
    assert [client.is_closed for client in factory.made] == [True]


def test_no_connection_outlives_a_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Each flight connects anew: fork, freeze and restore have none to inherit."""
    for _ in range(3):
        credentials.get_token()
        clock.advance(3600)
    assert fake.counts()["token_connections"] == 3


def test_attempts_of_a_flight_share_its_connection(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """One client for all of them."""
    clock.set_random(0.0)
    fake.fail(503, times=2)
    credentials.get_token()
    assert fake.counts()["token_connections"] == 1


def test_factory_runs_on_the_flights_thread(make: Make, world: World) -> None:
    """As everything of the user's that a flight needs."""
    import threading

    seen = []

    def factory() -> httpx.Client:
        seen.append(threading.get_ident())
        return plain_client()

    world.get(make(http_client=factory))
    assert seen
    assert threading.get_ident() not in seen


def test_nothing_of_the_client_but_its_transport_takes_part(make: Make, fake: FakeCognito) -> None:
    """Default headers, cookies, parameters and base URL never reach the token request; the User-Agent is ours."""
    factory = Factory(
        headers={"X-Own": "1", "User-Agent": "theirs", "Authorization": "Basic abc"},
        cookies={"session": "1"},
        params={"a": "b"},
        base_url="https://elsewhere.example/api",
    )
    make(http_client=factory).get_token()
    (request,) = fake.token_requests
    assert request.header("x-own") is None
    assert request.header("cookie") is None
    assert request.path == "/oauth2/token"
    assert (request.header("user-agent") or "").startswith("s2sauth/")
    assert request.status == 200


def test_cookies_of_the_answer_are_never_sent_back(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Not by the next attempt, not by the next flight."""
    clock.set_random(0.0)
    fake.fail(503, times=1, headers=[("Set-Cookie", "a=b; Path=/")])
    credentials.get_token()
    clock.advance(3600)
    credentials.get_token()
    assert [request.header("cookie") for request in fake.token_requests] == [None] * 3


def test_answer_that_is_in_memory(make: Make) -> None:
    """As a user's own tests give it, whose httpx.Response has been read when it is made."""
    answer = {"access_token": "from-a-mock", "token_type": "Bearer", "expires_in": 3600}
    factory = Factory(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    credentials = make(http_client=factory, policy=RenewalPolicy(attempts=1))
    assert credentials.get_token().access_token == "from-a-mock"


def test_answer_in_memory_that_is_too_long(make: Make) -> None:
    """The same cap of 64 KiB as for one on the wire."""
    answer = {"access_token": "from-a-mock", "token_type": "Bearer", "expires_in": 3600, "more": "x" * 65536}
    factory = Factory(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    with pytest.raises(TokenResponseInvalid, match="no JSON object of a usable size"):
        make(http_client=factory).get_token()


def test_attempt_is_given_what_is_left_and_2_and_4_s_at_most(make: Make, clock: ManualClock) -> None:
    """Connect 2 s, read 4 s; less when the deadline is nearer."""
    clock.set_random(0.0)
    seen: list[tuple[float, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        limits = request.extensions["timeout"]
        seen.append((limits["connect"], limits["read"]))
        clock.advance(2.5)
        return httpx.Response(503)

    with pytest.raises(TokenUnavailable):
        make(http_client=Factory(transport=httpx.MockTransport(answer))).get_token()
    assert seen == [(2.0, 4.0), (2.0, 4.0), (2.0, 3.0)]


def test_time_outs_of_the_client_do_not_count(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Ours do: a factory's `timeout=None` is no unlimited wait, and its 1 ns no failure."""
    make(http_client=Factory(timeout=1e-9)).get_token()


def auth(request: httpx.Request) -> httpx.Request:
    """A function as auth."""
    return request


def closed() -> httpx.Client:
    """A client that somebody has used before."""
    client = plain_client()
    client.close()
    return client


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "it gave NoneType"),
    "an async client": (lambda: httpx.AsyncClient(verify=NO_TLS), "it gave AsyncClient"),
    "a class": (lambda: httpx.Client, "it gave type"),
    "a closed one": (closed, "closed one"),
    "with auth": (lambda: httpx.Client(verify=NO_TLS, auth=("user", "word")), "auth or event hooks"),
    "with a function as auth": (lambda: httpx.Client(verify=NO_TLS, auth=auth), "auth or event hooks"),
    "with a request hook": (
        lambda: httpx.Client(verify=NO_TLS, event_hooks={"request": [print]}),
        "auth or event hooks",
    ),
    "with a response hook": (
        lambda: httpx.Client(verify=NO_TLS, event_hooks={"response": [print]}),
        "auth or event hooks",
    ),
    "an exception": (lambda: 1 / 0, "raised ZeroDivisionError"),
}


@pytest.mark.parametrize(("factory", "says"), WRONG.values(), ids=WRONG)
def test_factory_that_gives_the_wrong_thing_is_a_configuration_error(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, factory: Callable[[], Any], says: str
) -> None:
    """It names the field; nothing is sent; the factory is called again after a pause."""
    calls = []

    def first_wrong() -> httpx.Client:
        calls.append(1)
        client: httpx.Client = factory() if len(calls) == 1 else plain_client()
        return client

    credentials = make(http_client=first_wrong)
    for _ in range(5):
        with pytest.raises(ConfigurationError, match=rf"http_client: .*{says}"):
            world.get(credentials)
    assert fake.counts()["token_connections"] == 0
    assert len(calls) == 1
    clock.advance(0.5)
    world.get(credentials)


def test_client_that_is_given_twice_is_refused(make: Make, clock: ManualClock) -> None:
    """A kept client instead of a factory: the second flight finds it closed, and says why."""
    client = plain_client()
    credentials = make(http_client=lambda: client)
    credentials.get_token()
    clock.advance(3600)
    with pytest.raises(ConfigurationError, match="same client twice"):
        credentials.get_token()


def test_client_instead_of_a_factory_is_refused_at_construction(make: Make) -> None:
    """The message shows the form."""
    with plain_client() as client, pytest.raises(ConfigurationError, match=r"http_client.*lambda"):
        make(http_client=client)


def test_token_request_has_a_pool_of_its_own(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The user's traffic cannot keep it from a connection."""
    limits = httpx.Limits(max_connections=1)
    auth = make().httpx_auth(fake.api_url)
    with httpx.Client(auth=auth, limits=limits, verify=False, trust_env=False) as client:
        with client.stream("GET", f"{fake.api_url}/files") as held:
            assert not held.is_stream_consumed
            clock.advance(3600)
            make().get_token()


def test_transport_that_raises_what_it_likes_is_an_outage(make: Make, clock: ManualClock, world: World) -> None:
    """Its errors are TokenUnavailable, without their text, which may quote the header."""
    clock.set_random(0.0)

    def broken(request: httpx.Request) -> httpx.Response:
        raise ValueError(f"bad header {request.headers['Authorization']}")

    credentials = make(http_client=Factory(transport=httpx.MockTransport(broken)))
    with pytest.raises(TokenUnavailable, match="ValueError") as caught:
        world.get(credentials)
    assert "Basic" not in str(caught.value)


def test_factory_that_finds_no_file_descriptor_is_not_blamed(make: Make) -> None:
    """TokenUnavailable: the next try may find one."""

    def starved() -> httpx.Client:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.raises(TokenUnavailable, match="too many open files"):
        make(http_client=starved).get_token()
