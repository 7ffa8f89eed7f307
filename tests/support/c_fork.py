"""A fork by C code, as uWSGI does it: none of Python's fork hooks runs. For scripts, in an interpreter of their own.

Such a child may also miss locks of Python's own, so no test forks the test runner like this.
"""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

SECONDS = 7.0
"""In which a child gets its token: less than the default deadline, after which a flight is given up."""

fork: Callable[[], int] = ctypes.PyDLL(None).fork if sys.platform != "win32" else None  # type: ignore[assignment]  # never called there


def child(function: Callable[[], Any], seconds: float = SECONDS) -> str:
    """What the function returns in a child, as text; what it raised; or that it took too long."""
    reading, writing = os.pipe()
    process = fork()
    if process == 0:
        _be_the_child(function, writing)
    os.close(writing)
    return _answer(process, reading, seconds)


def _be_the_child(function: Callable[[], Any], writing: int) -> None:
    try:
        answer = str(function())
    except BaseException:
        answer = traceback.format_exc()
    os.write(writing, answer.encode())
    os._exit(0)


def _answer(process: int, reading: int, seconds: float) -> str:
    until = time.monotonic() + seconds
    os.set_blocking(reading, False)
    while time.monotonic() < until:
        try:
            answer = os.read(reading, 65_536).decode()
        except BlockingIOError:
            time.sleep(0.002)  # a lock or a selector might be one that the fork left behind
            continue
        os.waitpid(process, 0)
        return answer
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return f"no token within {seconds:g} s"
