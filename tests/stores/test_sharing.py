"""Processes that share a store: whose token is used, who asks for one, and what becomes of a rejected one.

Two credentials objects share nothing but what is in the store, which is all that two processes share.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    Event,
    Freshness,
    InvalidScope,
    RenewalPolicy,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually
from tests.support.shared_store import (
    TRIES,
    WatchedStore,
    advance_to_the_next_look,
    in_the_store,
    landed,
    seal_of,
    token_requests,
    two_with_a_token,
)
from tests.support.worlds import WORLDS, GetToken, World

Make = Callable[..., CognitoClientCredentials]
THREADS = WORLDS[0]


@pytest.fixture
def store(clock: ManualClock) -> WatchedStore:
    """What the processes share."""
    return WatchedStore(clock)


@pytest.fixture
def join(make: Make, store: WatchedStore) -> Make:
    """One more process of the fleet."""
    return lambda **arguments: make(**{"store": store, **arguments})


class TestOneToken:
    """For all processes."""

    def test_a_cold_process_takes_the_token_of_another(self, join: Make, fake: FakeCognito, world: World) -> None:
        """One token request for both, and the second pays nothing."""
        first, second = join(), join()
        token = world.get(first)
        landed(first)

        assert world.get(second).access_token == token.access_token
        assert token_requests(fake) == 1
        assert (second.state().token_requests, second.state().tokens_billed) == (0, 0)

    def test_equal_settings_share_and_others_do_not(self, join: Make, fake: FakeCognito) -> None:
        """The order of scopes does not matter, each scope does."""
        for scopes in ("demo/read.file demo/write.file", "demo/write.file demo/read.file", "demo/read.file"):
            member = join(scopes=scopes)
            member.get_token()
            landed(member)

        assert token_requests(fake) == 2

    def test_a_token_is_handed_out_for_as_long_as_it_lives(self, join: Make, clock: ManualClock) -> None:
        """Its life counts from the request, whoever sent it."""
        first = join()
        first.get_token()
        landed(first)
        clock.advance(1000)

        token = join().get_token()

        assert token.expires_in == 3600
        assert token.remaining() == pytest.approx(2600)

    @pytest.mark.parametrize("step", [-300, 300], ids=["behind", "ahead"])
    def test_a_wrong_clock_never_makes_a_token_younger(self, join: Make, clock: ManualClock, step: float) -> None:
        """Five minutes, either way: by the store's own clock it is as old as it is, or older."""
        first = join()
        first.get_token()
        landed(first)
        clock.advance(1000)
        clock.step_wall(step)

        assert 2290 < join().get_token().remaining() <= 2600

    def test_who_comes_later_to_the_renewal_point_takes_what_the_first_brought(
        self, join: Make, fake: FakeCognito, clock: ManualClock
    ) -> None:
        """The renewals of a fleet are those of one process."""
        first, second = join(), join()
        first.get_token()
        landed(first)
        old = second.get_token()
        landed(second)
        clock.advance(3000)
        first.get_token()
        landed(first)
        clock.advance(100)
        second.get_token()
        landed(second)

        assert token_requests(fake) == 2
        assert second.get_token().access_token == first.get_token().access_token != old.access_token
        assert second.get_token().remaining() == pytest.approx(3500)

    def test_strict_is_each_process_s_own_matter(self, join: Make, fake: FakeCognito) -> None:
        """A token that a lenient one took and a strict one would not is asked for anew, and refused."""
        fake.narrow_scopes(["demo/other"])
        lenient = join()
        lenient.get_token()
        landed(lenient)

        with pytest.raises(InvalidScope):
            join(strict=True).get_token()

    def test_both_secrets_of_a_rotation_find_the_token(self, join: Make, fake: FakeCognito) -> None:
        """A process that has the new and the old one, in either order, takes what was got with the old one."""
        old = fake.client_secret
        first = join()
        token = first.get_token()
        landed(first)
        new = fake.rotate_secret(keep_old=True)

        for secrets in ([new, old], [old, new]):
            assert join(client_secret=lambda secrets=secrets: secrets).get_token().access_token == token.access_token
        assert token_requests(fake) == 1

    def test_a_secret_that_was_not_the_first_one_shares_its_token_too(self, join: Make, fake: FakeCognito) -> None:
        """Under the secret that was accepted: who has only that one finds it."""
        good = fake.client_secret
        first = join(client_secret=lambda: ["a-wrong-secret-of-24-characters", good])
        token = first.get_token()
        landed(first)

        assert join().get_token().access_token == token.access_token

    def test_a_secret_read_again_shares_its_token_too(self, join: Make, fake: FakeCognito) -> None:
        """The source gave it only when it was asked once more."""
        good = fake.client_secret
        given = iter(["a-wrong-secret-of-24-characters", good])
        first = join(client_secret=lambda: next(given))
        token = first.get_token()
        landed(first)

        assert join().get_token().access_token == token.access_token


class TestRejectedTokens:
    """A 401, or `invalidate()`, in one process."""

    def test_the_others_get_the_replacement_for_nothing(
        self, join: Make, fake: FakeCognito, clock: ManualClock, world: World
    ) -> None:
        """One token request in the fleet for one rejected token."""
        first, second, rejected = two_with_a_token(join, world)
        clock.advance(600)
        new = world.get(first, rejected=rejected)
        landed(first)

        assert world.get(second, rejected=second.get_token()).access_token == new.access_token != rejected.access_token
        assert token_requests(fake) == 2
        assert join().get_token().access_token == new.access_token

    def test_a_newer_token_is_never_retired(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """What was rejected is compared, not how often."""
        first, second, rejected = two_with_a_token(join)
        clock.advance(600)
        new = first.get_token(rejected=rejected)
        landed(first)
        second.invalidate(rejected)
        second.get_token()
        landed(second)

        assert not in_the_store(first, fake, store).suspected
        assert second.get_token().access_token == new.access_token

    def test_a_rejected_token_is_retired_for_all_before_another_is_there(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """A cold process does not start with it: it waits for the replacement."""
        first, cold = join(), join()
        rejected = first.get_token()
        landed(first)
        clock.advance(600)
        fake.gate()
        replacing = THREADS.start([GetToken(first, {"rejected": rejected})])
        fake.wait_for_token_requests(2)
        assert in_the_store(first, fake, store).suspected
        starting = THREADS.start([GetToken(cold)])
        assert advance_to_the_next_look(cold, clock, fake)
        fake.release()
        replacing.values()
        landed(first)
        while advance_to_the_next_look(cold, clock, fake):
            pass
        (token,) = starting.values()

        assert token.access_token == first.get_token().access_token != rejected.access_token
        assert token_requests(fake) == 2

    def test_a_suspected_token_is_better_than_none(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, world: World
    ) -> None:
        """It is what a cold process gets while the token endpoint is down; and it looks for a better one later."""
        clock.set_random(0.0)
        first = join()
        suspected = first.get_token()
        landed(first)
        clock.advance(600)
        fake.refuse()
        assert first.get_token(rejected=suspected) is suspected
        landed(first)
        cold = join()

        assert world.get(cold).access_token == suspected.access_token

        landed(cold)
        fake.recover()
        clock.advance(60)
        new = world.get(cold)
        assert new.access_token != suspected.access_token
        landed(cold)
        assert not in_the_store(cold, fake, store).suspected

    def test_a_rejected_token_whose_replacement_fails_stays_usable(
        self, join: Make, fake: FakeCognito, clock: ManualClock
    ) -> None:
        """As without a store: the slot stays as it was."""
        clock.set_random(0.0)
        member = join()
        token = member.get_token()
        landed(member)
        clock.advance(600)
        fake.refuse()

        assert member.get_token(rejected=token).access_token == token.access_token
        assert member.get_token().access_token == token.access_token


class TestAStoreThatFails:
    """The caller gets its token all the same."""

    def test_a_token_comes_without_it(
        self, join: Make, fake: FakeCognito, store: WatchedStore, events: list[Any], world: World
    ) -> None:
        """It is tried some times, said once, and left alone."""
        store.fail()
        member = join()

        assert world.get(member)
        landed(member)
        assert store.calls == ["get"] * TRIES
        failed = [event for event in events if event.name == "store_failed"]
        assert [(event.error, event.seconds) for event in failed] == [("ConnectionError", 3.75)]

    def test_one_quick_failure_is_nothing(
        self, join: Make, fake: FakeCognito, store: WatchedStore, events: list[Any]
    ) -> None:
        """A connection that was cut says nothing about the store."""
        member = join()

        def cut() -> None:
            store.recover()
            raise ConnectionResetError

        store.faults = {"get": cut}
        member.get_token()
        landed(member)

        assert "store_failed" not in names(events)
        assert in_the_store(member, fake, store)

    def test_it_is_left_alone_for_some_seconds_and_then_tried_again(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore, events: list[Any]
    ) -> None:
        """All scope sets leave it alone; the first operation that succeeds ends that."""
        store.fail()
        member = join()
        member.get_token()
        landed(member)
        store.recover()
        store.calls.clear()
        clock.advance(3.74)
        other = member.with_scopes("demo/write.file")
        other.get_token()
        landed(other)
        assert store.calls == []

        clock.advance(0.02)
        third = member.with_scopes("demo/read.file", "demo/write.file")
        third.get_token()
        landed(third)
        assert store.calls == ["get", "put", "get", "put", "delete", "close"]
        assert "store_recovered" in names(events)

    @pytest.mark.parametrize("method", ["get", "put"])
    def test_a_store_that_hangs_has_its_time(
        self, make: Make, fake: FakeCognito, store: WatchedStore, events: list[Any], method: str
    ) -> None:
        """By the real clock: a deadline of 2 s, of which it gets half at most."""
        gate = store.hold(method)
        member = make(store=store, policy=RenewalPolicy(deadline=2.0), clock=None)

        assert member.get_token()
        landed(member)
        gate.set()
        assert [event.error for event in events if event.name == "store_failed"] == ["StoreTimeout"]

    def test_a_slow_write_keeps_nobody_waiting(self, join: Make, fake: FakeCognito, store: WatchedStore) -> None:
        """Who asked has its token before the store has it."""
        member = join()
        writing = threading.Event()
        gate = threading.Event()

        def slow() -> None:
            if token_requests(fake):
                writing.set()
                gate.wait(10)

        store.faults = {"put": slow}
        assert member.get_token()
        assert writing.wait(10)
        assert store.inner.get(seal_of(member, fake).name) is None
        gate.set()
        landed(member)
        assert in_the_store(member, fake, store)

    def test_in_lambda_the_write_comes_first(
        self, join: Make, fake: FakeCognito, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There its thread would stand still once the handler has returned."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "caller")
        member = join()
        member.get_token()

        assert in_the_store(member, fake, store)
        assert store.inner.get(seal_of(member, fake).lease) is None

    def test_what_is_damaged_is_replaced(
        self, join: Make, fake: FakeCognito, store: WatchedStore, events: list[Any]
    ) -> None:
        """And said, since it may be an attack."""
        member = join()
        store.inner.put(seal_of(member, fake).name, b"garbage", replaces=None, seconds=60)
        token = member.get_token()
        landed(member)

        assert "store_entry_refused" in names(events)
        assert in_the_store(member, fake, store).issued.access_token == token.access_token

    def test_what_is_over_is_not_taken_whatever_the_store_says(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """An entry that was put back after its time: its life is inside the encryption."""
        first = join()
        first.get_token()
        landed(first)
        seal = seal_of(first, fake)
        found = store.inner.get(seal.name)
        assert found is not None
        clock.advance(3600)
        store.inner.put(seal.name, found.value, replaces=None, seconds=3600)

        join().get_token()
        assert token_requests(fake) == 2

    def test_what_would_stay_longer_than_it_lives_is_not_taken(
        self, join: Make, fake: FakeCognito, store: WatchedStore, events: list[Event]
    ) -> None:
        """Somebody wrote it anew or took its end away: then the store's clock says nothing of its age."""
        first = join()
        first.get_token()
        landed(first)
        seal = seal_of(first, fake)
        found = store.inner.get(seal.name)
        assert found is not None
        store.inner.delete(seal.name, found.value)
        store.inner.put(seal.name, found.value, replaces=None, seconds=3601)

        join().get_token()
        assert token_requests(fake) == 2
        assert "store_entry_refused" in names(events)

    def test_a_token_that_died_on_its_way_is_not_shared(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """A machine that slept under the request."""
        fake.gate()
        member = join()
        caller = THREADS.start([GetToken(member)])
        fake.wait_for_token_requests(1)
        flight = member._slot.flight
        clock.suspend(4000)
        fake.release()
        eventually(lambda: flight.thread is None)
        assert [type(error) for error in caller.errors()] == [TokenUnavailable]

        assert store.inner.get(seal_of(member, fake).name) is None

    def test_a_token_that_dies_before_it_is_shared_is_not_shared(
        self, join: Make, fake: FakeCognito, clock: ManualClock, store: WatchedStore
    ) -> None:
        """A machine that slept between the answer and the write."""

        def sleep(event: Event) -> None:
            if event.name == "renewed":
                clock.suspend(4000)

        member = join(on_event=sleep)
        with suppress(TokenUnavailable):  # the caller's deadline is over, too
            member.get_token()
        landed(member)
        assert store.calls.count("put") == token_requests(fake)  # the leases

    def test_nothing_of_a_token_stands_in_plain_text(self, join: Make, fake: FakeCognito, store: WatchedStore) -> None:
        """Neither the token nor what it is for."""
        member = join()
        token = member.get_token()
        landed(member)
        seal = seal_of(member, fake)
        found = store.inner.get(seal.name)

        assert found is not None
        for plain in (token.access_token, token.access_token[5:30], fake.client_id, "demo", "access_token"):
            assert plain.encode() not in found.value
            assert plain not in seal.name

    def test_an_entry_moved_to_another_name_is_not_taken(
        self, join: Make, fake: FakeCognito, store: WatchedStore, events: list[Any]
    ) -> None:
        """What it is for is part of the encryption."""
        first, other = join(), join(scopes="demo/write.file")
        first.get_token()
        landed(first)
        found = store.inner.get(seal_of(first, fake).name)
        assert found is not None
        store.inner.put(seal_of(other, fake).name, found.value, replaces=None, seconds=60)
        other.get_token()

        assert token_requests(fake) == 2
        assert "store_entry_refused" in names(events)


def test_a_store_that_cannot_be_opened_is_a_mistake(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said when the hook is made, by the class of what the engine's library raised."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(ConfigurationError, match="store: NoRegionError when it was opened; look at its URL"):
        make(store="dynamodb://tokens").httpx_auth("https://api.example.com")
    with pytest.raises(ConfigurationError, match="url: its query holds an option"):
        make(store="redis://127.0.0.1/?nonsense=1").httpx_auth("https://api.example.com")


def test_a_script_that_ends_at_once_leaves_its_token_to_the_next(fake: FakeCognito, tmp_path: Path) -> None:
    """The end of the process waits for the write: three processes in a row, one token. About 0.5 s each."""
    script = "import sys, s2sauth; s2sauth.CognitoClientCredentials.from_env(store=sys.argv[1]).get_token()"
    for _ in range(3):
        subprocess.run([sys.executable, "-c", script, f"sqlite:///{tmp_path}/tokens.db"], env=fake.environ, check=True)

    assert token_requests(fake) == 1


def test_freshness_of_a_taken_token_is_drawn_anew(join: Make, clock: ManualClock) -> None:
    """Processes that took one token do not all renew it in the same second."""
    first = join()
    first.get_token()
    landed(first)
    clock.advance(2790)
    clock.set_random(0.999)
    second = join()
    second.get_token()
    landed(second)
    clock.advance(10)

    assert first.state().freshness is Freshness.FRESH
    clock.advance(100)
    assert first.state().freshness is Freshness.STALE
    assert second.state().freshness is Freshness.FRESH


def test_a_cold_process_asks_the_store_five_times(join: Make, store: WatchedStore) -> None:
    """Look, write a lease, look again, write the token, give the lease back; and let go."""
    member = join()
    member.get_token()
    landed(member)

    assert store.calls == ["get", "put", "get", "put", "delete", "close"]


def test_a_step_that_nobody_knows_is_an_error(join: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a verdict."""
    names = SimpleNamespace(LOOK=None, LOOK_AT_LEASE=None, WRITE_LEASE=None, PAUSE=None)
    monkeypatch.setattr("s2sauth._sharing.Do", names)

    with pytest.raises(TokenUnavailable, match="AssertionError"):
        join().get_token()


def test_a_verdict_that_nobody_knows_is_an_error(
    join: Make, monkeypatch: pytest.MonkeyPatch, fake: FakeCognito
) -> None:
    """A new one must be dealt with; the caller is told, and can try again."""
    first, second = join(), join()
    first.get_token()
    landed(first)
    monkeypatch.setattr("s2sauth._sharing.judge", lambda *_, **__: "something new")

    with pytest.raises(TokenUnavailable, match="AssertionError"):
        second.get_token()
