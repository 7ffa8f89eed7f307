"""Where a secret may come from."""

import copy
import pickle

import pytest

from s2sauth import ConfigurationError
from s2sauth._core.values import Secret
from s2sauth.secret_sources import EnvironmentSecret, HasSecretValue, read_secrets


class Hidden:
    """As pydantic's SecretStr."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


@pytest.mark.parametrize(
    "given",
    [
        "abc",
        Hidden("abc"),
        lambda: "abc",
        lambda: Hidden("abc"),
        lambda: ["abc"],
        lambda: ("abc", "abc"),
        lambda: [Hidden("abc")],
    ],
    ids=["string", "object", "callable", "callable-object", "list", "repeated", "list-object"],
)
def test_every_form_is_read(given: object) -> None:
    """One secret, without repeats."""
    assert read_secrets(given) == ([Secret("abc")], False)  # type: ignore[arg-type]  # the forms of the table


def test_several_keep_their_order() -> None:
    """In which they are tried."""
    secrets, _ = read_secrets(lambda: ["b", "a", "b", "c"])
    assert [secret.reveal() for secret in secrets] == ["b", "a", "c"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_newline_is_cut_and_said(ending: str) -> None:
    """The caller warns."""
    assert read_secrets(lambda: ["abc" + ending, "def"]) == ([Secret("abc"), Secret("def")], True)


@pytest.mark.parametrize("given", [[], ()])
def test_empty_list_is_an_error(given: object) -> None:
    """No secret is none."""
    with pytest.raises(ConfigurationError, match="client_secret: the source gave an empty list"):
        read_secrets(lambda: given)  # type: ignore[arg-type, return-value]  # that is the test


@pytest.mark.parametrize("given", ["", "a b", "abc\n\n", 7, None, b"abc", {"a": "b"}, ["abc", ""], Hidden("")])
def test_wrong_form_is_an_error_without_the_value(given: object) -> None:
    """It names the field."""
    with pytest.raises(ConfigurationError, match="client_secret") as caught:
        read_secrets(lambda: given)  # type: ignore[arg-type, return-value]  # that is the test
    assert "abc" not in str(caught.value)


def test_what_the_source_raises_comes_through() -> None:
    """The renewal decides what it means."""
    with pytest.raises(ZeroDivisionError):
        read_secrets(lambda: str(1 / 0))


def test_protocol_is_checked_at_run_time() -> None:
    """pydantic is not imported to know its SecretStr."""
    assert isinstance(Hidden("a"), HasSecretValue)
    assert not isinstance("a", HasSecretValue)


def test_environment_secret_reads_the_first_that_is_set() -> None:
    """Each time anew; empty is unset."""
    environ = {"A": "", "B": "one"}
    source = EnvironmentSecret(("A", "B"), environ)
    assert source() == "one"
    environ["B"] = "two"
    assert source() == "two"
    environ["A"] = "three"
    assert source() == "three"


def test_environment_secret_that_vanished_is_an_error() -> None:
    """It was there when the object was built; the message names the variables."""
    with pytest.raises(ConfigurationError, match="client_secret: set A or B"):
        EnvironmentSecret(("A", "B"), {})()


def test_environment_secret_shows_no_value_and_is_not_pickled_or_copied() -> None:
    """Whatever looks into the object: it would take the whole environment along."""
    secret = EnvironmentSecret(("A",), {"A": "hunter2"})
    text = repr(vars(secret)) + repr([getattr(secret, name) for name in dir(secret)])
    assert "hunter2" not in text
    for taking in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="in each process"):
            taking(secret)


def test_environment_secrets_repr_names_variables_only() -> None:
    """Never a value."""
    assert repr(EnvironmentSecret(("A", "B"), {"A": "hunter2"})) == "EnvironmentSecret(A, B)"
