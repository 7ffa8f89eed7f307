"""Names that were probably meant."""

import pytest

from s2sauth._core.environment import VARIABLES
from s2sauth._core.similar import argument, variable

IDS, SECRETS = VARIABLES["client_id"], VARIABLES["client_secret"]
PLACES = (*VARIABLES["domain"], *VARIABLES["token_url"])


@pytest.mark.parametrize(
    ("name", "wanted", "meant"),
    [
        ("COGNITO_CLIENTID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNITO_APP_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNITO_USER_POOL_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("COGNTIO_CLIENT_ID", IDS, "COGNITO_CLIENT_ID"),
        ("CLIENT_ID", IDS, "APP_CLIENT_ID"),
        ("app_client_id", IDS, "APP_CLIENT_ID"),
        ("COGNITO_SECRET", SECRETS, "COGNITO_CLIENT_SECRET"),
        ("CLIENT_SECRET", SECRETS, "APP_CLIENT_SECRET"),
        ("AWS_COGNITO_DOMAIN", PLACES, "COGNITO_DOMAIN"),
        ("DOMAIN", PLACES, "COGNITO_DOMAIN"),
        ("COGNITO_TOKENURL", PLACES, "COGNITO_TOKEN_URL"),
    ],
)
def test_a_variable_that_is_close_is_found(name: str, wanted: tuple[str, ...], meant: str) -> None:
    """With the one that it was meant to be."""
    assert variable(wanted, ["HOME", name, "PATH"], "") == (name, meant)


@pytest.mark.parametrize(
    "name",
    ["GOOGLE_CLIENT_ID", "AZURE_CLIENT_ID", "COGNITO_USER_POOL_ID", "AUTH0_CLIENT_ID", "HOME", "", "CLIENT_ID\x1b[2J"],
)
def test_a_variable_of_something_else_is_not(name: str) -> None:
    """And what is no name of a variable is not repeated."""
    assert variable(IDS, [name], "") is None


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("COGNITO_DOMAIN", "BILLING_"), ("BILLING_COGNITO_DOMAIN", "BILLING"), ("BILLING_DOMAIN", "BILLING_")],
)
def test_a_prefix_that_is_missing_or_half_written_is_seen(name: str, prefix: str) -> None:
    """The name is shown as it has to be."""
    assert variable([f"{prefix}COGNITO_DOMAIN"], [name], prefix) == (name, f"{prefix}COGNITO_DOMAIN")


@pytest.mark.parametrize(
    ("name", "meant"), [("scope", "scopes"), ("clientid", "client_id"), ("authmethod", "auth_method"), ("log", None)]
)
def test_an_argument_that_is_close_is_found(name: str, meant: str | None) -> None:
    """None where none is."""
    assert argument(name, ["client_id", "scopes", "auth_method", "strict"]) == meant
