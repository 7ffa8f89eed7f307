"""Two clocks tell a token's age, because each one alone has served dead tokens."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2sauth import CognitoClientCredentials, Event, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names, plain_client
from tests.support.settled import settled
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.parametrize("seconds", [3600, 10 * 365 * 86_400], ids=["an hour", "ten years"])
def test_wall_clock_set_forward_costs_at_most_one_renewal(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, seconds: float
) -> None:
    """The token counts as old; its replacement counts from there."""
    world.get(credentials)
    clock.step_wall(seconds)
    token = world.get(credentials)
    clock.advance(2000)
    assert world.get(credentials) is token
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("seconds", [-3600, -1_700_000_000], ids=["an hour", "to 1970"])
def test_wall_clock_set_back_revives_no_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, seconds: float
) -> None:
    """The clock since boot goes on."""
    old = world.get(credentials)
    clock.step_wall(seconds)
    assert world.get(credentials) is old
    clock.advance(3590)
    new = world.get(credentials)
    assert new is not old
    assert world.get(credentials) is new
    assert fake.counts()["token_requests"] == 2


def test_suspended_time_counts(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A laptop that slept for two hours has no token that looks two minutes old."""
    old = world.get(credentials)
    clock.suspend(7200)
    assert world.get(credentials) is not old


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


def test_server_whose_clock_is_wrong_changes_no_life(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Its `Date`, `iat` and `exp` are ten minutes off together: a difference of the same clock is right."""
    for offset in (600, -600):
        fake.set_clock_offset(offset)
        assert world.get(make()).expires_in == 3600


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
