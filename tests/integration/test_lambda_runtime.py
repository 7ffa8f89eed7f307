"""The caller's handler in AWS's own Lambda runtime client, driven by AWS's emulator."""

import sys
from collections.abc import Callable

import pytest

from parts.lambda_runtime import LambdaRuntime
from parts.ministack import HandlerFailed
from s2sauth.testing import FakeCognito

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's emulator is a Linux binary")

RunCaller = Callable[..., LambdaRuntime]


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
