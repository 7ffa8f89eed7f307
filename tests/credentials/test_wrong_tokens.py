"""Tokens that are not what was asked for."""

from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, Event, InvalidScope, TokenResponseInvalid
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import jwt
from tests.support.fixtures import names
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(43)
def test_narrower_scope(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """Cognito grants less without a word: an event, or with `strict` an error."""
    fake.narrow_scopes(["demo/read.file"])
    asked = "demo/read.file demo/write.file"
    assert make(scopes=asked).get_token().scopes == ("demo/read.file",)
    assert "scope_narrowed" in names(events)
    strict = make(scopes=asked, strict=True)
    with pytest.raises(InvalidScope, match=r"demo/write\.file") as caught:
        strict.get_token()
    assert caught.value.error is None
    assert strict.state().expires_in is None


@pytest.mark.fault(44)
def test_token_of_another_client(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """A mix-up, or a cache in between: an event, or with `strict` an error."""
    fake.set_claims({"client_id": "somebody-else"})
    make().get_token()
    assert "client_mismatch" in names(events)
    strict = make(strict=True)
    with pytest.raises(TokenResponseInvalid, match="another client_id"):
        strict.get_token()
    assert strict.state().expires_in is None


@pytest.mark.fault(45)
def test_same_token_again(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """A cache in front of the endpoint repeats a suspected token: it ends at its `exp`, and nobody asks in a loop."""
    fake.repeat_tokens()
    token = credentials.get_token()
    clock.advance(600)
    credentials.invalidate(token)
    again = credentials.get_token()
    assert again.access_token == token.access_token
    assert again.expires_in == 3000
    for _ in range(10):
        credentials.get_token()
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(46)
@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": 100, "iat": 200}], ids=["long ago", "before iat"])
def test_expired_on_receipt(
    credentials: CognitoClientCredentials, fake: FakeCognito, claims: dict[str, object], world: World
) -> None:
    """Not cached, no loop; the message names the likely cause."""
    fake.answer_json({"access_token": jwt(**claims), "token_type": "Bearer", "expires_in": 3600})
    for _ in range(3):
        with pytest.raises(TokenResponseInvalid, match="already expired"):
            world.get(credentials)
    assert fake.counts()["token_requests"] == 1
    assert credentials.state().expires_in is None
