"""The proxy variables of the environment: those that cannot be used, those that lead nowhere, and loopback."""

import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.proxy import ConnectProxy
from tests.support.settled import eventually
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


UNREADABLE = {
    "a desktop's socks": ("ALL_PROXY", "socks://127.0.0.1:7891/", "Unknown scheme"),
    "socks without its package": ("ALL_PROXY", "socks5://127.0.0.1:7891", r"httpx\[socks\]"),
    "socks, lower case": ("all_proxy", "socks5h://127.0.0.1:7891", r"httpx\[socks\]"),
    "# in a password": ("HTTPS_PROXY", "http://somebody:pa#hunter22@proxy.example.com:3128", "Invalid port"),
    "# in a password, of http": ("http_proxy", "http://somebody:pa#hunter22@proxy.example.com:3128", "Invalid port"),
    "word of the error": (
        "HTTPS_PROXY",
        "http://somebody:codec\udcff@127.0.0.1:3128",
        "EncodeError;",
    ),
    "placeholder": ("HTTPS_PROXY", "http://proxy.example.com:${PORT}", "Invalid port"),
    "no port's number": ("HTTPS_PROXY", "proxy.example.com:hunter22", "Invalid port"),
    "ftp": ("ALL_PROXY", "ftp://hunter22@proxy.example.com", "Unknown scheme"),
    "line break": ("HTTPS_PROXY", "http://proxy.example.com:3128\n", "non-printable"),
    "network": ("NO_PROXY", "localhost,127.0.0.1,fd07:b51a:cc66:f0::/64", "Invalid port"),
    "brackets": ("no_proxy", "localhost,127.0.0.1,[::1]", "an entry"),
}


@pytest.mark.fault(168)
@pytest.mark.parametrize(("variable", "value", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_variable_that_httpx_cannot_use_is_named_without_its_value(
    make: Make, fake: FakeCognito, world: World, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    """A ConfigurationError with httpx's own advice; nothing is sent, not even to an endpoint that needs no proxy."""
    monkeypatch.setenv(variable, value)
    credentials = make(http_client=None)
    with pytest.raises(ConfigurationError, match=rf"(?s)^{variable}: httpx .*{says}") as caught:
        world.get(credentials)
    for piece in ("pa#", "hunter22", "PORT", "fd07", "7891", "somebody"):
        assert piece not in str(caught.value)
    with pytest.raises(ConfigurationError):
        credentials.warm()
    assert fake.counts()["token_connections"] == 0


@pytest.mark.fault(168)
def test_first_unusable_variable_is_the_one_that_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others that can be used are not blamed."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    monkeypatch.setenv("NO_PROXY", "localhost")
    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY: "):
        make(http_client=None).get_token()


def test_client_that_cannot_be_made_for_another_reason_says_which(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy variable is set, so none is blamed."""

    def refuse(*_: object, **__: object) -> httpx.Client:
        raise LookupError("no such thing")

    monkeypatch.setattr(httpx, "Client", refuse)
    with pytest.raises(ConfigurationError, match="the HTTP client cannot be made, LookupError"):
        make(http_client=None).get_token()


@pytest.mark.fault(168)
def test_variable_that_breaks_while_a_token_is_cached_costs_one_flight_a_pause(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """STALE: the old token, one event, and no flight for each call."""
    credentials = make(http_client=None)
    old = credentials.get_token()
    monkeypatch.setenv("NO_PROXY", "[::1]")
    clock.advance(3000)
    for _ in range(20):
        assert credentials.get_token() is old
        eventually(lambda: credentials.state().next_renewal_in is not None)
    assert names(events).count("renewal_failed") == names(events).count("renewal_started") - 1 == 1
    assert credentials.state().last_error == "ConfigurationError"


@pytest.mark.fault(169)
@pytest.mark.parametrize(
    ("variable", "proxy"),
    [
        ("HTTPS_PROXY", "http://user:hunter22@127.0.0.1:9"),
        ("https_proxy", "127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ],
)
def test_proxy_that_is_not_there_is_named_with_its_variable(
    make: Make, clock: ManualClock, world: World, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
) -> None:
    """Host and port, no password; and nothing of the domain, which nobody has asked."""
    clock.set_random(0.0)
    monkeypatch.setenv(variable, proxy)
    credentials = make(domain="auth.example.com", http_client=None)
    with pytest.raises(TokenUnavailable, match=rf"through the proxy 127\.0\.0\.1:9 \({variable}\) failed") as caught:
        world.get(credentials)
    for piece in ("hunter22", "domain", "VPC", "resolves"):
        assert piece not in str(caught.value)


@pytest.mark.fault(169)
@pytest.mark.parametrize(
    ("proxy", "place"),
    [
        ("http://user:hunter22@proxy.invalid", "proxy.invalid:80"),
        ("https://user:hunter22@bücher.invalid", "xn--bcher-kva.invalid:443"),
    ],
)
def test_proxy_that_nothing_can_reach_is_named_with_its_variable(
    make: Make, monkeypatch: pytest.MonkeyPatch, proxy: str, place: str
) -> None:
    """It is not called that of http_client, which is not set."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("HTTPS_PROXY", proxy)
    credentials = make(domain="auth.example.com", http_client=None, policy=RenewalPolicy(attempts=1))
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(TokenUnavailable) as caught:
            credentials.get_token()
    assert f"through the proxy {place} (HTTPS_PROXY) failed" in str(caught.value)
    assert "hunter22" not in str(caught.value)


@pytest.mark.fault(169)
def test_proxy_that_hangs_is_named_when_the_time_is_over(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's time ends first; a tenth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        credentials = make(domain="auth.example.com", http_client=None, clock=None)
        with pytest.raises(TokenUnavailable, match=rf"proxy 127\.0\.0\.1:{port} \(HTTPS_PROXY\), which is slow"):
            credentials.get_token(timeout=0.3)


def test_proxy_url_that_is_no_url_is_not_the_one_in_use(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of http_client with a proxy of its own, beside a variable that it does not read."""
    monkeypatch.setenv("HTTP_PROXY", "http://[::1")
    credentials = make(
        domain="auth.example.com",
        http_client=lambda: httpx.Client(proxy="http://127.0.0.1:9", trust_env=False),
        policy=RenewalPolicy(attempts=1),
    )
    with pytest.raises(TokenUnavailable, match=r"proxy 127\.0\.0\.1:9 \(of http_client\)"):
        credentials.get_token()


def test_proxy_at_an_ipv6_address_is_named_in_brackets(make: Make) -> None:
    """As in a URL."""
    credentials = make(
        domain="auth.example.com",
        http_client=lambda: httpx.Client(proxy="http://[::1]:9", trust_env=False),
        policy=RenewalPolicy(attempts=1),
    )
    with pytest.raises(TokenUnavailable, match=r"proxy \[::1\]:9 \(of http_client\)"):
        credentials.get_token()


class Listener:
    """A port that accepts connections, notes what comes first, and closes them."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self.seen: list[bytes] = []
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.seen.append(connection.recv(65_536))

    def close(self) -> None:
        """Stop accepting."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._server.close()


@pytest.fixture
def listen() -> Iterator[Callable[[str], Listener]]:
    """Makes listeners, and closes them in the end."""
    made: list[Listener] = []

    def make(host: str) -> Listener:
        made.append(Listener(host))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.fault(170)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"])
def test_token_request_to_loopback_never_goes_through_a_proxy(
    make: Make,
    clock: ManualClock,
    listen: Callable[[str], Listener],
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    scheme: str,
) -> None:
    """Whatever the variables say: plain http to loopback is allowed because it stays on this machine."""
    clock.set_random(0.0)
    proxy, endpoint = listen("127.0.0.1"), listen({"localhost": "127.0.0.1", "[::1]": "::1"}.get(host, host))
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    token_url = f"{scheme}://{host}:{endpoint.port}/oauth2/token"
    credentials = make(token_url=token_url, http_client=None, policy=RenewalPolicy(attempts=1))
    with pytest.raises(TokenUnavailable):  # it is closed without an answer
        credentials.get_token()
    assert proxy.seen == []
    assert len(endpoint.seen) == 1


@pytest.mark.fault(170)
def test_users_client_cannot_send_the_secret_to_a_proxy_in_plain_http(
    make: Make, fake: FakeCognito, listen: Callable[[str], Listener], monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    """A ConfigurationError before a byte leaves; the text says what to set."""
    proxy = listen("127.0.0.1")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    credentials = make(http_client=httpx.Client)
    with pytest.raises(ConfigurationError, match=r"http_client: .*NO_PROXY=localhost"):
        world.get(credentials)
    assert not any(proxy.seen)
    assert fake.counts()["token_connections"] == 0


def test_users_client_may_tunnel_through_a_proxy(make: Make, clock: ManualClock) -> None:
    """Over https the proxy sees a host and a port."""
    with ConnectProxy(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as proxy:
        credentials = make(
            domain="https://localhost:9",
            http_client=lambda: httpx.Client(proxy=proxy.url),
            policy=RenewalPolicy(attempts=1),
        )
        with pytest.raises(TokenUnavailable, match="refused the connection"):
            credentials.get_token()
        assert [head.split()[1] for head in proxy.seen] == ["localhost:9"]


@pytest.mark.parametrize("echo", ["\x1b]0;pwn\x07", "user:hunter22", "dXNlcjpodW50ZXIyMg==", "A" * 300])
def test_words_of_a_proxy_are_not_passed_on(make: Make, clock: ManualClock, echo: str) -> None:
    """Its status is, in the words of the standard: a proxy may repeat what it was sent."""
    clock.set_random(0.0)
    with ConnectProxy(f"HTTP/1.1 407 {echo}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")) as proxy:
        url = proxy.url.replace("//", "//user:hunter22@")
        credentials = make(domain="https://localhost:9", http_client=lambda: httpx.Client(proxy=url))
        with pytest.raises(TokenUnavailable, match=r"ProxyError: 407 Proxy Authentication Required\. ") as caught:
            credentials.get_token()
    assert echo not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://:3128",
        "http://127.0.0.1:99999",
        "http://a..b:1",
        "http://user:12#hunter22@127.0.0.1:9",
        "http://user:12/hunter22@a:9",
    ],
)
def test_proxy_that_cannot_be_one_is_a_configuration_error_where_it_would_be_used(
    make: Make, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Before a name is looked up: what is left of a password that is cut short is no host."""

    def looked_up(*_: object, **__: object) -> None:
        pytest.fail("a name was looked up")

    monkeypatch.setenv("HTTPS_PROXY", value)
    credentials = make(domain="auth.example.com", http_client=None)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", looked_up)
        with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY: ") as caught:
            credentials.get_token()
    assert "hunter22" not in str(caught.value)


def test_proxy_of_http_client_that_cannot_be_one_is_said_to_be_its(make: Make) -> None:
    """No variable is blamed."""
    credentials = make(domain="auth.example.com", http_client=lambda: httpx.Client(proxy="http://a..b:1"))
    with pytest.raises(ConfigurationError, match="http_client: its proxy has no valid host and port"):
        credentials.get_token()
