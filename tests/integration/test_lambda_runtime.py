"""The caller's handler in AWS's own Lambda runtime client, driven by AWS's emulator."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from parts.lambda_runtime import LambdaRuntime
from parts.ministack import HandlerFailed
from parts.moto import Moto
from s2sauth.testing import FakeCognito
from tests.support.stores import AWS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's emulator is a Linux binary")

RunCaller = Callable[..., LambdaRuntime]

LIMIT = 5
"""Seconds: the time limit of a function whose store cannot be reached. It takes about 2, of which 1 is the store's."""


def table(url: str) -> dict[str, str]:
    """The variables of a caller whose store is the table at this endpoint."""
    return {**AWS, "TOKEN_STORE": f"dynamodb://tokens?region=eu-central-1&endpoint_url={url}"}


def test_cold_and_warm_invocations_share_one_token(fake: FakeCognito, run_caller: RunCaller) -> None:
    """A module-level object lives as long as the execution environment."""
    function = run_caller()

    answers = [function.invoke() for _ in range(3)]

    assert [answer["scope"] for answer in answers] == ["demo/read.file"] * 3
    assert fake.counts()["tokens_issued"] == 1
    assert fake.counts()["token_requests"] == 1


def test_wrong_secret_is_a_readable_error_without_the_secret(fake: FakeCognito, run_caller: RunCaller) -> None:
    """The error's type and message are what an operator sees first; the log and the trace hold no secret either."""
    wrong = "1secretthatnobodymaysee0" * 2
    function = run_caller(APP_CLIENT_SECRET=wrong)

    with pytest.raises(HandlerFailed) as failed:
        function.invoke()

    assert failed.value.payload["errorType"] == "InvalidClient"
    assert "invalid_client" in failed.value.payload["errorMessage"]
    assert wrong not in str(failed.value)
    assert wrong not in function.log()
    assert fake.client_secret not in function.log()


def test_outage_is_a_readable_error(fake: FakeCognito, run_caller: RunCaller) -> None:
    """The endpoint answers 503 to every attempt: the error says that another try is worth it."""
    fake.fail(503)

    with pytest.raises(HandlerFailed) as failed:
        run_caller().invoke()

    assert failed.value.payload["errorType"] == "TokenUnavailable"
    assert "503" in failed.value.payload["errorMessage"]


def test_next_invocation_works_after_one_was_killed_at_its_time_limit(fake: FakeCognito, run_caller: RunCaller) -> None:
    """The token endpoint hangs for longer than the function may take. Lasts that long: 3 s, Lambda's own default."""
    function = run_caller(timeout=3)
    fake.hang()

    with pytest.raises(HandlerFailed, match="Task timed out after 3"):
        function.invoke()
    assert fake.counts()["token_requests"] >= 1

    fake.recover()
    assert function.invoke()["scope"] == "demo/read.file"
    assert fake.counts()["tokens_issued"] == 1


def test_cold_start_takes_the_token_from_a_file(fake: FakeCognito, run_caller: RunCaller, tmp_path: Path) -> None:
    """As processes of one Lambda Managed Instance, which share /tmp. Starts two environments: seconds."""
    store = f"sqlite:///{tmp_path}/tokens.db"

    first = run_caller(TOKEN_STORE=store).invoke()
    second = run_caller(TOKEN_STORE=store).invoke()

    assert [first["scope"], second["scope"]] == ["demo/read.file"] * 2
    assert fake.counts()["token_requests"] == 1


def test_cold_start_takes_the_token_from_a_table(fake: FakeCognito, run_caller: RunCaller, dynamodb: Moto) -> None:
    """What the first environment got is in the table before its handler answers. Starts two and moto: seconds."""
    first = run_caller(**table(dynamodb.url)).invoke()
    second = run_caller(**table(dynamodb.url)).invoke()

    assert [first["scope"], second["scope"]] == ["demo/read.file"] * 2
    assert fake.counts()["token_requests"] == 1


def test_cold_start_answers_in_time_when_the_table_refuses(fake: FakeCognito, run_caller: RunCaller) -> None:
    """Nobody listens at the store's port: a token of its own, at once. Starts an environment: a second or two."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        began = time.monotonic()
        function = run_caller(timeout=LIMIT, **table(f"http://127.0.0.1:{held.getsockname()[1]}"))
        answer = function.invoke()
        took = time.monotonic() - began

    assert answer["scope"] == "demo/read.file"
    assert took < LIMIT
    assert "store cannot be used" in function.log()
    assert fake.counts()["token_requests"] == 1


def test_cold_start_answers_in_time_when_the_table_hangs(
    fake: FakeCognito, run_caller: RunCaller, dynamodb: Moto
) -> None:
    """The store's server is stopped: connections stay open, and nothing comes. The store gets a second, once."""
    assert dynamodb._process is not None
    os.kill(dynamodb._process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        function = run_caller(timeout=LIMIT, **table(dynamodb.url))
        answer = function.invoke()
        took = time.monotonic() - began
        function.invoke()
        both = time.monotonic() - began
    finally:
        os.kill(dynamodb._process.pid, signal.SIGCONT)

    assert answer["scope"] == "demo/read.file"
    assert took < LIMIT
    assert both - took < 1.0
    assert "store cannot be used" in function.log()
    assert fake.counts()["token_requests"] == 1
