"""Tracebacks with locals, whatever raises and whoever collects them."""

import faulthandler
import io
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
import rich.console
import rich.traceback

from s2sauth import CognitoClientCredentials, ConfigurationError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.sentinel import MARK, holds, is_looked_at, leaking_locals, shown
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]
ROOT = Path(__file__).resolve().parents[2]


class Spy:
    """Raises where it is called, and looks first at every frame above, as Sentry does for a message with a stack."""

    def __init__(self) -> None:
        self.frames = 0
        self.leaks: list[str] = []

    def look(self) -> None:
        """Collect the locals of all frames above, up to the thread's first."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if is_looked_at(frame):
                self.frames += 1
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                self.leaks += [f"{place}: {name}" for name, value in frame.f_locals.items() if holds(shown(value))]
            frame = frame.f_back

    def __call__(self, *_: object, **__: object) -> Any:
        self.look()
        raise RuntimeError("raised here")


class RaisingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Fails as a network does, with the sent request in its hands."""

    def __init__(self, spy: Spy) -> None:
        self._spy = spy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._spy.look()
        raise httpx.WriteError("broken pipe")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


class RaisingHandler(logging.Handler):
    """A log handler with a bug."""

    def __init__(self, spy: Spy) -> None:
        super().__init__()
        self.emit = spy  # type: ignore[method-assign]  # it is the whole handler


Layer = Callable[[Make, FakeCognito, Spy, World], object]


def secret_source(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The callable that reads the secret."""
    return world.get(make(client_secret=spy))


def second_reading(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The same, when the first secret was refused."""
    answers = iter([f"{MARK}-refused"])
    return world.get(make(client_secret=lambda: next(answers, None) or spy()))


def http_client(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The factory of the token request's client."""
    return world.get(make(http_client=spy))


def sender(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The transport of the token request."""
    transport = RaisingTransport(spy)
    return world.get(make(http_client=lambda: httpx.Client(transport=transport), auth_method="client_secret_post"))


def sender_with_basic(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The same with the secret in a header."""
    transport = RaisingTransport(spy)
    return world.get(make(http_client=lambda: httpx.Client(transport=transport), auth_method="client_secret_basic"))


def hook(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """The transport of a request that carries the token."""
    return world.send(make().httpx_auth(fake.api_url), fake.api_url, client={"transport": RaisingTransport(spy)})


def event_of_a_renewal(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """`on_event`, for a token that just arrived."""
    fake.omit_expires_in()
    return world.get(make(on_event=spy))


def event_of_the_hook(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """`on_event`, in the middle of a request that carries the token."""
    credentials = make(on_event=lambda event: event.name == "authorization_replaced" and spy())
    fake.api_answer(401)
    return world.send(credentials.httpx_auth(fake.api_url), fake.api_url, headers={"Authorization": "mine"})


def log_handler(make: Make, fake: FakeCognito, spy: Spy, world: World) -> object:
    """A handler of the library's own logger."""
    logger, handler = logging.getLogger("s2sauth"), RaisingHandler(spy)
    logger.addHandler(handler)
    try:
        return world.get(make())
    finally:
        logger.removeHandler(handler)


def raised(call: Callable[[], object]) -> BaseException | None:
    """What the call raises, if anything: `on_event` and log handlers harm nobody."""
    try:
        call()
    except Exception as error:
        return error
    return None


LAYERS: list[Layer] = [
    secret_source,
    second_reading,
    http_client,
    sender,
    sender_with_basic,
    hook,
    event_of_a_renewal,
    event_of_the_hook,
    log_handler,
]


def by_traceback(error: BaseException) -> str:
    """As cgitb did and `logging` setups do."""
    stack = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join(line for line in stack.format() if "tests/" not in line)


def by_rich(error: BaseException) -> str:
    """As `rich.traceback.install(show_locals=True)` prints it."""
    out = io.StringIO()
    shows = rich.traceback.Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=None,
        locals_max_length=None,
        width=2000,
        extra_lines=0,
    )
    rich.console.Console(file=out, width=2000).print(shows)
    return out.getvalue()


@pytest.mark.fault(131)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_whatever_raises(
    make: Make, fake: FakeCognito, clock: ManualClock, world: World, layer: Layer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the frames above the one that raises nor those of the error that the caller gets hold a value.

    Over a second on a busy machine: rich draws every frame of httpx.
    """
    clock.set_random(0.0)
    spy = Spy()
    error = raised(lambda: layer(make, fake, spy, world))
    if error is not None:
        assert leaking_locals(error) == []
        assert not holds(by_traceback(error))
        assert not holds(by_rich(error))
    assert spy.frames > 0
    assert spy.leaks == []
    out, err = capfd.readouterr()
    assert not holds(out + err)


@pytest.mark.fault(131)
def test_collectors_would_see_a_value(tmp_path: Path) -> None:
    """Each of them finds one in a plain local variable, so that they prove something."""
    spy = Spy()
    source = tmp_path / "elsewhere.py"
    source.write_text(f"def frame():\n    secret = '{MARK}'\n    spy()\n", encoding="utf-8")
    namespace: dict[str, Any] = {"spy": spy}
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), namespace)
    error = raised(namespace["frame"])
    assert error is not None
    assert leaking_locals(error) == [f"{source}:3: secret"]
    assert holds(by_traceback(error))
    assert holds(by_rich(error))
    assert spy.leaks == [f"{source}:3: secret"]


MISTAKES: dict[str, Callable[[dict[str, str]], object]] = {
    "domain": lambda env: CognitoClientCredentials(
        domain="https://", client_id=env["APP_CLIENT_ID"], client_secret=env["APP_CLIENT_SECRET"]
    ),
    "policy": lambda env: CognitoClientCredentials(
        domain="a.example.com",
        client_id="a",
        client_secret=env["APP_CLIENT_SECRET"],
        policy=1,  # type: ignore[arg-type]  # that is the mistake
    ),
    "secret": lambda env: CognitoClientCredentials(
        domain="a.example.com", client_id="a", client_secret=f"{env['APP_CLIENT_SECRET']} "
    ),
    "environment": lambda env: CognitoClientCredentials.from_env(environ={**env, "COGNITO_DOMAIN": ""}),
    "override": lambda env: CognitoClientCredentials.from_env(
        environ=env, client_secret=env["APP_CLIENT_SECRET"], domain="https://"
    ),
}


@pytest.mark.fault(131)
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_at_construction(fake: FakeCognito, mistake: Callable[[dict[str, str]], object]) -> None:
    """The error about another argument has no frame that holds the secret or the environment."""
    with pytest.raises(ConfigurationError) as caught:
        mistake(fake.environ)
    assert leaking_locals(caught.value) == []


@pytest.mark.fault(131)
def test_faulthandler_shows_no_locals(make: Make) -> None:
    """It names functions and lines; with every thread's stack, in the middle of a flight."""
    with tempfile.TemporaryFile() as file:

        def source() -> str:
            faulthandler.dump_traceback(file)
            return f"{MARK}-wrong"

        with pytest.raises(Exception, match="invalid_client"):
            make(client_secret=source).get_token()
        file.seek(0)
        text = file.read().decode()
    assert "_renewal.py" in text
    assert not holds(text)


FAILING = """
import os
import httpx
from s2sauth import CognitoClientCredentials

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
api = os.environ["API"]


def test_error_of_the_library():
    credentials.with_scopes("not/there").get_token()


def test_assertion_about_a_token():
    token = credentials.get_token()
    assert token == credentials.state()


def test_assertion_about_headers():
    auth = credentials.httpx_auth(api)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        response = client.get(f"{api}/admin")
    assert response.status_code == 200, response.request.headers


def test_error_of_httpx():
    auth = credentials.httpx_auth(api)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        client.get(f"{api}/admin").raise_for_status()


def test_error_of_the_network():
    def broken(request):
        raise httpx.ConnectError("broken")

    auth = credentials.httpx_auth(api)
    with httpx.Client(auth=auth, transport=httpx.MockTransport(broken)) as client:
        client.get(f"{api}/files")
"""


@pytest.mark.fault(131)
def test_failure_output_of_pytest(fake: FakeCognito, tmp_path: Path, environment: dict[str, str]) -> None:
    """With all locals, all logs and the longest tracebacks there are. Over a second: it starts another pytest."""
    (tmp_path / "test_failing.py").write_text(FAILING, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--showlocals",
        "-vv",
        "--tb=long",
        "--log-level=1",
        "-rA",
    ]
    command += ["-p", "no:cacheprovider", "--capture=no", "--log-cli-level=1"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    text = done.stdout + done.stderr
    assert "5 failed" in text, text
    assert "InvalidScope" in text
    leaks = [line for line in text.splitlines() if holds(line)]
    assert leaks == []


CRASHING = """
import asyncio, faulthandler, logging, sys, threading, warnings
from s2sauth import CognitoClientCredentials

logging.basicConfig(level=1)
logging.captureWarnings(True)
faulthandler.enable()
credentials = CognitoClientCredentials.from_env(scopes="not/there")


async def main():
    task = asyncio.ensure_future(credentials.aget_token())
    await asyncio.wait([task])
    del task
    asyncio.get_running_loop().call_soon(credentials.get_token)
    await asyncio.sleep(0)
    warnings.warn(f"{credentials!r} {credentials.state()}")


thread = threading.Thread(target=credentials.get_token)
thread.start()
thread.join()
asyncio.run(main(), debug=True)
credentials.get_token()
"""


@pytest.fixture
def environment(fake: FakeCognito) -> dict[str, str]:
    """For a program of its own: what `from_env()` reads, and nothing of coverage or a proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, **fake.environ, "API": fake.api_url, "PYTHONWARNINGS": "always"}


@pytest.mark.fault(137)
def test_crash(fake: FakeCognito, environment: dict[str, str]) -> None:
    """Unhandled in a thread, in a task nobody awaited, in a loop's callback, and at the end in the main thread.

    Over a second: another Python in its development mode.
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(CRASHING)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 1
    for said in ("Exception in thread", "Task exception was never retrieved", "Exception in callback"):
        assert said in text
    assert text.count("s2sauth.InvalidScope") == 4
    assert not holds(text)
