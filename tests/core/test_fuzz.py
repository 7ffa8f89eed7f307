"""Whatever bytes, headers and arguments come: only errors of ours, of bounded size, in bounded time.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import json
import math
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from s2sauth import AccessToken, ConfigurationError
from s2sauth._core import config
from s2sauth._core.bearer import MAX_TOKEN, challenges, is_b64token, refuses_bearer
from s2sauth._core.endpoint import from_domain, from_token_url
from s2sauth._core.errors import Failure, S2SAuthError
from s2sauth._core.http_dates import MAX_RETRY_AFTER, http_date, retry_after
from s2sauth._core.issued import Issued
from s2sauth._core.origin import OriginList, Url, parse_origins, parse_url
from s2sauth._core.policy import LONGEST_LIFE
from s2sauth._core.settings import Settings, key, key_id
from s2sauth._core.token_endpoint import MAX_ANSWER, Answer, read_answer
from s2sauth._core.values import Secret, scope_set
from tests.support.entries import settings

LONGEST_TEXT = 2_000
PIECE = 24
TOKEN = "SentinelSentinelQ7x2Lm9Vb4Kc8Wz1Rt6Yp3Ns5Hd0Gf-SentinelSentinel"
ASKED = settings(("demo/read.file", "demo/write.file"))
STRICT = Settings(**{**vars(ASKED), "strict": True})

# Answers

STATUSES = st.sampled_from([200, 200, 200, 400, 401, 429, 503]) | st.integers(100, 999)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 3600, 10**30, 1e308, -1e308, 10**400])
SCALARS = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=40) | st.sampled_from(["Bearer", TOKEN, "3600", "-1", "1e9"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["access_token", "token_type", "expires_in", "error", "error_description", "scope", "__type", "message", "code"]
)
JWTS = st.dictionaries(st.sampled_from(["exp", "iat", "client_id", "scope", "jti"]), VALUES, max_size=5)


def jwt(claims: dict[str, Any]) -> str:
    """A token whose payload holds these claims, whatever they are."""
    return f"{TOKEN}.{urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.{TOKEN}"


GOOD = st.fixed_dictionaries(
    {
        "access_token": st.just(TOKEN) | JWTS.map(jwt),
        "token_type": st.just("Bearer") | SCALARS,
        "expires_in": st.just(3600) | SCALARS,
    },
    optional={"error": SCALARS, "scope": SCALARS},
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """JSON, damaged here and there: bytes replaced, cut out, put in twice."""
    body = bytearray(json.dumps(draw(GOOD | st.dictionaries(NAMES, VALUES, max_size=6))).encode())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        to = min(len(body), at + draw(st.integers(0, 12)))
        put = draw(
            st.binary(max_size=6)
            | st.sampled_from([b'"', b"{", b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"\xef\xbb\xbf"])
        )
        body[at:to] = put + bytes(body[at:to]) * draw(st.integers(0, 2))
    return bytes(body)


DEEP = st.tuples(st.sampled_from([b"[", b'{"a":', b'{"access_token":[']), st.integers(1, 20_000)).map(
    lambda nest: (nest[0] * nest[1])[:MAX_ANSWER]
)
LONG_NUMBER = st.integers(1, 60_000).map(
    lambda n: b'{"access_token":"a","token_type":"Bearer","expires_in":' + b"9" * n + b"}"
)
BODIES = st.binary(max_size=200) | mutated() | DEEP | LONG_NUMBER
DATES = st.text(max_size=40) | st.sampled_from(
    [
        "Mon, 21 Sep 2026 14:19:21 GMT",
        "Mon, 99 Sep 2026 25:61:61 GMT",
        "Mon, 01 Jan 0000 00:00:60 GMT",
        "-1",
        "1e9",
        "9" * 400,
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["date", "retry-after", "content-encoding", "x-amz-cognito-request-id", "x-amzn-requestid", "x-amzn-errortype"]
    ),
    DATES | st.sampled_from(["gzip", "identity", "TooManyRequestsException", "a" * 300, "\r\nX: y"]),
    max_size=4,
)


@given(STATUSES, HEADERS, BODIES, st.booleans(), st.sampled_from([ASKED, STRICT]))
@example(
    200,
    {},
    json.dumps({"token_type": "Bearer", "expires_in": 60, "access_token": jwt({"scope": "a \x1b[2J"})}).encode(),
    False,
    ASKED,
)
@example(200, {}, b"[" * MAX_ANSWER, False, ASKED)
@example(200, {}, b'{"access_token":' * 4_000, False, ASKED)
def test_any_answer_is_a_token_or_a_failure(
    status: int, headers: dict[str, str], body: bytes, truncated: bool, asked: Settings
) -> None:
    """Never raises; a token is one that may go into a header; a text is short, printable, and without a token."""
    found = read_answer(Answer(status, headers, body, truncated), asked, Secret("s"))
    if isinstance(found, Issued):
        assert status == 200
        assert len(found.access_token) <= MAX_TOKEN
        assert is_b64token(found.access_token)
        assert 0 < found.lifetime <= LONGEST_LIFE
        token = AccessToken(
            found.access_token, expires_in=found.lifetime, issued_at=0.0, left=lambda: 0.0, scopes=found.scopes
        )
        texts = [repr(found), repr(token), *(finding.text for finding in found.findings)]
    else:
        assert isinstance(found, Failure)
        error = found.exception()
        assert isinstance(error, S2SAuthError)
        assert found.retry_after is None or 0 <= found.retry_after <= MAX_RETRY_AFTER
        texts = [str(error), repr(error), repr(found), *(text for text in found.args if isinstance(text, str))]
    for text in texts:
        assert len(text) <= LONGEST_TEXT
        assert text.isprintable()
        assert not any(TOKEN[at : at + PIECE] in text for at in range(len(TOKEN) - PIECE + 1))


@given(
    DATES
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", fullmatch=True)
)
def test_any_date_is_seconds_or_nothing(text: str) -> None:
    """No number that is none, and no error."""
    seconds = http_date(text)
    assert seconds is None or math.isfinite(seconds)


@given(HEADERS)
def test_any_retry_after_is_seconds_or_nothing(headers: dict[str, str]) -> None:
    """From now, never the past, never more than the limit."""
    seconds = retry_after(headers)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


# Challenges

PIECES = st.text(alphabet='aB=",\\ \t;~@/+é\n', min_size=1, max_size=6)
LARGE = 65_536


@given(
    st.lists(st.tuples(PIECES, st.integers(1, LARGE)).map(lambda it: (it[0] * it[1])[:LARGE]) | st.text(), max_size=4)
)
def test_any_headers_are_read_without_growing(headers: list[str]) -> None:
    """What comes out is no longer than what went in; nothing raises."""
    found = challenges(headers)
    held = sum(len(scheme) + sum(len(name) + len(value) for name, value in said.items()) for scheme, said in found)
    assert held <= sum(map(len, headers)) * 2  # lower case may be longer
    assert refuses_bearer(headers) in (True, False)


def _seconds_for(text: str) -> float:
    taken = []
    for _ in range(3):
        began = time.process_time()
        challenges([text], limit=len(text))
        taken.append(time.process_time() - began)
    return min(taken)


@given(PIECES, PIECES, PIECES)
def test_eight_times_the_header_takes_about_eight_times_as_long(head: str, piece: str, tail: str) -> None:
    """Without the limit, in time of the processor: each pair of characters looked at would be 64 times as long."""
    short, long = (head + (piece * size)[:size] + tail for size in (LARGE // 8, LARGE))
    assert _seconds_for(long) < 24 * _seconds_for(short) + 0.05


# Arguments


def outcome(function: Callable[[Any], Any], given: Any) -> tuple[Any, ValueError | None]:
    """What it returns, and what it raises, of which a ValueError is the widest that is expected."""
    try:
        return function(given), None
    except ValueError as error:
        return None, error


ANYTHING: st.SearchStrategy[Any] = (
    st.text()
    | VALUES
    | st.binary(max_size=20)
    | st.sampled_from([object(), int, list[int], {}, (), frozenset({"a"}), range(3), len, Exception("x"), 1j, ...])
)
URLS = st.text() | st.tuples(
    st.sampled_from(
        ["https://", "http://", "HTTPS://", "ftp://", "//", "", "https:", "https:/\\", f"https://user:{TOKEN}@"]
    ),
    st.text(max_size=30)
    | st.text(alphabet="aZ09.-_[]:%@/?#\\ éＡ。\u200b\u0130ß１", max_size=30)
    | st.sampled_from(
        ["[::1]", "[fe80::1%25eth0]", "[v1.a]", "127.1", "0x7f.1", "localhost", "eu-central-1_Ex4mpl3Ab"]
    ),
    st.sampled_from(
        ["", ":443", ":", ":0", ":65536", ":-1", ":é", "/oauth2/token", "/a?b=c", "?client_secret=x", "#f"]
    ),
).map("".join)


@given(URLS)
def test_any_url_is_taken_or_refused(text: str) -> None:
    """With a ValueError that does not repeat it; what is taken is a host in ASCII and a port that there is."""
    for parse in (parse_url, from_token_url, lambda url: from_domain(url, "eu-central-1")):
        found, error = outcome(parse, text)
        assert error is None or (type(error) is ValueError and TOKEN not in str(error))
        if isinstance(found, Url):
            assert found.origin.host.isascii()
            assert 0 < found.origin.port < 65_536


@given(st.lists(URLS | ANYTHING, max_size=4), st.booleans())
def test_any_origins_are_taken_or_refused(origins: list[Any], allow_http: bool) -> None:
    """With a ConfigurationError."""
    found, error = outcome(lambda given: parse_origins(given, allow_http=allow_http), origins)
    assert isinstance(found, OriginList) or type(error) is ConfigurationError


@given(ANYTHING | st.lists(ANYTHING, max_size=4))
def test_any_scopes_are_taken_or_refused(scopes: Any) -> None:
    """With a ConfigurationError; what is taken is sorted and can be written as a header's or a form's text."""
    found, error = outcome(scope_set, scopes)
    assert error is None or type(error) is ConfigurationError
    assert found is None or (found == tuple(sorted(set(found))) and " ".join(found).isascii())


ARGUMENTS = ("domain", "region", "token_url", "client_id", "scopes", "client_metadata", "auth_method", "strict")
RIGHT: dict[str, Any] = {
    "domain": "auth.example.com",
    "region": None,
    "token_url": None,
    "client_id": "abc",
    "scopes": "a b",
    "client_metadata": {"a": "b"},
    "auth_method": "auto",
    "strict": False,
}


@given(
    st.dictionaries(st.sampled_from(ARGUMENTS), ANYTHING | URLS, max_size=4),
    ANYTHING | st.tuples(st.text(), st.text()).map(TOKEN.join),
)
def test_any_arguments_become_settings_or_one_error(changes: dict[str, Any], secret: Any) -> None:
    """A ConfigurationError for what is wrong, which never shows the secret; what is taken makes a key."""
    found, error = outcome(lambda given: config.check_arguments(**given), {**RIGHT, **changes, "secret": secret})
    if error is None:
        assert key(found).isascii()
        assert len(key_id(found)) == 8
    else:
        assert type(error) is ConfigurationError
        assert TOKEN not in str(error)
