"""Group B of the catalogue: what the token endpoint's answer may look like. Each is of its class, and nothing is cached."""

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import (
    AccessToken,
    CognitoClientCredentials,
    Event,
    S2SAuthError,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

TOKEN = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


def with_(**changes: object) -> dict[str, object]:
    """A good answer, changed."""
    return {**TOKEN, **changes}


def without(name: str) -> dict[str, object]:
    """A good answer, one member short."""
    return {key: value for key, value in TOKEN.items() if key != name}


def jwt(**claims: object) -> str:
    """A token whose payload holds these claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"


def refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, kind: type[S2SAuthError], world: World | None = None
) -> S2SAuthError:
    """The error of this class; nothing was cached, and after the endpoint's recovery a good token comes."""
    with pytest.raises(S2SAuthError) as caught:
        world.get(credentials) if world else credentials.get_token()
    assert type(caught.value) is kind
    state = credentials.state()
    assert (state.expires_in, state.tokens_billed) == (None, 0)
    fake.recover()
    clock = credentials._shared.clock
    assert isinstance(clock, ManualClock)
    clock.advance(61)
    assert credentials.get_token().expires_in == 3600
    return caught.value


def accepted(credentials: CognitoClientCredentials) -> AccessToken:
    """The token, which is cached."""
    token = credentials.get_token()
    assert credentials.get_token() is token
    return token


def test_17_html(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """A captive portal answers 200 with a page: no token; no word of the page is in the message."""
    page = b"<html><body>Welcome to Hotel Wifi</body></html>"
    fake.answer_json(page, headers=[("Content-Type", "text/html")])
    error = refused(credentials, fake, TokenResponseInvalid, world)
    assert "captive portal" in str(error)
    assert "Hotel" not in str(error)


@pytest.mark.parametrize("body", [b"", b"null", b'"x"', b"[]", b"7", b"true", b"{}"], ids=repr)
def test_18_json_that_is_no_object(credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes) -> None:
    """Also the empty body and the empty object."""
    fake.answer_json(body)
    refused(credentials, fake, TokenResponseInvalid)


GOOD = json.dumps(TOKEN)


@pytest.mark.parametrize(
    "body",
    [
        GOOD[:-1].encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        GOOD.encode() + b"\xff",
        GOOD.encode() + b" x",
    ],
    ids=["cut", "BOM", "UTF-16", "bad UTF-8", "more behind it"],
)
def test_19_broken_json(credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes) -> None:
    """No UnicodeDecodeError escapes."""
    fake.answer_json(body)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize(
    "value",
    [b"7" * 5000, b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000],
    ids=["digits", "lists", "objects"],
)
def test_20_json_that_python_gives_up_on(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes
) -> None:
    """5,000 digits and endless nesting: no ValueError, no RecursionError."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":3600,"x":' + value + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize("name", ["access_token", "expires_in", "x"])
def test_21_repeated_member(credentials: CognitoClientCredentials, fake: FakeCognito, name: str) -> None:
    """Two parsers would read two tokens."""
    fake.answer_json(f'{{"access_token":"a","token_type":"Bearer","expires_in":60,"x":1,"{name}":"b"}}'.encode())
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize(
    "answer", [without("access_token"), *(with_(access_token=value) for value in ("", 7, [], {}, None, True))], ids=repr
)
def test_22_access_token_of_the_wrong_type(
    credentials: CognitoClientCredentials, fake: FakeCognito, answer: object
) -> None:
    """Missing, empty, a number, a list, null."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize(
    "token", ["a\r\nX-Evil: 1", "a b", "a\0b", "\ud800", "tökén", "a\tb", "a,b", "=a", 'a"b', " a", "a\n"], ids=ascii
)
def test_23_access_token_that_is_no_header_value(
    credentials: CognitoClientCredentials, fake: FakeCognito, token: str
) -> None:
    """Refused on receipt by RFC 6750's b64token; the message says what is wrong, never the value."""
    fake.answer_json(with_(access_token=token))
    error = refused(credentials, fake, TokenResponseInvalid)
    assert "RFC 6750" in str(error)
    assert "Evil" not in str(error)


@pytest.mark.parametrize(
    ("length", "fits"), [(16 * 1024, True), (16 * 1024 + 1, False), (60_000, False), (100_000, False)]
)
def test_24_long_access_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, length: int, fits: bool
) -> None:
    """16 KiB are accepted; a server's header line ends at 8 to 64 KiB."""
    fake.answer_json(with_(access_token="a" * length))
    if fits:
        assert len(accepted(credentials).access_token) == length
    else:
        refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_25_token_type_in_any_case(credentials: CognitoClientCredentials, fake: FakeCognito, kind: str) -> None:
    """RFC 6749 5.1: case-insensitive; ours is always Bearer."""
    fake.answer_json(with_(token_type=kind))
    assert accepted(credentials).token_type == "Bearer"


@pytest.mark.parametrize(
    "answer",
    [
        without("token_type"),
        *(with_(token_type=value) for value in ("DPoP", "mac", "", 7, None, ["Bearer"], "Bearer ")),
    ],
    ids=repr,
)
def test_25_other_token_types(credentials: CognitoClientCredentials, fake: FakeCognito, answer: object) -> None:
    """RFC 6749 7.1: a type that is not understood must not be used."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


def test_26_missing_expires_in(credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event]) -> None:
    """The JWT's own life counts, and somebody is told."""
    fake.omit_expires_in()
    fake.set_expires_in(1800)
    assert accepted(credentials).expires_in == 1800
    assert "expires_in_missing" in names(events)


def test_26_missing_expires_in_and_no_jwt(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """300 s: 'never expires' is the wrong guess."""
    fake.answer_json(without("expires_in"))
    assert accepted(credentials).expires_in == 300


@pytest.mark.parametrize(("value", "life"), [("3600", 3600), (3600.0, 3600), (3600.9, 3600), ("60.5", 60), (60, 60)])
def test_27_expires_in_of_another_form(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: object, life: int
) -> None:
    """Numeric text and fractions are fine; whole seconds count."""
    fake.answer_json(with_(expires_in=value))
    assert accepted(credentials).expires_in == life


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
def test_28_expires_in_that_makes_no_sense(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes
) -> None:
    """A bool is no number, a life of 0 is none."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":' + value + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.parametrize("value", [86_401, 10**9, 10**30])
def test_28_huge_expires_in(credentials: CognitoClientCredentials, fake: FakeCognito, value: int) -> None:
    """Clamped to a day."""
    fake.answer_json(with_(expires_in=value))
    assert accepted(credentials).expires_in == 86_400


def test_29_unknown_members(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """RFC 6749 5.1: ignored, and not kept."""
    fake.answer_json(with_(refresh_token="r3fresh", id_token="1d", scope="other", extra={"a": [1]}))
    token = accepted(credentials)
    assert not [name for name in dir(token) if "refresh" in name or "id_token" in name]


@pytest.mark.parametrize("code", ["invalid_client", "invalid_scope", "server_error", "strange"])
def test_30_error_with_status_200(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, code: str
) -> None:
    """The body's error names the error, even beside a token."""
    clock.set_random(0.0)
    fake.answer_json(with_(error=code))
    with pytest.raises(TokenUnavailable if code == "server_error" else TokenRequestRefused) as caught:
        credentials.get_token()
    assert getattr(caught.value, "error", code) == code
    assert credentials.state().tokens_billed == 0


WAF = b"<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"bad request"),
        (401, b""),
        (403, WAF),
        (404, b""),
        (405, b""),
        (418, b"{}"),
        (400, b"[]"),
        (409, b'{"message":"no"}'),
    ],
    ids=repr,
)
def test_31_4xx_without_an_oauth_body(
    credentials: CognitoClientCredentials, fake: FakeCognito, status: int, body: bytes
) -> None:
    """TokenRequestRefused with status and request id, error None; no word of the body."""
    fake.fail(status, body=body, headers=[("x-amz-cognito-request-id", "0f1e2d3c-1")])
    error = refused(credentials, fake, TokenRequestRefused)
    assert isinstance(error, TokenRequestRefused)
    assert (error.error, error.status, error.request_id) == (None, status, "0f1e2d3c-1")
    assert f"HTTP {status}" in str(error)
    assert "0f1e2d3c-1" in str(error)
    assert "blocked." not in str(error).lower().replace("blocked the call.", "")


@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 226])
def test_32_other_2xx(credentials: CognitoClientCredentials, fake: FakeCognito, status: int) -> None:
    """Only 200 promises a token."""
    fake.answer_json(b"" if status in (204, 205) else TOKEN, status)
    refused(credentials, fake, TokenResponseInvalid)


def test_33_cookies(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Never stored, never sent back."""
    credentials.get_token()
    clock.advance(3600)
    credentials.get_token()
    assert [request.header("cookie") for request in fake.token_requests] == [None, None]


BODY = GOOD.encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
RAW: dict[str, bytes] = {
    "1xx before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
    "HTTP/1.0 to the end of the connection": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "no reason phrase": b"HTTP/1.1 200 \r\n" + LENGTH + b"\r\n" + BODY,
    "chunks and trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n"
    % (len(BODY), BODY),
    "more bytes behind it": b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY + b"HTTP/1.1 200 OK\r\n\r\n",
    "no Date, no type": b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_34_http_in_all_its_forms(credentials: CognitoClientCredentials, fake: FakeCognito, raw: bytes) -> None:
    """A token is a token."""
    fake.answer(raw)
    assert accepted(credentials).access_token == "abc"


NO_HTTP: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"\x00\x01\x02\x03",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "cut in its head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut in its body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY,
    "cut in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + BODY,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + BODY,
    "a head of 200 kB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
}


@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP)
def test_34_what_is_no_http_answer(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, raw: bytes
) -> None:
    """An outage: tried three times, nothing cached."""
    clock.set_random(0.0)
    fake.answer(raw)
    refused(credentials, fake, TokenUnavailable)
    assert fake.counts()["token_requests"] == 4


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "x-unknown"])
def test_14_any_content_encoding(credentials: CognitoClientCredentials, fake: FakeCognito, encoding: str) -> None:
    """Refused before anything is decoded."""
    fake.answer_json(TOKEN, headers=[("Content-Encoding", encoding)])
    refused(credentials, fake, TokenResponseInvalid)


def test_13_endless_body(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Read up to 64 KiB."""
    fake.endless()
    refused(credentials, fake, TokenResponseInvalid)


def test_what_is_refused_is_logged_without_the_body(
    credentials: CognitoClientCredentials, fake: FakeCognito, caplog: pytest.LogCaptureFixture
) -> None:
    """One WARNING, which names the class."""
    caplog.set_level(logging.DEBUG, "s2sauth")
    fake.answer_json(b"<html>Hotel</html>")
    refused(credentials, fake, TokenResponseInvalid)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "TokenResponseInvalid" in warnings[0]
    assert "Hotel" not in caplog.text


def test_jwt_that_is_none_is_as_good(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Three parts that decode to rubbish: the payload is read for diagnosis only."""
    for token in ("a.b.c", "a.e30.c", "..", jwt(exp="x", iat=[], scope=7, client_id=None)[:-1] + "A"):
        fake.answer_json(with_(access_token=token))
        clock: Any = credentials._shared.clock
        clock.advance(3600)
        assert credentials.get_token().access_token == token
