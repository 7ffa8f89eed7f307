"""After a fork the child has its own flights, locks and connections, and the parent's token. Other processes.

`_fork_guard` is private: no public way shows what a fork waits for.
"""

import copy
import multiprocessing
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from s2sauth import CognitoClientCredentials, RenewalPolicy, TokenUnavailable, _fork_guard
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.answers import claims
from tests.support.forking import in_child, in_children
from tests.support.scripts import run
from tests.support.settled import eventually, settled
from tests.support.tls import authority, client_context
from tests.support.worlds import PATIENCE, Threads, World

Make = Callable[..., CognitoClientCredentials]


def test_child_has_the_parents_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """It is good there too, and costs nothing."""
    token = credentials.get_token()
    assert in_child(lambda: credentials.get_token().access_token) == token.access_token
    assert fake.counts()["token_requests"] == 1


def test_child_of_a_fork_in_mid_flight_makes_its_own_flight(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """The parent's flight has no thread there; the child neither waits for it nor shares its connection."""
    fake.gate()
    callers = Threads().ask(credentials, 3)
    fake.wait_for_token_requests()

    def child() -> str:
        return credentials.get_token().access_token

    got: list[object] = []
    other = threading.Thread(target=lambda: got.append(in_child(child)))
    other.start()
    fake.wait_for_token_requests(2)
    fake.release()
    other.join(10)
    (token, *_) = callers.values()
    assert isinstance(got[0], str)
    assert got[0] != token.access_token
    assert fake.counts()["token_requests"] == 2


def test_child_of_a_fork_before_the_first_call_works(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """As with gunicorn --preload."""
    tokens = {in_child(lambda: credentials.get_token().access_token) for _ in range(3)}
    assert len(tokens) == 3


def test_child_may_make_views_while_the_parent_held_the_lock(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """with_scopes is the one place with a lock; a fork while another thread holds it does not hang the child."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with credentials._engine.slots._lock:
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        assert in_child(lambda: credentials.with_scopes("demo/write.file").get_token().scopes) == ("demo/write.file",)
    finally:
        release.set()
        holder.join(10)


def test_grandchild_works(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Each generation is its own."""
    fake.gate()
    callers = Threads().ask(credentials)
    fake.wait_for_token_requests()
    fake.release()

    def child() -> object:
        return in_child(lambda: credentials.get_token(timeout=5).scopes)

    assert in_child(child) == ("demo/read.file",)
    callers.values()


def test_events_of_the_child_are_reported_there(make: Make, fake: FakeCognito) -> None:
    """The fork came while the parent's flight was in `on_event`: the child is not taken for being inside it."""
    inside, go = threading.Event(), threading.Event()
    seen: list[str] = []

    def on_event(event: object) -> None:
        seen.append(event.name)  # type: ignore[attr-defined]  # an Event
        inside.set()
        go.wait(10)

    credentials = make(on_event=on_event)
    callers = Threads().ask(credentials)
    inside.wait(10)

    def child() -> list[str]:
        go.set()
        seen.clear()
        credentials.get_token()
        return seen

    try:
        assert in_child(child) == ["renewal_started", "renewed"]
    finally:
        go.set()
        callers.values()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_credentials_do_not_travel_to_spawned_children(credentials: CognitoClientCredentials, method: str) -> None:
    """Pickling is refused with a hint, and nothing of the secret is in it."""
    import pickle

    assert method in multiprocessing.get_all_start_methods()
    with pytest.raises(TypeError, match="from_env") as caught:
        pickle.dumps(credentials)
    assert "hidden" not in str(caught.value)


def test_token_request_is_work_that_a_fork_waits_for(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """From its beginning until its connection is closed."""
    fake.gate()
    callers = Threads().ask(credentials)
    fake.wait_for_token_requests()
    assert len(_fork_guard._working) == 1
    fake.release()
    callers.values()
    eventually(lambda: not _fork_guard._working)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[FakeCognito]:
    """An endpoint and an API in a process of their own, with TLS: nothing of them is inherited by a fork."""
    certificate = tmp_path / "server.pem"
    authority().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with FakeCognito.spawn(certfile=str(certificate)) as running:
        yield running


@pytest.mark.fault(88)
def test_fork_while_renewing(elsewhere: FakeCognito) -> None:
    """A hundred forks in mid-flight, in half of them the request is out already: each process gets its own answer.

    About 8 s: a flight that waits for an OpenSSL lock of the parent's hangs in one fork of thirteen.
    """
    context = client_context()
    under_way = 0
    for number in range(100):
        elsewhere.clear_records()
        elsewhere.set_claims({"asked_by": "parent"})
        elsewhere.set_latency(0.03 if number % 2 else 0.01)
        credentials = CognitoClientCredentials.from_env(
            environ=elsewhere.environ, http_client=lambda: httpx.Client(verify=context, trust_env=False)
        )
        credentials.httpx_auth(elsewhere.api_url)
        with pytest.raises(TokenUnavailable):
            credentials.get_token(timeout=0)
        if number % 2:
            elsewhere.wait_for_token_requests(1)
            elsewhere.set_claims({"asked_by": "child"})
        under_way += credentials._slot.flight.flying

        def child(credentials: CognitoClientCredentials = credentials) -> tuple[str, float]:
            began = time.monotonic()
            return credentials.get_token().access_token, time.monotonic() - began

        theirs, seconds = in_child(child)
        ours = credentials.get_token().access_token
        assert seconds < RenewalPolicy().deadline
        if theirs != ours:  # else the fork came when the parent had its token, which is the child's too
            assert len(elsewhere.token_requests) == 2
            if number % 2:
                asked_by = [claims(token)["asked_by"] for token in (ours, theirs)]
                assert asked_by == ["parent", "child"]
        credentials.close()
    assert under_way > 80


@pytest.mark.fault(88)
def test_fork_without_a_hook_for_it(fake: FakeCognito) -> None:
    """Windows has neither `fork` nor `register_at_fork`: looked up, never assumed. A fresh interpreter."""
    script = """
        import os
        del os.fork, os.register_at_fork
        import httpx, s2sauth
        credentials = s2sauth.CognitoClientCredentials.from_env()
        api = os.environ["FILES_SERVICE_URL"]
        print(httpx.get(api + "/files", auth=credentials.httpx_auth(api)).status_code)
    """
    assert run(script, fake.environ) == "200"
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(89)
def test_preloaded_application(elsewhere: FakeCognito) -> None:
    """As gunicorn --preload: hook and client were used before the fork. 30 rounds of three children and the parent.

    About 5 s for 90 processes. Each uses the parent's token, fetches one for other scopes, and gets the answers to its
    own requests alone. The client keeps no connection: one that is inherited is read by whoever comes first, which is
    httpx's to know.
    """
    context = client_context()
    for _ in range(30):
        elsewhere.clear_records()
        credentials = CognitoClientCredentials.from_env(
            environ=elsewhere.environ,
            scopes="demo/read.file",
            http_client=lambda: httpx.Client(verify=context, trust_env=False),
        )
        with httpx.Client(
            base_url=elsewhere.api_url,
            auth=credentials.httpx_auth(elsewhere.api_url),
            verify=context,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            warm = client.get("/files").request
            got = in_children(partial(_work, credentials, client), 3)
        assert [asked == answered for asked, answered, _, _ in got] == [True] * 4
        assert {used for _, _, used, _ in got} == {warm.headers["authorization"]}
        assert len({other for *_, other in got}) == 4
        assert len(elsewhere.token_requests) == 1 + 4
        credentials.close()


def _work(credentials: CognitoClientCredentials, client: httpx.Client) -> tuple[list[str], list[str], str, str]:
    """Paths asked for and answered, the Authorization used for them, and a token of this process's own."""
    asked = [f"/files/{os.getpid()}/{call}" for call in range(3)]
    answers = [client.get(path) for path in asked]
    (used,) = {answer.request.headers["authorization"] for answer in answers}
    other = credentials.with_scopes("demo/write.file").get_token().access_token
    return asked, [answer.json()["path"] for answer in answers], used, other


SPAWNED = """
import multiprocessing, os, sys
import s2sauth

credentials = s2sauth.CognitoClientCredentials.from_env()


def job(number):
    return os.getpid(), credentials.get_token().access_token


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    own = credentials.get_token().access_token
    try:
        context.Process(target=print, args=(credentials,)).start()
    except TypeError as error:
        assert "from_env" in str(error) and os.environ["APP_CLIENT_SECRET"] not in str(error), error
    else:
        raise AssertionError("credentials travelled")
    with context.Pool(2) as pool:
        answers = set(pool.map(job, range(8), chunksize=1))
        pool.close()
        pool.join()
    assert (os.getpid(), own) not in answers
    print(len(answers), len(dict(answers)), own in dict(answers).values())
"""


@pytest.mark.fault(90)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_multiprocessing(fake: FakeCognito, tmp_path: Path, method: str) -> None:
    """An object does not travel, and the error says what to do; a worker's own works. Four interpreters, about 2 s."""
    main = tmp_path / "main.py"
    main.write_text(SPAWNED)
    processes, tokens, shared = run(main, {**os.environ, **fake.environ}, arguments=[method]).split()
    assert processes == tokens
    assert 1 <= int(processes) <= 2
    assert shared == "False"
    assert fake.counts()["token_requests"] == 1 + int(processes)


@pytest.mark.fault(90)
@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_neither_object_nor_token_is_copied(
    credentials: CognitoClientCredentials, fake: FakeCognito, way: Callable[[object], object]
) -> None:
    """TypeError with a hint, without anything of secret or token."""
    token = credentials.get_token()
    for each, hint in ((credentials, "from_env"), (token, "get_token")):
        with pytest.raises(TypeError, match=hint) as caught:
            way(each)
        assert fake.client_secret not in str(caught.value)
        assert token.access_token not in str(caught.value)


@pytest.mark.fault(90)
def test_policy_travels() -> None:
    """What a worker is configured with, and no secret is in it."""
    policy = RenewalPolicy(deadline=2.0, attempts=1)
    assert pickle.loads(pickle.dumps(policy)) == policy


@pytest.mark.fault(95)
def test_there_is_no_background_thread(make: Make, fake: FakeCognito, clock: ManualClock, world: World) -> None:
    """Nothing that a fork could kill: a renewal's thread ends with it, and the next one has its own."""
    idents: list[int] = []

    def secret() -> str:
        idents.append(threading.get_ident())
        return fake.client_secret

    credentials = make(client_secret=secret)
    for _ in range(2):
        world.get(credentials)
        settled(credentials)
        eventually(lambda: not set(idents) & set(sys._current_frames()))
        clock.advance(3600)
    assert len(idents) == 2


@pytest.mark.fault(95)
def test_renewal_in_the_background_is_lost_in_a_fork(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """The token is STALE and its renewal hangs: the child serves the old token, and begins another renewal."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    assert credentials.get_token() is old
    fake.wait_for_token_requests(2)

    def child() -> bool:
        served = credentials.get_token() is old
        return served and credentials._slot.flight.flying

    assert in_child(child)
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(in_child(lambda: _renewed(credentials))))
    waiting.start()
    fake.wait_for_token_requests(3)
    fake.release()
    waiting.join(PATIENCE)
    settled(credentials)
    assert len({old.access_token, credentials.get_token().access_token, *got}) == 3


def _renewed(credentials: CognitoClientCredentials) -> str:
    credentials.get_token()
    settled(credentials)
    return credentials.get_token().access_token
