"""Which instructions of the engine are steps: those that read or write what several threads share.

The interpreter calls a trace function before each instruction of these modules (`f_trace_opcodes`). The actor stops
before it reads or assigns an attribute of `SHARED`, and before it calls a method of `CHANGING` on a dict or list that
it read earlier. Everything between two steps concerns one thread alone.

Private modules: the explorer stops at reads and writes of the engine's own state, which nothing public shows.
"""

import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from s2sauth import _engine, _flight, _prepare, _renewal, _sharing, _slots, _supply, _waiting, credentials
from s2sauth._core import entry, once

from . import plants
from .scheduler import Scheduler

MODULES = (_engine, _flight, _prepare, _renewal, _sharing, _slots, _supply, _waiting, credentials, entry, once)
FILES = {module.__file__: module.__name__.rpartition(".")[2] for module in MODULES} | {plants.__file__: "plants"}

SHARED = frozenset(
    {
        # a flight and those who wait for it
        *("_claim", "_outcome", "next", "begun", "limit", "waited_for", "sender", "_locks", "_rooms", "futures"),
        # a slot and its entries
        *("entry", "flight", "budget", "failure", "token_requests", "tokens_billed", "purchases"),
        *("fresh_until_wall", "suspected", "accepted"),
        # what the keys and flights of one credentials object share; `accepted` is the secret's name there, too
        *("closed", "refused", "last_look"),
        # the map of slots
        *("_alive", "_recent"),
    }
)
ALONE = {
    "step": "text for an error message",
    "thread": "compared with the reader's own thread only",
    "_token": "the result of one caller's wait",
    "_joined": "of one call, on its caller's thread",
    "_waited": "as `_joined`",
    "preparing": "set while the HTTP library is imported, before the first flight; the explorer imports nothing",
    "open_sender": "as `preparing`",
    "open_session": "as `preparing`",
    "renew": "as `preparing`",
    "_lock": "of the map of slots: replaced in a forked child, where one thread is left",
    "_process": "as `_lock`",
    "_hashes": "of tokens that a hook recognises; of two that come at once one may be lost",
    "working": "of one flight its own item; only the test kit reads it",
    "settings": "of a slot whose client's id comes with the secret: written by its flight before it asks",
    "id": "as `settings`",
    "_remark": "of one flight, on its own thread",
    "_connected": "of one flight's use of the store, on its own thread",
    "_leased": "as `_connected`",
    "_too_busy": "as `_connected`",
    "_seen": "as `_connected`",
    "_engine": "set when a view is made",
    "_slot": "as `_engine`",
    "_wall": "as `_engine`",
    "_boot": "as `_engine`",
}
"""What the modules assign outside of constructors although it is not shared, and why it is not."""
CONSTRUCTORS = ("__init__", "nothing")
"""Functions that assign to an object that no other thread has yet."""
CHANGING = frozenset({"append", "clear", "get", "items", "pop", "popitem", "remove", "setdefault", "update", "values"})

_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"})
_NO_EVENTS = ("NOP", "RESUME", "PRECALL", "CACHE", "EXTENDED_ARG")


def steps_of(code: CodeType) -> dict[int, str]:
    """Offset and description of each step in a function; none in a constructor, whose object nobody else has yet."""
    found: dict[int, str] = {}
    if code.co_name in CONSTRUCTORS:
        return found
    after_shared = False
    for instruction in dis.get_instructions(code):
        if instruction.opname in _NO_EVENTS:
            continue
        name = instruction.argval if instruction.opname in _ATTRIBUTES else None
        shared = name in SHARED
        if shared or (name in CHANGING and not after_shared):
            assert instruction.positions is not None
            sign = " =" if instruction.opname == "STORE_ATTR" else ""
            place = f"{FILES[code.co_filename]}.py:{instruction.positions.lineno}"
            found[instruction.offset] = f"{place} {code.co_qualname} .{name}{sign}"
        after_shared = shared
    return found


def tracer(scheduler: Scheduler) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that stops the current actor before each of its steps."""

    def of_instructions(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            what = _known[id(frame.f_code)][1].get(frame.f_lasti)
            if what is not None:
                scheduler.step(what)
        return of_instructions

    def of_calls(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        known = _known.get(id(code))
        if known is None:
            known = _known[id(code)] = code, steps_of(code) if code.co_filename in FILES else {}
        if not known[1]:
            return None
        frame.f_trace_lines = False
        frame.f_trace = of_instructions  # before the next line: Python 3.13 looks at it there
        frame.f_trace_opcodes = True
        return of_instructions

    return of_calls


sys._getframe().f_trace_opcodes = True
"""Python 3.12 looks at `settrace()` whether any frame has ever asked for instructions."""

_known: dict[int, tuple[CodeType, dict[int, str]]] = {}
"""By `id()`, because the hash of a code object is slow; the entry keeps the object, so no other gets its id."""
