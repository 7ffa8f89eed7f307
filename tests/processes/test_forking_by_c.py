"""A child that C code forked, as uWSGI does, is like any other: it has its own flights and waits for no lock."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import pytest

from s2sauth.testing import FakeCognito
from tests.support.forking_scripts import script
from tests.support.stores import AWS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture
def fake() -> Iterator[FakeCognito]:
    """A token endpoint and an API, by the real clock: the scripts have no other."""
    with FakeCognito() as running:
        yield running


@pytest.mark.fault(162)
def test_child_gets_its_token_while_the_parent_reads_the_ca_file(fake: FakeCognito, tmp_path: Path) -> None:
    """The parent's CA file is a pipe that nothing writes to, so its reader never ends; the child reads another file."""
    os.mkfifo(tmp_path / "ca.pem")
    body = """
credentials = CognitoClientCredentials.from_env()
credentials.httpx_auth("https://files.example.com")  # as at module level
os.environ["SSL_CERT_FILE"] = os.environ["OTHER_FILE"]
print(child(scopes))
os._exit(0)
"""
    with script(body, fake, SSL_CERT_FILE=str(tmp_path / "ca.pem"), OTHER_FILE=certifi.where()) as running:
        assert running.hear() == "('demo/read.file',)"


@pytest.mark.fault(161)
def test_child_of_a_fork_in_mid_flight_gets_its_own_token(fake: FakeCognito) -> None:
    """The parent's token request is out; the child sends one of its own, and the parent gets its answer as well."""
    fake.gate(times=1)
    body = """
credentials = CognitoClientCredentials.from_env()
begin()
input()
print(child(scopes))
input()
print(scopes())
"""
    with script(body, fake) as running:
        assert running.hear() == "begun"
        fake.wait_for_token_requests(1)
        running.tell()
        assert running.hear() == "('demo/read.file',)"
        assert fake.counts()["token_requests"] == 2
        fake.release()
        running.tell()
        assert running.hear() == "('demo/read.file',)"
        assert running.end() == (0, "", "")
    assert fake.counts()["token_requests"] == 2


def test_child_of_a_fork_in_mid_renewal_has_the_old_token_and_renews_it(fake: FakeCognito) -> None:
    """The token is STALE, and its replacement is on its way to the parent: none is on its way to the child."""
    body = """
from s2sauth.testing import ManualClock

clock = ManualClock()
credentials = CognitoClientCredentials.from_env(clock=clock)
old = credentials.get_token()
clock.advance(3_500)
assert credentials.get_token() is old
print("renewing")
input()

def renewed():
    if credentials.get_token() is not old:
        return "the old token is gone"
    while credentials.get_token() is old:
        pass
    return "renewed"

print(child(renewed))
os._exit(0)
"""
    fake.gate(times=2)
    with script(body, fake) as running:
        fake.wait_for_token_requests(1)
        fake.release()
        fake.gate(times=1)
        assert running.hear() == "renewing"
        fake.wait_for_token_requests(2)
        running.tell()
        assert running.hear() == "renewed"
        assert fake.counts()["token_requests"] == 3


@pytest.mark.fault(162)
def test_child_makes_views_while_another_thread_of_the_parent_made_one(fake: FakeCognito) -> None:
    """with_scopes is the one place with a lock. It is private, but nothing else can be stopped while it is held."""
    body = """
credentials = CognitoClientCredentials.from_env()
held = threading.Event()

def hold():
    with credentials._engine.slots._lock:
        held.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
print(child(lambda: credentials.with_scopes("demo/write.file").get_token().scopes))
os._exit(0)
"""
    with script(body, fake) as running:
        assert running.hear() == "('demo/write.file',)"


@pytest.mark.fault(161)
@pytest.mark.parametrize("kinds", ["C, C", "C, Python", "Python, C"])
def test_grandchild_gets_its_own_token(fake: FakeCognito, kinds: str) -> None:
    """uWSGI forks a worker, which forks a pool. The parent of each is in mid-flight. Three interpreters start: 2 s."""
    fake.gate(times=2)
    body = """
from tests.support.forking import in_child
warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is what is tested
first, second = ({"C": child, "Python": in_child}[kind] for kind in os.environ["KINDS"].split(", "))
credentials = CognitoClientCredentials.from_env()
begin()
input()

def parent_of_another():
    begin()
    input()
    return str(second(scopes))

print(first(parent_of_another))
os._exit(0)
"""
    with script(body, fake, KINDS=kinds) as running:
        assert running.hear() == "begun"
        fake.wait_for_token_requests(1)
        running.tell()
        assert running.hear() == "begun"
        fake.wait_for_token_requests(2)
        running.tell()
        assert running.hear() == "('demo/read.file',)"
        assert fake.counts()["token_requests"] == 3


@pytest.mark.fault(161)
def test_child_reports_its_events_while_the_parent_reported_one(fake: FakeCognito) -> None:
    """A thread of the child may have the number of the parent's that is in `on_event`; it is not taken for that one."""
    body = """
inside = threading.Event()
seen = []

def on_event(event):
    seen.append(event.name)
    if os.getpid() == parent:
        inside.set()
        threading.Event().wait()

parent = os.getpid()
credentials = CognitoClientCredentials.from_env(on_event=on_event)
begin()
inside.wait()

def events():
    seen.clear()
    credentials.get_token()
    return seen

print(child(events))
os._exit(0)
"""
    with script(body, fake) as running:
        assert running.hear() == "begun"
        assert running.hear() == "['renewal_started', 'renewed']"


class Secrets(ThreadingHTTPServer):
    """Secrets Manager with one secret, which holds its first answer back."""

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.secret = secret
        self.first = threading.Event()
        """Set once that was asked for."""
        self.released = threading.Event()


class Answer(BaseHTTPRequestHandler):
    """To one request."""

    server: Secrets

    def do_POST(self) -> None:
        """GetSecretValue."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.first.is_set():
            self.server.first.set()
            self.server.released.wait(10)
        body = f'{{"Name": "files/client", "SecretString": "{self.server.secret}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the parent has given up, or is gone
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def secrets(fake: FakeCognito) -> Iterator[Secrets]:
    """What holds its client secret."""
    with Secrets(fake.client_secret) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.mark.fault(162)
def test_child_reads_the_secret_while_the_parent_was_reading_it(fake: FakeCognito, secrets: Secrets) -> None:
    """With a boto3 client of its own. Takes a second: boto3 is imported, and makes two clients."""
    body = """
from s2sauth.secret_sources import SecretsManagerSecret

source = SecretsManagerSecret("files/client", endpoint_url=os.environ["SECRETS"])
credentials = CognitoClientCredentials.from_env(client_secret=source)
begin()
input()
print(child(scopes))
os._exit(0)
"""
    url = f"http://127.0.0.1:{secrets.server_port}"
    with script(body, fake, SECRETS=url, **AWS) as running:
        assert running.hear() == "begun"
        assert secrets.first.wait(10)
        running.tell()
        assert running.hear() == "('demo/read.file',)"
    assert fake.counts()["token_requests"] == 1
