"""What happens, said once: every event by a stable name, to the log and to `on_event`."""

import contextvars
import logging
import threading
from _thread import get_ident
from collections.abc import Callable, Mapping
from contextlib import suppress
from logging import DEBUG, WARNING
from typing import Final, Literal, final

from ._clock import Clock
from ._core.entry import LARGE_STEP, Instant, elapsed
from ._core.record import Record
from ._process import Process, begun_by, this_process

EventName = Literal[
    "authorization_replaced",
    "client_mismatch",
    "clock_stepped",
    "clocks_disagree",
    "closed",
    "expires_in_missing",
    "expiry_margin_cut",
    "flight_replaced",
    "forced_renewal_withheld",
    "min_ttl_not_met",
    "purchase_budget_spent",
    "redirect_dropped_token",
    "renewal_attempt_failed",
    "renewal_failed",
    "renewal_started",
    "renewed",
    "scope_narrowed",
    "secret_changed",
    "secret_newline_stripped",
    "secret_refused",
    "secret_source_failed",
    "store_busy",
    "store_entry_refused",
    "store_failed",
    "store_recovered",
    "thread_refused",
    "token_rejected",
    "token_suspected",
    "token_taken",
]
"""Every name there is; a name never changes its meaning within a major version."""

WARN_EVERY = 60.0
"""Seconds between two WARNING lines of one name and key; those between are logged as DEBUG."""

_EVENTS: Final[Mapping[EventName, tuple[int, str]]] = {
    "authorization_replaced": (
        WARNING,
        "a request came with an Authorization header of its own, which the token replaced",
    ),
    "client_mismatch": (WARNING, "the token was issued for another client_id than the one configured"),
    "clock_stepped": (
        WARNING,
        "the wall clock was set, or a snapshot restored, since the last renewal; token ages stay right",
    ),
    "clocks_disagree": (
        WARNING,
        "the token's exp and iat do not fit the answer's Date: a clock is wrong on this or that side",
    ),
    "closed": (DEBUG, "credentials closed"),
    "expires_in_missing": (WARNING, "the answer had no expires_in: the token's own life is used, else 300 seconds"),
    "expiry_margin_cut": (WARNING, "the token's lifetime is short: expiry_margin is cut down to 5 % of it"),
    "flight_replaced": (WARNING, "a renewal did not end by its deadline and was given up"),
    "forced_renewal_withheld": (
        WARNING,
        "an API rejects a token and it is too soon for another: check its authorizer and scopes",
    ),
    "min_ttl_not_met": (
        WARNING,
        "a token that expires sooner than min_ttl asks was handed out: none with more time is available",
    ),
    "purchase_budget_spent": (
        WARNING,
        "this process got as many tokens within an hour as it may request: look for what replaces them",
    ),
    "redirect_dropped_token": (
        WARNING,
        "an API answered 401 after a redirect to another origin, where httpx sends no token",
    ),
    "renewal_attempt_failed": (DEBUG, "a token request failed"),
    "renewal_failed": (WARNING, "a renewal brought no token"),
    "renewal_started": (DEBUG, "renewal begins"),
    "renewed": (DEBUG, "a new token arrived"),
    "scope_narrowed": (
        WARNING,
        "the token has fewer scopes than were asked for: check the app client's allowed scopes",
    ),
    "secret_changed": (
        DEBUG,
        "a different client secret than last time was accepted: this process no longer needs the old one",
    ),
    "secret_newline_stripped": (
        WARNING,
        "the client secret ended with a line break, which was cut off: store it without",
    ),
    "secret_refused": (WARNING, "the source's secret was refused and another one accepted: correct the source"),
    "secret_source_failed": (WARNING, "the secret source failed: the last good secret is used, if there is one"),
    "store_busy": (DEBUG, "the shared store is busy: it is asked again after a pause"),
    "store_entry_refused": (WARNING, "an entry of the shared store is damaged, or not for this key: it is not used"),
    "store_failed": (WARNING, "the shared store cannot be used: tokens are fetched without it for some seconds"),
    "store_recovered": (DEBUG, "the shared store can be used again"),
    "thread_refused": (DEBUG, "no thread could be started: a caller did the renewal itself"),
    "token_rejected": (WARNING, "an API answered 401 to a token, and another token might cure it"),
    "token_suspected": (DEBUG, "the cached token was marked by invalidate()"),
    "token_taken": (DEBUG, "another process's token was taken from the shared store"),
}
"""Level and text of each. A clock step is a WARNING only beyond LARGE_STEP."""


class Event(Record):
    """One thing that happened. Holds no token, no secret and no scope text."""

    name: EventName
    at: float
    """Seconds since the epoch."""
    key: str
    """8 hex digits that stand for endpoint, client, scopes and metadata."""
    seconds: float | None = None
    """How long it took, or how long until the next try; which of them depends on the name."""
    attempt: int | None = None
    """The number of the attempt, from 1."""
    error: str | None = None
    """A class name or an OAuth error code."""


OnEvent = Callable[[Event], object]

logger: logging.Logger = logging.getLogger("s2sauth")


@final
class Reporter:
    """Sends events to the log and to the user's `on_event`; no error that they raise comes back."""

    def __init__(self, clock: Clock, on_event: OnEvent | None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._inside: set[tuple[Process, int]] = set()
        self._warned: dict[tuple[EventName, str], Instant] = {}
        self._complained = False

    def __call__(
        self,
        name: EventName,
        key: str,
        *,
        seconds: float | None = None,
        attempt: int | None = None,
        error: str | None = None,
        advice: str | None = None,
    ) -> None:
        """Report one event; `advice` is for the log alone.

        Events that a handler causes on the same thread, by asking for a token, are dropped.
        """
        if self._on_event is None and not logger.isEnabledFor(_EVENTS[name][0]):
            return  # nobody listens
        me = (this_process(), get_ident())  # a thread of a forked child may have the same ident as one of the parent's
        if me in self._inside:
            return
        self._inside.add(me)
        try:
            event = Event(name, self._clock.wall(), key, seconds, attempt, error)
            contextvars.Context().run(self._tell, event, advice, begun_by.get(None))
        finally:
            self._inside.discard(me)

    def _tell(self, event: Event, advice: str | None, caller: contextvars.Context | None) -> None:
        if caller is not None:
            begun_by.set(caller)
        try:
            self._log(event, advice)
            if self._on_event is not None:
                self._on_event(event)
        except BaseException as error:  # whatever a handler or on_event raises must not reach a flight or a caller
            if isinstance(error, KeyboardInterrupt) and get_ident() == threading.main_thread().ident:
                raise  # Ctrl-C, which is not theirs
            self._complain(event, error)

    def _log(self, event: Event, advice: str | None) -> None:
        level, text = _EVENTS[event.name]
        if advice is not None:
            text = f"{text}. {advice}"
        small_step = event.name == "clock_stepped" and abs(event.seconds or 0.0) <= LARGE_STEP
        if level == WARNING and (small_step or not self._interval_over(event.name, event.key)):
            level = DEBUG
        if logger.isEnabledFor(level):
            facts = {name: value for name, value in _facts(event) if value is not None}
            said = " ".join(f"{name}={value:{'.3f' if name == 'seconds' else ''}}" for name, value in facts.items())
            fields = {"s2sauth": {"event": event.name, **facts}}  # one name beside the record's own
            logger.log(level, "%s: %s [%s]", event.name, text, said, extra=fields)

    def _interval_over(self, name: EventName, key: str) -> bool:
        now = Instant(self._clock.wall(), self._clock.boottime())
        before = self._warned.get((name, key))
        if before is not None and elapsed(before, now) < WARN_EVERY:
            return False
        if len(self._warned) > 1000:  # many keys: forget the old ones rather than grow
            self._warned.clear()
        self._warned[(name, key)] = now
        return True

    def _complain(self, event: Event, error: BaseException) -> None:
        if not self._complained:
            self._complained = True
            text = "on_event or a log handler raised %s at %s; this is said once"
            with suppress(Exception):  # the handler that raised may be the one that is asked to log it
                logger.warning(text, type(error).__name__, event.name)


def _facts(event: Event) -> tuple[tuple[str, object], ...]:
    return (("key", event.key), ("seconds", event.seconds), ("attempt", event.attempt), ("error", event.error))
