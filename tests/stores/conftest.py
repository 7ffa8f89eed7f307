"""The servers that stores of this folder's tests talk to."""

from tests.support.stores import aws_variables, moto, redis_server, valkey

__all__ = ["aws_variables", "moto", "redis_server", "valkey"]
