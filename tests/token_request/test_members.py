"""The members beside the token."""

import pytest

from s2sauth import CognitoClientCredentials, Event, TokenResponseInvalid
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import accepted, jwt, refused, with_, without
from tests.support.fixtures import names


@pytest.mark.fault(25)
@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_token_type_in_any_case(credentials: CognitoClientCredentials, fake: FakeCognito, kind: str) -> None:
    """RFC 6749 5.1: case-insensitive; ours is always Bearer."""
    fake.answer_json(with_(token_type=kind))
    assert accepted(credentials).token_type == "Bearer"


@pytest.mark.fault(25)
@pytest.mark.parametrize(
    "answer",
    [
        without("token_type"),
        *(with_(token_type=value) for value in ("DPoP", "mac", "", 7, None, ["Bearer"], "Bearer ")),
    ],
    ids=repr,
)
def test_other_token_types(credentials: CognitoClientCredentials, fake: FakeCognito, answer: object) -> None:
    """RFC 6749 7.1: a type that is not understood must not be used."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(26)
def test_missing_expires_in(credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event]) -> None:
    """The JWT's own life counts, and somebody is told."""
    fake.omit_expires_in()
    fake.set_expires_in(1800)
    assert accepted(credentials).expires_in == 1800
    assert "expires_in_missing" in names(events)


@pytest.mark.fault(26)
def test_missing_expires_in_and_no_jwt(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """300 s: 'never expires' is the wrong guess."""
    fake.answer_json(without("expires_in"))
    assert accepted(credentials).expires_in == 300


@pytest.mark.fault(27)
@pytest.mark.parametrize(("value", "life"), [("3600", 3600), (3600.0, 3600), (3600.9, 3600), ("60.5", 60), (60, 60)])
def test_expires_in_of_another_form(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: object, life: int
) -> None:
    """Numeric text and fractions are fine; whole seconds count."""
    fake.answer_json(with_(expires_in=value))
    assert accepted(credentials).expires_in == life


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    "value",
    [
        b"true",
        b"NaN",
        b"Infinity",
        b"1e999",
        b"-1",
        b"0",
        b'"x"',
        b'""',
        b"null",
        b"[]",
        b"-1e999",
        b'"1e3"',
        b'"0x10"',
        b"0.9",
    ],
    ids=repr,
)
def test_expires_in_that_makes_no_sense(credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes) -> None:
    """A bool is no number, a life of 0 is none."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":' + value + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(28)
@pytest.mark.parametrize("value", [86_401, 10**9, 10**30])
def test_huge_expires_in(credentials: CognitoClientCredentials, fake: FakeCognito, value: int) -> None:
    """Clamped to a day."""
    fake.answer_json(with_(expires_in=value))
    assert accepted(credentials).expires_in == 86_400


@pytest.mark.fault(29)
def test_unknown_members(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """RFC 6749 5.1: ignored, and not kept."""
    fake.answer_json(with_(refresh_token="r3fresh", id_token="1d", scope="other", extra={"a": [1]}))
    token = accepted(credentials)
    assert not [name for name in dir(token) if "refresh" in name or "id_token" in name]


def test_jwt_that_is_none_is_as_good(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Three parts that decode to rubbish: the payload is read for diagnosis only."""
    for token in ("a.b.c", "a.e30.c", "..", jwt(exp="x", iat=[], scope=7, client_id=None)[:-1] + "A"):
        fake.answer_json(with_(access_token=token))
        clock.advance(3600)
        assert credentials.get_token().access_token == token
