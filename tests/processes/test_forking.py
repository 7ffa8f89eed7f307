"""After a fork the child has its own flights, locks and connections, and the parent's token."""

import multiprocessing
import threading
from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito
from tests.support.forking import in_child
from tests.support.worlds import Threads

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
        with credentials._shared.slots._lock:
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
