"""Callers who wait for one flight, and what becomes of them."""

import asyncio
import contextvars
import gc
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from s2sauth import CognitoClientCredentials, InvalidClient, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.alarms import Alarm
from tests.support.settled import settled
from tests.support.worlds import Threads, World, run_asyncio

Make = Callable[..., CognitoClientCredentials]


class Cancelling:
    """Tasks that wait for a token, of which the first ones are cancelled."""

    def asyncio(self, wait: Callable[[], Awaitable[Any]], n: int, cancelled: int, then: Callable[[], object]) -> Any:
        async def main() -> list[Any]:
            tasks = [asyncio.ensure_future(wait()) for _ in range(n)]  # type: ignore[arg-type]  # coroutines
            await asyncio.sleep(0)
            for task in tasks[:cancelled]:
                task.cancel()
            await asyncio.sleep(0)
            then()
            got = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in got[:cancelled])
            return got[cancelled:]

        return run_asyncio(main)

    def trio(self, wait: Callable[[], Awaitable[Any]], n: int, cancelled: int, then: Callable[[], object]) -> Any:
        got: list[Any] = []

        async def one(scope: trio.CancelScope) -> None:
            with scope:
                got.append(await wait())

        async def main() -> None:
            scopes = [trio.CancelScope() for _ in range(n)]
            async with trio.open_nursery() as nursery:
                for scope in scopes:
                    nursery.start_soon(one, scope)
                    await trio.testing.wait_all_tasks_blocked()  # the first one leads
                for scope in scopes[:cancelled]:
                    scope.cancel()
                await trio.testing.wait_all_tasks_blocked()
                then()
            assert all(scope.cancelled_caught for scope in scopes[:cancelled])

        trio.run(main)
        return got


cancelling = pytest.mark.parametrize("run", [Cancelling().asyncio, Cancelling().trio], ids=["asyncio", "trio"])


@pytest.mark.fault(79)
@cancelling
def test_leader_is_cancelled(
    credentials: CognitoClientCredentials, fake: FakeCognito, run: Callable[..., list[Any]]
) -> None:
    """The followers get the token of the flight that it began."""
    fake.gate()
    assert len({id(token) for token in run(credentials.aget_token, 6, 1, fake.release)}) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(79)
def test_leader_is_interrupted(credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm) -> None:
    """A thread's way to be cancelled is Ctrl-C: the followers get the token of the flight that it began."""
    fake.gate()

    def interrupt() -> None:
        raise KeyboardInterrupt

    alarm.once(0.05, interrupt)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
    followers = Threads().ask(credentials, 5)
    fake.release()
    assert len(set(map(id, followers.values()))) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(80)
@cancelling
def test_all_waiters_are_cancelled(
    credentials: CognitoClientCredentials, fake: FakeCognito, run: Callable[..., list[Any]]
) -> None:
    """What the flight brings is kept for the next caller."""
    fake.gate()
    assert run(credentials.aget_token, 5, 5, lambda: None) == []
    fake.release()
    settled(credentials)
    assert credentials.get_token(timeout=0).remaining() == 3600
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(80)
@cancelling
def test_all_waiters_of_a_failure_are_cancelled(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    run: Callable[..., list[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No "exception was never retrieved": the failure is remembered, and nothing complains when all is collected."""
    fake.answer_json({"error": "invalid_client"}, 400)
    fake.gate()
    assert run(credentials.aget_token, 5, 5, lambda: None) == []
    fake.release()
    settled(credentials)
    gc.collect()
    assert [record.name for record in caplog.records if record.levelno > logging.WARNING] == []
    with pytest.raises(InvalidClient):
        credentials.get_token()
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(81)
def test_follower_times_out(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """It fails alone; the flight goes on, and the others get their token from it."""
    fake.gate()
    leader = world.ask(credentials, 3)
    hasty = world.ask(credentials, timeout=0.05)
    clock.advance(0.06)
    assert [type(error) for error in hasty.errors()] == [TokenUnavailable]
    assert credentials._slot.flight.flying
    fake.release()
    assert len(set(map(id, leader.values()))) == 1
    assert fake.counts()["token_requests"] == 1


def frames(error: BaseException) -> int:
    """How long its traceback is."""
    trace, count = error.__traceback__, 0
    while trace is not None:
        trace, count = trace.tb_next, count + 1
    return count


@pytest.mark.fault(82)
def test_failure_is_shared(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A hundred waiters, one series of attempts: each fails with an exception of its own, and none after another."""
    clock.set_random(0.0)
    fake.fail(503)
    fake.gate()
    callers = world.ask(credentials, 100)
    fake.release()
    errors = callers.errors()
    assert {type(error) for error in errors} == {TokenUnavailable}
    assert len(set(map(id, errors))) == 100
    assert len(set(map(frames, errors))) == 1  # one exception for all would have grown with each
    assert {(error.__cause__, error.__context__) for error in errors} == {(None, None)}
    assert fake.counts()["token_requests"] == 3
    assert clock.monotonic() == ManualClock().monotonic()  # nobody had to wait for time


class Dying(httpx.BaseTransport):
    """Raises what no transport should, once."""

    def __init__(self, error: BaseException) -> None:
        self.errors = [error]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.errors:
            raise self.errors.pop()
        body = b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}'
        return httpx.Response(200, stream=httpx.ByteStream(body))


@pytest.mark.fault(83)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_thread_of_the_flight_dies(
    make: Make, clock: ManualClock, world: World, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """In mid-request: the waiters are told, nothing is left locked, the next caller leads and is served."""
    dying = Dying(error)
    credentials = make(http_client=lambda: httpx.Client(transport=dying))
    with pytest.raises(TokenUnavailable, match=type(error).__name__):
        world.get(credentials)
    clock.advance(1)
    assert world.get(credentials).access_token == "abc"
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault(83)
def test_thread_of_the_flight_has_no_memory(make: Make, clock: ManualClock, world: World) -> None:
    """MemoryError is a failed attempt as any other: the next one of the same flight brings the token."""
    clock.set_random(0.0)
    dying = Dying(MemoryError())
    assert world.get(make(http_client=lambda: httpx.Client(transport=dying))).access_token == "abc"


@pytest.mark.fault(86)
def test_loop_that_stopped_in_mid_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """As an event loop of a frozen function: the next loop's callers get the token of the same flight."""
    fake.gate()
    stopped = asyncio.new_event_loop()
    waiting = stopped.create_task(credentials.aget_token())
    stopped.call_later(0.01, stopped.stop)
    stopped.run_forever()
    fake.wait_for_token_requests()
    callers = world.ask(credentials, 3)
    fake.release()
    (token,) = set(callers.values())
    assert not waiting.done()
    assert stopped.run_until_complete(waiting) is token
    stopped.close()
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(86)
def test_loop_that_stopped_with_the_renewal_of_a_dead_endpoint(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The endpoint never answered: after the flight's deadline another caller begins the next one.

    Who slept through all of it gets the token that came meanwhile: nobody fails while there is a good one.
    """
    fake.hang(times=1)
    stopped = asyncio.new_event_loop()
    waiting = stopped.create_task(credentials.aget_token())
    stopped.call_later(0.01, stopped.stop)
    stopped.run_forever()
    fake.wait_for_token_requests()
    clock.advance(8.1)
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    clock.advance(1)
    token = world.get(credentials)
    assert stopped.run_until_complete(waiting) is token
    stopped.close()
    assert credentials.get_token() is token
    assert fake.counts()["token_requests"] == 2


tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


@dataclass
class AsTenant:
    """Asks for a token within a context of its own."""

    credentials: CognitoClientCredentials
    name: str

    def now(self) -> str:
        tenant.set(self.name)
        self.credentials.get_token()
        return tenant.get()

    async def later(self) -> str:
        tenant.set(self.name)
        await self.credentials.aget_token()
        return tenant.get()


@pytest.mark.fault(101)
def test_context_of_the_leader(make: Make, fake: FakeCognito, world: World) -> None:
    """A span or tenant of whoever began the flight is seen neither in the flight nor by those who wait for it."""
    seen: list[str] = []

    def secret() -> str:
        seen.append(tenant.get())
        return fake.client_secret

    def client() -> httpx.Client:
        seen.append(tenant.get())
        return httpx.Client(verify=False, trust_env=False)

    fake.gate()
    credentials = make(client_secret=secret, http_client=client, on_event=lambda event: seen.append(tenant.get()))
    names = [f"tenant {number}" for number in range(10)]
    callers = world.start([AsTenant(credentials, name) for name in names])
    fake.wait_for_token_requests()
    fake.release()
    assert callers.values() == names
    assert set(seen) == {"nobody"}
    assert len(seen) >= 3
