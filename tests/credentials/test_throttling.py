"""Throttling and errors of the server."""

import threading
from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

RETRY_AFTER = {
    "absent": (None, None),
    "seconds": ("2", 2.0),
    "negative": ("-5", 0.0),
    "huge": ("1e9", None),
    "many seconds": ("999999999", None),
    "text": ("soon", None),
    "date to come": ("Mon, 21 Sep 2026 14:13:30 GMT", 10.0),
    "date gone by": ("Mon, 21 Sep 2020 14:13:30 GMT", 0.0),
    "half a date": ("Mon, 21 Sep", None),
    "fraction": ("1.5", 1.5),
}


@pytest.mark.fault(38)
@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_retry_after(
    make: Make, fake: FakeCognito, clock: ManualClock, value: str | None, seconds: float | None
) -> None:
    """Seconds or a date by the server's own clock; the past is 0, garbage is nothing."""
    clock.set_random(0.999)
    fake.fail(429, headers=[] if value is None else [("Retry-After", value)])
    with pytest.raises(TokenUnavailable) as caught:
        make(policy=RenewalPolicy(deadline=0.2)).get_token()
    assert caught.value.retry_after == seconds


@pytest.mark.fault(38)
def test_throttled_while_stale(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Nobody waits, the old token is served, one request."""
    old = credentials.get_token()
    fake.fail(429, headers=[("Retry-After", "2")])
    clock.advance(2880)
    assert credentials.get_token() is old
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(39)
def test_throttled_for_ever(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """200 threads for a minute: a handful of requests, all callers fail in time."""
    fake.fail(429)
    failed: list[Exception] = []

    def call() -> None:
        try:
            credentials.get_token()
        except TokenUnavailable as error:
            failed.append(error)

    requests = []
    for _ in range(8):
        threads = [threading.Thread(target=call) for _ in range(25)]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            clock.advance(0.25)
            alive[0].join(0.005)
        requests.append(fake.counts()["token_requests"])
    assert len(failed) == 200
    assert requests[-1] <= 8 * 8


@pytest.mark.fault(39)
def test_throttled_for_ever_with_a_token_in_hand(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The old one is served to its end, and no storm."""
    old = credentials.get_token()
    fake.fail(429)
    clock.advance(2880)
    for _ in range(700):
        assert credentials.get_token() is old
        settled(credentials)
        clock.advance(1)
    assert fake.counts()["token_requests"] <= 25


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, {"__type": "TooManyRequestsException", "message": "Rate exceeded"}, []),
        (400, {"message": "Rate exceeded"}, []),
        (400, {"code": "TooManyRequestsException"}, []),
        (400, {"error": "TooManyRequestsException"}, []),
        (400, {}, [("x-amzn-ErrorType", "TooManyRequestsException")]),
        (500, {"__type": "com.amazonaws#TooManyRequestsException"}, []),
        (429, {"message": "Too Many Requests"}, []),
    ],
    ids=repr,
)
def test_throttling_by_any_name(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    status: int,
    body: object,
    headers: list[tuple[str, str]],
) -> None:
    """It is waited out, like 429: four answers, then a token."""
    clock.set_random(0.0)
    fake.answer_json(body, status, times=4, headers=headers)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 5


@pytest.mark.fault(41)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_one_5xx(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, status: int, world: World
) -> None:
    """One more request, and nobody notices."""
    clock.set_random(0.0)
    fake.fail(status, times=1, body=b"<html>Bad Gateway</html>")
    world.get(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(41)
@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable"])
@pytest.mark.parametrize("status", [400, 500])
def test_errors_of_the_server_by_name(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, code: str, status: int
) -> None:
    """RFC 6749 4.1.2.1: tried again, whatever the status."""
    clock.set_random(0.0)
    fake.answer_json({"error": code}, status, times=1)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(42)
def test_ten_minutes_of_500_with_a_life_of_five(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The old token to its end, then an error at once or in time, then service within one pause of the recovery."""
    fake.set_expires_in(300)
    credentials = make()
    clock.set_random(0.0)
    old = credentials.get_token()
    fake.fail(500)
    for second in range(600):
        clock.advance(1)
        if second < 289:
            assert credentials.get_token() is old
            settled(credentials)
        else:
            with pytest.raises(TokenUnavailable):
                credentials.get_token()
    fake.recover()
    clock.advance(30)
    credentials.get_token()
