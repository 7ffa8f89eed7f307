"""A URL becomes the store that it names, and imports no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parts.moto import Moto
from parts.valkey import Valkey
from s2sauth.stores import Store
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.stores.redis import RedisStore
from s2sauth.stores.sqlite import SQLiteStore
from tests.support.shared_store import open_store

MODULES = ("boto3", "redis", "sqlite3", "s2sauth.stores.dynamodb", "s2sauth.stores.redis", "s2sauth.stores.sqlite")
SHOW = """
import json, sys
from s2sauth.stores._open import open_store
{call}
print(json.dumps([name for name in {modules} if name in sys.modules]))
"""


def works(store: Store) -> bool:
    """Whether it keeps what it is given."""
    try:
        store.put("s2sauth:1:open", b"value", replaces=None, seconds=100)
        found = store.get("s2sauth:1:open")
        return found is not None and found.value == b"value"
    finally:
        store.close()


def test_a_file(tmp_path: Path) -> None:
    """By its absolute path."""
    store = open_store(f"sqlite:///{tmp_path}/tokens.db")

    assert isinstance(store, SQLiteStore)
    assert works(store)
    assert (tmp_path / "tokens.db").exists()


def test_a_server(valkey: Valkey) -> None:
    """By its address, and by its socket file."""
    for url in (valkey.url, valkey.unix_url):
        store = open_store(url)
        assert isinstance(store, RedisStore)
        assert works(store)


def test_a_table(moto: Moto, aws_variables: None) -> None:
    """By its name, in a Region, at an address of its own."""
    store = open_store(f"dynamodb://tokens?region=eu-central-1&endpoint_url={moto.url}")

    assert isinstance(store, DynamoDBStore)
    assert works(store)


def test_a_wrong_url() -> None:
    """The constructor has refused it before; this holds by itself."""
    with pytest.raises(ValueError, match=r"^has no absolute path after sqlite://; use sqlite:////"):
        open_store("sqlite://tokens.db")


@pytest.mark.parametrize(
    ("call", "imported"),
    [
        ("", []),
        ("open_store('sqlite:////none/tokens.db')", ["sqlite3", "s2sauth.stores.sqlite"]),
        ("open_store('redis://localhost')", ["redis", "s2sauth.stores.redis"]),
        ("open_store('dynamodb://tokens?region=eu-central-1')", ["boto3", "s2sauth.stores.dynamodb"]),
        ("import s2sauth.stores.redis, s2sauth.stores.dynamodb", ["s2sauth.stores.dynamodb", "s2sauth.stores.redis"]),
    ],
    ids=["nothing", "sqlite", "redis", "dynamodb", "modules"],
)
def test_only_what_is_used_is_imported(aws_variables: None, call: str, imported: list[str]) -> None:
    """Not one library for another's sake; and an engine's module does without its library."""
    code = SHOW.format(call=call, modules=MODULES)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    assert json.loads(done.stdout) == imported
