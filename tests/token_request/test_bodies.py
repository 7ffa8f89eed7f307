"""Bodies that hold no usable token. Each is of its class, and nothing is cached."""

import json

import pytest

from s2sauth import CognitoClientCredentials, TokenResponseInvalid
from s2sauth.testing import FakeCognito
from tests.support.answers import TOKEN, accepted, refused, with_, without
from tests.support.worlds import World


@pytest.mark.fault(17)
def test_html(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """A captive portal answers 200 with a page: no token; no word of the page is in the message."""
    page = b"<html><body>Welcome to Hotel Wifi</body></html>"
    fake.answer_json(page, headers=[("Content-Type", "text/html")])
    error = refused(credentials, fake, TokenResponseInvalid, world)
    assert "captive portal" in str(error)
    assert "Hotel" not in str(error)


@pytest.mark.fault(18)
@pytest.mark.parametrize("body", [b"", b"null", b'"x"', b"[]", b"7", b"true", b"{}"], ids=repr)
def test_json_that_is_no_object(credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes) -> None:
    """Also the empty body and the empty object."""
    fake.answer_json(body)
    refused(credentials, fake, TokenResponseInvalid)


GOOD = json.dumps(TOKEN)


@pytest.mark.fault(19)
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
def test_broken_json(credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes) -> None:
    """No UnicodeDecodeError escapes."""
    fake.answer_json(body)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(20)
def test_number_of_5000_digits(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Python refuses to read it; no ValueError escapes."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":3600,"x":' + b"7" * 5000 + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    "value",
    [b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000, b"[" * 40_000],
    ids=["lists", "objects", "unclosed"],
)
def test_endless_nesting(credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes) -> None:
    """How deep is too deep differs between Pythons: no token, or what stands beside it; no RecursionError escapes."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":3600,"x":' + value + b"}")
    try:
        assert credentials.get_token().access_token == "abc"
    except TokenResponseInvalid:
        assert credentials.state().expires_in is None


@pytest.mark.fault(21)
@pytest.mark.parametrize("name", ["access_token", "expires_in", "x"])
def test_repeated_member(credentials: CognitoClientCredentials, fake: FakeCognito, name: str) -> None:
    """Two parsers would read two tokens."""
    fake.answer_json(f'{{"access_token":"a","token_type":"Bearer","expires_in":60,"x":1,"{name}":"b"}}'.encode())
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    "answer",
    [without("access_token"), *[with_(access_token=value) for value in list[object](("", 7, [], {}, None, True))]],
    ids=repr,
)
def test_access_token_of_the_wrong_type(
    credentials: CognitoClientCredentials, fake: FakeCognito, answer: object
) -> None:
    """Missing, empty, a number, a list, null."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "token", ["a\r\nX-Evil: 1", "a b", "a\0b", "\ud800", "tökén", "a\tb", "a,b", "=a", 'a"b', " a", "a\n"], ids=ascii
)
def test_access_token_that_is_no_header_value(
    credentials: CognitoClientCredentials, fake: FakeCognito, token: str
) -> None:
    """Refused on receipt by RFC 6750's b64token; the message says what is wrong, never the value."""
    fake.answer_json(with_(access_token=token))
    error = refused(credentials, fake, TokenResponseInvalid)
    assert "RFC 6750" in str(error)
    assert "Evil" not in str(error)


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("length", "fits"), [(16 * 1024, True), (16 * 1024 + 1, False), (60_000, False), (100_000, False)]
)
def test_long_access_token(credentials: CognitoClientCredentials, fake: FakeCognito, length: int, fits: bool) -> None:
    """16 KiB are accepted; a server's header line ends at 8 to 64 KiB."""
    fake.answer_json(with_(access_token="a" * length))
    if fits:
        assert len(accepted(credentials).access_token) == length
    else:
        refused(credentials, fake, TokenResponseInvalid)
