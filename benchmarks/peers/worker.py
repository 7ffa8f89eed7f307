"""The process of one peer and one work: `python -m benchmarks.peers.worker PEER WORK OPTIONS`, OPTIONS as JSON.

It writes lines of JSON to stdout: `{"step": NAME}`, after which it waits for a line on stdin while the other side
changes the world, and at the end `{"result": ...}` or `{"error": TEXT}`. Where the world is says its environment.
"""

import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

warnings.simplefilter("ignore")
sys.path.append(str(Path(__file__).resolve().parents[1]))  # hand_written
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a peer prints is no answer


def say(**message: object) -> None:
    """One line for the other side."""
    OUT.write(json.dumps(message) + "\n")
    OUT.flush()


def step(name: str) -> None:
    """Let the other side change the world, and wait until it has."""
    say(step=name)
    if not sys.stdin.readline():
        os._exit(3)  # nobody is there any more


def main(peer: str, work: str, options: str) -> None:
    """Do the work and say what came of it. Leaves at once: a peer's threads or locks may hang for good."""
    try:
        from . import works  # after stdout is safe

        adapter = import_module(f"benchmarks.peers.adapters.{peer}")
        say(result=getattr(works, work)(adapter, step, **json.loads(options)))
    except BaseException:  # noqa: BLE001  # the other side wants the text
        say(error=traceback.format_exc(limit=-4))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
