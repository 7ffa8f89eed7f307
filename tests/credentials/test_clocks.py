"""Two clocks tell a token's age, because each one alone has served dead tokens. Steps, suspends, and disagreement."""

import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2sauth import CognitoClientCredentials, Event, Freshness, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names, plain_client
from tests.support.scripts import run
from tests.support.settled import settled
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]


def test_restored_snapshot_counts_by_the_wall_clock(
    credentials: CognitoClientCredentials, clock: ManualClock, world: World
) -> None:
    """The clock since boot stands still over a restore; the wall clock does not."""
    old = world.get(credentials)
    clock.step_wall(4000)
    assert world.get(credentials) is not old


def test_freshness_needs_both_clocks(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Either of them alone makes a token STALE."""
    credentials.get_token()
    clock.step_wall(2880)
    credentials.get_token()
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


def test_step_during_a_flight_ends_it_by_its_deadline(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """By any clock: the next one to look gives it up, and fails at once instead of waiting on."""
    fake.gate()
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    flight = credentials._slot.flight
    clock.step_wall(3600)
    with pytest.raises(TokenUnavailable, match="Remembered"):
        credentials.get_token()
    assert not flight.flying


@pytest.mark.parametrize("seconds", [7200, 30, -30, -7200], ids=["2 h on", "30 s on", "30 s back", "2 h back"])
def test_step_of_the_wall_clock_is_one_event(
    make: Make, clock: ManualClock, events: list[Event], world: World, seconds: float
) -> None:
    """By how much and which way, when the next renewal begins, whichever scope set it is for; and never again."""
    credentials = make()
    world.get(credentials)
    clock.step_wall(seconds)
    clock.advance(3600)
    world.get(credentials)
    world.get(credentials.with_scopes("demo/write.file"))
    clock.advance(3600)
    world.get(credentials)
    steps = [event.seconds for event in events if event.name == "clock_stepped"]
    assert steps == [pytest.approx(seconds)]


def test_suspended_machine_is_no_step_of_the_clock(
    credentials: CognitoClientCredentials, clock: ManualClock, events: list[Event]
) -> None:
    """Both clocks count the time asleep, where the platform has one that does."""
    credentials.get_token()
    clock.suspend(7200)
    credentials.get_token()
    assert "clock_stepped" not in names(events)


def test_step_of_the_clock_costs_the_cached_path_nothing(
    credentials: CognitoClientCredentials, clock: ManualClock, events: list[Event]
) -> None:
    """A token that is FRESH by both clocks is handed out without a look at how they have moved."""
    credentials.get_token()
    clock.step_wall(-7200)
    credentials.get_token()
    assert "clock_stepped" not in names(events)


def test_clocks_that_disagree_are_an_event(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]
) -> None:
    """`exp` lies before the answer's own `Date`, but after `iat`: somebody's clock is wrong, `exp - iat` counts."""
    fake.set_claims({"iat": 1_000_000, "exp": 1_000_600})
    assert make().get_token().expires_in == 600
    assert names(events).count("clocks_disagree") == 1


def test_caching_proxy_shortens_the_life(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """It repeats a token of half an hour ago with the full `expires_in`: the JWT's own `exp` counts."""
    fake.repeat_tokens()
    make().get_token()
    clock.advance(1800)
    assert make().get_token().expires_in == 1800


def test_token_already_dead_on_arrival_is_refused(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """A slow answer used up the whole life."""
    fake.set_expires_in(5)
    fake.gate()
    credentials = make()
    callers = Threads().ask(credentials)
    fake.wait_for_token_requests()
    clock.advance(5)
    fake.release()
    (error,) = callers.errors()
    assert isinstance(error, TokenResponseInvalid)
    assert "was over when the answer came" in str(error)
    assert credentials.state().expires_in is None


moves = st.one_of(
    st.tuples(st.just("advance"), st.floats(0, 4000)),
    st.tuples(st.just("suspend"), st.floats(0, 4000)),
    st.tuples(st.just("step_wall"), st.floats(-100_000, 100_000)),
)


@settings(max_examples=60)
@given(steps=st.lists(moves, min_size=1, max_size=12))
def test_dead_token_is_never_served(steps: list[tuple[str, float]]) -> None:
    """Whatever the clocks do, no caller gets a token that has lived longer than its life in true time."""
    clock = ManualClock()
    with FakeCognito(clock=clock) as fake:
        credentials = CognitoClientCredentials.from_env(environ=fake.environ, clock=clock, http_client=plain_client)
        true_time, issued = 0.0, dict[str, float]()
        for kind, seconds in steps:
            getattr(clock, kind)(seconds)
            true_time += 0.0 if kind == "step_wall" else seconds
            token = credentials.get_token()
            settled(credentials)
            born = issued.setdefault(token.access_token, true_time)
            assert true_time - born < 3600
        credentials.close()


AGES = {"fresh": 100, "stale": 3000}
FORWARD = {"an hour": 3600, "ten years": 10 * 365 * 86_400}
BACK = {"an hour": -3600, "to 1970": -1_700_000_000}


@pytest.mark.fault(61)
@pytest.mark.parametrize("seconds", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("age", AGES.values(), ids=AGES)
def test_wall_clock_set_forward_costs_one_renewal_at_most(
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
def test_wall_clock_set_forward_under_a_flight_costs_one_request_more(
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
def test_wall_clock_set_back_revives_no_token(
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
def test_suspended_time_counts(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The monotonic clock stood still, the one since boot did not: EXPIRED on first use, one renewal."""
    old = world.get(credentials)
    clock.suspend(7200)
    assert credentials.state().freshness is Freshness.EXPIRED
    assert world.get(credentials) is not old
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(63)
def test_flight_that_outlived_its_deadline_asleep_is_given_up(
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
def test_platform_without_boottime_goes_by_the_monotonic_clock(fake: FakeCognito) -> None:
    """macOS and Windows: the clock is looked up, never assumed. A fresh interpreter, half a second."""
    script = """
        import time
        for name in [name for name in dir(time) if name.startswith("CLOCK_") or name.startswith("clock_")]:
            delattr(time, name)
        import httpx, s2sauth, os
        from s2sauth._clock import SystemClock
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
def test_other_time_namespace_makes_no_negative_age(fake: FakeCognito, offset: int | None) -> None:
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
def test_token_restored_where_the_clock_since_boot_is_younger_ages_by_the_wall_clock(
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
def test_server_whose_clock_is_wrong_changes_no_life(
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
def test_iat_alone_refuses_no_token(make: Make, fake: FakeCognito, clock: ManualClock, offset: float) -> None:
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
def test_clock_of_16_milliseconds_divides_by_nothing(fake: FakeCognito, make: Make, world: World, life: int) -> None:
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
def test_leap_second_costs_no_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A leap second over a day, and a second that comes twice: not worth a token."""
    token = world.get(credentials)
    for second in range(100):
        clock.step_wall(1 / 86_400 if second % 2 else -1.0)
        clock.advance(1.0)
        assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 1
