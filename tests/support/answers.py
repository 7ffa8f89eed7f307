"""Answers of a token endpoint, and what must come of the bad ones."""

import base64
import json
from typing import Any

import pytest

from s2sauth import AccessToken, CognitoClientCredentials, S2SAuthError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

TOKEN = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


def with_(**changes: object) -> dict[str, object]:
    """A good answer, changed."""
    return {**TOKEN, **changes}


def without(name: str) -> dict[str, object]:
    """A good answer, one member short."""
    return {key: value for key, value in TOKEN.items() if key != name}


def jwt(**claims: object) -> str:
    """A token whose payload holds these claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"


def claims(token: str) -> dict[str, Any]:
    """What the payload of this token holds."""
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, kind: type[S2SAuthError], world: World | None = None
) -> S2SAuthError:
    """The error of this class; nothing was cached, and after the endpoint's recovery a good token comes."""
    with pytest.raises(S2SAuthError) as caught:
        world.get(credentials) if world else credentials.get_token()
    assert type(caught.value) is kind
    state = credentials.state()
    assert (state.expires_in, state.tokens_billed) == (None, 0)
    fake.recover()
    clock = credentials._engine.clock
    assert isinstance(clock, ManualClock)
    clock.advance(61)
    assert credentials.get_token().expires_in == 3600
    return caught.value


def accepted(credentials: CognitoClientCredentials) -> AccessToken:
    """The token, which is cached."""
    token = credentials.get_token()
    assert credentials.get_token() is token
    return token
