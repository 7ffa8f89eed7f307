"""The two versions of HTTP in which bytes may differ, and names that lead to this machine."""

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from s2sauth import S2SAuthError
from s2sauth.testing import FakeCognito
from tests.support.fixtures import plain_client
from tests.support.tls import client_context
from tests.support.worlds import Send, World


@dataclass
class Wire:
    """How to reach the fake's token endpoint and API."""

    name: str
    domain: str
    api_url: str
    http_client: Callable[[], httpx.Client] = plain_client
    """For the token requests."""
    client: dict[str, Any] = field(default_factory=dict)
    """Arguments of a client for the API."""
    servers: tuple[Any, ...] = ()
    """Those of HTTP/2."""

    @property
    def is_http2(self) -> bool:
        """Whether it is."""
        return bool(self.servers)

    def send(self, world: World, auth: Any, path: str = "/files", method: str = "GET", **arguments: Any) -> Any:
        """One request through the hook; `client` holds more of the client's arguments."""
        client = {**self.client, **arguments.pop("client", {})}
        return world.send(auth, self.api_url + path, method, client=client, **arguments)


@contextmanager
def http2(fake: FakeCognito) -> Iterator[Wire]:
    """The fake behind TLS and HTTP/2."""
    from tests.support.http2 import Http2Server  # the environments of the integration tests do without h2

    context = client_context()
    arguments: dict[str, Any] = {"http2": True, "verify": context}
    with Http2Server(fake._endpoint.handle) as endpoint, Http2Server(fake._api.handle) as api:
        yield Wire(
            "HTTP/2",
            endpoint.url,
            api.url,
            lambda: httpx.Client(**arguments, trust_env=False),
            arguments,
            (endpoint, api),
        )


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def wire(request: pytest.FixtureRequest, fake: FakeCognito) -> Iterator[Wire]:
    """Each of the two in turn."""
    if request.param == "HTTP/1.1":
        yield Wire("HTTP/1.1", fake.domain, fake.api_url)
    else:
        with http2(fake) as found:
            yield found


@dataclass
class Calls(Send):
    """Several requests through one client that has one connection; gives what each of them got, value or exception."""

    times: int = 2
    urls: tuple[str, ...] = ()
    """In place of one URL, so many times."""

    def _all(self) -> tuple[str, ...]:
        return self.urls or (self.url,) * self.times

    def _arguments(self) -> dict[str, Any]:
        limits = httpx.Limits(max_connections=1)
        return {"verify": False, "trust_env": False, "limits": limits, **self.client}

    def now(self) -> Any:
        outcomes: list[Any] = []
        with httpx.Client(auth=self.auth, **self._arguments()) as client:
            for url in self._all():
                try:
                    outcomes.append(client.request(self.method, url, **self.request))
                except (httpx.HTTPError, S2SAuthError) as error:
                    outcomes.append(error)
        return outcomes

    async def later(self) -> Any:
        outcomes: list[Any] = []
        async with httpx.AsyncClient(auth=self.auth, **self._arguments()) as client:
            for url in self._all():
                try:
                    outcomes.append(await client.request(self.method, url, **self.request))
                except (httpx.HTTPError, S2SAuthError) as error:
                    outcomes.append(error)
        return outcomes


@dataclass
class Stream(Send):
    """One request by `stream()`; gives the status, whether the answer was unread, and then its body."""

    def now(self) -> Any:
        with httpx.Client(auth=self.auth, verify=self.client.get("verify", False), **self._more()) as client:
            with client.stream(self.method, self.url, **self.request) as response:
                return response.status_code, not response.is_stream_consumed, response.read()

    async def later(self) -> Any:
        async with httpx.AsyncClient(auth=self.auth, verify=self.client.get("verify", False), **self._more()) as client:
            async with client.stream(self.method, self.url, **self.request) as response:
                return response.status_code, not response.is_stream_consumed, await response.aread()

    def _more(self) -> dict[str, Any]:
        return {"trust_env": False, **{name: value for name, value in self.client.items() if name != "verify"}}


def hooks(world: World, **functions: Callable[[Any], object]) -> dict[str, Any]:
    """The client's argument `event_hooks` for these functions, in the form that the world's client takes."""

    def wrapped(function: Callable[[Any], object]) -> object:
        async def later(message: Any) -> None:
            function(message)

        return later if world.awaits else function

    return {"event_hooks": {name: [wrapped(function)] for name, function in functions.items()}}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every host name that is looked up. Those under .example lead to this machine, as if they had all been bought."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def look_up_here(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        asked.append(name)
        return look_up("127.0.0.1" if name.rstrip(".").endswith(".example") else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    return asked


@contextmanager
def full_queue(host: str = "127.0.0.1") -> Iterator[int]:
    """A port whose queue of connections is full: another one is neither accepted nor refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as closing:
        listening = closing.enter_context(socket.socket(family))
        listening.bind((host, 0))
        listening.listen(0)
        for _ in range(8):
            filler = closing.enter_context(socket.socket(family))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                assert filler.connect_ex(listening.getsockname()) in (0, errno.EINPROGRESS)
        yield listening.getsockname()[1]
