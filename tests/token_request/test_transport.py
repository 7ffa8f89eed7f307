"""The token request's way: TLS, private CAs, client certificates, proxies, redirects; and what it leaves out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    RenewalPolicy,
    TokenRequestRefused,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.proxy import ConnectProxy
from tests.support.tls import authority, client_context, server_context
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


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
        context = client_context(with_certificate=True)
        make(at=fake, http_client=lambda: httpx.Client(verify=context)).get_token()


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
        make(at=fake, domain="auth.example.com", http_client=None).get_token()
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
