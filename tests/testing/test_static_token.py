"""StaticToken: always the same token."""

import asyncio

import pytest

from s2sauth._core.errors import ConfigurationError
from s2sauth.testing import StaticToken


def test_every_way_of_asking_gives_the_same_token():
    """Whatever timeout or rejected token is passed."""
    static = StaticToken("abc", scopes="b a")
    token = static.get_token()
    assert (token.access_token, token.scopes) == ("abc", ("a", "b"))
    assert token.remaining() > 86_400
    assert static.get_token(timeout=0, rejected=token) is token
    assert asyncio.run(static.aget_token(timeout=0, rejected=token)) is token
    assert static.auth_headers() == {"Authorization": "Bearer abc"}


def test_invalidating_is_noted_and_changes_nothing():
    """The test can see that its subject rejected the token."""
    static = StaticToken()
    token = static.get_token()
    static.invalidate(token)
    static.invalidate(token.access_token)
    assert static.invalidated == [token, "static-token"]
    assert static.get_token() is token
    assert token.scopes is None


def test_repr_never_shows_the_value():
    """Even a made-up token stays out of logs."""
    assert "abcdef" not in repr(StaticToken("abcdef"))


def test_scopes_of_a_wrong_form_are_a_configuration_error():
    """The same check as for credentials."""
    with pytest.raises(ConfigurationError, match="scopes"):
        StaticToken(scopes=[])
