"""A CONNECT proxy on a loopback port, which notes what it was asked."""

import select
import socket
import ssl
import threading
from types import TracebackType
from typing import Self


class ConnectProxy:
    """Tunnels to where it is asked to, or to the port `leads_to`, or answers `refusal`; over TLS with a context."""

    def __init__(
        self, refusal: bytes | None = None, context: ssl.SSLContext | None = None, *, leads_to: int | None = None
    ) -> None:
        self.seen: list[str] = []
        """Each request's head, as text."""
        self._refusal = refusal
        self._leads_to = leads_to
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """What goes into HTTPS_PROXY."""
        host = "http://127.0.0.1" if self._context is None else "https://localhost"
        return f"{host}:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            _end(each)
        for thread in self._threads:
            thread.join(5)
        for each in (self._listening, *self._sockets):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._sockets.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        if self._context is not None:
            client = self._context.wrap_socket(client, server_side=True)
            self._sockets.append(client)
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                return
            head += part
        self.seen.append(head.decode("latin-1"))
        if self._refusal is not None:
            client.sendall(self._refusal)
            _end(client)
            return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        place = (host, int(port)) if self._leads_to is None else ("127.0.0.1", self._leads_to)
        server = socket.create_connection(place)
        self._sockets.append(server)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _tunnel(client, server)


def _end(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except (OSError, ValueError):
        pass  # ended already


def _tunnel(client: socket.socket, server: socket.socket) -> None:
    """Until one of them ends. One thread for both directions: OpenSSL minds two on one connection."""
    try:
        while True:
            kept = [client] if isinstance(client, ssl.SSLSocket) and client.pending() else []
            for source in kept or select.select([client, server], [], [])[0]:
                part = source.recv(65_536)
                if not part:
                    return
                (server if source is client else client).sendall(part)
    except (OSError, ValueError):
        pass  # one side ended
    finally:
        _end(client)
        _end(server)
