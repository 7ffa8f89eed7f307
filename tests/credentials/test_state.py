"""`state()`: a snapshot for people."""

from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, Freshness, State, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import settled

Make = Callable[..., CognitoClientCredentials]


def test_state_before_the_first_call(credentials: CognitoClientCredentials) -> None:
    """No token: EXPIRED, and the next call fetches one."""
    assert credentials.state() == State(Freshness.EXPIRED, None, 0.0, None, 0, 0, ("demo/read.file",))


def test_state_of_a_fresh_token(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """Until the margin, until the renewal point, and what it cost."""
    credentials.get_token()
    clock.advance(100)
    assert credentials.state() == State(
        freshness=Freshness.FRESH,
        expires_in=3490,
        next_renewal_in=2780,
        last_error=None,
        token_requests=1,
        tokens_billed=1,
        scopes=("demo/read.file",),
    )


def test_state_of_a_stale_token(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """The next call starts a renewal."""
    credentials.get_token()
    clock.advance(2880)
    state = credentials.state()
    assert state.freshness is Freshness.STALE
    assert state.next_renewal_in == 0.0
    assert state.expires_in == 710


def test_state_of_an_expired_token(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """Never below zero."""
    credentials.get_token()
    clock.advance(10_000)
    state = credentials.state()
    assert state.freshness is Freshness.EXPIRED
    assert state.expires_in == 0.0
    assert state.next_renewal_in == 0.0


def test_state_of_a_suspected_token(credentials: CognitoClientCredentials, clock: ManualClock) -> None:
    """The next call asks for another one."""
    token = credentials.get_token()
    clock.advance(60)
    credentials.invalidate(token)
    state = credentials.state()
    assert state.freshness is Freshness.FRESH
    assert state.next_renewal_in == 0.0


def test_state_while_a_flight_is_under_way(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """No next renewal: it is now."""
    fake.gate()
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    fake.wait_for_token_requests()
    state = credentials.state()
    assert state.next_renewal_in is None
    assert state.token_requests == 1
    assert state.tokens_billed == 0


def test_state_after_a_failure(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """The last error, and how long it is remembered."""
    clock.set_random(0.0)
    fake.fail(503)
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    state = credentials.state()
    assert state.last_error == "TokenUnavailable"
    assert state.next_renewal_in == 0.25
    assert state.token_requests == 3
    assert state.tokens_billed == 0


def test_state_names_the_oauth_code(make: Make) -> None:
    """Where there is one."""
    credentials = make(client_secret="wrong")
    with pytest.raises(Exception, match="invalid_client"):
        credentials.get_token()
    assert credentials.state().last_error == "invalid_client"


def test_failure_of_the_client_is_in_the_state_of_every_view(make: Make, clock: ManualClock) -> None:
    """The next token request of any scope set is as far away."""
    credentials = make(client_secret="wrong")
    with pytest.raises(Exception, match="invalid_client"):
        credentials.get_token()
    assert credentials.with_scopes("demo/write.file").state().next_renewal_in == 3.0


def test_failed_renewal_with_a_token_in_hand_is_in_the_state(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """STALE, and the next try in 3.75 s."""
    credentials.get_token()
    fake.fail(503)
    clock.advance(2880)
    credentials.get_token()
    settled(credentials)
    state = credentials.state()
    assert (state.freshness, state.last_error, state.next_renewal_in) == (Freshness.STALE, "TokenUnavailable", 3.75)


def test_state_counts_per_scope_set(credentials: CognitoClientCredentials) -> None:
    """Whose tokens cost what."""
    credentials.get_token()
    view = credentials.with_scopes("demo/write.file")
    assert view.state().tokens_billed == 0
    view.get_token()
    assert view.state().tokens_billed == 1
    assert credentials.state().tokens_billed == 1


def test_state_is_frozen(credentials: CognitoClientCredentials) -> None:
    """A snapshot does not change, and holds nothing secret."""
    credentials.get_token()
    state = credentials.state()
    with pytest.raises(AttributeError, match="frozen"):
        state.scopes = ()  # type: ignore[misc]  # that is the test
    assert credentials.get_token().access_token not in repr(state)


def test_state_sends_nothing(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Looking changes nothing, whatever the token's age."""
    credentials.get_token()
    for _ in range(5):
        clock.advance(1000)
        credentials.state()
    assert fake.counts()["token_requests"] == 1
