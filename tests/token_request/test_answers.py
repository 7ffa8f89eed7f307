"""What is believed of an answer: its body, the token, its type, life and scopes; and what the endpoint was asked."""

import gzip
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from s2sauth import (
    CognitoClientCredentials,
    Event,
    InvalidClient,
    InvalidScope,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import TOKEN, accepted, jwt, refused, with_, without
from tests.support.fixtures import names
from tests.support.shared_store import WatchedStore, landed
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

FEWER = [
    pytest.param(with_(scope="read"), id="opaque"),
    pytest.param(with_(access_token=jwt(scp=["read"]), scope="read"), id="JWT and answer"),
    pytest.param(with_(access_token=jwt(scp=["read"])), id="scp, a list"),
    pytest.param(with_(access_token=jwt(scp="read")), id="scp, a text"),
    pytest.param(with_(access_token=jwt(scope="read")), id="scope"),
    pytest.param(with_(access_token=jwt(scope="read write"), scope="read"), id="the answer says less than the JWT"),
]


@pytest.mark.fault(182)
@pytest.mark.parametrize("answer", FEWER)
def test_fewer_scopes_are_noticed(
    answer: dict[str, object], make: Make, fake: FakeCognito, world: World, events: list[Event]
) -> None:
    """Those that were granted are what the token says; one event."""
    fake.answer_json(answer)
    credentials = make(scopes="write read")
    assert world.get(credentials).scopes == ("read",)
    assert names(events).count("scope_narrowed") == 1
    assert world.get(make(scopes=None)).scopes == ("read",)
    with pytest.raises(InvalidScope, match="the token lacks write"):
        world.get(make(scopes="write read", strict=True))


def test_scopes_in_another_order_and_more_of_them_are_no_finding(
    make: Make, fake: FakeCognito, events: list[Event]
) -> None:
    """They are all there."""
    fake.answer_json(with_(scope="write  read admin read"))
    assert make(scopes="read write", strict=True).get_token().scopes == ("admin", "read", "write")
    assert "scope_narrowed" not in names(events)


def test_scopes_that_were_granted_go_through_the_store(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """A process that takes the token knows them; one that is strict does not take it."""
    store = WatchedStore(clock)
    fake.answer_json(with_(scope="read"))
    first = make(store=store, scopes="read write")
    first.get_token()
    landed(first)
    assert make(store=store, scopes="read write").get_token().scopes == ("read",)
    assert fake.counts()["token_requests"] == 1
    fake.answer_json(with_(access_token="another", scope="read write"))
    strict = make(store=store, scopes="read write", strict=True).get_token()
    assert (strict.access_token, strict.scopes) == ("another", ("read", "write"))


@pytest.mark.fault(183)
@pytest.mark.parametrize("scopes", [None, "demo/read.file"], ids=["none", "the same"])
@pytest.mark.parametrize("method", ["auto", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("query", ["scope=demo%2Fread.file", "grant_type=client_credentials&scope=demo/read.file"])
def test_what_the_query_names_is_sent_once(
    scopes: str | None, method: str, query: str, make: Make, fake: FakeCognito
) -> None:
    """FakeCognito refuses a parameter that comes twice, as Cognito does."""
    credentials = make(token_url=f"{fake.token_url}?{query}", scopes=scopes, auth_method=method)
    assert credentials.get_token().scopes == ("demo/read.file",)
    assert fake.token_requests[-1].path == f"/oauth2/token?{query}"


def test_scopes_of_the_query_that_are_not_granted_are_noticed(
    make: Make, fake: FakeCognito, events: list[Event]
) -> None:
    """They were asked for."""
    fake.narrow_scopes(["demo/read.file"])
    both = f"{fake.token_url}?scope=demo/read.file%20demo/write.file"
    assert make(token_url=both, scopes=None).get_token().scopes == ("demo/read.file",)
    assert "scope_narrowed" in names(events)


ODD: dict[str, Any] = {"client_id": "a+b", "client_secret": "s+c/r=e:t%20"}


@pytest.mark.fault(184)
@pytest.mark.parametrize("method", ["auto", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("decodes", [False, True], ids=["Cognito", "another server"])
def test_odd_credentials_are_read_as_the_server_reads_them(method: str, decodes: bool, clock: ManualClock) -> None:
    """Raw by Cognito, form-decoded by other servers (RFC 6749 2.3.1)."""
    client_id = "a:b" if decodes else "a+b"
    with FakeCognito(clock=clock, client_id=client_id, client_secret=ODD["client_secret"]) as fake:
        fake.decode_basic(decodes)
        where = {"token_url": fake.token_url} if decodes else {"domain": fake.domain}
        given: Any = {**ODD, **where, "client_id": client_id, "auth_method": method, "clock": clock}
        with CognitoClientCredentials(**given) as credentials:
            assert credentials.get_token().access_token


@pytest.mark.fault(186)
def test_the_server_s_echo_of_form_encoded_credentials_is_hidden(make: Make, fake: FakeCognito) -> None:
    """A server that is not Cognito, which says what it got."""
    with pytest.raises(InvalidClient):
        make(token_url=fake.token_url, auth_method="client_secret_basic", **ODD).get_token()
    header = fake.token_requests[-1].header("authorization")
    assert header is not None
    sent = header.removeprefix("Basic ")
    fake.answer_json({"error": "bad_header", "error_description": f"got {sent} and s%2bc%2fr%3de%3at%2520"}, 400)
    with pytest.raises(TokenRequestRefused) as caught:
        make(token_url=fake.token_url, auth_method="client_secret_basic", **ODD).get_token()
    assert caught.value.error_description == "got […] and […]"


@pytest.mark.fault(188)
@pytest.mark.parametrize(
    ("status", "action", "kind", "words"),
    [
        (202, "challenge", TokenResponseInvalid, "browser challenge"),
        (405, "captcha", TokenRequestRefused, "CAPTCHA"),
        (403, "block", TokenRequestRefused, "a rule of an AWS WAF web ACL"),
    ],
)
def test_aws_waf_is_named(
    status: int, action: str, kind: type[Exception], words: str, make: Make, fake: FakeCognito
) -> None:
    """By its header, and with what to do; no captive portal and no wrong URL."""
    fake.fail(status, body=b"<html>", headers=[("x-amzn-waf-action", action), ("Content-Type", "text/html")])
    with pytest.raises(kind, match=words) as caught:
        make().get_token()
    assert "captive portal" not in str(caught.value)


@pytest.mark.fault(190)
@pytest.mark.parametrize(
    ("status", "kind"), [(200, TokenResponseInvalid), (400, TokenRequestRefused), (503, TokenUnavailable)]
)
def test_a_content_encoding_is_named(
    status: int, kind: type[Exception], make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """It is never decoded: a small body could be a huge one."""
    body = gzip.compress(json.dumps(with_()).encode())
    fake.answer_json(body, status, headers=[("Content-Encoding", "gzip")])
    with pytest.raises(kind, match="its content-encoding is gzip, and the request asks for identity") as caught:
        make(clock=None).get_token(timeout=5)
    assert type(caught.value) is kind


@pytest.mark.fault(187)
def test_a_retry_after_date_without_date_counts_from_our_clock(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """A server that sends no Date has a clock all the same."""
    fake.omit_date()
    fake.fail(503, headers=[("Retry-After", formatdate(clock.wall() + 20, usegmt=True))])
    with pytest.raises(TokenUnavailable) as caught:
        make().get_token()
    assert caught.value.retry_after == pytest.approx(20, abs=1)


@pytest.mark.fault(17)
def test_html_is_no_token(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """A captive portal answers 200 with a page: no token; no word of the page is in the message."""
    page = b"<html><body>Welcome to Hotel Wifi</body></html>"
    fake.answer_json(page, headers=[("Content-Type", "text/html")])
    error = refused(credentials, fake, TokenResponseInvalid, world)
    assert "captive portal" in str(error)
    assert "Hotel" not in str(error)


@pytest.mark.fault(18)
@pytest.mark.parametrize("body", [b"", b"null", b'"x"', b"[]", b"7", b"true", b"{}"], ids=repr)
def test_json_that_is_no_object_is_no_token(
    credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes
) -> None:
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
def test_broken_json_is_no_token(credentials: CognitoClientCredentials, fake: FakeCognito, body: bytes) -> None:
    """No UnicodeDecodeError escapes."""
    fake.answer_json(body)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(20)
def test_number_of_5000_digits_is_no_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Python refuses to read it; no ValueError escapes."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":3600,"x":' + b"7" * 5000 + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    "value",
    [b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000, b"[" * 40_000],
    ids=["lists", "objects", "unclosed"],
)
def test_endless_nesting_raises_nothing_of_pythons(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes
) -> None:
    """How deep is too deep differs between Pythons: no token, or what stands beside it; no RecursionError escapes."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":3600,"x":' + value + b"}")
    try:
        assert credentials.get_token().access_token == "abc"
    except TokenResponseInvalid:
        assert credentials.state().expires_in is None


@pytest.mark.fault(21)
@pytest.mark.parametrize("name", ["access_token", "expires_in", "x"])
def test_repeated_member_is_refused(credentials: CognitoClientCredentials, fake: FakeCognito, name: str) -> None:
    """Two parsers would read two tokens."""
    fake.answer_json(f'{{"access_token":"a","token_type":"Bearer","expires_in":60,"x":1,"{name}":"b"}}'.encode())
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    "answer",
    [without("access_token"), *[with_(access_token=value) for value in list[object](("", 7, [], {}, None, True))]],
    ids=repr,
)
def test_access_token_of_the_wrong_type_is_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, answer: object
) -> None:
    """Missing, empty, a number, a list, null."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "token", ["a\r\nX-Evil: 1", "a b", "a\0b", "\ud800", "tökén", "a\tb", "a,b", "=a", 'a"b', " a", "a\n"], ids=ascii
)
def test_access_token_that_is_no_header_value_is_refused(
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
def test_access_token_of_16_kib_is_accepted_and_no_longer_one(
    credentials: CognitoClientCredentials, fake: FakeCognito, length: int, fits: bool
) -> None:
    """16 KiB are accepted; a server's header line ends at 8 to 64 KiB."""
    fake.answer_json(with_(access_token="a" * length))
    if fits:
        assert len(accepted(credentials).access_token) == length
    else:
        refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(25)
@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_token_type_is_accepted_in_any_case(
    credentials: CognitoClientCredentials, fake: FakeCognito, kind: str
) -> None:
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
def test_other_token_types_are_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, answer: object
) -> None:
    """RFC 6749 7.1: a type that is not understood must not be used."""
    fake.answer_json(answer)
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(26)
def test_missing_expires_in_is_the_jwts_life(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event]
) -> None:
    """The JWT's own life counts, and somebody is told."""
    fake.omit_expires_in()
    fake.set_expires_in(1800)
    assert accepted(credentials).expires_in == 1800
    assert "expires_in_missing" in names(events)


@pytest.mark.fault(26)
def test_missing_expires_in_without_a_jwt_is_300_s(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """300 s: 'never expires' is the wrong guess."""
    fake.answer_json(without("expires_in"))
    assert accepted(credentials).expires_in == 300


@pytest.mark.fault(27)
@pytest.mark.parametrize(("value", "life"), [("3600", 3600), (3600.0, 3600), (3600.9, 3600), ("60.5", 60), (60, 60)])
def test_expires_in_of_another_form_is_read(
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
def test_expires_in_that_makes_no_sense_is_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: bytes
) -> None:
    """A bool is no number, a life of 0 is none."""
    fake.answer_json(b'{"access_token":"abc","token_type":"Bearer","expires_in":' + value + b"}")
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault(28)
@pytest.mark.parametrize("value", [86_401, 10**9, 10**30])
def test_huge_expires_in_is_clamped_to_a_day(
    credentials: CognitoClientCredentials, fake: FakeCognito, value: int
) -> None:
    """Clamped to a day."""
    fake.answer_json(with_(expires_in=value))
    assert accepted(credentials).expires_in == 86_400


@pytest.mark.fault(29)
def test_unknown_members_are_ignored(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
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


@pytest.mark.fault(43)
def test_narrower_scope_is_an_event_or_with_strict_an_error(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """Cognito grants less without a word: an event, or with `strict` an error."""
    fake.narrow_scopes(["demo/read.file"])
    asked = "demo/read.file demo/write.file"
    assert make(scopes=asked).get_token().scopes == ("demo/read.file",)
    assert "scope_narrowed" in names(events)
    strict = make(scopes=asked, strict=True)
    with pytest.raises(InvalidScope, match=r"demo/write\.file") as caught:
        strict.get_token()
    assert caught.value.error is None
    assert strict.state().expires_in is None


@pytest.mark.fault(44)
def test_token_of_another_client_is_an_event_or_with_strict_an_error(
    make: Make, fake: FakeCognito, events: list[Event]
) -> None:
    """A mix-up, or a cache in between: an event, or with `strict` an error."""
    fake.set_claims({"client_id": "somebody-else"})
    make().get_token()
    assert "client_mismatch" in names(events)
    strict = make(strict=True)
    with pytest.raises(TokenResponseInvalid, match="another client_id"):
        strict.get_token()
    assert strict.state().expires_in is None


@pytest.mark.fault(45)
def test_same_token_again_is_no_loop(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """A cache in front of the endpoint repeats a suspected token: it ends at its `exp`, and nobody asks in a loop."""
    fake.repeat_tokens()
    token = credentials.get_token()
    clock.advance(600)
    credentials.invalidate(token)
    again = credentials.get_token()
    assert again.access_token == token.access_token
    assert again.expires_in == 3000
    for _ in range(10):
        credentials.get_token()
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(46)
@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": 100, "iat": 200}], ids=["long ago", "before iat"])
def test_token_that_expired_before_it_came_is_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, claims: dict[str, object], world: World
) -> None:
    """Not cached, no loop; the message names the likely cause."""
    fake.answer_json({"access_token": jwt(**claims), "token_type": "Bearer", "expires_in": 3600})
    for _ in range(3):
        with pytest.raises(TokenResponseInvalid, match="already expired"):
            world.get(credentials)
    assert fake.counts()["token_requests"] == 1
    assert credentials.state().expires_in is None
