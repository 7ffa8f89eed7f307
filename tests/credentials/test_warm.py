"""`warm()`: ready before the first call."""

from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, InvalidClient
from s2sauth.testing import FakeCognito

Make = Callable[..., CognitoClientCredentials]


def test_the_first_call_finds_a_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """True says so."""
    assert credentials.warm() is True
    assert fake.counts()["token_requests"] == 1
    fake.refuse()
    assert credentials.get_token()


def test_an_outage_keeps_no_service_from_starting(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: object
) -> None:
    """False, and no exception; the next call tries again."""
    fake.answer(b"garbage", times=3)
    clock.set_random(0.0)  # type: ignore[attr-defined]  # a ManualClock

    assert credentials.warm() is False


def test_a_mistake_is_said_at_the_start(make: Make) -> None:
    """A wrong secret will not get better."""
    with pytest.raises(InvalidClient):
        make(client_secret="another-secret-of-24-letters").warm()
