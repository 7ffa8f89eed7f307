"""A failure is remembered for a while: a cold start in an outage, or a wrong secret, must not become a storm."""

from collections.abc import Callable

import pytest

from s2sauth import (
    CognitoClientCredentials,
    InvalidClient,
    InvalidScope,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def test_outage_with_no_token_is_remembered(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The next callers get the same failure at once, marked as remembered, and when another try may help."""
    fake.answer(b"garbage")
    clock.set_random(0.0)
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    sent = fake.counts()["token_requests"]
    with pytest.raises(TokenUnavailable, match="Remembered") as caught:
        world.get(credentials)
    assert caught.value.retry_after == 0.25
    assert fake.counts()["token_requests"] == sent


def test_outage_pauses_double_to_half_a_minute(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """0.5 s·2ⁿ, jittered to a half at chance 0, at most 30 s; the endpoint is not asked in between."""
    clock.set_random(0.0)
    fake.refuse()
    for pause in (0.25, 0.5, 1, 2, 4, 8, 15, 15):
        with pytest.raises(TokenUnavailable) as caught:
            credentials.get_token()
        assert "Remembered" not in str(caught.value)
        clock.advance(pause - 0.01)
        with pytest.raises(TokenUnavailable, match="Remembered"):
            credentials.get_token()
        clock.advance(0.011)


def test_remembered_failure_is_a_fresh_exception_each_time(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Two callers never raise the same object."""
    clock.set_random(0.0)
    fake.refuse()
    caught = []
    for _ in range(3):
        with pytest.raises(TokenUnavailable) as error:
            credentials.get_token()
        caught.append(error.value)
    assert len({id(error) for error in caught}) == 3


def test_remembered_outage_keeps_retry_after(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A server that asks for 20 s gets 20 s; one that asks for an hour gets half a minute."""
    fake.fail(503, headers=[("Retry-After", "20")])
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    clock.advance(19)
    with pytest.raises(TokenUnavailable, match="Remembered"):
        credentials.get_token()
    clock.advance(1.1)
    fake.fail(503, headers=[("Retry-After", "3600")])
    with pytest.raises(TokenUnavailable) as caught:
        credentials.get_token()
    assert caught.value.retry_after == 3600
    fake.recover()
    clock.advance(30.1)
    credentials.get_token()


def test_recovery_is_noticed_after_the_pause(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Nobody restarts anything, and the counter of failures begins anew."""
    clock.set_random(0.0)
    fake.refuse()
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    fake.recover()
    clock.advance(0.26)
    world.get(credentials)
    assert credentials.state().last_error is None
    clock.advance(4000)
    fake.refuse()
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    with pytest.raises(TokenUnavailable) as caught:
        world.get(credentials)
    assert caught.value.retry_after == 0.25


def test_outage_is_remembered_per_key(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Another scope set makes its own try."""
    clock.set_random(0.0)
    credentials = make()
    fake.refuse()
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    fake.recover()
    credentials.with_scopes("demo/write.file").get_token()


@pytest.mark.parametrize(
    ("code", "error"), [("invalid_client", InvalidClient), ("unauthorized_client", UnauthorizedClient)]
)
def test_refusal_of_the_client_holds_for_all_scope_sets(
    make: Make, fake: FakeCognito, world: World, code: str, error: type[Exception]
) -> None:
    """A wrong secret is wrong for every scope."""
    fake.answer_json({"error": code}, 400)
    credentials = make()
    for scopes in ("demo/read.file", "demo/write.file", "demo/other"):
        with pytest.raises(error):
            world.get(credentials.with_scopes(scopes))
    assert fake.counts()["token_requests"] == 1


def test_refusal_of_a_scope_is_its_own(make: Make, fake: FakeCognito, world: World) -> None:
    """A misspelt scope set takes down no other."""
    credentials = make(scopes="demo/reed.file")
    with pytest.raises(InvalidScope):
        world.get(credentials)
    world.get(credentials.with_scopes("demo/read.file"))
    with pytest.raises(InvalidScope):
        world.get(credentials)
    assert fake.counts()["token_requests"] == 2


def test_refusal_pauses_double_to_a_minute(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """U(1, 5) s, 3 at chance a half, doubling; every try within them costs nothing."""
    credentials = make(client_secret="wrong")
    for sent, pause in enumerate((3, 6, 12, 24, 48, 60, 60), 1):
        with pytest.raises(InvalidClient):
            credentials.get_token()
        assert fake.counts()["token_requests"] == sent
        clock.advance(pause - 0.01)
        with pytest.raises(InvalidClient):
            credentials.get_token()
        assert fake.counts()["token_requests"] == sent
        clock.advance(0.02)


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 1.0), (0.999, 4.996)])
def test_first_refusal_pause_is_drawn(
    make: Make, fake: FakeCognito, clock: ManualClock, chance: float, pause: float
) -> None:
    """A fleet with a wrong secret does not ask in step."""
    clock.set_random(chance)
    credentials = make(client_secret="wrong")
    for advance, sent in ((0.0, 1), (pause - 0.001, 1), (0.002, 2)):
        clock.advance(advance)
        with pytest.raises(InvalidClient):
            credentials.get_token()
        assert fake.counts()["token_requests"] == sent


def test_remembered_refusal_has_all_its_fields(make: Make, fake: FakeCognito) -> None:
    """The second caller learns as much as the first."""
    fake.answer_json(
        {"error": "invalid_client", "error_description": "no such client"},
        401,
        headers=[("x-amz-cognito-request-id", "abc-1")],
    )
    credentials = make()
    caught = []
    for _ in range(2):
        with pytest.raises(InvalidClient) as error:
            credentials.get_token()
        caught.append(error.value)
    assert caught[0].args == caught[1].args
    assert caught[1].error == "invalid_client"
    assert caught[1].error_description == "no such client"
    assert caught[1].status == 401
    assert caught[1].request_id == "abc-1"


def test_corrected_secret_is_taken_at_the_next_attempt(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The operator puts the right one; within a minute everybody works again."""
    secret = ["wrong"]
    credentials = make(client_secret=lambda: secret[0])
    view = credentials.with_scopes("demo/write.file")
    for each in (credentials, view):
        with pytest.raises(InvalidClient):
            world.get(each)
    secret[0] = fake.client_secret
    clock.advance(3.1)
    world.get(credentials)
    world.get(view)


def test_unusable_answer_is_remembered_as_well(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """A captive portal is not asked for each call."""
    fake.answer_json({"hello": "world"})
    for _ in range(3):
        with pytest.raises(TokenResponseInvalid):
            credentials.get_token()
    assert fake.counts()["token_requests"] == 1


def test_failure_met_with_a_token_in_hand_says_nothing_to_who_has_none(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The renewal failed while STALE and pauses; once the token is EXPIRED the first caller makes its own try."""
    world.get(credentials)
    fake.fail(503, times=1)
    clock.advance(3589)
    world.get(credentials)
    settled(credentials)
    clock.advance(1.5)
    world.get(credentials)
    assert fake.counts()["token_requests"] == 3


def test_cold_start_in_an_outage_is_no_storm(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A call every 50 ms for a minute of outage: a dozen series of attempts, not 1,200."""
    clock.set_random(0.0)
    fake.refuse()
    connections = fake.counts()["token_connections"]
    series = 0
    for _ in range(1200):
        with pytest.raises(TokenUnavailable) as caught:
            credentials.get_token()
        series += "Remembered" not in str(caught.value)
        clock.advance(0.05)
    assert series <= 12
    assert fake.counts()["token_connections"] == connections
