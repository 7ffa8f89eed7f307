"""What the show does that its usual course does not show."""

import httpx

from s2sauth import CognitoClientCredentials
from s2sauth.local._show import _Load
from s2sauth.local._timeline import Timeline
from s2sauth.testing import FakeCognito


def test_call_without_a_token_is_one_that_fell_short() -> None:
    """It is noted, and the show goes on."""
    timeline = Timeline(10.0)
    with (
        FakeCognito() as cognito,
        CognitoClientCredentials.from_env(environ=cognito.environ) as credentials,
        httpx.Client(base_url=cognito.api_url, auth=credentials.httpx_auth(cognito.api_url)) as client,
    ):
        load = _Load(client, cognito, timeline)
        load.begin()
        assert load.go_on([(0.0, lambda: cognito.fail(400))], until=0.03).startswith("0 of 2 calls answered 200")
    assert not load.all_served
    assert [one.good for one in timeline.calls] == [False, False]
    assert any(not one.good for one in timeline.renewals)
