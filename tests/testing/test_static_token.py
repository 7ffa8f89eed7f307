"""StaticToken: always the same token."""

import asyncio
import copy
import pickle

import httpx
import pytest

from s2sauth import ConfigurationError
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
    """Even a made-up token stays out of logs. It ends with what to use instead."""
    shown = (
        '<StaticToken: value hidden; use static_token.httpx_auth("https://api.example.com"), '
        'static_token.httpx2_auth("https://api.example.com"), or static_token.get_token().authorization>'
    )
    assert repr(StaticToken("abcdef")) == str(StaticToken("abcdef")) == shown


@pytest.mark.parametrize("ask", [pickle.dumps, copy.deepcopy, StaticToken.__getstate__])
def test_it_cannot_be_pickled(ask):
    """As its token cannot, whose value is not in the text."""
    with pytest.raises(TypeError, match=r"^AccessToken cannot be pickled or copied: ") as caught:
        ask(StaticToken("abcdef"))
    assert "abcdef" not in str(caught.value)


def test_a_shallow_copy_has_the_same_token():
    """A copy of an object that has it as an attribute needs one."""
    static = StaticToken("abcdef")
    assert copy.copy(static).get_token() is static.get_token()


def test_formatting_it_is_an_error_that_says_what_to_use():
    """As with the token itself: an f-string with it is a header without a token."""
    with pytest.raises(
        TypeError, match=r"^StaticToken cannot be formatted, .* static_token\.get_token\(\)\.auth"
    ) as caught:
        f"Bearer {StaticToken('abcdef')}"  # that is the test
    assert "abcdef" not in str(caught.value)


def test_scopes_of_a_wrong_form_are_a_configuration_error():
    """The same check as for credentials."""
    with pytest.raises(ConfigurationError, match="scopes"):
        StaticToken(scopes=[])


def test_the_hook_sends_it_and_asks_for_no_other() -> None:
    """A client with its hook sends the token to the listed origin, and a 401 stays a 401."""
    token = StaticToken("anything")
    answers = httpx.MockTransport(lambda request: httpx.Response(401, text=request.headers["authorization"]))
    with httpx.Client(transport=answers, auth=token.httpx_auth("https://api.example.com")) as client:
        answer = client.get("https://api.example.com/files")
    assert (answer.status_code, answer.text, len(answer.history)) == (401, "Bearer anything", 0)
