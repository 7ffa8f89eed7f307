"""The servers and processes that tests of this folder use."""

from tests.support.stores import aws_variables, moto, processes, redis_server, valkey

__all__ = ["aws_variables", "moto", "processes", "redis_server", "valkey"]
