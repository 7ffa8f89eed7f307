"""`s2sauth demo`, made short, with MiniStack; each show takes some seconds.

Its outage goes by in real time. A busy machine falls behind, and the show rightly says SHORT. The whole show, in
tests/integration, is the one that must come out well; these tests are about what is printed.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Run, main
from tests.support.processes import running_below


@pytest.fixture(autouse=True)
def short(bare: pytest.MonkeyPatch) -> None:
    """The show, and a terminal of 80 columns."""
    bare.setattr("s2sauth.local._show.CALLS", 40)
    bare.setattr("s2sauth.local._show.LIFE", 2.0)
    bare.setenv("TERM", "xterm-256color")
    bare.setenv("COLUMNS", "80")


@contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A pseudo-terminal as stdout, and what comes out of it, complete after the block."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    ours, theirs = pty.openpty()
    drawn: list[bytes] = []

    def read() -> None:
        try:
            while True:
                drawn.append(os.read(ours, 65536))
        except OSError:  # nobody has it open any more
            os.close(ours)

    thread = threading.Thread(target=read)
    with os.fdopen(theirs, "w", encoding="utf-8") as out, patch.context() as patched:
        patched.setattr(sys, "stdout", out)
        thread.start()
        yield drawn
    thread.join()


def test_table_timeline_and_sum(run: Run, folder: Path) -> None:
    """As plain text, where nobody looks; progress on stderr."""
    ran = run("demo")
    assert ran.code == (1 if "SHORT" in ran.out else 0), ran.out + ran.err
    assert re.search(r"40 calls from threads and tasks +40 +1 +ok +40 answered 200\n", ran.out)
    assert re.search(r"  Cognito  =+x+=+ +down for 0\.4 s\n  tokens   o[ xo]+ \d+, \d+ failed\n", ran.out)
    assert re.search(r"  revoked +x +every token\n  calls    =[=x ]+ \d+ of \d+, 50/s\n", ran.out)
    assert re.search(r"calls with a token each would have cost \$0\.\d\d;\n  \d tokens cost \$0\.0\d+ ", ran.out)
    assert ran.out.isascii()
    assert re.search(r"  40 calls \.\.\. 8 16 24 32 40 \d+\.\d s\n", ran.err)


def test_on_a_terminal_it_is_drawn(folder: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While it goes on, in 80 columns; the last picture stays, the cursor is back, and stderr is empty."""
    with terminal(bare) as drawn:
        code = main(["demo"])
    text = b"".join(drawn).decode()
    assert "starting MiniStack ..." in text
    assert text.count("\033[?25l") == text.count("\033[?25h") == 1
    last = re.sub(r"\033\[[\d;]*[mKJ]", "", text.rpartition("\033[?25h")[2])
    assert "✓ 40 calls from threads and tasks" in last
    assert re.search(r"  Cognito  ━+╳+━+ down for 0\.4 s", last)
    assert re.search(r"\d tokens cost \$0\.0\d+ ", last)
    assert code == (1 if "SHORT" in last else 0), last
    assert max(map(len, last.splitlines())) <= 80
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", [True, False])
def test_ctrl_c(live: bool, folder: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ends all that it started, and leaves the terminal as it was."""

    def interrupt(self: object, what: str) -> None:
        if what.startswith("deploying"):
            assert running_below(folder)
            os.kill(os.getpid(), signal.SIGINT)

    bare.setattr(f"s2sauth._cli.{'_live.Display' if live else '_demo.Progress'}.begins", interrupt)
    if live:
        with terminal(bare) as drawn:
            assert main(["demo"]) == 130
        text = b"".join(drawn).decode()
        assert text.count("\033[?25l") == text.count("\033[?25h") == 1
    else:
        assert main(["demo"]) == 130
    captured = capsys.readouterr()
    assert "everything that was started is gone" in captured.err
    assert captured.out == ""


def test_environment_without_ministack(run: Run) -> None:
    """What it lacks is named; here it must also have what the caller's Lambda needs."""
    ran = run("demo", "--json", "--ministack", "/usr/bin/env")
    assert ran.code == 2
    assert "--ministack: /usr/bin/env" in ran.json["error"]["message"]
