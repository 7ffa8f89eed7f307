"""Processes that stood still: stopped, frozen, restored."""

import threading
from collections.abc import Callable, Iterator

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.scripts import Running
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

ASKING = """
    import s2sauth, sys, time
    credentials = s2sauth.CognitoClientCredentials.from_env(policy=s2sauth.RenewalPolicy(deadline=0.3, attempts=1))
    credentials.httpx_auth("https://api.example.com")
    for line in sys.stdin:
        began = time.monotonic()
        try:
            token = credentials.get_token()
            print("token", token.access_token[-9:], 0 < token.remaining() <= 1, flush=True)
        except s2sauth.S2SAuthError as error:
            print(type(error).__name__, time.monotonic() - began, flush=True)
"""


def stand_still(seconds: float) -> None:
    """Nothing to wait for but time itself: the process under test is stopped, and so is whatever could tell."""
    threading.Event().wait(seconds)


@pytest.fixture
def short() -> Iterator[FakeCognito]:
    """An endpoint with the machine's clock, whose tokens live for a second."""
    with FakeCognito(expires_in=1) as running:
        yield running


@pytest.mark.fault(64)
def test_process_stopped_past_the_end_of_the_life_sends_another_token(short: FakeCognito) -> None:
    """SIGSTOP, as a debugger or a container's pause does: on wake there is another token. Stopped for a life, 1.1 s."""
    with Running(ASKING, short.environ) as process:
        process.tell()
        old = process.hear()
        process.freeze()
        stand_still(1.1)
        process.thaw()
        process.tell()
        new = process.hear()
    assert [line.split()[::2] for line in (old, new)] == [["token", "True"]] * 2
    assert old != new
    assert short.counts()["token_requests"] == 2


@pytest.mark.fault(64)
def test_caller_of_a_stopped_process_fails_once_and_at_once(short: FakeCognito) -> None:
    """Its deadline is past when it wakes: it fails once and at once, and the next call is served. Stopped for 0.4 s."""
    short.gate()
    with Running(ASKING, short.environ) as process:
        process.tell()
        short.wait_for_token_requests()
        process.freeze()
        stand_still(0.4)
        process.thaw()
        failed, seconds = process.hear().split()
        short.release()
        assert failed == "TokenUnavailable"
        assert float(seconds) < 3.5  # a read time-out, which is 4 s, was not waited for
        while not (line := (process.tell(), process.hear())[1]).startswith("token"):
            assert float(line.split()[1]) < 0.3  # the failure is remembered for half a second at most
    assert short.counts()["token_requests"] == 2


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
