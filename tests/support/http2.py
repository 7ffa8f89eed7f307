"""HTTP/2 over TLS on a loopback port, in front of whatever answers `FakeCognito`'s requests."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.support.tls import server_context

_HPACK = logging.getLogger("hpack.hpack")
HOP_BY_HOP = ("connection", "transfer-encoding")


@dataclass(frozen=True)
class Request:
    """As `FakeCognito` takes it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    keep_alive: bool


class Http2Server:
    """Speaks HTTP/2 and nothing else; `handle` is `FakeCognito`'s, so that its knobs and records hold here as well."""

    def __init__(self, handle: Callable[[Any], Any], context: ssl.SSLContext | None = None) -> None:
        self._handle = handle
        self._context = server_context() if context is None else context
        self._context.set_alpn_protocols(["h2"])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.connections = 0
        self.streams_reset = 0
        """How many answers the client did not want to the end."""
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"https://localhost:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        _HPACK.addFilter(self._is_the_clients)
        return self

    def _is_the_clients(self, record: logging.LogRecord) -> bool:
        """What hpack logs here is the server's business: it decodes the secret that it was sent."""
        return record.thread not in {thread.ident for thread in self._threads}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for each in self._open:
            _end(each)
        for thread in self._threads:
            thread.join(5)
        self._listening.close()
        _HPACK.removeFilter(self._is_the_clients)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self._open.append(connection)
                _Connection(connection, self).run()
        except (OSError, h2.exceptions.ProtocolError):
            pass  # the peer left, or does not trust our certificate

    def answer(self, request: Request) -> Any:
        """What `handle` says."""
        return self._handle(request)


class _Connection:
    """One connection. A request that comes while another one's answer waits is answered meanwhile."""

    def __init__(self, connection: socket.socket, server: Http2Server) -> None:
        self._socket = connection
        self._server = server
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        self._requests: dict[int, tuple[list[tuple[str, str]], bytes]] = {}
        self._complete: list[int] = []
        self._unwanted: set[int] = set()

    def run(self) -> None:
        self._h2.initiate_connection()
        self._send()
        while True:
            self._go_on()

    def _go_on(self) -> None:
        """Take in what comes next, and answer what is complete."""
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the peer left")
        for event in self._h2.receive_data(data):
            self._take(event)
        self._send()
        while self._complete:
            self._reply(self._complete.pop(0))

    def _take(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived():
                self._requests[event.stream_id] = (list(event.headers), b"")
            case h2.events.DataReceived():
                headers, body = self._requests[event.stream_id]
                self._requests[event.stream_id] = (headers, body + event.data)
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self._complete.append(event.stream_id)
            case h2.events.StreamReset():
                self._unwanted.add(event.stream_id)
                self._server.streams_reset += 1

    def _reply(self, stream: int) -> None:
        pairs, body = self._requests.pop(stream)
        pseudo = dict(pair for pair in pairs if pair[0].startswith(":"))
        headers = (("host", pseudo[":authority"]), *(pair for pair in pairs if not pair[0].startswith(":")))
        reply = self._server.answer(Request(pseudo[":method"], pseudo[":path"], headers, body, keep_alive=True))
        if not reply.data:
            if reply.end.name == "HANG":
                return
            self._h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            self._send()
            return
        head, _, data = reply.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        named = [tuple(line.split(": ", 1)) for line in lines[1:]]
        kept = [(name.lower(), value) for name, value in named if name.lower() not in HOP_BY_HOP]
        self._h2.send_headers(stream, [(":status", str(reply.status)), *kept])
        self._body(stream, data)
        for byte in reply.slow:
            self._pause(reply.interval)
            self._body(stream, bytes((byte,)))
        while reply.flood and stream not in self._unwanted:
            self._pause(0.001)
            self._body(stream, reply.flood[:16_384])
        if stream not in self._unwanted:
            self._h2.end_stream(stream)
        self._send()

    def _body(self, stream: int, data: bytes) -> None:
        """Send it as fast as the client takes it, if it does."""
        while data and stream not in self._unwanted:
            fits = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, len(data))
            if fits == 0:
                self._go_on()
                continue
            self._h2.send_data(stream, data[:fits])
            data = data[fits:]
            self._send()

    def _pause(self, seconds: float) -> None:
        """Until something comes, at most so long."""
        self._socket.settimeout(seconds)
        try:
            self._go_on()
        except TimeoutError:
            pass  # nothing came
        finally:
            self._socket.settimeout(None)

    def _send(self) -> None:
        if data := self._h2.data_to_send():
            self._socket.sendall(data)


def _end(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass  # ended already
