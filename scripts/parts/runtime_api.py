"""The Lambda service as a runtime client sees it: it hands out invocations, and says when a snapshot was restored.

For what AWS's emulator cannot do: execution environments that are frozen, restored, or of several processes.
"""

import json
import os
import signal
import sysconfig
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .install import environment
from .ministack import HandlerFailed
from .server import Server

_PATIENCE = 20.0  # seconds; a process takes 0.3 s to come for its first invocation


_Invocation = tuple[str, bytes, float]
"""Its id, the event as JSON, and until when it must be answered, in seconds since the epoch."""


class RuntimeApi:
    """The runtime API on a loopback port, for any number of processes.

    Who came first gets the next invocation: processes that are invoked one call at a time take turns.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._polls: list[Future[_Invocation | None]] = []
        """Of the processes that came for their next invocation, and wait."""
        self._under_way: dict[str, Future[Any]] = {}
        self._restored = threading.Event()
        self._closing = False
        self.snapshots = 0
        """How many processes have come to be stored, and wait for their restore."""
        self.init_error: Any = None
        """What a process said whose handler could not be imported."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"api": self}))
        self._server.daemon_threads = False  # they end with the connections of the processes
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            for poll in self._polls:
                poll.set_result(None)
        self._restored.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def idle(self) -> int:
        """How many processes wait for an invocation."""
        return len(self._polls)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Block until a process has made it so."""
        with self._changed:
            if not self._changed.wait_for(condition, _PATIENCE):
                raise TimeoutError(f"{self.idle} processes wait for an invocation, {self.snapshots} for their restore")

    def invoke(self, event: object = None, *, limit: float = 3.0) -> Any:
        """What the next process in turn answers within `limit` seconds, else HandlerFailed."""
        self.wait_until(lambda: self.idle > 0)
        name = str(uuid.uuid4())
        answer = self._under_way[name] = Future[Any]()
        with self._changed:
            poll = self._polls.pop(0)
        poll.set_result((name, json.dumps(event).encode(), time.time() + limit))
        try:
            return answer.result(limit)
        except TimeoutError:
            raise HandlerFailed(f"no answer within {limit:g} s") from None

    def restore(self) -> None:
        """Let the processes that were stored go on."""
        self._restored.set()

    def next(self) -> _Invocation | None:
        """Wait for an invocation; None at the end."""
        poll = Future[_Invocation | None]()
        with self._changed:
            if self._closing:
                return None
            self._polls.append(poll)
            self._changed.notify_all()
        return poll.result()

    def stored(self) -> None:
        """Wait for the restore."""
        with self._changed:
            self.snapshots += 1
            self._changed.notify_all()
        self._restored.wait()

    def take(self, path: str, payload: Any) -> None:
        """What a process posts: an answer, or what went wrong."""
        *_, name, kind = path.split("/")
        if name in ("init", "restore"):
            self.init_error = payload
            return
        answer = self._under_way.pop(name)
        if kind == "error":
            answer.set_exception(HandlerFailed(payload))
        else:
            answer.set_result(payload)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def do_GET(self) -> None:
        if self.path.endswith("/restore/next"):
            self.api.stored()
            self._answer(200)
            return
        invocation = self.api.next()
        if invocation is None:
            self.close_connection = True
            return
        name, body, until = invocation
        headers = {
            "Lambda-Runtime-Aws-Request-Id": name,
            "Lambda-Runtime-Deadline-Ms": str(int(until * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:caller",
        }
        self._answer(200, body, headers)

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(202)
        self.api.take(self.path, payload)

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as in the base class
        pass


class ExecutionEnvironment(Server):
    """`with ExecutionEnvironment(folder, "handler.handler", environ) as function:` AWS's runtime client runs a handler.

    Its interpreter is the runtime client's; the packages are those of the interpreter that runs this. `processes` is
    how many of them are to come for an invocation, or with `snapshot` for their restore, before it is ready.
    """

    def __init__(
        self, folder: Path, handler: str, environ: Mapping[str, str], *, processes: int = 1, snapshot: bool = False
    ) -> None:
        super().__init__()
        self.cwd = folder
        self.api = RuntimeApi()
        self._handler = handler
        self._variables = environ
        self._processes = processes
        self._snapshot = snapshot

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [environment("lambda") / "python", "-m", "awslambdaric", self._handler]

    def environ(self) -> Mapping[str, str]:
        return {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "caller",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if self._snapshot else "on-demand",
            "LAMBDA_TASK_ROOT": str(self.cwd),
            **packages(),
            **self._variables,
        }

    def ready(self) -> bool:
        return (self.api.snapshots if self._snapshot else self.api.idle) >= self._processes

    def invoke(self, event: object = None, *, limit: float = 3.0) -> Any:
        """What the handler answers within `limit` seconds, else HandlerFailed."""
        return self.api.invoke(event, limit=limit)

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def freeze(self) -> None:
        """Stop every thread of it, as Lambda does between invocations."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def __enter__(self) -> Self:
        self.api.__enter__()
        try:
            return super().__enter__()
        except BaseException:
            self.api.__exit__()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
        super().__exit__(kind, error, traceback)
        self.api.__exit__()


def packages() -> dict[str, str]:
    """The variable with which another interpreter of this version finds what is installed here."""
    return {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}
