"""An authorization server that is not Cognito: OpenID-certified, strict about RFC 6749, over TLS with a private CA."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from parts.oidc_provider import OidcProvider
from s2sauth import (
    CognitoClientCredentials,
    Event,
    Freshness,
    InvalidClient,
    InvalidScope,
    RenewalPolicy,
    TokenUnavailable,
)
from tests.support.settled import eventually, settled

PLAIN = "a-plain-secret-of-24-characters"
SECRET = "a+secret/with=what%20form&encoding?changes~0123456789"
Make = Callable[..., CognitoClientCredentials]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """Nobody else trusts it."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """The server, for the tests of this file. Starting it takes a second, and its installation the first time."""
    folder = tmp_path_factory.mktemp("tls")
    issued = ca.issue_cert("localhost")
    paths: dict[str, Path] = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    ca.cert_pem.write_to_path(str(paths["ca"]))
    issued.private_key_pem.write_to_path(str(paths["key"]))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(paths["cert"]), append=True)
    with OidcProvider(
        paths["ca"], paths["cert"], paths["key"], by_header=PLAIN, by_body=SECRET, expires_in=8
    ) as running:
        yield running


@pytest.fixture
def make(server: OidcProvider, ca: trustme.CA) -> Iterator[Make]:
    """Builds credentials that trust the private CA."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    made: list[CognitoClientCredentials] = []

    def build(**arguments: Any) -> CognitoClientCredentials:
        usual: dict[str, Any] = {
            "token_url": server.token_url,
            "client_id": "by-body",
            "client_secret": SECRET,
            "scopes": "files.read",
            "http_client": lambda: httpx.Client(verify=context, trust_env=False),
        }
        made.append(CognitoClientCredentials(**{**usual, **arguments}))
        return made[-1]

    yield build
    for credentials in made:
        credentials.close()


@pytest.mark.parametrize(
    ("client_id", "secret", "auth_method"),
    [
        ("by-header", PLAIN, "client_secret_basic"),
        ("by-header", PLAIN, "auto"),
        ("by-body", SECRET, "client_secret_post"),
        ("by-body", SECRET, "auto"),
    ],
)
def test_a_token_by_each_way_of_authentication(make: Make, client_id: str, secret: str, auth_method: str) -> None:
    """Scopes and life are read from the JWT, and nothing of Cognito's is missed.

    A secret that form-encoding changes goes into the body by itself: RFC 6749 2.3.1 and AWS disagree on it in a header.
    """
    credentials = make(client_id=client_id, client_secret=secret, auth_method=auth_method)
    token = credentials.get_token()

    assert token.scopes == ("files.read",)
    assert token.expires_in == 8
    assert credentials.get_token() is token


def test_all_scopes_are_asked_for_one_by_one(make: Make) -> None:
    """A server that grants none without being asked gives a token without scopes; two views have two tokens."""
    credentials = make(scopes="files.write files.read")

    assert credentials.get_token().scopes == ("files.read", "files.write")
    assert credentials.with_scopes("files.write").get_token().scopes == ("files.write",)


def test_refusals_have_their_names(make: Make) -> None:
    """By RFC 6749's codes, at the status that RFC 6749 says: 401, where Cognito says 400."""
    with pytest.raises(InvalidClient) as refused:
        make(client_secret="another-secret-of-24-characters").get_token()
    assert refused.value.status == 401


def test_fewer_scopes_than_asked_for_are_noticed(make: Make) -> None:
    """This server leaves out what it does not know, as Cognito does: an event, and an error with `strict`."""
    events: list[Event] = []
    make(scopes="files.read files.nothing", on_event=events.append).get_token()
    assert "scope_narrowed" in [event.name for event in events]

    with pytest.raises(InvalidScope, match=r"the token lacks files\.nothing"):
        make(scopes="files.read files.nothing", strict=True).get_token()


def test_a_certificate_that_nobody_trusts_is_no_matter_of_another_try(make: Make) -> None:
    """The message says whom to trust."""
    with pytest.raises(TokenUnavailable, match="certificate"):
        make(http_client=None).get_token()


def test_a_token_is_renewed_ahead_of_time(make: Make) -> None:
    """In the last part of its 8 s, without anybody waiting. Takes 4 to 5 s: the server's own clock is real."""
    events: list[Event] = []
    credentials = make(policy=RenewalPolicy(renew_at=0.3), on_event=events.append)
    first = credentials.get_token()
    eventually(lambda: credentials.state().freshness is Freshness.STALE)
    assert credentials.get_token() is first
    settled(credentials)

    assert credentials.get_token().access_token != first.access_token
    assert [event.name for event in events if event.name == "renewed"] == ["renewed"] * 2


def test_strict_asks_for_nothing_that_only_cognito_has(make: Make) -> None:
    """`client_id` and `scope` stand in this server's tokens as in Cognito's."""
    assert make(strict=True).get_token()
