"""A server in a process of its own, used as if it were here: calls go through a child's standard input and output."""

import functools
import os
import pickle
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, Self, final

_CHILD = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # Ctrl-C reaches both; the parent decides
    "from {module} import {name}; from {here} import serve\n"
    "serve({name}, sys.stdin.buffer, sys.stdout.buffer)"
)


def serve(kind: type[Any], calls: BinaryIO, answers: BinaryIO) -> None:
    """The child's side: start a `kind` as the first message says, then do a call a message until the parent is gone."""
    try:
        certfile, keyfile, options = pickle.load(calls)  # noqa: S301  # from the parent
        if certfile is not None:
            options["ssl_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            options["ssl_context"].load_cert_chain(certfile, keyfile)
        server = kind(**options)
    except Exception as error:  # noqa: BLE001  # raised again in the parent
        _answer(answers, error, failed=True)
        return
    with server:
        _answer(answers, None)
        while True:
            try:
                name, args, named = pickle.load(calls)  # noqa: S301  # from the parent
            except EOFError:
                return
            try:
                value = getattr(server, name)
                result = value(*args, **named) if callable(value) else value
            except Exception as error:  # noqa: BLE001  # raised again in the parent
                _answer(answers, error, failed=True)
            else:
                _answer(answers, result)


def _answer(answers: BinaryIO, value: object, *, failed: bool = False) -> None:
    pickle.dump((failed, value), answers)
    answers.flush()


@final
class Spawned:
    """The parent's side: has the methods and properties of `kind`, a context manager with `start` and `close`."""

    def __init__(self, kind: type[Any], certfile: str | None, keyfile: str | None, options: Mapping[str, Any]) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        first = pickle.dumps((certfile, keyfile, dict(options)))
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter and this library
            [sys.executable, "-c", _CHILD.format(module=kind.__module__, name=kind.__name__, here=__name__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            self._exchange(first)
        except BaseException:
            self.close()
            raise

    def start(self) -> Self:
        """Nothing: it runs."""
        return self

    def close(self) -> None:
        """End the process and wait for its end. More calls do nothing."""
        with self._lock:
            try:
                self._process.__exit__(None, None, None)  # closes its input, which ends it, and waits
            except OSError:
                pass  # it had ended before, with a call on the way to it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if callable(getattr(self._kind, name)):
            return functools.partial(self._call, name)
        return self._call(name)

    def _call(self, name: str, /, *args: Any, **named: Any) -> Any:
        return self._exchange(pickle.dumps((name, args, named)))

    def _exchange(self, message: bytes) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                self._process.stdin.write(message)
                self._process.stdin.flush()
                failed, value = pickle.load(self._process.stdout)  # noqa: S301  # from our own child
            except (OSError, EOFError, ValueError):  # ValueError: closed here
                raise RuntimeError(f"the process of {self._kind.__name__} has ended") from None
        if failed:
            raise value
        return value
