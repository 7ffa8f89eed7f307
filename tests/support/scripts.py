"""Scripts that run in an interpreter of their own."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 30
"""After which a script hangs."""


def run(
    script: str | Path,
    environ: Mapping[str, str],
    *,
    executable: str | Path = sys.executable,
    options: Sequence[str] = (),
    before: Sequence[str] = (),
    arguments: Sequence[str] = (),
) -> str:
    """What it prints, which is a text or a file; fails if it ends otherwise than well, or says anything on stderr."""
    code = [str(script)] if isinstance(script, Path) else ["-c", textwrap.dedent(script)]
    done = subprocess.run(
        [*before, str(executable), *options, *code, *arguments],
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


class Running:
    """One that goes on when it is told to: it reads lines and prints lines."""

    def __init__(self, script: str, environ: Mapping[str, str], executable: str | Path = sys.executable) -> None:
        self._process = subprocess.Popen(
            [str(executable), "-c", textwrap.dedent(script)],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._heard = b""
        """What it has printed and nobody has asked for: two lines may come at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, line: str = "") -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def hear(self) -> str:
        """The next line that it prints."""
        out = self._process.stdout
        assert out is not None
        while b"\n" not in self._heard:
            assert select.select([out], [], [], SECONDS)[0], "nothing was heard of it"
            piece = os.read(out.fileno(), 65_536)
            if not piece:
                assert self._process.stderr is not None
                raise AssertionError(self._process.stderr.read())
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode().strip()

    def freeze(self) -> None:
        """Stop it where it is; returns when it stands still."""
        self._process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self._process.pid}/stat")
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "T":
            pass

    def thaw(self) -> None:
        """Let it run again."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, str, str]:
        """Its exit code, and what it has printed since, on stdout and on stderr."""
        out, err = self._process.communicate(timeout=SECONDS)
        return self._process.returncode, (self._heard.decode() + out).strip(), err
