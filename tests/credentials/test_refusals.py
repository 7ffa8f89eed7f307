"""The endpoint says no."""

from collections.abc import Callable

import pytest

from s2sauth import (
    CognitoClientCredentials,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    TokenRequestRefused,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(35)
@pytest.mark.parametrize("status", [400, 401])
def test_invalid_client_reads_the_secret_again(make: Make, fake: FakeCognito, status: int, world: World) -> None:
    """Cognito says 400 where RFC 6749 says 401: the secret is read again, but not tried again unless it changed."""
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


@pytest.mark.fault(35)
def test_changed_secret_is_tried_once_after_invalid_client(make: Make, fake: FakeCognito) -> None:
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


@pytest.mark.fault(36)
@pytest.mark.parametrize("code", CODES)
def test_refusals_are_typed_and_asked_once(
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


@pytest.mark.fault(36)
@pytest.mark.parametrize("code", CODES)
def test_refusal_while_stale_fails_nobody(
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
    assert [record.levelname for record in caplog.records if code in record.getMessage()].count("WARNING") == 1


HOSTILE: dict[str, dict[str, object]] = {
    "unknown code": {"error": "strange_thing"},
    "number": {"error": 7},
    "object": {"error": {"code": "x"}},
    "null": {"error": None, "error_description": "x"},
    "control characters": {"error": "bad\x1b[31m\r\nX: y", "error_description": "a\x00b\r\nINFO forged line"},
    "a megabyte": {"error": "a b " * 2_000, "error_description": "word " * 10_000},
    "quotes": {"error": 'x"y', "error_description": "<script>alert('1')</script>"},
}


@pytest.mark.fault(37)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_error_bodies_become_clean_text(
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
