"""The pytest plugin, in test runs of its own."""

import importlib.metadata
import os
import subprocess
import sys
import time
import types

import pytest

import s2sauth.testing

pytest_plugins = ["pytester"]

STRICT = """
[pytest]
strict = true
filterwarnings = error
"""
INI_WAITS = "usefixtures = s2sauth_wait_for_renewals\n"
BLOCKING = f"{STRICT}s2sauth_block_real_requests = true\n"
REAL = 'domain="demo.auth.eu-central-1.amazoncognito.com", client_id="id", client_secret="secret"'


def functions() -> dict[str, object]:
    """Every function of this library and of `socket`, and every method of their classes, by name."""
    found: dict[str, object] = {}
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("s2sauth", "socket")]
    for module in modules:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__ and module.__name__ != "socket":
                continue
            found[f"{module.__name__}.{name}"] = value
            if isinstance(value, type):
                found |= {f"{module.__name__}.{name}.{each}": method for each, method in vars(value).items()}
    return {name: value for name, value in found.items() if callable(value)}


with s2sauth.CognitoClientCredentials(
    domain="https://auth.example.com", client_id="id", client_secret="secret"
) as _made:
    _made.httpx_auth("https://api.example.com")
    _made.httpx2_auth("https://api.example.com")
FUNCTIONS = functions()
"""As they were before any run: hooks have imported what they need."""


def changed() -> set[str]:
    """Which of them are others now."""
    now = functions()
    return {name for name, before in FUNCTIONS.items() if now.get(name) is not before}


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs one test file under strict pytest, or another ini; says how many passed and failed."""
    for name in [name for name in os.environ if name.startswith(("COGNITO_", "APP_CLIENT_"))]:
        monkeypatch.delenv(name)

    def run(code: str, *arguments: str, ini: str = STRICT) -> pytest.RunResult:
        pytester.makeini(ini)
        pytester.makepyfile(code)
        return pytester.runpytest_inprocess("-p", "no:sweep", *arguments)

    return run


def test_pytest_starts_without_s2sauth():
    """Whoever has it installed pays for it in the tests that use it only."""
    code = "import sys, pytest_s2sauth; print(*(name for name in sys.modules if name.startswith(('s2sauth', 'httpx'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_it_is_loaded_by_its_entry_point():
    """Nobody has to name it."""
    (point,) = importlib.metadata.entry_points(group="pytest11", name="s2sauth")
    assert point.value == "pytest_s2sauth"


FAMILIES = """
    import asyncio
    import httpx, httpx2, pytest
    from s2sauth import CognitoClientCredentials

    @pytest.fixture(params=["httpx", "httpx2"])
    def hooked(request, s2sauth_mock):
        credentials = CognitoClientCredentials.from_env()
        hook = getattr(credentials, f"{request.param}_auth")(s2sauth_mock.api_url)
        return {"httpx": httpx, "httpx2": httpx2}[request.param], {"base_url": s2sauth_mock.api_url, "auth": hook}

    def test_sync(hooked, s2sauth_mock):
        library, arguments = hooked
        with library.Client(**arguments) as client:
            assert client.get("/files").status_code == 200
            assert client.get("/files").status_code == 200
        assert s2sauth_mock.counts()["token_requests"] == 1

    def test_async(hooked, s2sauth_mock):
        library, arguments = hooked

        async def ask():
            async with library.AsyncClient(**arguments) as client:
                return (await client.get("/files")).status_code

        assert asyncio.run(ask()) == 200
        assert s2sauth_mock.counts()["token_requests"] == 1
"""


def test_mock_serves_both_libraries_sync_and_async(run):
    """A service that reads its environment talks to the fake."""
    run(FAMILIES).assert_outcomes(passed=4)


def test_tests_side_by_side_have_a_mock_each(run):
    """With pytest-xdist; over 1 s, since it starts two processes."""
    run(FAMILIES, "-n2").assert_outcomes(passed=4)


def test_mock_takes_the_place_of_the_environments_own_settings(run, monkeypatch):
    """What points to the real Cognito does not mix with it, and is back afterwards; a proxy is passed by."""
    monkeypatch.setenv("COGNITO_TOKEN_URL", "https://example.com/oauth2/token")
    monkeypatch.setenv("COGNITO_CLIENT_ID", "another")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    before = dict(os.environ)
    result = run(
        """
        from s2sauth import CognitoClientCredentials

        def test_it(s2sauth_mock):
            assert CognitoClientCredentials.from_env().get_token().access_token
        """
    )
    result.assert_outcomes(passed=1)
    changed = {name for name in before | os.environ if before.get(name) != os.environ.get(name)}
    assert changed <= {"PYTEST_VERSION", "PYTEST_CURRENT_TEST"}


def test_mock_ends_with_its_test(run):
    """Its ports are free again."""
    result = run(
        """
        import socket
        import pytest

        kept = []

        def test_one(s2sauth_mock):
            kept.append(s2sauth_mock.domain)

        def test_two():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(kept[0].rsplit(":")[-1])))
        """
    )
    result.assert_outcomes(passed=2)


def test_marker_sets_what_the_mock_takes(run):
    """The one closest to the test wins, argument by argument."""
    result = run(
        """
        import os
        import pytest
        from s2sauth import CognitoClientCredentials

        pytestmark = pytest.mark.s2sauth(expires_in=300, scopes=["billing/pay"])

        def test_module(s2sauth_mock):
            token = CognitoClientCredentials.from_env().get_token()
            assert (token.expires_in, token.scopes) == (300, ("billing/pay",))

        @pytest.mark.s2sauth(expires_in=600, prefix="BILLING_")
        def test_function(s2sauth_mock):
            assert "COGNITO_DOMAIN" not in os.environ
            assert os.environ["FILES_SERVICE_URL"] == s2sauth_mock.api_url
            token = CognitoClientCredentials.from_env(prefix="BILLING_").get_token()
            assert (token.expires_in, token.scopes) == (600, ("billing/pay",))
        """
    )
    result.assert_outcomes(passed=2)


def test_an_option_that_there_is_none_of_is_an_error(run):
    """It names the option."""
    result = run(
        """
        import pytest

        @pytest.mark.s2sauth(expire_in=300)
        def test_it(s2sauth_mock):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*TypeError*expire_in*")


def test_arguments_without_a_name_are_an_error(run):
    """They would be passed over, and the test go by other variables than it says."""
    result = run(
        """
        import pytest

        @pytest.mark.s2sauth("BILLING_")
        def test_it(s2sauth_mock):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines('*named arguments only, as prefix="BILLING_"*')


def test_marker_is_listed(run):
    """`pytest --markers` says what it takes."""
    run("", "--markers").stdout.fnmatch_lines("@pytest.mark.s2sauth(prefix*FakeCognito*")


def test_credentials_of_the_test_go_by_the_clock(run):
    """And so does the mock, in whatever order they are named; the next test has the machine's time again."""
    result = run(
        """
        import time
        from s2sauth import CognitoClientCredentials, Freshness

        def test_clock(s2sauth_mock, s2sauth_clock):
            credentials = CognitoClientCredentials.from_env()
            first = credentials.get_token()
            s2sauth_clock.advance(40 * 60)
            assert credentials.state().freshness is Freshness.FRESH
            s2sauth_clock.advance(15 * 60)
            assert credentials.state().freshness is Freshness.STALE
            s2sauth_clock.advance(10 * 60)
            second = credentials.get_token()
            assert second is not first
            assert [round(each.at) for each in s2sauth_mock.token_requests] == [1_790_000_000, 1_790_003_900]

        def test_after(s2sauth_mock):
            token = CognitoClientCredentials.from_env().get_token()
            assert abs(token.expires_at.timestamp() - time.time() - 3600) < 60
        """
    )
    result.assert_outcomes(passed=2)


def test_real_request_is_an_error_that_says_what_to_do(run):
    """With either library, and by a proxy of this machine; nobody looks up the name or opens a connection."""
    result = run(
        f"""
        import httpx, httpx2, pytest
        from s2sauth import CognitoClientCredentials

        @pytest.mark.parametrize("hook", ["httpx_auth", "httpx2_auth"])
        @pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
        def test_it(hook, proxy, monkeypatch):
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            credentials = CognitoClientCredentials({REAL})
            getattr(credentials, hook)("https://api.example.com")
            credentials.get_token()
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        "*ConfigurationError: A test asked demo.auth.eu-central-1.amazoncognito.com for a token*s2sauth_mock*"
    )


def test_real_request_fails_a_test_whose_code_swallows_the_error(run):
    """Alone: the test after it is not blamed."""
    result = run(
        f"""
        from contextlib import suppress
        from s2sauth import CognitoClientCredentials, S2SAuthError

        def test_swallows():
            with suppress(S2SAuthError):
                CognitoClientCredentials({REAL}).get_token()

        def test_next(s2sauth_mock):
            assert CognitoClientCredentials.from_env().get_token().access_token
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("*A test asked demo.auth*StaticToken*")


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_real_request_fails_a_test_whose_fixture_swallows_the_error(run, phase):
    """Also one that has nothing to do with the test, before or after it."""
    steps = ["ask()", "yield"] if phase == "setup" else ["yield", "ask()"]
    result = run(
        f"""
        from contextlib import suppress
        import pytest
        from s2sauth import CognitoClientCredentials, S2SAuthError

        def ask():
            with suppress(S2SAuthError):
                CognitoClientCredentials({REAL}).get_token()

        @pytest.fixture(scope="session", autouse=True)
        def warmed_up():
            {steps[0]}
            {steps[1]}

        def test_it():
            pass
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(errors=1, passed=1 if phase == "teardown" else 0)
    result.stdout.fnmatch_lines("*A test asked demo.auth*StaticToken*")


def test_real_request_is_an_error_while_test_modules_are_imported(run):
    """A module that warms up credentials when it is imported is a mistake that shows."""
    code = f"from s2sauth import CognitoClientCredentials\nCognitoClientCredentials({REAL}).get_token()"
    result = run(code, ini=BLOCKING)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*A test asked demo.auth*")


def test_mocked_and_loopback_requests_pass_the_block(run):
    """What respx or a MockTransport answers does not leave the machine; a connection refused here is one."""
    result = run(
        f"""
        import json
        import httpx, pytest, respx
        from s2sauth import CognitoClientCredentials, TokenUnavailable

        ANSWER = {{"access_token": "anything", "expires_in": 3600, "token_type": "Bearer"}}

        @respx.mock
        def test_respx():
            respx.post("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token").respond(json=ANSWER)
            assert CognitoClientCredentials({REAL}).get_token().access_token == "anything"

        def test_transport():
            body = httpx.ByteStream(json.dumps(ANSWER).encode())
            answers = httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
            credentials = CognitoClientCredentials({REAL}, http_client=lambda: httpx.Client(transport=answers))
            assert credentials.get_token().access_token == "anything"

        def test_refused(s2sauth_mock):
            s2sauth_mock.refuse()
            with pytest.raises(TokenUnavailable, match="ConnectError"):
                CognitoClientCredentials.from_env().get_token()
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(passed=3)


def test_block_is_for_the_token_request_alone(run):
    """A caller that makes it on its own thread, because none can be started, goes on with its own connections."""
    result = run(
        f"""
        import _thread, json, socket
        import httpx
        from s2sauth import CognitoClientCredentials

        ANSWER = {{"access_token": "anything", "expires_in": 3600, "token_type": "Bearer"}}

        def test_it(s2sauth_mock, monkeypatch):
            def refuse(*_):
                raise RuntimeError("can't start new thread")

            body = httpx.ByteStream(json.dumps(ANSWER).encode())
            answers = httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
            credentials = CognitoClientCredentials({REAL}, http_client=lambda: httpx.Client(transport=answers))
            with monkeypatch.context() as patch:
                patch.setattr(_thread, "start_new_thread", refuse)
                credentials.get_token()
            socket.create_connection(("127.0.0.1", int(s2sauth_mock.domain.rsplit(":")[-1]))).close()
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(passed=1)


def test_mock_is_reached_beside_respx(run):
    """respx mocks the API and lets the token requests through, blocking and awaiting."""
    result = run(
        """
        import asyncio
        import httpx, respx
        from s2sauth import CognitoClientCredentials

        API = "https://api.example.com"

        @respx.mock
        def test_it(s2sauth_mock):
            respx.route(host="127.0.0.1").pass_through()
            files = respx.get(f"{API}/files").respond(json=[])
            credentials = CognitoClientCredentials.from_env()

            async def ask():
                async with httpx.AsyncClient(auth=credentials.httpx_auth(API)) as client:
                    return await client.get(f"{API}/files")

            with httpx.Client(auth=credentials.httpx_auth(API)) as client:
                assert client.get(f"{API}/files").json() == []
            assert asyncio.run(ask()).json() == []
            sent = {call.request.headers["Authorization"] for call in files.calls}
            assert sent == {credentials.get_token().authorization}
            assert s2sauth_mock.counts()["token_requests"] == 1
        """,
        ini=BLOCKING,
    )
    result.assert_outcomes(passed=1)


def test_without_the_ini_option_nothing_is_changed(run):
    """The functions of socket and s2sauth are as they were, and so they are after a run with it."""
    code = """
        from tests.plugin.test_plugin import changed

        def test_it():
            assert changed() == set()
        """
    run(code).assert_outcomes(passed=1)
    run(code, ini=BLOCKING).assert_outcomes(failed=1)
    assert changed() == set()


def test_module_level_credentials_find_the_mock(run, pytester):
    """A service module that builds them when it is imported is imported by the test, each time anew."""
    pytester.makepyfile(
        service="""
        from s2sauth import CognitoClientCredentials

        credentials = CognitoClientCredentials.from_env()
        """
    )
    result = run(
        """
        import importlib, sys
        import pytest

        @pytest.fixture
        def service(s2sauth_mock, monkeypatch):
            monkeypatch.delitem(sys.modules, "service", raising=False)
            return importlib.import_module("service")

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n, service, s2sauth_mock):
            assert service.credentials.get_token().access_token
            assert s2sauth_mock.counts()["token_requests"] == 1
        """
    )
    result.assert_outcomes(passed=2)


STOLEN = f"""
    import threading, time
    import httpx, pytest, respx
    from s2sauth import CognitoClientCredentials
    from s2sauth.testing import ManualClock, wait_for_renewals

    URL = "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token"
    clock, gate = ManualClock(), threading.Event()
    gate.set()

    def secret():
        until = time.monotonic() + 10
        while not gate.is_set() and not service._slot.flight._waiters._locks:  # until somebody waits for it
            assert time.monotonic() < until
            time.sleep(0.001)
        return "secret"

    service = CognitoClientCredentials({REAL.replace('"secret"', "secret")}, clock=clock)

    def answers(*tokens):
        answer = dict(expires_in=3600, token_type="Bearer")
        return [httpx.Response(200, json=dict(answer, access_token=token)) for token in tokens]

    @pytest.fixture
    def own_mock():
        with respx.mock as router:
            yield router

    @pytest.fixture
    def s2sauth_wait_first(s2sauth_wait_for_renewals, own_mock):
        return own_mock

    def test_one(FIXTURES):
        respx_mock = MOCK
        respx_mock.post(URL).mock(side_effect=answers("one", "renewed"))
        service.get_token()
        gate.clear()
        clock.advance(55 * 60)
        assert service.get_token().access_token == "one"
        LAST

    def test_two(respx_mock):
        respx_mock.post(URL).mock(side_effect=answers("two"))
        gate.set()
        wait_for_renewals(service)
        assert CognitoClientCredentials({REAL}).get_token().access_token == "two"
        assert service.get_token().access_token == "renewed"
"""


@pytest.mark.fault(202)
@pytest.mark.parametrize(
    ("fixtures", "last", "ini", "outcome"),
    [
        ("respx_mock", "pass", "", {"passed": 1, "failed": 1}),
        ("respx_mock, s2sauth_wait_for_renewals", "pass", "", {"passed": 2}),
        ("s2sauth_wait_for_renewals, respx_mock", "pass", "", {"passed": 2}),
        ("respx_mock", "pass", INI_WAITS, {"passed": 2}),
        ("own_mock", "pass", INI_WAITS, {"passed": 2}),
        ("own_mock, s2sauth_wait_for_renewals", "pass", "", {"passed": 2}),
        ("s2sauth_wait_first", "pass", "", {"passed": 2}),
        ("respx_mock", "gate.set(); wait_for_renewals(service)", "", {"passed": 2}),
    ],
    ids=["without", "fixture", "fixture first", "ini", "ini, own mock", "fixture, own mock", "first, own mock", "call"],
)
def test_a_renewal_in_the_background_takes_the_next_tests_answer_unless_it_is_waited_for(
    run, fixtures, last, ini, outcome
):
    """Credentials at module level, whose token is renewed while the first test ends."""
    (mock,) = {"respx_mock", "own_mock", "s2sauth_wait_first"} & {*fixtures.split(", ")}
    code = STOLEN.replace("FIXTURES", fixtures).replace("LAST", last).replace("MOCK", mock)
    run(code, ini=STRICT + ini).assert_outcomes(**outcome)


@pytest.mark.parametrize("fixtures", ["s2sauth_mock, s2sauth_clock", "s2sauth_clock, s2sauth_mock"])
def test_the_mock_answers_a_renewal_that_outlives_its_test(run, fixtures):
    """It stops only when the renewal has its answer, which is why the latter is late."""
    code = """
        import pytest
        from s2sauth import CognitoClientCredentials

        events = []

        def test_one(FIXTURES):
            credentials = CognitoClientCredentials.from_env(on_event=lambda event: events.append(event.name))
            credentials.get_token()
            s2sauth_clock.advance(55 * 60)
            s2sauth_mock.set_latency(0.1)
            credentials.get_token()

        def test_two():
            assert events.count("renewed") == 2
            assert "renewal_failed" not in events
        """
    run(code.replace("FIXTURES", fixtures), ini=STRICT + INI_WAITS).assert_outcomes(passed=2)


def test_a_renewal_that_begins_when_a_fixture_ends_is_waited_for(run):
    """The fixtures that are left answer it."""
    code = """
        import pytest
        from s2sauth import CognitoClientCredentials

        events = []

        @pytest.fixture
        def late(s2sauth_mock, s2sauth_clock):
            credentials = CognitoClientCredentials.from_env(on_event=lambda event: events.append(event.name))
            credentials.get_token()
            yield
            s2sauth_clock.advance(55 * 60)
            s2sauth_mock.set_latency(0.1)
            credentials.get_token()

        def test_one(s2sauth_mock, s2sauth_wait_for_renewals, late):
            pass

        def test_two():
            assert events.count("renewed") == 2
        """
    run(code).assert_outcomes(passed=2)


def test_a_renewal_that_does_not_end_is_an_error_once_the_fixtures_have_ended(run, monkeypatch):
    """It is waited for once."""
    real = time.monotonic
    monkeypatch.setattr("pytest_s2sauth.time", types.SimpleNamespace(monotonic=lambda: real() - 10.0))
    code = """
        import threading
        import pytest
        from s2sauth import CognitoClientCredentials
        from s2sauth.testing import ManualClock

        ended, gate = [], threading.Event()

        @pytest.fixture
        def own():
            yield
            ended.append(True)

        def test_one(own):
            def secret():
                reading.set()
                assert gate.wait(10)
                return "secret"

            reading = threading.Event()
            credentials = CognitoClientCredentials(domain="127.0.0.1:1", client_id="id", client_secret=secret)
            with pytest.raises(Exception, match="No token within 0 s"):
                credentials.get_token(timeout=0)
            assert reading.wait(10)

        def test_two():
            gate.set()
            assert ended == [True]
        """
    result = run(code, ini=STRICT + INI_WAITS)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*TimeoutError: A renewal is still in progress.*"])


def test_waiting_leaves_nothing_behind(run):
    """After the test, renewals begin as they did before it."""
    code = """
        from s2sauth import CognitoClientCredentials
        from tests.plugin.test_plugin import changed

        def test_it(s2sauth_mock, s2sauth_wait_for_renewals):
            assert changed()
            assert CognitoClientCredentials.from_env().get_token().access_token
        """
    run(code).assert_outcomes(passed=1)
    assert changed() == set()
