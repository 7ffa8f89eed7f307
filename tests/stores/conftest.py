"""All fixtures, for this folder, and what stores need besides."""

from collections.abc import Iterator

import pytest

from parts.redis import Redis
from parts.valkey import KeyValueServer, Valkey
from tests.support.every_fixture import *  # noqa: F403  # that is what the module is for
from tests.support.stores import or_skip, processes

__all__ = ["processes"]


@pytest.fixture(params=[Valkey, Redis])
def server(request: pytest.FixtureRequest) -> Iterator[KeyValueServer]:
    """A server of each kind in turn, for tests that change it."""
    wanted = request.param()
    with or_skip(wanted) if isinstance(wanted, Redis) else wanted as running:
        yield running
        running.kill()  # Redis takes a tenth of a second to end by itself
