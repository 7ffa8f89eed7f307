"""Answers that lead astray, that never end, that blow up."""

import gzip
import tracemalloc
from collections.abc import Callable

import httpx
import pytest

from s2sauth import CognitoClientCredentials, TokenRequestRefused, TokenResponseInvalid
from s2sauth.testing import FakeCognito
from tests.support.answers import refused
from tests.support.settled import eventually
from tests.support.wires import Wire, wire
from tests.support.worlds import World

__all__ = ["wire"]

pytestmark = pytest.mark.usefixtures("family")

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(12)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(make: Make, fake: FakeCognito, world: World, wire: Wire, status: int) -> None:
    """Not even a client that follows redirects carries the secret elsewhere."""

    def following() -> httpx.Client:
        client = wire.http_client()
        client.follow_redirects = True
        return client

    with FakeCognito() as other:
        fake.redirect(other.token_url, status)
        with pytest.raises(TokenRequestRefused, match=f"HTTP {status}") as caught:
            world.get(make(domain=wire.domain, http_client=following))
        assert other.counts()["token_connections"] == 0
    assert (caught.value.error, caught.value.status) == (None, status)
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(13)
def test_endless_body_costs_64_kib_and_its_connection(make: Make, fake: FakeCognito, world: World, wire: Wire) -> None:
    """What is longer is no token; nobody listens to the rest."""
    fake.endless()
    refused(make(domain=wire.domain, http_client=wire.http_client), fake, TokenResponseInvalid, world)
    if wire.is_http2:
        assert wire.servers[0].connections == 2
    else:
        assert fake._listeners is not None
        listener = fake._listeners[0]
        eventually(lambda: not listener._open)


@pytest.mark.fault(14)
def test_gzip_bomb(make: Make, fake: FakeCognito, wire: Wire) -> None:
    """60 kB that would be 60 MB: refused, and memory stays flat."""
    bomb = gzip.compress(b" " * 60_000_000)
    assert len(bomb) < 64 * 1024
    fake.answer_json(bomb, headers=[("Content-Encoding", "gzip")])
    credentials = make(domain=wire.domain, http_client=wire.http_client)
    credentials.httpx_auth("https://api.example.com")
    tracemalloc.start()
    with pytest.raises(TokenResponseInvalid):
        credentials.get_token()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024
