"""gevent patches threads and sockets; it works whether that happens before or after the import of s2sauth."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from s2sauth.testing import FakeCognito
from tests.support.tls import authority, server_context

SCRIPT = """
FIRST
from gevent import monkey; monkey.patch_all()
import gevent, json, time
import s2sauth

credentials = s2sauth.CognitoClientCredentials.from_env()
credentials.httpx_auth("https://api.example.com")
ticks = []


def ticking():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)


clock = gevent.spawn(ticking)
jobs = [gevent.spawn(credentials.get_token) for _ in range(100)]
gevent.joinall(jobs, timeout=10)
tokens = {id(job.value) for job in jobs}
assert all(job.successful() for job in jobs), [job.exception for job in jobs][:1]
print(json.dumps([len(tokens), len(ticks)]))
"""


@pytest.mark.parametrize("first", ["", "import s2sauth; s2sauth.CognitoClientCredentials"], ids=["before", "after"])
def test_greenlets_share_one_flight_and_the_hub_goes_on(fake: FakeCognito, first: str) -> None:
    """A hundred greenlets, one token request; other greenlets run meanwhile. A fresh interpreter, about a second."""
    fake.set_latency(0.2)
    script = textwrap.dedent(SCRIPT).replace("FIRST", first)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**fake.environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tokens, ticks = json.loads(done.stdout)
    assert tokens == 1
    assert ticks > 5
    assert fake.counts()["token_requests"] == 1


LATE = """
import os, sys
import s2sauth

credentials = s2sauth.CognitoClientCredentials.from_env()
credentials.httpx_auth("https://api.example.com")
credentials._engine.open_sender._certificates._reading.acquire()  # the CA file is read
credentials._engine.open_sender._certificates._reading.release()
from gevent import monkey; monkey.patch_all()
print(len(credentials.get_token().scopes))
"""


def test_patch_after_the_hook_was_made_does_not_break_tls(tmp_path: Path) -> None:
    """What was read ahead is of the class that gevent replaces: it is read again. A fresh interpreter, a second."""
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    with FakeCognito(ssl_context=server_context()) as fake:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LATE],
            env={**fake.environ, "SSL_CERT_FILE": str(file)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
