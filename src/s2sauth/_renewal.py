"""The work of one flight, in straight lines: read the secret, take another process's token or request one, try again
while that makes sense, cache the token, share it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, final

from ._core.client_secret import Found
from ._core.entry import Entry, Instant, clock_step, cut_margin, elapsed, is_alive_by_longest
from ._core.errors import Cause, ConfigurationError, Failure, InvalidClient, TokenUnavailable
from ._core.issued import Issued
from ._core.retry import budget_spent, forced_now, next_delay, purchase_wait, timeouts
from ._core.secret_owner import client_of, secrets_of, whose
from ._core.steps import Step, unforeseen
from ._core.token_endpoint import TokenRequest, read_answer, token_request
from ._core.values import Secret
from ._engine import Engine
from ._flight import Flight, Outcome
from ._fork_guard import hold_off_exit, hold_off_forks
from ._process import in_lambda, may_end_at_once, this_process
from ._slots import Slot
from .events import EventName, logger
from .secret_sources import SourceFailed
from .secret_sources.base import read_found

if TYPE_CHECKING:
    from ._sender import Sender
    from ._sharing import StoreSession


def renew(engine: Engine, slot: Slot, flight: Flight) -> Outcome:
    """Fetch a token for `slot`, on the flight's thread. It is in the slot before this returns."""
    engine.working[flight] = None
    try:
        return Renewal(engine, slot, flight).run()
    finally:
        engine.working.pop(flight, None)


@final
class Renewal:
    """What one flight does."""

    def __init__(self, engine: Engine, slot: Slot, flight: Flight) -> None:
        self._engine = engine
        self._slot = slot
        self._flight = flight
        self._clock = engine.clock
        self._remark: str | None = None
        """What to add to a refusal of the client: whose secret it is, or why the source's is not used."""

    def run(self) -> Outcome:
        """From the start to the end of the flight's work."""
        flight = self._flight
        began = self._look_at_clocks()
        if (ended := flight.outcome) is not None:
            return ended  # closed or given up before its thread began: nothing is sent
        if (client_id := self._engine.client.get(None)) is not None:
            self._slot.know_client(client_id)  # of a view that has not read the secret itself yet
        self._begin(began)
        with ExitStack() as afterwards:
            try:
                outcome = self._outcome(afterwards)
                self._conclude(outcome, began)
                outcome = self._last_resort(outcome)
            except BaseException as error:  # sys.exit() in a secret source is a failure like any other
                outcome = unforeseen(flight.step, error)
                self._conclude(outcome, began)
                flight.settle(outcome)
                raise
            if self._engine.open_session is not None:
                self._finish(outcome, afterwards)
        return outcome

    def _report(
        self, name: EventName, *, seconds: float | None = None, attempt: int | None = None, error: str | None = None
    ) -> None:
        self._engine.report(name, self._slot.id, seconds=seconds, attempt=attempt, error=error)

    def _now(self) -> Instant:
        return Instant(self._clock.wall(), self._clock.boottime())

    def _look_at_clocks(self) -> Instant:
        engine, now = self._engine, self._now()
        before, engine.last_look = engine.last_look, now
        if before is not None and (step := clock_step(before, now)) is not None:
            self._report("clock_stepped", seconds=step)
        return now

    def _begin(self, began: Instant) -> None:
        slot, flight = self._slot, self._flight
        if (replaced := flight.replaces) is not None:
            slot.budget = forced_now(
                slot.budget,
                now=began,
                number=flight.number,
                replaced=replaced,
                for_life=bool(flight.min_ttl),
                policy=self._engine.policy,
            )
        self._report("renewal_started")

    def _finish(self, outcome: Outcome, afterwards: ExitStack) -> None:
        """Do what is left for other processes; the token is cached, even if this fails."""
        with hold_off_exit():
            if not in_lambda() and not may_end_at_once():
                self._flight.settle(outcome)  # in the others, a caller with its token may end or freeze this thread
            try:
                afterwards.close()
            except BaseException as error:  # noqa: BLE001  # StoreUnusable is reported where it is raised
                self._report("store_failed", error=type(error).__name__)

    def _outcome(self, afterwards: ExitStack) -> Outcome:
        """A token or a failure; `afterwards` gets what is left to do once the waiters have it."""
        engine, slot, flight = self._engine, self._slot, self._flight
        try:
            secrets = self._read()
            if engine.open_session is None:
                return self._ask(secrets)
            flight.step = Step.STORE
            session: StoreSession = afterwards.enter_context(engine.open_session(engine, slot, flight, secrets))
            if (outcome := session.token() or flight.outcome) is not None:
                return outcome
            outcome = self._ask(secrets)
            if isinstance(outcome, Entry):
                assert engine.accepted is not None  # it brought the token
                afterwards.callback(session.share, outcome, engine.accepted)
            return outcome
        except ConfigurationError as error:
            return Failure.misuse(str(error))
        except TokenUnavailable as error:
            return Failure.unavailable(Cause.UNREACHABLE, str(error))
        except SourceFailed as error:
            text = f"The secret source failed ({error.reason}), and no secret is known from before. Look at the source."
            return Failure.unavailable(Cause.UNREACHABLE, text)

    def _conclude(self, outcome: Outcome, began: Instant) -> None:
        """Cache the token or remember the failure, and report it, however the work ended."""
        engine, slot, flight = self._engine, self._slot, self._flight
        if flight.process != this_process():
            return  # it began before the snapshot that this process was restored from
        took = elapsed(began, self._now())
        if isinstance(outcome, Entry):
            engine.keep(slot, outcome)
            self._report("renewed", seconds=took)
            if (margin := cut_margin(outcome.life, engine.policy, outcome.issued_life)) is not None:
                self._report("expiry_margin_cut", seconds=margin)
        elif outcome.cause is not Cause.ELSEWHERE and flight.outcome is None:
            # otherwise a waiter has given it up and remembered that, and this failure does not count
            engine.remember(slot, flight, outcome)
            self._report("renewal_failed", seconds=took, error=outcome.name)

    def _last_resort(self, outcome: Outcome) -> Outcome:
        """If no other token is to be had now, the cached one for as long as any reading calls it alive."""
        if isinstance(outcome, Entry) or outcome.cause not in (Cause.SPENT, Cause.OUTDATED):
            return outcome
        engine, slot, cached = self._engine, self._slot, self._slot.newest
        if cached is None or not is_alive_by_longest(cached, self._now()):
            return outcome
        longer = Issued(cached.token.access_token, cached.longest, cached.token.scopes, issued_life=cached.issued_life)
        entry = engine.entry(longer, self._flight, asked_at=cached.asked_at, to_its_end=True)
        if cached.suspected:
            entry.suspect()
        engine.keep(slot, entry)
        return entry

    def _ask(self, known: list[Secret]) -> Outcome:
        """Ask the token endpoint, with one secret after another as long as it refuses the client."""
        engine, flight = self._engine, self._flight
        assert engine.open_sender is not None  # prepare() comes before every flight
        flight.step = Step.CLIENT
        flight.sender = sender = engine.open_sender(self._slot.settings.token_url)
        try:
            secrets, refused = self._candidates(known), False
            secret = next(secrets)
            while True:
                outcome = self._with_secret(sender, secret)
                if isinstance(outcome, Entry):
                    self._accept(secret, refused=refused)
                    return outcome
                if outcome.error is not InvalidClient or flight.outcome is not None:
                    return outcome
                if (other := next(secrets, None)) is None:
                    return outcome if self._remark is None else outcome.and_also(self._remark)
                secret, refused = other, True
        finally:
            flight.sender = None
            with hold_off_forks():
                _close(sender)
                del sender  # OpenSSL frees its memory here

    def _candidates(self, known: list[Secret]) -> Iterator[Secret]:
        """The secrets to try, each once: those the source gave, those it gives when asked again, the last good one."""
        tried = list(known)
        yield from known
        with suppress(ConfigurationError, SourceFailed):  # the refusal of the first ones is then the outcome
            others = [secret for secret in self._read(again=True) if secret not in tried]
            tried += others
            yield from others
        if (accepted := self._engine.accepted) is not None and accepted not in tried:
            yield accepted  # a wrong value was stored, and the one before it may not be deleted yet

    def _read(self, *, again: bool = False) -> list[Secret]:
        engine = self._engine
        self._flight.step = Step.SECRET
        known = [] if engine.accepted is None else [engine.accepted]
        try:
            with hold_off_forks():
                found, stripped = read_found(engine.secrets, again=again)
            secrets = self._of_our_client(found)
        except Exception as error:
            # of any other exception only the class is kept: its text may contain the secret
            failed = error if isinstance(error, SourceFailed) else SourceFailed(type(error).__name__)
            self._report("secret_source_failed", error=failed.name)
            if known:
                self._remark = f"Not used: {error}." if isinstance(error, ConfigurationError) else None
                return known  # the source is down; what worked last may still work
            if isinstance(error, ConfigurationError):
                raise
            raise SourceFailed(failed.reason, failed.name) from None
        if stripped:
            self._report("secret_newline_stripped")
        return sorted(secrets, key=lambda secret: secret not in known)  # what worked last goes first

    def _of_our_client(self, found: list[Found]) -> list[Secret]:
        """Those that belong to our app client. Its id may come with them, and counts for good once it got a token."""
        slot = self._slot
        if not slot.given.client_known:
            slot.know_client(self._engine.client.get(None) or client_of(found, slot.given))
        elif all(managed is None for _, managed in found):
            return [secret for secret, _ in found]
        self._remark = whose(found)
        return secrets_of(slot.settings.client_id, found)

    def _accept(self, secret: Secret, *, refused: bool) -> None:
        engine = self._engine
        if refused:
            self._report("secret_refused")
        if engine.accepted is not None and engine.accepted != secret:
            self._report("secret_changed")
        engine.accepted = secret
        if not self._slot.given.client_known:
            engine.client.settle(self._slot.settings.client_id)

    def _with_secret(self, sender: "Sender", secret: Secret) -> Outcome:
        flight, policy = self._flight, self._engine.policy
        request = token_request(self._slot.settings, secret)
        attempt = 1
        while True:
            outcome = self._attempt(sender, request, secret)
            if isinstance(outcome, Entry) or flight.outcome is not None:
                return outcome
            left, chance = flight.left(self._now()), self._clock.random()
            delay = next_delay(outcome, attempt, waited_for=flight.waited_for, left=left, policy=policy, chance=chance)
            self._report("renewal_attempt_failed", seconds=delay, attempt=attempt, error=outcome.name)
            if delay is None:
                return outcome
            self._clock.wait(flight.pause, delay)
            if flight.outcome is not None:
                return outcome
            attempt += 1

    def _attempt(self, sender: "Sender", request: TokenRequest, secret: Secret) -> Outcome:
        slot, flight = self._slot, self._flight
        # `flight.sender` is set: a caller that ends the flight after this check aborts the request.
        if (ended := flight.outcome) is not None:
            return ended
        asked_at = self._now()
        if slot.purchases and (spent := self._beyond_budget(asked_at)) is not None:
            return spent
        slot.token_requests += 1
        flight.step = Step.REQUEST
        with hold_off_forks():
            answer = sender.send(request, timeouts(flight.left(asked_at)))
        if isinstance(answer, Failure):
            return answer
        flight.step = Step.ANSWER
        issued = read_answer(answer, slot.settings, secret, asked_at=asked_at, at=self._now(), bought=slot.purchases)
        if isinstance(issued, Failure):
            return issued
        flight.step = Step.KEEP
        slot.tokens_billed += 1
        for finding in issued.findings:
            self._report(finding.event)
        return self._entry(issued, asked_at)

    def _beyond_budget(self, now: Instant) -> Failure | None:
        slot = self._slot
        wait = purchase_wait(slot.purchases, now, slot.newest, policy=self._engine.policy)
        if wait <= 0:
            return None
        self._report("purchase_budget_spent", seconds=wait)
        return budget_spent(slot.purchases, wait)

    def _entry(self, issued: Issued, asked_at: Instant) -> Outcome:
        entry = self._engine.entry(issued, self._flight, asked_at=asked_at)
        now = self._now()
        if entry.usable_left(now) <= 0 < self._flight.left(now):
            return Failure.unusable(
                f"The token's life of {issued.lifetime:g} s was over when the answer came, "
                f"{elapsed(asked_at, now):.1f} s after the request. Raise the app client's token expiration."
            )
        # Returned even if it has expired: the machine slept during the flight, or its clock was set. Waiters ask again.
        return entry


def _close(sender: "Sender") -> None:
    """Close it; an exception of a client made by http_client must not cost a token that has arrived."""
    try:
        sender.close()
    except KeyboardInterrupt:
        raise  # Ctrl-C, if a caller does the work
    except BaseException as error:  # noqa: BLE001  # a user's transport may raise anything
        logger.debug("the HTTP client could not be closed: %s", type(error).__name__)
