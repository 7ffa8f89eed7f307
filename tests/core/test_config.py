"""Arguments become settings in one canonical form, or one error that lists every mistake.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import json
import random
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from s2sauth import RenewalPolicy
from s2sauth._clock import SystemClock
from s2sauth._core.client_secret import literal_secret
from s2sauth._core.config import check_arguments, with_scopes, wrong_objects
from s2sauth._core.errors import ConfigurationError
from s2sauth._core.settings import Settings, key, key_id
from s2sauth._core.values import Secret
from s2sauth.testing import ManualClock, MemoryStore
from tests.support.labels import plainly

HIDDEN = "sUpErHiDdEn"
TOKEN_URL = "https://auth.example.com/oauth2/token"
ELSEWHERE = {"domain": None, "token_url": TOKEN_URL}
"""A server that is not known to be Cognito."""


def made(**given: Any) -> Settings:
    """Settings from good arguments, but for those given."""
    arguments: dict[str, Any] = {
        "domain": "auth.example.com",
        "region": None,
        "token_url": None,
        "client_id": "id",
        "scopes": None,
        "client_metadata": None,
        "auth_method": "auto",
        "strict": False,
    }
    return check_arguments(**{**arguments, **given})


def refused(**given: Any) -> str:
    """The text of the error for these arguments."""
    with pytest.raises(ConfigurationError) as caught:
        made(**given)
    assert isinstance(caught.value, ValueError)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_good_arguments_become_settings() -> None:
    """In their canonical form."""
    assert made(
        scopes="demo/write.file demo/read.file demo/read.file",
        client_metadata={"b": "2", "a": "ü"},
        auth_method="client_secret_post",
        strict=True,
    ) == Settings(
        token_url=TOKEN_URL,
        client_id="id",
        auth_method="client_secret_post",
        scopes=("demo/read.file", "demo/write.file"),
        client_metadata='{"a":"\\u00fc","b":"2"}',
        strict=True,
        cognito=True,
    )


@pytest.mark.parametrize(
    ("domain", "region", "url"),
    [
        pytest.param("auth.example.com", None, TOKEN_URL, id="host"),
        pytest.param("https://auth.example.com", None, TOKEN_URL, id="with https"),
        pytest.param("https://auth.example.com/", None, TOKEN_URL, id="trailing slash"),
        pytest.param("auth.example.com/", None, TOKEN_URL, id="trailing slash without https"),
        pytest.param("https://auth.example.com/oauth2/token", None, TOKEN_URL, id="full token URL"),
        pytest.param("auth.example.com/oauth2/token", None, TOKEN_URL, id="full token URL without https"),
        pytest.param("HTTPS://AUTH.Example.com", None, TOKEN_URL, id="upper case"),
        pytest.param("auth.example.com:443", None, TOKEN_URL, id="default port"),
        pytest.param("auth.example.com:8443", None, "https://auth.example.com:8443/oauth2/token", id="port"),
        pytest.param("auth.example.com", "eu-central-1", TOKEN_URL, id="custom domain with a region"),
        pytest.param("bücher.example", None, "https://xn--bcher-kva.example/oauth2/token", id="IDN"),
        pytest.param("localhost", None, "https://localhost/oauth2/token", id="localhost is no prefix"),
        pytest.param("localhost", "eu-central-1", "https://localhost/oauth2/token", id="localhost with a region"),
        pytest.param("http://localhost:4566", None, "http://localhost:4566/oauth2/token", id="http to localhost"),
        pytest.param("http://127.0.0.1:80", None, "http://127.0.0.1/oauth2/token", id="http to 127.0.0.1"),
        pytest.param("http://127.8.9.1:1", None, "http://127.8.9.1:1/oauth2/token", id="http to 127/8"),
        pytest.param("http://[::1]:1/", None, "http://[::1]:1/oauth2/token", id="http to ::1"),
        pytest.param(
            "demo", "eu-central-1", "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", id="bare prefix"
        ),
        pytest.param(
            "Demo-1",
            "ap-southeast-5",
            "https://demo-1.auth.ap-southeast-5.amazoncognito.com/oauth2/token",
            id="new Region",
        ),
        pytest.param(
            "demo",
            "eu-wset-1",
            "https://demo.auth.eu-wset-1.amazoncognito.com/oauth2/token",
            id="a Region is only syntax",
        ),
        pytest.param(
            "demo",
            "us-gov-west-1",
            "https://demo.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token",
            id="GovCloud prefix",
        ),
        pytest.param(
            "demo.auth.eu-central-1.amazoncognito.com",
            "eu-central-1",
            "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
            id="the same Region twice",
        ),
    ],
)
def test_a_domain_becomes_the_token_endpoint(domain: str, region: str | None, url: str) -> None:
    """Every form that people have at hand."""
    assert made(domain=domain, region=region).token_url == url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        pytest.param(TOKEN_URL, TOKEN_URL, id="https"),
        pytest.param("HTTPS://Proxy.Example.COM:443/Path", "https://proxy.example.com/Path", id="host in lower case"),
        pytest.param(
            "https://proxy.example.com/t?scope=a%20b&x=", "https://proxy.example.com/t?scope=a%20b&x=", id="query"
        ),
        pytest.param("https://proxy.example.com/t?", "https://proxy.example.com/t?", id="empty query"),
        pytest.param("https://proxy.example.com/", "https://proxy.example.com/", id="root"),
        pytest.param("http://[::1]:8080/t", "http://[::1]:8080/t", id="http to loopback"),
        pytest.param("https://10.1.2.3:8443/t", "https://10.1.2.3:8443/t", id="address"),
    ],
)
def test_a_token_url_keeps_path_and_query(given: str, url: str) -> None:
    """Scheme, host and port are normalised."""
    assert made(domain=None, token_url=given).token_url == url


ENDPOINTS = [
    pytest.param("domain", "", "no valid host", id="empty"),
    pytest.param("domain", " ", "white space", id="blank"),
    pytest.param("domain", "auth.example.com ", "white space", id="trailing blank"),
    pytest.param("domain", "auth.example.com\n", "white space", id="trailing newline"),
    pytest.param("domain", "\ufeffauth.example.com", "invisible", id="BOM"),
    pytest.param("domain", "demo", "needs region", id="bare prefix without region"),
    pytest.param("domain", "http://auth.example.com", "is http", id="http"),
    pytest.param("domain", "http://localhost.example.com", "is http", id="http to a host that begins like loopback"),
    pytest.param("domain", "ftp://auth.example.com", "needs https://", id="unknown scheme"),
    pytest.param("domain", "https:/auth.example.com", "no valid host", id="one slash"),
    pytest.param("domain", "https:auth.example.com", "no valid host", id="no slash"),
    pytest.param("domain", "https://", "no valid host", id="no host"),
    pytest.param("domain", "auth.example.com/oauth2/authorize", "holds a path", id="path"),
    pytest.param("domain", "auth.example.com/oauth2/token/", "holds a path", id="token path with a slash"),
    pytest.param("domain", "auth.example.com?x=1", "holds a query", id="query"),
    pytest.param("domain", "auth.example.com/?", "holds a query", id="empty query"),
    pytest.param("domain", "auth.example.com#x", "holds a fragment", id="fragment"),
    pytest.param("domain", "auth.example.com#", "holds a fragment", id="empty fragment"),
    pytest.param("domain", f"https://user:{HIDDEN}@auth.example.com", "user name or password", id="userinfo"),
    pytest.param("domain", f"user:{HIDDEN}@auth.example.com", "user name or password", id="userinfo without scheme"),
    pytest.param("domain", "auth.example.com:port", "no valid host", id="port that is no number"),
    pytest.param("domain", "auth..example.com", "no valid host", id="empty label"),
    pytest.param("domain", "eu-central-1_AbC123", "user pool's id", id="pool id"),
    pytest.param("domain", "us-gov-west-1_AbC123", "user pool's id", id="pool id in GovCloud"),
    pytest.param("domain", "https://eu-central-1_AbC123/", "user pool's id", id="pool id as a URL"),
    pytest.param(
        "domain", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC123", "issuer", id="issuer URL"
    ),
    pytest.param(
        "domain",
        "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
        "issuer",
        id="new issuer URL",
    ),
    pytest.param("domain", 5, "type int", id="int"),
    pytest.param("domain", b"auth.example.com", "type bytes", id="bytes"),
    pytest.param("token_url", "", "needs https://", id="empty token_url"),
    pytest.param("token_url", "auth.example.com/oauth2/token", "needs https://", id="token_url without scheme"),
    pytest.param("token_url", "http://auth.example.com/oauth2/token", "is http", id="http token_url"),
    pytest.param("token_url", "https://auth.example.com", "holds no path", id="token_url without path"),
    pytest.param("token_url", f"{TOKEN_URL}#x", "holds a fragment", id="token_url with a fragment"),
    pytest.param("token_url", f"https://u:{HIDDEN}@auth.example.com/t", "user name or password", id="userinfo in it"),
    pytest.param("token_url", f"{TOKEN_URL}?client_secret={HIDDEN}", "holds credentials", id="secret in the query"),
    pytest.param("token_url", f"{TOKEN_URL}?client_secret=", "holds credentials", id="empty secret in the query"),
    pytest.param(
        "token_url", f"{TOKEN_URL}?x=1&client%5Fid={HIDDEN}", "holds credentials", id="id in the query, encoded"
    ),
    pytest.param("token_url", "https://auth.example.com/tökens", "percent-encoded", id="path that is not ASCII"),
    pytest.param("token_url", f"{TOKEN_URL}?x=ö", "percent-encoded", id="query that is not ASCII"),
    pytest.param(
        "token_url", "https://cognito-idp.eu-central-1.amazonaws.com/x/oauth2/token", "issuer", id="issuer as token_url"
    ),
    pytest.param("token_url", 5, "type int", id="token_url of another type"),
]


@pytest.mark.parametrize(("field", "value", "wrong"), ENDPOINTS)
def test_a_wrong_endpoint_is_refused_with_the_form_to_use(field: str, value: object, wrong: str) -> None:
    """One line that names the field and does not repeat the value."""
    text = refused(**{"domain": None, field: value})
    assert text.startswith(f"{field}: ")
    assert wrong in text
    assert "; use " in text
    assert "\n" not in text
    assert HIDDEN not in text


@pytest.mark.parametrize(
    ("domain", "token_url", "wrong"),
    [
        pytest.param(None, None, "neither is given", id="neither"),
        pytest.param("auth.example.com", TOKEN_URL, "both are given", id="both"),
    ],
)
def test_exactly_one_endpoint_is_needed(domain: str | None, token_url: str | None, wrong: str) -> None:
    """Nothing guesses which of two was meant."""
    text = refused(domain=domain, token_url=token_url)
    assert text.startswith(f"domain or token_url: {wrong}")
    assert "amazoncognito.com" in text


@pytest.mark.parametrize(
    "region",
    [
        pytest.param("", id="empty"),
        pytest.param("eu", id="too short"),
        pytest.param("eu-central", id="no number"),
        pytest.param("eu-central-1a", id="availability zone"),
        pytest.param("EU-CENTRAL-1", id="upper case"),
        pytest.param("eu_central_1", id="underscores"),
        pytest.param("eu-central-1\n", id="newline"),
        pytest.param("Frankfurt", id="a city"),
        pytest.param(1, id="int"),
    ],
)
def test_a_region_is_checked_for_its_syntax(region: object) -> None:
    """A wrong one adds no second line about the domain."""
    text = refused(domain="demo", region=region)
    assert text.startswith("region: is no Region's name" if isinstance(region, str) else "region: is of type int")
    assert 'as "eu-central-1"' in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "region", ["cn-north-1", "eusc-de-east-1", "us-iso-east-1", "eu-isoe-west-1", "us-isox-east-1"]
)
def test_a_bare_prefix_needs_a_partition_whose_hosts_are_known(region: str) -> None:
    """A guessed host would be somebody else's."""
    assert "give the host" in refused(domain="demo", region=region)


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param({"domain": "demo.auth.eu-central-1.amazoncognito.com"}, id="domain"),
        pytest.param(
            {"domain": None, "token_url": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token"},
            id="token_url",
        ),
    ],
)
def test_a_region_that_contradicts_the_host_is_refused(endpoint: dict[str, Any]) -> None:
    """One of the two is a mistake."""
    assert "another Region" in refused(region="eu-west-1", **endpoint)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        pytest.param({"client_id": None}, "client_id: is missing", id="no client_id"),
        pytest.param({"client_id": ""}, "client_id: is empty", id="empty client_id"),
        pytest.param({"client_id": 5}, "client_id: is of type int", id="client_id of another type"),
        pytest.param({"client_id": "a b"}, "client_id: holds white space", id="client_id with a blank"),
        pytest.param({"client_id": "id\n"}, "client_id: holds white space", id="client_id with a newline"),
        pytest.param({"client_id": "ä"}, "client_id: holds white space or a char", id="client_id that is not ASCII"),
        pytest.param({"client_id": "\x7f"}, "client_id: holds white space or a char", id="client_id with DEL"),
        pytest.param(
            {"client_id": "a:b", "auth_method": "client_secret_basic", "domain": "http://localhost:9229"},
            "client_id: holds a colon",
            id="colon with Basic",
        ),
        pytest.param({"scopes": ""}, "scopes: use ", id="empty scopes"),
        pytest.param({"scopes": []}, "scopes: use ", id="no scopes"),
        pytest.param({"scopes": ["a", " "]}, "scopes: use ", id="empty item"),
        pytest.param({"scopes": 5}, "scopes: use ", id="scopes of another type"),
        pytest.param({"client_metadata": []}, "client_metadata: is of type list", id="metadata of another type"),
        pytest.param({"client_metadata": "{}"}, "client_metadata: is of type str", id="metadata as text"),
        pytest.param({"client_metadata": {}}, "client_metadata: is empty", id="empty metadata"),
        pytest.param(
            {"client_metadata": {"a": 1}}, "client_metadata: holds something of type int", id="metadata value"
        ),
        pytest.param({"client_metadata": {1: "a"}}, "client_metadata: holds something of type int", id="metadata key"),
        pytest.param(
            {"client_metadata": {"a": None}}, "client_metadata: holds something of type None", id="None in it"
        ),
        pytest.param({"auth_method": "basic"}, "auth_method: is none of the three", id="unknown method"),
        pytest.param({"auth_method": None}, "auth_method: is missing", id="no method"),
        pytest.param({"auth_method": 5}, "auth_method: is of type int", id="method of another type"),
        pytest.param({"strict": 1}, "strict: is of type int", id="strict of another type"),
        pytest.param({"strict": "yes"}, "strict: is of type str", id="strict as text"),
        pytest.param({"secret": None}, "client_secret: is missing", id="no secret"),
        pytest.param({"secret": ""}, "client_secret: is empty", id="empty secret"),
        pytest.param({"secret": 5}, "client_secret: is of type int", id="secret of another type"),
        pytest.param({"secret": "id"}, "client_secret: is the client id", id="secret same as id"),
        pytest.param({"secret": "arn:aws:s"}, "client_secret: is an ARN", id="secret is an ARN"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_form_to_use(given: dict[str, Any], wrong: str) -> None:
    """One line that names the field."""
    text = refused(**given)
    assert text.startswith(wrong)
    assert "use " in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"client_id": "a:b", **ELSEWHERE}, id="colon with auto: goes into the body"),
        pytest.param({"client_id": "a:b", "auth_method": "client_secret_post", **ELSEWHERE}, id="colon in the body"),
        pytest.param(
            {"client_id": "a+b%", "auth_method": "client_secret_basic", **ELSEWHERE},
            id="raw Basic, as AWS documents it",
        ),
        pytest.param({"scopes": ["a b", "c"]}, id="item with several scopes"),
        pytest.param({"secret": "s+/="}, id="secret with characters of base64"),
        pytest.param({"secret": "secret\n"}, id="secret with a newline"),
        pytest.param({"secret": Secret("x y")}, id="secret checked before"),
        pytest.param({"secret": lambda: HIDDEN}, id="callable"),
        pytest.param({"secret": type("SecretStr", (), {"get_secret_value": str})()}, id="get_secret_value"),
    ],
)
def test_what_is_unusual_but_right_is_taken(given: dict[str, Any]) -> None:
    """And what is read at flight time only is not read now."""
    assert isinstance(made(**given), Settings)


def test_one_error_lists_every_mistake() -> None:
    """A line each, no value in any, also with mistakes found elsewhere."""
    text = refused(
        domain=f"https://u:{HIDDEN}@x.example",
        region="nowhere",
        client_id=f"{HIDDEN} ",
        scopes=[],
        client_metadata={HIDDEN: 1},
        auth_method=HIDDEN,
        strict=None,
        secret=f"{HIDDEN} {HIDDEN}",
        also=[("policy", "is wrong")],
    )
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "region",
        "domain",
        "auth_method",
        "client_id",
        "client_metadata",
        "scopes",
        "strict",
        "client_secret",
        "policy",
    ]
    assert HIDDEN not in text


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    """That is where it has to be put right."""
    text = refused(domain="eu-central-1_AbC123", client_id="", variables={"domain": "BILLING_COGNITO_DOMAIN"})
    assert text.splitlines()[0].startswith("BILLING_COGNITO_DOMAIN (domain): ")
    assert text.splitlines()[1].startswith("client_id: ")


def test_scopes_can_be_exchanged() -> None:
    """All else stays, and the new ones are checked as the first were."""
    one = made(scopes="a", strict=True, client_metadata={"a": "b"})
    assert with_scopes(one, ["c", "b"]) == made(scopes="b c", strict=True, client_metadata={"a": "b"})
    assert with_scopes(one, None) == made(strict=True, client_metadata={"a": "b"})
    assert with_scopes(one, one.scopes) == one
    with pytest.raises(ConfigurationError, match="scopes: "):
        with_scopes(one, "")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"domain": "auth2.example.com"}, id="endpoint"),
        pytest.param({"client_id": "other"}, id="client_id"),
        pytest.param({"auth_method": "client_secret_post"}, id="auth_method"),
        pytest.param({"scopes": "a"}, id="scopes"),
        pytest.param({"client_metadata": {"a": "b"}}, id="client_metadata"),
    ],
)
def test_what_differs_on_the_wire_has_another_key(given: dict[str, Any]) -> None:
    """CVE-2025-26620 is what happens otherwise."""
    assert key(made(**given)) != key(made())
    assert key_id(made(**given)) != key_id(made())


def test_the_key_does_not_depend_on_order_or_on_what_stays_here() -> None:
    """Scopes and metadata in any order; `strict` is not on the wire."""
    one = made(scopes="a b", client_metadata={"a": "1", "b": "2"}, strict=True)
    other = made(scopes=["b", "a", "b"], client_metadata={"b": "2", "a": "1"})
    assert key(one) == key(other)
    assert json.loads(key(one)) == ["oauth2", TOKEN_URL, "id", "auto", ["a", "b"], '{"a":"1","b":"2"}']


def test_the_key_id_is_eight_hex_digits() -> None:
    """The same in every process."""
    assert key_id(made()) == "d34e9de7"


def test_the_repr_of_settings_hides_the_metadata() -> None:
    """It may hold a user's token."""
    text = repr(made(client_metadata={"user_token": HIDDEN}))
    assert HIDDEN not in text
    assert text.startswith("<Settings of id at")


@pytest.mark.parametrize(
    ("value", "kept", "stripped"),
    [
        pytest.param("secret", "secret", False, id="plain"),
        pytest.param("secret\n", "secret", True, id="newline"),
        pytest.param("secret\r\n", "secret", True, id="Windows newline"),
        pytest.param("s+/=_-~!\"'", "s+/=_-~!\"'", False, id="all kinds of characters"),
        pytest.param("x" * 4096, "x" * 4096, False, id="longest"),
        pytest.param("x" * 4096 + "\n", "x" * 4096, True, id="longest with newline"),
    ],
)
def test_a_secret_is_taken_as_it_is_but_for_one_newline(value: str, kept: str, stripped: bool) -> None:
    """And the caller learns of the newline."""
    secret, was_stripped = literal_secret(value)
    assert (secret.reveal(), was_stripped) == (kept, stripped)


WRONG_SECRETS = [
    pytest.param(None, "is missing", id="None"),
    pytest.param("", "is empty", id="empty"),
    pytest.param("\n", "is empty", id="newline only"),
    pytest.param(f"{HIDDEN}\n\n", "white space", id="two newlines"),
    pytest.param(f"{HIDDEN}\r", "white space", id="carriage return"),
    pytest.param(f" {HIDDEN}", "white space", id="leading blank"),
    pytest.param(f"{HIDDEN}\t", "white space", id="trailing tab"),
    pytest.param(f"{HIDDEN} {HIDDEN}", "white space", id="blank inside"),
    pytest.param("  ", "white space", id="blanks only"),
    pytest.param(f"{HIDDEN}\u00a0", "white space", id="no-break blank"),
    pytest.param(f"{HIDDEN}\0", "NUL", id="NUL"),
    pytest.param(f"\ufeff{HIDDEN}", "byte order mark", id="BOM"),
    pytest.param(f'"{HIDDEN}"', "in quotes", id="quotes"),
    pytest.param(f"'{HIDDEN}'\n", "in quotes", id="single quotes and newline"),
    pytest.param(f'{{"client_secret": "{HIDDEN}"}}', "JSON object: give the value of the key", id="JSON"),
    pytest.param(f"arn:aws:secretsmanager:eu-central-1:1:secret:{HIDDEN}", "is an ARN", id="ARN"),
    pytest.param("x" * 4097, "longer than 4096", id="too long"),
    pytest.param(f"{HIDDEN}ä", "RFC 6749 A.2", id="not ASCII"),
    pytest.param(f"{HIDDEN}\ud800", "RFC 6749 A.2", id="lone surrogate"),
    pytest.param(f"{HIDDEN}\x7f", "RFC 6749 A.2", id="DEL"),
    pytest.param(HIDDEN.encode(), "type bytes", id="bytes"),
    pytest.param(12345678, "type int", id="int"),
    pytest.param({"secret": HIDDEN}, "type dict", id="dict"),
]


@pytest.mark.parametrize(("value", "wrong"), WRONG_SECRETS)
def test_a_wrong_secret_is_refused_without_a_character_of_it(value: object, wrong: str) -> None:
    """The message names the source and what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        literal_secret(value, "APP_CLIENT_SECRET")
    assert caught.value.message.startswith("APP_CLIENT_SECRET: ")
    assert wrong in caught.value.message
    assert HIDDEN not in caught.value.message
    assert "12345678" not in caught.value.message


@pytest.mark.parametrize(("value", "wrong"), WRONG_SECRETS)
def test_no_traceback_with_locals_shows_a_wrong_secret(value: object, wrong: str) -> None:
    """Error trackers send the local variables along."""
    with pytest.raises(ConfigurationError, match=wrong) as caught:
        literal_secret(value, "APP_CLIENT_SECRET")
    error = caught.value
    inner = error.__traceback__.tb_next if error.__traceback__ else None
    assert inner
    shown = "".join(traceback.TracebackException(type(error), error, inner, capture_locals=True).format())
    assert "field = 'APP_CLIENT_SECRET'" in shown
    assert HIDDEN not in shown
    assert "12345678" not in shown


def test_no_traceback_with_locals_shows_what_the_arguments_hold() -> None:
    """Passwords in URLs, metadata and the secret, when another argument is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        made(
            domain=f"https://u:{HIDDEN}@x.example",
            token_url=f"https://u:{HIDDEN}@x.example/t",
            client_metadata={"a": HIDDEN},
            secret=HIDDEN,
            strict=None,
        )
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    (shown,) = [repr(frame.f_locals) for frame in frames if frame.f_code is check_arguments.__code__]
    assert "mistakes" in shown
    assert HIDDEN not in shown


class Odd(Mapping[str, str]):
    """A mapping that is no dict."""

    def __getitem__(self, name: str) -> str:
        return name

    def __iter__(self) -> Any:
        return iter("ba")

    def __len__(self) -> int:
        return 2


def test_any_mapping_is_metadata() -> None:
    """Not only a dict."""
    assert made(client_metadata=Odd()).client_metadata == '{"a":"a","b":"b"}'


@given(st.text())
def test_a_secret_is_taken_unchanged_or_refused(value: str) -> None:
    """With the one newline as the one exception; what is taken can be sent."""
    try:
        secret, stripped = literal_secret(value)
    except ConfigurationError:
        return
    assert value in (secret.reveal(), secret.reveal() + "\n", secret.reveal() + "\r\n")
    assert stripped is (value != secret.reveal())
    assert secret.reveal().isascii()


@given(st.text(), st.text(), st.sampled_from(["domain", "token_url"]))
def test_no_endpoint_raises_anything_but_our_error(value: str, region: str, field: str) -> None:
    """What is taken is https, or http to this machine."""
    try:
        url = made(**{"domain": None, field: value, "region": region or None}).token_url
    except ConfigurationError:
        return
    assert url.startswith(("https://", "http://"))


@examples(max_examples=40)  # more take longer and find nothing else
@given(st.dictionaries(st.text(), st.text(), min_size=1), st.randoms(use_true_random=False))
def test_metadata_has_one_form(metadata: dict[str, str], chance: random.Random) -> None:
    """Whatever the order; and it says what was given."""
    items = list(metadata.items())
    chance.shuffle(items)
    one, other = made(client_metadata=metadata).client_metadata, made(client_metadata=dict(items)).client_metadata
    assert one is not None
    assert one == other
    assert json.loads(one) == metadata


def test_the_key_is_compact() -> None:
    """It is kept for each scope set."""
    assert key(made(scopes="a")) == f'["oauth2","{TOKEN_URL}","id","auto",["a"],null]'


def test_the_client_id_is_told_why_it_is_wrong_word_by_word() -> None:
    """With the form to use."""
    form = 'use the app client\'s id, as "1h57kf5cpq17m0eml12EXAMPLE"'
    with pytest.raises(ConfigurationError) as caught:
        made(client_id="a b")
    assert str(caught.value) == (
        f"client_id: holds white space or a character that RFC 6749 A.1 does not allow; {form}"
    )
    with pytest.raises(ConfigurationError) as caught:
        made(client_id="a:b", auth_method="client_secret_basic", domain="http://localhost:9229")
    assert str(caught.value) == (
        'client_id: holds a colon, which Basic authentication cannot carry: use auth_method="client_secret_post"; '
        f"{form}"
    )


@pytest.mark.parametrize("client_id", ["!", "~", "!~"])
def test_a_client_id_may_hold_every_visible_character(client_id: str) -> None:
    """RFC 6749 A.1, from the first to the last; elsewhere than with Cognito."""
    assert made(client_id=client_id, **ELSEWHERE).client_id == client_id


def test_a_mistake_that_brings_its_own_form_gets_no_other() -> None:
    """Scopes, and what was found elsewhere."""
    with pytest.raises(ConfigurationError) as caught:
        made(scopes="", also=[("clock", "has no wall")])
    assert str(caught.value).splitlines()[0].endswith("; got an empty one, which would silently mean all scopes")
    assert str(caught.value).splitlines()[1] == "clock: has no wall"


def test_a_literal_secret_is_named_as_the_argument_where_nothing_else_is_known() -> None:
    """The constructor's."""
    with pytest.raises(ConfigurationError, match=r"^client_secret: is empty; "):
        literal_secret("")


def test_a_place_for_scopes_in_the_query_needs_scopes() -> None:
    """None would ask a caching proxy for `scope=`, and Cognito for an empty scope."""
    url = f"{TOKEN_URL}?scope={{scope}}"
    needed = 'scopes: are missing, and {scope} in token_url stands for them; name them, as "demo/read.file"'

    assert refused(domain=None, token_url=url) == needed
    assert refused(domain=None, token_url=url, scopes="").count("scopes:") == 1

    named = made(domain=None, token_url=url, scopes="demo/read.file")
    assert with_scopes(named, "demo/write.file").token_url == url
    with pytest.raises(ConfigurationError) as caught:
        with_scopes(named, None)
    assert str(caught.value) == needed


def test_scopes_that_are_written_out_in_the_query_are_the_ones_asked_for() -> None:
    """A cache keyed by the query would give a token for others to whoever asks for these."""
    url = f"{TOKEN_URL}?scope=demo%2Fwrite.file+demo%2Fread.file"
    both = "demo/read.file demo/write.file"
    differ = "scopes: are not those in the query of token_url; write scope={scope} there, which stands for them"

    for scopes in (both, None):
        written = made(domain=None, token_url=url, scopes=scopes)
        assert written.token_url == url
        assert with_scopes(written, None).token_url == with_scopes(written, both).token_url == url
        with pytest.raises(ConfigurationError) as caught:
            with_scopes(written, "demo/read.file")
        assert str(caught.value) == differ

    assert refused(domain=None, token_url=url, scopes="demo/read.file") == differ
    assert refused(domain=None, token_url=f"{TOKEN_URL}?scope=", scopes="demo/read.file") == differ
    assert refused(domain=None, token_url=url, scopes="").count("scopes:") == 1
    assert made(domain=None, token_url=f"{TOKEN_URL}?x=scope", scopes=both).scopes == tuple(both.split())


COGNITO = {
    "domain": {"domain": "demo.auth.eu-central-1.amazoncognito.com"},
    "custom domain": {"domain": "auth.example.com"},
    "host": {"domain": None, "token_url": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token"},
    "Region": {**ELSEWHERE, "region": "eu-central-1"},
    "GetClientToken": {"domain": None, "api": "get_client_token", "region": "eu-central-1"},
}


@pytest.mark.fault(174)
@pytest.mark.parametrize("place", [*COGNITO.values(), ELSEWHERE], ids=[*COGNITO, "elsewhere"])
@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (f"'{HIDDEN}'", "is in quotes"),
        (f'"{HIDDEN}"', "is in quotes"),
        (f"“{HIDDEN}”", "is in quotes"),
        (f"${{{HIDDEN}}}", "is a placeholder"),
        (f"<{HIDDEN}>", "is a placeholder"),
    ],
    ids=["single", "double", "typographic", "shell", "manual"],
)
@pytest.mark.parametrize("field", ["client_id", "scopes"])
def test_a_name_in_quotes_or_a_placeholder_for_it_is_refused(
    place: dict[str, Any], value: str, wrong: str, field: str
) -> None:
    """For every server, with the field, the variable, and not the value."""
    text = refused(**place, **{field: value}, variables={field: "VARIABLE"})
    assert text.startswith(f"VARIABLE ({field}): {wrong}")
    assert "\n" not in text
    assert HIDDEN not in text


@pytest.mark.fault(174)
@pytest.mark.parametrize("field", ["domain", "token_url", "region", "api", "auth_method"])
@pytest.mark.parametrize(("before", "after"), [("'", "'"), ("`", "`"), ("${", "}"), ("{{ ", " }}"), ("%", "%")])
def test_an_address_or_a_word_in_quotes_or_a_placeholder_for_it_is_refused(field: str, before: str, after: str) -> None:
    """By what it is, not by what it then looks like."""
    given: dict[str, Any] = {field: f"{before}{HIDDEN}{after}"}
    if field == "token_url":
        given["domain"] = None
    text = refused(**given, variables={field: "VARIABLE"})
    assert text.startswith(f"VARIABLE ({field}): is {'in quotes' if before == after != '%' else 'a placeholder'}")
    assert "\n" not in text
    assert HIDDEN not in text


def test_scopes_in_quotes_are_refused_as_a_whole_and_one_by_one() -> None:
    """Some shells quote the list, some its items."""
    for scopes in ("'demo/read demo/write'", "'demo/read' 'demo/write'", "demo/read 'demo/write'", ["'demo/read'"]):
        assert refused(scopes=scopes).startswith("scopes: is in quotes")
    assert refused(scopes=["demo/read", "${SCOPE}"]).startswith("scopes: is a placeholder")


@pytest.mark.fault(174)
def test_no_value_of_client_metadata_is_looked_at() -> None:
    """It may be a template for the pool's trigger."""
    for value in ("'a'", "${NAME}", "<name>"):
        assert made(client_metadata={"a": value}).client_metadata == json.dumps({"a": value}, separators=(",", ":"))


@pytest.mark.fault(174)
@pytest.mark.parametrize("secret", ["${abc}", "$abc", "<abc>", "%abc%", "@abc@"])
def test_a_secret_may_look_like_a_placeholder_elsewhere_than_with_cognito(secret: str) -> None:
    """RFC 6749 A.2 allows every visible character; Cognito's secrets have letters, digits, _ and +."""
    assert isinstance(made(**ELSEWHERE, secret=secret), Settings)
    for place in COGNITO.values():
        assert refused(**place, secret=secret).startswith("client_secret: is a placeholder")


@pytest.mark.fault(174)
@pytest.mark.parametrize("place", COGNITO.values(), ids=COGNITO)
def test_cognitos_ids_and_scopes_have_a_known_form(place: dict[str, Any]) -> None:
    """Where the server is Cognito, and only there."""
    for changes, wrong in (
        ({"client_id": "files-caller"}, "client_id: contains a character that no id of Cognito has"),
        ({"client_id": "a" * 129}, "client_id: is longer than the 128"),
        ({"scopes": "demo/read,demo/write"}, "scopes: are separated by commas"),
        ({"scopes": "demo/read, demo/write"}, "scopes: are separated by commas"),
        ({"scopes": "openid email"}, "scopes: contain email, openid, which belong to signed-in users"),
    ):
        assert refused(**place, **changes).startswith(wrong)
        assert isinstance(made(**ELSEWHERE, **changes), Settings)


def test_scopes_of_a_view_are_checked_as_the_constructors_are() -> None:
    """By the same rules."""
    for wrong in ("", ["a", ""], "'a'", "openid", ["demo/read,demo/write"], "a\tb"):
        with pytest.raises(ConfigurationError, match=r"^scopes: "):
            with_scopes(made(), wrong)
    assert with_scopes(made(**ELSEWHERE), "openid").scopes == ("openid",)


def test_a_region_that_contradicts_names_both_variables() -> None:
    """The one that is to go, and where the other is."""
    text = refused(
        domain="demo.auth.eu-central-1.amazoncognito.com",
        region="eu-west-1",
        variables={"domain": "COGNITO_DOMAIN", "region": "COGNITO_REGION"},
    )
    assert text == (
        "COGNITO_REGION (region): is another Region than that of COGNITO_DOMAIN (domain); correct it, or leave it out"
    )


def test_a_region_that_contradicts_an_endpoint_of_get_client_token_is_refused() -> None:
    """As with a domain."""
    text = refused(
        domain=None,
        api="get_client_token",
        region="eu-central-1",
        token_url="https://cognito-idp-fips.us-east-1.amazonaws.com",
    )
    assert text.startswith("region: is another Region than that of token_url")


def test_scopes_of_the_query_are_those_that_are_asked_for() -> None:
    """So that fewer are noticed; and both ways to say them share one token."""
    url = f"{TOKEN_URL}?scope=b+a+%1b"
    written = made(domain=None, token_url=url)
    assert written.scopes == ("a", "b")
    assert key(written) == key(with_scopes(written, None))
    assert key(made(domain=None, token_url=f"{TOKEN_URL}?scope=a")) == key(
        made(domain=None, token_url=f"{TOKEN_URL}?scope=a", scopes="a")
    )
    for query in ("scope=", "scope", "x=scope", "scopes=a"):
        assert made(domain=None, token_url=f"{TOKEN_URL}?{query}").scopes is None


@pytest.mark.parametrize(
    ("query", "fine"),
    [
        ("scope={scope}", True),
        ("scope={scope}&key={scope}", True),
        ("key={scope}", True),
        ("scope=a&key={scope}", False),
        ("scope=a%20b", True),
        ("scope=A%20b", False),
    ],
)
def test_scopes_beside_the_query_are_those_that_it_says(query: str, fine: bool) -> None:
    """Wherever {scope} stands: what is sent as `scope` is what the token is kept for."""
    given = {"domain": None, "token_url": f"{TOKEN_URL}?{query}", "scopes": "a b"}
    if fine:
        assert made(**given).scopes == ("a", "b")
    else:
        assert "are not those in the query" in refused(**given)


@pytest.mark.parametrize(
    ("said", "fine"),
    [
        ("%7B%22a%22:%221%22,%20%22b%22:%222%22%7D", True),
        ("%7B%22b%22:%222%22,%22a%22:%221%22%7D", True),
        ("%7B%22a%22:%221%22%7D", False),
        ("", False),
        ("x", False),
    ],
    ids=["the same", "in another order", "less", "empty", "no JSON"],
)
def test_metadata_beside_the_query_is_what_it_says(said: str, fine: bool) -> None:
    """Otherwise nothing would tell which of the two a token is of."""
    given = {"domain": None, "token_url": f"{TOKEN_URL}?aws_client_metadata={said}"}
    assert made(**given).client_metadata is None
    metadata = {"a": "1", "b": "2"}
    if fine:
        assert made(**given, client_metadata=metadata).client_metadata == '{"a":"1","b":"2"}'
    else:
        wrong = (
            "client_metadata: is not the aws_client_metadata in the query of token_url; give it in one place only; use"
        )
        assert refused(**given, client_metadata=metadata).startswith(wrong)


@pytest.mark.fault(184)
@pytest.mark.parametrize(
    ("given", "encodes"),
    [
        pytest.param({"domain": "auth.example.com"}, False, id="domain"),
        pytest.param({"domain": "http://127.0.0.1:1"}, False, id="domain on loopback"),
        pytest.param({"domain": "demo", "region": "eu-central-1"}, False, id="bare prefix"),
        pytest.param({"token_url": "https://x.auth.eu-central-1.amazoncognito.com/oauth2/token"}, False, id="its URL"),
        pytest.param({"token_url": "https://X.AUTH-FIPS.us-gov-west-1.AmazonCognito.com/t?x=1"}, False, id="FIPS"),
        pytest.param({"token_url": TOKEN_URL}, True, id="another URL"),
        pytest.param({"token_url": "https://amazoncognito.com.example.com/t"}, True, id="a host that begins so"),
        pytest.param({"token_url": "https://example.com/x.amazoncognito.com"}, True, id="a path"),
        pytest.param({"token_url": "https://notamazoncognito.com/t"}, True, id="a host that ends so"),
    ],
)
def test_basic_is_form_encoded_but_for_cognito(given: dict[str, Any], encodes: bool) -> None:
    """RFC 6749 2.3.1. Cognito is what `domain` names, and its own hosts; "auto" and the body never change."""
    given = {"domain": None, **given}
    assert made(**given, auth_method="client_secret_basic").encodes_basic is encodes
    for method in ("auto", "client_secret_post"):
        assert made(**given, auth_method=method).encodes_basic is False


def test_keys_differ_where_the_header_may() -> None:
    """And only there: the same token endpoint, given in either way."""
    ways: list[dict[str, Any]] = [{"domain": "auth.example.com"}, {"domain": None, "token_url": TOKEN_URL}]
    raw, encoded = (made(**way, auth_method="client_secret_basic") for way in ways)
    assert raw.token_url == encoded.token_url
    assert key(raw) != key(encoded)
    assert with_scopes(encoded, "a").encodes_basic
    for method in ("auto", "client_secret_post"):
        one, other = (key(made(**way, auth_method=method)) for way in ways)
        assert one == other


def test_a_colon_in_the_client_id_is_fine_where_it_is_encoded() -> None:
    """Basic with a server that is not Cognito."""
    given = {"client_id": "a:b", "auth_method": "client_secret_basic"}
    assert made(domain=None, token_url=TOKEN_URL, **given).client_id == "a:b"
    assert "holds a colon" in refused(domain="http://localhost:9229", **given)


@pytest.mark.fault(189)
def test_an_isolated_partition_that_is_not_known_needs_the_whole_url() -> None:
    """No line about a Region's name, which is right."""
    given = {"domain": None, "api": "get_client_token", "region": "us-isox-east-1"}
    wrong = "region: is in a partition whose hosts are not known here: give the API's whole URL as token_url"
    assert refused(**given) == wrong
    assert (
        made(**given, token_url="https://cognito-idp.example.ic.gov").token_url == "https://cognito-idp.example.ic.gov/"
    )


@pytest.mark.parametrize("name", ["grant_type", "scope", "aws_client_metadata"])
def test_a_query_names_nothing_twice(name: str) -> None:
    """RFC 6749 3.2: Cognito would answer invalid_request, which says nothing of it."""
    value = {"grant_type": "client_credentials", "scope": "{scope}", "aws_client_metadata": "%7B%7D"}[name]
    text = refused(domain=None, token_url=f"{TOKEN_URL}?{name}={value}&x=1&{name}={value}", scopes="a")
    assert text.startswith(f"token_url: names {name} more than once in its query, which RFC 6749 3.2 forbids")


OTHER_API = 'use the whole https URL, as "https://cognito-idp-fips.us-east-1.amazonaws.com"'


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"scopes": "openid"},
            (
                "scopes: contain openid, which belong to signed-in users: client_credentials cannot have them. Likely "
                "cause: this is the setting of a web login. Ask for scopes of a resource server, such as "
                '"demo/read.file", or for none'
            ),
        ),
        (
            {"client_id": "-"},
            (
                "client_id: contains a character that no id of Cognito has, which are letters, digits, _ and + (if "
                "this server is not Cognito, give token_url in place of domain and region); use the app client's id, "
                'as "1h57kf5cpq17m0eml12EXAMPLE"'
            ),
        ),
        ({"domain": None, "api": "get_client_token", "token_url": 7}, f"token_url: is of type int; {OTHER_API}"),
        (
            {"domain": None, "api": "get_client_token", "token_url": "https://a b"},
            f"token_url: holds white space or an invisible character; {OTHER_API}",
        ),
        (
            {"domain": None, "api": "get_client_token", "auth_method": "client_secret_post"},
            (
                'auth_method: is for api="oauth2" only: GetClientToken has one way; use "auto" or '
                '"client_secret_basic" or "client_secret_post"'
            ),
        ),
    ],
    ids=["scopes of users", "no id of Cognito", "no URL", "a blank in the URL", "another way"],
)
def test_what_cognito_does_not_take_is_told_word_by_word(given: dict[str, Any], text: str) -> None:
    """With what to do."""
    assert refused(**{"domain": "demo", "region": "eu-central-1", **given}) == text


def test_an_id_may_be_as_long_as_cognitos_longest() -> None:
    """128 characters."""
    assert made(domain="demo", region="eu-central-1", client_id="a" * 128).client_id == "a" * 128


# The arguments that are objects: policy, store, http_client, on_event, clock.


def wrong_among(**changes: object) -> list[tuple[str, str]]:
    """The mistakes, with all else in order."""
    arguments: dict[str, object] = dict.fromkeys(("store", "http_client", "on_event", "clock"))
    arguments["policy"] = RenewalPolicy()
    return list(wrong_objects(**{**arguments, **changes}))


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"store": MemoryStore()},
        {"store": "rediss://:password@cache.example.com:6380/0"},
        {"http_client": dict},
        {"http_client": lambda: None},
        {"on_event": print},
        {"clock": SystemClock()},
        {"clock": ManualClock()},
        {"clock": SystemClock},
    ],
    ids=plainly,
)
def test_right_objects_pass(right: dict[str, object]) -> None:
    """Nothing is called to find out."""
    assert wrong_among(**right) == []


@pytest.mark.parametrize(
    ("wrong", "form"),
    [
        ({"policy": None}, "use RenewalPolicy("),
        ({"policy": {"deadline": 5}}, "is of type dict"),
        ({"policy": RenewalPolicy}, "use RenewalPolicy("),
        ({"store": 7}, "is of type int, which has no get, put, delete, close; use a store of s2sauth.stores"),
        ({"store": "tokens.db"}, "is no URL of a store; use sqlite:////"),
        ({"http_client": 7}, "use a function that makes a new client each time"),
        ({"http_client": "httpx.Client"}, "is of type str"),
        ({"on_event": []}, "use a function that takes an Event"),
        ({"on_event": False}, "is of type bool"),
        ({"clock": object()}, "has no wall, monotonic, boottime, wait, random"),
        ({"clock": __import__("time")}, "has no wall, boottime, wait, random"),
    ],
    ids=plainly,
)
def test_wrong_objects_are_named_with_the_form(wrong: dict[str, object], form: str) -> None:
    """One mistake each."""
    ((field, text),) = wrong_among(**wrong)
    assert [field] == list(wrong)
    assert form in text


def test_all_wrong_objects_are_listed() -> None:
    """In the order of the signature."""
    wrong = wrong_among(policy=1, http_client=1, on_event=1, clock=1)
    assert [field for field, _ in wrong] == ["policy", "http_client", "on_event", "clock"]


def test_what_is_said_of_wrong_objects_to_the_letter() -> None:
    """Each with the form to use."""
    assert wrong_among(policy=1, http_client=1, on_event=1, clock=1) == [
        ("policy", "is of type int; use RenewalPolicy(deadline=5.0) or leave it out"),
        (
            "http_client",
            (
                "is of type int; use a function that makes a new client each time, as lambda: "
                "httpx.Client(verify=ssl_context)"
            ),
        ),
        ("on_event", "is of type int; use a function that takes an Event, as on_event=print"),
        (
            "clock",
            "has no wall, monotonic, boottime, wait, random; use s2sauth.testing.ManualClock() or leave it out",
        ),
    ]
