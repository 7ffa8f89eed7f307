"""Every end of a flight is concluded: outcome, back-off, last_error, event, log line, whatever raised what where.

Private modules: some steps of a flight call nothing of the caller's that could raise.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, S2SAuthError, TokenUnavailable, _renewal
from s2sauth._engine import Engine
from s2sauth.stores import _sealed
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore
from tests.support.fixtures import names, plain_client
from tests.support.settled import eventually
from tests.support.worlds import WORLDS, World

Make = Callable[..., CognitoClientCredentials]


class Own(BaseException):
    """Of a kind that `except Exception` does not see."""


KINDS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("hunter22"),
    "OSError": lambda: OSError(5, "hunter22"),
    "LookupError": lambda: LookupError("hunter22"),
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("hunter22"),
    "ExceptionGroup": lambda: ExceptionGroup("hunter22", [ValueError("hunter22")]),
    "StopIteration": lambda: StopIteration("hunter22"),
    "CancelledError": lambda: asyncio.CancelledError("hunter22"),
    "GeneratorExit": lambda: GeneratorExit("hunter22"),
    "KeyboardInterrupt": lambda: KeyboardInterrupt("hunter22"),
    "SystemExit": lambda: SystemExit("hunter22"),
    "another BaseException": lambda: Own("hunter22"),
}


@dataclass
class Breaking:
    """Raises, once it is armed, at one step of a flight."""

    error: Callable[[], BaseException]
    armed: bool = False
    raised: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *_: object, **__: object) -> None:
        if self.armed:
            self.raised += 1
            raise self.error()


class Stream(httpx.SyncByteStream):
    """An answer's body that breaks off."""

    def __init__(self, stream: Any, breaking: Breaking) -> None:
        self._stream = stream
        self._breaking = breaking

    def __iter__(self) -> Iterator[bytes]:
        self._breaking()
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class Transport(httpx.HTTPTransport):
    """Breaks when it sends, or when its answer is read."""

    def __init__(self, at: str, breaking: Breaking) -> None:
        super().__init__(trust_env=False, verify=False)
        self._at = at
        self._breaking = breaking

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._at == "send":
            self._breaking()
        response = super().handle_request(request)
        if self._at == "read":
            response.stream = Stream(response.stream, self._breaking)
        return response


class Store(MemoryStore):  # type: ignore[misc]  # final for users; this one breaks
    """Breaks when it is asked, or when the token is shared."""

    def __init__(self, at: str, breaking: Breaking) -> None:
        super().__init__()
        self._at = at
        self._breaking = breaking

    def get(self, key: str) -> Any:
        if self._at == "store":
            self._breaking()
        return super().get(key)

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        if self._at == "share" and len(value) > 100:
            self._breaking()
        return super().put(key, value, replaces=replaces, seconds=seconds)


def broken_at(step: str, breaking: Breaking, monkeypatch: pytest.MonkeyPatch, secret: str) -> dict[str, Any]:
    """The arguments of credentials whose flights break at this step."""

    def before(owner: object, name: str) -> None:
        work = getattr(owner, name)

        def breaks(*arguments: Any, **named: Any) -> Any:
            breaking()
            return work(*arguments, **named)

        monkeypatch.setattr(owner, name, breaks)

    match step:
        case "secret":
            return {"client_secret": lambda: breaking() or secret}
        case "store" | "share":
            return {"store": Store(step, breaking)}
        case "client":
            return {"http_client": lambda: breaking() or plain_client()}
        case "send" | "read":
            return {"http_client": lambda: httpx.Client(transport=Transport(step, breaking))}
        case "parse":
            before(_renewal, "read_answer")
        case "keep":
            before(Engine, "entry")
        case "settle":
            before(Engine, "keep")
    return {}


STEPS = ("secret", "store", "client", "send", "read", "parse", "keep", "settle", "share")
GOES_ON = {"store", "share"}
"""A store that breaks costs nobody a token."""
IN_WORLDS = [
    (step, kind, WORLDS[(i + j) % len(WORLDS)]) for i, step in enumerate(STEPS) for j, kind in enumerate(KINDS)
]
"""Each step with each kind in one of the worlds, so that each world has every step and every kind."""


@pytest.mark.fault(172)
@pytest.mark.parametrize("error", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.filterwarnings("error")
def test_stale_token_is_served_and_one_flight_a_pause_is_made(
    make: Make,
    fake: FakeCognito,
    clock: ManualClock,
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    error: Callable[[], BaseException],
) -> None:
    """Twenty calls get the old token; there is an event and a log line, and no second flight within the pause."""
    breaking = Breaking(error)
    credentials = make(**broken_at(step, breaking, monkeypatch, fake.client_secret))
    old = credentials.get_token()
    settle(credentials)
    clock.advance(3000)
    events.clear()
    caplog.clear()
    breaking.armed = True
    served = set()
    for _ in range(20):
        served.add(credentials.get_token())
        settle(credentials)
    assert breaking.raised
    told = names(events)
    assert told.count("renewal_started") == 1
    known = step == "secret" and isinstance(error(), Exception)  # what worked last is used once more
    if step in GOES_ON or known:
        assert told.count("secret_source_failed" if known else "store_failed") == 1
        assert told.count("renewed") == 1
    else:
        assert served == {old}
        assert told.count("renewal_failed") == 1
        assert credentials.state().last_error is not None
    assert [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "hunter22" not in caplog.text.replace("ExceptionGroup", "")


@pytest.mark.fault(172)
@pytest.mark.parametrize(("step", "kind", "world"), IN_WORLDS, ids=lambda value: getattr(value, "name", value))
@pytest.mark.filterwarnings("error")
def test_without_a_token_the_failure_is_ours_and_one_flight_a_pause_is_made(
    make: Make,
    fake: FakeCognito,
    clock: ManualClock,
    world: World,
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    kind: str,
) -> None:
    """Twenty calls hear of one failure, by an error of this library; after the pause, and healed, there is a token."""
    breaking = Breaking(KINDS[kind], armed=True)
    clock.set_random(0.0)
    credentials = make(**broken_at(step, breaking, monkeypatch, fake.client_secret))
    heard: list[S2SAuthError] = []
    for _ in range(20):
        try:
            world.get(credentials)
        except S2SAuthError as one:
            heard.append(one)
    settle(credentials)  # the store is told after the callers
    assert breaking.raised
    told = names(events)
    assert told.count("renewal_started") == 1
    if step in GOES_ON:
        assert heard == []
        assert names(events).count("store_failed") == 1
        return
    assert len(heard) == 20
    assert told.count("renewal_failed") == 1
    assert credentials.state().last_error == type(heard[0]).__name__
    assert not any("hunter22" in str(one) for one in heard if step != "client")
    breaking.armed = False
    clock.advance(6)
    world.get(credentials)


def test_token_that_cannot_be_sealed_is_kept_and_the_failure_reported(
    make: Make, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the cryptography raises concerns the other processes only."""
    breaking = Breaking(ValueError, armed=True)
    monkeypatch.setattr(_sealed.Seal, "seal", breaking)
    credentials = make(store=MemoryStore())
    credentials.get_token()
    settle(credentials)
    assert [event.error for event in events if event.name == "store_failed"] == ["ValueError"]
    assert credentials.state().last_error is None


def settle(credentials: CognitoClientCredentials) -> None:
    """Return when the flight's thread has done its last."""
    eventually(lambda: not credentials._slot.flight.flying and credentials._slot.flight.thread is None)


@pytest.mark.fault(172)
def test_exception_of_a_flight_that_its_caller_flies_is_raised_once_concluded(
    make: Make, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread can be started, and Ctrl-C comes while the caller makes the token request: it is the caller's."""
    breaking = Breaking(KeyboardInterrupt, armed=True)

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    credentials = make(**broken_at("parse", breaking, monkeypatch, ""))
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
    assert names(events).count("renewal_failed") == 1
    with pytest.raises(TokenUnavailable, match="KeyboardInterrupt while the answer was read"):
        credentials.get_token()


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, Own, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["renewal_started", "renewed", "renewal_failed"])
def test_whatever_on_event_raises_is_dropped(
    make: Make, fake: FakeCognito, kind: type[BaseException], name: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once in the log; the token is there, and a failure is remembered."""

    def on_event(event: Event) -> None:
        if event.name == name:
            raise kind("hunter22")

    credentials = make(on_event=on_event)
    if name == "renewal_failed":
        fake.fail(403)
        for _ in range(3):
            with pytest.raises(S2SAuthError):
                world.get(credentials)
    else:
        assert world.get(credentials) is world.get(credentials)
    assert fake.counts()["token_requests"] == 1
    assert f"raised {kind.__name__}" in caplog.text
    assert "hunter22" not in caplog.text


def test_what_on_event_raises_does_not_escape_from_a_caller(make: Make) -> None:
    """invalidate() and close() report on the caller's thread."""

    def on_event(event: Event) -> None:
        if event.name in ("token_suspected", "closed"):
            raise SystemExit

    credentials = make(on_event=on_event)
    credentials.invalidate(credentials.get_token())
    credentials.close()


def test_ctrl_c_during_on_event_is_the_callers(make: Make) -> None:
    """It is nothing that on_event raised: a signal came on the main thread."""

    def on_event(event: Event) -> None:
        if event.name == "token_suspected":
            raise KeyboardInterrupt

    credentials = make(on_event=on_event)
    token = credentials.get_token()
    with pytest.raises(KeyboardInterrupt):
        credentials.invalidate(token)


@pytest.mark.parametrize("kind", [OSError, SystemExit, Own])
def test_client_that_cannot_be_closed_takes_no_token_away(
    make: Make, fake: FakeCognito, world: World, kind: type[BaseException]
) -> None:
    """It has been paid for."""

    class Unclosable(httpx.HTTPTransport):
        def close(self) -> None:
            super().close()
            raise kind

    credentials = make(http_client=lambda: httpx.Client(transport=Unclosable(verify=False, trust_env=False)))
    assert world.get(credentials) is world.get(credentials)
    assert fake.counts()["token_requests"] == 1
    assert credentials.state().last_error is None


def test_ctrl_c_while_its_caller_closes_the_client_is_the_callers(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can be started, so the caller does the work."""

    class Interrupted(httpx.HTTPTransport):
        def close(self) -> None:
            super().close()
            raise KeyboardInterrupt

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    credentials = make(http_client=lambda: httpx.Client(transport=Interrupted(verify=False, trust_env=False)))
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
