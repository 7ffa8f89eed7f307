"""Every scenario of docs/reference/scenarios.json holds, for threads, asyncio and trio."""

from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.scenarios import TABLE, Run
from tests.support.worlds import WORLDS, World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.parametrize("scenario", TABLE["scenarios"], ids=lambda scenario: scenario["name"])
def test_scenario(scenario: dict[str, Any], world: World, make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """What is given, the steps one after the other, and after each of them what the table says."""
    Run(scenario, world, fake, clock).go(make)


WRONG = {"token": "T2", "token_requests": 1, "waited": 1, "held_back": True, "freshness": "stale", "expires_in": 300}


@pytest.mark.parametrize("member", WRONG)
def test_a_wrong_expectation_is_seen(member: str, make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """Each member of `expect` is compared: a table with one mistake in it fails at its step."""
    right = {"token": "T1", "token_requests": 0, "waited": 0, "held_back": False, "freshness": "fresh"}
    steps = [{"get": {}, "expect": right}, {"get": {}, "expect": {**right, member: WRONG[member]}}]
    with pytest.raises(AssertionError, match="step 2"):
        Run({"given": {"life": 3600, "age": 1000}, "steps": steps}, WORLDS[0], fake, clock).go(make)
