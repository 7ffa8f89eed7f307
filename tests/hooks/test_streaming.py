"""`client.stream()`: the final answer is unread, whether or not a 401 went before it."""

import asyncio

import httpx
import pytest
import trio

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito, ManualClock


@pytest.fixture
def url(fake: FakeCognito) -> str:
    """A route that needs the scope which the credentials ask for."""
    return f"{fake.api_url}/files"


@pytest.fixture
def auth(credentials: CognitoClientCredentials, url: str, clock: ManualClock, fake: FakeCognito) -> httpx.Auth:
    """The hook, with a token in hand that is old enough to be renewed by force, and revoked."""
    credentials.get_token()
    clock.advance(60)
    fake.revoke()
    return credentials.httpx_auth(url)


def test_stream_after_a_401_is_the_second_answer_unread(auth: httpx.Auth, url: str, fake: FakeCognito) -> None:
    """Blocking."""
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client, client.stream("GET", url) as response:
        assert response.status_code == 200
        assert not response.is_stream_consumed
        assert b"demo/read.file" in b"".join(response.iter_bytes())
    assert len(fake.api_requests) == 2


@pytest.mark.parametrize("run", [asyncio.run, lambda coroutine: trio.run(lambda: coroutine)], ids=["asyncio", "trio"])
def test_stream_after_a_401_is_the_second_answer_unread_for_tasks(
    auth: httpx.Auth, url: str, fake: FakeCognito, run: object
) -> None:
    """Awaiting."""

    async def main() -> None:
        async with httpx.AsyncClient(auth=auth, verify=False, trust_env=False) as client:
            async with client.stream("GET", url) as response:
                assert response.status_code == 200
                assert not response.is_stream_consumed
                assert b"demo/read.file" in b"".join([part async for part in response.aiter_bytes()])

    run(main())  # type: ignore[operator]  # either of the two
    assert len(fake.api_requests) == 2


def test_head_with_401_is_sent_again(auth: httpx.Auth, url: str, fake: FakeCognito) -> None:
    """A 401 without a body."""
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        assert client.head(url).status_code == 200
    assert len(fake.api_requests) == 2


def test_response_hook_that_raises_harms_nobody(auth: httpx.Auth, url: str, fake: FakeCognito) -> None:
    """`raise_for_status` in a response hook sees the 401 before us: its error is the caller's, the next call works."""

    def strict(response: httpx.Response) -> None:
        response.raise_for_status()

    hooks = {"response": [strict]}
    with httpx.Client(auth=auth, verify=False, trust_env=False, event_hooks=hooks) as client:
        with pytest.raises(httpx.HTTPStatusError):
            client.get(url)
    with httpx.Client(auth=auth, verify=False, trust_env=False) as client:
        assert client.get(url).status_code == 200
