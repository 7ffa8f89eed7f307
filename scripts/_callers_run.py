"""200 threads that ask for a token at the same moment: with s2sauth, and with the lines that are usually pasted."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import hand_written  # the line above says where it is

from s2sauth import CognitoClientCredentials  # likewise
from s2sauth.testing import FakeCognito  # likewise

CALLERS = 200
LATENCY = 0.1


def _calls(get: Callable[[], object]) -> list[tuple[int, int]]:
    """From when to when each waited, in whole milliseconds from the start; the first to be served first."""
    start, calls = threading.Barrier(CALLERS + 1), list[tuple[int, int]]()

    def call() -> None:
        start.wait(30)
        began = time.perf_counter()
        get()
        calls.append((round((began - zero) * 1000), round((time.perf_counter() - zero) * 1000)))

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    zero = time.perf_counter()
    start.wait(30)
    for thread in threads:
        thread.join()
    return sorted(((max(0, a), b) for a, b in calls), key=lambda call: (call[1], call[0]))


def record() -> str:
    """Both runs, as JSON."""
    runs: dict[str, object] = {}
    with FakeCognito.spawn(latency=LATENCY) as fake:
        with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
            credentials.httpx_auth(fake.api_url)  # a service makes its hook at start-up
            calls = _calls(credentials.get_token)
        runs["s2sauth"] = {"token_requests": fake.counts()["token_requests"], "calls": calls}
        fake.clear_records()
        os.environ.update(fake.environ)
        calls = _calls(hand_written.get_token)
        runs["twenty lines by hand"] = {"token_requests": fake.counts()["token_requests"], "calls": calls}
    return json.dumps({"cores": os.cpu_count(), "runs": runs}) + "\n"
