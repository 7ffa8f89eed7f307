"""Where the token may go, on sockets that would all take it.

Every name under .example leads to this machine, and one API answers for all of them, with a certificate for each: what
is refused here would have arrived.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, OriginNotAllowed
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.tls import client_context, server_context
from tests.support.worlds import Send, World

Make = Callable[..., CognitoClientCredentials]

NAMES = ("localhost", "127.0.0.1", "files.example", "other.example", "a.files.example", "xn--bcher-kva.example")
VERIFY = {"verify": client_context()}


@pytest.fixture
def fake(clock: ManualClock) -> Iterator[FakeCognito]:
    """Token endpoint and API over TLS, for every name."""
    with FakeCognito(clock=clock, ssl_context=server_context(*NAMES)) as running:
        yield running


@dataclass
class Listed:
    """The hook for one listed origin, and what is needed to fill in a URL."""

    fake: FakeCognito
    auth: httpx.Auth
    port: str
    other_port: str
    resolved: list[str]

    def url(self, form: str) -> str:
        return form.format(port=self.port, other_port=self.other_port)

    def send(self, world: World, form: str, **arguments: Any) -> httpx.Response:
        client = {**VERIFY, **arguments.pop("client", {})}
        return world.send(self.auth, self.url(form), client=client, **arguments)

    def looked_up(self) -> set[str]:
        """The API's host names that were looked up."""
        return set(self.resolved) - {"localhost"}

    def nothing_left(self) -> None:
        """No name was looked up, nobody was connected to, not even a token was asked for."""
        assert self.resolved == []
        counts = self.fake.counts()
        assert (counts["api_connections"], counts["token_connections"]) == (0, 0)


@pytest.fixture
def listed(make: Make, fake: FakeCognito, resolved: list[str]) -> Listed:
    """https://files.example and its port is listed."""
    port, other_port = (url.rpartition(":")[2] for url in (fake.api_url, fake.domain))
    credentials = make(http_client=lambda: httpx.Client(**VERIFY, trust_env=False))
    auth = credentials.httpx_auth(f"https://files.example:{port}")
    return Listed(fake, auth, port, other_port, resolved)


@pytest.mark.fault(138)
def test_listed_origin(listed: Listed, world: World) -> None:
    """So that the refusals below mean something: this one arrives, with its token."""
    assert listed.send(world, "https://files.example:{port}/files").status_code == 200
    assert listed.looked_up() == {"files.example"}


ELSEWHERE = {
    "other host": "https://other.example:{port}/files",
    "sub-domain": "https://a.files.example:{port}/files",
    "longer name": "https://files.example.other.example:{port}/files",
    "other port": "https://files.example:{other_port}/files",
    "default port": "https://files.example/files",
    "trailing dot": "https://files.example.:{port}/files",
    "its address": "https://127.0.0.1:{port}/files",
    "its address, cut short": "https://127.1:{port}/files",
    "its address as a number": "https://2130706433:{port}/files",
    "its address in hex": "https://0x7f000001:{port}/files",
    "IPv6": "https://[::1]:{port}/files",
    "IPv4 in IPv6": "https://[::ffff:127.0.0.1]:{port}/files",
    "its other name": "https://localhost:{port}/files",
}


@pytest.mark.fault(138)
@pytest.mark.parametrize("form", ELSEWHERE.values(), ids=ELSEWHERE)
def test_elsewhere(listed: Listed, world: World, form: str) -> None:
    """Refused before a byte leaves."""
    with pytest.raises(OriginNotAllowed, match="not one of the listed origins"):
        listed.send(world, form)
    listed.nothing_left()


@pytest.mark.fault(139)
def test_http_of_a_listed_host(listed: Listed, world: World) -> None:
    """On the https port, on the http port."""
    for form in ("http://files.example:{port}/files", "http://files.example/files"):
        with pytest.raises(OriginNotAllowed, match="without TLS"):
            listed.send(world, form)
    listed.nothing_left()


@pytest.mark.fault(139)
def test_allow_http_is_for_the_listed_origins(
    make: Make, clock: ManualClock, world: World, resolved: list[str]
) -> None:
    """Not on the list without it; with it the one origin, and no other."""
    with FakeCognito(clock=clock) as plain:
        credentials = make(at=plain)
        port = plain.api_url.rpartition(":")[2]
        with pytest.raises(ConfigurationError, match="allow_http"):
            credentials.httpx_auth(f"http://files.example:{port}")
        auth = credentials.httpx_auth(f"http://files.example:{port}", allow_http=True)
        assert world.send(auth, f"http://files.example:{port}/files").status_code == 200
        with pytest.raises(OriginNotAllowed):
            world.send(auth, f"http://other.example:{port}/files")
        assert len(plain.api_requests) == 1
    assert "other.example" not in resolved


@dataclass
class ByHand(Send):
    """Sends a request, and then the `next_request` of its answer."""

    def now(self) -> Any:
        with httpx.Client(auth=self.auth, trust_env=False, **self.client) as client:
            return client.send(_next(client.get(self.url)))

    async def later(self) -> Any:
        async with httpx.AsyncClient(auth=self.auth, trust_env=False, **self.client) as client:
            return await client.send(_next(await client.get(self.url)))


def _next(response: httpx.Response) -> httpx.Request:
    assert response.next_request is not None
    return response.next_request


TARGETS = {
    "another host": "https://other.example:{port}/files",
    "another host without scheme": "//other.example:{port}/files",
    "http": "http://files.example:{port}/files",
    "userinfo": "https://files.example:{port}@other.example:{port}/files",
}


@pytest.mark.fault(140)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_next_request(listed: Listed, world: World, target: str) -> None:
    """It passes the hook again, which looks at its URL."""
    url = listed.url("https://files.example:{port}/redirect?to=" + target)
    with pytest.raises(OriginNotAllowed):
        world.do(ByHand(listed.auth, url, client=VERIFY))
    assert [request.path.partition("?")[0] for request in listed.fake.api_requests] == ["/redirect"]
    assert listed.looked_up() == {"files.example"}


@pytest.mark.fault(140)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_followed_redirect(listed: Listed, world: World, target: str) -> None:
    """httpx follows below the hook, and takes the header away."""
    url = "https://files.example:{port}/redirect?to=" + target
    try:
        listed.send(world, url, client={"follow_redirects": True})
    except httpx.TransportError:
        assert target.startswith("http:")  # the port speaks TLS
    first, *more = listed.fake.api_requests
    assert first.token_id is not None
    assert [request.header("authorization") for request in more] == [None] * len(more)


@pytest.mark.fault(140)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_over_a_base_url(listed: Listed, world: World, target: str) -> None:
    """An absolute URL ignores the base; one without scheme is a path below it, as httpx reads it."""
    client = {"base_url": listed.url("https://files.example:{port}")}
    if target.startswith("//"):
        assert listed.send(world, target, client=client).status_code == 200
        assert listed.looked_up() == {"files.example"}
    else:
        with pytest.raises(OriginNotAllowed):
            listed.send(world, target, client=client)
        listed.nothing_left()


@pytest.mark.fault(140)
def test_without_scheme(listed: Listed, world: World) -> None:
    """It has no origin."""
    with pytest.raises(OriginNotAllowed):
        listed.send(world, "//files.example:{port}/files")
    listed.nothing_left()


SAME = {
    "userinfo": "https://user:word@files.example:{port}/files",
    "upper case": "HTTPS://FILES.EXAMPLE:{port}/files",
    "wide dot": "https://files\u3002example:{port}/files",
    "backslash in the userinfo": "https://other.example:{port}\\@files.example:{port}/files",
    "fragment": "https://files.example:{port}/files#@other.example",
    "query": "https://files.example:{port}/files?@other.example/",
}


@pytest.mark.fault(141)
@pytest.mark.parametrize("form", SAME.values(), ids=SAME)
def test_listed_origin_in_another_form(listed: Listed, world: World, form: str) -> None:
    """What counts is where the socket connects: to the listed host, and with our token alone."""
    assert listed.send(world, form).status_code == 200
    assert listed.looked_up() == {"files.example"}
    (request,) = listed.fake.api_requests
    assert request.header("host") == f"files.example:{listed.port}"
    (sent,) = [value for name, value in request.headers if name.lower() == "authorization"]
    assert sent.startswith("Bearer ")


DISGUISED = {
    "listed host as userinfo": ("https://files.example:{port}@other.example:{port}/files", "OriginNotAllowed"),
    "backslash": ("https://files.example\\@other.example:{port}/files", "OriginNotAllowed"),
    "encoded dot": ("https://files%2Eexample:{port}/files", "OriginNotAllowed"),
    "wide letter": ("https://\uff46iles.example:{port}/files", "InvalidURL"),
    "tab": ("https://fi\tles.example:{port}/files", "InvalidURL"),
    "leading blank": (" https://files.example:{port}/files", "OriginNotAllowed"),
    "one slash": ("https:/files.example:{port}/files", "OriginNotAllowed"),
    "no host": ("https:///files", "OriginNotAllowed"),
}


@pytest.mark.fault(141)
@pytest.mark.parametrize(("form", "error"), DISGUISED.values(), ids=DISGUISED)
def test_other_origin_in_disguise(listed: Listed, world: World, form: str, error: str) -> None:
    """Refused by us, or by httpx before it asks us."""
    with pytest.raises(OriginNotAllowed if error == "OriginNotAllowed" else httpx.InvalidURL):
        listed.send(world, form)
    listed.nothing_left()


@pytest.mark.fault(141)
@pytest.mark.parametrize("name", ["https://bücher.example", "https://xn--bcher-kva.example"])
@pytest.mark.parametrize("asked", ["https://bücher.example", "https://xn--bcher-kva.example", "https://BÜCHER.example"])
def test_international_name(
    make: Make, fake: FakeCognito, world: World, resolved: list[str], name: str, asked: str
) -> None:
    """One origin in all its forms."""
    port = fake.api_url.rpartition(":")[2]
    credentials = make(http_client=lambda: httpx.Client(**VERIFY, trust_env=False))
    auth = credentials.httpx_auth(f"{name}:{port}")
    assert world.send(auth, f"{asked}:{port}/files", client=VERIFY).status_code == 200
    assert set(resolved) - {"localhost"} == {"xn--bcher-kva.example"}
