"""What the RFCs demand of a client, on the wire; docs/reference/faults.md says in a line what each of them does."""

import base64
import socket
from collections.abc import Callable, Mapping
from email.utils import formatdate
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    Event,
    InvalidClient,
    OriginNotAllowed,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock, StaticToken, TokenRequest
from tests.support.answers import accepted, jwt, refused, with_, without
from tests.support.arguments import build, mistake
from tests.support.fixtures import names, plain_client
from tests.support.labels import plainly
from tests.support.tls import client_context, server_context
from tests.support.wires import Wire, wire
from tests.support.worlds import Threads, World

__all__ = ["wire"]

Make = Callable[..., CognitoClientCredentials]

AWKWARD = "a+b_secret-that~is=not/alphanumeric"


def only(fake: FakeCognito) -> TokenRequest:
    """The one token request."""
    (request,) = fake.token_requests
    return request


@pytest.mark.fault("N1")
@pytest.mark.parametrize("secret", ["plain0secret0of0letters0and0digits", AWKWARD])
def test_one_authentication_method(make: Make, fake: FakeCognito, wire: Wire, secret: str) -> None:
    """Header or body; the factory's client, with credentials of its own in every place, adds none."""
    fake.rotate_secret(secret)

    def crowded() -> httpx.Client:
        client = wire.http_client()
        client.headers["Authorization"] = "Basic dXNlcjp3b3Jk"
        client.params = {"client_secret": "another"}
        return client

    make(client_secret=secret, domain=wire.domain, http_client=crowded).get_token()
    request = only(fake)
    headers = [value for name, value in request.headers if name.lower() == "authorization"]
    assert len(headers) + ("client_secret" in request.form) == 1
    assert "dXNlcjp3b3Jk" not in "".join(headers)
    assert request.path == "/oauth2/token"


LETTERS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'{"), min_size=1)


@pytest.mark.fault("N2")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=LETTERS)
def test_basic_only_where_both_readings_agree(fake: FakeCognito, clock: ManualClock, secret: str) -> None:
    """Whatever the secret: Basic means the same with form-encoding and without, else the body carries it."""
    if secret == fake.client_id:
        return
    fake.clear_records()
    fake.rotate_secret(secret)
    try:
        credentials = CognitoClientCredentials(
            domain=fake.domain, client_id=fake.client_id, client_secret=secret, clock=clock, http_client=plain_client
        )
    except ConfigurationError:
        return  # what looks like an ARN or the like is refused before
    credentials.get_token()
    credentials.close()
    request = only(fake)
    header = request.header("authorization")
    if header is None:
        assert request.form["client_secret"] == secret
        assert quote_plus(secret) != secret
    else:
        raw = base64.b64decode(header.removeprefix("Basic ")).decode()
        assert raw == unquote_plus(raw) == f"{fake.client_id}:{secret}"
        assert "client_secret" not in request.form


@pytest.mark.fault("N3")
def test_credentials_in_the_header_and_never_in_the_url(make: Make, fake: FakeCognito, wire: Wire) -> None:
    """Basic by default; neither id nor secret in the URL, whichever way they travel."""
    for method in ("auto", "client_secret_basic", "client_secret_post"):
        make(auth_method=method, domain=wire.domain, http_client=wire.http_client).get_token()
    assert [request.header("authorization") is not None for request in fake.token_requests] == [True, True, False]
    for request in fake.token_requests:
        assert fake.client_id not in request.path
        assert fake.client_secret not in request.path
    assert "token_url" in mistake(domain=None, token_url="https://a.example/t?client_secret=x")


@pytest.mark.fault("N4")
def test_post_with_each_parameter_once_and_the_urls_query(make: Make, fake: FakeCognito) -> None:
    """No parameter is empty, none is repeated; the endpoint's own query stays. TLS but for loopback, no fragment."""
    make(token_url=f"{fake.token_url}?stage=dev", scopes=None).get_token()
    make(token_url=f"{fake.token_url}?stage=dev", client_metadata={"a": "b"}).get_token()
    bare, full = fake.token_requests
    assert {bare.method, full.method} == {"POST"}
    assert {bare.path, full.path} == {"/oauth2/token?stage=dev"}
    assert [name for name, _ in parse_qsl(bare.body.decode())] == ["grant_type"]
    sent = parse_qsl(full.body.decode(), keep_blank_values=True)
    assert [name for name, _ in sent] == ["grant_type", "scope", "aws_client_metadata"]
    assert all(value for _, value in sent)
    for url in ("http://auth.example.com/oauth2/token", "https://auth.example.com/oauth2/token#x"):
        assert "token_url" in mistake(domain=None, token_url=url)


@pytest.mark.fault("N5")
def test_scopes(make: Make, fake: FakeCognito) -> None:
    """RFC 6749's characters and no others; order does not matter, case does."""
    allowed = "".join(chr(code) for code in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)))
    build(scopes=[allowed])
    for code in (*range(0x20), 0x22, 0x5C, 0x7F, 0xE4):
        assert mistake(scopes=[f"a{chr(code)}b"]).startswith("scopes: ")
    credentials = make()
    token = credentials.with_scopes("demo/write.file", "demo/read.file").get_token()
    assert credentials.with_scopes("demo/read.file", "demo/write.file").get_token() is token
    assert only(fake).form["scope"] == "demo/read.file demo/write.file"
    with pytest.raises(TokenRequestRefused):
        credentials.with_scopes("demo/READ.file", "demo/write.file").get_token()


@pytest.mark.fault("N6")
def test_the_request_to_the_byte(make: Make, fake: FakeCognito, wire: Wire) -> None:
    """RFC 6749 4.4.2. There is no client without a secret."""
    make(domain=wire.domain, http_client=wire.http_client).get_token()
    request = only(fake)
    assert request.body == b"grant_type=client_credentials&scope=demo%2Fread.file"
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    user = base64.b64encode(f"{fake.client_id}:{fake.client_secret}".encode()).decode()
    assert request.header("authorization") == f"Basic {user}"
    assert mistake(client_secret="").startswith("client_secret: ")


@pytest.mark.fault("N7")
def test_refresh_token(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Neither kept nor used: the next renewal is the same request again."""
    fake.answer_json(with_(refresh_token="r3fresh"))
    token = credentials.get_token()
    assert "r3fresh" not in repr([getattr(token, name) for name in token.__slots__])
    clock.advance(3600)
    credentials.get_token()
    first, second = fake.token_requests
    assert first.body == second.body


LENIENT: dict[str, Mapping[str, object]] = {
    "unknown members": with_(x=1, id_token="a", nested={"a": [1]}),
    "lower case": with_(token_type="bearer"),
    "upper case": with_(token_type="BEARER"),
    "8 KiB": with_(access_token="a" * 8192),
    "no expires_in": without("expires_in"),
}


@pytest.mark.fault("N8")
@pytest.mark.parametrize("answer", LENIENT.values(), ids=LENIENT)
def test_what_must_be_accepted(
    credentials: CognitoClientCredentials, fake: FakeCognito, wire: Wire, answer: object, make: Make
) -> None:
    """Without expires_in: 300 s, not for ever."""
    fake.answer_json(answer)
    token = accepted(make(domain=wire.domain, http_client=wire.http_client))
    assert token.expires_in == (3600 if "expires_in" in dict(answer) else 300)  # type: ignore[call-overload]  # a mapping


@pytest.mark.fault("N9")
def test_scope_left_out(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """As asked for, unless the JWT says less: then what it says, and an event."""
    fake.answer_json(with_(), times=1)
    assert make(scopes="demo/read.file").get_token().scopes == ("demo/read.file",)
    assert "scope_narrowed" not in names(events)
    fake.answer_json(with_(access_token=jwt(scope="demo/read.file")), times=1)
    assert make(scopes="demo/read.file demo/write.file").get_token().scopes == ("demo/read.file",)
    assert "scope_narrowed" in names(events)


@pytest.mark.fault("N10")
@pytest.mark.parametrize("status", [400, 401])
def test_errors_by_their_code(make: Make, fake: FakeCognito, wire: Wire, status: int) -> None:
    """400 or 401 with a challenge: the same error; of the description only the characters that it may have."""
    body = {"error": "invalid_client", "error_description": 'wrong\r\n\x1b[31m "secret"\\'}
    fake.answer_json(body, status, headers=[("WWW-Authenticate", "Basic realm=x")])
    with pytest.raises(InvalidClient) as caught:
        make(domain=wire.domain, http_client=wire.http_client).get_token()
    assert (caught.value.error, caught.value.status) == ("invalid_client", status)
    assert caught.value.error_description == "wrong [31m secret"


TYPES: list[object] = ["DPoP", "mac", "N_A", "", " Bearer", "Bearer x", None, 7, ["Bearer"]]


@pytest.mark.fault("N11")
@pytest.mark.parametrize("token_type", TYPES, ids=plainly)
def test_type_that_is_not_understood(
    credentials: CognitoClientCredentials, fake: FakeCognito, token_type: object
) -> None:
    """Refused, nothing cached."""
    fake.answer_json(with_(token_type=token_type))
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault("N11")
def test_no_type(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """The same."""
    fake.answer_json(without("token_type"))
    refused(credentials, fake, TokenResponseInvalid)


@pytest.mark.fault("N12")
def test_https_only_and_no_way_round_it() -> None:
    """Of the token endpoint, of an API; and no argument of ours switches verification off."""
    assert mistake(domain="http://auth.example.com").startswith("domain: ")
    credentials = build()
    for switch in ("verify", "insecure", "ssl", "tls", "cert", "trust_env"):
        with pytest.raises(TypeError, match=switch):
            build(**{switch: False})
    with pytest.raises(ConfigurationError, match="https"):
        credentials.httpx_auth("http://files.example.com")


@pytest.mark.fault("N13")
def test_one_header_and_nothing_else(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """URL and body arrive as the caller gave them; nothing but the one header holds the token."""
    auth = credentials.httpx_auth(wire.api_url)
    wire.send(world, auth, "/files?a=b&access_token=", "POST", data={"access_token": "own"})
    (request,) = fake.api_requests
    token = credentials.get_token().access_token
    assert request.path == "/files?a=b&access_token="
    assert request.body == b"access_token=own"
    assert [name.lower() for name, value in request.headers if token in value] == ["authorization"]


POISONED = ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a ", " a", "", "a b", "a\tb", "tökén", "\ud800", "a=b", "=", 'a"b']


@pytest.mark.fault("N14")
@pytest.mark.parametrize("token", POISONED, ids=ascii)
def test_token_that_is_no_b64token_is_not_kept(make: Make, fake: FakeCognito, wire: Wire, token: str) -> None:
    """Whatever the version of HTTP that brought it."""
    fake.answer_json(with_(access_token=token))
    error = refused(make(domain=wire.domain, http_client=wire.http_client), fake, TokenResponseInvalid)
    assert "Evil" not in str(error)


@pytest.mark.fault("N14")
@pytest.mark.parametrize("token", POISONED, ids=ascii)
def test_token_that_is_no_b64token_is_not_sent(token: str) -> None:
    """Wherever it came from: HTTP/2 would let a line break through. No object can hold one."""
    with pytest.raises(ConfigurationError, match=r"RFC 6750 2\.1") as caught:
        StaticToken(token)
    assert "Evil" not in str(caught.value)


@pytest.mark.fault("N14")
@pytest.mark.parametrize("token", ["a", "A-._~+/0", "abc=", "abc==", "a" * 16_384])
def test_every_b64token_arrives(fake: FakeCognito, world: World, wire: Wire, token: str) -> None:
    """To the byte."""
    fake.api_answer(200)
    wire.send(world, StaticToken(token).httpx_auth(wire.api_url))
    assert fake.api_requests[0].header("authorization") == f"Bearer {token}"


@pytest.mark.fault("N15")
@pytest.mark.parametrize(
    ("status", "error", "again"),
    [(401, "invalid_token", True), (403, "insufficient_scope", False), (400, "invalid_request", False)],
)
def test_only_a_401_is_tried_with_another_token(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    wire: Wire,
    status: int,
    error: str,
    again: bool,
) -> None:
    """RFC 6750 3.1's three errors."""
    credentials.get_token()
    clock.advance(60)
    fake.api_answer(status, headers=[("WWW-Authenticate", f'Bearer error="{error}"')], times=1)
    assert wire.send(world, credentials.httpx_auth(wire.api_url)).status_code == (200 if again else status)
    assert fake.counts()["token_requests"] == (2 if again else 1)


@pytest.mark.fault("N16")
def test_unverified_server_never_sees_the_token(
    credentials: CognitoClientCredentials, clock: ManualClock, world: World
) -> None:
    """Another origin, http, or a certificate that does not hold: no request arrives; cookies stay the caller's."""
    with FakeCognito(clock=clock, ssl_context=server_context("other.example")) as impostor:
        auth = credentials.httpx_auth(impostor.api_url)
        with pytest.raises(httpx.ConnectError):
            world.send(auth, f"{impostor.api_url}/files", client={"verify": client_context()})
        for url in (impostor.domain, impostor.api_url.replace("https", "http")):
            with pytest.raises(OriginNotAllowed):
                world.send(auth, url)
        assert impostor.api_requests == []
        response = world.send(auth, f"{impostor.api_url}/files", client={"cookies": {"a": "b"}})
        assert response.request.headers["cookie"] == "a=b"


@pytest.mark.fault("N17")
def test_post_is_repeated_only_with_new_credentials(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, wire: Wire
) -> None:
    """A 401 was not applied: with another token it goes out again, with the same one it does not."""
    auth = credentials.httpx_auth(wire.api_url)
    old = credentials.get_token()
    clock.advance(60)
    fake.repeat_tokens()
    fake.api_answer(401, times=1)
    assert wire.send(world, auth, method="POST", json=[1]).status_code == 401
    assert len(fake.api_requests) == 1
    fake.recover()
    clock.advance(3600)
    fake.revoke(old.access_token)
    credentials.get_token()
    clock.advance(120)
    fake.api_answer(401, times=1)
    assert wire.send(world, auth, method="POST", json=[1]).status_code == 200
    assert [request.body for request in fake.api_requests] == [b"[1]"] * 3
    _, rejected, repeated = (request.token_id for request in fake.api_requests)
    assert rejected != repeated


CHALLENGES: dict[str, tuple[list[str], bool]] = {
    "in one header": (['Basic realm="a, Bearer b", Bearer realm=x'], True),
    "in several headers": (["Basic realm=x", "Bearer"], True),
    "the word in a quoted string": (['Basic realm="x, Bearer y"'], False),
    "the word as a parameter": (["Basic Bearer=x"], False),
    "the word as another scheme's beginning": (["Bearerish realm=x"], False),
    "in any case": (["bEaReR"], True),
}


@pytest.mark.fault("N18")
@pytest.mark.parametrize(("challenges", "again"), CHALLENGES.values(), ids=CHALLENGES)
def test_challenges(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    wire: Wire,
    challenges: list[str],
    again: bool,
) -> None:
    """RFC 9110 11.6.1 in all its forms."""
    credentials.get_token()
    clock.advance(60)
    fake.api_answer(401, headers=[("WWW-Authenticate", challenge) for challenge in challenges], times=1)
    assert wire.send(world, credentials.httpx_auth(wire.api_url)).status_code == (200 if again else 401)


@pytest.mark.fault("N18")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("-5", 0), ("999999999", None), ("soon", None), ("+120", 120), ("-120", 0), (None, None)],
)
def test_retry_after(
    make: Make, fake: FakeCognito, clock: ManualClock, wire: Wire, value: str | None, seconds: float | None
) -> None:
    """RFC 9110 10.2.3: seconds, or a date, which is told by the server's own clock; +120 is one two minutes ahead."""
    clock.set_random(0.0)
    fake.set_clock_offset(1000)
    if value in ("+120", "-120"):
        value = formatdate(int(clock.wall() + 1000) + int(value), usegmt=True)
    fake.fail(503, headers=[] if value is None else [("Retry-After", value)])
    with pytest.raises(TokenUnavailable) as caught:
        make(domain=wire.domain, http_client=wire.http_client).get_token()
    assert caught.value.retry_after == seconds


@pytest.mark.fault("N19")
def test_one_token_for_each_scope_set(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """And each of them good for its own scopes alone."""
    reading, writing = credentials, credentials.with_scopes("demo/write.file")
    for path, view, status in (
        ("/files", reading, 200),
        ("/admin", writing, 200),
        ("/files", writing, 401),
        ("/admin", reading, 401),
    ):
        auth = view.httpx_auth(fake.api_url)
        assert world.send(auth, fake.api_url + path).status_code == status
    assert [request.form["scope"] for request in fake.token_requests] == ["demo/read.file", "demo/write.file"]


@pytest.mark.fault("N21")
def test_hook_without_a_list_does_not_exist(credentials: CognitoClientCredentials, world: World) -> None:
    """No origin given is a mistake, and what is bound at run time is judged at run time."""
    with pytest.raises(ConfigurationError, match="origins: none given"):
        credentials.httpx_auth()
    auth = credentials.httpx_auth("https://files.example.com")
    with pytest.raises(OriginNotAllowed):
        world.send(auth, "https://counterfeit.example.com")


@pytest.mark.fault("N22")
@pytest.mark.parametrize("status", [307, 308])
def test_credentials_are_not_posted_again(make: Make, fake: FakeCognito, wire: Wire, status: int) -> None:
    """The body, which holds the secret here, goes to the token endpoint and nowhere else."""
    with FakeCognito() as other:
        fake.redirect(other.token_url, status)
        with pytest.raises(TokenRequestRefused):
            make(auth_method="client_secret_post", domain=wire.domain, http_client=wire.http_client).get_token()
        assert other.counts()["token_connections"] == 0
    assert "client_secret" in only(fake).form


@pytest.mark.fault("N25")
def test_dpop(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World) -> None:
    """A DPoP token is no bearer token, and an API that asks for a proof gets no second request."""
    fake.answer_json(with_(token_type="DPoP"), times=1)
    with pytest.raises(TokenResponseInvalid):
        world.get(credentials)
    clock.advance(61)
    world.get(credentials)
    clock.advance(60)
    fake.api_answer(401, headers=[("WWW-Authenticate", 'DPoP error="use_dpop_nonce"')])
    assert world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files").status_code == 401
    assert fake.counts()["api_requests"] == 1


@pytest.mark.fault("N26")
def test_wrong_host_name(make: Make, clock: ManualClock, world: World) -> None:
    """The certificate is of the right CA and for somebody else: no request."""
    verify = client_context()
    with FakeCognito(clock=clock, ssl_context=server_context("other.example")) as fake:
        with pytest.raises(TokenUnavailable, match="certificate was refused"):
            world.get(make(domain=fake.domain, http_client=lambda: httpx.Client(verify=verify, trust_env=False)))
        assert fake.token_requests == []


@pytest.mark.fault("N26")
def test_default_client_minds_certificates(make: Make, clock: ManualClock) -> None:
    """A private CA that nobody gave it is not trusted."""
    with FakeCognito(clock=clock, ssl_context=server_context()) as fake:
        with pytest.raises(TokenUnavailable, match="certificate was refused"):
            make(domain=fake.domain, http_client=None).get_token()
        assert fake.token_requests == []


@pytest.mark.fault("N26")
def test_default_client_offers_tls_1_2_and_newer(make: Make, clock: ManualClock) -> None:
    """In the extension supported_versions of its first words: 1.3 and 1.2, and the name of the host beside it."""
    clock.set_random(0.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = Threads().ask(make(domain=f"https://localhost:{listening.getsockname()[1]}", http_client=None))
        for _ in range(3):
            connection, _ = listening.accept()
            with connection:
                hello = connection.recv(65_536)
        with pytest.raises(TokenUnavailable):
            caller.values()
    assert bytes.fromhex("002b 0005 04 0304 0303") in hello
    assert b"localhost" in hello
