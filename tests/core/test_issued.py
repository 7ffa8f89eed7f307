"""What is believed in a 200: the token and its syntax, its type, its life, its scopes; the JSON that it comes in.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.bearer import MAX_TOKEN, challenges, is_b64token, refuses_bearer
from s2sauth._core.entry import Instant
from s2sauth._core.issued import Finding, Issued, Source, Unusable, read_token
from s2sauth._core.policy import LONGEST_LIFE, SHORTEST_LIFE
from s2sauth._core.retry import Purchase
from s2sauth._core.strict_json import json_object
from s2sauth._core.values import is_scope_token
from tests.support.entries import START, after, settings

NOW = 1_800_000_000.0


def jwt(**claims: object) -> str:
    """An unsigned JWT."""
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def read(date: float | None = NOW, asked: tuple[str, ...] = (), **members: object) -> Issued | Unusable:
    """What is made of a good answer with these members instead; `...` leaves one out."""
    good: dict[str, object] = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600}
    answer = {name: value for name, value in {**good, **members}.items() if value is not ...}
    return read_token(answer, Source(date), settings(asked or None, client_id="id"))


def issued(date: float | None = NOW, asked: tuple[str, ...] = (), **members: object) -> Issued:
    """The same, for answers that hold a token."""
    token = read(date, asked, **members)
    assert isinstance(token, Issued)
    return token


def unusable(**members: Any) -> str:
    """Why such an answer holds no token."""
    token = read(**members)
    assert isinstance(token, Unusable)
    return token.what


def test_a_good_answer_is_a_token() -> None:
    """Members that RFC 6749 does not know do not matter, nor does a refresh token."""
    token = issued(refresh_token="r", id_token="i", extra=[1])
    assert (token.access_token, token.lifetime, token.scopes, token.findings) == ("opaque", 3600.0, None, ())


@pytest.mark.parametrize(
    ("token", "wrong"),
    [
        pytest.param(..., "missing", id="missing"),
        pytest.param("", "missing", id="empty"),
        pytest.param(None, "missing", id="null"),
        pytest.param(5, "missing", id="number"),
        pytest.param(["hidden"], "missing", id="array"),
        pytest.param("hidden hidden", "RFC 6750", id="blank"),
        pytest.param("hidden\r\nx: y", "RFC 6750", id="header injection"),
        pytest.param("hidden\n", "RFC 6750", id="newline"),
        pytest.param("hidden\0", "RFC 6750", id="NUL"),
        pytest.param("hidden\ud800", "RFC 6750", id="lone surrogate"),
        pytest.param("hiddenä", "RFC 6750", id="not ASCII"),
        pytest.param("x" * (MAX_TOKEN + 1), "longer than 16384", id="too long"),
    ],
)
def test_a_token_that_no_header_can_carry_is_none(token: object, wrong: str) -> None:
    """The text says what class of mistake it is, and nothing of the value."""
    what = unusable(access_token=token)
    assert wrong in what
    assert "hidden" not in what


def test_the_longest_token_is_taken() -> None:
    """16 KiB to the character."""
    assert len(issued(access_token="x" * MAX_TOKEN).access_token) == MAX_TOKEN


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_bearer_is_understood_in_any_case(token_type: str) -> None:
    """RFC 6749 5.1."""
    assert issued(token_type=token_type).access_token == "opaque"


@pytest.mark.parametrize(
    "token_type",
    [
        pytest.param(..., id="missing"),
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param("DPoP", id="DPoP"),
        pytest.param("mac", id="mac"),
        pytest.param(" Bearer", id="blank"),
        pytest.param(5, id="number"),
        pytest.param(["Bearer"], id="array"),
    ],
)
def test_another_type_is_not_understood(token_type: object) -> None:
    """RFC 6749 7.1: such a token must not be used."""
    assert "token_type" in unusable(token_type=token_type)


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        pytest.param(3600, 3600, id="int"),
        pytest.param(1, 1, id="one second"),
        pytest.param("3600", 3600, id="text"),
        pytest.param(3600.0, 3600, id="float"),
        pytest.param(3600.9, 3600, id="floored"),
        pytest.param("3600.9", 3600, id="text, floored"),
        pytest.param(1.999, 1, id="just under two"),
        pytest.param(86_400, 86_400, id="a day"),
        pytest.param(86_401, 86_400, id="a day and a second"),
        pytest.param(10**30, LONGEST_LIFE, id="huge"),
        pytest.param(10**4000, LONGEST_LIFE, id="beyond every float"),
        pytest.param(1e300, LONGEST_LIFE, id="huge float"),
        pytest.param("9" * 18, LONGEST_LIFE, id="huge text"),
    ],
)
def test_expires_in_is_a_number_of_whole_seconds_up_to_a_day(expires_in: object, lifetime: int) -> None:
    """Numeric text is fine: some servers send it."""
    assert issued(expires_in=expires_in).lifetime == lifetime


@pytest.mark.parametrize(
    "expires_in",
    [
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param("x", id="word"),
        pytest.param("1e3", id="exponent"),
        pytest.param(" 3600", id="blank"),
        pytest.param("3600\n", id="newline"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("１２", id="digits that are not ASCII"),
        pytest.param("9" * 19, id="too many digits"),
        pytest.param("nan", id="nan as text"),
        pytest.param(float("inf"), id="infinity, which is what 1e999 becomes"),
        pytest.param(float("-inf"), id="minus infinity"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param([3600], id="array"),
        pytest.param({}, id="object"),
    ],
)
def test_an_expires_in_that_is_no_number_makes_no_token(expires_in: object) -> None:
    """Guessing its life would be worse."""
    assert "expires_in is no number" in unusable(expires_in=expires_in)


@pytest.mark.parametrize(
    "expires_in",
    [
        pytest.param(0, id="zero"),
        pytest.param(-1, id="negative"),
        pytest.param("0", id="zero as text"),
        pytest.param("-1", id="negative as text"),
        pytest.param(0.9, id="under a second"),
        pytest.param(-1e300, id="hugely negative"),
        pytest.param(-(10**400), id="below every float"),
    ],
)
def test_a_token_without_life_is_none(expires_in: object) -> None:
    """It would be dead before its first use."""
    assert "already expired" in unusable(expires_in=expires_in)


@pytest.mark.parametrize(
    ("claims", "date", "lifetime"),
    [
        pytest.param({"exp": NOW + 100, "iat": NOW}, NOW, 100, id="the JWT ends sooner: a caching proxy"),
        pytest.param({"exp": NOW + 9000, "iat": NOW}, NOW, 3600, id="the JWT ends later"),
        pytest.param({"exp": NOW + 1, "iat": NOW - 3599}, NOW, 1, id="one second left"),
        pytest.param({"exp": NOW + 100, "iat": NOW - 500}, None, 600, id="no Date: from iat"),
        pytest.param({"exp": NOW + 100}, NOW, 100, id="no iat: from Date"),
        pytest.param({"exp": NOW + 100}, None, 3600, id="neither Date nor iat"),
        pytest.param({"iat": NOW}, NOW, 3600, id="no exp"),
        pytest.param({"exp": NOW + 100.5}, NOW, 100.5, id="a fraction of a second"),
        pytest.param({"exp": str(NOW + 100)}, NOW, 3600, id="exp as text"),
        pytest.param({"exp": True}, NOW, 3600, id="exp true"),
        pytest.param({"exp": None}, NOW, 3600, id="exp null"),
        pytest.param({"exp": 10**400}, NOW, 3600, id="exp beyond every float"),
        pytest.param({"exp": -1}, NOW, 3600, id="exp negative"),
        pytest.param({"exp": 1e11}, NOW, 3600, id="exp in milliseconds or so"),
        pytest.param({"exp": NOW + 100, "iat": "x"}, NOW, 100, id="iat as text"),
    ],
)
def test_the_smaller_life_wins(claims: dict[str, object], date: float | None, lifetime: float) -> None:
    """Server time on both sides, so our own clock does not matter."""
    token = issued(date, access_token=jwt(**claims))
    assert token.lifetime == lifetime
    assert token.findings == ()


@pytest.mark.parametrize(
    ("claims", "date"),
    [
        pytest.param({"exp": NOW}, NOW, id="expires now"),
        pytest.param({"exp": NOW - 10}, NOW, id="expired"),
        pytest.param({"exp": 0}, NOW, id="expired in 1970"),
        pytest.param({"exp": NOW - 10, "iat": NOW - 10}, NOW, id="expired, and never lived"),
        pytest.param({"exp": NOW - 10, "iat": NOW + 10}, NOW, id="expired, and ends before it begins"),
        pytest.param({"exp": NOW, "iat": NOW}, None, id="never lived"),
    ],
)
def test_a_jwt_that_is_dead_on_arrival_is_no_token(claims: dict[str, object], date: float | None) -> None:
    """The likely cause is a caching proxy."""
    token = read(date, access_token=jwt(**claims))
    assert isinstance(token, Unusable)
    assert "already expired" in token.what
    assert "caching proxy" in token.likely_cause


@pytest.mark.parametrize(
    ("exp", "disagree"), [pytest.param(NOW, True, id="at Date"), pytest.param(NOW + 1, False, id="a second later")]
)
def test_a_jwt_expired_by_date_but_alive_by_iat_means_that_clocks_disagree(exp: float, disagree: bool) -> None:
    """Then exp − iat counts, and one event names both."""
    token = issued(access_token=jwt(exp=exp, iat=exp - 900))
    assert token.lifetime == (900 if disagree else 1)
    assert [finding.event for finding in token.findings] == (["clocks_disagree"] if disagree else [])


def test_a_life_of_one_second_by_iat_is_a_life() -> None:
    """None at all is what makes a token dead."""
    token = issued(access_token=jwt(exp=NOW - 10, iat=NOW - 11))
    assert token.lifetime == 1
    assert [finding.event for finding in token.findings] == ["clocks_disagree"]


def test_the_finding_about_clocks_names_both_lives() -> None:
    """Whoever reads it sees how far they are apart."""
    (finding,) = issued(access_token=jwt(exp=NOW - 60, iat=NOW - 960)).findings
    assert "60 s" in finding.text
    assert "900 s" in finding.text


@pytest.mark.parametrize(
    ("token", "date", "lifetime"),
    [
        pytest.param("opaque", NOW, 300, id="opaque"),
        pytest.param(jwt(exp=NOW + 900), NOW, 900, id="JWT and Date"),
        pytest.param(jwt(exp=NOW + 900, iat=NOW), None, 900, id="JWT without Date"),
        pytest.param(jwt(exp=NOW + 900), None, SHORTEST_LIFE, id="JWT with neither Date nor iat"),
        pytest.param(jwt(exp=NOW + 10**6), NOW, LONGEST_LIFE, id="JWT that lives for days"),
    ],
)
def test_without_expires_in_the_jwt_says_it_else_a_short_life_is_taken(
    token: str, date: float | None, lifetime: float
) -> None:
    """RFC 6749 5.1: it is only RECOMMENDED; and somebody may want to know."""
    read_back = issued(date, access_token=token, expires_in=...)
    assert read_back.lifetime == lifetime
    assert [finding.event for finding in read_back.findings] == ["expires_in_missing"]


@pytest.mark.parametrize(
    ("claim", "mismatch"),
    [
        pytest.param("id", False, id="ours"),
        pytest.param("other", True, id="another"),
        pytest.param("ID", True, id="another case"),
        pytest.param(None, True, id="null"),
        pytest.param(["id"], True, id="array"),
    ],
)
def test_a_token_of_another_client_is_noticed(claim: object, mismatch: bool) -> None:
    """A mix-up, or a cache that does not look at Authorization."""
    findings = issued(access_token=jwt(client_id=claim)).findings
    assert [finding.event for finding in findings] == (["client_mismatch"] if mismatch else [])


SCOPES = [
    pytest.param("a b", ("a", "b"), ("a", "b"), None, id="as asked"),
    pytest.param("b  a b", ("a", "b"), ("a", "b"), None, id="in another order"),
    pytest.param("a", ("a", "b", "c"), ("a",), "b, c", id="fewer"),
    pytest.param("", ("a",), (), "a", id="empty"),
    pytest.param(" ", ("a",), (), "a", id="blank"),
    pytest.param("", (), (), None, id="empty, none asked for"),
    pytest.param("a b c", ("a",), ("a", "b", "c"), None, id="more"),
    pytest.param("A", ("a",), ("A",), "a", id="another case"),
    pytest.param("a \x1b[2J é \0b", ("a", "b"), ("a",), "b", id="what can be no scope is left out"),
    pytest.param("a b", (), ("a", "b"), None, id="none asked for: all"),
    pytest.param(["b", "a"], ("a", "b", "c"), ("a", "b"), "c", id="a list, as some servers write it"),
    pytest.param(["a b", "\n"], ("a", "b"), ("a", "b"), None, id="a list of texts with blanks"),
    pytest.param([], ("a",), (), "a", id="an empty list"),
    pytest.param(..., ("a",), ("a",), None, id="not said"),
    pytest.param(None, ("a",), ("a",), None, id="null"),
    pytest.param(5, ("a", "b"), ("a", "b"), None, id="a number"),
    pytest.param(True, ("a", "b"), ("a", "b"), None, id="true"),
    pytest.param({"a": 1}, ("a", "b"), ("a", "b"), None, id="an object"),
    pytest.param(["a", 5], ("a", "b"), ("a",), "b", id="a list with a number"),
    pytest.param([["a"]], ("a", "b"), (), "a, b", id="a list of lists"),
    pytest.param(..., (), None, None, id="nothing known"),
]


@pytest.mark.fault(182)
@pytest.mark.parametrize("where", ["the answer", "the answer, of a JWT", "scope", "scp"])
@pytest.mark.parametrize(("said", "asked", "scopes", "missing"), SCOPES)
def test_scopes_are_those_that_were_granted_else_those_asked_for(
    said: object, asked: tuple[str, ...], scopes: tuple[str, ...] | None, missing: str | None, where: str
) -> None:
    """RFC 6749 5.1: the answer's `scope`, or a JWT's claim; fewer than asked is a finding, which names them."""
    claims = {} if said is ... or where.startswith("the answer") else {where: said}
    access_token = "opaque" if where == "the answer" else jwt(**claims)
    token = issued(asked=asked, access_token=access_token, scope=said if where.startswith("the answer") else ...)
    assert token.scopes == scopes
    expected = () if missing is None else (Finding("scope_narrowed", f"the token lacks {missing}"),)
    assert token.findings == expected


@pytest.mark.fault(182)
@pytest.mark.parametrize(
    ("members", "claims", "scopes"),
    [
        pytest.param({"scope": "a"}, {"scope": "b", "scp": "c"}, ("a",), id="the answer before the JWT"),
        pytest.param({}, {"scope": "b", "scp": "c"}, ("b",), id="the JWT's scope before its scp"),
        pytest.param({"scope": 5}, {"scope": "b"}, ("b",), id="an odd answer"),
        pytest.param({"scope": None}, {"scope": {}, "scp": ["c"]}, ("c",), id="two odd ones"),
        pytest.param({"scope": ""}, {"scope": "b"}, (), id="an answer that grants none"),
    ],
)
def test_the_answer_says_it_before_the_jwt(
    members: dict[str, object], claims: dict[str, object], scopes: tuple[str, ...]
) -> None:
    """The first that says anything counts."""
    assert issued(access_token=jwt(**claims), **members).scopes == scopes


def test_no_repr_shows_the_token() -> None:
    """Not a part of it either."""
    assert "opaque" not in repr(issued())


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
NUMBERS = st.integers() | st.floats() | st.integers(0, 10**11) | st.just(10**400)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "access_token": JSON
            | st.dictionaries(st.sampled_from(["exp", "iat", "scope", "scp", "client_id"]), JSON | NUMBERS),
            "token_type": JSON | st.just("Bearer"),
            "expires_in": JSON | NUMBERS | NUMBERS.map(str),
            "scope": JSON,
        },
    ),
    st.none() | st.floats(0, 1e11),
)
def test_whatever_is_issued_can_be_sent_and_lives_at_most_a_day(members: dict[str, Any], date: float | None) -> None:
    """And whatever is not, raises nothing."""
    if isinstance(members.get("access_token"), dict):
        members["access_token"] = jwt(**members["access_token"])
    token = read_token(members, Source(date), settings())
    if isinstance(token, Issued):
        assert is_b64token(token.access_token)
        assert 0 < token.lifetime <= LONGEST_LIFE
        assert all(map(is_scope_token, token.scopes or ()))


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"access_token": None}, "access_token is missing or no text"),
        ({"access_token": "a b"}, "access_token holds a character that RFC 6750 2.1 does not allow in a header"),
        ({"token_type": "mac"}, 'token_type is not "Bearer"'),
        ({"expires_in": True}, "expires_in is no number of seconds"),
        ({"expires_in": 0}, "the token is already expired"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_unusable_is_told_why_word_by_word(members: dict[str, Any], wrong: str) -> None:
    """Names as the RFCs write them."""
    assert unusable(**members) == wrong


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"access_token": jwt(client_id="other")}, "the token was issued to another client_id"),
        ({"expires_in": ...}, "the answer has no expires_in"),
        (
            {"access_token": jwt(exp=NOW - 60, iat=NOW - 960)},
            "the JWT expired 60 s before the answer's Date, but lives 900 s by its own iat",
        ),
    ],
    ids=["client_mismatch", "expires_in_missing", "clocks_disagree"],
)
def test_a_finding_says_what_is_odd(members: dict[str, Any], text: str) -> None:
    """With `strict` it becomes a part of the error."""
    (finding,) = issued(**members).findings
    assert finding.text == text


def test_a_jwt_without_life_by_any_clock_is_dead() -> None:
    """Clocks disagree only where one of them gives it a life."""
    assert unusable(access_token=jwt(exp=NOW - 10, iat=NOW - 10)) == "the token is already expired"
    findings = [finding.event for finding in issued(access_token=jwt(exp=NOW - 10, iat=NOW - 11)).findings]
    assert findings == ["clocks_disagree"]


@pytest.mark.parametrize(("exp", "lifetime"), [(1e11, 3600), (1e11 + 0.5, 3600), (1e11 - 1, 600)], ids=repr)
def test_an_instant_beyond_the_year_5138_is_none(exp: float, lifetime: float) -> None:
    """The sum of two such numbers would not be exact."""
    assert issued(date=1e11 - 601, access_token=jwt(exp=exp)).lifetime == lifetime


@pytest.mark.parametrize(
    ("members", "date", "life"),
    [
        pytest.param(
            {"access_token": jwt(iat=NOW, exp=NOW + 1200), "expires_in": 1200}, NOW + 1, 1200, id="a second later"
        ),
        pytest.param({"access_token": jwt(iat=NOW, exp=NOW + 3600)}, NOW + 3450, 3600, id="from a cache"),
        pytest.param(
            {"access_token": jwt(iat=NOW, exp=NOW + 3600), "expires_in": 150}, NOW, 3600, id="a cache that counts"
        ),
        pytest.param({"access_token": jwt(exp=NOW + 150)}, NOW, 3600, id="no iat"),
        pytest.param({"access_token": jwt(exp=NOW + 150), "expires_in": ...}, NOW, 150, id="no iat, no expires_in"),
        pytest.param({}, NOW, 3600, id="opaque"),
        pytest.param({"expires_in": "600"}, NOW, 600, id="opaque, a text"),
        pytest.param({"expires_in": 10**400}, NOW, LONGEST_LIFE, id="beyond every float"),
        pytest.param({"access_token": jwt(iat=NOW + 60, exp=NOW), "expires_in": 600}, None, 0, id="iat after exp"),
    ],
)
def test_the_life_that_a_token_was_issued_with(members: dict[str, Any], date: float | None, life: float) -> None:
    """What the JWT says, else the answer, and never less than what is left."""
    token = read(date, **members)
    if isinstance(token, Issued):
        assert token.issued_life == life
    else:
        assert life == 0


def test_a_token_without_a_word_about_it_was_issued_with_the_life_that_it_has() -> None:
    """And never with less."""
    assert Issued("abc", 300.0, None).issued_life == 300.0
    assert Issued("abc", 300.0, None, (), 60.0).issued_life == 300.0


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


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
MEMBERS = st.dictionaries(
    st.text(), VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(), VALUES, max_size=2)
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"x"', id="string"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"1", id="number"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b'{"a": 1} x', id="more after the object"),
        pytest.param(b'{"a": 1', id="cut"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="BOM"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-16-le"), id="UTF-16 without BOM"),
        pytest.param(b'{"a": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a": 1, "a": 1}', id="a member twice"),
        pytest.param(b'{"b": {"a": 1, "a": 2}}', id="an inner member twice"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b'{"a": ' + b"[" * 60_000 + b"]" * 60_000 + b"}", id="deep arrays"),
        pytest.param(b'{"a":' * 60_000 + b"1" + b"}" * 60_000, id="deep objects"),
    ],
)
def test_what_is_no_unambiguous_json_object_is_none(text: bytes) -> None:
    """Nothing raises, whatever it is."""
    assert json_object(text) is None


def test_an_empty_object_is_an_object() -> None:
    """It is not mistaken for no object."""
    assert json_object(b"{}") == {}


@hypothesis.settings(max_examples=40)  # more take longer and find nothing else
@given(MEMBERS)
def test_every_json_object_is_read_as_it_was_written(members: dict[str, object]) -> None:
    """Written with or without escapes."""
    assert json_object(json.dumps(members).encode()) == members


@given(st.binary() | st.text(alphabet='{}[]":,\\1eE+-.ntu ').map(str.encode))
def test_no_bytes_raise(text: bytes) -> None:
    """Also those that nearly are JSON."""
    assert json_object(text) is None or isinstance(json_object(text), dict)


# Date, Age, and the tokens that came before.


def purchases(*at: float, lag: float = 0.0, wrong: bool = False) -> list[Purchase]:
    """JWTs of an hour that came so many seconds after START, `lag` seconds old by then."""
    return [Purchase(after(each), number, 3600.0, NOW + each - lag, wrong) for number, each in enumerate(at)]


def later(
    seconds: float, bought: list[Purchase], *, ahead: float = 0.0, age: float = 0.0, lag: float = 0.0, **members: object
) -> Issued:
    """The answer so many seconds after START, with a new JWT, whose Date is `ahead` of the issuer's clock."""
    now = NOW + seconds
    source = Source(now + ahead, age, after(seconds), after(seconds), bought)
    usual = {"access_token": jwt(exp=now - lag + 3600, iat=now - lag), "token_type": "Bearer", "expires_in": 3600}
    given = {name: value for name, value in {**usual, **members}.items() if value is not ...}
    token = read_token(given, source, settings(client_id="id"))
    assert isinstance(token, Issued)
    return token


@pytest.mark.fault(181)
@pytest.mark.parametrize(
    ("token", "life"),
    [
        pytest.param(lambda: later(60, [], ahead=3000), 600, id="the first token"),
        pytest.param(lambda: later(60, purchases(0), ahead=3000), 3600, id="iat has advanced with our clock"),
        pytest.param(lambda: later(60, purchases(0, lag=3), ahead=3000), 3600, id="nearly"),
        pytest.param(lambda: later(60, purchases(0, lag=4), ahead=3000), 600, id="not quite"),
        pytest.param(lambda: later(3600, purchases(0, lag=3.7), ahead=3000), 3600, id="clocks come apart in an hour"),
        pytest.param(lambda: later(6, purchases(0), ahead=3000), 600, id="too soon to tell"),
        pytest.param(lambda: later(6.5, purchases(0, 3), ahead=3000), 3600, id="an earlier one tells"),
        pytest.param(lambda: later(60, purchases(0), ahead=3), 3597, id="rounded"),
        pytest.param(lambda: later(60, purchases(0), age=3000), 3600, id="a wrong Age"),
        pytest.param(lambda: later(60, purchases(0, lag=3000), lag=1000, ahead=0), 2600, id="a cache"),
        pytest.param(
            lambda: later(60, [Purchase(after(0), 0, 3600.0, None, False)], ahead=3000), 600, id="no iat before"
        ),
        pytest.param(lambda: later(60, [], ahead=-3000, expires_in=...), 3600, id="a Date that is behind"),
    ],
)
def test_wrong_date_is_told_from_a_cache_by_the_next_token(token: Callable[[], Issued], life: float) -> None:
    """No cache has kept tokens whose `iat` advances with our clock."""
    assert token().lifetime == life


@pytest.mark.parametrize("believed", [True, False])
def test_clock_that_was_set_changes_no_belief(believed: bool) -> None:
    """Over such a step `iat` and our clock cannot be compared."""
    bought = purchases(0, wrong=believed)
    at = Instant(START.wall + 5000, START.boot + 60)
    source = Source(NOW + 3060, 0.0, at, at, bought)
    members = {"access_token": jwt(exp=NOW + 3660, iat=NOW + 60), "token_type": "Bearer", "expires_in": 3600}
    token = read_token(members, source, settings(client_id="id"))
    assert isinstance(token, Issued)
    assert token.lifetime == (3600 if believed else 600)
    assert bought[-1].date_is_wrong is believed


def test_wrong_date_is_told_once() -> None:
    """With what the JWT says and what Date says."""
    bought = purchases(0)
    (finding,) = later(60, bought, ahead=3000).findings
    assert finding.text == "the JWT expires 600 s after the answer's Date, but lives 3600 s by its own iat"
    assert later(3000, bought, ahead=3000).findings == ()


@pytest.mark.fault(180)
@pytest.mark.parametrize(
    ("members", "life", "longest"),
    [
        pytest.param({}, 2600, 2600, id="a JWT"),
        pytest.param({"access_token": "opaque"}, 2600, 2600, id="opaque"),
        pytest.param({"access_token": "opaque", "expires_in": 1003}, 3, 3, id="three seconds are left"),
    ],
)
def test_age_counts(members: dict[str, object], life: float, longest: float) -> None:
    """Two seconds of the life may be hidden by rounding."""
    token = later(0, [], ahead=-1000, age=1000, lag=1000, **members)
    assert (token.lifetime, token.longest, token.rounding) == (life, longest, 2.0)


@pytest.mark.parametrize(("age", "left"), [(3598, 2), (3600, 0), (3605, 0)])
def test_token_of_a_cache_in_its_last_two_seconds_is_outdated(age: float, left: float) -> None:
    """The cache fetches another one soon."""
    members = {"access_token": jwt(exp=NOW + 3600, iat=NOW), "token_type": "Bearer", "expires_in": 3600}
    token = read_token(members, Source(NOW, age), settings())
    assert isinstance(token, Unusable)
    assert token.cached_for == left


def test_token_that_has_come_before_is_no_purchase_and_gets_no_younger() -> None:
    """A cache may repeat an outdated Date as well."""
    bought: list[Purchase] = []
    same = {"access_token": jwt(exp=NOW + 3600, iat=NOW)}
    later(0, bought, **same)
    again = later(1000, bought, ahead=-1000, **same)
    assert (len(bought), again.lifetime, again.rounding) == (1, 2600, 2.0)


def test_opaque_token_that_has_come_before_lives_as_long_as_the_answer_says() -> None:
    """Some servers give the same one each time."""
    bought: list[Purchase] = []
    later(0, bought, access_token="opaque")
    again = later(1000, bought, access_token="opaque")
    assert (len(bought), again.lifetime, again.rounding) == (1, 3600, 0.0)


@pytest.mark.parametrize(
    ("members", "life"),
    [
        pytest.param({}, 3600, id="exp - iat"),
        pytest.param({"access_token": jwt(exp=NOW + 60, iat=NOW)}, 60, id="exp - iat, not expires_in"),
        pytest.param({"access_token": "opaque", "expires_in": 60}, 60, id="expires_in"),
        pytest.param({"access_token": "opaque", "expires_in": 10**6}, 86_400, id="a day at most"),
    ],
)
def test_purchase_has_the_issued_life(members: dict[str, object], life: float) -> None:
    """Never what Date makes of it."""
    bought: list[Purchase] = []
    later(0, bought, ahead=30, **members)
    assert [each.life for each in bought] == [life]


def test_latest_84_purchases_are_kept() -> None:
    """More are never needed."""
    bought = purchases(*range(84))
    later(100, bought)
    assert (len(bought), bought[0].mark, bought[-1].at) == (84, 1, after(100))


@pytest.mark.fault(181)
def test_longest_reading_is_that_of_iat() -> None:
    """Which a wrong Date does not shorten; without `iat`, that of expires_in."""
    assert later(0, [], ahead=3000).longest == 3600
    assert later(0, [], ahead=3000, access_token=jwt(exp=NOW + 3600)).longest == 3600
