"""SnapStart: what is in the snapshot is in every clone, so nothing of a token request is.

The hooks are those that AWS's own `snapshot_restore_py` holds, run in the order in which Lambda's runtime runs them.

Private modules: Lambda calls the hooks for a snapshot, and nothing else may.
"""

import gc
import ssl
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import snapshot_restore_py as hooks

from s2sauth import AccessToken, CognitoClientCredentials, Freshness, TokenUnavailable, _snapstart
from s2sauth._flight import Flight
from s2sauth._fork_guard import resume_work
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import WatchedStore, landed, seal_of
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture(autouse=True)
def _init_phase(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A function with SnapStart, before its snapshot."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    for name in ("_registered", "_restored"):
        monkeypatch.setattr(_snapstart, name, [])
    monkeypatch.setattr(hooks, "_before_snapshot_registry", [])
    monkeypatch.setattr(hooks, "_after_restore_registry", [])
    yield
    resume_work()  # where a test took a snapshot and restored nothing
    for registry in (hooks._before_snapshot_registry, hooks._after_restore_registry):
        registry.clear()


def take_snapshot() -> None:
    """As the runtime does: the last one registered first."""
    for function, arguments, named in reversed(hooks._before_snapshot_registry):
        function(*arguments, **named)


def restore() -> None:
    """In one clone: in the order of registration."""
    for function, arguments, named in hooks._after_restore_registry:
        function(*arguments, **named)


def tokens(value: str) -> int:
    """How many objects of this process are this token."""
    gc.collect()
    return sum(isinstance(one, AccessToken) and one.access_token == value for one in gc.get_objects())


def test_no_token_and_no_secret_survives(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """Neither in the snapshot nor in the clone; the first call there gets a token of its own."""
    old = world.get(credentials)
    take_snapshot()

    assert credentials._slot.newest is None
    assert credentials._engine.accepted is None
    assert credentials.state().freshness is Freshness.EXPIRED

    restore()
    new = world.get(credentials)
    assert new.access_token != old.access_token
    assert fake.counts()["token_requests"] == 2


def test_no_object_holds_the_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Neither those that keep it nor the flight that brought it."""
    value = credentials.get_token().access_token
    assert tokens(value) == 1
    take_snapshot()
    left = tokens(value)
    restore()

    assert left == 0


def test_what_is_under_way_ends_before_the_snapshot(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Its connection is shut down, and nobody waits for it any more. The snapshot waits up to 1 s for its thread."""
    credentials.get_token()
    clock.advance(3000)
    fake.gate()
    credentials.get_token()
    fake.wait_for_token_requests(2)
    flight = credentials._slot.flight
    take_snapshot()

    assert not flight.flying
    eventually(lambda: flight.thread is None)
    restore()
    fake.release()
    assert credentials.get_token().remaining() == 3600


def test_what_comes_late_in_a_clone_does_not_count(
    credentials: CognitoClientCredentials, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of before the snapshot that could not be ended: three clones would have its token.

    Takes over 1 s: so long the snapshot waits for what is under way.
    """
    fake.gate()
    monkeypatch.setattr(Flight, "interrupt", lambda self: None)
    caller = Threads().ask(credentials)
    fake.wait_for_token_requests(1)
    flight = credentials._slot.flight
    take_snapshot()
    restore()
    fake.release()
    eventually(lambda: flight.thread is None)
    (token,) = caller.values()

    entry = credentials._slot.newest
    assert entry is not None
    assert entry.number > flight.number
    assert entry.token.access_token == token.access_token


def test_what_comes_late_in_a_clone_is_not_shared(
    make: Make, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be everybody's token. Takes over 1 s, as above."""
    store = WatchedStore(clock)
    credentials = make(store=store)
    credentials.get_token()
    landed(credentials)
    before = store.inner.get(seal_of(credentials, fake).name)
    assert before is not None
    clock.advance(3000)
    fake.gate()
    monkeypatch.setattr(Flight, "interrupt", lambda self: None)
    credentials.get_token()
    fake.wait_for_token_requests(2)
    flight = credentials._slot.flight
    take_snapshot()
    restore()
    fake.release()
    eventually(lambda: flight.thread is None)

    found = store.inner.get(seal_of(credentials, fake).name)
    assert found is not None
    assert found.value == before.value


def test_failures_are_forgotten(credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """An outage at the time of the snapshot says nothing about the time of a restore."""
    clock.set_random(0.0)
    fake.refuse()
    with pytest.raises(TokenUnavailable):
        credentials.get_token()
    take_snapshot()
    restore()
    fake.recover()

    assert credentials.get_token()


def test_work_waits_between_snapshot_and_restore(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[object]
) -> None:
    """The gate is closed: a token that somebody's own hook asks for is for nobody's snapshot."""
    credentials.get_token()
    take_snapshot()
    asking = threading.Thread(target=credentials.get_token)
    asking.start()
    restore()
    asking.join()
    assert names(events).count("renewed") >= 2  # type: ignore[arg-type]  # events


def test_randomness_is_the_clone_s_own(credentials: CognitoClientCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's state is in the snapshot, so each clone adds to it."""
    added: list[int] = []
    monkeypatch.setattr(ssl, "RAND_add", lambda data, entropy: added.append(len(data)))
    credentials.get_token()
    take_snapshot()
    restore()

    assert added == [32]


def test_warm_gets_ready_but_gets_no_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """In the init phase; after a restore it does."""
    assert credentials.warm() is False
    assert fake.counts()["token_requests"] == 0
    take_snapshot()
    restore()
    assert credentials.warm() is True
    assert fake.counts()["token_requests"] == 1


def test_hooks_are_registered_once(make: Make) -> None:
    """For however many objects."""
    for _ in range(3):
        make().warm()

    assert (len(hooks._before_snapshot_registry), len(hooks._after_restore_registry)) == (1, 1)


def test_nothing_is_registered_elsewhere(
    credentials: CognitoClientCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On-demand functions and everything outside of Lambda."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    credentials.get_token()

    assert hooks._before_snapshot_registry == []


def test_a_runtime_without_the_module_does_without(
    credentials: CognitoClientCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of one's own."""
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    assert credentials.get_token()


def test_objects_that_are_gone_are_not_kept() -> None:
    """The list of what has to forget holds nothing alive."""
    watched = set(_snapstart._watched)
    member = CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="of-no-use-here-at-all")
    member.httpx_auth("https://api.example.com")
    assert len(_snapstart._watched) == len(watched) + 1
    del member
    gc.collect()

    assert set(_snapstart._watched) == watched
