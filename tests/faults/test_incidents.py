"""What has happened to others, made to happen here; docs/reference/faults.md says where it happened."""

import ast
import asyncio
import gzip
import importlib.metadata
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

import s2sauth
from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    Event,
    InvalidClient,
    TokenRequestRefused,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import refused
from tests.support.arguments import build
from tests.support.fixtures import names
from tests.support.forking import in_child
from tests.support.proxy import ConnectProxy
from tests.support.settled import settled
from tests.support.tls import client_context, server_context
from tests.support.wires import Wire, wire
from tests.support.worlds import GetToken, Send, Threads, World

__all__ = ["wire"]

Make = Callable[..., CognitoClientCredentials]

SCOPES = [f"s/{number}" for number in range(20)]


@pytest.mark.fault("CVE-2025-26620")
def test_concurrent_callers_get_the_token_of_their_own_scopes(make: Make, clock: ManualClock, world: World) -> None:
    """Twenty scope sets, three callers each, all at once, no token."""
    with FakeCognito(clock=clock, scopes=SCOPES) as fake:
        credentials = make(at=fake)
        views = [credentials.with_scopes(scope) for scope in SCOPES] * 3
        fake.gate()
        callers = world.start([GetToken(view) for view in views])
        fake.wait_for_token_requests(len(SCOPES))
        fake.release()
        assert [token.scopes for token in callers.values()] == [view._slot.settings.scopes for view in views]
        assert fake.counts()["token_requests"] == len(SCOPES)


@pytest.mark.fault("CVE-2024-51987")
def test_shared_client_and_request_keep_no_token(
    make: Make, fake: FakeCognito, credentials: CognitoClientCredentials
) -> None:
    """Two callers with one pooled client and one request object: each sends its own token, and nothing stays behind."""
    other = make(scopes="demo/write.file")
    url = f"{fake.api_url}/any"
    with httpx.Client(verify=False, trust_env=False) as client:
        request = client.build_request("GET", url)
        for who in (credentials, other, credentials):
            client.send(request, auth=who.httpx_auth(url))
            assert "authorization" not in request.headers
            assert "authorization" not in client.headers
        client.send(request)
    sent = [each.header("authorization") for each in fake.api_requests]
    mine, theirs = credentials.get_token().authorization, other.get_token().authorization
    assert sent == [mine, theirs, mine, None]


DIFFERENCES: dict[str, dict[str, Any]] = {
    "endpoint": {"domain": "other.example.com"},
    "query of the endpoint": {"domain": None, "token_url": "https://auth.example.com/oauth2/token?stage=dev"},
    "client": {"client_id": "another"},
    "authentication": {"auth_method": "client_secret_post"},
    "scopes": {"scopes": "b"},
    "no scopes": {"scopes": None},
    "case of a scope": {"scopes": "A"},
    "metadata": {"client_metadata": {"tenant": "x"}},
}


@pytest.mark.fault("one-token-for-all")
@pytest.mark.parametrize("change", DIFFERENCES.values(), ids=DIFFERENCES)
def test_one_token_for_all_has_no_place_in_the_key(change: dict[str, Any]) -> None:
    """Whatever goes on the wire tells one token from another."""
    usual = {"scopes": "a"}
    events: list[Event] = []
    for arguments in (usual, usual, {**usual, **change}):
        build(on_event=events.append, **arguments).close()
    one, same, other = [event.key for event in events]
    assert one == same != other


EXECUTING = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "jsonpickle", "runpy", "code"}


@pytest.mark.fault("CVE-2025-69872")
def test_nothing_that_could_unpickle_is_imported() -> None:
    """No module but those for tests imports what makes objects, or code, of bytes; none calls eval or exec."""
    found: list[str] = []
    package = Path(s2sauth.__file__).parent
    for path in set(package.rglob("*.py")) - set((package / "testing").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names if alias.name.split(".")[0] in EXECUTING]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in EXECUTING:
                found.append(node.module or "")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.append(node.func.id)
    assert found == []


@pytest.mark.fault("CVE-2018-18074")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_redirects_carry_neither_secret_nor_token(
    make: Make, fake: FakeCognito, world: World, status: int, method: str
) -> None:
    """To another port, which is another origin: the secret is not sent at all, the token's header is left out."""
    credentials = make(auth_method=method)
    auth = credentials.httpx_auth(fake.api_url)
    with FakeCognito() as other:
        url = f"{fake.api_url}/redirect?status={status}&to={other.api_url}/files"
        world.send(auth, url, "POST", client={"follow_redirects": True}, json=[1])
        (arrived,) = other.api_requests
        assert arrived.header("authorization") is None
        fake.redirect(f"{other.api_url}/oauth2/token", status)
        with pytest.raises(TokenRequestRefused):
            world.get(credentials.with_scopes("demo/write.file"))
        assert len(other.api_requests) == 1
        assert other.token_requests == []


@pytest.mark.fault("CVE-2024-47081")
def test_passwords_of_netrc_and_proxy_go_nowhere_else(
    make: Make, clock: ManualClock, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token request and API call through a proxy with a password, on a machine whose netrc knows the host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password hunter3\ndefault login any password hunter3\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    verify = client_context()
    with FakeCognito(clock=clock, ssl_context=server_context()) as fake, ConnectProxy() as proxy:
        through = proxy.url.replace("//", "//user:hunter2@")
        credentials = make(at=fake, http_client=lambda: httpx.Client(proxy=through, verify=verify))
        auth = credentials.httpx_auth(fake.api_url)
        client = {"proxy": through, "verify": verify, "trust_env": True}
        assert world.send(auth, f"{fake.api_url}/files", client=client).status_code == 200
        assert len(proxy.seen) == 2
        assert all("Proxy-Authorization: Basic" in head for head in proxy.seen)
        requests = [*fake.token_requests, *fake.api_requests]
    assert len(requests) == 2
    for request in requests:
        assert request.header("proxy-authorization") is None
        assert len([name for name, _ in request.headers if name.lower() == "authorization"]) == 1
    assert requests[0].status == requests[1].status == 200


@pytest.mark.fault("decompression-bombs")
def test_decompression_bombs_stay_small(make: Make, fake: FakeCognito, clock: ManualClock, wire: Wire) -> None:
    """In a redirect and in an error of the token endpoint, and in a 401 that is read on: 60 kB stay 60 kB."""
    bomb = gzip.compress(b" " * 60_000_000)
    credentials = make(domain=wire.domain, http_client=wire.http_client)
    credentials.get_token()
    clock.advance(60)
    encoded = [("Content-Encoding", "gzip")]
    fake.api_answer(401, body=bomb, headers=encoded, times=1)
    auth = credentials.httpx_auth(wire.api_url)
    with wire.http_client() as client:
        tracemalloc.start()
        assert client.get(f"{wire.api_url}/files", auth=auth).status_code == 200
        for status in (302, 400):
            fake.fail(status, body=bomb, headers=[*encoded, ("Location", fake.token_url)])
            with pytest.raises(TokenRequestRefused):
                credentials.with_scopes(f"s/{status}").get_token()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * 1024 * 1024


@pytest.mark.fault("CVE-2025-43859")
def test_malformed_chunks_are_no_answer(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A chunk that does not end as it must: an outage, nothing cached. The h11 that minds is the oldest one allowed."""
    clock.set_random(0.0)
    body = b'{"access_token":"abc","token_type":"Bearer","expires_in":3600}'
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%bXX0\r\n\r\n" % (len(body), body)
    fake.answer(chunked)
    refused(credentials, fake, TokenUnavailable, world)
    assert tuple(map(int, importlib.metadata.version("h11").split(".")[:2])) >= (0, 16)


@pytest.mark.fault("tokens-in-debug-logs")
def test_tokens_in_debug_logs_are_not_seen(
    make: Make,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Everything at DEBUG, the libraries below as well: success, a rejected token, a refused request, an outage."""
    caplog.set_level(1)
    for name in ("httpx", "httpcore", "hpack", "h2", "asyncio", "s2sauth"):
        caplog.set_level(1, name)
    clock.set_random(0.0)
    credentials = make(domain=wire.domain, http_client=wire.http_client)
    auth = credentials.httpx_auth(wire.api_url)
    old = world.get(credentials)
    clock.advance(60)
    fake.revoke()
    assert wire.send(world, auth).status_code == 200
    new = credentials.get_token()
    clock.advance(3600)
    for knob in (lambda: fake.answer_json({"error": "invalid_request"}, 400), fake.reset):
        knob()
        with pytest.raises((TokenRequestRefused, httpx.TransportError)):
            wire.send(world, auth)
        clock.advance(61)
    said = "\n".join([*(f"{record.getMessage()} {vars(record)}" for record in caplog.records), *capfd.readouterr()])
    assert "httpcore" in {record.name.split(".")[0] for record in caplog.records}
    assert not [value for value in (old.access_token, new.access_token, fake.client_secret) if value in said]


@pytest.mark.fault("lock-of-a-dead-loop")
def test_lock_of_a_dead_loop_harms_nobody(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """A loop that stopped under two waiters and never goes on; then another loop, then trio, then threads."""
    fake.gate()
    dead = asyncio.new_event_loop()
    tasks = [dead.create_task(credentials.aget_token()) for _ in range(2)]
    dead.run_until_complete(asyncio.sleep(0))
    fake.wait_for_token_requests()
    fake.release()

    async def contended() -> list[Any]:
        return await asyncio.gather(*(credentials.aget_token() for _ in range(5)))

    token = asyncio.run(contended())[0]
    assert trio.run(credentials.aget_token) is token
    assert Threads().get(credentials) is token
    assert fake.counts()["token_requests"] == 1
    for task in tasks:
        task.cancel()
    dead.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    dead.close()


@pytest.mark.fault("failure-cached-too-long")
def test_failure_cached_too_long_does_not_hide_a_token_or_a_corrected_secret(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """A failed renewal: the token in hand for everybody. A wrong secret, corrected: a token a few seconds later."""
    secrets = [fake.client_secret]
    credentials = make(client_secret=lambda: secrets[-1])
    old = world.get(credentials)
    fake.rotate_secret("another" * 5)
    clock.advance(3000)
    assert world.get(credentials) is old
    settled(credentials)
    assert world.get(credentials) is old
    clock.advance(600)
    with pytest.raises(InvalidClient):
        world.get(credentials)
    secrets.append("another" * 5)
    clock.advance(10)
    assert world.get(credentials) is not old


@pytest.mark.fault("margin-of-the-wrong-sign")
@pytest.mark.parametrize("life", [60, 300, 3600, 86_400])
def test_margin_of_the_wrong_sign_would_be_seen(make: Make, fake: FakeCognito, clock: ManualClock, life: int) -> None:
    """Served up to the last instant before the margin of 10 s, or a twentieth of the life; not at it."""
    fake.set_expires_in(life)
    clock.set_random(0.0)
    credentials = make()
    token = credentials.get_token()
    fake.refuse()
    margin = min(10.0, 0.05 * life)
    clock.advance(life - margin - 0.001)
    assert credentials.get_token() is token
    settled(credentials)
    clock.advance(0.001)
    with pytest.raises(TokenUnavailable):
        credentials.get_token()


@pytest.mark.fault("fast-clock")
@pytest.mark.parametrize("offset", [-1e6, -7200, -600, 600, 7200, 1e6])
def test_fast_clock_changes_no_life(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, offset: float
) -> None:
    """Ours is fast, or slow, against the server's: the token is sent all the same, and lives an hour."""
    fake.set_clock_offset(offset)
    token = world.get(credentials)
    assert token.remaining() == 3600
    assert world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files").status_code == 200
    clock.advance(3000)
    assert token.remaining() == 600
    assert world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files").status_code == 200
    assert fake.counts()["api_dead"] == 0


@pytest.mark.fault("life-extended")
def test_life_extended_never(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """An outage of two hours: every call succeeds up to the end of the life, and none carries the token after it."""
    clock.set_random(0.0)
    auth = credentials.httpx_auth(fake.api_url)
    send = Send(auth, f"{fake.api_url}/files")
    world.do(send)
    fake.refuse()
    for minute in range(1, 120):
        clock.advance(60)
        if minute < 60:
            assert world.do(send).status_code == 200
            settled(credentials)
        else:
            with pytest.raises(TokenUnavailable):
                world.do(send)
    counts = fake.counts()
    assert (counts["api_requests"], counts["api_dead"]) == (60, 0)


@pytest.mark.fault("throttled-under-quota")
def test_throttled_under_quota_is_waited_out(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """EXPIRED: waited out. STALE: nobody notices."""
    clock.set_random(0.0)
    body = b'{"__type":"TooManyRequestsException"}'
    fake.fail(429, times=4, body=body)
    token = world.get(credentials)
    assert fake.counts()["token_requests"] == 5
    clock.advance(3000)
    fake.fail(429, body=body)
    assert world.get(credentials) is token
    settled(credentials)
    fake.recover()
    clock.advance(60)
    world.get(credentials)
    settled(credentials)
    assert world.get(credentials) is not token


@pytest.mark.fault("newline-in-secret")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_newline_in_secret_is_stripped_with_a_warning(
    make: Make, fake: FakeCognito, events: list[Event], world: World, end: str
) -> None:
    """One line break at the end, as an editor leaves it."""
    world.get(make(client_secret=lambda: fake.client_secret + end))
    assert "secret_newline_stripped" in names(events)
    assert [request.status for request in fake.token_requests] == [200]


@pytest.mark.fault("newline-in-secret")
@pytest.mark.parametrize("around", ["{}\n\n", " {}", "{} ", "\n{}", "{}\t", "\ufeff{}"], ids=ascii)
def test_newline_in_secret_is_the_only_white_space_that_is_stripped(
    make: Make, fake: FakeCognito, world: World, around: str
) -> None:
    """Anything else is a mistake that somebody should see; nothing is sent."""
    with pytest.raises(ConfigurationError, match="client_secret") as caught:
        world.get(make(client_secret=lambda: around.format(fake.client_secret)))
    assert fake.client_secret not in str(caught.value)
    assert fake.counts()["token_requests"] == 0


@pytest.mark.fault("sockets-after-fork")
def test_sockets_after_fork_are_nobodys(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Five forks in mid-flight: parent and child each get the answer to their own request, on their own connection."""
    tokens: list[str] = []

    def fork() -> None:
        tokens.append(in_child(lambda: credentials.get_token().access_token))

    for number in range(1, 6):
        fake.gate()
        callers = Threads().ask(credentials)
        fake.wait_for_token_requests(2 * number - 1)
        forking = threading.Thread(target=fork)
        forking.start()
        fake.wait_for_token_requests(2 * number)
        fake.release()
        forking.join(10)
        tokens += [token.access_token for token in callers.values()]
        clock.advance(3600)
    assert len(set(tokens)) == len(tokens) == 10
    counts = fake.counts()
    assert counts["token_connections"] == counts["tokens_issued"] == 10
