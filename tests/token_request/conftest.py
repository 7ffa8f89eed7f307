"""The engine's fixtures, for this folder. It runs without boto3 as well (tests/integration/test_environments.py)."""

import pytest

from tests.support.alarms import alarm
from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, plain_environment, world

__all__ = ["alarm", "clock", "credentials", "events", "fake", "family", "make", "plain_environment", "world"]


@pytest.fixture(autouse=True)
def _plain(plain_environment: None) -> None:
    """Before any other fixture."""
