"""The engine's fixtures, for this folder, where every test holds for both HTTP libraries."""

import pytest

from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, world

__all__ = ["clock", "credentials", "events", "fake", "family", "make", "world"]


@pytest.fixture(autouse=True)
def _for_both(family: object) -> None:
    """Before any other fixture."""
