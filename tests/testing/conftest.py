"""A running FakeCognito, a client that knows nothing of s2sauth, and the bytes of a request for raw sockets."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from s2sauth.testing import FakeCognito


@pytest.fixture
def fake() -> Iterator[FakeCognito]:
    with FakeCognito() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    # It speaks plain http only; not to load the system's certificates makes it 50 times as fast.
    with httpx.Client(timeout=5, trust_env=False, verify=False) as http:
        yield http


@pytest.fixture
def ask(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Sends a proper token request; the form's members as arguments."""

    def ask(fake: FakeCognito, **form: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", **form}
        return client.post(fake.token_url, data=form, auth=(fake.client_id, fake.client_secret))

    return ask


@pytest.fixture
def call(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Calls the API with a token."""

    def call(
        fake: FakeCognito, token: str, path: str = "/files", method: str = "GET", **more: object
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return client.request(method, fake.api_url + path, headers=headers, **more)

    return call


@pytest.fixture
def connect() -> Iterator[Callable[[str], socket.socket]]:
    """Opens raw connections to a URL; ends them after the test."""
    with contextlib.ExitStack() as stack:

        def connect(url: str) -> socket.socket:
            parts = urlsplit(url)
            return stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=5))

        yield connect


@pytest.fixture
def send(connect: Callable[[str], socket.socket]) -> Callable[[str], socket.socket]:
    """Sends a token request that gets no token (no grant_type), on a raw connection."""

    def send(url: str) -> socket.socket:
        sock = connect(url)
        sock.sendall(b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        return sock

    return send


@pytest.fixture
def drain() -> Callable[[socket.socket], bytes]:
    """Reads to the end of a connection."""

    def drain(sock: socket.socket) -> bytes:
        with sock.makefile("rb") as stream:
            return stream.read()

    return drain
