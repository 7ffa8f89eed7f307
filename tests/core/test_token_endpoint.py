"""The token request on the wire and the outcome for every answer, at the token endpoint and as GetClientToken.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import base64
import json
import pickle
import sys
import traceback
from collections.abc import Mapping
from functools import partial
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import (
    ConfigurationError,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    S2SAuthError,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from s2sauth._core import config
from s2sauth._core.client_token import error_name
from s2sauth._core.entry import Instant
from s2sauth._core.errors import Cause, Failure
from s2sauth._core.issued import Issued
from s2sauth._core.retry import Purchase
from s2sauth._core.server_words import MAX_WORDS
from s2sauth._core.settings import AuthMethod, Settings, key
from s2sauth._core.token_endpoint import Answer, read_answer, token_request
from s2sauth._core.values import Secret
from s2sauth._version import __version__
from tests.support import entries

HIDDEN = "hidden0secret0of0twenty4"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
GOOD = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}


settings = partial(entries.settings, scopes=None, client_id="id")


def answer(status: int = 200, body: object = b"", headers: dict[str, str] | None = None, **given: Any) -> Answer:
    """An answer; a body that is no bytes is sent as JSON."""
    return Answer(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode(), **given)


SENT = Secret(HIDDEN)
"""The secret that the request had, where it does not matter."""


def failed(*args: Any, secret: Secret = SENT, **given: Any) -> Failure:
    """The failure that such an answer is."""
    failure = read_answer(answer(*args, **given), settings(), secret)
    assert isinstance(failure, Failure)
    return failure


def refusal(*args: Any, **given: Any) -> TokenRequestRefused:
    """The refusal that such an answer is."""
    error = failed(*args, **given).exception()
    assert isinstance(error, TokenRequestRefused)
    return error


# The request


def test_the_request_by_basic_authentication_to_the_byte() -> None:
    """RFC 6749 4.4.2, with the headers that Cognito needs."""
    request = token_request(settings(scopes=("demo/read.file", "demo/write.file")), Secret("secret"))
    assert request.url == "https://auth.example.com/oauth2/token"
    assert request.headers == (
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", f"s2sauth/{__version__}"),
        ("Authorization", "Basic aWQ6c2VjcmV0"),
    )
    assert request.body == b"grant_type=client_credentials&scope=demo%2Fread.file+demo%2Fwrite.file"


def test_the_request_with_the_secret_in_the_body_to_the_byte() -> None:
    """No Authorization header then (RFC 6749 2.3)."""
    request = token_request(settings(auth_method="client_secret_post", client_metadata='{"a":"ü"}'), Secret("s+/="))
    assert [name for name, _ in request.headers] == ["Content-Type", "Accept", "Accept-Encoding", "User-Agent"]
    assert request.body == (
        b"grant_type=client_credentials&aws_client_metadata=%7B%22a%22%3A%22%C3%BC%22%7D"
        b"&client_id=id&client_secret=s%2B%2F%3D"
    )


def test_scopes_that_stand_in_the_query_are_not_in_the_body() -> None:
    """RFC 6749 3.2: no parameter more than once."""
    url = "https://auth.example.com/t?scope={scope}"
    request = token_request(settings(token_url=url, scopes=("demo/read.file", "demo/write.file")), Secret("secret"))
    assert request.url == "https://auth.example.com/t?scope=demo%2Fread.file%20demo%2Fwrite.file"
    assert request.body == b"grant_type=client_credentials"


@pytest.mark.fault(183)
@pytest.mark.parametrize(
    ("query", "body"),
    [
        pytest.param(
            "x=1", b"grant_type=client_credentials&scope=a&aws_client_metadata=%7B%7D", id="another parameter"
        ),
        pytest.param("scope=a", b"grant_type=client_credentials&aws_client_metadata=%7B%7D", id="scope"),
        pytest.param("sc%6Fpe=a", b"grant_type=client_credentials&aws_client_metadata=%7B%7D", id="scope, encoded"),
        pytest.param("SCOPE=a", b"grant_type=client_credentials&scope=a&aws_client_metadata=%7B%7D", id="another case"),
        pytest.param("x=scope=a", b"grant_type=client_credentials&scope=a&aws_client_metadata=%7B%7D", id="in a value"),
        pytest.param(
            "key={scope}",
            b"grant_type=client_credentials&scope=a&aws_client_metadata=%7B%7D",
            id="by another name",
        ),
        pytest.param("grant_type=client_credentials", b"scope=a&aws_client_metadata=%7B%7D", id="grant_type"),
        pytest.param("aws_client_metadata={}", b"grant_type=client_credentials&scope=a", id="metadata"),
        pytest.param("grant_type=client_credentials&scope=a&aws_client_metadata=%7B%7D", b"", id="all of them"),
    ],
)
def test_nothing_that_the_query_names_is_sent_twice(query: str, body: bytes) -> None:
    """RFC 6749 3.2; the query itself stays as it is, but for the scopes in it."""
    url = f"https://auth.example.com/t?{query}"
    given = settings(token_url=url, scopes=("a",), client_metadata="{}", auth_method="client_secret_basic")
    request = token_request(given, Secret("secret"))
    assert request.url == url.replace("{scope}", "a")
    assert request.body == body


def test_what_is_not_asked_for_is_not_sent() -> None:
    """RFC 6749 3.2: an empty parameter would be a missing one."""
    assert token_request(settings(), Secret("secret")).body == b"grant_type=client_credentials"


@pytest.mark.parametrize(
    ("method", "client_id", "secret", "basic"),
    [
        pytest.param("auto", "id", "aZ09_.-~", True, id="auto: the same in both encodings"),
        pytest.param("auto", "id", "a+b", False, id="auto: plus in the secret"),
        pytest.param("auto", "id", "a/b", False, id="auto: slash in the secret"),
        pytest.param("auto", "a+b", "secret", False, id="auto: plus in the id"),
        pytest.param("auto", "a:b", "secret", False, id="auto: colon in the id"),
        pytest.param("client_secret_basic", "id", "a+b/", True, id="basic: raw, as AWS documents it"),
        pytest.param("client_secret_post", "id", "secret", False, id="post"),
    ],
)
def test_credentials_travel_in_header_or_body_and_never_in_both(
    method: AuthMethod, client_id: str, secret: str, basic: bool
) -> None:
    """RFC 6749 2.3.1 and AWS encode Basic differently: "auto" uses it where they agree."""
    request = token_request(settings(auth_method=method, client_id=client_id), Secret(secret))
    header = dict(request.headers).get("Authorization")
    body = dict(parse_qsl(request.body.decode()))
    if basic:
        assert header == "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        assert not {"client_id", "client_secret"} & body.keys()
    else:
        assert header is None
        assert (body["client_id"], body["client_secret"]) == (client_id, secret)


@pytest.mark.fault(184)
@pytest.mark.parametrize(
    ("client_id", "secret", "encoded"),
    [
        pytest.param("id", "secret", "id:secret", id="nothing to encode"),
        pytest.param("id", "a+b/c=", "id:a%2Bb%2Fc%3D", id="base64's characters"),
        pytest.param("a:b", "c:d%", "a%3Ab:c%3Ad%25", id="colons and percent"),
    ],
)
def test_basic_is_form_encoded_for_servers_that_are_not_cognito(client_id: str, secret: str, encoded: str) -> None:
    """RFC 6749 2.3.1, by "client_secret_basic"."""
    mine = settings(client_id=client_id, auth_method="client_secret_basic", encodes_basic=True)
    request = token_request(mine, Secret(secret))
    assert dict(request.headers)["Authorization"] == f"Basic {base64.b64encode(encoded.encode()).decode()}"
    assert request.body == b"grant_type=client_credentials"


@pytest.mark.parametrize("method", ["auto", "client_secret_basic", "client_secret_post"])
def test_no_repr_of_a_request_shows_the_secret(method: AuthMethod) -> None:
    """In none of its encodings."""
    shown = repr(token_request(settings(auth_method=method), Secret(HIDDEN)))
    assert HIDDEN not in shown
    assert base64.b64encode(f"id:{HIDDEN}".encode()).decode() not in shown


@pytest.mark.parametrize("method", ["auto", "client_secret_basic", "client_secret_post"])
def test_no_local_variable_holds_the_secret_while_the_request_is_built(method: AuthMethod) -> None:
    """Wherever an exception came from, its traceback would show the locals of this frame."""
    encoded = base64.b64encode(f"id:{HIDDEN}".encode()).decode()
    shown: list[str] = []

    def look(frame: FrameType, event: str, arg: object) -> Any:
        shown.append(repr(frame.f_locals))
        return look

    before = sys.gettrace()
    secret, mine = Secret(HIDDEN), settings(auth_method=method)
    sys.settrace(lambda frame, event, arg: look if frame.f_code is token_request.__code__ else None)
    try:
        token_request(mine, secret)
    finally:
        sys.settrace(before)
    assert len(shown) > 3
    assert not [text for text in shown if HIDDEN in text or encoded in text]


@given(
    st.text(alphabet=[chr(c) for c in range(0x21, 0x7F)], min_size=1),
    st.text(alphabet=[chr(c) for c in range(0x21, 0x7F)], min_size=1),
    st.sampled_from(["auto", "client_secret_post", "client_secret_basic"]),
)
def test_whatever_the_credentials_the_server_reads_them_back(client_id: str, secret: str, method: AuthMethod) -> None:
    """A server that form-decodes Basic, as RFC 6749 2.3.1 wants; with "auto" also one that does not."""
    encodes = method == "client_secret_basic"
    request = token_request(settings(client_id=client_id, auth_method=method, encodes_basic=encodes), Secret(secret))
    body = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    if header := dict(request.headers).get("Authorization"):
        raw = base64.b64decode(header.removeprefix("Basic ")).decode()
        [(decoded_id, decoded_secret)] = parse_qsl(raw.replace(":", "=", 1))
        assert (decoded_id, decoded_secret) == (client_id, secret)
        assert encodes or (client_id, secret) == tuple(raw.split(":"))
    else:
        assert (body["client_id"], body["client_secret"]) == (client_id, secret)


# The answer: a token


def test_a_good_answer_is_a_token() -> None:
    """Cognito's, as it documents it."""
    headers = {"content-type": "application/json;charset=UTF-8", "date": DATE, "set-cookie": "XSRF-TOKEN=x"}
    token = read_answer(answer(200, GOOD, headers), settings(), SENT)
    assert isinstance(token, Issued)
    assert (token.access_token, token.lifetime, token.scopes, token.findings) == ("a-token", 3600.0, None, ())


def test_the_answers_date_is_used() -> None:
    """The JWT's end is counted from it."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": 784111777 + 5}).encode()).decode().rstrip("=")
    token = read_answer(answer(200, {**GOOD, "access_token": f"e30.{payload}.c2ln"}, {"date": DATE}), settings(), SENT)
    assert isinstance(token, Issued)
    assert token.lifetime == 5


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_identity_is_no_encoding(encoding: str) -> None:
    """It says that nothing was done."""
    assert isinstance(read_answer(answer(200, GOOD, {"content-encoding": encoding}), settings(), SENT), Issued)


def test_a_null_error_is_none() -> None:
    """A member that is null says nothing."""
    assert isinstance(read_answer(answer(200, {**GOOD, "error": None}), settings(), SENT), Issued)


def test_a_token_with_a_message_is_a_token() -> None:
    """Unknown members do not matter, whatever they say."""
    assert isinstance(read_answer(answer(200, {**GOOD, "message": "too many requests"}), settings(), SENT), Issued)


@pytest.mark.fault(190)
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("gzip", "gzip", id="gzip"),
        pytest.param(" BR ", "br", id="br, another case"),
        pytest.param("deflate, gzip", "deflate, gzip", id="two"),
        pytest.param("x\x1b[2Jy", "of an unknown name", id="control characters"),
        pytest.param("hidden=secret", "of an unknown name", id="no name of one"),
        pytest.param("a" * 17, "of an unknown name", id="a long one"),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 302, 400, 401, 405, 429, 500, 503])
def test_an_answer_with_a_content_encoding_says_so(said: str, shown: str, status: int) -> None:
    """The body is not read, whatever it holds; the class is the one that the status means."""
    error = failed(
        status, {"error": "invalid_client"}, {"content-encoding": said, "x-amzn-requestid": "r-1"}
    ).exception()
    assert type(error) is type(failed(status, b"").exception())
    assert f"its content-encoding is {shown}, and the request asks for identity. Likely cause: a proxy" in str(error)
    assert str(error).endswith("Request id: r-1")
    if status == 200:
        assert f"the body has the content-encoding {shown}, which was not asked for (HTTP 200)" in str(error)
    assert "content-encoding" not in str(failed(status, b"", {"content-encoding": "identity"}).exception())


# The answer: AWS WAF, or an API Gateway on the way


@pytest.mark.parametrize(
    ("status", "headers", "error", "words"),
    [
        (202, {"x-amzn-waf-action": "challenge"}, TokenResponseInvalid, "whose action is Challenge"),
        (405, {"x-amzn-waf-action": "captcha"}, TokenRequestRefused, "whose action is CAPTCHA"),
        (403, {"x-amzn-waf-action": "block"}, TokenRequestRefused, "AWS WAF web ACL stopped the request"),
        (200, {"x-amzn-waf-action": "captcha"}, TokenResponseInvalid, "whose action is CAPTCHA"),
        (403, {"x-amzn-errortype": "MissingAuthenticationTokenException"}, TokenRequestRefused, "no such route"),
        (403, {"x-amzn-errortype": "ForbiddenException"}, TokenRequestRefused, "an AWS WAF rule of the user pool"),
    ],
    ids=["challenge", "captcha", "block", "captcha with 200", "no such route", "403"],
)
@pytest.mark.parametrize("body", [b"", b"<html>", {"message": "Forbidden"}], ids=["empty", "html", "JSON"])
def test_what_stopped_the_request_on_the_way_is_named(
    status: int, headers: dict[str, str], error: type[S2SAuthError], words: str, body: object
) -> None:
    """With what to do, and no repetition of what the header says."""
    failure = failed(status, body, headers)
    assert failure.error is error
    assert words in str(failure.exception())


def test_what_waf_adds_to_an_oauth_error_does_not_matter() -> None:
    """The code names the error."""
    error = refusal(400, {"error": "invalid_client"}, {"x-amzn-waf-action": "captcha"})
    assert type(error) is InvalidClient
    assert "WAF" not in str(error)


def test_the_header_of_waf_beside_a_token_does_not_matter() -> None:
    """The request came through."""
    assert isinstance(read_answer(answer(200, GOOD, {"x-amzn-waf-action": "allow"}), settings(), SENT), Issued)


# The answer: a token that `strict` refuses


def jwt_answer(**claims: object) -> Answer:
    """A good answer whose token has these claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return answer(200, {**GOOD, "access_token": f"e30.{payload}.c2ln"}, {"x-amz-cognito-request-id": "r-1"})


@pytest.mark.fault(182)
@pytest.mark.parametrize("token", ["opaque", "e30.e30.c2ln"], ids=["opaque", "JWT"])
def test_fewer_scopes_by_the_answer_are_an_error_with_strict(token: str) -> None:
    """RFC 6749 5.1: `scope` in the answer is what was granted, whatever the token is."""
    fewer = answer(200, {**GOOD, "access_token": token, "scope": "a"})
    strict = read_answer(fewer, settings(scopes=("a", "b"), strict=True), SENT)
    assert isinstance(strict, Failure)
    assert strict.error is InvalidScope
    assert "the token lacks b (HTTP 200)" in str(strict.exception())
    lenient = read_answer(fewer, settings(scopes=("a", "b")), SENT)
    assert isinstance(lenient, Issued)
    assert (lenient.scopes, [finding.event for finding in lenient.findings]) == (("a",), ["scope_narrowed"])


@pytest.mark.parametrize(
    ("claims", "event", "error"),
    [
        pytest.param({"scope": "a"}, "scope_narrowed", InvalidScope, id="fewer scopes"),
        pytest.param({"client_id": "other"}, "client_mismatch", TokenResponseInvalid, id="another client"),
    ],
)
def test_what_is_a_finding_otherwise_is_an_error_with_strict(
    claims: dict[str, object], event: str, error: type[S2SAuthError]
) -> None:
    """Of this key only: other scopes may be fine."""
    lenient = read_answer(jwt_answer(**claims), settings(scopes=("a", "b")), SENT)
    assert isinstance(lenient, Issued)
    assert [finding.event for finding in lenient.findings] == [event]
    strict = read_answer(jwt_answer(**claims), settings(scopes=("a", "b"), strict=True), SENT)
    assert isinstance(strict, Failure)
    assert (strict.cause, strict.error) == (Cause.REQUEST_REFUSED, error)
    exception: Any = strict.exception()
    assert (exception.status, exception.request_id) == (200, "r-1")
    assert "r-1" in exception.message


def test_strict_minds_nothing_else() -> None:
    """A missing expires_in is no reason to refuse a token."""
    body = {name: value for name, value in GOOD.items() if name != "expires_in"}
    assert isinstance(read_answer(answer(200, body), settings(strict=True), SENT), Issued)


# The answer: no token

OUTAGE = (Cause.UNREACHABLE, TokenUnavailable)
THROTTLED = (Cause.THROTTLED, TokenUnavailable)
UNUSABLE = (Cause.REQUEST_REFUSED, TokenResponseInvalid)
REFUSED = (Cause.REQUEST_REFUSED, TokenRequestRefused)
BAD_CLIENT = (Cause.CLIENT_REFUSED, InvalidClient)

ANSWERS = [
    # Group B of the fault catalogue: the protocol
    pytest.param(200, b"<html>captive portal</html>", {}, UNUSABLE, id="200 html"),
    pytest.param(200, b"", {}, UNUSABLE, id="200 empty"),
    pytest.param(200, b"null", {}, UNUSABLE, id="200 null"),
    pytest.param(200, b'"x"', {}, UNUSABLE, id="200 string"),
    pytest.param(200, b"[]", {}, UNUSABLE, id="200 array"),
    pytest.param(200, b"{}", {}, UNUSABLE, id="200 empty object"),
    pytest.param(200, b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), {}, UNUSABLE, id="200 BOM"),
    pytest.param(200, json.dumps(GOOD).encode("utf-16"), {}, UNUSABLE, id="200 UTF-16"),
    pytest.param(200, b'{"access_token": "\xff"}', {}, UNUSABLE, id="200 invalid UTF-8"),
    pytest.param(200, b'{"a":' * 200_000, {}, UNUSABLE, id="200 nested 200,000 times"),
    pytest.param(200, b'{"expires_in": ' + b"1" * 5000 + b"}", {}, UNUSABLE, id="200 a number of 5,000 digits"),
    pytest.param(
        200, b'{"access_token": "a", "access_token": "b", "token_type": "Bearer"}', {}, UNUSABLE, id="200 two tokens"
    ),
    pytest.param(200, {**GOOD, "access_token": "a b"}, {}, UNUSABLE, id="200 a token with a blank"),
    pytest.param(200, {**GOOD, "token_type": "DPoP"}, {}, UNUSABLE, id="200 another type"),
    pytest.param(200, {**GOOD, "expires_in": 0}, {}, UNUSABLE, id="200 no life"),
    pytest.param(200, GOOD, {"content-encoding": "gzip"}, UNUSABLE, id="200 with a content-encoding"),
    pytest.param(200, {"error": "invalid_client"}, {}, BAD_CLIENT, id="200 with an error"),
    pytest.param(200, {**GOOD, "error": "invalid_client"}, {}, BAD_CLIENT, id="200 with a token and an error"),
    pytest.param(200, {**GOOD, "error": ""}, {}, REFUSED, id="200 with an empty error"),
    pytest.param(201, GOOD, {}, UNUSABLE, id="201"),
    pytest.param(204, b"", {}, UNUSABLE, id="204"),
    pytest.param(206, GOOD, {}, UNUSABLE, id="206"),
    pytest.param(299, GOOD, {}, UNUSABLE, id="299"),
    pytest.param(101, b"", {}, UNUSABLE, id="101"),
    pytest.param(600, b"", {}, UNUSABLE, id="600"),
    *(
        pytest.param(status, b"", {"location": "https://evil.example"}, REFUSED, id=f"{status} redirect")
        for status in (300, 301, 302, 303, 307, 308, 399)
    ),
    pytest.param(400, b"", {}, REFUSED, id="400 empty"),
    pytest.param(401, b"", {"www-authenticate": "Basic"}, REFUSED, id="401 empty"),
    pytest.param(403, b"<html>Request blocked</html>", {}, REFUSED, id="403 html of a WAF"),
    pytest.param(404, b"not found", {}, REFUSED, id="404"),
    pytest.param(405, b"", {}, REFUSED, id="405 empty"),
    pytest.param(403, {"message": "Forbidden"}, {}, REFUSED, id="403 of a gateway"),
    pytest.param(499, b"", {}, REFUSED, id="499"),
    pytest.param(400, {"error": "invalid_client"}, {"content-encoding": "br"}, REFUSED, id="400 that cannot be read"),
    # Group C: what the body says
    pytest.param(400, {"error": "invalid_client"}, {}, BAD_CLIENT, id="invalid_client"),
    pytest.param(
        401, {"error": "invalid_client"}, {"www-authenticate": "Basic realm=x"}, BAD_CLIENT, id="401 invalid_client"
    ),
    pytest.param(
        400, {"error": "unauthorized_client"}, {}, (Cause.CLIENT_REFUSED, UnauthorizedClient), id="unauthorized_client"
    ),
    pytest.param(400, {"error": "invalid_grant"}, {}, (Cause.REQUEST_REFUSED, InvalidGrant), id="invalid_grant"),
    pytest.param(400, {"error": "invalid_scope"}, {}, (Cause.REQUEST_REFUSED, InvalidScope), id="invalid_scope"),
    pytest.param(400, {"error": "invalid_request"}, {}, (Cause.REQUEST_REFUSED, InvalidRequest), id="invalid_request"),
    pytest.param(
        400, {"error": "unsupported_grant_type"}, {}, (Cause.REQUEST_REFUSED, UnsupportedGrantType), id="grant type"
    ),
    pytest.param(400, {"error": "invalid_target"}, {}, REFUSED, id="a code of another RFC"),
    pytest.param(400, {"error": "INVALID_CLIENT"}, {}, REFUSED, id="a code in another case"),
    pytest.param(400, {"error": 5}, {}, REFUSED, id="a code that is a number"),
    pytest.param(400, {"error": ["invalid_client"]}, {}, REFUSED, id="a code that is an array"),
    pytest.param(400, {"error": {"code": "x"}}, {}, REFUSED, id="a code that is an object"),
    pytest.param(302, {"error": "invalid_client"}, {}, BAD_CLIENT, id="302 with a code"),
    pytest.param(500, {"error": "invalid_client"}, {}, BAD_CLIENT, id="500 with a code of RFC 6749"),
    pytest.param(500, {"error": "Internal Server Error"}, {}, OUTAGE, id="500 with a framework's error page"),
    pytest.param(503, {"error": {"code": 503}}, {}, OUTAGE, id="503 with an error object"),
    pytest.param(400, {"error": "server_error"}, {}, OUTAGE, id="server_error"),
    pytest.param(200, {"error": "server_error"}, {}, OUTAGE, id="200 server_error"),
    pytest.param(400, {"error": "temporarily_unavailable"}, {}, OUTAGE, id="temporarily_unavailable"),
    pytest.param(407, b"", {}, REFUSED, id="407"),
    pytest.param(408, b"", {}, OUTAGE, id="408"),
    pytest.param(409, b"", {}, REFUSED, id="409"),
    pytest.param(424, b"", {}, REFUSED, id="424"),
    pytest.param(425, b"", {}, OUTAGE, id="425"),
    pytest.param(426, b"", {}, REFUSED, id="426"),
    pytest.param(500, b"", {}, OUTAGE, id="500"),
    pytest.param(502, b"<html>Bad gateway</html>", {}, OUTAGE, id="502"),
    pytest.param(503, b"x", {"content-encoding": "gzip"}, OUTAGE, id="503 that cannot be read"),
    pytest.param(504, b"", {}, OUTAGE, id="504"),
    pytest.param(599, b"", {}, OUTAGE, id="599"),
    pytest.param(429, b"", {}, THROTTLED, id="429"),
    pytest.param(429, {"error": "slow_down"}, {}, THROTTLED, id="429 with a code"),
    pytest.param(400, {"__type": "TooManyRequestsException", "message": "Rate exceeded"}, {}, THROTTLED, id="400 AWS"),
    pytest.param(400, {"error": "TooManyRequestsException"}, {}, THROTTLED, id="400 as a code"),
    pytest.param(200, {"__type": "TooManyRequestsException"}, {}, THROTTLED, id="200 AWS"),
    pytest.param(500, {"message": "Too Many Requests"}, {}, THROTTLED, id="500 as a message"),
]


@pytest.mark.parametrize(("status", "body", "headers", "expected"), ANSWERS)
def test_every_other_answer_has_its_cause_and_class(
    status: int, body: object, headers: dict[str, str], expected: tuple[Cause, type[S2SAuthError]]
) -> None:
    """The table of the design; the message says what happened, the likely cause, what to do and the request id."""
    failure = failed(status, body, {**headers, "x-amz-cognito-request-id": "r-4711"})
    assert (failure.cause, failure.error) == expected
    error = failure.exception()
    assert type(error) is expected[1]
    assert f"(HTTP {status}). " in error.message
    assert "Likely cause: " in error.message or "documentation" in error.message
    assert error.message.endswith("Request id: r-4711")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(200, UNUSABLE, id="200"),
        pytest.param(400, REFUSED, id="400"),
        pytest.param(503, OUTAGE, id="503"),
        pytest.param(429, THROTTLED, id="429"),
    ],
)
def test_a_body_that_was_cut_is_not_read(status: int, expected: tuple[Cause, type[S2SAuthError]]) -> None:
    """The status alone decides."""
    failure = failed(status, {**GOOD, "error": "invalid_client"}, truncated=True)
    assert (failure.cause, failure.error) == expected


@pytest.mark.parametrize(("status", "body", "headers", "expected"), ANSWERS)
def test_a_failure_travels_with_all_its_fields(
    status: int, body: object, headers: dict[str, str], expected: tuple[Cause, type[S2SAuthError]]
) -> None:
    """Celery and multiprocessing send exceptions back by pickle."""
    error = failed(status, body, {**headers, "retry-after": "7", "x-amz-cognito-request-id": "r-1"}).exception()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again), str(again)) == (type(error), vars(error), str(error))


def test_a_refusal_carries_the_fields_of_the_rfc() -> None:
    """As attributes, for programs."""
    error = refusal(
        400, {"error": "invalid_scope", "error_description": "no such scope"}, {"x-amz-cognito-request-id": "r-1"}
    )
    assert error.error == "invalid_scope"
    assert error.error_description == "no such scope"
    assert error.status == 400
    assert error.request_id == "r-1"
    assert error.message.startswith("the token endpoint refused the request: invalid_scope, no such scope (HTTP 400). ")


def test_a_refusal_without_a_code_has_none() -> None:
    """405 and 403 of Cognito and a WAF."""
    error = refusal(405)
    assert (error.error, error.error_description, error.status, error.request_id) == (None, None, 405, None)
    assert "Request id" not in error.message


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        pytest.param("plain words", "plain words", id="plain"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param({"a": 1}, None, id="object"),
        pytest.param("\x1b[31mred\x1b[0m", "[31mred [0m", id="ANSI escapes"),
        pytest.param("a\r\nb\0c\td", "a b c d", id="control characters"),
        pytest.param('say "x" \\ y', "say x y", id="quotes and backslash"),
        pytest.param("ungültig \u202e x", "ung ltig x", id="not ASCII"),
        pytest.param("\ud800", None, id="lone surrogate"),
        pytest.param("a " * 100, ("a " * 100).strip(), id="199 characters"),
        pytest.param("x y " * 50 + "z", ("x y " * 50)[: MAX_WORDS - 1] + "…", id="201 characters"),
        pytest.param("w " * 30_000, ("w " * 100)[: MAX_WORDS - 1] + "…", id="60,000 characters"),
        pytest.param(f"bad secret {HIDDEN}!", "bad secret […]!", id="an echoed secret"),
        pytest.param(
            f"bad secret {HIDDEN[:23]}!", f"bad secret {HIDDEN[:23]}!", id="23 characters are no Cognito secret"
        ),
        pytest.param("Basic aWQ6aGlkZGVuMHNlY3JldDBvZjB0d2VudHk0", "Basic […]", id="echoed Basic credentials"),
    ],
)
def test_the_servers_words_are_cleaned_and_cut(given: object, cleaned: str | None) -> None:
    """What a server says ends up in logs and terminals."""
    error = refusal(400, {"error": "invalid_request", "error_description": given})
    assert error.error_description == cleaned


def test_an_unknown_code_is_cleaned_as_well() -> None:
    """It is the server's text too."""
    error = refusal(400, {"error": f"\x1b[2J {HIDDEN}"})
    assert error.error == "[2J […]"
    assert HIDDEN not in error.message


@pytest.mark.parametrize("secret", ["hunter2", "p/ä+ss wörd", 'a"b\\c', "Zq", HIDDEN])
@pytest.mark.parametrize("member", ["error", "error_description"])
def test_the_secret_that_was_sent_is_taken_out(secret: str, member: str) -> None:
    """However short it is, as it is, as the form had it and as the header had it: only Cognito's are long."""
    basic = base64.b64encode(f"id:{secret}".encode()).decode()
    echo = f"No: {secret}, {quote_plus(secret)}, {basic}."
    error = refusal(400, {"error": "other", member: echo}, secret=Secret(secret))
    assert getattr(error, member) == "No: […], […], […]."
    for shown in (str(error), repr(error), *map(str, error.args)):
        assert secret not in shown
        assert basic not in shown


@pytest.mark.parametrize("secret", ["client", "invalid_client", "e"])
def test_a_known_code_stays_what_it_is(secret: str) -> None:
    """A secret that is a part of one does not hide what happened; the code says nothing of the secret."""
    error = refusal(400, {"error": "invalid_client"}, secret=Secret(secret))
    assert type(error) is InvalidClient
    assert error.error == "invalid_client"


@pytest.mark.parametrize(("status", "body", "headers", "expected"), ANSWERS)
def test_no_failure_shows_the_body(
    status: int, body: object, headers: dict[str, str], expected: tuple[Cause, type[S2SAuthError]]
) -> None:
    """Nor a token in it, nor where a redirect leads."""
    shown = "".join(traceback.format_exception(failed(status, body, headers).exception()))
    assert "a-token" not in shown
    assert "html" not in shown.lower()
    assert "evil.example" not in shown


@pytest.mark.fault(187)
def test_a_retry_after_date_counts_from_our_clock_where_the_answer_has_no_date() -> None:
    """Which is passed in."""
    headers = {"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}
    for status in (429, 503):
        failure = read_answer(answer(status, b"", headers), settings(), SENT, at=Instant(784111777.0, 0.0))
        assert isinstance(failure, Failure)
        assert failure.retry_after == 10


def test_no_repr_of_an_answer_shows_the_body() -> None:
    """Nor its headers, which may hold cookies."""
    shown = repr(answer(200, GOOD, {"set-cookie": HIDDEN}))
    assert "a-token" not in shown
    assert HIDDEN not in shown


@pytest.mark.parametrize("status", [408, 429, 503])
def test_retry_after_goes_with_the_failure(status: int) -> None:
    """For the next attempt and for the caller."""
    failure = failed(status, b"", {"retry-after": "7"})
    error = failure.exception()
    assert isinstance(error, TokenUnavailable)
    assert (failure.retry_after, error.retry_after) == (7.0, 7.0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        ["access_token", "token_type", "expires_in", "scope", "error", "error_description", "__type", "message"]
    ),
    JSON | st.sampled_from(["Bearer", "invalid_client", "server_error", "abc", "3600"]),
)


@given(
    st.integers(0, 999),
    st.binary() | MEMBERS.map(json.dumps).map(str.encode),
    st.dictionaries(
        st.sampled_from(
            ["date", "retry-after", "content-encoding", "x-amzn-errortype", "x-amzn-waf-action", "x-amzn-requestid"]
        ),
        st.text() | st.sampled_from([DATE, "identity", "5"]),
    ),
    st.booleans(),
    st.booleans(),
)
def test_no_answer_raises(status: int, body: bytes, headers: dict[str, str], truncated: bool, strict: bool) -> None:
    """It is a token, at 200 only, or a failure whose exception can be built."""
    outcome = read_answer(Answer(status, headers, body, truncated), settings(scopes=("a",), strict=strict), SENT)
    if isinstance(outcome, Failure):
        assert str(outcome.exception()).isprintable()
        assert outcome.name
    else:
        assert status == 200


ANSWERED = "Likely cause: not Cognito but a captive portal, a proxy or another server answered."


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (429, b"", "the token endpoint throttled the request (HTTP 429). Likely cause: the quota of 150 "),
        (503, b"", "the token endpoint has a problem of its own (HTTP 503). Likely cause: an outage of Cognito "),
        (201, b"", f"the token endpoint sent no usable token: this status promises no token (HTTP 201). {ANSWERED}"),
        (
            200,
            b"",
            (
                "the token endpoint sent no usable token: the body is no JSON object of a usable size (HTTP 200). "
                f"{ANSWERED}"
            ),
        ),
        (
            200,
            {**GOOD, "token_type": "mac"},
            f'the token endpoint sent no usable token: token_type is not "Bearer" (HTTP 200). {ANSWERED}',
        ),
        (405, b"", "the token endpoint refused the request: no error code (HTTP 405). Likely cause: the URL is not /"),
        (
            400,
            {"error": "invalid_client"},
            "the token endpoint refused the request: invalid_client (HTTP 400). Likely cause: this domain's user pool ",
        ),
        (
            400,
            {"error": "odd"},
            "the token endpoint refused the request: odd (HTTP 400). This is no error code of RFC 6749. ",
        ),
    ],
    ids=["429", "503", "201", "no JSON", "unusable", "405", "invalid_client", "unknown code"],
)
def test_a_message_says_what_happened_and_the_likely_cause(status: int, body: object, message: str) -> None:
    """In this order; then what to do, and the request id if there is one."""
    error = failed(status, body).exception()
    assert str(error).startswith(message)
    assert not str(error).endswith("XX")
    with_id = failed(status, body, {"x-amz-cognito-request-id": "r-1"}).exception()
    assert str(with_id) == f"{error}. Request id: r-1"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        (
            {"scope": "a"},
            (
                "the token endpoint granted less than was asked for: the token lacks b (HTTP 200). Likely cause: the "
                "app client is not allowed those scopes, "
            ),
        ),
        (
            {"client_id": "other"},
            (
                "the token endpoint sent no usable token: the token was issued to another client_id (HTTP 200). "
                f"{ANSWERED}"
            ),
        ),
    ],
    ids=["fewer scopes", "another client"],
)
def test_what_strict_refuses_is_named(claims: dict[str, object], message: str) -> None:
    """With the likely cause, as every refusal."""
    strict = read_answer(jwt_answer(**claims), settings(scopes=("a", "b"), strict=True), SENT)
    assert isinstance(strict, Failure)
    assert str(strict.exception()).startswith(message)


def test_words_of_the_longest_length_are_not_cut() -> None:
    """One more is."""
    words = "x y " * 49 + "x yz"
    assert len(words) == MAX_WORDS
    assert refusal(400, {"error": "odd", "error_description": words}).error_description == words


MODEL = botocore.session.get_session().get_service_model("cognito-idp").operation_model("GetClientToken")
SECRET = "s3nt1nel-secret-of-this-test"
URL = "https://cognito-idp.eu-central-1.amazonaws.com/"


def made(**given: Any) -> Settings:
    """Settings for this API."""
    usual: dict[str, Any] = {
        "domain": None,
        "region": "eu-central-1",
        "token_url": None,
        "api": "get_client_token",
        "client_id": "abc",
        "scopes": None,
        "client_metadata": None,
        "auth_method": "auto",
        "strict": False,
    }
    return config.check_arguments(**{**usual, **given})


def read(members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Issued | Failure:
    """What becomes of this answer."""
    return read_answer(Answer(status, headers or {}, json.dumps(members).encode()), made(), Secret(SECRET))


def test_the_request_is_one_of_the_service_s_model() -> None:
    """Every member, of the type and with the name that botocore knows, and the required ones."""
    request = token_request(made(scopes="b a", client_metadata={"k": "v"}), Secret(SECRET))
    body = json.loads(request.body)

    assert body == {"ClientId": "abc", "Secret": SECRET, "Scopes": ["a", "b"], "ClientMetadata": {"k": "v"}}
    assert set(body) <= set(MODEL.input_shape.members)
    assert set(MODEL.input_shape.required_members) == {"ClientId", "Secret"}
    types = {name: shape.type_name for name, shape in MODEL.input_shape.members.items()}
    assert types == {"ClientId": "string", "Secret": "string", "Scopes": "list", "ClientMetadata": "map"}
    assert request.url == URL
    headers = dict(request.headers)
    assert headers["X-Amz-Target"] == f"{MODEL.service_model.metadata['targetPrefix']}.{MODEL.name}"
    assert headers["Content-Type"] == f"application/x-amz-json-{MODEL.service_model.metadata['jsonVersion']}"
    assert "Authorization" not in headers
    assert headers["User-Agent"].startswith("s2sauth/")


def test_what_is_not_asked_for_is_left_out() -> None:
    """Cognito then grants all of the app client's scopes."""
    assert token_request(made(), Secret("s")).body == b'{"ClientId":"abc","Secret":"s"}'


def test_scopes_the_model_takes_and_no_more() -> None:
    """Fifty; one more is said at construction."""
    fifty = [f"demo/{number}" for number in range(50)]
    assert MODEL.input_shape.members["Scopes"].metadata.get("max", 50) == 50
    made(scopes=fifty)
    with pytest.raises(ConfigurationError, match="scopes: are 51, and GetClientToken takes 50"):
        made(scopes=[*fifty, "demo/50"])


def test_mistakes_of_a_type_are_named_with_it() -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError, match="api: is of type int"):
        made(api=5)


RESULT = {"AccessToken": "abc", "ExpiresIn": 3600, "TokenType": "Bearer"}


def test_the_answer_is_one_of_the_service_s_model() -> None:
    """Its three members are those that botocore knows."""
    result = MODEL.output_shape.members["ClientAuthenticationResult"]
    assert set(result.members) == set(RESULT)

    issued = read({"ClientAuthenticationResult": RESULT})
    assert isinstance(issued, Issued)
    assert (issued.access_token, issued.lifetime) == ("abc", 3600)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"ClientAuthenticationResult": None},
        {"ClientAuthenticationResult": {}},
        {"ClientAuthenticationResult": {**RESULT, "AccessToken": 5}},
        {"ClientAuthenticationResult": {**RESULT, "ExpiresIn": 0}},
        {"ClientAuthenticationResult": {**RESULT, "TokenType": "mac"}},
        {"AuthenticationResult": RESULT},
        RESULT,
    ],
    ids=repr,
)
def test_what_is_no_usable_token_is_none(members: object) -> None:
    """The same rules as for the token endpoint."""
    failure = read(members)
    assert isinstance(failure, Failure)
    assert failure.error is TokenResponseInvalid


NAMES = {
    "InvalidParameterException": (InvalidRequest, "invalid_request", Cause.REQUEST_REFUSED, "resource server"),
    "ResourceNotFoundException": (InvalidClient, "invalid_client", Cause.CLIENT_REFUSED, "this Region"),
    "NotAuthorizedException": (InvalidClient, "invalid_client", Cause.CLIENT_REFUSED, "the secret is wrong"),
    "OperationNotEnabledException": (
        UnauthorizedClient,
        "unauthorized_client",
        Cause.CLIENT_REFUSED,
        "Set ALLOW_CLIENT_TOKEN_AUTH",
    ),
    "ForbiddenException": (TokenRequestRefused, None, Cause.REQUEST_REFUSED, "AWS WAF"),
    "TooManyRequestsException": (TokenUnavailable, None, Cause.THROTTLED, "150 token requests"),
    "InternalErrorException": (TokenUnavailable, None, Cause.UNREACHABLE, "an outage of Cognito"),
}


def test_every_error_of_the_model_has_its_place() -> None:
    """A new one in botocore's model fails here."""
    assert {shape.name for shape in MODEL.error_shapes} == set(NAMES)


@pytest.mark.parametrize("where", ["type", "namespace", "header"])
@pytest.mark.parametrize("name", NAMES)
def test_errors_are_those_of_the_token_endpoint(name: str, where: str) -> None:
    """Throttling is HTTP 400; the name stands in the body, with a namespace or without, or in a header."""
    error, code, cause, words = NAMES[name]
    kind = f"com.amazonaws.cognito#{name}" if where == "namespace" else name
    body = {"message": "Its own words"} | ({} if where == "header" else {"__type": kind})
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/"} if where == "header" else {}

    failure = read(body, 500 if name == "InternalErrorException" else 400, {**headers, "x-amzn-requestid": "r-1"})

    assert isinstance(failure, Failure)
    assert (failure.error, failure.cause) == (error, cause)
    text = str(failure.exception())
    assert words in text
    assert "Request id: r-1" in text
    if issubclass(error, TokenRequestRefused):
        assert failure.args[1] == code
        assert name in text


@pytest.mark.parametrize("member", ["message", "Message"])
def test_its_own_words_are_the_description(member: str) -> None:
    """AWS writes the member's name in either way."""
    failure = read({"__type": "NotAuthorizedException", member: "Its own words"}, 400)
    assert isinstance(failure, Failure)
    error = failure.exception()
    assert isinstance(error, InvalidClient)
    assert error.error_description == "Its own words"
    assert "refused the request: invalid_client (NotAuthorizedException), Its own words (HTTP 400)" in str(error)


def test_a_name_that_nobody_knows_is_a_refusal() -> None:
    """With the name, which somebody can look up."""
    failure = read({"__type": "QuiteNewException", "message": "No"}, 400)
    assert isinstance(failure, Failure)
    assert failure.error is TokenRequestRefused
    assert "(QuiteNewException)" in failure.args[0]  # type: ignore[operator]  # a text


@pytest.mark.fault(186)
def test_a_long_name_is_shown() -> None:
    """It reads as words, so that it is no credential."""
    failure = read({"__type": "com.amazonaws#InvalidUserPoolConfigurationException"}, 400)
    assert isinstance(failure, Failure)
    assert "refused the request: (InvalidUserPoolConfigurationException) (HTTP 400)" in str(failure.exception())


def test_a_name_that_is_the_secret_is_taken_out() -> None:
    """As from any of a server's words; one that AWS knows stays."""
    for said, shown in (
        ("hunter", "refused the request: ([…])"),
        ("NotAuthorizedException", "(NotAuthorizedException)"),
    ):
        answer = Answer(400, {}, json.dumps({"__type": said}).encode())
        failure = read_answer(answer, made(), Secret(said))
        assert isinstance(failure, Failure)
        assert shown in str(failure.exception())
        assert "hunter" not in str(failure.exception())


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NotAuthorizedException", "NotAuthorizedException"),
        ("a.b#NotAuthorizedException", "NotAuthorizedException"),
        ("NotAuthorizedException:http://x/", "NotAuthorizedException"),
        ("a b", None),
        ("x" * 65, None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_only_a_name_is_taken_for_one(said: object, name: str | None) -> None:
    """What stands in a message came from a server."""
    assert error_name({"__type": said}, {}) == name


def test_both_ways_have_keys_of_their_own() -> None:
    """Even at one URL."""
    oauth, other = made(api="oauth2", token_url="https://a.example/"), made(token_url="https://a.example/")
    assert oauth.token_url == other.token_url
    assert key(oauth) != key(other)


def test_the_endpoint_in_each_partition_is_the_one_that_botocore_knows() -> None:
    """One Region of each; no list of Regions here."""
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("cognito-idp", partition_name=partition)[:1]:
            client = session.create_client("cognito-idp", region_name=region, config=Config(signature_version=UNSIGNED))
            assert made(region=region).token_url == f"{client.meta.endpoint_url}/"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"region": None}, "region: is missing; use the name of an AWS Region"),
        ({"domain": "demo"}, "domain: is given, and is not used; leave it out: this API needs region="),
        ({"region": "nowhere"}, "region: is no Region's name"),
        ({"auth_method": "client_secret_post"}, 'auth_method: is for api="oauth2" only'),
        ({"token_url": 5}, "token_url: is of type int"),
        ({"token_url": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token"}, "token_url: holds a path"),
        ({"token_url": "https://x.example/?a=b"}, "token_url: holds a path or a query"),
        ({"token_url": "http://x.example/"}, "token_url: is http"),
        ({"api": "sigv4"}, 'api: is neither of the two; use "oauth2" or "get_client_token"'),
        ({"api": None}, "api: is missing"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], wrong: str) -> None:
    """With what to do."""
    with pytest.raises(ConfigurationError) as caught:
        made(**given)
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://cognito-idp-fips.us-east-1.amazonaws.com", "https://cognito-idp-fips.us-east-1.amazonaws.com/"),
        (
            "https://vpce-1-2.cognito-idp.eu-central-1.vpce.amazonaws.com/",
            "https://vpce-1-2.cognito-idp.eu-central-1.vpce.amazonaws.com/",
        ),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566/"),
    ],
    ids=["FIPS", "VPC endpoint", "loopback"],
)
def test_the_endpoint_can_be_another_one(given: str, url: str) -> None:
    """Then the Region need not be said."""
    assert made(token_url=given, region=None).token_url == url


@pytest.mark.parametrize("coding", ["identity", "identity,", "identity,identity", " , identity"])
def test_no_encoding_by_another_name_is_none(coding: str) -> None:
    """RFC 9110 8.4.1: identity says that there is none."""
    found = read_answer(answer(200, GOOD, {"content-encoding": coding}), settings(), Secret("s" * 40))
    assert isinstance(found, Issued)


JSON = {"content-type": "application/JSON"}


@pytest.mark.fault(181)
@pytest.mark.parametrize(
    ("given", "sold"),
    [
        pytest.param(answer(200, GOOD), 1, id="a token"),
        pytest.param(answer(200, {**GOOD, "token_type": "mac"}), 1, id="a token of no use"),
        pytest.param(answer(200, {**GOOD, "error": "invalid_scope"}), 1, id="a token beside an error"),
        pytest.param(answer(299, GOOD), 1, id="a token with another status"),
        pytest.param(answer(300, GOOD), 0, id="no success"),
        pytest.param(answer(503, GOOD), 0, id="an outage"),
        pytest.param(answer(200, {"access_token": ""}), 0, id="an empty token"),
        pytest.param(answer(200, {"access_token": 5}), 0, id="no token"),
        pytest.param(answer(200, b"<html>"), 0, id="a page"),
        pytest.param(answer(200, GOOD, {"content-encoding": "gzip", **JSON}), 1, id="compressed"),
        pytest.param(answer(200, GOOD, {"content-encoding": "gzip"}), 0, id="compressed, of an unknown kind"),
        pytest.param(Answer(200, JSON, b"{", truncated=True), 1, id="cut"),
    ],
)
def test_what_an_answer_sells_is_noted_once(given: Answer, sold: int) -> None:
    """Whether it can be used or not."""
    bought: list[Purchase] = []
    for _ in range(2):
        read_answer(given, settings(), SENT, bought=bought)
    assert len(bought) == sold


def test_what_the_api_of_cognito_sells_is_noted_as_well() -> None:
    """In its own words."""
    members = {"ClientAuthenticationResult": {"AccessToken": "abc", "TokenType": "mac", "ExpiresIn": 60}}
    bought: list[Purchase] = []
    body = json.dumps(members).encode()
    read_answer(Answer(200, JSON, body), settings(api="get_client_token"), SENT, bought=bought)
    assert [each.life for each in bought] == [60.0]


@pytest.mark.fault(180)
@pytest.mark.parametrize(
    ("age", "life"), [("100", 3500), (" 100 , 5", 3500), ("1e2", 3600), ("", 3600), ("-1", 3600), ("1" * 16, 3600)]
)
def test_age_is_whole_seconds(age: str, life: float) -> None:
    """RFC 9111 5.1: of several the first, and anything else is ignored."""
    token = read_answer(answer(200, {**GOOD, "expires_in": 3600}, {"age": age}), settings(), SENT)
    assert isinstance(token, Issued)
    assert token.lifetime == life


def test_outdated_token_of_a_cache_is_a_failure_that_passes() -> None:
    """Tried again when it has expired."""
    failure = read_answer(answer(200, {**GOOD, "expires_in": 3600}, {"age": "3599"}), settings(), SENT)
    assert isinstance(failure, Failure)
    assert (failure.cause, failure.retry_after, failure.name) == (Cause.OUTDATED, 1.0, "TokenResponseInvalid")
