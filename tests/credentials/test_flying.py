"""Who flies, and what happens when the flight's thread cannot start, dies, or asks for a token itself."""

import _thread
import asyncio
import logging
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest
import trio

from s2sauth import AccessToken, CognitoClientCredentials, ConfigurationError, Event, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.settled import eventually, settled
from tests.support.worlds import Threads, World

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """No thread can be started by the engine, as at the process's limit; the world's own threads are there already."""
    tried: list[int] = []

    def refuse(*_: object) -> int:
        tried.append(1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    return tried


def test_caller_flies_when_no_thread_can_start(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World, no_threads: list[int], events: list[Event]
) -> None:
    """The caller does the work itself, and gets its token; an event says so."""
    world.get(credentials)
    assert names(events) == ["renewal_started", "renewed", "thread_refused"]
    assert no_threads == [1]
    assert fake.counts()["token_requests"] == 1


def test_caller_that_flies_fails_as_others_do(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World, no_threads: list[int]
) -> None:
    """The same failure, and no context of the caller in the flight."""
    clock.set_random(0.0)
    fake.fail(503)
    with pytest.raises(TokenUnavailable):
        world.get(credentials)
    assert fake.counts()["token_requests"] == 3


def test_stale_token_is_served_by_who_renews_it_itself(
    credentials: CognitoClientCredentials, clock: ManualClock, world: World, no_threads: list[int]
) -> None:
    """No thread: the caller renews, then hands out what it found at first."""
    old = credentials.get_token()
    clock.advance(2880)
    assert world.get(credentials) is old
    assert world.get(credentials) is not old


def test_context_of_a_caller_that_flies_is_not_seen(make: Make, fake: FakeCognito, no_threads: list[int]) -> None:
    """The secret callable runs in an empty context, whoever runs it."""
    import contextvars

    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")
    tenant.set("mine")
    seen = []

    def secret() -> str:
        seen.append(tenant.get())
        return fake.client_secret

    make(client_secret=secret).get_token()
    assert seen == ["none"]


def test_no_thread_lives_between_flights(make: Make, fake: FakeCognito) -> None:
    """The flight's thread ends with its flight."""
    idents: list[int] = []

    def secret() -> str:
        idents.append(_thread.get_ident())
        return fake.client_secret

    make(client_secret=secret).get_token()
    eventually(lambda: not set(idents) & set(sys._current_frames()))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_flight_that_dies_leaves_nobody_waiting(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, error: type[BaseException]
) -> None:
    """`sys.exit()` in a secret source: every waiter gets a failure, and the next call starts another flight."""
    fail = [True]

    def secret() -> str:
        if fail:
            raise error
        return fake.client_secret

    credentials = make(client_secret=secret)
    with pytest.raises(TokenUnavailable, match=error.__name__):
        world.get(credentials)
    fail.clear()
    clock.advance(10)
    world.get(credentials)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_caller_that_flies_keeps_its_ctrl_c(make: Make, no_threads: list[int], error: type[BaseException]) -> None:
    """It is the caller's own thread: its exit is its own, and the flight is settled all the same."""

    def secret() -> str:
        raise error

    credentials = make(client_secret=secret)
    with pytest.raises(error):
        credentials.get_token()
    assert not credentials._slot.flight.flying


def test_leader_interrupted_before_its_thread_started_leaves_the_flight_to_the_next(
    credentials: CognitoClientCredentials, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    """Ctrl-C between deciding and starting: whoever finds the flight not begun begins it."""
    start = _thread.start_new_thread

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_thread, "start_new_thread", interrupted)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
    monkeypatch.setattr(_thread, "start_new_thread", start)
    world.get(credentials)
    assert fake.counts()["token_requests"] == 1


def test_flight_is_flown_once_when_two_begin_it(
    credentials: CognitoClientCredentials, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt came after the thread had started: the second thread finds the work claimed, and leaves."""
    start = _thread.start_new_thread

    def started_then_interrupted(*arguments: object) -> int:
        start(*arguments)  # type: ignore[call-overload]  # passed on
        raise KeyboardInterrupt

    fake.gate()
    monkeypatch.setattr(_thread, "start_new_thread", started_then_interrupted)
    with pytest.raises(KeyboardInterrupt):
        credentials.get_token()
    monkeypatch.setattr(_thread, "start_new_thread", start)
    callers = Threads().ask(credentials, 3)
    fake.release()
    callers.values()
    assert fake.counts()["token_requests"] == 1


def test_secret_source_that_asks_for_a_token_is_told(make: Make, fake: FakeCognito, world: World) -> None:
    """Without a token it could only wait for itself: a ConfigurationError for the caller; never a deadlock."""

    def secret() -> str:
        return made[0].get_token().access_token

    made = [make(client_secret=secret)]
    with pytest.raises(ConfigurationError, match="inside its own renewal"):
        world.get(made[0])
    assert fake.counts()["token_requests"] == 0


def test_secret_source_that_asks_a_view_for_a_token_is_told(make: Make, world: World) -> None:
    """Another scope set needs the same secret, and so on: it ends."""

    def secret() -> str:
        return made[0].with_scopes("demo/write.file").get_token().access_token

    made = [make(client_secret=secret)]
    with pytest.raises(ConfigurationError, match="inside its own renewal"):
        world.get(made[0])


@pytest.mark.parametrize("run", [asyncio.run, lambda coroutine: trio.run(lambda: coroutine)], ids=["asyncio", "trio"])
def test_secret_source_with_a_loop_of_its_own_is_told(make: Make, run: Callable[..., object]) -> None:
    """`asyncio.run` inside the flight is inside the flight."""

    def secret() -> str:
        return run(made[0].aget_token())  # type: ignore[return-value]  # never returns

    made = [make(client_secret=secret)]
    with pytest.raises(ConfigurationError, match="inside its own renewal"):
        made[0].get_token()


def test_secret_source_that_asks_while_stale_gets_the_old_token(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """The vault is called with the token that this very source renews."""
    got: list[AccessToken] = []

    def secret() -> str:
        if got:
            got.append(made[0].get_token())
        return fake.client_secret

    made = [make(client_secret=secret)]
    got.append(made[0].get_token())
    clock.advance(2880)
    made[0].get_token()
    settled(made[0])
    assert got == [got[0], got[0]]
    assert made[0].get_token() is not got[0]


def test_on_event_that_asks_for_a_token_harms_nobody(make: Make, fake: FakeCognito, world: World) -> None:
    """What it raises is dropped; the flight goes on."""
    raised: list[type[Exception]] = []

    def on_event(event: Event) -> None:
        try:
            made[0].get_token()
        except Exception as error:
            raised.append(type(error))
            raise

    made = [make(on_event=on_event)]
    world.get(made[0])
    assert raised == [ConfigurationError]
    assert fake.counts()["token_requests"] == 1


class Asking(logging.Handler):
    """Sends log records to a service that needs a token."""

    def __init__(self, credentials: CognitoClientCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def emit(self, record: logging.LogRecord) -> None:
        self._credentials.get_token()


@pytest.fixture
def handler(credentials: CognitoClientCredentials) -> Iterator[logging.Handler]:
    """Attached to the library's own logger, which is at DEBUG."""
    handler, logger = Asking(credentials), logging.getLogger("s2sauth")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.mark.usefixtures("handler")
def test_log_handler_that_asks_for_a_token_harms_nobody(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, world: World
) -> None:
    """Cold, FRESH, STALE, EXPIRED: the callers get their tokens."""
    for age in (0, 10, 2880, 3600):
        clock.advance(age)
        world.get(credentials)
        settled(credentials)


def test_handler_of_an_application_log_that_asks_for_a_token_ends_by_its_deadline(
    make: Make, fake: FakeCognito
) -> None:
    """The caller holds the handler's lock, which the flight's own log line needs: at worst that call fails in time."""
    from s2sauth import RenewalPolicy

    credentials = make(clock=None, policy=RenewalPolicy(deadline=0.3))
    handler, logger = Asking(credentials), logging.getLogger("application")
    library = logging.getLogger("s2sauth")
    raised: list[logging.LogRecord] = []
    handler.handleError = raised.append  # type: ignore[assignment, method-assign]  # not called: emit raises itself
    logger.addHandler(handler)
    library.addHandler(handler)
    library.setLevel(logging.DEBUG)
    try:
        with pytest.raises(TokenUnavailable):
            logger.warning("hello")
        settled(credentials)
    finally:
        logger.removeHandler(handler)
        library.removeHandler(handler)
        library.setLevel(logging.NOTSET)


def test_caller_interrupted_before_its_flight_begins_costs_the_next_one_nothing(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes between deciding and starting; an hour later the time of that flight begins with its thread."""

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            credentials.get_token()
    clock.advance(3600)
    assert credentials.get_token().remaining() == 3600
    assert fake.counts()["token_requests"] == 1


def test_renewal_that_was_interrupted_before_it_began_is_begun_by_the_next_caller(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the token would be served until its very end, and nobody would renew it."""

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    old = credentials.get_token()
    clock.advance(3000)
    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            credentials.get_token()
    clock.advance(60)
    assert credentials.get_token() is old
    settled(credentials)
    assert credentials.get_token() is not old


class Dying(httpx.BaseTransport):
    """Raises what no transport should, once."""

    def __init__(self, error: BaseException) -> None:
        self.errors = [error]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.errors:
            raise self.errors.pop()
        body = b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}'
        return httpx.Response(200, stream=httpx.ByteStream(body))


@pytest.mark.fault(83)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_flight_whose_thread_dies_leaves_nobody_waiting(
    make: Make, clock: ManualClock, world: World, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """In mid-request: the waiters are told, nothing is left locked, the next caller leads and is served."""
    dying = Dying(error)
    credentials = make(http_client=lambda: httpx.Client(transport=dying))
    with pytest.raises(TokenUnavailable, match=type(error).__name__):
        world.get(credentials)
    clock.advance(1)
    assert world.get(credentials).access_token == "abc"
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault(83)
def test_memory_error_is_a_failed_attempt_as_any_other(make: Make, clock: ManualClock, world: World) -> None:
    """MemoryError is a failed attempt as any other: the next one of the same flight brings the token."""
    clock.set_random(0.0)
    dying = Dying(MemoryError())
    assert world.get(make(http_client=lambda: httpx.Client(transport=dying))).access_token == "abc"
