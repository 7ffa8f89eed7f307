"""A server process from start to end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

import pytest

from s2sauth.local._ministack import MiniStack
from s2sauth.local._server import Server, ServerFailed, ended


class Files(Server):
    """Python's own, which has no such file."""

    health = "/no/such/file"

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(self.port)]

    def environ(self) -> Mapping[str, str]:
        return {}


class Slow(Files):
    """One that is not ready when it is asked for the first time."""

    asked = 0

    def ready(self) -> bool:
        self.asked += 1
        return self.asked > 1 and super().ready()


class Nowhere(Files):
    """One that is not installed."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return ["/no/such/command"]


class Tired(Files):
    """One that ends at once."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [sys.executable, "-c", "raise SystemExit('nothing to do today')"]


def test_any_answer_will_do_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 is one. An interpreter has to start; its folder is gone with it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Files() as server:
        assert server.ready()
        assert server.folder.is_dir()
    assert not server.folder.exists()


def test_it_is_asked_until_it_is_ready() -> None:
    """Not only until something answers. An interpreter has to start."""
    with Slow() as server:
        assert server.asked > 1


def test_command_that_is_not_there_leaves_nothing() -> None:
    """Not even the folder."""
    server = Nowhere()
    with pytest.raises(FileNotFoundError):
        server.__enter__()
    assert not server.folder.exists()


def test_end_at_the_start_is_told() -> None:
    """With what it wrote and its exit code. An interpreter has to start."""
    with pytest.raises(ServerFailed, match="nothing to do today") as failed:
        Tired().__enter__()
    assert failed.value.code == 1


def test_signal_that_another_thread_gets_is_handled_while_we_wait() -> None:
    """The kernel may choose any thread, and does so for the second of two that come at once."""
    go = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: process.kill())
    other = threading.Thread(target=go.wait)
    other.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        # A tenth of a second on, the wait has begun; a signal before it is handled in any case.
        process = subprocess.Popen(["sh", "-c", "sleep 0.1; kill -USR1 $PPID; exec sleep 30"])
        assert ended(process) == -signal.SIGKILL
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        signal.signal(signal.SIGUSR1, before)
        go.set()
        other.join()


def test_port_is_free_or_not() -> None:
    """Before MiniStack starts there. An interpreter has to start."""
    with Files() as server:
        assert not MiniStack(server.port).is_free()
    assert MiniStack(server.port).is_free()
