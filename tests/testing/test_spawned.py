"""FakeCognito in a process of its own: the same methods, and an end with its parent."""

import os
import signal
import ssl
import subprocess
import sys

import httpx
import pytest
import trustme

from s2sauth.testing import FakeCognito, ManualClock


@pytest.fixture(scope="module")
def spawned():
    with FakeCognito.spawn(client_id="abc", expires_in=300) as fake:
        yield fake


def test_methods_and_attributes_are_those_of_the_child(spawned, ask, call):
    """Arguments go there, values and records come back."""
    assert spawned.start() is spawned
    assert spawned.client_id == "abc"
    spawned.fail(503, times=1)
    assert ask(spawned).status_code == 503
    answer = ask(spawned).json()
    assert answer["expires_in"] == 300
    assert call(spawned, answer["access_token"]).status_code == 200
    spawned.wait_for_token_requests(2)
    assert [record.status for record in spawned.token_requests] == [503, 200]
    assert spawned.counts()["tokens_issued"] == spawned.tokens_issued == 1
    assert spawned.environ["COGNITO_DOMAIN"] == spawned.domain
    assert spawned.rotate_secret("x" * 30, keep_old=True) == spawned.client_secret


def test_errors_of_the_child_are_raised_here(spawned):
    """As they would be without the process between; a name that does not exist is an error too."""
    with pytest.raises(TimeoutError, match="requests arrived"):
        spawned.wait_for_api_requests(99, timeout=0.01)
    with pytest.raises(LookupError):
        spawned.revoke("foreign")
    with pytest.raises(AttributeError):
        _ = spawned.no_such_thing


def test_tls_takes_the_paths_of_certificate_and_key(tmp_path):
    """One PEM file may hold both."""
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FakeCognito.spawn(certfile=str(pem)) as fake:
        assert httpx.get(fake.api_url, verify=trusting, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"certfile": "/no/such/file"}, FileNotFoundError, id="no-certificate"),
        pytest.param({"colour": "red"}, TypeError, id="unknown-option"),
        pytest.param({"clock": ManualClock()}, TypeError, id="clock-of-this-process"),
    ],
)
def test_what_cannot_start_raises_here_and_leaves_no_process(options, error):
    """The child's own error; a child left behind would be a ResourceWarning."""
    with pytest.raises(error):
        FakeCognito.spawn(**options)


def test_after_close_or_death_every_call_says_so():
    """And close() may be called again."""
    fake = FakeCognito.spawn()
    fake.close()
    fake.close()
    with pytest.raises(RuntimeError, match="ended"):
        fake.recover()
    killed = FakeCognito.spawn()
    killed._process.kill()
    killed._process.wait()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="ended"):
            killed.counts()
    killed.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals as on POSIX")
def test_it_ignores_the_interrupt_that_is_its_parents():
    """Ctrl-C in a terminal reaches the child as well."""
    with FakeCognito.spawn() as fake:
        fake._process.send_signal(signal.SIGINT)
        assert fake.counts()["token_requests"] == 0


def test_it_dies_with_its_parent(connect):
    """Even when the parent had no time to say so."""
    code = (
        "import os; from s2sauth.testing import FakeCognito; fake = FakeCognito.spawn(); "
        "print(fake.domain, flush=True); input(); os._exit(9)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as parent:
        sock = connect(parent.stdout.readline().strip())
        parent.stdin.write("\n")
    assert sock.recv(1) == b""
