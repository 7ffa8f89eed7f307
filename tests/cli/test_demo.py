"""`s2sauth demo`, made short, with MiniStack in the environment of the extra; each show takes ten seconds."""

import io
import os
import pty
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console as Rich
from rich.console import Group

from s2sauth._cli import _demo, main
from s2sauth._cli._live import Display
from s2sauth.local import _show
from s2sauth.local._show import Row
from s2sauth.local._timeline import Moment
from tests.cli.conftest import Run
from tests.support.processes import running_below


@pytest.fixture(autouse=True)
def short(bare: pytest.MonkeyPatch) -> None:
    """The show, and a terminal of 80 columns."""
    bare.setattr(_show, "CALLS", 40)
    bare.setattr(_show, "LIFE", 4.0)
    bare.setenv("TERM", "xterm-256color")
    bare.setenv("COLUMNS", "80")


@contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A pseudo-terminal as stdout, and what comes out of it, complete after the block."""
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
    assert ran.code == 0, ran.out + ran.err
    assert re.search(r"40 calls from threads and tasks +40 +1 +ok +40 answered 200\n", ran.out)
    assert re.search(r"  Cognito  =+x+=+ +down for 0\.[89] s\n  tokens   o +x[ x]*o.*\n  revoked +x", ran.out)
    assert re.search(r"calls with a token each would have cost \$0\.\d\d;\n  6 tokens cost \$0\.0135", ran.out)
    assert ran.out.isascii()
    assert re.search(r"  40 calls \.\.\. 8 16 24 32 40 \d+\.\d s\n", ran.err)


def test_on_a_terminal_it_is_drawn(folder: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While it goes on, in 80 columns; the last picture stays, the cursor is back, and stderr is empty."""
    with terminal(bare) as drawn:
        assert main(["demo"]) == 0
    text = b"".join(drawn).decode()
    assert "starting MiniStack ..." in text
    assert text.count("\033[?25l") == text.count("\033[?25h") == 1
    last = re.sub(r"\033\[[\d;]*m", "", text.rpartition("\033[2K")[2])
    assert "✓ 40 calls from threads and tasks" in last
    assert re.search(r"  Cognito  ━+╳+━+ down for 0\.[89] s", last)
    assert "6 tokens cost $0.0135" in last
    assert max(map(len, last.splitlines())) <= 80
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", [True, False])
def test_ctrl_c(live: bool, folder: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ends all that it started, and leaves the terminal as it was."""

    def interrupt(self: object, what: str) -> None:
        if what.startswith("deploying"):
            assert running_below(folder)
            os.kill(os.getpid(), signal.SIGINT)

    bare.setattr(Display if live else _demo.Progress, "begins", interrupt)
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


def test_without_the_extra(run: Run) -> None:
    """It says what to install. An interpreter without MiniStack is asked, which takes a moment."""
    ran = run("demo", "--json")
    assert ran.code == 2
    assert 'pip install "s2sauth[local]"' in ran.json["error"]["message"]


def test_without_rich(bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal wants it."""
    bare.setenv("TERM", "xterm")
    bare.delitem(sys.modules, "s2sauth._cli._live", raising=False)
    bare.setitem(sys.modules, "rich.console", None)
    with terminal(bare) as drawn:
        assert main(["demo"]) == 2
    assert 'rich.console is missing: pip install "s2sauth[local]"' in capsys.readouterr().err
    assert b"".join(drawn) == b""


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "drawn"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": ""}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
    ],
    ids=["terminal", "file", "dumb", "no TERM", "NO_COLOR", "empty NO_COLOR"],
)
def test_where_it_is_drawn(stream: io.StringIO, environ: dict[str, str], drawn: bool, bare: pytest.MonkeyPatch) -> None:
    """A terminal that can, and somebody who did not ask for none of it."""
    for name, value in environ.items():
        bare.setenv(name, value)
    assert _demo.draws(stream) is drawn


def picture(display: Display) -> str:
    """What a terminal of 80 columns shows."""
    out = io.StringIO()
    Rich(file=out, width=80, color_system=None).print(Group(display))
    return out.getvalue()


def test_display_grows_with_the_show() -> None:
    """What is done, what is under way, and the timeline from its first moment on."""
    display = Display()
    assert picture(display).strip() == ""
    display.begins("1,000 calls")
    display.comes_to(400)
    assert "1,000 calls ... 400 0 s" in picture(display)
    display.ends(1.0)
    assert picture(display).strip() == ""
    display.show.rows += [Row("one", "fine", 1, 2), Row("two", "bad", 2, 1, ok=False)]
    display.show.timeline.now = 1.0
    display.show.timeline.calls.append(Moment(0.5, good=True))
    shown = picture(display)
    assert re.search(r"✓ one +1 call +2 tokens\n    fine", shown)
    assert re.search(r"✗ SHORT two +2 calls +1 token\n    bad", shown)
    assert re.search(r"calls +━", shown)
    assert not display.show.ok
