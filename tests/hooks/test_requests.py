"""Other headers and auth, transports, proxies, the environment, ourselves."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from s2sauth import ANY_ORIGIN, CognitoClientCredentials, ConfigurationError, Event, OriginNotAllowed
from s2sauth.testing import ApiRequest, FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.proxy import ConnectProxy
from tests.support.tls import authority, client_context, server_context
from tests.support.wires import Calls, Wire
from tests.support.worlds import WORLDS, Send, World

pytestmark = pytest.mark.usefixtures("plain_environment")

Make = Callable[..., CognitoClientCredentials]


def sent(request: ApiRequest) -> list[str]:
    """Every Authorization header of a request, in whatever case."""
    return [value for name, value in request.headers if name.lower() == "authorization"]


# 142


@pytest.mark.fault(142)
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_own_authorization(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, wire: Wire, events: list[Event], name: str
) -> None:
    """Replaced: one header on the wire, ours; an event says it."""
    auth = credentials.httpx_auth(wire.api_url)
    assert wire.send(world, auth, headers={name: "Basic abc"}).status_code == 200
    assert sent(fake.api_requests[0]) == [credentials.get_token().authorization]
    assert "authorization_replaced" in names(events)


@pytest.mark.fault(142)
def test_two_headers_of_its_own(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, wire: Wire
) -> None:
    """Both are gone."""
    auth = credentials.httpx_auth(wire.api_url)
    two = [("Authorization", "Basic abc"), ("authorization", "Bearer old")]
    assert wire.send(world, auth, headers=two).status_code == 200
    assert sent(fake.api_requests[0]) == [credentials.get_token().authorization]


@pytest.mark.fault(142)
def test_auth_of_one_call(credentials: CognitoClientCredentials, fake: FakeCognito, world: World, wire: Wire) -> None:
    """It wins over the client's: another one's token, a password, or nothing."""
    auth = credentials.httpx_auth(wire.api_url)
    other = credentials.with_scopes("demo/write.file")
    own: list[dict[str, Any]] = [
        {"auth": other.httpx_auth(wire.api_url)},
        {"auth": ("user", "word")},
        {"auth": None},
        {"auth": None, "headers": {"Authorization": "Own x"}},
    ]
    for request in own:
        world.do(Send(auth, f"{wire.api_url}/files", client=wire.client, request=request))
    assert [sent(request) for request in fake.api_requests] == [
        [other.get_token().authorization],
        ["Basic dXNlcjp3b3Jk"],
        [],
        ["Own x"],
    ]


@pytest.mark.fault(142)
def test_userinfo(credentials: CognitoClientCredentials, fake: FakeCognito, world: World, wire: Wire) -> None:
    """The client's hook wins over a password in the URL; `auth=None` means that one, as httpx has it."""
    auth = credentials.httpx_auth(wire.api_url)
    url = wire.api_url.replace("//", "//user:word@") + "/files"
    world.do(Send(auth, url, client=wire.client))
    world.do(Send(auth, url, client=wire.client, request={"auth": None}))
    assert [sent(request) for request in fake.api_requests] == [
        [credentials.get_token().authorization],
        ["Basic dXNlcjp3b3Jk"],
    ]


# 143


@pytest.mark.fault(143)
def test_host_header(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, resolved: list[str]
) -> None:
    """It decides nothing, either way."""
    port = fake.api_url.rpartition(":")[2]
    auth = credentials.httpx_auth(f"http://files.example:{port}", allow_http=True)
    with pytest.raises(OriginNotAllowed):
        world.send(auth, f"http://other.example:{port}/files", headers={"Host": f"files.example:{port}"})
    assert resolved == []
    listed = f"http://files.example:{port}/files"
    assert world.send(auth, listed, headers={"Host": "other.example"}).status_code == 200
    assert fake.api_requests[0].header("host") == "other.example"


@pytest.mark.fault(143)
def test_server_name_of_tls(make: Make, clock: ManualClock, world: World, resolved: list[str]) -> None:
    """The extension sni_hostname decides nothing: the URL's host is connected to, and judged."""
    verify = client_context()
    with FakeCognito(clock=clock, ssl_context=server_context("files.example", "localhost")) as fake:
        credentials = make(at=fake, http_client=lambda: httpx.Client(verify=verify, trust_env=False))
        port = fake.api_url.rpartition(":")[2]
        auth = credentials.httpx_auth(f"https://other.example:{port}")
        as_files = {"extensions": {"sni_hostname": "files.example"}, "client": {"verify": verify}}
        assert world.send(auth, f"https://other.example:{port}/files", **as_files).status_code == 200
        assert "other.example" in resolved
        as_other = {"extensions": {"sni_hostname": "other.example"}, "client": {"verify": verify}}
        with pytest.raises(OriginNotAllowed):
            world.send(auth, f"https://files.example:{port}/files", **as_other)
        assert "files.example" not in resolved


@contextmanager
def unix_socket(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """The path of a socket that answers one request with 200, and what it read."""
    path, seen = str(folder / "s"), list[bytes]()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path, seen
        if thread.is_alive():
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(path)
                last.sendall(b"end")
                thread.join(5)


@pytest.mark.fault(143)
def test_unix_socket(credentials: CognitoClientCredentials, world: World, tmp_path: Path) -> None:
    """The URL is judged, although its host is not what is connected to: whoever gave the transport has chosen that."""
    auth = credentials.httpx_auth("https://files.example", "http://localhost")
    transport = httpx.AsyncHTTPTransport if world.awaits else httpx.HTTPTransport
    with unix_socket(tmp_path) as (path, seen):
        with pytest.raises(OriginNotAllowed):
            world.send(auth, "http://other.example/", client={"transport": transport(uds=path, verify=False)})
        assert seen == []
        response = world.send(auth, "http://localhost/", client={"transport": transport(uds=path, verify=False)})
        assert response.status_code == 200
        assert credentials.get_token().authorization.encode() in seen[0]


@pytest.mark.fault(143)
def test_mounted_transport(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """A mount for another origin gets nothing, whatever it would do with it."""
    mounted = httpx.MockTransport(lambda request: httpx.Response(200, text="mounted"))
    client = {"mounts": {"https://other.example": mounted, "https://files.example": mounted}}
    auth = credentials.httpx_auth("https://files.example")
    assert world.send(auth, "https://files.example/", client=client).text == "mounted"
    with pytest.raises(OriginNotAllowed):
        world.send(auth, "https://other.example/", client=client)


@pytest.mark.fault(143)
@pytest.mark.parametrize("awaiting", [world for world in WORLDS if world.awaits], ids=lambda world: world.name)
def test_asgi_application(credentials: CognitoClientCredentials, awaiting: World) -> None:
    """In this process, and judged by the URL all the same."""
    called: list[dict[bytes, bytes]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        called.append(dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = {"transport": httpx.ASGITransport(application)}
    auth = credentials.httpx_auth("http://testserver", allow_http=True)
    assert awaiting.send(auth, "http://testserver/", client=client).status_code == 200
    assert called[0][b"authorization"] == credentials.get_token().authorization.encode()
    with pytest.raises(OriginNotAllowed):
        awaiting.send(auth, "http://elsewhere/", client={"transport": httpx.ASGITransport(application)})
    assert len(called) == 1


# 144


@pytest.fixture
def two_names(fake: FakeCognito) -> Iterator[Any]:
    """The API over HTTP/2 with one certificate for two names, so that a connection to one would do for the other."""
    from tests.support.http2 import Http2Server  # as in tests.support.wires

    with Http2Server(fake._api.handle, server_context("files.example", "other.example")) as server:
        yield server


@pytest.mark.fault(144)
def test_http2_connection_of_another_host(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, two_names: Any, resolved: list[str]
) -> None:
    """Each request is judged by itself, whatever connection is open."""
    port = two_names.url.rpartition(":")[2]
    auth = credentials.httpx_auth(f"https://files.example:{port}")
    urls = (f"https://files.example:{port}/files", f"https://other.example:{port}/files")
    client = {"http2": True, "verify": client_context()}
    fine, refused = world.do(Calls(auth, "", client=client, urls=urls))
    assert (fine.http_version, fine.status_code) == ("HTTP/2", 200)
    assert isinstance(refused, OriginNotAllowed)
    assert two_names.connections == 1
    assert [request.header("host") for request in fake.api_requests] == [f"files.example:{port}"]


@pytest.mark.fault(144)
def test_http2_connections_of_two_listed_hosts(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, two_names: Any, resolved: list[str]
) -> None:
    """httpx opens one for each."""
    port = two_names.url.rpartition(":")[2]
    urls = (f"https://files.example:{port}/files", f"https://other.example:{port}/files")
    client = {"http2": True, "verify": client_context(), "limits": httpx.Limits(max_connections=2)}
    auth = credentials.httpx_auth(*urls)
    assert [response.status_code for response in world.do(Calls(auth, "", client=client, urls=urls))] == [200, 200]
    assert two_names.connections == 2


@pytest.mark.fault(144)
@pytest.mark.parametrize("tls", [False, True], ids=["plain proxy", "proxy with TLS"])
@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_connect_proxy(
    make: Make, clock: ManualClock, fake: FakeCognito, world: World, *, tls: bool, http2: bool
) -> None:
    """It sees a host and a port, and never the token."""
    verify = client_context()
    with ExitStack() as running:
        proxy = running.enter_context(ConnectProxy(context=server_context() if tls else None))
        if http2:
            from tests.support.http2 import Http2Server  # as in tests.support.wires

            credentials, url = make(), running.enter_context(Http2Server(fake._api.handle)).url
        else:
            secure = running.enter_context(FakeCognito(clock=clock, ssl_context=server_context()))
            credentials = make(at=secure, http_client=lambda: httpx.Client(verify=verify, trust_env=False))
            url = secure.api_url
        given = httpx.Proxy(proxy.url, ssl_context=verify if tls else None)
        client = {"proxy": given, "verify": verify, "http2": http2}
        response = world.send(credentials.httpx_auth(url), f"{url}/files", client=client)
        assert (response.status_code, response.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
        (head,) = proxy.seen
    assert head.startswith(f"CONNECT {url.removeprefix('https://')} ")
    assert "authorization" not in head.lower()
    assert credentials.get_token().access_token not in head


# 145


@pytest.fixture
def secure(clock: ManualClock) -> Iterator[FakeCognito]:
    """The endpoint with a certificate of a private CA."""
    with FakeCognito(clock=clock, ssl_context=server_context()) as running:
        yield running


@pytest.mark.fault(145)
def test_environment(
    make: Make, clock: ManualClock, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxy, CA and key log, as httpx honours them; NO_PROXY too."""
    file, log = tmp_path / "ca.pem", tmp_path / "keys"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *where, **how: resolve("127.0.0.1", *where, **how))
    with FakeCognito(clock=clock, ssl_context=server_context("auth.example.com")) as fake:
        port = int(fake.domain.rpartition(":")[2])
        there: dict[str, Any] = {"at": fake, "domain": f"https://auth.example.com:{port}"}
        with ConnectProxy(leads_to=port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            world.get(make(**there, http_client=None))
            assert len(proxy.seen) == 1
            monkeypatch.setenv("NO_PROXY", "auth.example.com")
            world.get(make(**there, http_client=None))
            assert len(proxy.seen) == 1
        assert fake.counts()["token_requests"] == 2
    assert "CLIENT_TRAFFIC_SECRET" in log.read_text()


@pytest.mark.fault(145)
def test_client_that_does_not_trust_the_environment(
    make: Make, secure: FakeCognito, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`trust_env=False` in the factory: no proxy of the environment."""
    verify = client_context()
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        world.get(make(at=secure, http_client=lambda: httpx.Client(verify=verify, trust_env=False)))
        assert proxy.seen == []


# 146


@pytest.mark.fault(146)
def test_hook_on_the_client_of_the_token_request(make: Make, fake: FakeCognito, world: World) -> None:
    """Asking for a token in order to ask for a token: a ConfigurationError that names the argument, at once."""
    made: list[CognitoClientCredentials] = []

    def factory() -> httpx.Client:
        return httpx.Client(auth=made[0].httpx_auth(ANY_ORIGIN), verify=False, trust_env=False)

    made.append(make(http_client=factory))
    with pytest.raises(ConfigurationError, match=r"http_client: .*auth"):
        world.get(made[0])
    assert fake.counts()["token_connections"] == 0


@pytest.mark.fault(146)
def test_client_of_the_token_endpoints_host(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """A hook for the host that issues the tokens: one token request, without a bearer token, then the caller's."""
    response = world.do(Send(credentials.httpx_auth(fake.domain), f"{fake.domain}/oauth2/userInfo"))
    assert response.status_code == 404
    token_request, request = fake.token_requests
    assert (token_request.header("authorization") or "").startswith("Basic ")
    assert request.header("authorization") == credentials.get_token().authorization
