"""The token request's way: TLS, private CAs, client certificates, proxies, redirects; and what it leaves out."""

import _thread
import gc
import os
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import httpx
import pytest

from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    RenewalPolicy,
    TokenRequestRefused,
    TokenUnavailable,
    _gate,
    _tls,
)
from s2sauth._process import next_generation
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.forking import in_child
from tests.support.proxy import ConnectProxy
from tests.support.settled import eventually
from tests.support.tls import authority, client_context, server_context
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def secure(clock: ManualClock) -> Iterator[FakeCognito]:
    """The endpoint with a certificate of a private CA for localhost."""
    with FakeCognito(clock=clock, ssl_context=server_context()) as running:
        yield running


@pytest.fixture
def build(make: Make, secure: FakeCognito) -> Make:
    """Credentials for the secure endpoint, with the default HTTP client."""

    def credentials(**arguments: object) -> CognitoClientCredentials:
        usual: dict[str, object] = {
            "domain": secure.domain,
            "client_id": secure.client_id,
            "client_secret": secure.client_secret,
            "http_client": None,
        }
        return make(**{**usual, **arguments})

    return credentials


def trusting() -> httpx.Client:
    """What the README shows for a corporate CA."""
    return httpx.Client(verify=client_context())


def test_private_ca_by_http_client(build: Make, secure: FakeCognito, world: World) -> None:
    """`http_client=lambda: httpx.Client(verify=ssl_context)`."""
    world.get(build(http_client=trusting))
    assert secure.counts()["token_requests"] == 1


def test_private_ca_by_environment(build: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE, as httpx honours it."""
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    build().get_token()


@pytest.fixture
def nobody_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No object of another test, not collected yet, has certificates to share."""
    monkeypatch.setattr(_tls, "_contexts", WeakValueDictionary())
    monkeypatch.setattr(_tls, "FORKS_IN_C", frozenset())  # the test run itself has ctypes


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, nobody_has_read: None) -> list[weakref.ref[ssl.SSLContext]]:
    """The contexts that were made by httpx, for as long as somebody has them."""
    found, create = list[weakref.ref[ssl.SSLContext]](), httpx.create_ssl_context

    def counting() -> ssl.SSLContext:
        context = create()
        found.append(weakref.ref(context))
        return context

    monkeypatch.setattr(httpx, "create_ssl_context", counting)
    return found


def test_ssl_context_is_made_once_and_kept(
    make: Make, fake: FakeCognito, clock: ManualClock, made: list[object]
) -> None:
    """Reading the CA file takes longer than all the rest of a flight."""
    credentials = make(http_client=None)
    for _ in range(3):
        credentials.get_token()
        clock.advance(3600)
    assert fake.counts()["token_requests"] == 3
    assert len(made) == 1


def test_ssl_context_is_shared_by_the_objects_of_a_process_and_goes_with_the_last(
    fake: FakeCognito, made: list[weakref.ref[ssl.SSLContext]]
) -> None:
    """Its certificates are 0.7 MB. Nothing of an object goes by it: no token, secret or connection."""
    several = [CognitoClientCredentials.from_env(environ=fake.environ) for _ in range(3)]
    assert len({credentials.get_token().access_token for credentials in several}) == 3
    assert len(made) == 1
    del several
    eventually(lambda: (gc.collect(), made[0]() is None)[1])
    CognitoClientCredentials.from_env(environ=fake.environ).get_token()
    assert len(made) == 2


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_ssl_context_is_not_shared_once_the_certificates_are_others(
    make: Make, made: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The variable is another one, or its file was written anew."""
    first = make(http_client=None)
    first.get_token()
    path = tmp_path / "ca.pem"
    if variable == "SSL_CERT_DIR":
        path.mkdir()
    else:
        authority().cert_pem.write_to_path(str(path))
    monkeypatch.setenv(variable, str(path))
    second = make(http_client=None)
    second.get_token()
    assert len(made) == 2
    if variable == "SSL_CERT_DIR":
        authority().cert_pem.write_to_path(str(path / "ca.pem"))
    else:
        os.utime(path, (1, 1))
    third = make(http_client=None)
    third.get_token()
    assert len(made) == 3


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_when_the_hook_is_made(make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a thread of its own, beside the making of the caller's client; the first flight waits for it."""
    reading, go, create = threading.Event(), threading.Event(), httpx.create_ssl_context
    readers: list[int] = []

    def gated() -> ssl.SSLContext:
        readers.append(threading.get_ident())
        reading.set()
        go.wait(10)
        return create()

    monkeypatch.setattr(httpx, "create_ssl_context", gated)
    credentials = make(http_client=None)
    credentials.httpx_auth(fake.api_url)
    assert reading.wait(10)
    callers = Threads().ask(credentials)
    assert fake.counts()["token_connections"] == 0
    go.set()
    callers.values()
    assert len(readers) == 1
    assert readers != [threading.get_ident()]


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_by_the_flight_when_no_thread_can_start(
    make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the process's limit of threads."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    make(http_client=None).get_token()
    assert fake.counts()["token_requests"] == 1


@pytest.mark.usefixtures("nobody_has_read")
def test_ca_file_is_read_anew_by_the_child_of_a_fork_that_came_meanwhile(
    make: Make, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that reads it does not live there."""
    started: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda *work: started.append(work) or 0)
        credentials = make(http_client=None)
        credentials.httpx_auth(fake.api_url)
    assert len(started) == 1
    assert in_child(lambda: credentials.get_token().scopes) == ("demo/read.file",)
    next_generation()
    assert credentials.get_token().scopes == ("demo/read.file",)


def test_token_request_is_work_that_a_fork_waits_for(build: Make, secure: FakeCognito) -> None:
    """From its beginning until its connection is closed."""
    secure.gate()
    callers = Threads().ask(build(http_client=trusting))
    secure.wait_for_token_requests()
    assert len(_gate._at_work) == 1
    secure.release()
    callers.values()
    eventually(lambda: not _gate._at_work)


def test_certificate_that_is_not_trusted_is_refused_at_once(build: Make, secure: FakeCognito, world: World) -> None:
    """TokenUnavailable after one attempt: no retry helps, and the message says what to give."""
    with pytest.raises(TokenUnavailable, match=r"certificate was refused.*verify=ssl_context"):
        world.get(build())
    assert secure.counts()["token_connections"] == 1
    assert secure.token_requests == []


def test_wrong_host_name_is_refused_at_once(make: Make, clock: ManualClock, world: World) -> None:
    """A certificate for somebody else."""
    with FakeCognito(clock=clock, ssl_context=server_context("other.example")) as fake:
        credentials = make(domain=fake.domain, http_client=trusting)
        with pytest.raises(TokenUnavailable, match="certificate was refused"):
            world.get(credentials)
        assert fake.counts()["token_connections"] == 1


def test_expired_certificate_is_refused_at_once(make: Make, clock: ManualClock) -> None:
    """Closed is closed."""
    with FakeCognito(clock=clock, ssl_context=server_context(expired=True)) as fake:
        with pytest.raises(TokenUnavailable, match="certificate was refused"):
            make(domain=fake.domain, http_client=trusting).get_token()
        assert fake.counts()["token_connections"] == 1


def test_untrusted_certificate_is_remembered(build: Make, secure: FakeCognito) -> None:
    """No handshake for each call."""
    credentials = build()
    for _ in range(3):
        with pytest.raises(TokenUnavailable):
            credentials.get_token()
    assert secure.counts()["token_connections"] == 1


def test_client_certificate_by_http_client(make: Make, clock: ManualClock) -> None:
    """mTLS: the same factory."""
    with FakeCognito(clock=clock, ssl_context=server_context(wants_client=True)) as fake:
        keys = {"domain": fake.domain, "client_id": fake.client_id, "client_secret": fake.client_secret}
        context = client_context(with_certificate=True)
        make(**keys, http_client=lambda: httpx.Client(verify=context)).get_token()


def port_of(fake: FakeCognito) -> int:
    """Where it listens."""
    return int(fake.domain.rpartition(":")[2])


def test_connect_proxy_by_environment(
    make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HTTPS_PROXY, as httpx honours it; the proxy sees a host and a port."""
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        FakeCognito(clock=clock, ssl_context=server_context("auth.example.com")) as fake,
        ConnectProxy(leads_to=port_of(fake)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        keys = {"client_id": fake.client_id, "client_secret": fake.client_secret}
        make(domain="auth.example.com", http_client=None, **keys).get_token()
        (head,) = proxy.seen
    assert head.startswith("CONNECT auth.example.com:443 ")
    assert "Authorization" not in head
    assert fake.client_secret not in head


def test_connect_proxy_by_http_client(build: Make, secure: FakeCognito, world: World) -> None:
    """`httpx.Client(proxy=...)`."""
    with ConnectProxy() as proxy:
        world.get(build(http_client=lambda: httpx.Client(proxy=proxy.url, verify=client_context())))
        assert len(proxy.seen) == 1


@pytest.mark.fault(169)
@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_proxy_that_refuses_is_named_without_its_password(build: Make, clock: ManualClock, status: str) -> None:
    """TokenUnavailable that says proxy; userinfo of the proxy's URL is in no text."""
    clock.set_random(0.0)
    with ConnectProxy(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        url = proxy.url.replace("//", "//user:hunter2@")
        credentials = build(http_client=lambda: httpx.Client(proxy=url, verify=client_context()))
        with pytest.raises(
            TokenUnavailable, match=r"through the proxy 127.0.0.1:\d+ \(of http_client\).*ProxyError: "
        ) as caught:
            credentials.get_token()
    assert "hunter2" not in str(caught.value)


def test_netrc_is_never_read(make: Make, fake: FakeCognito, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's netrc may hold another password for the same host."""
    file = tmp_path / "netrc"
    file.write_text("default login somebody password else\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    make(http_client=None).get_token()
    assert fake.token_requests[0].status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_of_the_token_endpoint_is_never_followed(
    make: Make, fake: FakeCognito, status: int, world: World
) -> None:
    """It could hand the secret to another host; not even a client that follows redirects does it."""
    with FakeCognito() as other:
        fake.redirect(other.token_url, status)
        credentials = make(http_client=lambda: httpx.Client(verify=client_context(), follow_redirects=True))
        with pytest.raises(TokenRequestRefused, match=f"HTTP {status}") as caught:
            world.get(credentials)
        assert other.counts()["token_connections"] == 0
    assert caught.value.error is None
    assert caught.value.status == status
    assert fake.counts()["token_requests"] == 1


def test_tls_handshake_that_is_cut_is_tried_again(make: Make, clock: ManualClock) -> None:
    """The port speaks no TLS: like a connection that is reset."""
    clock.set_random(0.0)
    with FakeCognito(clock=clock) as fake:
        port = fake.domain.rpartition(":")[2]
        credentials = make(domain=f"https://localhost:{port}", policy=RenewalPolicy(attempts=2))
        with pytest.raises(TokenUnavailable, match="ConnectError"):
            credentials.get_token()
        assert fake.counts()["token_connections"] == 2


@pytest.mark.parametrize("content", ["", None], ids=["empty", "not there"])
def test_certificates_that_cannot_be_read_are_a_configuration_error(
    fake: FakeCognito, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """It names the variable; nothing is sent."""
    file = tmp_path / "empty.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    credentials = CognitoClientCredentials.from_env(environ=fake.environ)
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE: the CA certificates that it names cannot be read"):
        credentials.get_token()
    assert fake.counts()["token_requests"] == 0
