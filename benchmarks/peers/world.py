"""Where a row takes place: two token endpoints with their APIs over TLS, and the processes of the peers."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s2sauth.testing import FakeCognito

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))
from _support import private_ca  # noqa: E402  # beside this package


class Failed(Exception):
    """The work came to no end, or to an error; the text is the last line of it."""


class World:
    """What a row may change."""

    def __init__(self, fake: FakeCognito, foreign: FakeCognito, bundle: str) -> None:
        self.fake = fake
        self.foreign = foreign
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
            **fake.environ,
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        }
        self._issued = 0

    def fresh(self, *, life: float = 3600, latency: float = 0.05) -> None:
        """As at first, for the next peer."""
        for one in (self.fake, self.foreign):
            one.recover()
            one.recover_api()
            one.clear_records()
            one.set_latency(latency)
            one.set_expires_in(life)

    @property
    def requests(self) -> int:
        """Token requests of this peer so far."""
        return self.fake.counts()["token_requests"]

    def run(
        self,
        peer: str,
        work: str,
        steps: dict[str, Callable[[], Any]] | None = None,
        *,
        limit: float = 60,
        **options: Any,
    ) -> Any:
        """The facts of one work, in a process of its own; `steps` by name are done when the work says so."""
        command = [sys.executable, "-m", "benchmarks.peers.worker", peer, work, json.dumps(options)]
        with subprocess.Popen(
            command, cwd=ROOT, env=self.environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdin is not None
            timer = threading.Timer(limit, process.kill)
            timer.start()
            try:
                for line in process.stdout:
                    message = json.loads(line)
                    if "result" in message:
                        return message["result"]
                    if "error" in message:
                        raise Failed(message["error"])
                    (steps or {}).get(message["step"], lambda: None)()
                    process.stdin.write("\n")
                    process.stdin.flush()
            finally:
                timer.cancel()
                process.kill()
        raise Failed(f"no answer within {limit:g} s")

    def python(self, code: str) -> str:
        """What a fresh interpreter prints that runs this code, in the same world."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=self.environ, text=True, capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(done.stderr)
        return done.stdout


@contextmanager
def world(scopes: Sequence[str] = ("demo/read.file", "demo/write.file")) -> Iterator[World]:
    """A world, and its end."""
    with (
        private_ca() as tls,
        FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, scopes=scopes) as fake,
        FakeCognito.spawn(certfile=tls.certfile, keyfile=tls.keyfile, client_id=fake.client_id) as foreign,
    ):
        yield World(fake, foreign, tls.bundle)
