"""All fixtures of tests/support in one list; they need boto3, and the servers of shared stores."""

from tests.support.alarms import alarm
from tests.support.families import family
from tests.support.fixtures import clock, credentials, events, fake, make, world
from tests.support.secrets import _vault, vault
from tests.support.store_faults import moto_place, place
from tests.support.stores import aws_variables, moto, redis_server, valkey

__all__ = [
    "_vault",
    "alarm",
    "aws_variables",
    "clock",
    "credentials",
    "events",
    "fake",
    "family",
    "make",
    "moto",
    "moto_place",
    "place",
    "redis_server",
    "valkey",
    "vault",
    "world",
]
