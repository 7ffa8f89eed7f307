"""Group C of the catalogue: what the token endpoint means by its answer."""

import base64
import json
import threading
from collections.abc import Callable

import pytest

from s2sauth import (
    CognitoClientCredentials,
    Event,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    RenewalPolicy,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.parametrize("status", [400, 401])
def test_35_invalid_client(make: Make, fake: FakeCognito, status: int, world: World) -> None:
    """Cognito says 400 where RFC 6749 says 401: the secret is read again, and what has not changed is not tried again."""
    reads = []

    def secret() -> str:
        reads.append(1)
        return fake.client_secret

    fake.answer_json({"error": "invalid_client"}, status, headers=[("WWW-Authenticate", "Basic")])
    credentials = make(client_secret=secret)
    with pytest.raises(InvalidClient) as caught:
        world.get(credentials)
    assert caught.value.status == status
    assert len(reads) == 2
    assert fake.counts()["token_requests"] == 1
    assert "app client" in str(caught.value)


def test_35_invalid_client_with_a_changed_secret(make: Make, fake: FakeCognito) -> None:
    """The second reading gives another one, which is tried once."""
    secrets = iter(["old", fake.client_secret])
    make(client_secret=lambda: next(secrets)).get_token()
    assert fake.counts()["token_requests"] == 2


CODES = {
    "invalid_request": InvalidRequest,
    "invalid_client": InvalidClient,
    "invalid_grant": InvalidGrant,
    "invalid_scope": InvalidScope,
    "unauthorized_client": UnauthorizedClient,
    "unsupported_grant_type": UnsupportedGrantType,
    "invalid_target": TokenRequestRefused,
}


@pytest.mark.parametrize("code", CODES)
def test_36_refusals_are_typed_and_asked_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, code: str, world: World
) -> None:
    """One request, one class for each code of the RFC, and a message that says what to do."""
    fake.answer_json({"error": code}, 400)
    with pytest.raises(TokenRequestRefused) as caught:
        world.get(credentials)
    assert type(caught.value) is CODES[code]
    assert (caught.value.error, caught.value.status) == (code, 400)
    assert fake.counts()["token_requests"] == 1
    assert len(str(caught.value)) > 100


@pytest.mark.parametrize("code", CODES)
def test_36_refusal_while_stale_fails_nobody(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The old token is served, and one WARNING says why."""
    old = credentials.get_token()
    fake.answer_json({"error": code}, 400)
    clock.advance(2880)
    for _ in range(3):
        assert credentials.get_token() is old
        settled(credentials)
    assert [record.levelname for record in caplog.records if code in record.getMessage()] == ["WARNING"]


HOSTILE: dict[str, dict[str, object]] = {
    "unknown code": {"error": "strange_thing"},
    "number": {"error": 7},
    "object": {"error": {"code": "x"}},
    "null": {"error": None, "error_description": "x"},
    "control characters": {"error": "bad\x1b[31m\r\nX: y", "error_description": "a\x00b\r\nINFO forged line"},
    "a megabyte": {"error": "a b " * 2_000, "error_description": "word " * 10_000},
    "quotes": {"error": 'x"y', "error_description": "<script>alert('1')</script>"},
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_37_hostile_error_bodies(
    credentials: CognitoClientCredentials, fake: FakeCognito, body: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """A typed error, its text cleaned and cut; one log line."""
    fake.answer_json(body, 400)
    with pytest.raises(TokenRequestRefused) as caught:
        credentials.get_token()
    for text in (str(caught.value), caught.value.error or "", caught.value.error_description or ""):
        assert text.isprintable()
        assert len(text) < 1500
    assert len(caught.value.error or "") <= 200
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert "\n" not in caplog.messages[-1]
    assert "\x1b" not in caplog.text


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


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_38_retry_after(
    make: Make, fake: FakeCognito, clock: ManualClock, value: str | None, seconds: float | None
) -> None:
    """Seconds or a date by the server's own clock; the past is 0, garbage is nothing."""
    clock.set_random(0.999)
    fake.fail(429, headers=[] if value is None else [("Retry-After", value)])
    with pytest.raises(TokenUnavailable) as caught:
        make(policy=RenewalPolicy(deadline=0.2)).get_token()
    assert caught.value.retry_after == seconds


def test_38_throttled_while_stale(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Nobody waits, the old token is served, one request."""
    old = credentials.get_token()
    fake.fail(429, headers=[("Retry-After", "2")])
    clock.advance(2880)
    assert credentials.get_token() is old
    settled(credentials)
    assert fake.counts()["token_requests"] == 2


def test_39_throttled_for_ever(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
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


def test_39_throttled_for_ever_with_a_token_in_hand(
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
def test_40_throttling_by_any_name(
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


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_41_one_5xx(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, status: int, world: World
) -> None:
    """One more request, and nobody notices."""
    clock.set_random(0.0)
    fake.fail(status, times=1, body=b"<html>Bad Gateway</html>")
    world.get(credentials)
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable"])
@pytest.mark.parametrize("status", [400, 500])
def test_41_errors_of_the_server_by_name(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, code: str, status: int
) -> None:
    """RFC 6749 4.1.2.1: tried again, whatever the status."""
    clock.set_random(0.0)
    fake.answer_json({"error": code}, status, times=1)
    credentials.get_token()
    assert fake.counts()["token_requests"] == 2


def test_42_ten_minutes_of_500_with_a_life_of_five(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
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


def test_43_narrower_scope(make: Make, fake: FakeCognito, events: list[Event]) -> None:
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


def test_44_token_of_another_client(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """A mix-up, or a cache in between: an event, or with `strict` an error."""
    fake.set_claims({"client_id": "somebody-else"})
    make().get_token()
    assert "client_mismatch" in names(events)
    strict = make(strict=True)
    with pytest.raises(TokenResponseInvalid, match="another client_id"):
        strict.get_token()
    assert strict.state().expires_in is None


def test_45_same_token_again(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """A cache in front of the endpoint repeats a suspected token: its end is its own `exp`, and nobody asks in a loop."""
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


def jwt(**claims: object) -> str:
    """A token whose payload holds these claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": 100, "iat": 200}], ids=["long ago", "before iat"])
def test_46_expired_on_receipt(
    credentials: CognitoClientCredentials, fake: FakeCognito, claims: dict[str, object], world: World
) -> None:
    """Not cached, no loop; the message names the likely cause."""
    fake.answer_json({"access_token": jwt(**claims), "token_type": "Bearer", "expires_in": 3600})
    for _ in range(3):
        with pytest.raises(TokenResponseInvalid, match="already expired"):
            world.get(credentials)
    assert fake.counts()["token_requests"] == 1
    assert credentials.state().expires_in is None
