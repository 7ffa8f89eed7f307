"""Every scenario of docs/reference/scenarios.json holds, for threads, asyncio and trio."""

from collections.abc import Callable
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.scenarios import TABLE, Run
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.parametrize("scenario", TABLE["scenarios"], ids=lambda scenario: scenario["name"])
def test_scenario(scenario: dict[str, Any], world: World, make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """What is given, the steps one after the other, and after each of them what the table says."""
    Run(scenario, world, fake, clock).go(make)
