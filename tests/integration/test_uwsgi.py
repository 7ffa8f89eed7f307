"""uWSGI forks its workers in C code: each gets its token, whatever the options are, and renews it.

uWSGI calls Python's fork hooks only when `--py-call-osafterfork` or `--py-call-uwsgi-fork-hooks` says so.
"""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from parts.programs import UWSGI
from s2sauth.testing import FakeCognito
from tests.support.tls import authority, server_context

STARTS = 8
"""Of each configuration."""
AT_ONCE = 4
"""Starts side by side: the machine is busier than a server's at a deploy, so threads are met in more places."""
LIFE = 6
"""Seconds for which a token is valid in the test that lets one become STALE: after 4.5 to 5.1 s."""
PATIENCE = 20.0
"""Seconds that one call may take; longer than any deadline of the library."""

FORK_HOOK = "--py-call-osafterfork" if sys.version_info < (3, 13) else "--py-call-uwsgi-fork-hooks"
"""On Python 3.13 uWSGI 2.0.30 answers no request with the first one, whatever the application is."""

OPTIONS = [
    pytest.param((), id="its defaults"),
    pytest.param(("--enable-threads",), id="threads"),
    pytest.param(("--lazy-apps",), id="imported by each worker"),
    pytest.param((FORK_HOOK,), id="Python's fork hooks"),
]

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 15), reason="pyuwsgi has no wheel for Python 3.15")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, and a CA file as large as a usual one, which takes time to read."""
    folder = tmp_path_factory.mktemp("certificates")
    ours = authority().cert_pem.bytes().decode()
    (folder / "ca.pem").write_text(Path(certifi.where()).read_text(encoding="ascii") + ours, encoding="ascii")
    authority().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


@pytest.fixture
def cognito(certificates: Path) -> Iterator[FakeCognito]:
    """A token endpoint, slow enough that a worker's first call leaves the next one to the other worker; and an API."""
    pem = str(certificates / "server.pem")
    with FakeCognito.spawn(certfile=pem, keyfile=pem, latency=0.2) as cognito:
        yield cognito


@pytest.fixture
def environ(cognito: FakeCognito, certificates: Path) -> dict[str, str]:
    """The variables of a program that uses it. At DEBUG the log would be long, and threads would wait for its lock."""
    return {**cognito.environ, "SSL_CERT_FILE": str(certificates / "ca.pem"), "LOG_LEVEL": "INFO"}


def ask(program: UWSGI) -> tuple[int | None, str]:
    """Which worker answered a call, or None, and what else there is to say."""
    try:
        answer = httpx.get(f"{program.url}/files", timeout=PATIENCE, trust_env=False, verify=False)
    except httpx.HTTPError as error:
        return None, f"{type(error).__name__} after {PATIENCE:g} s"
    return (answer.json()["worker"], "") if answer.status_code == 200 else (None, str(answer.status_code))


def failures(program: UWSGI) -> list[str]:
    """What callers were told before each of two workers had answered one."""
    seen: set[int] = set()
    until = time.monotonic() + PATIENCE
    with ThreadPoolExecutor(4) as callers:
        while len(seen) < 2:
            answers = list(callers.map(lambda _: ask(program), range(4)))
            if failed := [text for worker, text in answers if worker is None]:
                return failed
            seen |= {worker for worker, _ in answers if worker is not None}
            assert time.monotonic() < until, f"only {seen} answered"
    return []


@pytest.mark.fault(161)
@pytest.mark.parametrize("options", OPTIONS)
def test_no_worker_of_uwsgi_is_without_a_token(environ: dict[str, str], options: tuple[str, ...]) -> None:
    """Hook and client are made at module level, before the fork. Eight starts of three processes: some seconds."""

    def start(_: int) -> list[str]:
        with UWSGI("web:app", environ, *options) as program:
            return failures(program)

    with ThreadPoolExecutor(AT_ONCE) as starts:
        assert list(starts.map(start, range(STARTS))) == [[]] * STARTS


@pytest.mark.parametrize(("option", "requests"), [("--py-call-uwsgi-fork-hooks", 1), ("--lazy-apps", 2)])
def test_workers_of_uwsgi_share_the_token_fetched_before_the_fork(
    cognito: FakeCognito, environ: dict[str, str], option: str, requests: int
) -> None:
    """With Python's fork hooks, which wait until the thread of the token request has ended.

    Without them a worker now and then hangs in Python itself. Starts three processes: a second or two.
    """
    with UWSGI("warm:app", environ, option) as program:
        assert failures(program) == []
    assert cognito.counts()["token_requests"] == requests


def tokens(cognito: FakeCognito) -> set[str | None]:
    """What the API was sent."""
    return {call.header("authorization") for call in cognito.api_requests}


def heal_and_renew(environ: dict[str, str], options: tuple[str, ...]) -> None:
    """Let both workers have a token revoked, and then renew one while callers go on."""
    with FakeCognito(ssl_context=server_context(), expires_in=LIFE) as cognito:
        with UWSGI("web:app", {**environ, **cognito.environ}, *options) as program:

            def call() -> None:
                worker, text = ask(program)
                assert worker is not None, f"{options}: {text}"

            def call_until(condition: Callable[[], bool]) -> None:
                until = time.monotonic() + PATIENCE
                while not condition():
                    assert time.monotonic() < until, f"{options}: it never came to that"
                    call()

            assert failures(program) == []
            old = time.monotonic() + LIFE / 10  # a younger token is not renewed because an API refuses it
            call_until(lambda: time.monotonic() > old)
            cognito.revoke()
            call_until(lambda: cognito.counts()["tokens_issued"] == 4)
            assert cognito.counts()["api_401"] == 2

            used = tokens(cognito)
            cognito.gate()
            call_until(lambda: cognito.counts()["token_requests"] > 4)
            for _ in range(4):
                call()  # nobody waits
            assert tokens(cognito) == used
            cognito.release()
            call_until(lambda: len(tokens(cognito) - used) == 2)
            assert cognito.counts()["api_401"] == 2


def test_workers_of_uwsgi_heal_a_401_and_renew_while_nobody_waits(environ: dict[str, str]) -> None:
    """All options side by side, for ten seconds: a token has to become STALE while uWSGI waits for requests."""
    with ThreadPoolExecutor(len(OPTIONS)) as programs:
        options: list[Any] = [parameter.values[0] for parameter in OPTIONS]
        list(programs.map(partial(heal_and_renew, environ), options))
