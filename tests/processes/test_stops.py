"""Processes that stood still: stopped, frozen, restored."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import FileClock
from tests.support.scripts import Running
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

ASKING = """
    import os, sys
    from s2sauth import CognitoClientCredentials, RenewalPolicy, S2SAuthError
    from tests.support.clocks import FileClock

    policy = RenewalPolicy(deadline=100, attempts=1)
    credentials = CognitoClientCredentials.from_env(policy=policy, clock=FileClock(os.environ["TIME"]))
    credentials.httpx_auth("https://api.example.com")
    for line in sys.stdin:
        try:
            print(credentials.get_token().access_token[-9:], flush=True)
        except S2SAuthError as error:
            print(type(error).__name__, flush=True)
"""


class Asking(Running):
    """A program that asks for a token when it is told to, and sees a time that the test moves."""

    def __init__(self, fake: FakeCognito, time: Path) -> None:
        self.clock = FileClock(time)
        super().__init__(ASKING, {**fake.environ, "TIME": str(time)})

    def stands_still_for(self, seconds: float) -> None:
        """SIGSTOP, as a debugger or a container's pause does."""
        self.freeze()
        self.clock.advance(seconds)
        self.thaw()

    def asks(self) -> str:
        """The end of its token, or the name of the error."""
        self.tell()
        return self.hear()


@pytest.fixture
def process(fake: FakeCognito, tmp_path: Path) -> Iterator[Asking]:
    """It waits to be told."""
    with Asking(fake, tmp_path / "time") as asking:
        yield asking


@pytest.mark.fault(64)
def test_process_stopped_past_the_end_of_the_life_sends_another_token(process: Asking, fake: FakeCognito) -> None:
    """On wake there is another token."""
    old = process.asks()
    process.stands_still_for(3600)
    new = process.asks()
    assert old != new
    assert not new.startswith("Token")
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(64)
def test_caller_of_a_stopped_process_fails_once_and_at_once(process: Asking, fake: FakeCognito) -> None:
    """Its deadline is past when it wakes: it waits no more for an answer that has no end; then a call is served."""
    fake.drip(0.02)
    process.tell()
    fake.wait_for_token_requests()
    process.stands_still_for(101)
    assert process.hear() == "TokenUnavailable"
    fake.recover()
    assert process.asks() == "TokenUnavailable"  # the failure is remembered, for half a second at most
    process.clock.advance(1)
    assert not process.asks().startswith("Token")
    assert fake.counts()["token_requests"] == 2


@pytest.fixture
def outside() -> ManualClock:
    """The world's time, which goes on while the snapshot's `clock` stands still."""
    return ManualClock()


@pytest.fixture
def fake(outside: ManualClock) -> Iterator[FakeCognito]:
    """Endpoint and API of the world outside; `make` gives credentials that tell time by the snapshot's clock."""
    with FakeCognito(clock=outside) as running:
        yield running


@pytest.fixture
def send(make: Make, fake: FakeCognito, world: World) -> Callable[[], int]:
    """Sends a request and gives the status of its answer; one was sent before the process stood still."""
    auth = make().httpx_auth(fake.api_url)

    def send() -> int:
        status: int = world.send(auth, f"{fake.api_url}/files").status_code
        return status

    assert send() == 200
    return send


@pytest.mark.fault(65)
def test_dead_token_of_a_restored_process_is_healed_by_its_401(
    send: Callable[[], int], fake: FakeCognito, clock: ManualClock, outside: ManualClock
) -> None:
    """No clock tells, so the dead token goes out once: the 401 heals it in that very call, with one token request."""
    clock.advance(31)
    outside.advance(4000)
    fake.clear_records()
    assert send() == 200
    assert send() == 200
    counts = fake.counts()
    assert (counts["token_requests"], counts["api_requests"], counts["api_401"]) == (1, 3, 1)


@pytest.mark.fault(65)
def test_dead_token_of_an_environment_just_started_is_healed_by_the_next_call(
    send: Callable[[], int], fake: FakeCognito, clock: ManualClock, outside: ManualClock
) -> None:
    """A snapshot of an environment just started: within 30 s the 401 is the caller's, then the next call heals it."""
    outside.advance(4000)
    assert send() == 401
    clock.advance(30)
    assert send() == 200
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(65)
def test_restored_process_with_the_right_time_sends_no_dead_token(
    send: Callable[[], int], fake: FakeCognito, clock: ManualClock, outside: ManualClock
) -> None:
    """The host gave the time, as Lambda's does: the token counts as old, and no dead one goes out."""
    outside.advance(4000)
    clock.step_wall(4000)
    assert send() == 200
    counts = fake.counts()
    assert (counts["token_requests"], counts["api_401"], counts["api_dead"]) == (2, 0, 0)
