"""The stores' contract once more, with MiniStack in DynamoDB's place."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from parts.ministack import MiniStack
from tests.stores.test_contract import Shared, TestCrowds, TestDelete, TestPutAndGet, TestTime, key, store
from tests.support.stores import AWS, DynamoDBEngine, aws_variables, processes

__all__ = ["TestCrowds", "TestDelete", "TestPutAndGet", "TestTime", "aws_variables", "key", "processes", "store"]


@pytest.fixture(scope="module")
def table(aws: MiniStack) -> DynamoDBEngine:
    """A table, made once."""
    engine = DynamoDBEngine(aws.url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        engine.make_table()
    return engine


@pytest.fixture
def engine(table: DynamoDBEngine, aws_variables: None) -> Iterator[DynamoDBEngine]:
    """In place of the contract's own."""
    with closing(DynamoDBEngine(table.url)) as engine:
        yield engine


class TestShared(Shared):
    """Between processes."""
