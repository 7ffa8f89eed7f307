"""What lies where secrets are kept: a text, or a member of a JSON object."""

import pytest

from s2sauth._core.client_secret import stored_secret
from s2sauth._core.errors import ConfigurationError

SECRET = "0secret0of0the0app0client0"


@pytest.mark.parametrize(
    ("value", "key", "secret"),
    [
        (SECRET, None, SECRET),
        (f"{SECRET}\n", None, f"{SECRET}\n"),
        (f'{{"client_secret": "{SECRET}", "client_id": "abc"}}', "client_secret", SECRET),
        (f'{{"": "{SECRET}"}}', "", SECRET),
        (f'{{"ä": "{SECRET}"}}', "ä", SECRET),
    ],
)
def test_the_secret_as_it_lies_there(value: str, key: str | None, secret: str) -> None:
    """Its newline is cut by whoever uses it, who tells of it."""
    assert stored_secret(value, "file x", key) == secret


READ = "the key k is to be read, and this"


@pytest.mark.parametrize(
    ("value", "key", "wrong"),
    [
        (None, None, "client_secret in file x: is missing, not a string; use"),
        ("", None, "client_secret in file x: is empty; use"),
        ('{"k": "v"}', None, "client_secret in file x: is a JSON object: give the value of the key"),
        (SECRET, "k", f"client_secret in file x: {READ} is no JSON object"),
        (None, "k", f"client_secret in file x: {READ} is no JSON object"),
        (5, "k", f"client_secret in file x: {READ} is no JSON object"),
        ("[]", "k", f"client_secret in file x: {READ} is no JSON object"),
        ("\ud800", "k", f"client_secret in file x: {READ} is no JSON object"),
        ("{}", "k", f"client_secret in file x: {READ} is a JSON object without it"),
        (f'{{"K": "{SECRET}"}}', "k", f"client_secret in file x: {READ} is a JSON object without it"),
        ('{"k": 5}', "k", "client_secret in file x, key k: is of type int, not a string; use"),
        ('{"k": null}', "k", "client_secret in file x, key k: is missing, not a string; use"),
        (f'{{"k": "{SECRET} "}}', "k", "client_secret in file x, key k: holds white space; use"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(value: object, key: str | None, wrong: str) -> None:
    """And without a character of what lies there."""
    with pytest.raises(ConfigurationError) as caught:
        stored_secret(value, "file x", key)
    assert str(caught.value).startswith(wrong)
    assert SECRET not in str(caught.value)
