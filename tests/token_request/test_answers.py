"""What the token endpoint is asked and what it says, on the wire: scopes, query, Basic, AWS WAF, content-encoding."""

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
from tests.support.answers import jwt, with_
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
