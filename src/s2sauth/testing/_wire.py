"""HTTP/1.1 on real sockets, a thread for each connection: reads requests, writes replies, proper and improper ones."""

import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from io import BufferedReader
from typing import final

Headers = tuple[tuple[str, str], ...]

BACKLOG = 2048
"""Connections that may wait to be accepted; a thousand clients start at once in the tests."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was received: names and values of headers untouched, the body whole."""

    method: str
    path: str
    headers: Headers
    body: bytes
    keep_alive: bool


class End(Enum):
    """What becomes of the connection after a reply."""

    KEEP = auto()
    """It takes the next request."""
    CLOSE = auto()
    RESET = auto()
    """It ends with a TCP reset."""
    HANG = auto()
    """It stays open, and nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send. Not a message: it may be no HTTP at all."""

    status: int
    """For the record; 0 if there is none."""
    data: bytes = b""
    """Sent at once."""
    slow: bytes = b""
    """Sent next, one byte every `interval` seconds."""
    interval: float = 0.0
    flood: bytes = b""
    """Sent next, over and over, as long as the peer takes it."""
    end: End = End.KEEP
    token_id: str | None = None
    """For the record: the token in it."""


def values(headers: Headers, name: str) -> list[str]:
    """The values of all headers of that name, which must be in lower case."""
    return [value for key, value in headers if key.lower() == name]


def read_request(stream: BufferedReader) -> Request | None:
    """The next request, or None when the peer left or what it sent is no HTTP/1 request."""
    try:
        method, path, version = stream.readline().decode("latin-1").rstrip("\r\n").split(" ")
        headers = _read_headers(stream)
        if values(headers, "transfer-encoding"):
            body = _read_chunks(stream)
        else:
            length = values(headers, "content-length")
            body = _read_exactly(stream, int(length[0])) if length else b""
    except ValueError:
        return None
    keep_alive = version == "HTTP/1.1" and "close" not in (value.lower() for value in values(headers, "connection"))
    return Request(method, path, headers, body, keep_alive)


def _read_headers(stream: BufferedReader) -> Headers:
    headers: list[tuple[str, str]] = []
    while (line := stream.readline()) != b"\r\n":
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise ValueError("no header")
        headers.append((name, value.strip(" \t\r\n")))
    return tuple(headers)


def _read_chunks(stream: BufferedReader) -> bytes:
    chunks: list[bytes] = []
    while size := int(stream.readline().split(b";")[0], 16):
        chunks.append(_read_exactly(stream, size))
        stream.readline()
    _read_headers(stream)  # the trailers, or just the empty line after the last chunk
    return b"".join(chunks)


def _read_exactly(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("the peer left in mid-body")
    return data


@final
class Listener:
    """A loopback port and everybody connected to it. `handle` is called on the thread of the connection."""

    def __init__(self, handle: Callable[[Request], Reply], context: ssl.SSLContext | None) -> None:
        self._handle = handle
        self._context = context
        self._socket = _bound(0)
        self._port: int = self._socket.getsockname()[1]
        self._acceptor: threading.Thread | None = None
        self._accepting = False
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self.connections = 0
        """How many were accepted so far."""
        self.hangs_up = False
        """New connections are ended at once."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._port}" if self._context is None else f"https://localhost:{self._port}"

    def listen(self) -> None:
        """Accept connections; again after `refuse`. Nothing if it does so already."""
        if not self._accepting:
            self._socket.listen(BACKLOG)
            self._accepting = True
            self._acceptor = threading.Thread(target=self._accept, name="FakeCognito", daemon=True)
            self._acceptor.start()

    def refuse(self) -> None:
        """End all connections and refuse new ones; the port stays ours."""
        self._stop_listening()
        self._socket = _bound(self._port)  # bound but not listening: the kernel refuses, and nobody else gets the port
        self._end_connections()

    def close(self) -> None:
        """End everything, at once."""
        self._closing.set()
        self._stop_listening()
        for thread in self._end_connections():
            thread.join()

    def _stop_listening(self) -> None:
        if self._acceptor is not None and self._accepting:
            self._accepting = False
            socket.create_connection(
                ("127.0.0.1", self._port)
            ).close()  # the one portable way to end a blocked accept()
            self._acceptor.join()
        self._socket.close()

    def _end_connections(self) -> list[threading.Thread]:
        with self._lock:
            for connection in self._open.values():
                try:
                    # Not SSLSocket.shutdown, which would take the TLS state away from the thread that is using it.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                except OSError:
                    pass  # the peer was faster
            return list(self._open)

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if not self._accepting:
                connection.close()
                return
            self.connections += 1
            if self.hangs_up:
                connection.close()
                continue
            if self._context is not None:
                try:
                    connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                except OSError:
                    continue  # the peer has left already
            thread = threading.Thread(target=self._serve, args=(connection,), name="FakeCognito", daemon=True)
            with self._lock:
                self._open[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while request := read_request(stream):
                    if not self._send(connection, self._handle(request)) or not request.keep_alive:
                        break
        except OSError:
            pass  # the peer left, or does not trust our certificate
        finally:
            with self._lock:
                del self._open[threading.current_thread()]

    def _send(self, connection: socket.socket, reply: Reply) -> bool:
        """Whether the connection may go on."""
        connection.sendall(reply.data)
        for byte in reply.slow:
            if self._closing.wait(reply.interval):
                return False
            connection.sendall(bytes((byte,)))
        while reply.flood:
            connection.sendall(reply.flood)
        if reply.end is End.HANG:
            connection.makefile("rb").read()  # until the peer leaves
        elif reply.end is End.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return reply.end is End.KEEP


def _bound(port: int) -> socket.socket:
    """A socket that holds a loopback port, without listening."""
    sock = socket.socket()
    # Connections of the same port may still be around when it is bound again. On Windows that is allowed anyway, and
    # the option would let others take the port.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
    sock.bind(("127.0.0.1", port))
    return sock
