"""`time_limit(context)`: no wait for a token outlives the invocation."""

import asyncio
import threading
import time
from collections.abc import Callable

import httpx
import pytest

import s2sauth
from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import eventually
from tests.support.worlds import Threads

Make = Callable[..., CognitoClientCredentials]


class Invocation:
    """The part of Lambda's context that counts down, by the test's clock."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock = clock
        self._until = clock.boottime() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - self._clock.boottime()) * 1000)


class Limited:
    """A caller within the block."""

    def __init__(self, credentials: CognitoClientCredentials, invocation: Invocation) -> None:
        self._credentials = credentials
        self._invocation = invocation

    def now(self) -> object:
        with s2sauth.time_limit(self._invocation):
            return self._credentials.get_token()

    async def later(self) -> object:
        with s2sauth.time_limit(self._invocation):
            return await self._credentials.aget_token()


def test_a_call_ends_before_the_invocation_does(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A quarter of a second before, and its token request with it."""
    fake.gate()
    caller = Threads().start([Limited(credentials, Invocation(clock, 3.0))], clock).all_wait()
    flight = credentials._slot.flight
    assert flight.limit[1] == 2.75
    clock.advance(2.74)
    assert caller.outcomes == [None]
    clock.advance(0.02)

    (error,) = caller.errors()
    assert isinstance(error, TokenUnavailable)
    eventually(lambda: flight.outcome is not None)


def test_a_renewal_ends_with_the_invocation_too(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Nobody waits for it, and yet it is the caller's: it would go on for half of what the token has left."""
    token = credentials.get_token()
    clock.advance(3000)
    fake.gate()
    with s2sauth.time_limit(Invocation(clock, 3.0)):
        assert credentials.get_token() is token

    assert credentials._slot.flight.limit[1] == 2.75


def test_the_deadline_holds_where_it_is_shorter(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """An invocation of five minutes."""
    fake.gate()
    caller = Threads().start([Limited(credentials, Invocation(clock, 300.0))], clock).all_wait()
    clock.advance(8.0)

    assert [type(error) for error in caller.errors()] == [TokenUnavailable]


def test_an_invocation_with_no_time_left_takes_what_is_cached(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """And nothing is waited for."""
    with s2sauth.time_limit(Invocation(clock, 0.2)), pytest.raises(TokenUnavailable):
        credentials.get_token()
    token = credentials.get_token()
    with s2sauth.time_limit(Invocation(clock, 0.0)):
        assert credentials.get_token() is token


def test_it_ends_with_the_block_and_inner_ones_win(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Also when the block is left by an exception."""
    with s2sauth.time_limit(lambda: 0.0), pytest.raises(ZeroDivisionError), s2sauth.time_limit(lambda: 1 / 0):
        credentials.get_token()
    assert credentials.get_token()
    with s2sauth.time_limit(lambda: 0.0), s2sauth.time_limit(lambda: 100.0):
        assert credentials.with_scopes("demo/write.file").get_token()


def test_a_timeout_shortens_it_further(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The shortest of the three counts."""
    fake.gate()
    with s2sauth.time_limit(lambda: 100.0), pytest.raises(TokenUnavailable, match="within 0 s"):
        credentials.get_token(timeout=0)


def test_hooks_and_tasks_inside_have_it(make: Make, fake: FakeCognito) -> None:
    """By the real clock: a task started in the block, through the hook. Waits for a tenth of a second."""
    fake.gate()
    credentials = make(clock=None)

    async def call() -> None:
        auth = credentials.httpx_auth(fake.api_url)
        async with httpx.AsyncClient(auth=auth, verify=False, trust_env=False) as client:
            await client.get(f"{fake.api_url}/files")

    async def main() -> None:
        with s2sauth.time_limit(lambda: 0.35):
            await asyncio.create_task(call())

    began = time.monotonic()
    with pytest.raises(TokenUnavailable):
        asyncio.run(main())
    assert time.monotonic() - began < RenewalPolicy().deadline / 2


def test_other_threads_do_not_have_it(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """A thread that serves others is not this invocation's."""
    got: list[object] = []
    with s2sauth.time_limit(lambda: 0.0):
        thread = threading.Thread(target=lambda: got.append(credentials.get_token()))
        thread.start()
        thread.join()
    assert len(got) == 1


@pytest.mark.parametrize("wrong", [None, 5, 3.0, "context"])
def test_what_tells_no_time_is_an_error(wrong: object) -> None:
    """With what to give."""
    with pytest.raises(ConfigurationError, match="give the handler's context"), s2sauth.time_limit(wrong):  # type: ignore[arg-type]  # wrong on purpose
        pass
