"""From what a test asks for to the bytes that do it, and for how many requests it holds."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import final

from ._wire import End, Headers, Reply, values

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

Pairs = Iterable[tuple[str, str]]


def phrase(status: int) -> str:
    """The reason phrase, empty for a status without one."""
    return _PHRASES.get(status, "")


def message(status: int, body: bytes, headers: Pairs, usual: Headers, *, now: float | None) -> Reply:
    """A proper HTTP message, dated `now`. Of the `usual` headers those that `headers` does not name are added."""
    own = tuple(headers)
    lines = [f"HTTP/1.1 {status} {phrase(status)}"]
    lines += [] if now is None else [f"Date: {formatdate(now, usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in usual if not values(own, name.lower())]
    lines += [f"{name}: {value}" for name, value in own]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return Reply(status, "\r\n".join(lines).encode("latin-1") + body)


def endless(status: int, chunk: bytes, headers: Pairs, usual: Headers, *, now: float) -> Reply:
    """A message whose body never ends."""
    head = message(status, b"", (*headers, ("Transfer-Encoding", "chunked")), usual, now=now).data
    head = head.replace(b"Content-Length: 0\r\n", b"")
    frame = b"%x\r\n%b\r\n" % (len(chunk), chunk)
    return Reply(status, head, flood=frame * (65_536 // len(frame) + 1), end=End.CLOSE)


def raw(data: bytes, end: End = End.CLOSE) -> Reply:
    """These bytes, whatever they are."""
    status = data[9:12] if data.startswith(b"HTTP/") else b""
    return Reply(int(status) if status.isdigit() else 0, data, end=end)


def dripped(reply: Reply, interval: float, *, head_too: bool) -> Reply:
    """The same bytes, one at a time; of a message's head only if `head_too`."""
    head, blank, body = reply.data.partition(b"\r\n\r\n")
    if head_too:
        return replace(reply, data=b"", slow=reply.data, interval=interval)
    return replace(reply, data=head + blank, slow=body, interval=interval)


def bodiless(reply: Reply) -> Reply:
    """The answer to HEAD: the same head, and nothing after it."""
    head, blank, _ = reply.data.partition(b"\r\n\r\n")
    return Reply(reply.status, head + blank, end=reply.end)


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


Twist = Callable[[Callable[[], Reply]], Reply]
"""Gets the usual reply as something it may call, and gives the reply to send."""


@final
class Script:
    """What is answered in place of the usual reply: to the next so many requests, or until it is dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twist: Twist | None = None
        self._left: int | None = None

    def set(self, twist: Twist | None, times: int | None = None) -> None:
        """Replace what was set before. `times` None: until the next call."""
        with self._lock:
            self._twist, self._left = twist, times

    def reply(self, usual: Callable[[], Reply]) -> Reply:
        """The reply to the request that has just arrived."""
        with self._lock:
            twist = self._twist
            if self._left is not None:
                if self._left <= 0:
                    twist = None
                self._left -= 1
        return usual() if twist is None else twist(usual)
