"""No token for a request: one failure, in the terms of both libraries, within the request's own time limits."""

import asyncio
import pickle
import time
from collections.abc import Callable

import httpx
import pytest
import trio

from s2sauth import CognitoClientCredentials, CredentialsClosed, InvalidClient, RenewalPolicy, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def test_unavailable_token_is_an_httpx_error_too(
    make: Make, fake: FakeCognito, world: World, clock: ManualClock
) -> None:
    """`except httpx.HTTPError` around a call catches it, and so does `except TokenUnavailable`."""
    clock.set_random(0.0)
    fake.fail(503, headers=[("Retry-After", "30")])
    with pytest.raises(TokenUnavailable) as caught:
        world.send(make().httpx_auth(fake.api_url), f"{fake.api_url}/files")
    assert isinstance(caught.value, httpx.TransportError)
    assert caught.value.retry_after == 30
    assert fake.api_requests == []


def test_its_request_is_the_callers_own(make: Make, fake: FakeCognito) -> None:
    """Not the token request, and not a copy with a header."""
    fake.refuse()
    auth = make(policy=RenewalPolicy(attempts=1)).httpx_auth(fake.api_url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        request = client.build_request("GET", f"{fake.api_url}/files")
        with pytest.raises(httpx.TransportError) as caught:
            client.send(request)
    assert caught.value.request is request
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("run", [asyncio.run, lambda coroutine: trio.run(lambda: coroutine)], ids=["asyncio", "trio"])
def test_its_request_is_the_callers_own_for_tasks(make: Make, fake: FakeCognito, run: Callable[..., object]) -> None:
    """The same, awaiting."""
    fake.refuse()
    auth = make(policy=RenewalPolicy(attempts=1)).httpx_auth(fake.api_url)

    async def main() -> None:
        async with httpx.AsyncClient(auth=auth, verify=False, trust_env=False) as client:
            request = client.build_request("GET", f"{fake.api_url}/files")
            with pytest.raises(httpx.TransportError) as caught:
                await client.send(request)
        assert caught.value.request is request

    run(main())


def test_it_travels_between_processes(make: Make, fake: FakeCognito) -> None:
    """Celery and multiprocessing pickle exceptions; the request stays behind."""
    fake.refuse()
    auth = make(policy=RenewalPolicy(attempts=1)).httpx_auth(fake.api_url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client, pytest.raises(TokenUnavailable) as caught:
        client.get(f"{fake.api_url}/files")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)
    assert again.__notes__ == caught.value.__notes__ == ["More: python -m s2sauth explain TokenUnavailable"]
    assert again.retry_after == caught.value.retry_after
    assert isinstance(again, httpx.TransportError)
    with pytest.raises(RuntimeError):
        again.request  # noqa: B018  # httpx's own answer for an error without one


def test_no_other_class_is_an_httpx_error(make: Make, fake: FakeCognito, world: World) -> None:
    """A wrong secret is no transport's fault."""
    with pytest.raises(InvalidClient) as caught:
        world.send(make(client_secret="wrong").httpx_auth(fake.api_url), f"{fake.api_url}/files")
    assert not isinstance(caught.value, httpx.HTTPError)


def test_wait_is_no_longer_than_connect_and_read_of_the_request(make: Make, fake: FakeCognito, world: World) -> None:
    """A request with `timeout=0.1` fails after 0.2 s, whatever the policy's deadline; the flight goes on."""
    fake.gate()
    credentials = make(clock=None)
    began = time.monotonic()
    with pytest.raises(TokenUnavailable):
        world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files", timeout=0.1)
    assert 0.15 < time.monotonic() - began < 4
    fake.release()
    credentials.get_token()
    assert fake.counts()["token_requests"] == 1


def test_wait_for_a_replacement_is_no_longer_either(make: Make, fake: FakeCognito, world: World) -> None:
    """After a 401 the same limit holds: the caller gets its 401 back in time."""
    credentials = make(clock=None, policy=RenewalPolicy(forced_renewal_every=0.0001))
    auth, url = credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files"
    assert world.send(auth, url).status_code == 200
    fake.revoke()
    fake.gate()
    began = time.monotonic()
    assert world.send(auth, url, timeout=0.1).status_code == 401
    assert 0.15 < time.monotonic() - began < 4
    assert fake.counts()["token_requests"] == 2


@pytest.mark.parametrize("limits", [{}, {"connect": 0.05}, {"read": 0.05}], ids=str)
def test_wait_of_a_request_without_limits_is_the_policys(
    make: Make, fake: FakeCognito, world: World, limits: dict[str, float]
) -> None:
    """There is no unlimited wait."""
    fake.gate()
    credentials = make(clock=None, policy=RenewalPolicy(deadline=0.3))
    timeout = httpx.Timeout(None, **limits)
    began = time.monotonic()
    with pytest.raises(TokenUnavailable):
        world.send(credentials.httpx_auth(fake.api_url), f"{fake.api_url}/files", timeout=timeout)
    assert 0.25 < time.monotonic() - began < 4


def test_request_without_the_extension_waits_as_the_policy_says(
    credentials: CognitoClientCredentials, fake: FakeCognito
) -> None:
    """Whoever drives the hook without a client has no limits of its own."""
    flow = credentials.httpx_auth(fake.api_url).sync_auth_flow(httpx.Request("GET", f"{fake.api_url}/files"))
    assert next(flow).headers["Authorization"] == credentials.get_token().authorization
    flow.close()


def test_closed_credentials_refuse_to_send(
    credentials: CognitoClientCredentials, fake: FakeCognito, world: World
) -> None:
    """Nothing is sent without a token."""
    auth = credentials.httpx_auth(fake.api_url)
    credentials.close()
    with pytest.raises(CredentialsClosed):
        world.send(auth, f"{fake.api_url}/files")
    assert fake.api_requests == []
