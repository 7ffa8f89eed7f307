"""The ids and scopes that Cognito can have."""

import pytest

from s2sauth._core.cognito_names import USER_SCOPES, is_cognito, wrong_client_id, wrong_scopes
from tests.support.labels import plainly


@pytest.mark.parametrize(
    ("url", "said", "expected"),
    [
        ("https://auth.example.com/oauth2/token", True, True),
        ("https://auth.example.com/oauth2/token", False, False),
        ("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", False, True),
        ("https://demo.auth-fips.us-gov-west-1.amazoncognito.com:443/oauth2/token", False, True),
        ("https://amazoncognito.com.example.com/oauth2/token", False, False),
        ("https://notamazoncognito.com/oauth2/token", False, False),
        ("http://127.0.0.1:4566/oauth2/token", True, False),
        ("http://[::1]:4566/oauth2/token", True, False),
        ("http://localhost:4566/", True, False),
        ("", True, True),
        ("", False, False),
    ],
)
def test_cognito_is_known_by_its_host_or_by_an_argument(url: str, said: bool, expected: bool) -> None:
    """Never on loopback, where fakes are."""
    assert is_cognito(url, said=said) is expected


@pytest.mark.parametrize("client_id", ["1h57kf5cpq17m0eml12EXAMPLE", "a", "a_b+c", "a" * 128])
def test_an_id_of_cognito_passes(client_id: str) -> None:
    """Letters, digits, _ and +, up to 128 (API reference, ClientIdType)."""
    assert wrong_client_id(client_id) is None


@pytest.mark.parametrize("client_id", ["files-caller", "a.b", "a:b", "é", "a\n", "tenant/${ENV}"], ids=plainly)
def test_an_id_with_another_character_is_refused(client_id: str) -> None:
    """The text names what Cognito's ids have, and what to give for another server."""
    wrong = wrong_client_id(client_id) or ""
    assert wrong.startswith("contains a character that no id of Cognito has, which are letters, digits, _ and +")
    assert "give token_url" in wrong
    assert client_id not in wrong


def test_a_longer_id_is_refused() -> None:
    """By its length."""
    assert wrong_client_id("a" * 129) == "is longer than the 128 characters that an id of Cognito may have"


@pytest.mark.fault(204)
@pytest.mark.parametrize(
    "scope",
    [
        "demo/read,demo/write",
        "demo/read;demo/write",
        "demo/read,",
        ";demo/read",
        "https://a.example/read,https://a.example/write",
        "demo/read,https://a.example/write",
        "openid,email",
        "openid,demo/read",
    ],
)
def test_scopes_in_a_list_of_commas_are_refused(scope: str) -> None:
    """Each part is a scope by itself, so this is none of a resource server."""
    assert wrong_scopes([scope]) == "are separated by commas or semicolons: put spaces between them instead"


@pytest.mark.parametrize("scope", ["demo/read,write", "a,b/read", "https://a.example/x,y/read", "demo/read", ",", "a"])
def test_a_scope_that_may_be_one_passes(scope: str) -> None:
    """Cognito allows commas in the identifier and in the name."""
    assert wrong_scopes([scope]) is None


@pytest.mark.parametrize("scope", sorted(USER_SCOPES))
def test_a_scope_of_signed_in_users_is_refused_by_name(scope: str) -> None:
    """Beside right ones too."""
    wrong = wrong_scopes(["demo/read", scope]) or ""
    assert wrong.startswith(f"contain {scope}, which belong to signed-in users: client_credentials cannot have them.")
    assert "web login" in wrong
    assert "demo/read.file" in wrong
