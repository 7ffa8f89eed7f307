"""The engine's fixtures, for this folder."""

from tests.support.alarms import alarm
from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, world

__all__ = ["alarm", "clock", "credentials", "events", "fake", "family", "make", "world"]
