"""The work of one flight, in straight lines: read the secret, take another process's token, else ask, ask again while
that makes sense, keep the token, share it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, final

from ._core.errors import Cause, ConfigurationError, Failure, InvalidClient, TokenResponseInvalid, TokenUnavailable
from ._core.freshness import Entry, Instant, clock_step, cut_margin, elapsed
from ._core.issued import Issued
from ._core.policy import RenewalPolicy
from ._core.retry import forced_now, next_delay, timeouts
from ._core.steps import Step, unforeseen
from ._core.token_endpoint import TokenRequest, read_answer, token_request
from ._core.values import Secret
from ._flight import Flight, Outcome, Sender
from ._gate import NOT_FOR_A_FORK, Work
from ._process import Clock, in_lambda, may_end_at_once, this_process
from ._slots import Slot
from .events import Reporter, logger
from .secret_sources import SecretInput, SourceFailed, read_secrets

if TYPE_CHECKING:
    from ._fleet import Fleet


@final
class Renewal:
    """Renews tokens of one credentials object; called on the flight's thread."""

    def __init__(
        self,
        *,
        policy: RenewalPolicy,
        clock: Clock,
        report: Reporter,
        secrets: SecretInput,
        open_sender: Callable[[str], Sender],
        fleet: "Callable[[], Fleet | None]",
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._report = report
        self._secrets = secrets
        self._open_sender = open_sender
        self._fleet = fleet
        self._accepted: Secret | None = None
        self._seen: dict[None, Instant] = {}
        """What the clocks said when the latest flight began."""

    def forget(self) -> None:
        """Drop the secret that was accepted."""
        self._accepted = None

    def __call__(self, slot: Slot, flight: Flight) -> Outcome:
        """Fetch a token for `slot`: what it brings is in the slot before it is returned."""
        began = self._look_at_clocks(slot)
        if (ended := flight.outcome) is not None:
            return ended  # closed or given up before its thread began: nothing is sent
        if (replaced := flight.replaces) is not None:
            slot.forced = forced_now(
                slot.forced,
                now=began,
                number=flight.number,
                life=replaced.life,
                replaced_forced=replaced.forced and not flight.min_ttl,
                policy=self._policy,
            )
        self._report("renewal_started", slot.id)
        with ExitStack() as afterwards:
            try:
                outcome = self._outcome(slot, flight, afterwards)
                self._conclude(slot, flight, outcome, began)
            except BaseException as error:  # sys.exit() in a secret source is a failure like any other
                outcome = unforeseen(flight.step, error)
                self._conclude(slot, flight, outcome, began)
                flight.settle(outcome)
                raise
            with Work(NOT_FOR_A_FORK):
                if not in_lambda() and not may_end_at_once():
                    flight.settle(outcome)  # else what is left to do would be left undone once the caller has its token
                self._finish(slot, afterwards)
        return outcome

    def _finish(self, slot: Slot, afterwards: ExitStack) -> None:
        """What is left to do for other processes; the token is there, whatever comes of this."""
        try:
            afterwards.close()
        except BaseException as error:  # noqa: BLE001  # StoreUnusable is reported where it is raised
            self._report("store_failed", slot.id, error=type(error).__name__)

    def _outcome(self, slot: Slot, flight: Flight, afterwards: ExitStack) -> Outcome:
        """A token or a failure; `afterwards` gets what is left to do once those who wait have it."""
        try:
            secrets = self._read(slot, flight)
            fleet = self._fleet()
            if fleet is None:
                return self._attempts(slot, flight, secrets)
            flight.step = Step.STORE
            meeting = afterwards.enter_context(fleet.meet(slot, flight, secrets))
            if (outcome := meeting.token() or flight.outcome) is not None:
                return outcome
            outcome = self._attempts(slot, flight, secrets)
            if isinstance(outcome, Entry):
                assert self._accepted is not None  # it brought the token
                afterwards.callback(meeting.share, outcome, self._accepted)
            return outcome
        except ConfigurationError as error:
            return Failure(Cause.MISUSE, ConfigurationError, (str(error),))
        except TokenUnavailable as error:
            return Failure(Cause.UNREACHABLE, TokenUnavailable, (str(error), None))
        except SourceFailed as error:
            text = f"The secret source failed ({error.reason}), and no secret is known from before. Look at the source."
            return Failure(Cause.UNREACHABLE, TokenUnavailable, (text, None))

    def _conclude(self, slot: Slot, flight: Flight, outcome: Outcome, began: Instant) -> None:
        """Keep the token or remember the failure, and report it: no end of a flight goes by without this."""
        if flight.process != this_process():
            return  # begun before a snapshot that this process was restored from
        took = elapsed(began, self._now())
        if isinstance(outcome, Entry):
            slot.succeeded(outcome)
            self._report("renewed", slot.id, seconds=took)
            if (margin := cut_margin(outcome.life, self._policy, outcome.issued_life)) is not None:
                self._report("expiry_margin_cut", slot.id, seconds=margin)
        elif outcome.cause is not Cause.ELSEWHERE and flight.outcome is None:
            # else given up by a waiter: that one has remembered it, and this failure does not count
            slot.remember(
                outcome,
                flight.number,
                now=self._now(),
                policy=self._policy,
                chance=self._clock.random(),
                waited_for=flight.waited_for,
            )
            self._report("renewal_failed", slot.id, seconds=took, error=outcome.name)

    def _now(self) -> Instant:
        return Instant(self._clock.wall(), self._clock.boottime())

    def _look_at_clocks(self, slot: Slot) -> Instant:
        now = self._now()
        before = self._seen.pop(None, None)  # one step: of two flights that begin at once, one reports
        self._seen[None] = now
        if before is not None and (step := clock_step(before, now)) is not None:
            self._report("clock_stepped", slot.id, seconds=step)
        return now

    def _attempts(self, slot: Slot, flight: Flight, known: list[Secret]) -> Outcome:
        flight.step = Step.CLIENT
        flight.sender = sender = self._open_sender(slot.settings.token_url)
        try:
            secrets = self._candidates(slot, flight, known)
            secret, refused = next(secrets), False
            while True:
                outcome = self._with_secret(slot, flight, sender, secret)
                if isinstance(outcome, Entry):
                    self._accept(slot, secret, refused=refused)
                    return outcome
                if outcome.error is not InvalidClient or flight.outcome is not None:
                    return outcome
                if (other := next(secrets, None)) is None:
                    return outcome
                secret, refused = other, True
        finally:
            flight.sender = None
            with Work():
                _close(sender)
                del sender  # with it goes what OpenSSL frees

    def _candidates(self, slot: Slot, flight: Flight, known: list[Secret]) -> Iterator[Secret]:
        """The secrets to try, each once: those the source gave, those it gives when asked again, the last good one."""
        tried = list(known)
        yield from known
        with suppress(ConfigurationError, SourceFailed):  # what stands then is the refusal of the first ones
            others = [secret for secret in self._read(slot, flight, again=True) if secret not in tried]
            tried += others
            yield from others
        if (accepted := self._accepted) is not None and accepted not in tried:
            yield accepted  # a wrong value was stored, and the one before it may not be deleted yet

    def _read(self, slot: Slot, flight: Flight, *, again: bool = False) -> list[Secret]:
        flight.step = Step.SECRET
        known = [] if self._accepted is None else [self._accepted]
        try:
            with Work():
                secrets, stripped = read_secrets(self._secrets, again=again)
        except Exception as error:
            # of another exception the class alone: its text may contain the secret
            failed = error if isinstance(error, SourceFailed) else SourceFailed(type(error).__name__)
            self._report("secret_source_failed", slot.id, error=failed.name)
            if known:
                return known  # the source is down; what worked last may still work
            if isinstance(error, ConfigurationError):
                raise
            raise SourceFailed(failed.reason, failed.name) from None
        if stripped:
            self._report("secret_newline_stripped", slot.id)
        return sorted(secrets, key=lambda secret: secret not in known)  # what worked last goes first

    def _accept(self, slot: Slot, secret: Secret, *, refused: bool) -> None:
        if refused:
            self._report("secret_refused", slot.id)
        if self._accepted is not None and self._accepted != secret:
            self._report("secret_changed", slot.id)
        self._accepted = secret

    def _with_secret(self, slot: Slot, flight: Flight, sender: Sender, secret: Secret) -> Outcome:
        request = token_request(slot.settings, secret)
        attempt = 1
        while True:
            outcome = self._attempt(slot, flight, sender, request, secret)
            if isinstance(outcome, Entry) or flight.outcome is not None:
                return outcome
            left, chance = flight.left(self._now()), self._clock.random()
            delay = next_delay(
                outcome, attempt, waited_for=flight.waited_for, left=left, policy=self._policy, chance=chance
            )
            self._report("renewal_attempt_failed", slot.id, seconds=delay, attempt=attempt, error=outcome.name)
            if delay is None:
                return outcome
            self._clock.wait(flight.pause, delay)
            if flight.outcome is not None:
                return outcome
            attempt += 1

    def _attempt(self, slot: Slot, flight: Flight, sender: Sender, request: TokenRequest, secret: Secret) -> Outcome:
        # `flight.sender` is there: whoever ends the flight after this look aborts the request.
        if (ended := flight.outcome) is not None:
            return ended
        asked_at = self._now()
        slot.token_requests += 1
        flight.step = Step.REQUEST
        with Work():
            answer = sender.send(request, timeouts(flight.left(asked_at)))
        if isinstance(answer, Failure):
            return answer
        flight.step = Step.ANSWER
        issued = read_answer(answer, slot.settings, secret, now=self._clock.wall())
        if isinstance(issued, Failure):
            return issued
        flight.step = Step.KEEP
        slot.tokens_billed += 1
        for finding in issued.findings:
            self._report(finding.event, slot.id)
        return self._entry(slot, flight, issued, asked_at)

    def _entry(self, slot: Slot, flight: Flight, issued: Issued, asked_at: Instant) -> Outcome:
        entry = slot.arrived(issued, flight, asked_at=asked_at, policy=self._policy, clock=self._clock)
        now = self._now()
        if entry.usable_left(now) <= 0 < flight.left(now):
            text = (
                f"The token's life of {issued.lifetime:g} s was over when the answer came, "
                f"{elapsed(asked_at, now):.1f} s after the request. Raise the app client's token expiration."
            )
            return Failure(Cause.REQUEST_REFUSED, TokenResponseInvalid, (text, None, None))
        # Dead or alive: when the machine slept or its clock was set under the flight, whoever waits asks again.
        return entry


def _close(sender: Sender) -> None:
    """Close it; what a client of http_client raises then takes no token away that is there."""
    try:
        sender.close()
    except KeyboardInterrupt:
        raise  # Ctrl-C, where a caller does the work
    except BaseException as error:  # noqa: BLE001  # a transport of a user's may raise anything
        logger.debug("the HTTP client could not be closed: %s", type(error).__name__)
