"""What the figures share: the command line, the table with its exit code, child processes, a private CA.

A command is a file beside this one:

    from _support import Report, command, progress

    def figures(report: Report) -> None:
        with FakeCognito.spawn(latency=0.1) as fake:
            progress("200 threads")
            ...
            report.row("cold: token requests", 1, exactly=1, hand_written=200)
            report.row("cold: all served", 0.31, at_most=1.0, unit="s")
            report.row("for comparison", 0.2)  # without a requirement

    if __name__ == '__main__':  # child processes import the file too
        command("What many callers at once cost", figures)

`python benchmarks/NAME.py` prints the table and exits with 1 when a figure falls short; `--json` prints it as JSON;
`--ci` asks for a shorter run (`report.ci`) with the same requirements. A command may have options of its own:
`add_options` gets the parser, `report.options` has what was given.
"""

import argparse
import faulthandler
import json
import multiprocessing
import os
import platform
import shutil
import signal
import ssl
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from operator import eq, ge, le
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import certifi
import httpx
import trustme

from s2sauth import CognitoClientCredentials, __version__
from s2sauth.testing import FakeCognito

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))  # for `from parts import …` in the commands

Value = float | str | None
"""A number, a text that says more than a number, or nothing."""
Times = Mapping[str, list[float]]
"""By name what was measured, a figure for each round."""

_DIGITS = {"us": 2, "ms": 1, "s": 2, "x": 3}
"""Shown behind the point, by unit."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; numbers in `unit`."""

    what: str
    required: str
    s2sauth: Value
    hand_written: Value
    floor: Value
    unit: str
    ok: bool | None
    """None: there is no requirement."""
    spread: tuple[float, float] | None = None
    """Least and most of the rounds, of which `s2sauth` is the median."""

    def cells(self) -> tuple[str, ...]:
        """As printed."""
        verdict = {True: "ok", False: "SHORT", None: ""}[self.ok]
        ours, *others = (_shown(value, self.unit) for value in (self.s2sauth, self.hand_written, self.floor))
        if self.spread is not None:
            low, high = (f"{one:,.{_DIGITS.get(self.unit, 2)}f}" for one in self.spread)
            ours += f" ({low}–{high})"
        return (self.what, self.required, ours, *others, verdict)


class Report:
    """The table of one command."""

    _HEAD = ("what", "required", "s2sauth", "hand-written", "floor", "")

    def __init__(self, title: str, options: argparse.Namespace) -> None:
        self.title = title
        self.options = options
        """What the command line said."""
        self.ci: bool = options.ci
        """A shorter run is asked for."""
        self.rows: list[Row] = []
        self.notes: list[str] = []

    def row(
        self,
        what: str,
        s2sauth: Value,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        exactly: float | None = None,
        unit: str = "",
        hand_written: Value = None,
        floor: Value = None,
        spread: tuple[float, float] | None = None,
    ) -> None:
        """Add a figure. `at_most` and `at_least` together are a range; without any of the three nothing is required."""
        every = (("", exactly, eq), (">= ", at_least, ge), ("<= ", at_most, le))
        limits = [(sign, limit, holds) for sign, limit, holds in every if limit is not None]
        required = ", ".join(sign + _shown(limit, unit) for sign, limit, _ in limits)
        ok = all(holds(s2sauth, limit) for _, limit, holds in limits) if limits else None
        self.rows.append(Row(what, required, s2sauth, hand_written, floor, unit, ok, spread))

    def parts(
        self, what: str, times: Times, unit: str = "us", *, at_most: float | None = None, alone: bool = False
    ) -> None:
        """The whole, which is what the last of these takes more than the first, and unless `alone` each step to it.

        `at_most`: the last one takes at most so many times as long as the first.
        """

        def row(what: str, low: list[float], high: list[float]) -> None:
            steps = [b - a for a, b in zip(low, high, strict=True)]
            self.row(what, median(steps), spread=(min(steps), max(steps)), unit=unit)

        rungs = list(times.values())
        row(what, rungs[0], rungs[-1])
        if at_most is not None:
            ratio = median(b / a for a, b in zip(rungs[0], rungs[-1], strict=True))
            self.row(f"  with all of them, of {next(iter(times))}", ratio, at_most=at_most, unit="x")
        for (_, low), (name, high) in pairwise(() if alone else times.items()):
            row(f"  {name}", low, high)

    def note(self, text: str) -> None:
        """Add a line below the table."""
        self.notes.append(text)

    @property
    def ok(self) -> bool:
        """Whether all requirements are met, and there was at least one."""
        verdicts = [row.ok for row in self.rows if row.ok is not None]
        return bool(verdicts) and all(verdicts)

    def text(self) -> str:
        """The table as text."""
        lines = [self._HEAD, *(row.cells() for row in self.rows)]
        padded = [
            # The names to the left, all that is compared to the right.
            [f"{cell:{'<' if column[0] in {'what', ''} else '>'}{max(map(len, column))}}" for cell in column]
            for column in zip(*lines, strict=True)
            if any(column[1:])
        ]
        shown = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
        rule = "-" * max(map(len, shown))
        return "\n".join([f"{self.title} ({_environment()})", "", shown[0], rule, *shown[1:], *self.notes])

    def json(self) -> str:
        """The table as JSON."""
        rows, where = [asdict(row) for row in self.rows], _environment()
        table = {"title": self.title, "environment": where, "ok": self.ok, "rows": rows, "notes": self.notes}
        return json.dumps(table, indent=2)


def _shown(value: Value, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    digits = 0 if isinstance(value, int) and unit not in _DIGITS else _DIGITS.get(unit, 2)
    return f"{value:,.{digits}f} {unit}".strip()


def _environment() -> str:
    return f"s2sauth {__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.system()}"


def command(
    title: str,
    figures: Callable[[Report], object],
    *,
    add_options: Callable[[argparse.ArgumentParser], object] = lambda _: None,
) -> NoReturn:
    """Run `figures` and print what it reported. Exits with 0; 1 when a figure falls short; 2 after an error."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--ci", action="store_true", help="a shorter run, with the same requirements")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    add_options(parser)
    arguments = parser.parse_args()
    report = Report(title, arguments)
    status = 0
    began = time.perf_counter()
    try:
        figures(report)
    except Exception:  # noqa: BLE001  # the figures taken so far are still worth printing
        traceback.print_exc()
        report.note("Stopped by an error: see above.")
        status = 2
    progress(f"took {time.perf_counter() - began:.0f} s")
    print(report.json() if arguments.json else report.text())
    sys.exit(status or not report.ok)


def progress(text: str) -> None:
    """Say on stderr what is being done."""
    print(f"... {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files."""

    certfile: str
    """A certificate for `localhost` and 127.0.0.1."""
    keyfile: str
    cafile: str
    """The private CA that signed it."""
    bundle: str
    """The same behind the usual public CAs: a file that takes as long to read as in real life."""


@contextmanager
def private_ca() -> Iterator[Tls]:
    """A private CA and a server certificate of it, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="s2sauth-") as folder:
        tls = Tls(*(str(Path(folder, name)) for name in ("cert.pem", "key.pem", "ca.pem", "bundle.pem")))
        ca = trustme.CA()
        server = ca.issue_cert("localhost", "127.0.0.1")
        server.private_key_pem.write_to_path(tls.keyfile)
        for pem in server.cert_chain_pems:
            pem.write_to_path(tls.certfile, append=True)
        ca.cert_pem.write_to_path(tls.cafile)
        shutil.copyfile(certifi.where(), tls.bundle)
        ca.cert_pem.write_to_path(tls.bundle, append=True)
        yield tls


@contextmanager
def cognito_over_tls(**options: Any) -> Iterator[tuple[FakeCognito, dict[str, str]]]:
    """`FakeCognito` in a process of its own, over TLS, and the environment of a service that uses and trusts it."""
    with private_ca() as tls, FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, **options) as fake:
        yield fake, {**fake.environ, "SSL_CERT_FILE": tls.bundle}


def trusting(environ: dict[str, str]) -> CognitoClientCredentials:
    """Credentials of such a service, in a process whose environment trusts another CA."""
    context = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
    return CognitoClientCredentials.from_env(environ=environ, http_client=lambda: httpx.Client(verify=context))


def in_own_process(function: Callable[..., Any], *arguments: Any, timeout: float = 60.0) -> Any:
    """What `function`, of the command's top level, returns in a fresh interpreter. Values are pickled both ways.

    Raises RuntimeError, with the child's traceback, if it raised, and TimeoutError after `timeout` seconds.
    """
    return InOwnProcess(function, *arguments).result(timeout)


def side_by_side(function: Callable[..., Any], *runs: tuple[Any, ...], timeout: float = 120.0) -> list[Any]:
    """The same for each of `runs`, all at the same time: they share the machine's moods that way."""
    processes = [InOwnProcess(function, *arguments) for arguments in runs]
    return [process.result(timeout) for process in processes]


def together(function: Callable[..., Any], *runs: tuple[Any, ...]) -> list[Any]:
    """`side_by_side`; each run gets a barrier besides, to wait at when it is set up.

    None takes its figures while others still start.
    """
    start = multiprocessing.get_context("spawn").Barrier(len(runs))
    try:
        return side_by_side(function, *((*arguments, start) for arguments in runs))
    finally:
        start.abort()  # if one has failed, the others need not wait for it


class InOwnProcess:
    """The same for several at once: all run from the start, `result()` waits. With `method="fork"` it is a fork."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, method: str = "spawn") -> None:
        context: Any = multiprocessing.get_context(method)
        self._name = function.__name__
        self._answer, answer = context.Pipe(duplex=False)
        # Not daemonic: such a process may not have children, and a FakeCognito is one.
        self._process = context.Process(target=_run, args=(answer, function, arguments))
        self._process.start()
        answer.close()

    def result(self, timeout: float = 60.0) -> Any:
        """Wait for it; as `in_own_process`."""
        try:
            if not self._answer.poll(timeout):
                os.kill(self._process.pid, signal.SIGABRT)  # says where it hangs
                self._process.join(5)
                raise TimeoutError(f"{self._name}() did not end within {timeout:g} s")
            failed, value = self._answer.recv()
            self._process.join(5)
        except EOFError:
            raise RuntimeError(f"{self._name}() died without an answer") from None
        finally:
            self._process.kill()  # nothing, if it has ended
            self._process.join()
            self._answer.close()
        if failed:
            raise RuntimeError(f"{self._name}() failed in a process of its own:\n{value}")
        return value


def _run(answer: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    faulthandler.enable()
    try:
        answer.send((False, function(*arguments)))
    except Exception:  # noqa: BLE001  # raised again in the parent
        answer.send((True, traceback.format_exc()))
