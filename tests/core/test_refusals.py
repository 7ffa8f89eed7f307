"""How API Gateway and AWS WAF refuse, by header, status and message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.refusals import ANY_ACTION, API_GATEWAY, BEARER, WAF, Refusal, by_challenge, find, on_the_way

HEADER, ACTION = "x-amzn-errortype", "x-amzn-waf-action"


def body(message: object) -> bytes:
    """API Gateway's usual one."""
    return json.dumps({"message": message}).encode()


def row(name: str, message: str | None = None) -> Refusal:
    """The row with this name, or with both; the last of several."""
    return [one for one in (*WAF, *BEARER, *API_GATEWAY) if one.name == name and message in (None, one.message)][-1]


@pytest.mark.parametrize("known", API_GATEWAY, ids=lambda known: f"{known.name}-{known.message[:12]}")
def test_each_row_is_found_by_its_header(known: Refusal) -> None:
    """With the usual message; AWS writes a colon and an address after the name, or a namespace before it."""
    said = body(known.message) if known.message else b'{"message":null}'
    for name in (known.name, f"{known.name}:http://internal.amazon.com/", f"com.amazon.coral#{known.name}"):
        assert find(known.status, {HEADER: name}, said) == known
        assert find(418, {HEADER: name}, said) == known  # an owner may change the status


@pytest.mark.parametrize(
    "known", [known for known in API_GATEWAY if known.message], ids=lambda known: f"{known.name}-{known.message[:12]}"
)
def test_each_row_is_found_by_its_message(known: Refusal) -> None:
    """HTTP APIs send no such header; the case of the letters differs between API Gateway's kinds."""
    for said in (known.message, known.message.upper(), f"{known.message} and more"):
        assert find(known.status, {}, body(said)) == known
    assert find(418, {}, body(known.message)) is None


@pytest.mark.fault(188)
@pytest.mark.parametrize(
    ("status", "headers", "said", "expected"),
    [
        pytest.param(403, {HEADER: "MissingAuthenticationTokenException"}, b"", "no such route", id="empty body"),
        pytest.param(
            403, {HEADER: "AccessDeniedException"}, body("no"), "authorizer knows the caller", id="own message"
        ),
        pytest.param(
            403,
            {HEADER: "AccessDeniedException"},
            body("User: anonymous is not authorized to perform: execute-api:Invoke on resource: x"),
            "resource policy does not let",
            id="resource policy",
        ),
        pytest.param(
            403,
            {HEADER: "AccessDeniedException"},
            body("User is not authorized to access this resource with an explicit deny"),
            "authorizer knows the caller",
            id="explicit deny",
        ),
        pytest.param(401, {HEADER: "UnauthorizedException"}, b"", "names no scope", id="401 without a body"),
        pytest.param(
            401, {HEADER: "UnauthorizedException"}, body("The incoming token has expired"), "had expired", id="expired"
        ),
        pytest.param(
            403,
            {HEADER: "ForbiddenException"},
            body("Missing Authentication Token"),
            "custom domain has no mapping",
            id="the header before the message",
        ),
        pytest.param(500, {HEADER: "AuthorizerConfigurationException"}, body(None), "may not call it", id="500 null"),
        pytest.param(202, {ACTION: "challenge"}, b"<html>", "browser challenge", id="WAF challenge"),
        pytest.param(202, {ACTION: " Challenge "}, b"", "browser challenge", id="WAF challenge, another case"),
        pytest.param(405, {ACTION: "captcha"}, b"", "CAPTCHA", id="WAF captcha"),
        pytest.param(200, {ACTION: "captcha"}, b"", "CAPTCHA", id="WAF captcha with a status of its own"),
        pytest.param(403, {ACTION: "block"}, b"", "stopped the request", id="another action of WAF"),
        pytest.param(
            403, {ACTION: "block", HEADER: "ForbiddenException"}, b"", "stopped the request", id="WAF before the rest"
        ),
    ],
)
def test_refusals_are_told_apart(status: int, headers: dict[str, str], said: bytes, expected: str) -> None:
    """The most particular row that fits."""
    found = find(status, headers, said)
    assert found is not None
    assert expected in found.cause


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        pytest.param(200, {}, body("Forbidden"), id="200"),
        pytest.param(200, {HEADER: "ForbiddenException"}, b"", id="200 with the header"),
        pytest.param(204, {}, b"", id="204"),
        pytest.param(403, {}, b"", id="403 without anything"),
        pytest.param(403, {}, b"Forbidden", id="no JSON"),
        pytest.param(403, {}, body(5), id="a message that is no text"),
        pytest.param(403, {}, body(""), id="an empty message"),
        pytest.param(403, {}, b"[]", id="no object"),
        pytest.param(403, {HEADER: "NobodyKnowsException"}, body("Forbidden"), id="another name"),
        pytest.param(403, {ACTION: ""}, b"", id="an empty action"),
        pytest.param(500, {}, body(None), id="a message that is null"),
    ],
)
def test_all_else_is_none(status: int, headers: dict[str, str], said: bytes) -> None:
    """An API's own refusals are its own."""
    assert find(status, headers, said) is None


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        pytest.param('Bearer scope="" error="invalid_token"', "calls the token invalid", id="API Gateway's blanks"),
        pytest.param(
            'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"',
            "wants an audience",
            id="audience",
        ),
        pytest.param('bearer ERROR="Insufficient_Scope"', "does not have the scope", id="another case"),
        pytest.param('Bearer error="invalid_request"', "in two places", id="invalid_request"),
        pytest.param('Bearer, Bearer error="x", Bearer error="invalid_token"', "calls the token", id="the first known"),
        pytest.param('Basic error="invalid_token"', None, id="another scheme"),
        pytest.param('Bearer error="odd"', None, id="another code"),
        pytest.param("Bearer", None, id="no code"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_bearer_challenge_tells_more_than_the_rest(challenge: str, expected: str | None) -> None:
    """RFC 6750 3.1."""
    found = by_challenge([challenge])
    if found is None:
        assert expected is None
    else:
        assert expected is not None
        assert expected in found.cause
    other = find(403, {HEADER: "ForbiddenException", "www-authenticate": challenge}, body("Forbidden"))
    assert other == (found or row("ForbiddenException"))


def test_a_token_request_s_refusals_are_those_that_are_not_about_a_token() -> None:
    """A token endpoint behind API Gateway gets none."""
    assert on_the_way({}) is None
    assert on_the_way({HEADER: "UnauthorizedException"}) is None
    text = on_the_way({HEADER: "MissingAuthenticationTokenException"})
    known = row("MissingAuthenticationTokenException")
    assert text == f"Likely cause: {known.cause}. {known.fix}"
    assert on_the_way({ACTION: "x", HEADER: "UnauthorizedException"}) == (
        f"Likely cause: {row(ANY_ACTION).cause}. {row(ANY_ACTION).fix}"
    )


def test_every_row_is_whole_and_goes_before_those_that_would_hide_it() -> None:
    """A cause and a fix without a full stop; of one name and message there is one."""
    keys = [(known.name, known.message) for known in (*WAF, *BEARER, *API_GATEWAY)]
    assert len(set(keys)) == len(keys)
    for known in (*WAF, *BEARER, *API_GATEWAY):
        assert known.cause
        assert not known.cause.endswith(".")
        assert known.fix[0].isupper()
        assert not known.fix.endswith(".")


@given(
    st.integers(0, 999),
    st.dictionaries(
        st.sampled_from([HEADER, ACTION, "www-authenticate"]), st.text() | st.sampled_from([one.name for one in WAF])
    ),
    st.binary() | st.text().map(body),
)
def test_no_answer_raises(status: int, headers: dict[str, str], said: bytes) -> None:
    """What it says comes from a server, and none of it is in a row."""
    found = find(status, headers, said)
    assert found is None or found in (*WAF, *BEARER, *API_GATEWAY)
