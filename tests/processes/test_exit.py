"""The end of the interpreter; gevent."""

import time
from pathlib import Path
from textwrap import dedent

import certifi
import pytest

from s2sauth.testing import FakeCognito
from tests.support.interpreters import interpreter
from tests.support.scripts import Running, run

FIRST = """
    import asyncio, atexit, os, sys, threading
    import s2sauth
    credentials = s2sauth.CognitoClientCredentials.from_env()
"""
LAST = """
    print("the end", flush=True)
"""
MOMENTS = {
    "with a token": """
        credentials.get_token()
    """,
    "while the CA file is read": """
        import time
        credentials.httpx_auth("https://api.example.com")
        time.sleep(0.01)  # in the middle of it
    """,
    "while daemon threads wait": """
        credentials.httpx_auth("https://api.example.com")
        for _ in range(5):
            threading.Thread(target=credentials.get_token, daemon=True).start()
    """,
    "in mid-flight": """
        try:
            credentials.get_token(timeout=0.05)
        except s2sauth.TokenUnavailable:
            pass
    """,
    "in mid-flight of a cancelled task": """
        async def main():
            await asyncio.wait_for(credentials.aget_token(), 0.05)

        try:
            asyncio.run(main())
        except TimeoutError:
            pass
    """,
    "in a pause of the flight": """
        try:
            credentials.with_scopes("demo/read.file").get_token(timeout=0.05)
        except s2sauth.TokenUnavailable:
            pass
    """,
}
LIMIT = 2.0
"""Seconds: more than the end of an interpreter takes, and less than any wait for an endpoint that does not answer."""
VERSIONS = ["3.11", "3.12", "3.13"]


@pytest.mark.fault(94)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_interpreter_ends(fake: FakeCognito, tmp_path: Path, version: str, moment: str) -> None:
    """Without a wait, with code 0 and without a word, whatever is under way. Half a second each, for an interpreter.

    A machine that is busy with other things gets three tries.
    """
    executable, variables = interpreter(version)
    script = "".join(map(dedent, (FIRST, MOMENTS[moment], LAST)))
    if moment == "while the CA file is read":
        authorities = tmp_path / "many.pem"  # long enough for the end to come in the middle of it
        authorities.write_text(Path(certifi.where()).read_text() * 6)
        variables = {**variables, "SSL_CERT_FILE": str(authorities)}
    if moment == "in a pause of the flight":
        fake.fail(429, headers=[("Retry-After", "5")])
    elif moment != "with a token":
        fake.gate()
    took = []
    while not took or (took[-1] >= LIMIT and len(took) < 3):
        with Running(script, {**fake.environ, **variables}, executable) as process:
            assert process.hear() == "the end"
            began = time.monotonic()
            assert process.end() == (0, "", "")
            took.append(time.monotonic() - began)
    assert took[-1] < LIMIT


HANDLERS = {
    "registered after the import": """
        import s2sauth
        credentials = s2sauth.CognitoClientCredentials.from_env()
        credentials.httpx_auth("https://api.example.com")
        atexit.register(ask)
    """,
    "registered before the import": """
        atexit.register(ask)
        import s2sauth
        credentials = s2sauth.CognitoClientCredentials.from_env()
        credentials.httpx_auth("https://api.example.com")
    """,
    "in mid-flight": """
        import s2sauth
        credentials = s2sauth.CognitoClientCredentials.from_env()
        try:
            credentials.get_token(timeout=0.01)
        except s2sauth.TokenUnavailable:
            pass
        atexit.register(ask)
    """,
    "in a thread that outlives the main one": """
        import s2sauth, threading
        credentials = s2sauth.CognitoClientCredentials.from_env()
        credentials.httpx_auth("https://api.example.com")
        threading.Thread(target=lambda: (threading.main_thread().join(), ask())).start()
    """,
}
ASK = """
    import atexit, time

    def ask():
        began = time.monotonic()
        token = credentials.get_token()
        print(token.remaining() > 3500, time.monotonic() - began, flush=True)
"""


@pytest.mark.fault(94)
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_token_at_exit(fake: FakeCognito, version: str, handler: str) -> None:
    """When newer Pythons start no thread any more the caller flies: one token request, and no wait that is not its."""
    executable, variables = interpreter(version)
    fake.set_latency(0.1)
    good, seconds = run(dedent(ASK) + dedent(handler), {**fake.environ, **variables}, executable=executable).split()
    assert good == "True"
    assert float(seconds) < 4  # less than a read time-out or a deadline, on a busy machine
    assert fake.counts()["token_requests"] == 1


GREENLETS = """
    FIRST
    from gevent import monkey; monkey.patch_all()
    import gevent, httpx, os
    import s2sauth

    credentials = s2sauth.CognitoClientCredentials.from_env()
    api = os.environ["FILES_SERVICE_URL"]
    client = httpx.Client(auth=credentials.httpx_auth(api))
    ticks = []

    def ticking():
        while True:
            ticks.append(1)
            gevent.sleep(0.01)

    def impatient():
        try:
            credentials.get_token(timeout=0.05)
        except s2sauth.TokenUnavailable:
            return "in time"

    gevent.spawn(ticking)
    hasty = [gevent.spawn(impatient) for _ in range(20)]
    patient = [gevent.spawn(client.get, api + "/files") for _ in range(20)]
    gevent.joinall(hasty, timeout=10, raise_error=True)
    assert {job.value for job in hasty} == {"in time"}
    assert not any(job.ready() for job in patient)
    gevent.joinall(patient, timeout=10, raise_error=True)
    assert {job.value.status_code for job in patient} == {200}
    killed = gevent.spawn(credentials.with_scopes("demo/read.file").get_token)
    gevent.sleep(0.05)
    killed.kill()
    assert credentials.with_scopes("demo/read.file").get_token().scopes == ("demo/read.file",)
    assert len(ticks) > 5, ticks
    credentials.close()
    print("ok")
"""


@pytest.mark.fault(96)
@pytest.mark.parametrize(
    "first",
    ["", "import s2sauth; s2sauth.CognitoClientCredentials", "import httpx, s2sauth.testing, s2sauth._hooks.httpx"],
    ids=["before the import", "after the import", "after everything is imported"],
)
def test_gevent(fake: FakeCognito, first: str) -> None:
    """Greenlets wait together, time out, are killed, and the hub goes on. A fresh interpreter each, about a second."""
    fake.set_latency(0.3)
    script = GREENLETS.replace("FIRST", first)
    assert run(script, fake.environ, options=["-W", "ignore"]) == "ok"
    assert fake.counts()["token_requests"] == 2
