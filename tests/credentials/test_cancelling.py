"""Nobody's cancellation, and nobody's death, reaches the flight."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable

import pytest
import trio
import trio.testing

from s2sauth import CognitoClientCredentials, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.alarms import Alarm
from tests.support.worlds import Asyncio, Threads, World, run_asyncio

Make = Callable[..., CognitoClientCredentials]


def test_cancelled_leader_leaves_its_flight_to_the_others(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """asyncio: the task that began the flight is cancelled; the followers get the token."""
    fake.gate()

    async def main() -> None:
        leader = asyncio.ensure_future(credentials.aget_token())
        await asyncio.sleep(0)
        followers = [asyncio.ensure_future(credentials.aget_token()) for _ in range(5)]
        await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        fake.release()
        assert len({id(token) for token in await asyncio.gather(*followers)}) == 1

    run_asyncio(main)
    assert fake.counts()["token_requests"] == 1


def test_cancelled_leader_leaves_its_flight_to_the_others_in_trio(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """The same in trio."""
    fake.gate()
    tokens = []

    async def follow() -> None:
        tokens.append(await credentials.aget_token())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(_lead, scope)
                await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(follow)
            nursery.start_soon(follow)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            fake.release()

    async def _lead(scope: trio.CancelScope) -> None:
        with trio.move_on_after(0.01):
            await credentials.aget_token()

    trio.run(main)
    assert len({id(token) for token in tokens}) == 1
    assert fake.counts()["token_requests"] == 1


def test_token_is_kept_when_all_waiters_were_cancelled(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """The flight brings what it was sent for, and nothing is complained about when garbage is collected."""
    fake.gate()

    async def main() -> None:
        tasks = [asyncio.ensure_future(credentials.aget_token()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        assert {type(result) for result in await asyncio.gather(*tasks, return_exceptions=True)} == {
            asyncio.CancelledError
        }

    run_asyncio(main)
    gc.collect()
    fake.release()
    credentials.get_token()
    assert fake.counts()["token_requests"] == 1


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


def test_stopped_loop_is_not_closed_and_harms_nobody_either(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """It stands still with a waiter in it; when it runs again the waiter gets the token."""
    fake.gate()
    loop = asyncio.new_event_loop()
    task = loop.create_task(credentials.aget_token())
    loop.run_until_complete(asyncio.sleep(0))
    fake.release()
    token = Threads().get(credentials)
    assert loop.run_until_complete(task) is token
    loop.close()


def test_five_asyncio_runs_one_after_another(make: Make, fake: FakeCognito) -> None:
    """A new loop each time, with a fresh scope set and contention in each: no lock belongs to a loop."""
    credentials = make()

    async def main(scopes: str) -> None:
        view = credentials.with_scopes(scopes)
        tokens = await asyncio.gather(*(view.aget_token() for _ in range(20)))
        assert len(set(map(id, tokens))) == 1

    for scopes in ("demo/read.file", "demo/write.file", "a", "b", "c"):
        if scopes in "abc":
            with pytest.raises(Exception, match="invalid_scope"):
                asyncio.run(main(scopes))
        else:
            asyncio.run(main(scopes))
    assert fake.counts()["token_requests"] == 5


def test_two_loops_at_once_share_one_flight(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Two threads with a loop each."""
    fake.gate()
    crowds = [Asyncio().ask(credentials, 50) for _ in range(2)]
    fake.release()
    assert len({id(token) for callers in crowds for token in callers.values()}) == 1


def test_flight_sees_no_context_of_the_caller(make: Make, fake: FakeCognito, world: World) -> None:
    """A secret callable, like on_event, runs in an empty context: no request's span or tenant leaks into it."""
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
    seen = []

    def secret() -> str:
        seen.append(tenant.get())
        return fake.client_secret

    tenant.set("mine")
    credentials = make(client_secret=secret, on_event=lambda event: seen.append(tenant.get()))
    token = world.get(credentials)
    told = len(seen)
    credentials.invalidate(token)  # reported on this thread
    assert len(seen) > told
    assert set(seen) == {"none"}


def test_keyboard_interrupt_of_a_waiter_leaves_the_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm
) -> None:
    """Ctrl-C ends the wait; the next call joins the same flight."""
    fake.gate()

    def interrupt() -> None:
        raise KeyboardInterrupt

    alarm.once(0.05, interrupt)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
    fake.release()
    credentials.get_token()
    assert fake.counts()["token_requests"] == 1


def test_signal_handler_may_ask_while_the_main_thread_waits(
    credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm
) -> None:
    """The handler interrupts a frame that waits for a token, and asks for one: both get it."""
    fake.gate()
    got = []

    def handler() -> None:
        threading.Timer(0.02, fake.release).start()
        got.append(credentials.get_token())

    alarm.once(0.02, handler)
    assert [credentials.get_token()] == got


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
