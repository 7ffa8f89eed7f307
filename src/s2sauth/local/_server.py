"""A server as a process of its own: on a free loopback port, in a temporary folder, and gone when the block ends."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_START = 30.0  # seconds; MiniStack takes 1 s, on a busy machine 5
_STOP = 3.0

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks servers of this machine, past any proxy."""


class ServerFailed(RuntimeError):
    """It did not start, or did not do what it was asked."""


def _free_ports(number: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code, once it has ended. Meanwhile signals are handled, within a twentieth of a second.

    Without a time limit, one that comes just before the wait, or to another thread, is not handled until after it.
    """
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_STOP)


class Server(ABC):
    """`with` starts it and waits until it answers; the end of the block ends it with all of its children."""

    health = "/"
    """A path that is answered when the server is ready."""
    cwd: Path | None = None
    """Where it runs; None is its temporary folder."""
    advice = ""
    """What to do if it does not start."""
    stdin = subprocess.DEVNULL
    """subprocess.PIPE for one that ends with its standard input, so with us, however we end."""

    def __init__(self, port: int | None = None) -> None:
        free, self.second_port = _free_ports(2)
        self.port = free if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str | os.PathLike[str]]:
        """What to run."""

    @abstractmethod
    def environ(self) -> Mapping[str, str]:
        """The variables that it gets beside `PATH`, a `HOME` and a `TMPDIR` of its own; nothing else is inherited."""

    def ready(self) -> bool:
        """Whether it may be used. OSError says no, too."""
        try:
            with opener.open(self.url + self.health, timeout=_START):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True  # it answers

    def wait(self) -> int:
        """Block until it ends by itself; its exit code."""
        assert self._process is not None
        return ended(self._process)

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def __enter__(self) -> Self:
        command = self.command()  # may install what it needs
        self._temporary = tempfile.TemporaryDirectory(prefix="s2sauth-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        home = {"HOME": str(self.folder), "TMPDIR": str(self.folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        try:
            with (self.folder / "server.log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603  # what a subclass of ours names
                    command,
                    cwd=self.cwd or self.folder,
                    env={**home, **self.environ()},
                    stdin=self.stdin,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for us; we end it, with its children
                )
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it left running
            process.communicate()
        self._temporary.cleanup()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START
        while True:
            reason: object = "nothing says that it is ready"
            try:
                if self.ready():
                    return
            except OSError as error:
                reason = error
            if process.poll() is not None or time.monotonic() > until:
                raise ServerFailed(f"{type(self).__name__} does not start: {reason}\n{self.log()}{self.advice}")
            time.sleep(0.02)  # another process: there is nothing to wait on
