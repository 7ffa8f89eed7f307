"""An HTTP/2 server on a loopback port, in clear with prior knowledge, which gives every request the same answer."""

import contextlib
import logging
import socket
import threading
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events


class H2Server:
    """Answers 200 with `body` as JSON; notes each request's headers and body. What hpack logs for it is left out."""

    def __init__(self, body: bytes) -> None:
        self.seen: list[tuple[dict[bytes, bytes], bytes]] = []
        self._body = body
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        logging.getLogger("hpack.hpack").addFilter(self._is_the_clients)
        return self

    def _is_the_clients(self, record: logging.LogRecord) -> bool:
        return record.thread not in {thread.ident for thread in self._threads}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("hpack.hpack").removeFilter(self._is_the_clients)
        self._listening.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
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
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        connection.initiate_connection()
        requests: dict[int, tuple[dict[bytes, bytes], bytes]] = {}
        with contextlib.suppress(OSError):
            client.sendall(connection.data_to_send())
            while data := client.recv(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        requests[event.stream_id] = (dict(event.headers), b"")
                    elif isinstance(event, h2.events.DataReceived):
                        headers, body = requests[event.stream_id]
                        requests[event.stream_id] = (headers, body + event.data)
                    elif isinstance(event, h2.events.StreamEnded):
                        self.seen.append(requests.pop(event.stream_id))
                        answer = [(":status", "200"), ("content-type", "application/json")]
                        connection.send_headers(event.stream_id, answer)
                        connection.send_data(event.stream_id, self._body, end_stream=True)
                client.sendall(connection.data_to_send())
