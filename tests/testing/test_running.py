"""Starting, serving many at once, TLS, and ending without a trace."""

import gc
import socket
import ssl
import struct
import subprocess
import sys
import threading

import httpx
import pytest
import trustme

from s2sauth.testing import FakeCognito

GET = b"GET /files HTTP/1.1\r\nHost: x\r\n\r\n"


def fakes_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "FakeCognito"]


def test_urls_and_environment_name_two_origins(fake):
    """What a service that uses Cognito and the API needs to know."""
    assert fake.token_url == fake.domain + "/oauth2/token"
    assert fake.domain.startswith("http://127.0.0.1:")
    assert fake.api_url.startswith("http://127.0.0.1:")
    assert fake.api_url != fake.domain
    assert fake.environ == {
        "COGNITO_DOMAIN": fake.domain,
        "APP_CLIENT_ID": fake.client_id,
        "APP_CLIENT_SECRET": fake.client_secret,
        "COGNITO_SCOPES": "demo/read.file demo/write.file",
        "FILES_SERVICE_URL": fake.api_url,
    }


def test_start_and_close_may_be_called_again_and_again():
    """But what was closed does not start."""
    fake = FakeCognito()
    with pytest.raises(RuntimeError, match="start"):
        _ = fake.domain
    assert fake.start() is fake
    domain = fake.domain
    assert fake.start().domain == domain
    fake.close()
    fake.close()
    with pytest.raises(RuntimeError, match="closed"):
        fake.start()
    never_started = FakeCognito()
    never_started.close()


def test_close_ends_every_connection_at_once_and_leaves_nothing(connect, send):
    """Idle ones, held ones, hanging ones, those in mid-request and those whose client is gone."""
    with FakeCognito() as fake:
        idle, half = connect(fake.api_url), connect(fake.api_url)
        half.sendall(GET[:10])
        fake.hang()
        hanging = send(fake.domain)
        fake.wait_for_token_requests(1)
        hanging.sendall(GET)
        fake.gate()
        held, gone = send(fake.domain), send(fake.domain)
        fake.wait_for_token_requests(3)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
    for sock in (idle, half, hanging, held):
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            pass  # it ended while a part of the request lay unread
    assert fakes_threads() == []
    with pytest.raises(ConnectionRefusedError):
        connect(fake.api_url)
    gc.collect()  # a socket left open would be a ResourceWarning, which fails the test


def test_close_ends_an_endless_answer(client):
    """The thread that writes it too."""
    with FakeCognito() as fake, client.stream("POST", fake.token_url) as _:
        fake.endless()
        with client.stream("POST", fake.token_url) as response:
            fake.close()
            with pytest.raises(httpx.TransportError):
                response.read()
    assert fakes_threads() == []


def test_five_hundred_connections_are_served_at_once(fake, connect):
    """All open before the first is asked."""
    sockets = [connect(fake.api_url) for _ in range(500)]
    for sock in sockets:
        sock.sendall(GET)
    for sock in sockets:
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 ")
    assert fake.counts()["api_connections"] == 500


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET /files HTTP/1.0\r\n\r\n", id="http-1.0"),
        pytest.param(b"GET /files HTTP/1.1\r\nConnection: Close\r\n\r\n", id="close"),
    ],
)
def test_a_connection_ends_when_the_client_wants_it_to(fake, connect, drain, request_bytes):
    """After the answer."""
    sock = connect(fake.api_url)
    sock.sendall(request_bytes)
    assert drain(sock).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"\r\n", id="empty"),
        pytest.param(b"GET /files\r\n\r\n", id="no-version"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="no-header"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", id="no-length"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", id="too-short"),
        pytest.param(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", id="no-chunk"),
    ],
)
def test_what_is_no_whole_request_ends_the_connection_unrecorded(fake, connect, drain, request_bytes):
    """A client that breaks off has asked for nothing."""
    sock = connect(fake.api_url)
    sock.sendall(request_bytes)
    sock.shutdown(socket.SHUT_WR)
    assert drain(sock) == b""
    assert fake.api_requests == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_with_a_certificate_both_origins_speak_tls(authority, server_context):
    """Clients that do not trust it are turned away, and those that speak no TLS at all."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FakeCognito(ssl_context=server_context) as fake:
        assert fake.domain.startswith("https://localhost:")
        with httpx.Client(verify=trusting, trust_env=False) as client:
            form = {"grant_type": "client_credentials"}
            answer = client.post(fake.token_url, data=form, auth=(fake.client_id, fake.client_secret)).json()
            headers = {"Authorization": f"Bearer {answer['access_token']}"}
            assert client.get(fake.api_url + "/files", headers=headers).status_code == 200
            with pytest.raises(httpx.ConnectError):
                httpx.get(fake.api_url, verify=ssl.create_default_context(), trust_env=False)
            with pytest.raises(httpx.TransportError):
                httpx.get(fake.api_url.replace("https", "http"), trust_env=False)
            fake.refuse()
            fake.recover()
            assert client.post(fake.token_url).status_code == 405
    assert len(fake.api_requests) == 1


def test_close_ends_a_handshake_that_never_comes(server_context, connect):
    """A connection without a first byte is no reason to wait."""
    with FakeCognito(ssl_context=server_context) as fake:
        connect(fake.domain)
    assert fakes_threads() == []


def test_a_client_that_leaves_before_the_handshake_harms_nobody(connect, drain):
    """The next one is accepted."""

    class Leaving:
        def wrap_socket(self, sock: socket.socket, **_: object) -> socket.socket:
            if fake.counts()["api_connections"] == 1:
                sock.close()
                raise ConnectionResetError
            return sock

    with FakeCognito(ssl_context=Leaving()) as fake:
        assert drain(connect(fake.api_url)) == b""
        second = connect(fake.api_url)
        second.sendall(GET)
        assert second.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_importing_the_package_imports_no_testing_and_testing_no_http_library():
    """A service does not pay for its tests, nor a test for a client that it does not use."""
    code = (
        "import sys, s2sauth; assert 's2sauth.testing' not in sys.modules; "
        "import s2sauth.testing; assert not {'httpx', 'pydantic', 'cachetools'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
