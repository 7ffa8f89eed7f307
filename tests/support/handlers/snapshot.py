"""A Lambda function with SnapStart, whose process plays its own snapshot: it is cloned where AWS would store it.

By the C library's fork, of which Python hears nothing: s2sauth's handlers for forks do not run, and what a clone
forgets, it forgets by its restore.

`this_process` is private: it tells whether a clone knows that it is one.
"""

import ctypes
import gc
import hashlib
import os
import re
import time
from typing import Any

from snapshot_restore_py import register_before_snapshot

CLONES = 3
_TOKEN = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_generations: list[int] = []


@register_before_snapshot  # the first one registered, which is the last one called
def _become_clones() -> None:
    until = time.monotonic() + 5.0
    while len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  # clones have one thread
        assert time.monotonic() < until, "a thread is left over at the time of the snapshot"
        time.sleep(0.001)
    for _ in range(CLONES):
        if ctypes.PyDLL(None).fork() == 0:
            _generations.append(this_process()[1])
            return
    for _ in range(CLONES):
        os.wait()
    os._exit(0)


from functions import credentials, plain  # noqa: E402  # s2sauth's own hooks come after ours

from s2sauth._process import this_process  # noqa: E402  # as above

warm = credentials.warm()
writer = credentials.with_scopes("demo/write.file")
_old = {hashlib.sha256(c.get_token().access_token.encode()).digest() for c in (credentials, writer)}


def handler(event: object, context: object) -> Any:
    """One call of the API, and what this clone is made of."""
    answer = plain(event, context)
    new = hashlib.sha256(credentials.get_token().access_token.encode()).digest()
    held = _tokens_in_memory()
    state = credentials.state()
    return {
        **answer,
        "warm": warm,
        "generations": [*_generations, this_process()[1]],
        "holds_its_own": new in held,
        "holds_the_snapshots": bool(_old & held),
        "next_renewal_in": state.next_renewal_in,
        "billed": state.tokens_billed,
    }


def _tokens_in_memory() -> set[bytes]:
    """Hashes of the tokens in all objects that are alive."""
    found: set[bytes] = set()
    seen: set[int] = set()
    todo = gc.get_objects()
    while todo:
        for inner in gc.get_referents(todo.pop()):
            if isinstance(inner, (str, bytes, bytearray)):
                data = inner.encode(errors="replace") if isinstance(inner, str) else inner
                found |= {hashlib.sha256(token).digest() for token in _TOKEN.findall(data)}
            elif not gc.is_tracked(inner) and isinstance(inner, (tuple, dict)) and id(inner) not in seen:
                seen.add(id(inner))
                todo.append(inner)
    return found
