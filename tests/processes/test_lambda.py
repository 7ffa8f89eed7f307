"""In Lambda a thread stands still between invocations: whoever starts a renewal waits for it, for a second at most."""

import time

import pytest

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import PATIENCE, Threads, World


@pytest.fixture(autouse=True)
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "caller")


def test_stale_token_is_renewed_within_the_call_that_finds_it(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The caller gets the new token, and the invocation ends with no request under way."""
    old = world.get(credentials)
    clock.advance(2880)
    new = world.get(credentials)
    assert new is not old
    assert fake.counts()["token_requests"] == 2


def test_slow_renewal_holds_up_the_call_for_a_second_at_most(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock
) -> None:
    """Then the old token is served, and the flight stays."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    callers = Threads().ask(credentials)
    clock.advance(0.99)
    clock.wait_for_sleepers(1)
    clock.advance(0.02)
    assert callers.values() == [old]


def test_only_the_caller_that_starts_the_renewal_waits(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Everybody else has the old token at once."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    first = Threads().ask(credentials)
    assert world.get(credentials) is old
    fake.release()
    first.values()


def test_wait_is_no_longer_than_the_callers_own_timeout(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """`timeout=0` takes what is cached, in Lambda too."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    began = time.monotonic()
    assert world.get(credentials, timeout=0) is old
    assert time.monotonic() - began < PATIENCE / 2


def test_failed_renewal_is_nobodys_failure(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """The old token is as good as it was."""
    old = world.get(credentials)
    fake.fail(503)
    clock.advance(2880)
    assert world.get(credentials) is old
    assert world.get(credentials) is old
    assert fake.counts()["token_requests"] == 2
