"""What Cognito adds to RFC 6749 or bends."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.cognito import claims, is_throttling, likely_cause, request_id


def jwt(payload: bytes) -> str:
    """An unsigned token with this payload."""
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        pytest.param("invalid_client", 400, "the secret is wrong, rotated or deleted", id="invalid_client"),
        pytest.param("invalid_client", 403, "the secret is wrong, rotated or deleted", id="the code before the status"),
        pytest.param("invalid_grant", 400, "save it again", id="invalid_grant"),
        pytest.param("invalid_grant", 400, "allowed_oauth_flows_user_pool_client = true", id="made by Terraform"),
        pytest.param("invalid_scope", 400, "scopes of a resource server", id="invalid_scope"),
        pytest.param("unauthorized_client", 400, "Allow that flow", id="unauthorized_client"),
        pytest.param("unsupported_grant_type", 400, "not the token endpoint", id="unsupported_grant_type"),
        pytest.param("invalid_request", 400, "rewrites the form", id="invalid_request"),
        pytest.param("invalid_target", 400, "no error code of RFC 6749", id="another code"),
        pytest.param("Forbidden", 403, "WAF", id="a gateway's own word for the status"),
        pytest.param(None, 403, "WAF", id="403"),
        pytest.param(None, 403, "User-Agent that s2sauth sends", id="a WAF that wants a User-Agent"),
        pytest.param(None, 405, "POST of a form", id="405"),
        pytest.param(None, 404, "not a token endpoint", id="404"),
        pytest.param(None, 401, "credentials of its own", id="401"),
        pytest.param(None, 400, "captive portal", id="400"),
        pytest.param(None, 300, "never followed", id="300"),
        pytest.param(None, 399, "never followed", id="399"),
        pytest.param(None, 299, "captive portal", id="299"),
    ],
)
def test_a_refusal_comes_with_its_likely_cause(error: str | None, status: int, said: str) -> None:
    """In Cognito's terms, with what to do."""
    assert said in likely_cause(error, status)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"x-amz-cognito-request-id": "9f0-1a"}, "9f0-1a", id="Cognito's"),
        pytest.param({"x-amzn-requestid": "gw"}, "gw", id="API Gateway's"),
        pytest.param(
            {"x-amzn-requestid": "gw", "x-amz-cognito-request-id": "c"}, "c", id="Cognito's before the gateway's"
        ),
        pytest.param({"x-amz-cognito-request-id": ""}, None, id="empty"),
        pytest.param({"x-amz-cognito-request-id": "a b"}, None, id="with a blank"),
        pytest.param({"x-amz-cognito-request-id": "\x1b[31m"}, None, id="escape sequence"),
        pytest.param({"x-amz-cognito-request-id": "x" * 128}, "x" * 128, id="longest"),
        pytest.param({"x-amz-cognito-request-id": "x" * 129}, None, id="too long"),
    ],
)
def test_the_request_id_is_taken_if_it_looks_like_one(headers: dict[str, str], expected: str | None) -> None:
    """It goes into messages as it is."""
    assert request_id(headers) == expected


@pytest.mark.parametrize(
    ("status", "headers", "members", "expected"),
    [
        pytest.param(429, {}, {}, True, id="429"),
        pytest.param(400, {}, {}, False, id="400"),
        pytest.param(400, {}, {"__type": "TooManyRequestsException"}, True, id="__type"),
        pytest.param(
            400, {}, {"__type": "com.amazonaws#TooManyRequestsException"}, True, id="__type with its namespace"
        ),
        pytest.param(400, {}, {"error": "TooManyRequestsException"}, True, id="error"),
        pytest.param(400, {}, {"error": "too_many_requests"}, True, id="error in snake case"),
        pytest.param(403, {}, {"message": "Too Many Requests"}, True, id="message"),
        pytest.param(400, {}, {"message": "Rate exceeded"}, True, id="rate exceeded"),
        pytest.param(400, {}, {"code": "TooManyRequestsException"}, True, id="code"),
        pytest.param(400, {"x-amzn-errortype": "TooManyRequestsException:http://x"}, {}, True, id="header"),
        pytest.param(400, {}, {"error": "invalid_client", "message": 5, "__type": None}, False, id="another error"),
        pytest.param(400, {}, {"error_description": "too many requests"}, False, id="only in the description"),
        pytest.param(503, {}, {}, False, id="503"),
    ],
)
def test_throttling_is_recognised_at_any_status(
    status: int, headers: dict[str, str], members: dict[str, object], expected: bool
) -> None:
    """Cognito's SDK API says it with status 400."""
    assert is_throttling(status, headers, members) is expected


@pytest.mark.parametrize("length", range(6))
def test_the_payload_of_a_jwt_is_read_whatever_its_padding(length: int) -> None:
    """Base64url leaves it out, and Python wants it."""
    members = {"x": "y" * length, "url": "~~~???"}
    assert claims(jwt(json.dumps(members).encode())) == members


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("opaque", id="opaque"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.e30.c.d.e", id="five parts: encrypted"),
        pytest.param("a.e.c", id="no base64"),
        pytest.param("a..c", id="empty payload"),
        pytest.param(jwt(b"[]"), id="an array"),
        pytest.param(jwt(b'{"exp": NaN}'), id="no JSON"),
        pytest.param(jwt(b'{"exp": 1, "exp": 2}'), id="a claim twice"),
        pytest.param(jwt(b"[" * 9000), id="deep"),
        pytest.param("a.ä.c", id="not ASCII"),
    ],
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    """And nothing raises: a token is opaque otherwise."""
    assert claims(token) is None


@given(st.text() | st.lists(st.text(alphabet="aZ09-_=+/~"), min_size=3, max_size=3).map(".".join))
def test_no_token_raises(token: str) -> None:
    """Claims are members of an object, or there are none."""
    found = claims(token)
    assert found is None or isinstance(found, dict)
