"""`s2sauth local`, with MiniStack; each of the tests with it takes two seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials
from tests.cli.conftest import Run, main
from tests.support.processes import running_below


@pytest.fixture
def until(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command until it has written its variables, then does something; what it wrote is given to that."""

    def run(act: Callable[[str], object], *argv: str) -> int:
        reader, writer = os.pipe()

        def read() -> None:
            with os.fdopen(reader, encoding="utf-8") as lines:
                seen = ""
                for line in lines:
                    seen += line
                    if line.startswith(("export FILES_SERVICE_URL", "}")):
                        act(seen)

        with os.fdopen(writer, "w", encoding="utf-8") as out, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", out)
            thread = threading.Thread(target=read)
            thread.start()
            try:
                code = main(["local", *argv])
            finally:
                out.close()
                thread.join()
        return code

    return run


def call(environ: dict[str, str]) -> int:
    """The status of a call with a token."""
    with CognitoClientCredentials.from_env(environ=environ) as credentials:
        url = environ["FILES_SERVICE_URL"]
        return httpx.get(f"{url}/files", auth=credentials.httpx_auth(url)).status_code


def stop(number: signal.Signals) -> None:
    """As the shell does to the process."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_variables_are_good_until_it_is_stopped(
    name: str, until: Callable[..., int], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell reads them from stdout; a call with a token gets in; then nothing is left."""
    statuses: list[int] = []

    def act(written: str) -> None:
        shell = ["sh", "-c", f"{written}env"]
        lines = subprocess.run(shell, env={}, capture_output=True, text=True, check=True).stdout.splitlines()
        statuses.append(call(dict(line.split("=", 1) for line in lines)))
        assert running_below(folder)
        stop(signal.Signals[name])

    assert until(act) == 130
    assert statuses == [200]
    told = capsys.readouterr().err
    assert "wants a token for demo/read.file" in told
    assert "everything that was started is gone" in told


def test_json_is_one_document(until: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """With the variables, as soon as they are good; the secret is nowhere else."""
    documents: list[Any] = []

    def act(written: str) -> None:
        documents.append(json.loads(written))
        stop(signal.SIGINT)

    assert until(act, "--json") == 130
    (document,) = documents
    assert document["variables"]["COGNITO_DOMAIN"] == document["url"]
    assert document["variables"]["APP_CLIENT_SECRET"] not in capsys.readouterr().err


def test_ministack_that_ends_by_itself(
    until: Callable[..., int], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is a failure, and said."""

    def act(_: str) -> None:
        for pid in running_below(folder):
            os.kill(int(pid), signal.SIGKILL)

    assert until(act) == 1
    assert "MiniStack ended by itself, with exit code -9" in capsys.readouterr().err


def test_command_runs_with_the_variables(run: Run, folder: Path, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In place of the settings that were there; all ends with it, the file for the variables too."""
    file, seen = tmp_path / "variables", tmp_path / "seen"
    for name in ("COGNITO_SCOPES", "COGNITO_CLIENT_SECRET_FILE"):
        bare.setenv(name, "of another world")
    script = f"cp -p {file} {seen} && env >>{seen} && exit 7"
    ran = run("local", "--env-file", str(file), "--", "sh", "-c", script)
    assert (ran.code, ran.out) == (7, "")
    assert not file.exists()
    assert seen.stat().st_mode & 0o777 == 0o600
    text = seen.read_text()
    assert text.count("\nAPP_CLIENT_SECRET=") == 2
    assert "another world" not in text


def test_command_is_sent_the_signals(run: Run, folder: Path) -> None:
    """Ctrl-C is its own affair, since it gets that as well; `kill` is passed on, and the exit code is a shell's."""
    script = "kill -INT $PPID; kill -TERM $PPID; while :; do :; done"
    assert run("local", "--", "sh", "-c", script).code == 128 + signal.SIGTERM


@pytest.mark.usefixtures("folder")
def test_command_that_is_not_there(run: Run) -> None:
    """Is a mistake on the command line."""
    ran = run("local", "--", "/no/such/command")
    assert ran.code == 2
    assert "/no/such/command cannot be run: No such file" in ran.err


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--port", "x"], "--port: use a number, 1 to 65535"),
        (["--port", "65536"], "--port: use a number, 1 to 65535"),
        (["--json", "--", "true"], "--json: the output is COMMAND's own"),
        (["--env-file", __file__], "test_local.py cannot be made: File exists"),
        (["--prot", "1"], "not known: --prot"),
    ],
)
def test_mistakes(argv: list[str], text: str, run: Run) -> None:
    """Nothing is started."""
    ran = run("local", *argv)
    assert ran.code == 2
    assert text in ran.err
    assert "starting" not in ran.err


def test_port_that_is_taken(run: Run) -> None:
    """Is said before anything is started; another's server is never taken for ours."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = run("local", "--port", str(port))
    assert (ran.code, ran.err) == (
        2,
        f"s2sauth: --port: {port} is taken; use another one, or none for one that is free\n",
    )


def test_environment_without_ministack(run: Run) -> None:
    """What it lacks is named; nothing is started or made."""
    ran = run("local", "--json", "--ministack", sys.executable)
    assert ran.code == 2
    message = ran.json["error"]["message"]
    assert message.startswith(f"--ministack: {sys.executable} lacks ministack. ")
    assert "starting" not in ran.err


@pytest.mark.usefixtures("folder")
def test_environment_that_is_named(run: Run, ministack: Path, bare: pytest.MonkeyPatch) -> None:
    """It is used in place of the one in the cache folder, in which nothing could be made."""
    bare.setenv("XDG_CACHE_HOME", "/sys")
    for path in (ministack, ministack.with_name("ministack"), ministack.parents[1]):
        assert run("local", "--ministack", str(path), "--", "true").code == 0


def test_cache_folder_that_takes_nothing(run: Run, bare: pytest.MonkeyPatch) -> None:
    """Is named, with two ways out."""
    bare.setenv("XDG_CACHE_HOME", "/sys")
    ran = run("local", "--json")
    assert ran.code == 2
    message = ran.json["error"]["message"]
    assert message.startswith("The cache folder cannot be used: /sys/s2sauth: ")
    assert "Set XDG_CACHE_HOME to a folder" in message
    assert "--ministack PATH" in message


def test_no_network_at_first_use(run: Run, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another try may help. An environment is made up to there, which takes seconds."""
    bare.setenv("XDG_CACHE_HOME", str(tmp_path))
    bare.setenv("PATH", "/usr/bin:/bin")  # without uv
    bare.setenv("PIP_CONFIG_FILE", os.devnull)
    bare.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody is there
    bare.delenv("PIP_FIND_LINKS", raising=False)
    ran = run("local", "--json")
    assert ran.code == 3
    message = ran.json["error"]["message"]
    assert message.startswith("MiniStack cannot be installed: the package index cannot be reached (")
    assert "Connect to the network and run this again" in message
    assert f"making an environment for MiniStack in {tmp_path}/s2sauth/ministack-" in ran.err


BROKEN = """#!/bin/sh
case $1 in -I) exit 0;; esac  # all packages are there
echo one of them does not work
exit 1
"""


@pytest.mark.parametrize("ours", [True, False])
def test_ministack_that_does_not_start(run: Run, folder: Path, tmp_path: Path, ours: bool) -> None:
    """What it said is told; and, of an environment of ours, that it can be deleted."""
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(BROKEN)
    python.chmod(0o700)
    if ours:
        (environment / "complete").touch()
    ran = run("local", "--ministack", str(environment))
    assert ran.code == 1
    assert "MiniStack does not start" in ran.err
    assert "one of them does not work\n" in ran.err
    assert (f"If it fails again, delete {environment}: the next start makes it again." in ran.err) is ours
