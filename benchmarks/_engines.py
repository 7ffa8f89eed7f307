"""The shared stores of the fleet's figures, each with its server."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from _members import Make
from botocore.config import Config

from s2sauth import RenewalPolicy
from s2sauth.stores.dynamodb import DynamoDBStore

sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts"))

from parts.debian import NotToBeHad
from parts.ministack import MiniStack
from parts.moto import Moto
from parts.redis import Redis
from parts.valkey import KeyValueServer, Valkey

DEFAULT = RenewalPolicy()
SLOW_STORE = RenewalPolicy(store_timeout=5.0, deadline=20.0)
"""For the stand-ins of DynamoDB, each of which serves one request after the other."""
_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A store that runs."""

    make: Make
    policy: RenewalPolicy = DEFAULT
    allowance: float = 0.5
    """Seconds that the slowest caller may wait beyond the token endpoint's latency."""
    server: KeyValueServer | None = None
    url: str | None = None
    """Of a stand-in for DynamoDB."""


@contextmanager
def _sqlite() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="s2sauth-") as folder:
        yield Engine(partial(str, f"sqlite:///{folder}/tokens.db"))


@contextmanager
def _key_value(server: KeyValueServer) -> Iterator[Engine]:
    with server:
        yield Engine(partial(str, server.url), server=server)


@contextmanager
def _dynamodb(server: Moto | MiniStack) -> Iterator[Engine]:
    os.environ.update(_AWS)
    with server:
        with closing(_client(server.url)) as client:
            client.create_table(
                TableName="tokens",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            )
        yield Engine(partial(dynamodb_store, server.url), policy=SLOW_STORE, allowance=4.0, url=server.url)


_session = cache(boto3.Session)  # forked, it need not read botocore's files again


def _client(url: str) -> Any:
    """boto3's, more patient than the store's own."""
    config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
    return _session().client("dynamodb", endpoint_url=url, config=config)


def dynamodb_store(url: str) -> DynamoDBStore:
    """A member's own."""
    return DynamoDBStore("tokens", client=_client(url))


ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "SQLite": _sqlite,
    "Valkey": lambda: _key_value(Valkey()),
    "Redis": lambda: _key_value(Redis()),
    "DynamoDB (moto)": lambda: _dynamodb(Moto()),
    "DynamoDB (MiniStack)": lambda: _dynamodb(MiniStack()),
}


def missing(name: str) -> str | None:
    """Why this engine cannot run here, which CI does not accept."""
    try:
        if name == "Redis":
            Redis().binary()
    except NotToBeHad as reason:
        if os.environ.get("CI") == "true":
            raise
        return str(reason)
    return None
