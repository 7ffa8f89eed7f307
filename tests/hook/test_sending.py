"""The hook puts the token on a copy of the request, and on nothing else."""

from collections.abc import Callable

import httpx
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event
from s2sauth.testing import FakeCognito
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
    """And nothing else."""
    shown = repr(credentials.httpx_auth("https://api.example.com/v1"))
    assert "api.example.com" in shown


def test_configuration_errors_pass_through(make: Make, fake: FakeCognito, world: World) -> None:
    """Only TokenUnavailable is dressed as httpx's own error."""

    def broken() -> str:
        raise ConfigurationError("the vault is sealed")

    with pytest.raises(ConfigurationError, match="sealed"):
        world.send(make(client_secret=broken).httpx_auth(fake.api_url), f"{fake.api_url}/files")
