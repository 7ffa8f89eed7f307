"""`s2sauth local`, as its user runs it: the command, in an environment that has s2sauth and nothing more."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parts.install import environment
from parts.ministack import CACHE
from tests.support.ministack import ministack
from tests.support.processes import is_left_alone, running_below

__all__ = ["ministack"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "local.md"


@pytest.fixture
def environ(tmp_path: Path, ministack: Path) -> Iterator[dict[str, str]]:
    """Of a user with an AWS account; what is made in `tmp_path / "tmp"` must be gone afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    path = f"{environment('extra-none', s2sauth=True)}{os.pathsep}{os.environ['PATH']}"
    account = {"AWS_PROFILE": "no-such-profile", "AWS_ACCESS_KEY_ID": "AKIAOFTHEUSERSACCOUNT"}
    yield {
        "PATH": path,
        "HOME": str(tmp_path),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "XDG_CACHE_HOME": str(CACHE),
        **account,
    }
    assert is_left_alone(folder)
    assert list(folder.iterdir()) == []


def variables(process: subprocess.Popen[str]) -> dict[str, str]:
    """Those of the document that it writes when it is up."""
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        text += process.stdout.readline()
    found: Any = json.loads(text)["variables"]
    return dict(found)


def test_second_terminal(environ: dict[str, str], tmp_path: Path) -> None:
    """With the file of variables a shell makes a call; the secret is in the file and the document alone. Seconds."""
    file = tmp_path / "variables"
    command = ["s2sauth", "local", "--json", "--env-file", str(file)]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as local:
        secret = variables(local)["APP_CLIENT_SECRET"]
        assert secret in file.read_text()
        shell = f'set -a; . {file}; set +a; s2sauth call GET "$FILES_SERVICE_URL/files"'
        called = subprocess.run(["sh", "-c", shell], env=environ, capture_output=True, text=True, check=False)
        command_line = Path(f"/proc/{local.pid}/cmdline").read_text()
        local.send_signal(signal.SIGINT)
        rest, said = local.communicate(timeout=60)
    assert called.returncode == 0, called.stderr
    assert "invoice-2041.pdf" in called.stdout
    assert local.returncode == 130
    assert secret not in rest + said + called.stdout + called.stderr + command_line
    assert not file.exists()


def test_program_of_the_page(environ: dict[str, str]) -> None:
    """Behind `--`: it gets the variables and makes its call. Seconds."""
    program = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    command = ["s2sauth", "local", "--", "python", "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "terms.txt" in done.stdout


def test_exit_code_is_the_commands(environ: dict[str, str]) -> None:
    """Whatever it is; words that look like options are its own. Seconds."""
    command = ["s2sauth", "local", "--", "sh", "-c", 'echo "$@"; exit 9', "sh", "--port", "--", "-x"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (9, "--port -- -x\n")


def test_killed_leaves_no_process(environ: dict[str, str], tmp_path: Path) -> None:
    """And no folder, although nothing was tidied up. Seconds."""
    with subprocess.Popen(
        ["s2sauth", "local", "--json"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as local:
        variables(local)
        (ministack,) = running_below(tmp_path / "tmp")
        descriptor = os.pidfd_open(int(ministack))
        local.kill()
    try:
        assert select.select([descriptor], [], [], 30)[0]
    finally:
        os.close(descriptor)
