"""httpx and httpx2 side by side: which of them sends the token requests, and that neither needs the other."""

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock, StaticToken
from tests.support.families import FAMILIES
from tests.support.fixtures import NO_TLS

Make = Callable[..., CognitoClientCredentials]

both = pytest.mark.skipif("httpx2" not in FAMILIES, reason="an environment with httpx alone")

ORIGIN = "https://api.example.com"

SCRIPT = """
import json, os, sys
from s2sauth import CognitoClientCredentials
credentials = CognitoClientCredentials.from_env()
hook = credentials.FAMILY_auth(os.environ["FILES_SERVICE_URL"])
import FAMILY
with FAMILY.Client(auth=hook) as client:
    status = client.get(os.environ["FILES_SERVICE_URL"] + "/files").status_code
others = {"httpx", "httpcore", "certifi", "httpx2", "httpcore2", "truststore"}
print(json.dumps([status, sorted(others & set(sys.modules))]))
"""


def run(script: str, **environ: str) -> Any:
    """What the script prints, run in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def library(credentials: CognitoClientCredentials) -> Any:
    """What sends the token requests."""
    sender = credentials._engine.open_sender
    assert sender is not None
    return sender._library  # type: ignore[attr-defined]  # Senders


def test_httpx_alone_is_all_that_httpx_auth_needs(fake: FakeCognito) -> None:
    """Nothing of httpx2 is imported, though it is installed."""
    status, imported = run(SCRIPT.replace("FAMILY", "httpx"), **fake.environ)
    assert (status, imported) == (200, ["certifi", "httpcore", "httpx"])


@pytest.mark.fault(195)
@both
@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
@pytest.mark.parametrize("of", ["credentials", "a view", "a static token"])
def test_a_hook_in_a_client_of_the_other_family_says_which_hook_to_use(fake: FakeCognito, of: str, client: str) -> None:
    """That client prints the hook's repr and nothing else."""
    import httpx2

    credentials = CognitoClientCredentials.from_env(environ=fake.environ)
    views: dict[str, Any] = {
        "credentials": credentials,
        "a view": credentials.with_scopes("demo/write.file"),
        "a static token": StaticToken(),
    }
    hooks = views[of]
    with pytest.raises(TypeError, match=r"For an httpx2 client, use credentials\.httpx2_auth\(\.\.\.\)>"):
        getattr(httpx2, client)(auth=hooks.httpx_auth(ORIGIN))
    with pytest.raises(TypeError, match=r"For an httpx client, use credentials\.httpx_auth\(\.\.\.\)>"):
        getattr(httpx, client)(auth=hooks.httpx2_auth(ORIGIN))


@pytest.mark.fault(195)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("what", ["credentials", "a view", "a static token", "a token"])
def test_what_is_no_hook_says_how_to_use_it(fake: FakeCognito, what: str, name: str) -> None:
    """With the method for this library."""
    credentials = CognitoClientCredentials.from_env(environ=fake.environ)
    wrong: dict[str, Any] = {
        "credentials": credentials,
        "a view": credentials.with_scopes("demo/write.file"),
        "a static token": StaticToken("abcdef"),
        "a token": StaticToken("abcdef").get_token(),
    }
    use = r"use token\.authorization" if what == "a token" else rf"\.{name}_auth\("
    with pytest.raises(TypeError, match=use) as caught:
        importlib.import_module(name).Client(auth=wrong[what])
    assert "abcdef" not in str(caught.value)


@both
def test_httpx2_alone_is_all_that_httpx2_auth_needs(fake: FakeCognito) -> None:
    """Nothing of httpx is imported, neither for the calls nor for the token request."""
    status, imported = run(SCRIPT.replace("FAMILY", "httpx2"), **fake.environ)
    assert status == 200
    assert {"httpcore2", "httpx2"} <= set(imported)
    assert not {"httpx", "httpcore"} & set(imported)


@both
def test_first_hook_decides_who_sends_the_token_requests(make: Make) -> None:
    """It does not change afterwards."""
    import httpx2

    first, second, neither = make(), make(), make()
    first.httpx2_auth(ORIGIN)
    first.httpx_auth(ORIGIN)
    second.httpx_auth(ORIGIN)
    second.httpx2_auth(ORIGIN)
    neither.get_token()
    neither.httpx2_auth(ORIGIN)
    assert [library(one) for one in (first, second, neither)] == [httpx2, httpx, httpx]


@both
@pytest.mark.parametrize("hook", ["httpx_auth", "httpx2_auth"])
@pytest.mark.parametrize("name", FAMILIES)
def test_client_that_http_client_makes_sends_by_its_own_library(
    make: Make, fake: FakeCognito, name: str, hook: str
) -> None:
    """Whatever hook there is: a proxy set up in one library stays in use when the calls move to the other."""
    import httpx2

    sent: list[object] = []
    module: Any = {"httpx": httpx, "httpx2": httpx2}[name]

    class Seen(module.Client):  # type: ignore[misc,name-defined]  # one of the two
        def send(self, request: object, **options: object) -> object:
            sent.append(request)
            return super().send(request, **options)

    credentials = make(http_client=lambda: Seen(verify=NO_TLS, trust_env=False))
    getattr(credentials, hook)(ORIGIN)
    credentials.get_token()
    assert [type(request) for request in sent] == [module.Request]


@both
def test_failure_of_a_token_request_reads_the_same(make: Make, fake: FakeCognito, clock: ManualClock) -> None:
    """The hints go by the library's own error classes."""
    clock.set_random(0.0)
    fake.refuse()
    texts = []
    for hook in ("httpx_auth", "httpx2_auth"):
        credentials = make(http_client=None)
        getattr(credentials, hook)(ORIGIN)
        with pytest.raises(TokenUnavailable) as caught:
            credentials.get_token()
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    assert "ConnectError: " in texts[0]


@both
def test_hook_of_one_library_is_refused_by_the_other() -> None:
    """At once, with a TypeError of the library's own."""
    import httpx2

    token = StaticToken()
    with pytest.raises(TypeError, match="auth"):
        httpx.Client(auth=token.httpx2_auth(ORIGIN), verify=NO_TLS)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match="auth"):
        httpx2.Client(auth=token.httpx_auth(ORIGIN), verify=NO_TLS)  # type: ignore[arg-type]  # that is the test


@both
@pytest.mark.parametrize("hook", ["httpx_auth", "httpx2_auth"])
def test_alias_httpx_breaks_nothing(fake: FakeCognito, hook: str) -> None:
    """An application that has made `httpx` mean httpx2 uses either hook."""
    alias = "import httpx2; httpx2.alias_httpx()\n"
    status, imported = run(alias + SCRIPT.replace("FAMILY_auth", hook).replace("FAMILY", "httpx"), **fake.environ)
    assert status == 200
    assert {"httpx", "httpx2"} <= set(imported)


def test_missing_extra_is_named_with_the_way_to_install_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a bare ModuleNotFoundError out of our own modules."""
    monkeypatch.delitem(sys.modules, "s2sauth._hooks.httpx2", raising=False)
    for name in ("httpx2", "httpcore2"):
        monkeypatch.setitem(sys.modules, name, None)  # type: ignore[arg-type]  # what makes an import fail
    with pytest.raises(ImportError) as caught:
        make().httpx2_auth(ORIGIN)
    assert str(caught.value) == "httpx2_auth() needs httpx2: pip install 's2sauth[httpx2]'"
    assert caught.value.name == "httpx2"


def test_store_without_its_extra_is_told_what_to_install(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what encrypts the entries."""
    monkeypatch.delitem(sys.modules, "s2sauth._sharing", raising=False)
    monkeypatch.delitem(sys.modules, "s2sauth.stores._sealed", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)  # type: ignore[arg-type]  # what makes an import fail
    with pytest.raises(ImportError) as caught:
        make(store="sqlite:////nowhere/tokens.db").get_token()
    assert str(caught.value).startswith("store needs cryptography: pip install 's2sauth[store]'")


@both
def test_answer_in_memory_of_httpx2(make: Make) -> None:
    """As httpx's: a mock's response has been read when it is made."""
    import httpx2

    answer = {"access_token": "from-a-mock", "token_type": "Bearer", "expires_in": 3600}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))
    credentials = make(http_client=lambda: httpx2.Client(transport=transport), policy=RenewalPolicy(attempts=1))
    assert credentials.get_token().access_token == "from-a-mock"


@both
def test_static_token_has_both_hooks() -> None:
    """For tests of services that use either."""
    import httpx2

    answers = httpx2.MockTransport(lambda request: httpx2.Response(200, text=request.headers["authorization"]))
    with httpx2.Client(transport=answers, auth=StaticToken("anything").httpx2_auth(ORIGIN)) as client:
        assert client.get(f"{ORIGIN}/files").text == "Bearer anything"


@both
def test_websocket_handshake_carries_the_token_and_is_sent_again_after_a_401(
    make: Make, fake: FakeCognito, clock: ManualClock
) -> None:
    """RFC 6455 1.3: the handshake is an HTTP request; a listed origin stands for its WebSockets too."""
    import httpx2
    import httpx2.websockets

    credentials = make()
    hook = credentials.httpx2_auth(fake.api_url)
    credentials.get_token()
    clock.advance(60)
    fake.revoke()
    url = fake.api_url.replace("http://", "ws://") + "/files"
    with httpx2.Client(auth=hook, verify=NO_TLS, trust_env=False) as client:
        with pytest.raises(httpx2.websockets.WebSocketUpgradeError), client.websocket(url):
            pass  # the fake API knows no WebSockets: it answers 200 where 101 would begin one
    assert [request.status for request in fake.api_requests] == [401, 200]
    assert fake.api_requests[1].header("upgrade") == "websocket"


@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("static", [False, True], ids=["credentials", "StaticToken"])
@pytest.mark.parametrize("library", FAMILIES)
def test_a_method_that_was_given_as_auth_without_a_call_says_to_call_it(
    library: str, static: bool, awaits: bool
) -> None:
    """Whichever of the two methods it is, the client's own is the one to call."""
    family = importlib.import_module(library)
    credentials = CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="s" * 40)
    methods = StaticToken() if static else credentials
    transport = family.MockTransport(lambda request: family.Response(200))

    async def aask(method: Any) -> None:
        async with family.AsyncClient(auth=method, transport=transport) as client:
            await client.get(ORIGIN)

    def ask(method: Any) -> None:
        with family.Client(auth=method, transport=transport) as client:
            client.get(ORIGIN)

    for method in (getattr(methods, f"{one}_auth") for one in FAMILIES):
        with pytest.raises(ConfigurationError, match=rf"Call the method yourself: auth=credentials\.{library}_auth\("):
            asyncio.run(aask(method)) if awaits else ask(method)


@pytest.mark.parametrize("name", [f"{library}_auth" for library in FAMILIES])
def test_allow_http_of_every_hook_is_true_or_false(name: str) -> None:
    """A string would count as true, whatever it says."""
    credentials = CognitoClientCredentials(domain="auth.example.com", client_id="abc", client_secret="s" * 40)
    for methods in (credentials, StaticToken()):
        with pytest.raises(ConfigurationError, match="allow_http: use True or False; got a value of type str"):
            getattr(methods, name)("http://files", allow_http="false")
