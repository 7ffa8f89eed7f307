"""Where a secret may come from."""

import copy
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, secret_sources
from s2sauth.secret_sources import EnvironmentSecret, FileSecret, HasSecretValue, read_secrets
from s2sauth.secret_sources.base import prepare_source
from s2sauth.testing import FakeCognito


def read(source: Any, **named: Any) -> tuple[list[str], bool]:
    """What is read of it, revealed, and whether a line break was cut off."""
    secrets, cut = read_secrets(source, **named)
    return [secret.reveal() for secret in secrets], cut


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
    assert read(given) == (["abc"], False)


def test_several_keep_their_order() -> None:
    """In which they are tried."""
    assert read(lambda: ["b", "a", "b", "c"]) == (["b", "a", "c"], False)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_newline_is_cut_and_said(ending: str) -> None:
    """The caller warns."""
    assert read(lambda: ["abc" + ending, "def"]) == (["abc", "def"], True)


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


class Asked:
    """A source with all that one may have."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def prepare(self) -> None:
        self.log.append("prepare")

    def __call__(self) -> str:
        self.log.append("call")
        return "abc"

    def again(self) -> list[str]:
        self.log.append("again")
        return ["def", "ghi"]


def test_again_is_read_in_place_of_the_source_where_there_is_one() -> None:
    """After a refusal; a plain function is called once more."""
    source = Asked()
    assert read(source)[0] == ["abc"]
    assert read(source, again=True)[0] == ["def", "ghi"]
    assert source.log == ["call", "again"]
    assert read(lambda: "abc", again=True)[0] == ["abc"]
    assert read("abc", again=True)[0] == ["abc"]


def test_prepare_is_called_where_there_is_one() -> None:
    """A function needs none, and whatever a string or a pydantic secret has of that name is not ours."""
    source = Asked()
    prepare_source(source)
    assert source.log == ["prepare"]
    for other in ("abc", Hidden("abc"), lambda: "abc"):
        prepare_source(other)
    odd = Asked()
    odd.prepare = None  # type: ignore[assignment, method-assign]  # somebody's attribute of that name
    prepare_source(odd)


def test_the_engine_prepares_first_and_asks_again_after_a_refusal() -> None:
    """Before the first token request, on the caller's thread; `again` on the flight's."""
    threads: list[tuple[str, bool]] = []

    class Source(Asked):
        def prepare(self) -> None:
            threads.append(("prepare", threading.get_ident() == here))

        def __call__(self) -> str:
            threads.append(("call", threading.get_ident() == here))
            return "wrong"

        def again(self) -> list[str]:
            threads.append(("again", threading.get_ident() == here))
            return ["wrong", fake.client_secret]

    here = threading.get_ident()
    with FakeCognito() as fake:
        environ = {**fake.environ, "APP_CLIENT_SECRET": ""}
        with CognitoClientCredentials.from_env(environ=environ, client_secret=Source()) as credentials:
            assert threads == []
            credentials.get_token()
            credentials.with_scopes("demo/read.file").get_token()
    assert threads == [("prepare", True), ("call", False), ("again", False), ("call", False), ("again", False)]


def test_environment_secret_passes_everything_on_to_the_source_that_a_variable_names() -> None:
    """It only keeps the variables' names for messages."""
    source = Asked()
    secret = EnvironmentSecret((), {}, source=source)
    secret.prepare()
    assert (secret(), secret.again(), secret.at_construction()) == ("abc", ["def", "ghi"], source)
    assert source.log == ["prepare", "call", "again"]
    assert EnvironmentSecret((), {}, source=lambda: "abc").again() == "abc"
    assert repr(EnvironmentSecret((), {}, source=FileSecret("x"))) == "FileSecret('x')"


def test_environment_secret_of_a_value_is_read_again() -> None:
    """There is nothing to prepare, and no cache."""
    secret = EnvironmentSecret(("A",), {"A": "abc"})
    secret.prepare()
    assert (secret(), secret.again(), secret.at_construction()) == ("abc", "abc", "abc")


def test_sources_are_exported_and_imported_when_used() -> None:
    """Of each name its module alone."""
    for name in secret_sources.__all__:
        assert getattr(secret_sources, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Other'"):
        secret_sources.Other  # noqa: B018  # looking is the test


def test_importing_the_package_imports_no_source() -> None:
    """Nor boto3, with the names of all of them or with one that does not need it."""
    code = (
        "import sys, s2sauth, s2sauth.secret_sources as sources\n"
        "mine = {'s2sauth.secret_sources.' + name for name in ('aws', 'extension', 'file')} | {'s2sauth._boto'}\n"
        "assert not mine & set(sys.modules), mine & set(sys.modules)\n"
        "sources.SecretsManagerSecret('x'), sources.ParameterStoreSecret('x'), sources.FileSecret('x')\n"
        "assert not {'boto3', 'botocore', 'http.client'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
