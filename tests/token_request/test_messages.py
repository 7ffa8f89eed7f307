"""Status, headers and HTTP itself: redirects, bodies without end, encodings. Nothing of them is cached."""

import gzip
import json
import logging
import tracemalloc
from collections.abc import Callable

import httpx
import pytest

from s2sauth import CognitoClientCredentials, TokenRequestRefused, TokenResponseInvalid, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import TOKEN, accepted, refused, with_
from tests.support.settled import eventually
from tests.support.wires import Wire, wire
from tests.support.worlds import World


@pytest.mark.fault(30)
@pytest.mark.parametrize("code", ["invalid_client", "invalid_scope", "server_error", "strange"])
def test_error_with_status_200_is_that_error(
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


@pytest.mark.fault(31)
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
def test_4xx_without_an_oauth_body_has_no_error_code(
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


@pytest.mark.fault(32)
@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 226])
def test_other_2xx_is_no_token(credentials: CognitoClientCredentials, fake: FakeCognito, status: int) -> None:
    """Only 200 promises a token."""
    fake.answer_json(b"" if status in (204, 205) else TOKEN, status)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(33)
def test_cookies_are_never_sent_back(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Never stored, never sent back."""
    credentials.get_token()
    clock.advance(3600)
    credentials.get_token()
    assert [request.header("cookie") for request in fake.token_requests] == [None, None]


BODY = json.dumps(TOKEN).encode()
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


@pytest.mark.fault(34)
@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_token_comes_by_http_in_all_its_forms(
    credentials: CognitoClientCredentials, fake: FakeCognito, raw: bytes
) -> None:
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


@pytest.mark.fault(34)
@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_answer_is_an_outage(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, raw: bytes
) -> None:
    """An outage: tried three times, nothing cached."""
    clock.set_random(0.0)
    fake.answer(raw)
    refused(credentials, fake, TokenUnavailable)
    assert fake.counts()["token_requests"] == 4


@pytest.mark.fault(14)
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "x-unknown"])
def test_no_content_encoding_is_decoded(
    credentials: CognitoClientCredentials, fake: FakeCognito, encoding: str
) -> None:
    """Refused before anything is decoded."""
    fake.answer_json(TOKEN, headers=[("Content-Encoding", encoding)])
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(13)
def test_endless_body_is_no_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
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


__all__ = ["wire"]

pytestmark = pytest.mark.usefixtures("family")

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(12)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(make: Make, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """Not even a client that follows redirects carries the secret elsewhere."""

    def following() -> httpx.Client:
        client = wire.http_client()
        client.follow_redirects = True
        return client

    with FakeCognito() as other:
        fake.redirect(other.token_url, status)
        with pytest.raises(TokenRequestRefused, match=f"HTTP {status}") as caught:
            world.get(make(domain=wire.domain, http_client=following))
        assert other.counts()["token_connections"] == 0
    assert (caught.value.error, caught.value.status) == (None, status)
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(13)
def test_endless_body_costs_64_kib_and_its_connection(make: Make, fake: FakeCognito, world: World, wire: Wire) -> None:
    """What is longer is no token; nobody listens to the rest."""
    fake.endless()
    refused(make(domain=wire.domain, http_client=wire.http_client), fake, TokenResponseInvalid, world)
    if wire.is_http2:
        assert wire.servers[0].connections == 2
    else:
        assert fake._listeners is not None
        listener = fake._listeners[0]
        eventually(lambda: not listener._open)


@pytest.mark.fault(14)
def test_gzip_bomb_is_not_decoded(make: Make, fake: FakeCognito, wire: Wire) -> None:
    """60 kB that would be 60 MB: refused, and memory stays flat."""
    bomb = gzip.compress(b" " * 60_000_000)
    assert len(bomb) < 64 * 1024
    fake.answer_json(bomb, headers=[("Content-Encoding", "gzip")])
    credentials = make(domain=wire.domain, http_client=wire.http_client)
    credentials.httpx_auth("https://api.example.com")
    tracemalloc.start()
    with pytest.raises(TokenResponseInvalid):
        credentials.get_token()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024
