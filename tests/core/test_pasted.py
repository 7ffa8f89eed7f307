"""Values in quotes, and placeholders that nothing replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.pasted import PLACEHOLDER, QUOTED, is_placeholder, is_quoted, wrong_with, wrong_with_address
from tests.support.labels import plainly

QUOTES = ['"x"', "'x'", "`x`", "“x”", "‘x’", "„x“", "«x»", "''", "\"'x'\"", " 'x'\n"]
PLACEHOLDERS = [
    "$NAME",
    "$$NAME",
    "${NAME}",
    "${NAME:-x}",
    "${NAME:?is not set}",
    "$(NAME)",
    "${{ secrets.NAME }}",
    "$env:NAME",
    "%NAME%",
    "%(NAME)s",
    "%{NAME}",
    "{{ name }}",
    "{{resolve:secretsmanager:name}}",
    "{% name %}",
    "{name}",
    "#{NAME}#",
    "@NAME@",
    "<your-id>",
    "<client-id>",
    "<the id of the app client>",
    " ${NAME}\n",
]
VALUES = [
    "",
    "x",
    "'",
    '"',
    "'x",
    "x'",
    "it's",
    "'x' and more",
    "1h57kf5cpq17m0eml12EXAMPLE",
    "$",
    "${",
    "a$NAME",
    "50%",
    "%20",
    "<",
    "a<b>",
    "{11111111-2222-3333-4444-555555555555}",
    '{"a": "b"}',
    "https://example.com/t?scope={scope}",
    "name@example.com",
    "#1",
]


@pytest.mark.parametrize("value", QUOTES, ids=plainly)
def test_a_value_in_quotes_is_found(value: str) -> None:
    """Quotes of any kind, as shells, word processors and chats make them."""
    assert wrong_with(value) == wrong_with_address(value) == QUOTED
    assert is_quoted(value)


@pytest.mark.parametrize("value", PLACEHOLDERS, ids=plainly)
def test_a_placeholder_is_found(value: str) -> None:
    """Of shells, templates, pipelines and manuals."""
    assert wrong_with(value) == wrong_with_address(value) == PLACEHOLDER
    assert is_placeholder(value)


@pytest.mark.parametrize("value", VALUES, ids=plainly)
def test_every_other_value_passes(value: str) -> None:
    """Only a value that is wrong as a whole is one of these."""
    assert wrong_with(value) is None


@pytest.mark.parametrize(
    "value",
    ["https://${HOST}/oauth2/token", "{{ prefix }}.auth.example.com", "<prefix>.auth.example.com", "eu-${ZONE}-1"],
)
def test_an_address_has_a_placeholder_in_no_part(value: str) -> None:
    """No host, URL or Region can look like that."""
    assert wrong_with(value) is None
    assert wrong_with_address(value) == PLACEHOLDER


@pytest.mark.parametrize("value", ["https://example.com/t?scope={scope}", "https://example.com/a%20b%20"])
def test_an_address_may_be_percent_encoded_and_name_the_scopes(value: str) -> None:
    """That is what a token_url does."""
    assert wrong_with_address(value) is None


@given(st.text())
def test_no_text_raises(value: str) -> None:
    """And nothing that is found repeats it."""
    assert wrong_with(value) in (None, QUOTED, PLACEHOLDER)
