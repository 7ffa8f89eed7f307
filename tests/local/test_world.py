"""A server process from start to end, and the deployed world in MiniStack.

Private modules: the commands show a world that came up, and nothing of how servers end that did not.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from parts.install import ROOT
from s2sauth.local import _world
from s2sauth.local._ministack import MiniStack
from s2sauth.local._server import Server, ServerFailed, ended, is_free
from s2sauth.local._world import create_stack, deploy
from tests.support.ministack import ministack

__all__ = ["ministack"]

WAITING = """
Resources:
  Handle:
    Type: AWS::CloudFormation::WaitConditionHandle
  Signal:
    Type: AWS::CloudFormation::WaitCondition
    Properties: {Handle: !Ref Handle, Timeout: "1"}
"""


@pytest.fixture(scope="module")
def aws(ministack: Path) -> Iterator[MiniStack]:
    """Up in half a second."""
    with MiniStack(ministack) as aws:
        yield aws


def test_the_wheel_holds_the_example() -> None:
    """As it stands in the checkout: there is one copy."""
    packed = Path(_world.__file__).with_name("_files_service")
    files = ["template.yaml", "files/handler.py", "caller/handler.py"]
    found = [path.relative_to(packed).as_posix() for path in packed.rglob("*.*") if path.suffix != ".pyc"]
    assert sorted(found) == sorted(files)
    for name in files:
        assert (packed / name).read_bytes() == (ROOT / "examples" / "files-service" / name).read_bytes()


def test_stack_that_cannot_be_made(aws: MiniStack) -> None:
    """Is waited for, and says what became of it. It waits itself, for a signal that does not come: a second."""
    with pytest.raises(ServerFailed, match=r"the stack is .*ROLLBACK"):
        create_stack(aws, "waiting", WAITING, {})


def test_secret_is_not_in_the_repr(aws: MiniStack) -> None:
    """Of a world without the caller; a second one of the name is refused."""
    world = deploy(aws, caller=False)
    assert world.caller == ""
    assert len(world.client_secret) > 40
    assert world.client_secret not in repr(world)
    with pytest.raises(ServerFailed, match="AlreadyExists"):
        create_stack(aws, "files-service", WAITING, {})


def test_no_variable_of_the_users_account_reaches_it(ministack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MiniStack gets its own, and the answer of a Lambda says what is there. Starts another one."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the user's account")
    with MiniStack(ministack) as aws:
        (process,) = [path for path in Path("/proc").glob("[0-9]*") if _is_below(path, aws.folder)]
        variables = (process / "environ").read_bytes()
    assert b"AWS_ACCESS_KEY_ID=test" in variables
    assert b"of the user's account" not in variables


def _is_below(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked for in Linux's /proc")
def test_it_ends_with_its_parent(ministack: Path) -> None:
    """However that ends: by the pipe to it."""
    aws = MiniStack(ministack)
    with aws:
        assert aws._process is not None
        assert aws._process.stdin is not None
        aws._process.stdin.close()
        assert aws.wait() == -9
        assert not aws.folder.exists()


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
    """With what it wrote. An interpreter has to start."""
    with pytest.raises(ServerFailed, match="nothing to do today"):
        Tired().__enter__()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX shell and no SIGUSR1")
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
        assert not is_free(server.port)
    assert is_free(server.port)
