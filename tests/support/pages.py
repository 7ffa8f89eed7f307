"""The servers that the pages' examples talk to, in the place of those that the text names."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from parts.moto import Moto
from parts.valkey import Valkey
from tests.support.settled import eventually
from tests.support.stores import AWS, DynamoDBEngine, moto, valkey

__all__ = ["at_home", "cluster", "moto", "sentinel", "token_table", "valkey"]

TABLE = "s2sauth-tokens"

AtHome = Callable[[str], str]


class Sentinel(Valkey):
    """Watches over a server by the name of `tokens`."""

    def __init__(self, primary: Valkey, folder: Path) -> None:
        super().__init__()
        self._file = folder / "sentinel.conf"
        monitor = f"sentinel monitor tokens 127.0.0.1 {primary.port} 1"
        self._file.write_text(f"bind 127.0.0.1\nport {self.port}\n{monitor}\n", encoding="utf-8")

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [self.binary(), self._file, "--sentinel"]


@pytest.fixture
def sentinel(valkey: Valkey, tmp_path: Path) -> Iterator[Sentinel]:
    """One that has found its primary."""
    with Sentinel(valkey, tmp_path) as server:
        yield server


@pytest.fixture
def cluster() -> Iterator[Valkey]:
    """A cluster of one server, which takes 2 s to be one."""
    server = Valkey()
    server.options = ("--cluster-enabled", "yes", "--cluster-port", str(server.second_port))
    with server, server.client() as admin:
        admin.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        eventually(lambda: admin.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield server


@pytest.fixture
def token_table(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBEngine]:
    """The table of the pages; boto3 finds it, and nothing of this machine's."""
    for name, value in {**AWS, "AWS_ENDPOINT_URL": moto.url}.items():
        monkeypatch.setenv(name, value)
    with closing(DynamoDBEngine(moto.url, TABLE)) as engine, closing(engine.client()) as client:
        engine.make_table()
        yield engine
        client.delete_table(TableName=TABLE)


@pytest.fixture
def at_home(request: pytest.FixtureRequest, tmp_path: Path) -> AtHome:
    """Rewrites a text so that it names what is on this machine; starts what it names."""

    def rewrite(text: str) -> str:
        if "/var/lib/files-service" in text:
            text = text.replace("/var/lib/files-service", str(tmp_path))
        for host, port, server in (
            ("cache.example.com", 6379, "valkey"),
            ("sentinel.example.com", 26379, "sentinel"),
            ("cluster.example.com", 6379, "cluster"),
        ):
            if host in text:
                here = request.getfixturevalue(server).port
                text = text.replace(f"{host}:{port}", f"127.0.0.1:{here}")
                text = text.replace(f'"{host}", {port}', f'"127.0.0.1", {here}')
        if f"dynamodb://{TABLE}" in text:
            request.getfixturevalue("token_table")
        return text

    return rewrite
