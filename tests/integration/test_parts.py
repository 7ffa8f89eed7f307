"""The example and the parts themselves: what is promised beside the running world."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from parts.files_service import EXAMPLE
from parts.install import ROOT, environment

_UNTIL_CTRL_C = """
import signal

from parts.ministack import MiniStack

with MiniStack() as aws:
    print(aws.port, aws.folder, flush=True)
    signal.pause()
"""


def test_template_passes_cfn_lint() -> None:
    """CloudFormation's own rules, without MiniStack's leniency."""
    done = subprocess.run(
        [environment("checks") / "cfn-lint", EXAMPLE / "template.yaml"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_build_for_aws_holds_packages_for_lambdas_python(tmp_path: Path) -> None:
    """Compiled packages are Lambda's, not this machine's. Takes seconds: pip installs them."""
    subprocess.run([environment("ministack") / "python", EXAMPLE / "build.py", "--to", tmp_path], check=True)

    code = tmp_path / "caller"
    assert (code / "s2sauth" / "__init__.py").exists()
    assert (code / "cryptography").exists()  # for a shared store
    assert not (code / "boto3").exists()  # Lambda's Python has it
    compiled = [path.name for path in code.rglob("*.so")]
    assert compiled
    assert [name for name in compiled if not name.endswith((".cpython-313-x86_64-linux-gnu.so", ".abi3.so"))] == []
    machines = {path.read_bytes()[18:20] for path in code.rglob("*.so")}
    assert machines == {b"\x3e\x00"}  # ELF's number for x86_64


def test_ctrl_c_leaves_nothing_behind() -> None:
    """No server, no folder. Starts MiniStack: a second or two."""
    with subprocess.Popen(
        [sys.executable, "-c", _UNTIL_CTRL_C],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdout is not None
        port, folder = run.stdout.readline().split()
        assert Path(folder).exists()
        run.send_signal(signal.SIGINT)

    assert not Path(folder).exists()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", int(port)))
