"""Every other argument wrong in every way; one error, and nothing is sent."""

import math
from datetime import timedelta
from types import MappingProxyType

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy
from tests.support.arguments import NOT_TEXT, RIGHT, build, mistake, nothing_is_sent
from tests.support.labels import plainly

__all__ = ["nothing_is_sent"]

pytestmark = pytest.mark.usefixtures("nothing_is_sent")


@pytest.mark.fault(149)
@pytest.mark.parametrize(
    "scopes",
    [None, "a", "a b", ["a", "b", "a"], ["a b", "c"], ("b",), {"a"}, "demo/read.file https://x/y"],
    ids=plainly,
)
def test_right_scopes(scopes: object) -> None:
    """A string is split once; order and repeats do not matter."""
    build(scopes=scopes)


@pytest.mark.fault(149)
@pytest.mark.parametrize(
    "scopes",
    [
        "",
        " ",
        [],
        (),
        set(),
        ["a", " "],
        [""],
        "a\tb",
        "a\nb",
        'a"b',
        "a\\b",
        "ä",
        [None],
        [7],
        7,
        True,
        b"a",
        object(),
    ],
    ids=plainly,
)
def test_wrong_scopes(scopes: object) -> None:
    """Empty is no way to say all."""
    message = mistake(scopes=scopes)
    assert message.startswith("scopes: ")
    assert "demo/read.file" in message


@pytest.mark.fault(149)
def test_ten_thousand_scopes() -> None:
    """Cognito has limits, we have none."""
    build(scopes=[f"s/{number}" for number in range(10_000)])


@pytest.mark.fault(150)
@pytest.mark.parametrize("field", ["renew_at", "expiry_margin", "deadline", "attempts", "forced_renewal_every"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**9, True, timedelta(seconds=1), "1", None], ids=plainly)
def test_wrong_margins(field: str, value: object) -> None:
    """Validated at construction of the policy."""
    with pytest.raises(ConfigurationError, match=f"RenewalPolicy: {field}: .*e.g."):
        RenewalPolicy(**{field: value})  # type: ignore[arg-type]  # that is the test


@pytest.mark.fault(150)
@pytest.mark.parametrize("policy", [None, 7, {"deadline": 5}, RenewalPolicy, "default"], ids=plainly)
def test_wrong_policy(policy: object) -> None:
    """No dictionary, no class."""
    assert mistake(policy=policy).startswith("policy: is of type ")


@pytest.mark.fault(151)
@pytest.mark.parametrize("client_id", ["", " ", "a b", "a\n", "ä", "\0", None, *NOT_TEXT], ids=plainly)
def test_wrong_client_id(client_id: object) -> None:
    """The field and the form."""
    message = mistake(client_id=client_id)
    assert message.startswith("client_id: ")
    assert "use the app client's id" in message


@pytest.mark.fault(151)
def test_colon_in_client_id() -> None:
    """Basic authentication cannot carry it; the body can."""
    elsewhere = {"domain": None, "token_url": "https://auth.example.com/token", "client_id": "a:b"}
    raw = {"domain": "http://localhost:9229", "client_id": "a:b"}
    assert 'auth_method="client_secret_post"' in mistake(**raw, auth_method="client_secret_basic")
    build(**elsewhere, auth_method="client_secret_basic")  # form-encoded, where the server is not Cognito
    build(**elsewhere)
    build(**elsewhere, auth_method="client_secret_post")


SECRETS: dict[str, object] = {
    "missing": None,
    "empty": "",
    "newline": "\n",
    "blank": "a b",
    "leading": " abc",
    "trailing": "abc ",
    "tab": "abc\t",
    "NUL": "a\0bc",
    "BOM": "\ufeffabc",
    "double quotes": '"abc"',
    "single quotes": "'abc'",
    "JSON": '{"password":"abc"}',
    "non-ASCII": "äbc",
    "25 kB": "abc" * 9_000,
    "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:abc",
    "two newlines": "abc\n\n",
    "bytes": b"abc",
    "int": 7,
    "list": ["abc"],
    "dict": {"secret": "abc"},
    "client id": RIGHT["client_id"],
}


@pytest.mark.fault(151)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_wrong_secret(secret: object) -> None:
    """The field and what is wrong, never a character of it."""
    message = mistake(client_secret=secret)
    assert message.startswith("client_secret: ")
    assert "use the app client's secret" in message
    assert "abc" not in message


@pytest.mark.fault(151)
@pytest.mark.parametrize(
    "method", ["", "basic", "POST", "client_secret_jwt", "none", None, 7, True, ["auto"]], ids=plainly
)
def test_wrong_auth_method(method: object) -> None:
    """The three that there are."""
    message = mistake(auth_method=method)
    assert message.startswith("auth_method: ")
    for right in ("auto", "client_secret_basic", "client_secret_post"):
        assert right in message


@pytest.mark.fault(152)
@pytest.mark.parametrize(
    "metadata",
    [{}, {"a": 1}, {1: "a"}, {"a": None}, {"a": ["b"]}, "a", '{"a":"b"}', [("a", "b")], 7, True],
    ids=plainly,
)
def test_wrong_client_metadata(metadata: object) -> None:
    """Strings to strings; its values are not repeated."""
    message = mistake(client_metadata=metadata)
    assert message.startswith("client_metadata: ")
    assert '{"environment": "dev"}' in message


@pytest.mark.fault(152)
def test_right_client_metadata() -> None:
    """Any mapping."""
    build(client_metadata=MappingProxyType({"a": "b"}))


@pytest.mark.fault(155)
@pytest.mark.parametrize("strict", [None, 0, 1, "yes", []], ids=plainly)
def test_wrong_strict(strict: object) -> None:
    """True or False."""
    assert mistake(strict=strict).startswith("strict: ")


@pytest.mark.fault(155)
@pytest.mark.parametrize(
    ("field", "value"),
    [("http_client", 7), ("http_client", "x"), ("on_event", []), ("on_event", "print"), ("clock", 7), ("clock", "now")],
    ids=plainly,
)
def test_wrong_callables(field: str, value: object) -> None:
    """The field and the form."""
    message = mistake(**{field: value})
    assert message.startswith(f"{field}: ")
    assert "use " in message


@pytest.mark.fault(155)
def test_unknown_keyword_and_positional_misuse() -> None:
    """Python's own TypeError; `min_ttl` is an argument of `get_token()`."""
    for unknown in ("min_ttl", "secret", "scope"):
        with pytest.raises(TypeError, match=unknown):
            build(**{unknown: "x"})
    with pytest.raises(TypeError, match="positional"):
        CognitoClientCredentials("auth.example.com")  # type: ignore[call-arg]  # that is the test
    with pytest.raises(TypeError, match=r"client_id|client_secret"):
        CognitoClientCredentials(domain="auth.example.com")  # type: ignore[call-arg]  # that is the test


def test_all_mistakes_are_in_one_error() -> None:
    """A line for each."""
    message = mistake(
        domain="demo", client_id="", client_secret="", scopes=[], auth_method="x", strict=7, clock=7, policy=None
    )
    for field in ("domain", "client_id", "client_secret", "scopes", "auth_method", "strict", "clock", "policy"):
        assert f"{field}: " in message
    assert len(message.splitlines()) == 8


def test_mistake_is_a_value_error_too() -> None:
    """For those who catch that."""
    with pytest.raises(ValueError, match="domain"):
        build(domain="")
