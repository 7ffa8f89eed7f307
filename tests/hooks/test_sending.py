"""The hook puts the token on a copy of the request, and on nothing else."""

from collections.abc import Callable

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.worlds import WORLDS, World

Make = Callable[..., CognitoClientCredentials]


def test_request_carries_the_token(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """The API sees one Authorization header, with the token."""
    response = world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files")
    assert response.status_code == 200
    (request,) = fake.api_requests
    sent = [value for name, value in request.headers if name.lower() == "authorization"]
    assert sent == [f"Bearer {credentials.get_token().access_token}"]


def test_a_thousand_requests_cost_one_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Callers do not pay for each call."""
    with httpx.Client(auth=credentials.httpx_auth(fake.api_url), verify=False, trust_env=False) as client:
        for _ in range(100):
            client.get(f"{fake.api_url}/files").raise_for_status()
    assert fake.counts()["token_requests"] == 1


def test_callers_own_request_never_holds_the_token(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """What is sent is a copy: `response.request`; the caller's object stays as it was."""
    with httpx.Client(auth=credentials.httpx_auth(fake.api_url), verify=False, trust_env=False) as client:
        request = client.build_request("POST", f"{fake.api_url}/files", json={"a": 1}, headers={"X-Own": "1"})
        before = dict(request.headers)
        response = client.send(request)
    assert dict(request.headers) == before
    assert response.request is not request
    assert response.request.headers["Authorization"].startswith("Bearer ")
    assert response.request.method == "POST"
    assert response.request.headers["X-Own"] == "1"


def test_loaded_body_comes_along_to_event_hooks(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """`request.content` works in the client's own event hooks, as it does without auth."""
    seen: list[bytes] = []

    async def later(request: httpx.Request) -> None:
        seen.append(request.content)

    def now(request: httpx.Request) -> None:
        seen.append(request.content)

    hooks = {"request": [later if world.awaits else now]}
    url = f"{fake.api_url}/files"
    world.send(credentials.httpx_auth(url), url, "POST", json={"a": 1}, client={"event_hooks": hooks})
    assert seen == [b'{"a":1}']
    assert fake.api_requests[0].body == b'{"a":1}'


def test_own_authorization_is_replaced_with_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], world: World
) -> None:
    """As httpx's own auth classes do it, but not in silence."""
    url = f"{fake.api_url}/files"
    response = world.send(credentials.httpx_auth(url), url, headers={"Authorization": "Basic abc"})
    assert response.status_code == 200
    assert "authorization_replaced" in names(events)


def test_request_without_authorization_has_no_such_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], world: World
) -> None:
    """The event says something only if it is rare."""
    url = f"{fake.api_url}/files"
    world.send(credentials.httpx_auth(url), url)
    assert "authorization_replaced" not in names(events)


def replaced(events: list[Event]) -> int:
    """How many events say that a caller's own header was replaced."""
    return names(events).count("authorization_replaced")


@pytest.mark.fault(196)
def test_a_client_that_always_sends_a_header_of_its_own_is_told_once_for_each_hook(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], world: World, clock: ManualClock
) -> None:
    """The OpenAI SDK must have an API key and sends it with every request: no event a minute for ever."""
    url = f"{fake.api_url}/files"
    own = {"headers": {"Authorization": "Bearer sk-none"}}
    for hook in (credentials.httpx_auth(url), credentials.httpx_auth(url)):
        for _ in range(3):
            clock.advance(61)
            assert world.send(hook, url, client=own).status_code == 200
    assert replaced(events) == 2


@pytest.mark.fault(196)
def test_a_redirect_that_the_caller_follows_brings_our_header_back_without_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event]
) -> None:
    """`response.next_request` is a copy of what was sent, token included; mcp 2 follows redirects like this."""
    with httpx.Client(auth=credentials.httpx_auth(fake.api_url), verify=False, trust_env=False) as client:
        response = client.get(f"{fake.api_url}/redirect?to=/files")
        assert response.next_request is not None
        assert response.next_request.headers["Authorization"] == credentials.get_token().authorization
        assert client.send(response.next_request).status_code == 200
    assert replaced(events) == 0


@pytest.mark.fault(196)
def test_a_request_that_is_sent_again_brings_an_earlier_token_back_without_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], clock: ManualClock
) -> None:
    """Itself, or its headers on another request; also when another hook of the same credentials sends it."""
    url = f"{fake.api_url}/files"
    hooks = [
        credentials.httpx_auth(url),
        credentials.httpx_auth(url),
        credentials.with_scopes("demo/write.file").httpx_auth(url),
    ]
    with httpx.Client(verify=False, trust_env=False) as client:
        sent = client.get(url, auth=hooks[0]).request
        clock.advance(3600)
        for hook in hooks:
            again = client.send(sent, auth=hook)
            assert again.request.headers["Authorization"] != sent.headers["Authorization"]
            client.get(url, headers=dict(sent.headers), auth=hook)
    assert replaced(events) == 0


def test_the_token_on_a_request_of_a_hooked_client_is_our_header(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], world: World
) -> None:
    """`auth_headers()` beside the hook is one too many, but nothing is replaced by anything else."""
    url = f"{fake.api_url}/files"
    world.send(credentials.httpx_auth(url), url, headers=credentials.auth_headers())
    assert replaced(events) == 0


@pytest.mark.parametrize("form", ["Bearer {}x", "bearer {}", "Bearer {}, Basic abc", "Token {}"])
def test_a_header_that_only_looks_like_ours_is_replaced_with_an_event(
    credentials: CognitoClientCredentials, fake: FakeCognito, events: list[Event], form: str
) -> None:
    """It is recognised as a whole."""
    url = f"{fake.api_url}/files"
    header = form.format(credentials.get_token().access_token)
    with httpx.Client(auth=credentials.httpx_auth(url), verify=False, trust_env=False) as client:
        client.get(url, headers={"Authorization": header})
    assert replaced(events) == 1


def test_a_token_of_other_credentials_is_not_our_header(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """They share nothing, so the event comes."""
    url = f"{fake.api_url}/files"
    other = make().auth_headers()
    with httpx.Client(auth=make().httpx_auth(url), verify=False, trust_env=False) as client:
        client.get(url, headers=other)
    assert replaced(events) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_works(credentials: CognitoClientCredentials, fake: FakeCognito, method: str) -> None:
    """The hook does not look at the method."""
    with httpx.Client(auth=credentials.httpx_auth(fake.api_url), verify=False, trust_env=False) as client:
        assert client.request(method, f"{fake.api_url}/files").status_code == 200
    assert fake.api_requests[0].method == method


def test_one_hook_serves_all_worlds(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """The same object for a blocking client, asyncio and trio."""
    auth = credentials.httpx_auth(fake.api_url)
    assert [world.send(auth, f"{fake.api_url}/files").status_code for world in WORLDS] == [200, 200, 200]
    assert fake.counts()["token_requests"] == 1


def test_per_request_auth_works(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """`auth=` of one call, on a client without."""
    with httpx.Client(verify=False, trust_env=False) as client:
        url = f"{fake.api_url}/files"
        assert client.get(url, auth=credentials.httpx_auth(url)).status_code == 200
        assert client.get(url).status_code == 401


def test_token_of_a_view_carries_its_scopes(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """The hook of a view is the view's."""
    auth = credentials.with_scopes("demo/write.file").httpx_auth(fake.api_url)
    assert world.send(auth, f"{fake.api_url}/admin").status_code == 200


def test_credentials_are_no_auth_themselves(credentials: CognitoClientCredentials) -> None:
    """The first mistake people make; the repr says what to write instead."""
    with pytest.raises(TypeError, match=r"httpx_auth\("):
        httpx.Client(auth=credentials, verify=False)  # type: ignore[arg-type]  # that is the test


def test_hooks_repr_says_where_the_token_goes(credentials: CognitoClientCredentials) -> None:
    """And which clients it is for."""
    shown = repr(credentials.httpx_auth("https://api.example.com/v1"))
    assert " for https://api.example.com; it fits httpx" in shown


def test_configuration_errors_pass_through(make: Make, fake: FakeCognito, world: World) -> None:
    """Only TokenUnavailable is dressed as httpx's own error."""

    def broken() -> str:
        raise ConfigurationError("the vault is sealed")

    with pytest.raises(ConfigurationError, match="sealed"):
        world.send(make(client_secret=broken).httpx_auth(fake.api_url), f"{fake.api_url}/files")
