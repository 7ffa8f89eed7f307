"""`with_scopes`: views for other scopes share connection and limits; equal scopes share one slot."""

import gc
from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

KEPT = 256
"""Scope sets that are kept after their last view is gone."""

Make = Callable[..., CognitoClientCredentials]


def test_equal_scopes_share_one_token(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """Order and repeats do not matter."""
    one = credentials.with_scopes("demo/read.file", "demo/write.file")
    other = credentials.with_scopes("demo/write.file", "demo/read.file", "demo/write.file")
    assert world.get(one) is world.get(other)
    assert fake.counts()["token_requests"] == 1


def test_view_of_the_objects_own_scopes_shares_its_token(credentials: CognitoClientCredentials, world: World) -> None:
    """It is the same slot."""
    assert world.get(credentials.with_scopes("demo/read.file")) is world.get(credentials)


def test_view_without_scopes_asks_for_all(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """As `scopes=None`."""
    assert credentials.with_scopes().get_token().scopes == ("demo/read.file", "demo/write.file")
    assert "scope" not in fake.token_requests[0].form


def test_other_scopes_have_another_token(credentials: CognitoClientCredentials, world: World) -> None:
    """Never a token for other scopes than those asked for (CVE-2025-26620)."""
    read, write = world.get(credentials), world.get(credentials.with_scopes("demo/write.file"))
    assert read.scopes == ("demo/read.file",)
    assert write.scopes == ("demo/write.file",)


def test_view_of_a_view_is_a_view_of_the_object(credentials: CognitoClientCredentials, world: World) -> None:
    """One level."""
    view = credentials.with_scopes("demo/write.file").with_scopes("demo/read.file")
    assert world.get(view) is world.get(credentials)


def test_view_is_of_the_same_class(credentials: CognitoClientCredentials) -> None:
    """And can do whatever the object can."""
    view = credentials.with_scopes("demo/write.file")
    assert type(view) is CognitoClientCredentials
    assert "demo/write.file" in repr(view)
    assert view.state().scopes == ("demo/write.file",)


@pytest.mark.fault(200)
def test_an_argument_may_name_several_scopes(credentials: CognitoClientCredentials, world: World) -> None:
    """Split at spaces, as the constructor's; the view is the same as with one scope each."""
    several = credentials.with_scopes("demo/write.file demo/read.file")
    assert world.get(several) is world.get(credentials.with_scopes("demo/read.file", "demo/write.file"))
    assert several.state().scopes == ("demo/read.file", "demo/write.file")


@pytest.mark.parametrize(
    "scopes", [("a", ""), ("",), (" ",), (7,), (None,), ('"',), ("a\tb",), ("ä",), (["a"],)], ids=repr
)
def test_wrong_scopes_are_refused(credentials: CognitoClientCredentials, scopes: tuple[object, ...]) -> None:
    """The error shows the form."""
    with pytest.raises(ConfigurationError, match="scopes: use"):
        credentials.with_scopes(*scopes)  # type: ignore[arg-type]  # that is the test


def test_256_scope_sets_are_kept(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """The least recently used one goes, and is fetched again when it is wanted. 258 flights take about a second."""
    answer = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}
    fake.answer_json(answer)
    for number in range(KEPT):
        credentials.with_scopes(f"s/{number}").get_token()
    assert fake.counts()["token_requests"] == KEPT
    credentials.with_scopes("s/0").get_token()
    assert fake.counts()["token_requests"] == KEPT
    credentials.with_scopes("s/new").get_token()
    gc.collect()
    credentials.with_scopes("s/0").get_token()
    assert fake.counts()["token_requests"] == KEPT + 1
    credentials.with_scopes("s/1").get_token()
    assert fake.counts()["token_requests"] == KEPT + 2


def test_ten_thousand_scope_sets_are_bounded(credentials: CognitoClientCredentials) -> None:
    """Scopes that come from outside cannot fill the memory."""
    for number in range(2_000):
        credentials.with_scopes(f"s/{number}")
    gc.collect()
    assert len(credentials._engine.slots.all()) <= KEPT + 1


def test_slot_that_a_view_holds_survives(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """However many others come."""
    view = credentials.with_scopes("demo/write.file")
    token = view.get_token()
    for number in range(KEPT + 10):
        credentials.with_scopes(f"s/{number}")
    gc.collect()
    assert view.get_token() is token
    assert credentials.with_scopes("demo/write.file").get_token() is token
    assert fake.counts()["token_requests"] == 1


def test_slot_that_a_hook_holds_survives(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """A hook is a holder too."""
    auth = credentials.with_scopes("demo/write.file").httpx_auth(fake.api_url)
    world.send(auth, f"{fake.api_url}/admin")
    for number in range(KEPT + 10):
        credentials.with_scopes(f"s/{number}")
    gc.collect()
    world.send(auth, f"{fake.api_url}/admin")
    assert fake.counts()["token_requests"] == 1


def test_slot_in_flight_survives(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """The view is gone, its flight is not: whoever asks for the same scopes joins it."""
    fake.gate()
    callers = world.ask(credentials.with_scopes("demo/write.file"))
    fake.wait_for_token_requests()
    for number in range(KEPT + 10):
        credentials.with_scopes(f"s/{number}")
    gc.collect()
    more = world.ask(credentials.with_scopes("demo/write.file"))
    fake.release()
    assert callers.values() == more.values()
    assert fake.counts()["token_requests"] == 1


def test_token_outlives_its_view_for_a_while(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """`credentials.with_scopes(...).get_token()` in each request handler costs one token."""
    for _ in range(3):
        credentials.with_scopes("demo/write.file").get_token()
        gc.collect()
    assert fake.counts()["token_requests"] == 1


def test_object_itself_keeps_its_slot(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The scopes of the constructor are in use as long as the object is."""
    credentials = make()
    token = credentials.get_token()
    for number in range(KEPT + 10):
        credentials.with_scopes(f"s/{number}")
    gc.collect()
    assert credentials.get_token() is token


def test_each_view_asks_with_its_own_scopes_in_the_query(fake: FakeCognito) -> None:
    """A cache in front of Cognito that has the query in its key answers each view with its own token."""
    reader = CognitoClientCredentials(
        token_url=f"{fake.token_url}?scope={{scope}}",
        client_id=fake.client_id,
        client_secret=fake.client_secret,
        scopes="demo/read.file",
    )
    writer = reader.with_scopes("demo/write.file")

    assert [one.get_token().scopes for one in (reader, writer)] == [("demo/read.file",), ("demo/write.file",)]
    first, second = fake.token_requests
    assert first.path == "/oauth2/token?scope=demo%2Fread.file"
    assert second.path == "/oauth2/token?scope=demo%2Fwrite.file"
    assert "scope" not in first.form
