"""The parts under scripts/parts, started once for the tests of this folder. They install what they need."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from s2sauth.testing import FakeCognito

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from parts import files_service
from parts.files_service import FilesService
from parts.lambda_runtime import LambdaRuntime
from parts.ministack import MiniStack
from parts.moto import Moto
from tests.support.stores import AWS, DynamoDBEngine


@pytest.fixture(scope="session")
def aws() -> Iterator[MiniStack]:
    """Cognito, API Gateway and Lambda."""
    with MiniStack() as aws:
        yield aws


@pytest.fixture(scope="session")
def world(aws: MiniStack) -> FilesService:
    """The tutorial's world, deployed with its documented command."""
    return files_service.deploy(aws)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """DynamoDB with the table `tokens`, for a test that may stop it."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with Moto() as server:
        DynamoDBEngine(server.url).make_table()
        yield server


@pytest.fixture
def fake() -> Iterator[FakeCognito]:
    """A token endpoint and an API that do as a test says."""
    with FakeCognito() as fake:
        yield fake


@pytest.fixture
def run_caller(fake: FakeCognito) -> Iterator[Callable[..., LambdaRuntime]]:
    """Starts AWS's Lambda runtime around the caller's zip; `run_caller(timeout=3, APP_CLIENT_SECRET="other")`."""
    code = files_service.build()
    with ExitStack() as running:

        def run(*, timeout: int = 15, **variables: str) -> LambdaRuntime:
            environ = {**fake.environ, **variables}
            return running.enter_context(LambdaRuntime(code, environ, timeout=timeout))

        yield run
