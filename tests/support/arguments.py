"""The constructor with one thing changed, and the mistake that it finds."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError
from tests.support.sentinel import MARK

RIGHT: dict[str, Any] = {
    "domain": "auth.example.com",
    "client_id": "1h57kf5cpq17m0eml12EXAMPLE",
    "client_secret": MARK + "LWV4YW1wbGUtdmFsdWUtb2YtNTItY2hhcmFjdGVycw",
}
NOT_TEXT: list[object] = [7, 1.5, True, b"auth.example.com", ["auth.example.com"], {"a": "b"}, object()]


def build(**changes: Any) -> CognitoClientCredentials:
    """Credentials with these arguments changed."""
    return CognitoClientCredentials(**{**RIGHT, **changes})


def mistake(**changes: Any) -> str:
    """The message of the error."""
    with pytest.raises(ConfigurationError) as caught:
        build(**changes)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.fixture
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No socket is made, whatever the arguments."""
    made: list[object] = []
    monkeypatch.setattr(socket, "socket", lambda *arguments, **named: made.append(arguments))
    yield
    assert made == []
