"""What `FakeCognito` notes about each request."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar, final
from urllib.parse import parse_qsl

from ._wire import Headers, values


@dataclass(frozen=True, slots=True, repr=False)
class _Recorded:
    """What both kinds of request have in common."""

    method: str
    """`"POST"` and so on."""
    path: str
    """Path and query, as sent."""
    headers: Headers
    """Name and value of each header, in the order and the case in which they came. Holds secrets."""
    body: bytes
    """The whole body, chunks put together. Holds secrets."""
    at: float
    """When it had arrived, in seconds since the epoch, by the clock given to `FakeCognito`."""
    status: int
    """The status that was answered; 0 if the answer was no HTTP, or none."""

    def header(self, name: str) -> str | None:
        """The value of the first header of that name, in any case; None if there is none."""
        found = values(self.headers, name.lower())
        return found[0] if found else None

    def __repr__(self) -> str:
        # No header, body or query: a token or a secret may be there.
        return f"<{type(self).__name__}: {self.method} {self.path.partition('?')[0]} answered {self.status}>"


@final
@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest(_Recorded):
    """A request to the token endpoint. Its repr shows no secret."""

    token_id: str | None
    """The `jti` of the token that it was answered with, if it was given one, else None."""

    @property
    def form(self) -> dict[str, str]:
        """The body's form parameters; of a repeated one the last."""
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))


@final
@dataclass(frozen=True, slots=True, repr=False)
class ApiRequest(_Recorded):
    """A request to the API. Its repr shows no token."""

    token_id: str | None
    """The `jti` of the token that it carried, if that was issued here, else None."""
    dead: bool
    """The token was issued here, and past its life when the request arrived: the client does not tell time right."""


R = TypeVar("R", TokenRequest, ApiRequest)


@final
class Log(Generic[R]):
    """Records, oldest first, for many writers."""

    def __init__(self) -> None:
        self._records: list[R] = []
        self._grown = threading.Condition()

    def add(self, record: R) -> None:
        """Note one request."""
        with self._grown:
            self._records.append(record)
            self._grown.notify_all()

    def all(self) -> list[R]:
        """A copy of the records."""
        with self._grown:
            return list(self._records)

    def clear(self) -> None:
        """Forget all records."""
        with self._grown:
            self._records.clear()

    def wait(self, n: int, timeout: float) -> None:
        """Block until there are `n`; TimeoutError after `timeout` seconds."""
        with self._grown:
            if not self._grown.wait_for(lambda: len(self._records) >= n, timeout):
                raise TimeoutError(f"{len(self._records)} of {n} requests arrived within {timeout:g} s")
