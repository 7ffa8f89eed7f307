"""The engine's fixtures, and the service that holds secrets."""

from tests.support.fixtures import clock, credentials, events, fake, make
from tests.support.secrets import _vault, vault
from tests.support.stores import aws_variables, moto

__all__ = ["_vault", "aws_variables", "clock", "credentials", "events", "fake", "make", "moto", "vault"]
