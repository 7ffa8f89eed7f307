"""The engine's fixtures, for this folder. It runs without boto3 as well (tests/integration/test_environments.py)."""

from tests.support.fixtures import clock, credentials, events, fake, make, world

__all__ = ["clock", "credentials", "events", "fake", "make", "world"]
