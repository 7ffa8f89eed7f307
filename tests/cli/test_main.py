"""What holds for every command: exit codes, streams, colour, Ctrl-C, and the process."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from s2sauth.testing import FakeCognito
from tests.cli.conftest import Ran, Run, main

COST = ["cost", "--processes", "5"]
PYTHON = [sys.executable, "-m", "s2sauth"]


def test_help_names_the_commands(run: Run) -> None:
    """On stdout; without a command it is a mistake."""
    ran = run("--help")
    assert ran.code == 0
    commands = ("token", "claims", "call", "doctor", "cost", "explain", "local", "demo")
    assert re.findall(r"^    (\w+) +\w", ran.out, re.MULTILINE) == [*commands]
    assert run().code == 2
    assert run("toke").code == 2
    assert run("--version").out.startswith("s2sauth ")


def test_no_option_takes_a_secret(run: Run) -> None:
    """A command line is seen by every process of the machine; who tries sees no value repeated."""
    assert "--client-secret" not in run("token", "--help").out
    for words in (
        ["--client-secret", "hunter2"],
        ["--client-secret=hunter2"],
        ["--secret=hunter2"],
        ["-shunter2"],
        ["hunter2"],
    ):
        ran = run("token", *words)
        assert (ran.code, ran.out) == (2, "")
        assert "s2sauth: error: not known: " in ran.err
        assert "hunter2" not in ran.err


def test_arguments_come_from_the_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As the entry point calls it."""
    monkeypatch.setattr(sys, "argv", ["s2sauth", *COST])
    assert main() == 0
    assert "tokens a month" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "code", "kind"),
    [
        (lambda fake: fake.refuse(), 3, "TokenUnavailable"),
        (lambda fake: fake.rotate_secret(), 1, "InvalidClient"),
        (lambda fake: fake.answer_json({}), 1, "TokenResponseInvalid"),
    ],
)
def test_exit_code_says_whose_turn_it_is(
    break_it: Callable[[FakeCognito], object], code: int, kind: str, run: Run, fake: FakeCognito
) -> None:
    """With --json the error is a document too. The first takes the two pauses between three attempts."""
    break_it(fake)
    ran = run("token", "--json")
    assert (ran.code, ran.json["error"]["type"], ran.json["error"]["exit_code"]) == (code, kind, code)
    assert ran.err.startswith("s2sauth: ")
    assert ran.err.endswith(f"\nMore: python -m s2sauth explain {ran.json['error']['topic']}\n")
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("bare")
def test_missing_settings_are_listed(run: Run) -> None:
    """In one error; stdout stays empty."""
    ran = run("token")
    assert (ran.code, ran.out) == (2, "")
    assert "COGNITO_DOMAIN" in ran.err
    assert "APP_CLIENT_SECRET" in ran.err


def test_ctrl_c_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """130, and no word."""

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("s2sauth._cli._cost.run", interrupted)
    assert run(*COST) == Ran(130, "", "")


def test_ctrl_c_while_cognito_is_silent(fake: FakeCognito) -> None:
    """The process ends at once, with no word, though a token request is under way. An interpreter has to start."""
    fake.hang()
    process = subprocess.Popen([*PYTHON, "token"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fake.wait_for_token_requests(timeout=60)
    while process.poll() is None:  # again after a while: Python may overlook one in the moment that it begins to wait
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)  # a second one during the interpreter's end would kill it
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130


def test_a_defect_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is expected is turned into a sentence."""
    monkeypatch.setattr("s2sauth._cli._cost.run", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(*COST)


def test_python_m(fake: FakeCognito) -> None:
    """The process: a result on stdout, an exit code. An interpreter takes half a second to start."""
    done = subprocess.run([*PYTHON, "token"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert fake.client_id in done.stdout
    assert fake.tokens_issued == 1


def test_the_librarys_warnings_are_not_shown(fake: FakeCognito) -> None:
    """What they are about, the command says itself, once, and where there is more. An interpreter has to start."""
    command = [*PYTHON, "token", "--scope", "no/such"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said, more = done.stderr.splitlines()
    assert (done.returncode, done.stdout, said.partition(":")[0]) == (1, "", "s2sauth")
    assert more == "More: python -m s2sauth explain invalid_scope"
    assert len(fake.token_requests) == 1


def test_output_that_nobody_reads() -> None:
    """`| head` may leave early: no traceback. An interpreter takes half a second to start."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*PYTHON, *COST], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_on_a_full_disk(stream: str) -> None:
    """Is told where there is room for it: no traceback. An interpreter takes half a second to start."""
    command = [*PYTHON, *COST] if stream == "stdout" else [*PYTHON, "explain", "no such topic"]
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        done = subprocess.run(command, **streams, text=True, check=False, timeout=60)
    assert done.returncode == 1
    if stream == "stdout":
        assert done.stderr == "s2sauth: the output cannot be written: No space left on device\n"
    else:
        assert done.stdout == ""


def test_error_that_nobody_reads(bare: pytest.MonkeyPatch) -> None:
    """The document of an error as well. An interpreter takes half a second to start."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [*PYTHON, "token", "--json"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX shell")
def test_streams_that_are_closed() -> None:
    """As with `>&-`: the exit code is all that is left. An interpreter takes half a second to start."""
    command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *PYTHON]
    assert subprocess.run([*command, *COST], check=False, timeout=60).returncode == 0
    assert subprocess.run([*command, "explain", "no such topic"], check=False, timeout=60).returncode == 2


def test_output_that_has_no_such_character(bare: pytest.MonkeyPatch) -> None:
    """A stream that is not UTF-8 gets an escape instead. An interpreter takes half a second to start."""
    bare.setenv("PYTHONIOENCODING", "ascii:strict")
    command = [*PYTHON, "explain", "TokenUnavailable"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"The token request failed, \\u2026, another name" in done.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_on_a_terminal(no_color: str, coloured: bool, bare: pytest.MonkeyPatch) -> None:
    """A pseudo-terminal gets colour, and with NO_COLOR none. An interpreter takes half a second to start."""
    bare.setenv("NO_COLOR", no_color)
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    ours, theirs = pty.openpty()
    try:
        assert subprocess.run([*PYTHON, *COST], stdout=theirs, check=False, timeout=60).returncode == 0
        assert (b"\033[1m" in os.read(ours, 4096)) is coloured
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_command_imports_itself_alone() -> None:
    """Each module of a command is imported only when it is used."""
    code = (
        "import atexit, runpy, sys\n"
        "loaded = lambda: print(*[name for name in sys.modules if 's2sauth._cli._' in name], file=sys.stderr)\n"
        "atexit.register(loaded)\n"
        f"sys.argv[1:] = {COST}\n"
        "runpy.run_module('s2sauth', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    loaded = {name.removeprefix("s2sauth._cli.") for name in done.stderr.split()}
    assert "_cost" in loaded
    assert not loaded & {"_token", "_claims", "_call", "_doctor", "_explain", "_local", "_demo", "_live", "_checks"}
