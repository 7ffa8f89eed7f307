"""The process in which a peer works, as benchmarks/peers asks it."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))
world: Any = import_module("benchmarks.peers.world")


def test_a_worker_waits_at_its_step_and_gives_its_facts() -> None:
    """A second: processes of its own for the endpoint, its API and the worker."""
    with world.world() as place:

        def refuse() -> None:
            with pytest.raises(TimeoutError):  # the first call was before the step, and there is no second yet
                place.fake.wait_for_api_requests(2, 0.2)
            place.fake.api_answer(403)

        answers = place.run("s2s", "revocation", {"revoke": refuse})
    assert answers == ["403", "403", "403"]


def test_an_error_in_a_worker_is_raised_with_its_text() -> None:
    """A second, as above."""
    with world.world() as place, pytest.raises(world.Failed, match="no_such_work"):
        place.run("s2s", "no_such_work")


def test_a_further_scope_set_is_a_further_token() -> None:
    """Two seconds, as above: the rows about memory get what they count."""
    names = ["demo/first", "demo/second", *(f"demo/{n}" for n in range(4))]
    with world.world(names) as place:
        assert len(place.run("s2s", "scope_sets", rounds=2, number=2)) == 2
        assert place.requests == 6
        place.fresh()
        assert len(place.run("s2s", "clients", rounds=1, number=2)) == 1
        assert place.requests == 4


def test_every_process_of_a_fleet_is_served_with_one_token(tmp_path: Path) -> None:
    """Two seconds, as above."""
    with world.world() as place:
        served = place.run("s2s", "fleet", processes=3, store=f"sqlite:///{tmp_path / 'tokens.db'}")
        assert (served, place.requests) == (3, 1)
