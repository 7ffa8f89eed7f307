"""A token endpoint whose every header and member a test chooses, and which keeps its own books."""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from s2sauth.testing import ManualClock


def http_date(moment: float) -> str:
    """In the usual form (RFC 9110 5.6.7)."""
    return datetime.fromtimestamp(moment // 1, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def jwt(**claims: object) -> str:
    """An unsigned JWT."""
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


class Clock(ManualClock):  # type: ignore[misc]  # final for users
    """Moved by the test, and by the pauses of a flight, which take no real time."""

    def wait(self, lock: Any, seconds: float, /) -> None:
        """A caller waits for its flight; a flight goes on at once, later by the clock."""
        if threading.current_thread() is threading.main_thread():
            super().wait(lock, seconds)
        else:
            self.advance(max(0.0, seconds))


Answering = Callable[[int], tuple[Mapping[str, str], Mapping[str, object]]]
"""Headers and members of the answer to the request with this number."""


class ScriptedEndpoint(httpx.BaseTransport):
    """Answers as `answering` says; `wrong_by` is how far its own clock is ahead of the true time, `boottime()`."""

    def __init__(self, clock: ManualClock, answering: Answering | None = None) -> None:
        self.clock = clock
        self.answering = answering or self.fresh
        self.requests = 0
        self.life = 3600
        self.ahead = 0.0
        """Seconds by which Date is ahead of the issuer's clock; `iat` is always right."""
        self.age: str | None = None

    def now(self) -> float:
        """The issuer's clock: it is never set, whatever happens to the client's."""
        return 1_790_000_000.0 + self.clock.boottime()

    def fresh(self, number: int) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A new JWT."""
        iat = int(self.now())
        headers = {"date": http_date(self.now() + self.ahead), **({} if self.age is None else {"age": self.age})}
        token = jwt(iat=iat, exp=iat + self.life, n=number)
        return headers, {"access_token": token, "token_type": "Bearer", "expires_in": self.life}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        request.read()
        self.requests += 1
        headers, members = self.answering(self.requests)
        status = int(headers.get(":status", "200"))
        sent = {name: value for name, value in headers.items() if name[0] != ":"}
        content = json.dumps(members).encode()
        return httpx.Response(status, headers={"content-type": "application/json", **sent}, content=content)

    def client(self) -> httpx.Client:
        """The HTTP client of a flight."""
        return httpx.Client(transport=self, trust_env=False)
