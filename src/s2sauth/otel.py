"""OpenTelemetry: a span for each renewal, and what a dashboard counts. `pip install 's2sauth[otel]'`.

    credentials = CognitoClientCredentials.from_env(on_event=otel.on_event())

Needs the API package alone; without an SDK in the process it does nothing. No attribute holds a token, a secret, a
scope or a client id.
"""

from _thread import get_ident
from contextvars import Context
from typing import Final, final

from opentelemetry import metrics, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from ._process import begun_by
from ._version import __version__
from .events import Event, OnEvent

__all__ = ["on_event"]

NAME: Final = "s2sauth"
BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from an answer out of the same region to beyond the policy's deadline."""
MOST_NOTES: Final = 1000
"""Renewals whose events are kept at a time; one that was given up reports no end."""


def on_event(
    *, tracer_provider: trace.TracerProvider | None = None, meter_provider: metrics.MeterProvider | None = None
) -> OnEvent:
    """A function for `on_event=` of one credentials object and its views; None is the process's own provider.

    Each renewal is a span `s2sauth.renewal`, a root, linked to the span of the caller who began it: others wait for it
    as well, and it may outlive that caller. What happened on its way is its events.
    """
    return _Telemetry(
        trace.get_tracer(NAME, __version__, tracer_provider=tracer_provider),
        metrics.get_meter(NAME, __version__, meter_provider=meter_provider),
    )


@final
class _Telemetry:
    """Makes the span of a renewal when it is over, from its events: meanwhile nothing is open that a fork inherits."""

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._notes: dict[tuple[int, str], list[Event]] = {}
        self._requests = meter.create_counter(
            "s2sauth.token_requests", unit="{request}", description="Token requests that were answered or failed"
        )
        self._billed = meter.create_counter(
            "s2sauth.tokens_billed", unit="{token}", description="Tokens that the token endpoint issued"
        )
        self._failed = meter.create_counter(
            "s2sauth.renewals_failed", unit="{renewal}", description="Renewals that brought no token"
        )
        self._rejected = meter.create_counter(
            "s2sauth.tokens_rejected", unit="{answer}", description="Answers 401 of an API to a cached token"
        )
        self._seconds = meter.create_histogram(
            "s2sauth.renewal_seconds",
            unit="s",
            description="How long a renewal took, all attempts and pauses together",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )

    def __call__(self, event: Event) -> None:
        me = (get_ident(), event.key)
        labels = {"s2sauth.key": event.key}
        if event.error is not None:
            labels["error.type"] = event.error
        match event.name:
            case "renewal_started":
                if len(self._notes) >= MOST_NOTES:
                    self._notes.clear()
                self._notes[me] = []
                return
            case "renewed":
                notes = self._notes.pop(me, [])
                outcome = "taken" if any(note.name == "token_taken" for note in notes) else "renewed"
                if outcome == "renewed":
                    self._requests.add(1, labels)
                    self._billed.add(1, labels)
            case "renewal_failed":
                notes, outcome = self._notes.pop(me, []), "failed"
                self._failed.add(1, labels)
            case "flight_replaced":  # said by one who waited for it; its own thread has the notes
                notes, outcome = [], "given_up"
                self._failed.add(1, labels)
            case name:
                if name == "renewal_attempt_failed":
                    self._requests.add(1, labels)
                elif name == "token_rejected":
                    self._rejected.add(1, labels)
                if (kept := self._notes.get(me)) is not None:
                    kept.append(event)
                return
        assert event.seconds is not None  # each of these has it
        labels["s2sauth.outcome"] = outcome
        self._seconds.record(event.seconds, labels)
        self._span(event, event.seconds, labels, notes)

    def _span(self, event: Event, seconds: float, labels: dict[str, str], notes: list[Event]) -> None:
        span = self._tracer.start_span(
            "s2sauth.renewal",
            kind=SpanKind.CLIENT,
            attributes=labels,
            links=_links(begun_by.get(None)),
            start_time=_nanoseconds(event.at - seconds),
        )
        for note in notes:
            facts = {"attempt": note.attempt, "seconds": note.seconds, "error.type": note.error}
            known = {name: value for name, value in facts.items() if value is not None}
            span.add_event(f"s2sauth.{note.name}", known, _nanoseconds(note.at))
        if labels["s2sauth.outcome"] in ("failed", "given_up"):
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(event.at))


def _links(caller: Context | None) -> list[Link]:
    """A link to the caller's span, read in the caller's context, which nothing else is run in."""
    return [] if caller is None else [Link(caller.run(trace.get_current_span).get_span_context())]


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
