"""A child that C code forked while the parent read a secret from AWS reads it for itself."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s2sauth.testing import FakeCognito
from tests.support.forking_scripts import script
from tests.support.stores import AWS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


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
def fake() -> Iterator[FakeCognito]:
    """A token endpoint by the real clock: the script has no other."""
    with FakeCognito() as running:
        yield running


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
