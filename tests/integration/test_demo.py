"""`s2sauth demo`, which `scripts/demo` runs in an environment that has s2sauth and nothing more."""

import json
import os
import signal
import subprocess
from pathlib import Path

from parts.install import environment
from parts.ministack import made_by_s2sauth
from tests.support.processes import is_left_alone, running_below


def command() -> list[str]:
    """As `scripts/demo --json` runs it."""
    python = environment("extra-none", s2sauth=True) / "python"
    return [str(python), "-m", "s2sauth", "demo", "--json", "--ministack", str(made_by_s2sauth())]


def test_it_shows_one_token_for_a_thousand_calls(tmp_path: Path) -> None:
    """Takes half a minute, since it is the whole show: every row came out as it must, and nothing is left behind."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command(), env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout)
    rows = {row["what"]: row for row in shown["rows"]}
    many = rows["1,000 calls from threads and tasks"]
    assert (many["calls"], many["tokens"], many["ok"]) == (1000, 1, True)
    assert "demo/write.file" in rows["POST /files without the scope"]["result"]
    assert shown["dollars"] < shown["dollars_with_a_token_per_call"] / 100
    assert "deploying" in done.stderr
    assert is_left_alone(tmp_path)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_all_that_it_started(tmp_path: Path) -> None:
    """Takes some seconds, since MiniStack must be up: it is gone afterwards, with its folder."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command(), env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        assert demo.stderr is not None
        told = b""
        while b"deploying" not in told:
            told += demo.stderr.read(1)
        assert running_below(tmp_path)
        demo.send_signal(signal.SIGINT)
        _, rest = demo.communicate(timeout=60)
    assert demo.returncode == 130, told + rest
    assert is_left_alone(tmp_path)
    assert not list(tmp_path.iterdir())
