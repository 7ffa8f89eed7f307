"""What happens to a Lambda function between its invocations and in them, with AWS's own runtime client.

Frozen is SIGSTOP for all of its threads. Time that passes meanwhile is real where it takes a second or two, else the
clocks of both sides are moved.
"""

import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parts.lambda_runtime import LambdaRuntime
from parts.ministack import HandlerFailed
from parts.runtime_api import ExecutionEnvironment, packages
from s2sauth.testing import FakeCognito
from tests.support.handlers.moved_clock import MovedClock
from tests.support.settled import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Lambda is Linux")

RunFunction = Callable[..., ExecutionEnvironment]
HANDLERS = Path(__file__).resolve().parents[1] / "support" / "handlers"
HOUR = 3600.0
AT_ONCE = 0.3
"""Seconds for the last steps of what has ended: a thread, a connection that the other side is still to notice."""


def in_flight(fake: FakeCognito) -> int:
    """Token requests under way: each has a connection of its own, which ends with it."""
    assert fake._listeners is not None
    return len(fake._listeners[0]._open)


def took(call: Callable[[], object]) -> float:
    """Seconds."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


class TestFrozen:
    """Between invocations every thread stands still, for a second or for hours."""

    def test_token_that_runs_out_meanwhile_is_not_sent(self, fake: FakeCognito, run_function: RunFunction) -> None:
        """By real clocks, twice. Takes the lives of two tokens: 1 s each."""
        fake.set_expires_in(1)
        function = run_function("functions.plain")
        for _ in range(2):
            assert function.invoke()["status"] == 200
            function.freeze()
            over = fake.token_requests[-1].at + 1.0
            eventually(lambda over=over: time.time() > over)
            function.thaw()

        assert took(function.invoke) < 1.0
        counts = fake.counts()
        assert (counts["api_dead"], counts["api_401"]) == (0, 0)
        assert counts["tokens_issued"] == 3

    @pytest.mark.parametrize("answered", [True, False], ids=["answered meanwhile", "never answered"])
    def test_in_the_middle_of_a_renewal(self, fake: FakeCognito, run_function: RunFunction, answered: bool) -> None:
        """The token in hand runs out, by real clocks, and so does the one that the renewal brings. Takes both lives."""
        fake.set_expires_in(2)
        function = run_function("functions.plain", RENEW_AT="0.01", CHANCE="0.0")
        function.invoke()
        if answered:
            fake.gate()
        else:
            fake.hang()
        assert 0.9 < took(function.invoke) < 2.0
        assert in_flight(fake) == 1
        function.freeze()
        over = fake.token_requests[-1].at + 2.0
        fake.release()
        fake.recover()
        eventually(lambda: time.time() > over)
        function.thaw()

        assert took(function.invoke) < 1.0
        counts = fake.counts()
        assert (counts["api_requests"], counts["api_dead"], counts["api_401"]) == (3, 0, 0)
        assert counts["token_requests"] == 3
        eventually(lambda: in_flight(fake) == 0, AT_ONCE)

    def test_renewal_that_was_answered_meanwhile_is_not_lost(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """A short freeze: the token that Cognito has billed serves the next invocation. Takes the 1 s of a renewal."""
        function = run_function("functions.plain")
        function.invoke()
        moved_clock.move(wall=0.9 * HOUR, boottime=0.9 * HOUR)
        fake.gate()
        function.invoke()
        function.freeze()
        fake.release()
        moved_clock.move(wall=10, boottime=10)
        function.thaw()
        eventually(lambda: function.threads() == 1)
        function.invoke()

        assert fake.counts()["tokens_issued"] == 2
        assert len({call.token_id for call in fake.api_requests}) == 2

    @pytest.mark.parametrize(
        ("wall", "boottime"),
        [(5 * HOUR, 5 * HOUR), (5 * HOUR, 0.0), (-5 * HOUR, 5 * HOUR)],
        ids=["both clocks", "no clock counts the freeze", "the wall clock was set back"],
    )
    def test_reused_after_hours(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock, wall: float, boottime: float
    ) -> None:
        """Whichever clock says so: the token is over."""
        function = run_function("functions.plain")
        function.invoke()
        function.freeze()
        moved_clock.move(wall=wall, boottime=boottime)
        fake.set_clock_offset(5 * HOUR - wall)  # five hours have passed, whatever the function's wall clock says
        function.thaw()

        assert took(function.invoke) < 1.0
        counts = fake.counts()
        assert (counts["api_dead"], counts["tokens_issued"]) == (0, 2)


class TestTimeLimit:
    """`time_limit(context)`: the invocation's own time."""

    def test_handler_answers_a_readable_error_instead_of_being_killed(
        self, fake: FakeCognito, function_environ: dict[str, str]
    ) -> None:
        """AWS's emulator, and a token endpoint that hangs. Takes the function's time limit, 2 s, but for 0.25 s."""
        environ = {**function_environ, **packages()}
        with LambdaRuntime(HANDLERS, environ, handler="functions.limited", timeout=2) as function:
            fake.hang()
            began = time.monotonic()
            with pytest.raises(HandlerFailed) as failed:
                function.invoke()
            assert time.monotonic() - began < 2.0
            assert failed.value.payload["errorType"] == "TokenUnavailable"
            assert re.match(r"No token within [01]\.\d+ s", failed.value.payload["errorMessage"])
            eventually(lambda: in_flight(fake) == 0, AT_ONCE)
            assert fake.counts()["token_requests"] == 1

    def test_next_invocation_has_the_same_process(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """Nothing was killed, nothing is stuck. Takes the time limit, 1 s, but for 0.25 s."""
        function = run_function("functions.limited")
        fake.hang()
        with pytest.raises(HandlerFailed, match="TokenUnavailable"):
            function.invoke(limit=1.0)
        fake.recover()
        moved_clock.move(wall=2.0, boottime=2.0)  # a failure is remembered for a moment

        assert function.invoke() == {"status": 200, "pid": function.pid}

    def test_no_renewal_outlives_the_invocation(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """Nobody waits longer than 1 s, and the request ends with the invocation's time. Takes that: 1.25 s."""
        function = run_function("functions.limited")
        function.invoke()
        moved_clock.move(wall=0.9 * HOUR, boottime=0.9 * HOUR)
        fake.hang()
        assert function.invoke(limit=1.5)["status"] == 200

        eventually(lambda: in_flight(fake) == 0, 0.5)
        assert fake.counts()["token_requests"] == 2


class TestInline:
    """Whoever finds that a renewal is due waits for it, for a second at most."""

    def test_no_request_is_under_way_when_the_invocation_ends(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """And none of its threads is left. Takes the token endpoint's answer, 0.4 s."""
        function = run_function("functions.plain")
        function.invoke()
        moved_clock.move(wall=0.9 * HOUR, boottime=0.9 * HOUR)
        fake.set_latency(0.4)

        assert took(function.invoke) >= 0.4
        eventually(lambda: in_flight(fake) == 0 and function.threads() == 1, AT_ONCE)
        assert fake.counts()["token_requests"] == 2
        assert len({call.token_id for call in fake.api_requests}) == 2

    def test_slow_endpoint_costs_one_invocation_a_second(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """It goes on with the token in hand, and the next ones do so at once. Takes that second."""
        function = run_function("functions.plain")
        function.invoke()
        moved_clock.move(wall=0.9 * HOUR, boottime=0.9 * HOUR)
        fake.hang()

        assert 0.9 < took(function.invoke) < 1.5
        assert took(function.invoke) < 0.5
        assert {call.status for call in fake.api_requests} == {200}
        assert fake.counts()["token_requests"] == 2


class TestInit:
    """What happens before the first invocation is billed and delays a cold start: as much as was asked for."""

    def test_nothing_happens_at_import(self, fake: FakeCognito, run_function: RunFunction) -> None:
        """Credentials, hook and client at module level: no connection, and no thread but the one that reads the CAs."""
        function = run_function("functions.plain")

        counts = fake.counts()
        assert (counts["token_connections"], counts["api_connections"]) == (0, 0)
        eventually(lambda: function.threads() == 1)

    def test_warm_spares_the_first_invocation_its_token_request(
        self, fake: FakeCognito, run_function: RunFunction
    ) -> None:
        """It is sent in the init phase."""
        function = run_function("warmed.handler")
        assert fake.counts()["token_requests"] == 1
        fake.refuse()

        assert function.invoke()["warm"] is True
        assert fake.counts()["token_requests"] == 1

    def test_outage_does_not_fail_the_init(
        self, fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
    ) -> None:
        """A later invocation gets the token."""
        fake.fail(503)
        function = run_function("warmed.handler", CHANCE="0.0")
        fake.recover()
        moved_clock.move(wall=2.0, boottime=2.0)

        assert function.invoke() == {"status": 200, "warm": False, "pid": function.pid}

    def test_wrong_secret_fails_the_init(self, fake: FakeCognito, run_function: RunFunction) -> None:
        """With the error's name, and without the secret."""
        wrong = "1secretthatnobodymaysee0" * 2
        with pytest.raises(RuntimeError, match="InvalidClient") as failed:
            run_function("warmed.handler", APP_CLIENT_SECRET=wrong)

        assert wrong not in str(failed.value)


def test_event_loop_of_each_invocation_s_own(fake: FakeCognito, run_function: RunFunction) -> None:
    """`asyncio.run` and a new AsyncClient each time, the credentials at module level: one token."""
    function = run_function("functions.looped")

    assert {function.invoke()["status"] for _ in range(10)} == {200}
    assert fake.counts()["token_requests"] == 1


def test_event_loop_in_which_a_renewal_is_due(
    fake: FakeCognito, run_function: RunFunction, moved_clock: MovedClock
) -> None:
    """The loop of the invocation before is closed; this one waits for the token in its own."""
    function = run_function("functions.looped")
    function.invoke()
    moved_clock.move(wall=0.9 * HOUR, boottime=0.9 * HOUR)
    fake.set_latency(0.1)
    function.invoke()
    eventually(lambda: in_flight(fake) == 0, AT_ONCE)
    function.invoke()

    ids = [call.token_id for call in fake.api_requests]
    assert ids[0] != ids[1] == ids[2]


@pytest.mark.parametrize("shared", [True, False], ids=["with a store", "without a store"])
def test_managed_instances(fake: FakeCognito, run_function: RunFunction, tmp_path: Path, shared: bool) -> None:
    """Four processes of one environment, as the runtime client makes them, cold at the same time: one token with a
    store in a folder that they share, else one each.
    """
    store = {"STORE": f"sqlite:///{tmp_path}/tokens.db"} if shared else {}
    instances = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances", "AWS_LAMBDA_MAX_CONCURRENCY": "4"}
    fake.set_latency(0.1)
    function = run_function("functions.plain", processes=4, **instances, **store)
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: function.invoke(limit=10.0), range(4)))

    assert {answer["status"] for answer in answers} == {200}
    assert len({answer["pid"] for answer in answers}) == 4
    assert fake.counts()["token_requests"] == (1 if shared else 4)
