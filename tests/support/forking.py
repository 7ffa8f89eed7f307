"""Runs a function in forked children."""

import os
import pickle
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

SECONDS = 30


def in_child(function: Callable[[], Any]) -> Any:
    """What the function returns in a forked child; fails if that raises, dies or takes too long."""
    return _answer(*_forked(function))


def in_children(function: Callable[[], Any], n: int) -> list[Any]:
    """What it returns in each of so many children and, last, here; all at the same time."""
    children = [_forked(function) for _ in range(n)]
    try:
        here = function()
    finally:
        answers = [_answer(*child) for child in children]
    return [*answers, here]


def _forked(function: Callable[[], Any]) -> tuple[int, int]:
    if not hasattr(os, "fork"):
        pytest.skip("Windows has no fork")
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is what is tested
        child = os.fork()
    if child == 0:
        _be_the_child(function, writing)
    os.close(writing)
    return child, reading


def _answer(child: int, reading: int) -> Any:
    try:
        ready, _, _ = select.select([reading], [], [], SECONDS)
        assert ready, f"the child hung for {SECONDS} s"
        with os.fdopen(reading, "rb", closefd=False) as stream:
            answer = stream.read()
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    failed, value = pickle.loads(answer)
    assert not failed, value
    return value


def _be_the_child(function: Callable[[], Any], writing: int) -> None:
    sys.settrace(None)
    try:
        answer = pickle.dumps((False, function()))
    except BaseException:
        answer = pickle.dumps((True, traceback.format_exc()))
    with os.fdopen(writing, "wb") as stream:
        stream.write(answer)
    os._exit(0)
