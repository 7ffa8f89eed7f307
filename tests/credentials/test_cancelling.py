"""Nobody's cancellation, and nobody's death, reaches the flight."""

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


def test_asyncio_timeout_cancels_the_waiter_only(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """`asyncio.timeout` and `wait_for` work as with any other awaitable."""
    fake.gate()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await credentials.aget_token()
        fake.release()
        await asyncio.wait_for(credentials.aget_token(), 5)

    run_asyncio(main)
    assert fake.counts()["token_requests"] == 1


def test_loop_that_dies_with_waiters_harms_nobody(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """A loop is stopped and closed under its waiter; the waiters of the next world get the token of the same flight."""
    fake.gate()
    loop = asyncio.new_event_loop()
    task = loop.create_task(credentials.aget_token())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    callers = world.ask(credentials, 2)
    fake.release()
    callers.values()
    assert fake.counts()["token_requests"] == 1


def test_trio_run_that_ended_with_waiters_harms_nobody(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """The same with a run of trio."""
    fake.gate()

    async def main() -> None:
        with trio.move_on_after(0.01):
            await credentials.aget_token()

    trio.run(main)
    callers = world.ask(credentials, 2)
    fake.release()
    callers.values()
    assert fake.counts()["token_requests"] == 1


def test_time_out_of_one_waiter_leaves_none_behind(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A thousand impatient callers of one flight cost it nothing that lasts."""
    fake.gate()
    for _ in range(100):
        with pytest.raises(TokenUnavailable):
            credentials.get_token(timeout=0)
    fake.wait_for_token_requests()
    fake.release()
    credentials.get_token()
    assert credentials._slot.flight._waiters._locks == []


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
def test_cancelled_leader_leaves_its_flight_to_the_others(
    credentials: CognitoClientCredentials, fake: FakeCognito, run: Callable[..., list[Any]]
) -> None:
    """The followers get the token of the flight that it began."""
    fake.gate()
    assert len({id(token) for token in run(credentials.aget_token, 6, 1, fake.release)}) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(79)
def test_interrupted_leader_leaves_its_flight_to_the_others(
    credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm
) -> None:
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
def test_token_is_kept_when_all_waiters_were_cancelled(
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
def test_nothing_complains_of_a_failure_whose_waiters_were_all_cancelled(
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


@pytest.mark.fault(86)
def test_loop_that_stopped_in_mid_flight_harms_nobody(
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
def test_flight_sees_no_context_of_its_callers(make: Make, fake: FakeCognito, world: World) -> None:
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
    told = len(seen)
    token = tenant.set("mine")
    credentials.invalidate(credentials.get_token(timeout=0))  # reported on this thread
    tenant.reset(token)
    assert len(seen) > told
    assert set(seen) == {"nobody"}
    assert len(seen) >= 3
