"""Clocks that step, stop, or disagree."""

import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, Event, Freshness
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.scripts import run
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

AGES = {"fresh": 100, "stale": 3000}
FORWARD = {"an hour": 3600, "ten years": 10 * 365 * 86_400}
BACK = {"an hour": -3600, "to 1970": -1_700_000_000}


@pytest.mark.fault(61)
@pytest.mark.parametrize("seconds", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("age", AGES.values(), ids=AGES)
def test_wall_clock_set_forward(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    age: float,
    seconds: float,
) -> None:
    """At whatever age of the token: one renewal more at most, no error, and the new token is kept."""
    world.get(credentials)
    clock.advance(age)
    clock.step_wall(seconds)
    token = world.get(credentials)
    settled(credentials)
    clock.advance(2000)
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(61)
@pytest.mark.parametrize("seconds", FORWARD.values(), ids=FORWARD)
def test_wall_clock_set_forward_under_a_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, seconds: float
) -> None:
    """The first NTP answer of a machine that booted without a clock: the waiters get a token, for one request more."""
    fake.gate()
    callers = world.ask(credentials, 3)
    fake.wait_for_token_requests()
    clock.step_wall(seconds)
    fake.release()
    (token, *_) = callers.values()
    assert token.remaining() == 3600
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(62)
@pytest.mark.parametrize("seconds", BACK.values(), ids=BACK)
def test_wall_clock_set_back(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, seconds: float
) -> None:
    """For three lives: no token is served past its life in true time, and no more are bought than without the step."""
    born: dict[str, float] = {}
    for step in range(60):
        token = world.get(credentials)
        settled(credentials)
        now = clock.boottime()
        assert now - born.setdefault(token.access_token, now) < 3600 + 180  # the clock moves by 180 s at a time
        assert 0 < token.remaining() <= 3600
        if step == 10:
            clock.step_wall(seconds)
        clock.advance(180)
    assert fake.counts()["token_requests"] <= 4


@pytest.mark.fault(63)
def test_two_hours_of_suspend(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The monotonic clock stood still, the one since boot did not: EXPIRED on first use, one renewal."""
    old = world.get(credentials)
    clock.suspend(7200)
    assert credentials.state().freshness is Freshness.EXPIRED
    assert world.get(credentials) is not old
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(63)
def test_suspend_under_a_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The flight outlived its deadline in its sleep: it is given up, and the next caller is served."""
    fake.gate()
    callers = world.ask(credentials, 2)
    fake.wait_for_token_requests()
    clock.suspend(7200)
    if not world.awaits:  # a loop's own timers slept as well, and go on waiting
        callers.errors()
    fake.release()
    callers.results()
    clock.advance(1)
    assert world.get(credentials).remaining() >= 3599  # that of the flight which the wakened callers began


@pytest.mark.fault(63)
def test_platform_without_boottime(fake: FakeCognito) -> None:
    """macOS and Windows: the clock is looked up, never assumed. A fresh interpreter, half a second."""
    script = """
        import time
        for name in [name for name in dir(time) if name.startswith("CLOCK_") or name.startswith("clock_")]:
            delattr(time, name)
        import httpx, s2sauth, os
        from s2sauth._process import SystemClock
        credentials = s2sauth.CognitoClientCredentials.from_env()
        api = os.environ["FILES_SERVICE_URL"]
        assert httpx.get(api + "/files", auth=credentials.httpx_auth(api)).status_code == 200
        print(SystemClock.boottime is time.monotonic, credentials.get_token().remaining() > 3590)
    """
    assert run(script, fake.environ) == "True True"
    assert fake.counts()["token_requests"] == 1


NAMESPACES = (["--time"], ["--user", "--map-root-user", "--time"])
OFFSETS = {"a machine that booted years ago": 10**8, "a machine that has just booted": None}


def in_a_time_namespace(offset: int | None) -> list[str]:
    """The command before a command that runs it there; skips where the machine has no time namespaces."""
    if offset is None:
        offset = 2 - int(time.monotonic())  # the clocks show two seconds
    for flags in NAMESPACES:
        command = ["unshare", *flags, "--monotonic", str(offset), "--boottime", str(offset), "--fork", "--"]
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], check=False, capture_output=True).returncode
        ):
            return command
    pytest.skip("no time namespace may be made here; the arithmetic is tested beside this")


@pytest.mark.fault(66)
@pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS)
def test_time_namespace(fake: FakeCognito, offset: int | None) -> None:
    """A container whose clocks were given by another machine: no negative age, one request. A fresh interpreter."""
    script = """
        import s2sauth, time
        credentials = s2sauth.CognitoClientCredentials.from_env()
        token = credentials.get_token()
        state = credentials.state()
        assert credentials.get_token() is token
        assert 3590 < token.remaining() <= 3600, token.remaining()
        assert 3580 < state.expires_in <= 3590, state
        assert 0 < state.next_renewal_in < 3600, state
        print(round(time.monotonic()))
    """
    seen = int(run(script, fake.environ, before=in_a_time_namespace(offset)))
    assert seen > 10**7 if offset else seen < 60
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(66)
def test_restored_where_the_clock_since_boot_is_younger(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A process moved to a machine that has just booted: its token ages by the wall clock, and dies in time."""
    old = world.get(credentials)
    clock._boottime -= 6_990
    clock._monotonic -= 4_990
    assert old.remaining() == 3600
    assert world.get(credentials) is old
    clock.advance(3590)
    assert world.get(credentials) is not old
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(69)
@pytest.mark.parametrize("offset", [600, -600], ids=["server ahead", "server behind"])
def test_clocks_ten_minutes_apart(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], world: World, offset: float
) -> None:
    """`Date`, `iat` and `exp` are the server's; the life counts on ours: nothing is refused, renewed early or late."""
    fake.set_clock_offset(offset)
    credentials = make()
    auth = credentials.httpx_auth(fake.api_url)
    assert world.send(auth, f"{fake.api_url}/files").status_code == 200
    assert credentials.get_token().remaining() == 3600
    clock.advance(2879)
    assert world.send(auth, f"{fake.api_url}/files").status_code == 200
    assert fake.counts()["token_requests"] == 1
    assert {event.name for event in events} == {"renewal_started", "renewed"}


@pytest.mark.fault(69)
@pytest.mark.parametrize("offset", [600, -600], ids=["iat to come", "iat long gone"])
def test_iat_alone_says_nothing(make: Make, fake: FakeCognito, clock: ManualClock, offset: float) -> None:
    """Issued in the future, by its own word: no reason to refuse a token."""
    fake.set_claims({"iat": int(clock.wall() + offset)})
    assert make().get_token().expires_in == 3600


class Coarse(ManualClock):  # type: ignore[misc]  # final for users; this one ticks 64 times a second, as Windows does
    """All that is read is a whole number of ticks, and no wait is ever negative."""

    def wall(self) -> float:
        return super().wall() // 0.015625 * 0.015625

    def boottime(self) -> float:
        return super().boottime() // 0.015625 * 0.015625

    monotonic = boottime

    def wait(self, lock: Any, seconds: float, /) -> None:
        assert seconds > 0
        super().wait(lock, seconds)


@pytest.mark.fault(75)
@pytest.mark.parametrize("life", [1, 2, 300])
def test_clock_of_16_milliseconds(fake: FakeCognito, make: Make, world: World, life: int) -> None:
    """Equal readings one after another: no division by nothing, no negative wait, no token past its life."""
    clock = Coarse()
    fake.set_expires_in(life)
    credentials = make(clock=clock)
    born: dict[str, float] = {}
    for _ in range(40):
        token = world.get(credentials)
        settled(credentials)
        now = clock.boottime()
        assert now - born.setdefault(token.access_token, now) < life
        assert credentials.state().expires_in >= 0
        clock.advance(life / 20 + 0.001)
    assert 2 <= fake.counts()["token_requests"] <= 4


@pytest.mark.fault(75)
def test_clock_that_is_smeared(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A leap second over a day, and a second that comes twice: not worth a token."""
    token = world.get(credentials)
    for second in range(100):
        clock.step_wall(1 / 86_400 if second % 2 else -1.0)
        clock.advance(1.0)
        assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1
