"""Lambda SnapStart with AWS's own runtime client: three clones of one snapshot."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parts.runtime_api import ExecutionEnvironment
from s2sauth.testing import FakeCognito
from tests.support.handlers.moved_clock import MovedClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Lambda is Linux")

RunFunction = Callable[..., ExecutionEnvironment]
CLONES = 3
TWO_DAYS = 2 * 86_400.0


@pytest.fixture
def snapshot(fake: FakeCognito, run_function: RunFunction, tmp_path: Path) -> Callable[..., ExecutionEnvironment]:
    """Takes one of a function that got two tokens in its init phase; `stored` says whether they are in a store too."""

    def take(*, stored: bool = False) -> ExecutionEnvironment:
        store = {"STORE": f"sqlite:///{tmp_path}/tokens.db"} if stored else {}
        function = run_function("snapshot.handler", processes=CLONES, snapshot=True, **store)
        assert fake.counts()["token_requests"] == 2
        return function

    return take


def restored(function: ExecutionEnvironment) -> list[list[dict[str, Any]]]:
    """What the clones answer to their first invocations, then to their second ones."""
    function.api.restore()
    function.api.wait_until(lambda: function.api.idle == CLONES)
    return [[function.invoke() for _ in range(CLONES)] for _ in range(2)]


def own(fake: FakeCognito) -> set[str | None]:
    """The tokens that the API was sent."""
    return {call.token_id for call in fake.api_requests}


@pytest.mark.parametrize("later", [TWO_DAYS, 0.0], ids=["two days later", "at once"])
def test_each_clone_gets_a_token_of_its_own(
    fake: FakeCognito, snapshot: Callable[..., ExecutionEnvironment], moved_clock: MovedClock, later: float
) -> None:
    """Also where the snapshot's token would still do. Its renewal point is the clone's own as well."""
    function = snapshot()
    moved_clock.move(wall=later)  # the clock since boot stands in the snapshot, too
    first, second = restored(function)

    assert {answer["status"] for answer in first + second} == {200}
    assert len({answer["pid"] for answer in first}) == CLONES
    assert [answer["pid"] for answer in first] == [answer["pid"] for answer in second]
    snapshots = {request.token_id for request in fake.token_requests[:2]}
    assert len(own(fake)) == CLONES
    assert not own(fake) & snapshots
    counts = fake.counts()
    assert (counts["api_dead"], counts["api_401"]) == (0, 0)
    assert counts["token_requests"] == 2 + CLONES
    assert len({round(answer["next_renewal_in"], 1) for answer in first}) == CLONES


def test_nothing_of_the_snapshot_is_left_in_a_clone(snapshot: Callable[..., ExecutionEnvironment]) -> None:
    """No object of the process holds one of its tokens. It was the restore that made it so, no handler of a fork."""
    first, second = restored(snapshot())

    for answer in first + second:
        assert answer["generations"] == [0, 1]
        assert answer["warm"] is False
        assert answer["holds_its_own"] is True  # so it would have been found
        assert answer["holds_the_snapshots"] is False


def test_clones_share_a_token_of_after_the_restore(
    fake: FakeCognito, snapshot: Callable[..., ExecutionEnvironment], moved_clock: MovedClock
) -> None:
    """With a store, in which the snapshot's token has been over for two days."""
    function = snapshot(stored=True)
    moved_clock.move(wall=TWO_DAYS)
    first, _ = restored(function)

    assert fake.counts()["token_requests"] == 3
    assert own(fake) == {fake.token_requests[2].token_id}
    assert fake.counts()["api_dead"] == 0
    assert len({round(answer["next_renewal_in"], 1) for answer in first}) == CLONES
