"""Code that runs in the middle of ours, and the end of the object."""

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import httpx
import pytest

from s2sauth import (
    CognitoClientCredentials,
    ConfigurationError,
    S2SAuthError,
    TokenUnavailable,
)
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.alarms import Alarm
from tests.support.fixtures import plain_client
from tests.support.scripts import run
from tests.support.settled import eventually, settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.mark.fault(91)
def test_signal_handler_gets_the_stale_token_at_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock, alarm: Alarm
) -> None:
    """The renewal hangs; handlers that interrupt callers get the old token in no time."""
    old = credentials.get_token()
    clock.advance(2880)
    fake.gate()
    took: list[float] = []

    def handler() -> None:
        began = time.perf_counter()
        assert credentials.get_token() is old
        took.append(time.perf_counter() - began)

    alarm.every(0.001, handler)
    while len(took) < 50:
        assert credentials.get_token() is old
    alarm.every(0, handler)
    fake.wait_for_token_requests(2)
    fake.release()
    assert sorted(took)[25] < 1
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(91)
def test_signal_handler_that_does_not_wait_fails_at_once(
    credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm
) -> None:
    """There is no token yet: a handler that does not want to wait fails at once, the interrupted caller goes on."""
    credentials.httpx_auth(fake.api_url)  # imports what a flight needs
    fake.gate()
    took: list[float] = []

    def handler() -> None:
        began = time.perf_counter()
        with pytest.raises(TokenUnavailable):
            credentials.get_token(timeout=0)
        took.append(time.perf_counter() - began)
        if len(took) == 20:
            alarm.every(0, handler)
            fake.release()

    alarm.every(0.002, handler)
    assert credentials.get_token().remaining() == 3600
    assert sorted(took)[10] < 1
    assert fake.counts()["token_requests"] == 1


SIGNALS = """
    import signal
    import httpx
    from s2sauth import CognitoClientCredentials

    current, handled, counted = [], [], []

    def fire(*_):
        if current:
            handled.append(current[0].get_token())
        if not counted:
            signal.setitimer(signal.ITIMER_REAL, 0.0005)

    CognitoClientCredentials.from_env().httpx_auth("https://api.example.com")  # imports what a flight needs
    signal.signal(signal.SIGALRM, fire)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    for _ in range(100):
        credentials = CognitoClientCredentials.from_env(http_client=lambda: httpx.Client(verify=False))
        credentials.httpx_auth("https://api.example.com")
        current[:] = [credentials]
        token = credentials.get_token()
        current.clear()
        assert token is credentials.get_token()
        assert credentials.state().token_requests == 1
        credentials.close()
    counted.append(True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(len(handled) >= 50)
"""


@pytest.mark.fault(91)
def test_signals_at_every_moment_make_no_deadlock_and_no_second_flight(fake: FakeCognito) -> None:
    """A hundred cold objects, and a signal half a millisecond after the last: no deadlock, no second flight.

    In a process of its own, where no handler meets the locks of what watches the tests; it takes a second to start.
    """
    assert run(SIGNALS, fake.environ) == "True"
    assert fake.counts()["token_requests"] == 100


class Through(logging.Handler):
    """Sends log records to a service that wants a token."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__()
        self._ask = ask

    def emit(self, record: logging.LogRecord) -> None:
        self._ask()


class Asking:
    """Asks the object for a token from inside its own renewal, and notes what came of it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.credentials: CognitoClientCredentials | None = None
        self.got: list[object] = []

    def __call__(self, *_: object) -> str:
        assert self.credentials is not None
        try:
            self.got.append(self.credentials.get_token())
        except S2SAuthError as error:
            self.got.append(type(error))
        return self._secret


@pytest.fixture
def library_log() -> Iterator[logging.Logger]:
    """The library's logger at DEBUG, without handlers afterwards."""
    logger = logging.getLogger("s2sauth")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.mark.fault(92)
@pytest.mark.parametrize("place", ["client_secret", "on_event", "http_client", "log handler"])
def test_who_asks_inside_the_renewal_is_told_or_served(
    make: Make, fake: FakeCognito, clock: ManualClock, library_log: logging.Logger, world: World, place: str
) -> None:
    """Cold: told at once. STALE: served the old token. In either case the renewal itself succeeds."""
    asking = Asking(fake.client_secret)
    match place:
        case "log handler":
            library_log.addHandler(Through(asking))
            credentials = make()
        case "http_client":
            credentials = make(http_client=lambda: (asking(), plain_client())[1])
        case _:
            credentials = make(**{place: asking})
    asking.credentials = credentials
    old = world.get(credentials)
    settled(credentials)
    assert ConfigurationError in asking.got
    assert set(asking.got) <= {ConfigurationError, old}
    asking.got.clear()
    clock.advance(2880)
    assert world.get(credentials) is old
    settled(credentials)
    assert credentials.state().tokens_billed == 2
    assert old in asking.got
    assert ConfigurationError not in asking.got


class Finaliser:
    """Garbage in a cycle, whose end asks for a token."""

    def __init__(self, credentials: CognitoClientCredentials, seen: list[object], timeout: float | None = None) -> None:
        self._itself = self
        self._credentials = credentials
        self._seen = seen
        self._timeout = timeout

    def __del__(self) -> None:
        try:
            self._credentials.state()
            self._seen.append(self._credentials.with_scopes("demo/write.file").state().freshness)
            self._seen.append(self._credentials.get_token(timeout=self._timeout))
        except S2SAuthError as error:
            self._seen.append(type(error))


class Collecting(httpx.HTTPTransport):
    """Collects garbage in the middle of the request."""

    collect: Callable[[], object]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.collect()
        return super().handle_request(request)


@pytest.mark.fault(93)
def test_object_collected_in_the_flight_that_asks_is_told(make: Make, fake: FakeCognito, world: World) -> None:
    """Its `__del__` asks the same object: told at once, on the flight's thread too, and the flight goes on."""
    seen: list[object] = []

    def client() -> httpx.Client:
        transport = Collecting(verify=False, trust_env=False)
        transport.collect = collect
        return httpx.Client(transport=transport)

    def collect() -> None:
        Finaliser(credentials, seen)
        gc.collect()

    credentials = make(http_client=client)
    assert world.get(credentials).remaining() == 3600
    assert seen[1:] == [ConfigurationError]
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(93)
def test_object_collected_at_any_moment_may_ask(make: Make) -> None:
    """The collector runs at every few allocations, also under the lock of `with_scopes`, and finds such an object."""
    seen: list[object] = []
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(20):
            credentials = make()
            Finaliser(credentials, seen, timeout=0)
            credentials.with_scopes(f"demo/{number}")
            assert credentials.get_token().remaining() == 3600
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert len(seen) == 40


@pytest.mark.fault(93)
def test_object_dropped_in_mid_flight_leaves_nothing(make: Make, fake: FakeCognito) -> None:
    """Nobody holds it any more: the flight ends, and nothing is left of either."""
    fake.gate()
    credentials = CognitoClientCredentials.from_env(environ=fake.environ, http_client=plain_client)
    with pytest.raises(TokenUnavailable):
        credentials.get_token(timeout=0)
    fake.wait_for_token_requests()
    gone, slot = weakref.ref(credentials), weakref.ref(credentials._slot)
    del credentials
    assert gone() is None
    fake.release()
    eventually(lambda: (gc.collect(), slot() is None)[1])


def test_signal_handler_may_ask_while_the_main_thread_waits(
    credentials: CognitoClientCredentials, fake: FakeCognito, alarm: Alarm
) -> None:
    """The handler interrupts a frame that waits for a token, and asks for one: both get it."""
    fake.gate()
    got = []

    def handler() -> None:
        threading.Timer(0.02, fake.release).start()
        got.append(credentials.get_token())

    alarm.once(0.02, handler)
    assert [credentials.get_token()] == got
