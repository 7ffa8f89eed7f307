"""The engine's fixtures, and the services that hold secrets."""

from collections.abc import Iterator

import pytest

from tests.support.extension import Extension
from tests.support.fixtures import clock, credentials, events, fake, make, world
from tests.support.secrets import _vault, vault
from tests.support.stores import aws_variables, moto

__all__ = [
    "_vault",
    "aws_variables",
    "clock",
    "credentials",
    "events",
    "extension",
    "fake",
    "make",
    "moto",
    "vault",
    "world",
]


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[Extension]:
    """The Lambda extension, and the environment of a function beside it."""
    with Extension() as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        yield running
