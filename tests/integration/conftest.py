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
from parts.runtime_api import ExecutionEnvironment
from tests.support.handlers.moved_clock import MovedClock
from tests.support.stores import AWS, DynamoDBEngine

HANDLERS = Path(__file__).resolve().parents[1] / "support" / "handlers"


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
def moved_clock(tmp_path: Path) -> MovedClock:
    """The time of `fake`, and of the functions that `run_function` starts."""
    return MovedClock(tmp_path / "clock")


@pytest.fixture
def fake(moved_clock: MovedClock) -> Iterator[FakeCognito]:
    """A token endpoint and an API that do as a test says."""
    with FakeCognito(clock=moved_clock) as fake:
        yield fake


@pytest.fixture
def function_environ(fake: FakeCognito, tmp_path: Path) -> dict[str, str]:
    """What the handlers under tests/support/handlers read."""
    return {**fake.environ, "MOVED_CLOCK": str(tmp_path / "clock")}


@pytest.fixture
def run_function(function_environ: dict[str, str]) -> Iterator[Callable[..., ExecutionEnvironment]]:
    """Starts AWS's runtime client around one of these handlers; `run_function("functions.plain", RENEW_AT="0.5")`."""
    with ExitStack() as running:

        def run(handler: str, *, processes: int = 1, snapshot: bool = False, **variables: str) -> ExecutionEnvironment:
            environ = {**function_environ, **variables}
            function = ExecutionEnvironment(HANDLERS, handler, environ, processes=processes, snapshot=snapshot)
            return running.enter_context(function)

        yield run


@pytest.fixture
def run_caller(fake: FakeCognito) -> Iterator[Callable[..., LambdaRuntime]]:
    """Starts AWS's Lambda runtime around the caller's zip; `run_caller(timeout=3, APP_CLIENT_SECRET="other")`."""
    code = files_service.build()
    with ExitStack() as running:

        def run(*, timeout: int = 15, **variables: str) -> LambdaRuntime:
            environ = {**fake.environ, **variables}
            return running.enter_context(LambdaRuntime(code, environ, timeout=timeout))

        yield run
