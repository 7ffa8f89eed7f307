"""RFC 6750's token syntax and RFC 9110's challenges."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.bearer import challenges, is_b64token, refuses_bearer

TOKENS = st.text(alphabet="!#$%&'*+-.^_`|~09azAZ", min_size=1)


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        pytest.param("aZ09-._~+/", True, id="all characters"),
        pytest.param("abc=", True, id="padding"),
        pytest.param("X", True, id="one character"),
        pytest.param("abc===", True, id="much padding"),
        pytest.param("a.b.c", True, id="jwt"),
        pytest.param("", False, id="empty"),
        pytest.param("=", False, id="padding only"),
        pytest.param("a=b", False, id="padding inside"),
        pytest.param("a b", False, id="blank"),
        pytest.param("abc\n", False, id="trailing newline"),
        pytest.param("abc\r\nx-evil: 1", False, id="header injection"),
        pytest.param("a\0", False, id="NUL"),
        pytest.param("ä", False, id="not ASCII"),
        pytest.param("１", False, id="a digit that is not ASCII"),  # noqa: RUF100  # full width
        pytest.param("\ud800", False, id="lone surrogate"),
        pytest.param('a"', False, id="quote"),
        pytest.param("a,b", False, id="comma"),
    ],
)
def test_only_a_b64token_may_stand_in_a_header(value: str, allowed: bool) -> None:
    """RFC 6750 2.1."""
    assert is_b64token(value) is allowed


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([""], [], id="empty"),
        pytest.param(["Bearer"], [("bearer", {})], id="scheme only"),
        pytest.param(["Basic, BEARER"], [("basic", {}), ("bearer", {})], id="two schemes"),
        pytest.param(
            ['Bearer realm="a", error="invalid_token"'],
            [("bearer", {"realm": "a", "error": "invalid_token"})],
            id="parameters",
        ),
        pytest.param(
            ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
            [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})],
            id="the example of RFC 9110",
        ),
        pytest.param(['Basic realm="a"', "Bearer"], [("basic", {"realm": "a"}), ("bearer", {})], id="several headers"),
        pytest.param(
            ['Bearer scope="" error="invalid_token" error_description="no valid audience"'],
            [("bearer", {"scope": "", "error": "invalid_token", "error_description": "no valid audience"})],
            id="blanks between parameters, as API Gateway sends them",
        ),
        pytest.param(
            ["Negotiate YWJj==, Bearer"], [("negotiate", {}), ("bearer", {})], id="a token68 is read and dropped"
        ),
        pytest.param(["Negotiate YWJj/+"], [("negotiate", {})], id="a token68 at the end"),
        pytest.param(
            ['Basic realm="x, Bearer y", charset="UTF-8"'],
            [("basic", {"realm": "x, Bearer y", "charset": "UTF-8"})],
            id="a scheme inside quotes is none",
        ),
        pytest.param(['Bearer  REALM = "a" ,error = b'], [("bearer", {"realm": "a", "error": "b"})], id="blanks"),
        pytest.param(['Bearer a="1", a="2"'], [("bearer", {"a": "1"})], id="of a repeated parameter the first"),
        pytest.param(['Bearer a="x'], [("bearer", {"a": "x"})], id="an open quote ends with the header"),
        pytest.param(['Bearer a="x\\'], [("bearer", {"a": "x"})], id="an escape of nothing"),
        pytest.param([",, ,Bearer,,"], [("bearer", {})], id="empty list members"),
        pytest.param(["@@@"], [], id="garbage"),
        pytest.param(["@@@, Bearer"], [("bearer", {})], id="garbage, then a challenge"),
        pytest.param(["@@@, Bearer, Basic"], [("bearer", {}), ("basic", {})], id="garbage, then two challenges"),
        pytest.param(['realm="a"'], [], id="a parameter without a scheme"),
        pytest.param(["Bearer @, x=1"], [("bearer", {"x": "1"})], id="garbage between parameters"),
    ],
)
def test_challenges_are_read_as_rfc_9110_writes_them(
    headers: list[str], expected: list[tuple[str, dict[str, str]]]
) -> None:
    """And a little more leniently, since an API's 401 is what it is."""
    assert challenges(headers) == expected


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        pytest.param([], False, id="no challenge: API Gateway's Cognito authorizer"),
        pytest.param(["Bearer"], False, id="bearer"),
        pytest.param(["bEARER realm=x"], False, id="bearer in any case"),
        pytest.param(["Basic", 'Bearer error="invalid_token"'], False, id="bearer in the second header"),
        pytest.param(['Basic realm="x", Bearer'], False, id="bearer behind another"),
        pytest.param(['Basic realm="x"'], True, id="basic only"),
        pytest.param(["Negotiate", "NTLM"], True, id="two others"),
        pytest.param(["DPoP algs=ES256"], True, id="another kind of token"),
        pytest.param(["\0\x01@"], False, id="garbage"),
        pytest.param(['Bearer error="insufficient_scope", scope="a"'], True, id="insufficient_scope"),
        pytest.param(["Bearer error=insufficient_scope"], True, id="insufficient_scope without quotes"),
        pytest.param(['bearer scope="" ERROR="Insufficient_Scope" x="y"'], True, id="blanks between, another case"),
        pytest.param(['Bearer error=" insufficient_scope "'], True, id="blanks inside the quotes"),
        pytest.param(['Bearer error="insufficient_scope"', "Basic realm=x"], True, id="insufficient_scope or basic"),
        pytest.param(['Bearer error="insufficient_scope", Bearer realm="x"'], False, id="and another bearer challenge"),
        pytest.param(['Bearer error="invalid_token", Bearer error="insufficient_scope"'], False, id="both errors"),
        pytest.param(['Bearer error="insufficient_scope"'] * 2, True, id="insufficient_scope twice"),
        pytest.param(['Bearer error="invalid_token", error="insufficient_scope"'], False, id="the first error counts"),
        pytest.param(['Bearer error_description="insufficient_scope"'], False, id="in the description only"),
        pytest.param(['Bearer error="insufficient_scope_x"'], False, id="another code that begins so"),
        pytest.param(['Bearer realm="error=insufficient_scope"'], False, id="inside another value"),
    ],
)
def test_a_bearer_token_is_refused_only_when_no_challenge_can_be_met_by_another(
    headers: list[str], refused: bool
) -> None:
    """Other schemes alone, or RFC 6750 3.1's insufficient_scope: another token of the same scopes cannot help."""
    assert refuses_bearer(headers) is refused


def test_a_header_is_read_up_to_the_limit_and_no_further() -> None:
    """A challenge that ends at the limit counts, one that begins behind it does not."""
    padding = ","
    assert challenges([padding * (8192 - 6) + "Bearer"]) == [("bearer", {})]
    assert challenges([padding * 8192 + "Bearer"]) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 65_536, id="one long word"),
        pytest.param("a " * 32_768, id="words"),
        pytest.param("a=" * 32_768, id="names without values"),
        pytest.param('Bearer a="' + "\\" * 65_536, id="backslashes"),
        pytest.param("Bearer " + 'a="\\",' * 10_000, id="open quotes"),
        pytest.param("Bearer " + "@," * 32_768, id="garbage between commas"),
        pytest.param("Bearer a" + " " * 65_536, id="blanks"),
        pytest.param("Bearer " + ("a" + " " * 50) * 1000, id="words far apart"),
    ],
)
def test_a_hostile_header_is_read_in_linear_time(text: str) -> None:
    """64 KiB without the limit: looking at each character once takes well under a second, at each pair minutes."""
    began = time.process_time()
    challenges([text], limit=len(text))
    assert time.process_time() - began < 1


@given(st.lists(st.text() | st.text(alphabet='Bb ",=\\@\t~'), max_size=4))
def test_no_header_raises(headers: list[str]) -> None:
    """Every scheme and name found is in lower case."""
    for scheme, parameters in challenges(headers):
        assert scheme == scheme.lower()
        assert all(name == name.lower() for name in parameters)


@given(
    st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS.map(str.lower), st.text(), min_size=1, max_size=3)), max_size=3)
)
def test_written_challenges_are_read_back(written: list[tuple[str, dict[str, str]]]) -> None:
    """All values quoted, every character that needs it escaped."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in written
    )
    assert challenges([header], limit=len(header)) == [(scheme.lower(), parameters) for scheme, parameters in written]
