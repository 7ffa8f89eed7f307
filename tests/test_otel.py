"""OpenTelemetry: what arrives at an exporter."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from s2sauth import CognitoClientCredentials, Event, RenewalPolicy, S2SAuthError, otel
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore
from tests.support.forking import in_child

NAMES = {
    "s2sauth.token_requests",
    "s2sauth.tokens_billed",
    "s2sauth.renewals_failed",
    "s2sauth.tokens_rejected",
    "s2sauth.renewal_seconds",
}


class World:
    """A fake Cognito, and telemetry that stays in memory."""

    def __init__(self, fake: FakeCognito, clock: ManualClock) -> None:
        self.fake = fake
        self.clock = clock
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.tracers.get_tracer("the caller")
        self.on_event = otel.on_event(
            tracer_provider=self.tracers, meter_provider=MeterProvider(metric_readers=[self.reader])
        )

    def credentials(self, **arguments: Any) -> CognitoClientCredentials:
        """Of this world."""
        given = {"environ": self.fake.environ, "clock": self.clock, "on_event": self.on_event, **arguments}
        return CognitoClientCredentials.from_env(**given)

    def renewals(self) -> list[ReadableSpan]:
        """The spans of the library."""
        return [span for span in self.exporter.get_finished_spans() if span.name == "s2sauth.renewal"]

    def counted(self) -> dict[str, float]:
        """Each counter, and how many renewals were timed."""
        found: dict[str, float] = {}
        for point, name in self.points():
            found[name] = found.get(name, 0) + (point.count if hasattr(point, "count") else point.value)
        return found

    def points(self) -> Iterator[tuple[Any, str]]:
        """Every data point with its metric's name."""
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        yield point, metric.name


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock()
    with FakeCognito(clock=clock) as fake:
        yield World(fake, clock)


def test_a_renewal_is_a_root_span_linked_to_the_callers(world: World) -> None:
    """Others wait for it too, and it may outlive the caller: a link, no parent; and its own trace."""
    with world.tracer.start_as_current_span("the call") as caller:
        world.credentials().get_token()
    (span,) = world.renewals()
    assert span.parent is None
    assert [link.context for link in span.links] == [caller.get_span_context()]
    assert span.context.trace_id != caller.get_span_context().trace_id
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert span.attributes is not None
    assert set(span.attributes) == {"s2sauth.key", "s2sauth.outcome"}
    assert span.attributes["s2sauth.outcome"] == "renewed"


def test_a_task_is_linked_as_well(world: World) -> None:
    """The context is that of the task that began the renewal."""

    async def call() -> trace.SpanContext:
        with world.tracer.start_as_current_span("the call") as caller:
            await world.credentials().aget_token()
            return caller.get_span_context()

    caller = asyncio.run(call())
    assert [link.context for link in world.renewals()[0].links] == [caller]


def test_a_renewal_in_the_background_is_linked_to_whoever_found_it_due(world: World) -> None:
    """That one has its token long before."""
    told = threading.Event()

    def tell(event: Event) -> None:
        world.on_event(event)
        if event.name == "renewed":
            told.set()

    credentials = world.credentials(on_event=tell)
    credentials.get_token()
    told.clear()
    world.clock.advance(55 * 60)
    with world.tracer.start_as_current_span("the call") as caller:
        credentials.get_token()
    assert told.wait(5)
    first, second = world.renewals()
    assert not first.links
    assert [link.context for link in second.links] == [caller.get_span_context()]


def test_caller_that_flies_itself_is_linked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread could be started; the caller's own context stays its own."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with world.tracer.start_as_current_span("the call") as caller:
        world.credentials().get_token()
        assert trace.get_current_span() is caller
    assert [link.context for link in world.renewals()[0].links] == [caller.get_span_context()]


def test_times_are_the_events_own(world: World) -> None:
    """From the moment when the renewal began, in nanoseconds since the epoch."""
    world.on_event(Event("renewed", 1000.5, "0123abcd", seconds=0.25))
    (span,) = world.renewals()
    assert (span.start_time, span.end_time) == (1_000_250_000_000, 1_000_500_000_000)


def test_each_failed_attempt_is_an_event_of_the_span(world: World) -> None:
    """And a token request that is counted; the renewal itself went well."""
    world.fake.fail(503, times=1)
    world.credentials(clock=None).get_token()
    (span,) = world.renewals()
    (failed,) = span.events
    assert failed.name == "s2sauth.renewal_attempt_failed"
    assert failed.attributes is not None
    assert dict(failed.attributes) | {"seconds": 0} == {"attempt": 1, "seconds": 0, "error.type": "TokenUnavailable"}
    assert world.counted() == {
        "s2sauth.token_requests": 2,
        "s2sauth.tokens_billed": 1,
        "s2sauth.renewal_seconds": 1,
    }


def test_a_failed_renewal_is_an_error_by_its_oauth_code(world: World) -> None:
    """Its span and its counter say which."""
    credentials = world.credentials()
    world.fake.rotate_secret("another_secret_of_the_app_client")
    with pytest.raises(S2SAuthError):
        credentials.get_token()
    (span,) = world.renewals()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "invalid_client"
    assert span.attributes["s2sauth.outcome"] == "failed"
    assert world.counted()["s2sauth.renewals_failed"] == 1
    assert "s2sauth.tokens_billed" not in world.counted()


def test_a_renewal_that_was_given_up_is_an_error(world: World) -> None:
    """Whoever waited for it says so."""
    world.fake.hang()
    credentials = world.credentials(policy=RenewalPolicy(deadline=0.3), clock=None)
    with pytest.raises(S2SAuthError):
        credentials.get_token()
    (span, *_) = world.renewals()
    assert span.status.status_code is StatusCode.ERROR
    assert world.counted()["s2sauth.renewals_failed"] == 1


def test_a_flight_that_was_replaced_was_given_up(world: World) -> None:
    """As the one says that waited for it, whoever of the two is first above."""
    world.on_event(Event("flight_replaced", at=1_000.0, key="00000000", seconds=8.0, error="TokenUnavailable"))
    (span,) = world.renewals()
    assert span.attributes is not None
    assert span.attributes["s2sauth.outcome"] == "given_up"
    assert world.counted()["s2sauth.renewals_failed"] == 1


def test_another_processs_token_is_not_billed(world: World) -> None:
    """It is a renewal all the same."""
    store = MemoryStore()
    for _ in range(2):
        world.credentials(store=store, clock=None).get_token()  # it may have to wait until the first one has shared it
    first, second = world.renewals()
    assert first.attributes is not None
    assert second.attributes is not None
    assert (first.attributes["s2sauth.outcome"], second.attributes["s2sauth.outcome"]) == ("renewed", "taken")
    assert [event.name for event in second.events] == ["s2sauth.token_taken"]
    assert world.counted() == {
        "s2sauth.token_requests": 1,
        "s2sauth.tokens_billed": 1,
        "s2sauth.renewal_seconds": 2,
    }


def test_rejected_tokens_are_counted(world: World) -> None:
    """Each 401 to a token that was good by the clock."""
    credentials = world.credentials()
    with httpx.Client(base_url=world.fake.api_url, auth=credentials.httpx_auth(world.fake.api_url)) as client:
        client.get("/files")
        world.clock.advance(40 * 60)
        world.fake.revoke()
        assert client.get("/files").status_code == 200
    assert world.counted()["s2sauth.tokens_rejected"] == 1
    assert world.counted()["s2sauth.tokens_billed"] == 2


def test_a_renewal_that_ended_without_a_word_does_not_grow_the_notes(world: World) -> None:
    """Kept are those of a bounded number of renewals; one that did end leaves none, and the next starts afresh."""
    for number in range(otel.MOST_NOTES + 10):
        world.on_event(Event("renewal_started", 0.0, f"{number:08x}"))
    notes: dict[object, object] = world.on_event._notes  # type: ignore[attr-defined]  # what must not grow
    assert len(notes) == 10
    for name in ("renewal_started", "token_taken", "renewal_started", "renewed"):
        world.on_event(Event(name, 0.0, "0123abcd", seconds=0.0))
    assert len(notes) == 10
    assert world.counted()["s2sauth.tokens_billed"] == 1


def test_nothing_is_told_of_a_scope_a_client_or_a_token(world: World) -> None:
    """Nor of a secret: in no name, attribute, event or label."""
    credentials = world.credentials()
    token = credentials.get_token()
    world.fake.rotate_secret("another_secret_of_the_app_client")
    credentials.invalidate(token)
    world.clock.advance(40 * 60)
    credentials.get_token()
    said = "\n".join(span.to_json() for span in world.exporter.get_finished_spans())
    said += repr([(name, point.attributes) for point, name in world.points()])
    assert "invalid_client" in said
    fake = world.fake
    for hidden in (token.access_token, fake.client_id, fake.client_secret, "another_secret", "demo/", fake.domain):
        assert hidden not in said
    assert {name for _, name in world.points()} <= NAMES


def test_without_an_sdk_nothing_happens(world: World) -> None:
    """The process's own providers are no-ops until it sets others."""
    assert world.credentials(on_event=otel.on_event()).get_token().access_token


def test_a_forked_child_reports_its_own(world: World) -> None:
    """And the parent nothing of it."""
    credentials = world.credentials()
    credentials.get_token()

    def child() -> int:
        credentials.with_scopes("demo/read.file").get_token()
        return len(world.renewals())

    assert in_child(child) == 2
    assert len(world.renewals()) == 1
