"""close(): tokens forgotten, waiters told, every later call refused."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable

import pytest

from s2sauth import AccessToken, CognitoClientCredentials, CredentialsClosed, Event
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.scripts import run
from tests.support.settled import eventually
from tests.support.worlds import PATIENCE, Asyncio, GetToken, Threads, Trio, World, run_asyncio

Make = Callable[..., CognitoClientCredentials]


def test_closed_object_gives_no_token(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """Not even the one that it had."""
    world.get(credentials)
    credentials.close()
    with pytest.raises(CredentialsClosed):
        world.get(credentials)
    assert fake.counts()["token_requests"] == 1


def test_no_object_holds_the_token_of_a_closed_one(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Neither those that kept it nor the flight that brought it."""
    value = credentials.get_token().access_token
    credentials.close()
    credentials.close()
    gc.collect()

    assert not [one for one in gc.get_objects() if isinstance(one, AccessToken) and one.access_token == value]


def test_object_closed_before_its_first_use_sends_nothing(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """No connection at all."""
    credentials.close()
    with pytest.raises(CredentialsClosed):
        world.get(credentials)
    assert fake.counts()["token_connections"] == 0


def test_waiters_are_told(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """Nobody waits for a token that nobody will get; each has an exception of its own."""
    fake.gate()
    callers = world.ask(credentials, 10)
    fake.wait_for_token_requests()
    credentials.close()
    errors = callers.errors()
    assert {type(error) for error in errors} == {CredentialsClosed}
    assert len({id(error) for error in errors}) == 10


def test_waiters_in_a_pause_are_told(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The flight pauses between two attempts: its pause ends, and no other attempt is made."""
    fake.fail(503)
    callers = world.ask(credentials)
    fake.wait_for_token_requests()
    clock.wait_for_sleepers(1 if world.awaits else 2)
    flight = credentials._slot.flight
    credentials.close()
    assert [type(error) for error in callers.errors()] == [CredentialsClosed]
    eventually(lambda: flight.thread is None)
    assert fake.counts()["token_requests"] == 1
    assert fake.counts()["token_connections"] == 1


def test_waiters_for_a_replacement_are_told(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """They have a suspected token to go on with, but no longer from a closed object."""
    token = credentials.get_token()
    clock.advance(60)
    credentials.invalidate(token)
    fake.gate()
    callers = world.ask(credentials)
    fake.wait_for_token_requests(2)
    credentials.close()
    assert [type(error) for error in callers.errors()] == [CredentialsClosed]


def test_close_is_an_event_once(credentials: CognitoClientCredentials, events: list[Event]) -> None:
    """Whoever looks for the reason of CredentialsClosed finds it in the log."""
    credentials.close()
    credentials.close()
    assert names(events) == ["closed"]


def test_close_of_one_view_closes_all(credentials: CognitoClientCredentials, world: World) -> None:
    """They are one object."""
    view = credentials.with_scopes("demo/write.file")
    world.get(view)
    world.get(credentials)
    view.close()
    for each in (view, credentials, credentials.with_scopes("demo/read.file", "demo/write.file")):
        with pytest.raises(CredentialsClosed):
            world.get(each)


def test_token_that_arrives_after_close_is_not_kept(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """A closed object holds nothing to leak."""
    fake.gate()
    callers = Asyncio().ask(credentials)
    fake.wait_for_token_requests()
    flight = credentials._slot.flight
    credentials.close()
    callers.errors()
    fake.release()
    assert flight.outcome is not None
    assert credentials._slot.newest is None


def test_with_closes(make: Make) -> None:
    """`with` and `async with`."""
    with make() as credentials:
        credentials.get_token()
    with pytest.raises(CredentialsClosed):
        credentials.get_token()


def test_async_with_closes(make: Make) -> None:
    """In a task as well."""

    async def main() -> CognitoClientCredentials:
        async with make() as credentials:
            await credentials.aget_token()
        return credentials

    credentials = run_asyncio(main)
    with pytest.raises(CredentialsClosed):
        credentials.get_token()


def test_close_in_one_world_wakes_the_others(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Waiters of two loops and of this thread's making."""
    fake.gate()
    crowds = [Asyncio().ask(credentials, 3), Trio().ask(credentials, 3)]
    credentials.close()
    assert {type(error) for callers in crowds for error in callers.errors()} == {CredentialsClosed}


def test_state_of_a_closed_object_is_empty(credentials: CognitoClientCredentials) -> None:
    """Looking at it is no error."""
    credentials.get_token()
    credentials.close()
    assert credentials.state().expires_in is None


def test_invalidate_after_close_is_nothing(credentials: CognitoClientCredentials) -> None:
    """A late 401 harms nobody."""
    token = credentials.get_token()
    credentials.close()
    credentials.invalidate(token)


def test_no_token_request_goes_out_when_close_comes_while_the_secret_is_read(make: Make, fake: FakeCognito) -> None:
    """A flight looks whether it was ended before it costs money."""
    reading, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        reading.set()
        assert go_on.wait(PATIENCE)
        return fake.client_secret

    credentials = make(client_secret=slow)
    callers = Threads().start([GetToken(credentials)])
    assert reading.wait(PATIENCE)
    flight = credentials._slot.flight
    credentials.close()
    go_on.set()
    assert isinstance(callers.errors()[0], CredentialsClosed)
    eventually(lambda: flight.thread is None)
    assert fake.counts()["token_requests"] == 0


def test_token_that_is_put_back_after_close_is_not_handed_out(credentials: CognitoClientCredentials) -> None:
    """A thread that was held up just before it assigned the token does so after close() has returned."""
    credentials.get_token()
    held_up = credentials._slot.entry
    credentials.close()
    credentials._slot.entry = held_up
    with pytest.raises(CredentialsClosed):
        credentials.get_token()


@pytest.mark.fault(98)
def test_close_ends_the_flight_and_tells_its_waiters(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Waiters of a cold object are told, so is who comes later; the request ends; closing it again is nothing."""
    fake.gate()
    callers = world.ask(credentials, 10)
    fake.wait_for_token_requests()
    flight = credentials._slot.flight
    began = time.monotonic()
    credentials.close()
    assert {type(error) for error in callers.errors()} == {CredentialsClosed}
    eventually(lambda: flight.thread is None)
    assert time.monotonic() - began < 3.0  # its connection was ended: left alone it would have waited for 4 s
    credentials.close()
    with pytest.raises(CredentialsClosed):
        world.get(credentials)


@pytest.mark.fault(98)
def test_close_in_one_loop_tells_the_waiters_of_another(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """The object belongs to no loop: closed in one, its waiters in another one are told."""
    fake.gate()
    callers = Asyncio().ask(credentials, 3)

    async def elsewhere() -> None:
        async with credentials:
            pass

    asyncio.run(elsewhere())
    assert {type(error) for error in callers.errors()} == {CredentialsClosed}


@pytest.mark.fault(98)
def test_nothing_is_left_open_closed_or_not(fake: FakeCognito) -> None:
    """Python's development mode complains of no socket, loop or thread, closed or not. A fresh interpreter."""
    script = """
        import asyncio, gc, httpx, os, s2sauth
        api = os.environ["FILES_SERVICE_URL"]

        async def main(credentials):
            asyncio.get_running_loop().slow_callback_duration = 10  # slowness is no leak
            asks = [asyncio.ensure_future(credentials.aget_token()) for _ in range(3)]
            await asyncio.sleep(0)
            credentials.close()
            return await asyncio.gather(*asks, return_exceptions=True)

        closed = s2sauth.CognitoClientCredentials.from_env()
        print({type(error).__name__ for error in asyncio.run(main(closed))})
        left_open = s2sauth.CognitoClientCredentials.from_env()
        assert httpx.get(api + "/files", auth=left_open.httpx_auth(api)).status_code == 200
        del closed, left_open
        gc.collect()
    """
    assert run(script, fake.environ, options=["-X", "dev", "-W", "error"]) == "{'CredentialsClosed'}"
