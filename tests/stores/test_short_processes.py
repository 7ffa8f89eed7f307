"""A child that ends right after its first token has shared it, and its lease is given back.

Each test runs a program in interpreters of its own, against a store that runs.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from parts.valkey import Valkey
from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito
from tests.support.scripts import run
from tests.support.shared_store import open_store, seal_of

PROGRAM = """
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from s2sauth import CognitoClientCredentials

credentials = CognitoClientCredentials.from_env(store=os.environ["STORE"])


def ask(_=None):
    credentials.get_token()


def ask_and_end():
    credentials.get_token()
    os._exit(0)


def in_a_process(method):
    child = multiprocessing.get_context(method).Process(target=ask)
    child.start()
    child.join()
    assert child.exitcode == 0


def in_a_pool(method):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        pool.submit(ask).result()


def in_a_pool_that_is_terminated(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        pool.map(ask, [None])


def in_a_child():
    child = os.fork()
    if child == 0:
        ask_and_end()
    assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
"""

CHILDREN = [
    ("in_a_process", "fork"),
    ("in_a_process", "forkserver"),
    ("in_a_process", "spawn"),
    ("in_a_pool", "fork"),
    ("in_a_pool_that_is_terminated", "spawn"),
    ("in_a_child",),
]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture
def fake() -> Iterator[FakeCognito]:
    """A token endpoint by the real clock: the programs have no other."""
    with FakeCognito() as running:
        yield running


@pytest.fixture(params=["SQLite", "Valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The store's, of each kind in turn."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path}/tokens.db"
    server: Valkey = request.getfixturevalue("valkey")
    return server.url


def run_program(way: tuple[str, ...], fake: FakeCognito, url: str, folder: Path) -> None:
    """Run the program to its end."""
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    run(program, {"PATH": os.environ["PATH"], **fake.environ, "STORE": url}, arguments=way)
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(163)
@pytest.mark.parametrize("way", CHILDREN, ids=", ".join)
def test_child_that_ends_right_after_its_first_token_has_shared_it(
    fake: FakeCognito, url: str, tmp_path: Path, way: tuple[str, ...]
) -> None:
    """Such a child ends by os._exit or by a signal, without `atexit`. Starts up to four interpreters: a second."""
    run_program(way, fake, url, tmp_path)
    with CognitoClientCredentials.from_env(environ=fake.environ, store=url) as next_one:
        seal = seal_of(next_one, fake)
        with closing(open_store(url)) as store:
            assert store.get(seal.lease) is None, "the lease is left"
            assert store.get(seal.name) is not None, "the token is not there"
        next_one.get_token()
        assert next_one.state().token_requests == 0


@pytest.mark.fault(163)
def test_lease_of_a_program_that_ends_by_os_exit_delays_the_next_process_until_it_expires(
    fake: FakeCognito, url: str, tmp_path: Path
) -> None:
    """Such a program may lose its token, as one that is killed does: its caller has it first. Takes the lease."""
    run_program(("ask_and_end",), fake, url, tmp_path)
    with CognitoClientCredentials.from_env(environ=fake.environ, store=url) as next_one:
        next_one.get_token()
        assert next_one.state().token_requests <= 1
