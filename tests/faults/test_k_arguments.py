"""Group K of the catalogue: every argument wrong in every way is one error at construction, and nothing is sent."""

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, RenewalPolicy
from s2sauth.testing import FakeCognito, ManualClock

RIGHT: dict[str, Any] = {
    "domain": "auth.example.com",
    "client_id": "1h57kf5cpq17m0eml12EXAMPLE",
    "client_secret": "c2VjcmV0LWV4YW1wbGUtdmFsdWUtb2YtNTItY2hhcmFjdGVycw",
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


@pytest.fixture(autouse=True)
def _nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No socket is made, whatever the arguments."""
    import socket

    made: list[object] = []
    monkeypatch.setattr(socket, "socket", lambda *arguments, **named: made.append(arguments))
    yield
    assert made == []


URL = "https://auth.example.com/oauth2/token"
DOMAINS = {
    "auth.example.com": URL,
    "https://auth.example.com": URL,
    "https://auth.example.com/": URL,
    "auth.example.com/": URL,
    "https://auth.example.com/oauth2/token": URL,
    "AUTH.Example.COM": URL,
    "HTTPS://auth.example.com": URL,
    "https://auth.example.com:443": URL,
    "auth.example.com:8443": "https://auth.example.com:8443/oauth2/token",
    "demo.auth.eu-central-1.amazoncognito.com": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
    "http://localhost:9229": "http://localhost:9229/oauth2/token",
    "http://127.0.0.1:9229/": "http://127.0.0.1:9229/oauth2/token",
    "http://[::1]:9229": "http://[::1]:9229/oauth2/token",
}


@pytest.mark.parametrize(("domain", "url"), DOMAINS.items(), ids=DOMAINS)
def test_147_domain_is_normalised(domain: str, url: str) -> None:
    """Each of these forms is meant well."""
    assert f"at {url}," in repr(build(domain=domain))


WRONG_DOMAINS: list[object] = [
    "", " ", "demo", "a b.example.com", " auth.example.com", "auth.example.com ", "auth.example.com\n", "http://auth.example.com",
    "ftp://auth.example.com", "https://", "https:///oauth2/token", "https://auth.example.com/login", "https://auth.example.com/oauth2",
    "https://auth.example.com?a=b", "https://auth.example.com#x", "https://user:hunter2@auth.example.com", "user@auth.example.com",
    "auth.example.com:99999", "auth.example.com:0", "auth.example.com:x", "auth..example.com", "-auth.example.com", "eu-central-1_Ab3dEf9hI",
    "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab3dEf9hI", "cognito-idp.eu-central-1.amazonaws.com",
    "999.1.1.1", "auth\\example.com", "auth.example.com\0", *NOT_TEXT,
]  # fmt: skip


@pytest.mark.parametrize("domain", WRONG_DOMAINS, ids=repr)
def test_147_wrong_domain(domain: object) -> None:
    """The field and the form, never a password."""
    message = mistake(domain=domain)
    assert message.startswith("domain: ")
    assert "demo.auth.eu-central-1.amazoncognito.com" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "changes", [{"domain": None}, {"token_url": URL}, {"domain": None, "token_url": None}], ids=repr
)
def test_147_neither_or_both(changes: dict[str, object]) -> None:
    """Exactly one of domain and token_url."""
    message = mistake(**changes)
    assert message.startswith("domain or token_url: ")
    assert "domain:" in message
    assert "token_url:" in message


WRONG_URLS: list[object] = [
    "", "auth.example.com", "auth.example.com/oauth2/token", "https://auth.example.com", "http://auth.example.com/oauth2/token",
    "https://user:hunter2@auth.example.com/x", "https://auth.example.com/x#y", "https://auth.example.com/a b", "https:///x",
    "https://auth.example.com/x?client_secret=hunter2", "https://auth.example.com/x?client_id=", "https://auth.example.com/tök",
    "ftp://auth.example.com/x", "https://auth.example.com:0/x", *NOT_TEXT,
]  # fmt: skip


@pytest.mark.parametrize("url", WRONG_URLS, ids=repr)
def test_147_wrong_token_url(url: object) -> None:
    """The same https rule; its query is kept, unless it holds credentials."""
    message = mistake(domain=None, token_url=url)
    assert message.startswith("token_url: ")
    assert "use the whole https URL" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url", ["https://proxy.example.com/oauth2/token?a=b&c=", "https://proxy.example.com/t?", "http://127.0.0.1:8080/t"]
)
def test_147_token_url_is_kept(url: str) -> None:
    """Query and all."""
    assert f"at {url}," in repr(build(domain=None, token_url=url))


REGIONS = {
    "eu-central-1": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
    "mx-central-1": "https://demo.auth.mx-central-1.amazoncognito.com/oauth2/token",
    "xx-nowhere-9": "https://demo.auth.xx-nowhere-9.amazoncognito.com/oauth2/token",
    "us-gov-west-1": "https://demo.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token",
}


@pytest.mark.parametrize(("region", "url"), REGIONS.items(), ids=REGIONS)
def test_148_bare_prefix_with_region(region: str, url: str) -> None:
    """Syntax only, since AWS adds Regions."""
    assert f"at {url}," in repr(build(domain="demo", region=region))


@pytest.mark.parametrize(
    "region",
    [
        "",
        "eu-central",
        "eu_central_1",
        "EU-CENTRAL-1",
        "eu-central-1a",
        "Frankfurt",
        " eu-central-1",
        "eu-central-1\n",
        *NOT_TEXT,
    ],
    ids=repr,
)
def test_148_wrong_region(region: object) -> None:
    """The field and the form."""
    message = mistake(domain="demo", region=region)
    assert "region: " in message
    assert "eu-central-1" in message


def test_148_region_that_contradicts_the_domain() -> None:
    """The one case where a typo shows."""
    domain = "demo.auth.eu-central-1.amazoncognito.com"
    assert "another Region" in mistake(domain=domain, region="eu-wset-1")
    build(domain=domain, region="eu-central-1")


@pytest.mark.parametrize("region", ["cn-north-1", "eusc-de-east-1"])
def test_148_partition_whose_domains_are_not_known(region: str) -> None:
    """Give the host instead of a guess."""
    assert "give the host" in mistake(domain="demo", region=region)
    build(domain="demo.auth.cn-north-1.example.cn")


@pytest.mark.parametrize(
    "scopes", [None, "a", "a b", ["a", "b", "a"], ("b",), {"a"}, "demo/read.file https://x/y"], ids=repr
)
def test_149_right_scopes(scopes: object) -> None:
    """A string is split once; order and repeats do not matter."""
    build(scopes=scopes)


@pytest.mark.parametrize(
    "scopes",
    ["", " ", [], (), set(), ["a b"], [""], "a\tb", "a\nb", 'a"b', "a\\b", "ä", [None], [7], 7, True, b"a", object()],
    ids=repr,
)
def test_149_wrong_scopes(scopes: object) -> None:
    """Empty is no way to say all."""
    message = mistake(scopes=scopes)
    assert message.startswith("scopes: ")
    assert "demo/read.file" in message


def test_149_ten_thousand_scopes() -> None:
    """Cognito has limits, we have none."""
    build(scopes=[f"s/{number}" for number in range(10_000)])


@pytest.mark.parametrize("field", ["renew_at", "expiry_margin", "deadline", "attempts", "forced_renewal_every"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**9, True, timedelta(seconds=1), "1", None], ids=repr)
def test_150_wrong_margins(field: str, value: object) -> None:
    """Validated at construction of the policy."""
    with pytest.raises(ConfigurationError, match=f"RenewalPolicy: {field}: .*e.g."):
        RenewalPolicy(**{field: value})  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("policy", [None, 7, {"deadline": 5}, RenewalPolicy, "default"], ids=repr)
def test_150_wrong_policy(policy: object) -> None:
    """No dictionary, no class."""
    assert mistake(policy=policy).startswith("policy: is of type ")


@pytest.mark.parametrize("client_id", ["", " ", "a b", "a\n", "ä", "\0", None, *NOT_TEXT], ids=repr)
def test_151_wrong_client_id(client_id: object) -> None:
    """The field and the form."""
    message = mistake(client_id=client_id)
    assert message.startswith("client_id: ")
    assert "use the app client's id" in message


def test_151_colon_in_client_id() -> None:
    """Basic authentication cannot carry it; the body can."""
    assert 'auth_method="client_secret_post"' in mistake(client_id="a:b", auth_method="client_secret_basic")
    build(client_id="a:b")
    build(client_id="a:b", auth_method="client_secret_post")


SECRETS: dict[str, object] = {
    "missing": None, "empty": "", "newline": "\n", "blank": "a b", "leading": " abc", "trailing": "abc ", "tab": "abc\t", "NUL": "a\0bc",
    "BOM": "\ufeffabc", "double quotes": '"abc"', "single quotes": "'abc'", "JSON": '{"password":"abc"}', "non-ASCII": "äbc",
    "25 kB": "abc" * 9_000, "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:abc", "two newlines": "abc\n\n",
    "bytes": b"abc", "int": 7, "list": ["abc"], "dict": {"secret": "abc"}, "client id": RIGHT["client_id"],
}  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_151_wrong_secret(secret: object) -> None:
    """The field and what is wrong, never a character of it."""
    message = mistake(client_secret=secret)
    assert message.startswith("client_secret: ")
    assert "use the app client's secret" in message
    assert "abc" not in message


@pytest.mark.parametrize(
    "method", ["", "basic", "POST", "client_secret_jwt", "none", None, 7, True, ["auto"]], ids=repr
)
def test_151_wrong_auth_method(method: object) -> None:
    """The three that there are."""
    message = mistake(auth_method=method)
    assert message.startswith("auth_method: ")
    for right in ("auto", "client_secret_basic", "client_secret_post"):
        assert right in message


@pytest.mark.parametrize(
    "metadata", [{}, {"a": 1}, {1: "a"}, {"a": None}, {"a": ["b"]}, "a", '{"a":"b"}', [("a", "b")], 7, True], ids=repr
)
def test_152_wrong_client_metadata(metadata: object) -> None:
    """Strings to strings; its values are not repeated."""
    message = mistake(client_metadata=metadata)
    assert message.startswith("client_metadata: ")
    assert '{"environment": "dev"}' in message


def test_152_right_client_metadata() -> None:
    """Any mapping."""
    build(client_metadata=MappingProxyType({"a": "b"}))


@pytest.mark.parametrize("strict", [None, 0, 1, "yes", []], ids=repr)
def test_155_wrong_strict(strict: object) -> None:
    """True or False."""
    assert mistake(strict=strict).startswith("strict: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("http_client", 7), ("http_client", "x"), ("on_event", []), ("on_event", "print"), ("clock", 7), ("clock", "now")],
    ids=repr,
)
def test_155_wrong_callables(field: str, value: object) -> None:
    """The field and the form."""
    message = mistake(**{field: value})
    assert message.startswith(f"{field}: ")
    assert "use " in message


def test_155_unknown_keyword_and_positional_misuse() -> None:
    """Python's own TypeError; api, min_ttl and store are not there yet."""
    for unknown in ("api", "store", "min_ttl", "secret", "scope"):
        with pytest.raises(TypeError, match=unknown):
            build(**{unknown: "x"})
    with pytest.raises(TypeError, match="positional"):
        CognitoClientCredentials("auth.example.com")  # type: ignore[misc, call-arg]  # that is the test
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
