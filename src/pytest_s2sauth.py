"""The pytest plugin of s2sauth: a Cognito and a clock for tests, and no token request to the real one.

pytest loads it in every run where s2sauth is installed, so s2sauth is imported only where a test, or the ini option,
wants it.
"""

import threading
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from s2sauth._flight import Flight
    from s2sauth.testing import FakeCognito, ManualClock

INI = "s2sauth_block_real_requests"
NAMES = (
    "COGNITO_DOMAIN",
    "COGNITO_TOKEN_URL",
    "COGNITO_REGION",
    "COGNITO_API",
    "APP_CLIENT_ID",
    "COGNITO_CLIENT_ID",
    "APP_CLIENT_SECRET",
    "COGNITO_CLIENT_SECRET",
    "COGNITO_CLIENT_SECRET_FILE",
    "COGNITO_CLIENT_SECRET_ARN",
    "COGNITO_SCOPES",
    "COGNITO_SCOPE",
)
"""What `from_env()` reads: what the environment says of the real Cognito must not mix with the fake's."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini option."""
    parser.addini(INI, "s2sauth: a token request that would leave this machine is an error", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; from here on, before test modules are imported, keep token requests in."""
    config.addinivalue_line(
        "markers",
        's2sauth(prefix="", **options): for s2sauth_mock: the prefix of its variables, and arguments of FakeCognito',
    )
    if config.getini(INI):
        config.stash[_BLOCK] = block = _Block()
        block.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let token requests out again."""
    if (block := config.stash.get(_BLOCK, None)) is not None:
        block.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test with a fixture that swallowed the error."""
    return (yield from _unless_kept_in(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose code swallowed it."""
    return (yield from _unless_kept_in(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """As in the setup; and before any fixture ends, wait for renewals, which may need it."""
    return (yield from _unless_kept_in(item, item.stash.get(_BEGUN, None)))


def _unless_kept_in(item: pytest.Item, begun: "list[Flight] | None" = None) -> Generator[None, object, object]:
    block, late = item.config.stash.get(_BLOCK, None), None
    if block is not None:
        block.kept_in.clear()
    try:
        _wait_for(begun or [])
    except TimeoutError as error:  # raised once the fixtures have ended
        late = error
    result = yield
    if block is not None and block.kept_in:
        pytest.fail(_advice(block.kept_in[0]), pytrace=False)
    if late is not None:
        raise late
    return result


@pytest.fixture
def s2sauth_clock(monkeypatch: pytest.MonkeyPatch) -> "ManualClock":
    """A `ManualClock` that credentials made during the test go by, unless they are given another one."""
    from s2sauth.testing import ManualClock  # noqa: PLC0415  # not before a test wants it

    clock = ManualClock()
    monkeypatch.setattr("s2sauth._engine.SystemClock", lambda: clock)
    return clock


@pytest.fixture
def s2sauth_mock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "Iterator[FakeCognito]":
    """A running `FakeCognito`, and the environment variables with which `from_env()` finds it.

    It goes by `s2sauth_clock` if the test has that too.
    """
    from s2sauth.testing import FakeCognito  # noqa: PLC0415  # not before a test wants it

    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("s2sauth"):  # the closest first: it wins
        if marker.args:
            pytest.fail('@pytest.mark.s2sauth takes named arguments only, as prefix="BILLING_"', pytrace=False)
        options = {**marker.kwargs, **options}
    prefix = options.pop("prefix", "")
    if "s2sauth_clock" in request.fixturenames:
        options.setdefault("clock", request.getfixturevalue("s2sauth_clock"))
    for name in NAMES:
        monkeypatch.delenv(prefix + name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost", prepend=",")
    with FakeCognito(**options) as fake:
        for name, value in fake.environ.items():
            monkeypatch.setenv(prefix + name if name in NAMES else name, value)
        yield fake


@pytest.fixture
def s2sauth_wait_for_renewals(request: pytest.FixtureRequest) -> Iterator[None]:
    """After the test, wait for the renewals that began in it, of any credentials, so that none reaches the next test.

    The test's other fixtures last until then, and so do the mocks in them. What a fixture begins when it ends is waited
    for as well; the mocks of respx (`respx_mock`) and pytest-httpx (`httpx_mock`) answer that too. TimeoutError after
    10 s.
    """
    from s2sauth._flight import Flight  # noqa: PLC0415  # not before a test wants it

    for name in ("httpx_mock", "respx_mock"):
        if name in request.fixturenames:
            request.getfixturevalue(name)  # what is set up first ends last
    request.node.stash[_BEGUN] = begun = list[Flight]()
    launch = Flight.launch

    def noted(flight: Flight, work: Any) -> bool:
        begun.append(flight)
        return launch(flight, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flight, "launch", noted)
        yield
        _wait_for(begun)


def _wait_for(begun: "list[Flight]") -> None:
    """Wait for them, and for those that begin meanwhile. After a TimeoutError they are not waited for again."""
    if not begun:
        return
    from s2sauth.testing._waiting import wait_for_flights  # noqa: PLC0415  # not before a renewal began

    until = time.monotonic() + 10.0
    try:
        while begun:
            wait_for_flights(begun[:1], until)
            del begun[0]
    except TimeoutError:
        begun.clear()
        raise


class _Block:
    """Keeps token requests from leaving the machine: none to another host opens a connection, by a proxy neither.

    What a mock answers (respx, pytest-httpx, httpx.MockTransport) opens none, and passes.
    """

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._thread = threading.local()
        self.kept_in: list[str] = []
        """The hosts that were asked for."""

    def start(self) -> None:
        """Until `stop()`."""
        import socket  # noqa: PLC0415  # only where the option is on

        from s2sauth import ConfigurationError, _sender  # noqa: PLC0415  # as above
        from s2sauth._core.origin import is_loopback  # noqa: PLC0415  # as above

        send, connect = _sender.Sender.send, socket.create_connection

        def checked_send(sender: Any, request: Any, limits: Any) -> Any:
            host = str(urlsplit(str(request.url)).hostname)
            if is_loopback(host):
                return send(sender, request, limits)
            self._thread.host, self._thread.tried = host, False
            try:
                answer = send(sender, request, limits)
            finally:
                self._thread.host = None
            if self._thread.tried:
                raise ConfigurationError(_advice(host))
            return answer

        def checked_connect(*args: Any, **named: Any) -> Any:
            host = getattr(self._thread, "host", None)
            if host is None:
                return connect(*args, **named)
            self._thread.tried = True
            self.kept_in.append(host)
            raise OSError(_advice(host))

        self._patch.setattr(_sender.Sender, "send", checked_send)
        self._patch.setattr(socket, "create_connection", checked_connect)

    def stop(self) -> None:
        """As it was."""
        self._patch.undo()


_BLOCK = pytest.StashKey[_Block]()
_BEGUN = pytest.StashKey["list[Flight]"]()


def _advice(host: str) -> str:
    return (
        f"A test asked {host} for a token, which {INI} forbids. Use the fixture s2sauth_mock and build the credentials "
        "while the test runs (CognitoClientCredentials.from_env()), or give the code s2sauth.testing.StaticToken()."
    )
