"""Many callers at once."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, CredentialsClosed
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import plain_client
from tests.support.worlds import Asyncio, GetToken, Send, Threads, Trio, World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(76)
def test_two_hundred_threads_cost_one_token_request(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """A cold object: one token request, and the same token for all."""
    fake.gate()
    callers = Threads().ask(credentials, 200)
    fake.release()
    assert len(set(map(id, callers.values()))) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(77)
@pytest.mark.parametrize("world", [Asyncio(), Trio()], ids=["asyncio", "trio"])
def test_two_thousand_tasks_cost_one_token_request(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """A cold object: one token request, and the same token for all."""
    fake.gate()
    callers = world.ask(credentials, 2000)
    fake.release()
    assert len(set(map(id, callers.values()))) == 1
    assert fake.counts()["token_requests"] == 1


@dataclass
class Noting:
    """Asks for a token, and notes when it came."""

    credentials: CognitoClientCredentials
    woken: list[float]

    def now(self) -> Any:
        token = self.credentials.get_token()
        self.woken.append(time.perf_counter())
        return token

    async def later(self) -> Any:
        token = await self.credentials.aget_token()
        self.woken.append(time.perf_counter())
        return token


@pytest.mark.fault(78)
def test_threads_and_loops_of_all_kinds_share_one_flight(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """On one object: one token request, and no waiter sleeps on. The best of five rounds, since machines are busy."""
    spread = []
    for requests in range(1, 6):
        credentials, woken = make(), list[float]()
        fake.gate()
        crowds = [
            world.start([Noting(credentials, woken)] * 5, clock if world.name == "threads" else None).all_wait()
            for world in (Threads(), Asyncio(), Asyncio(), Asyncio(), Trio())
        ]
        fake.wait_for_token_requests(requests)
        fake.release()
        tokens = {id(token) for callers in crowds for token in callers.values()}
        assert len(tokens) == 1
        assert len(woken) == 25
        spread.append(max(woken) - min(woken))
    assert min(spread) < 1  # nothing but the flight wakes them: a deadline would be 8 s
    assert fake.counts()["token_requests"] == 5


SCOPES = [f"demo/{number:02}" for number in range(20)]


@pytest.fixture
def fake(clock: ManualClock) -> Iterator[FakeCognito]:
    """With twenty scopes more than the usual one has."""
    with FakeCognito(clock=clock, scopes=["demo/read.file", "demo/write.file", *SCOPES]) as running:
        yield running


@pytest.mark.fault(84)
def test_twenty_keys_are_asked_for_at_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """All their requests are under way together, and each caller gets the token of its own scopes (CVE-2025-26620)."""
    fake.gate()
    views = [credentials.with_scopes(scope) for scope in SCOPES]
    callers = world.start([GetToken(view) for view in views for _ in range(3)])
    fake.wait_for_token_requests(20)
    fake.release()
    assert [token.scopes for token in callers.values()] == [(scope,) for scope in SCOPES for _ in range(3)]
    assert sorted(request.form["scope"] for request in fake.token_requests) == SCOPES


@pytest.mark.fault(84)
def test_key_that_hangs_holds_up_no_other(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """The endpoint is silent for one scope set; another one is served meanwhile."""
    fake.hang(times=1)
    stuck = world.ask(credentials)
    fake.wait_for_token_requests()
    assert world.get(credentials.with_scopes("demo/write.file")).scopes == ("demo/write.file",)
    credentials.close()
    assert [type(error) for error in stuck.errors()] == [CredentialsClosed]


@pytest.mark.fault(85)
def test_five_runs_of_asyncio_share_one_object(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A new loop each time, twenty tasks in each, and a token that has to be fetched: nothing belongs to a loop."""

    async def main() -> int:
        return len(set(map(id, await asyncio.gather(*(credentials.aget_token() for _ in range(20))))))

    for _ in range(5):
        assert asyncio.run(main()) == 1
        clock.advance(4000)
    assert fake.counts()["token_requests"] == 5


async def _crowd(credentials: CognitoClientCredentials) -> int:
    tokens = []

    async def one() -> None:
        tokens.append(await credentials.aget_token())

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)
    return len(set(map(id, tokens)))


def on_uvloop(credentials: CognitoClientCredentials) -> int:
    """asyncio's tasks in another loop than its own."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not for Windows")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_crowd(credentials))


LOOPS = {
    "uvloop": on_uvloop,
    "anyio on asyncio": lambda credentials: anyio.run(_crowd, credentials, backend="asyncio"),
    "anyio on trio": lambda credentials: anyio.run(_crowd, credentials, backend="trio"),
}


@pytest.mark.fault(87)
@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_other_loops_need_nothing_of_their_own(
    credentials: CognitoClientCredentials, fake: FakeCognito, loop: Callable[[CognitoClientCredentials], int]
) -> None:
    """uvloop and anyio need nothing of their own: twenty tasks, one token request."""
    assert loop(credentials) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(87)
def test_unknown_loop_is_an_error_at_once(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Driven by hand, or by a loop of another kind: an error that says what it needs, at once."""
    with pytest.raises(ConfigurationError, match="asyncio or trio"):
        credentials.aget_token().send(None)


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """The interpreter changes threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.fault(97)
@pytest.mark.usefixtures("eager_switching")
def test_threads_switched_all_the_time_start_one_flight(fake: FakeCognito) -> None:
    """For 3 s, which gives rare interleavings a few thousand chances: one flight and one token per cold object."""
    until = time.monotonic() + 3.0
    rounds = 0
    with ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def ask(credentials: CognitoClientCredentials) -> int:
            barrier.wait(10)
            return id(credentials.get_token())

        while time.monotonic() < until:
            credentials = CognitoClientCredentials.from_env(environ=fake.environ, http_client=plain_client)
            calls = [pool.submit(ask, credentials) for _ in range(8)]
            assert len({call.result(10) for call in calls}) == 1
            rounds += 1
            assert fake.counts()["token_requests"] == rounds
            credentials.close()
    assert rounds > 20


@pytest.mark.fault(97)
@pytest.mark.usefixtures("eager_switching")
def test_everything_at_once_is_no_error_and_no_flood(fake: FakeCognito) -> None:
    """For 2 s threads ask, suspect, make views and look: no error, no dead token, no flood of token requests."""
    fake.set_expires_in(1)
    until = time.monotonic() + 2.0
    with FakeCognito(expires_in=1) as fake:
        credentials = CognitoClientCredentials.from_env(environ=fake.environ, http_client=plain_client)

        def get() -> None:
            began = time.monotonic()
            token = credentials.get_token()
            # A token has 0.05 s left at least; this thread may have stood still for longer since.
            assert token.remaining() > 0 or time.monotonic() - began > 0.04

        def suspect() -> None:
            credentials.invalidate(credentials.get_token())

        def view() -> None:
            token = credentials.with_scopes("demo/write.file").get_token()
            assert token.scopes == ("demo/write.file",)

        def look() -> None:
            assert credentials.state().scopes == ("demo/read.file", "demo/write.file")

        def repeat(job: Callable[[], None]) -> None:
            while time.monotonic() < until:
                job()

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(repeat, job) for job in (get, suspect, view, look) for _ in range(2)]
            for call in calls:
                call.result(20)
        credentials.close()
        # Each key: a token a life, renewed at 3/4 of it, and forced renewals that are a quarter of a life apart.
        assert 4 <= fake.counts()["token_requests"] <= 30


@pytest.mark.fault(99)
def test_ten_thousand_keys_do_not_fill_the_memory(make: Make, fake: FakeCognito) -> None:
    """The memory stays as it is with the 256 that are kept; the one in flight and the one in use are not dropped."""
    go_on = threading.Event()

    def secret() -> str:
        go_on.wait(60)  # and no request is under way, whose read time-out is by the real clock
        return fake.client_secret

    credentials = make(client_secret=secret)
    callers = Threads().ask(credentials.with_scopes("demo/write.file"))
    blocks = []
    for number in range(10_000):
        credentials.with_scopes(f"demo/{number}")
        if number % 2_000 == 1_999:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    assert len(credentials._engine.slots.all()) <= 256 + 2
    assert blocks[-1] - blocks[0] < 1_000  # the 8,000 between them would take 100,000 and more
    again = Threads().ask(credentials.with_scopes("demo/write.file"))
    go_on.set()
    assert callers.values() == again.values()
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(100)
def test_renewal_forced_by_a_hundred_is_one(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A hundred requests meet 401 with the same token, and all of them suspect it: one token request, all served."""
    auth = credentials.httpx_auth(fake.api_url)
    old = world.get(credentials)
    clock.advance(100)
    fake.revoke()
    fake.gate()
    callers = world.start([Send(auth, f"{fake.api_url}/files")] * 100)
    fake.wait_for_api_requests(100)
    for _ in range(100):
        credentials.invalidate(old)
    fake.wait_for_token_requests(2)
    fake.release()
    assert {answer.status_code for answer in callers.values()} == {200}
    assert world.get(credentials) is not old
    counts = fake.counts()
    assert (counts["token_requests"], counts["api_401"], counts["api_requests"]) == (2, 100, 200)
