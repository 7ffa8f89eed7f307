"""The forms of `store=`, and what is said of other ones, word by word: people search for these words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.pasted import PLACEHOLDER, QUOTED
from s2sauth._core.store_url import StoreUrl, mistake, parse_store_url

SQLITE = "use sqlite:////var/lib/files-service/tokens.db"
REDIS = "use redis://cache.example.com:6379/0"
REDISS = "use rediss://cache.example.com:6379/0"
UNIX = "use unix:///run/valkey/valkey.sock"
DYNAMODB = "use dynamodb://tokens?region=eu-central-1&endpoint_url=http://127.0.0.1:8000"
FORMS = (
    "use sqlite:////var/lib/files-service/tokens.db, redis://cache.example.com:6379/0, "
    "rediss://cache.example.com:6379/0, unix:///run/valkey/valkey.sock or dynamodb://tokens?region=eu-central-1"
)
HOST = "has no valid host or port (in a password, write / as %2F, @ as %40, ? as %3F)"
QUERY = "has a query that is not one of region, endpoint_url, each once"
ENDPOINT = "has an endpoint_url that is none, as http://127.0.0.1:8000"
SLASHES = "has three slashes, which other libraries read as a relative path: write four, and an absolute path"
WINDOWS = (
    "is a Windows path, for which there is no URL; "
    r'use s2sauth.stores.sqlite.SQLiteStore(r"C:\ProgramData\files-service\tokens.db")'
)
NO_FILE = "names no file that processes can share"


@pytest.mark.fault(178)
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////tmp/tokens.db", "/tmp/tokens.db"),
        ("sqlite://///tmp/tokens.db", "/tmp/tokens.db"),
        ("SQLite:////tmp/tokens.db", "/tmp/tokens.db"),
        ("sqlite:////tmp/C:/tokens.db", "/tmp/C:/tokens.db"),
        ("sqlite:////tmp/a%20b%3F%23%25.db", "/tmp/a b?#%.db"),
        ("sqlite:////tmp/:memory:.db", "/tmp/:memory:.db"),
        ("sqlite:////tmp/a://b.db", "/tmp/a://b.db"),
        ("sqlite:////X.db", "/X.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    """Always by its absolute path, percent-encoded where a URL needs that."""
    assert parse_store_url(url) == StoreUrl("sqlite", path)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/0",
        "redis://localhost/?socket_timeout=0.5",
        "redis://:pass%2Fword@10.0.0.1:6380/2",
        "redis://user:p@ss@[::1]:6379",
        "rediss://user:password@cache.example.com:6379/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/valkey.sock",
        "unix://user:password@/run/valkey.sock?db=1",
    ],
)
def test_a_url_names_a_redis_server(url: str) -> None:
    """As redis-py takes it."""
    assert parse_store_url(url) == StoreUrl("redis", url)


def test_a_scheme_may_be_written_in_capitals() -> None:
    """redis-py wants it in small letters; the rest stays as it is."""
    assert parse_store_url("REDISS://User:PassWord@Cache").place == "rediss://User:PassWord@Cache"


@pytest.mark.parametrize(
    ("url", "region", "endpoint_url"),
    [
        ("dynamodb://Tokens_1.a-b", None, None),
        ("dynamodb://Tokens_1.a-b?region=eu-central-1", "eu-central-1", None),
        ("dynamodb://Tokens_1.a-b?endpoint_url=http://127.0.0.1:1234", None, "http://127.0.0.1:1234"),
        (
            "dynamodb://Tokens_1.a-b?endpoint_url=https%3A%2F%2Fvpce.example.com&region=us-gov-west-1",
            "us-gov-west-1",
            "https://vpce.example.com",
        ),
    ],
)
def test_a_url_names_a_table(url: str, region: str | None, endpoint_url: str | None) -> None:
    """Capitals count in its name."""
    assert parse_store_url(url) == StoreUrl("dynamodb", "Tokens_1.a-b", region, endpoint_url)


@pytest.mark.fault(178)
@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", f"is no URL of a store; {FORMS}"),
        ("redis", f"is no URL of a store; {FORMS}"),
        ("/tmp/tokens.db", f"is no URL of a store; {FORMS}"),
        ("https://cache.example.com", f"is no URL of a store; {FORMS}"),
        ("sqlite://tokens.db", f"has no absolute path after sqlite://; {SQLITE}"),
        ("sqlite://", f"has no absolute path after sqlite://; {SQLITE}"),
        ("sqlite:///", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///tmp/tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///./tokens.db", f"{SLASHES}; {SQLITE}"),
        ("sqlite:///:memory:", f"{SLASHES}; {SQLITE}"),
        (r"sqlite:///C:\data\tokens.db", WINDOWS),
        ("sqlite:///C:/my data/tokens.db", WINDOWS),
        ("sqlite:///c%3A/data/tokens.db", WINDOWS),
        ("sqlite:////C:/data/tokens.db", WINDOWS),
        (r"sqlite://C:\data\tokens.db", WINDOWS),
        ("sqlite:///C:", WINDOWS),
        (r"sqlite:///\\server\share\tokens.db", WINDOWS),
        ("sqlite:////", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////:memory:", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/a%00b", f"{NO_FILE}; {SQLITE}"),
        ("sqlite:////tmp/a?mode=ro", f"holds a ? (within a path, write %3F); {SQLITE}"),
        ("'sqlite:////tmp/tokens.db'", f"{QUOTED}; {FORMS}"),
        ("${TOKEN_STORE}", f"{PLACEHOLDER}; {FORMS}"),
        ("sqlite:////tmp/a b", f"holds white space or an invisible character; {SQLITE}"),
        ("redis://localhost\n", f"holds white space or an invisible character; {REDIS}"),
        ("redis://:a#b@localhost", f"holds a # (within a password or a path, write %23); {REDIS}"),
        ("redis://", f"{HOST}; {REDIS}"),
        ("rediss://:6379", f"{HOST}; {REDISS}"),
        ("redis://localhost:0", f"{HOST}; {REDIS}"),
        ("redis://localhost:70000", f"{HOST}; {REDIS}"),
        ("redis://:pass/word@localhost", f"{HOST}; {REDIS}"),
        ("redis://[::1", f"{HOST}; {REDIS}"),
        ("redis://:pass\u2100word@localhost", f"{HOST}; {REDIS}"),
        ("redis://localhost/tokens", f"has something other than a database's number after the host; {REDIS}"),
        ("unix://", f"names no socket file; {UNIX}"),
        ("unix:///run/", f"names no socket file; {UNIX}"),
        ("unix://[/run/valkey.sock", f"names no socket file; {UNIX}"),
        ("dynamodb://", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://to", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://tokens/a", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://key:secret@tokens", f"has no valid name of a table after dynamodb://; {DYNAMODB}"),
        ("dynamodb://tokens?Region=eu-central-1", f"{QUERY}; {DYNAMODB}"),
        ("dynamodb://tokens?region=eu-central-1&region=eu-west-1", f"{QUERY}; {DYNAMODB}"),
        ("dynamodb://tokens?region=", f"has a region that cannot be one; {DYNAMODB}"),
        ("dynamodb://tokens?region=Frankfurt", f"has a region that cannot be one; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=127.0.0.1:8000", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=http://a:b@localhost", f"{ENDPOINT}; {DYNAMODB}"),
        ("dynamodb://tokens?endpoint_url=http://localhost:99999", f"{ENDPOINT}; {DYNAMODB}"),
    ],
)
def test_a_wrong_url_is_told_why(url: str, wrong: str) -> None:
    """With the form of what was probably meant."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        parse_store_url(url)
    assert str(caught.value) == wrong
    assert mistake(url) == wrong


@given(st.sampled_from(["redis://", "rediss://", "unix://", "sqlite://", "dynamodb://", ""]), st.text(), st.text())
def test_no_text_of_an_error_repeats_the_url(scheme: str, before: str, after: str) -> None:
    """It may hold a password. And nothing but ValueError comes, whatever it is."""
    try:
        shown = repr(parse_store_url(f"{scheme}{before}:PassWord4711@{after}"))
    except ValueError as error:
        shown = str(error)
    assert "4711" not in shown


class Whole:
    """Can do what a store does."""

    get = put = delete = close = print


class Client:
    """Looks like a client of redis-py."""

    get = delete = close = print


Client.__module__ = "redis.client"


@pytest.mark.parametrize("store", [Whole(), "sqlite:////tmp/tokens.db"], ids=["object", "URL"])
def test_a_store_is_an_object_that_can_do_its_part_or_a_url(store: object) -> None:
    """Then there is nothing to say."""
    assert mistake(store) is None


@pytest.mark.parametrize(
    ("store", "wrong"),
    [
        (
            None,
            f"is of type NoneType, which has no get, put, delete, close; use a store of s2sauth.stores, or {FORMS[4:]}",
        ),
        ({}, f"is of type dict, which has no put, delete, close; use a store of s2sauth.stores, or {FORMS[4:]}"),
        (Whole, "is the class Whole; use an object of it"),
        (Client(), "is a client, not a store; use s2sauth.stores.redis.RedisStore(client)"),
    ],
    ids=["None", "dict", "class", "client"],
)
def test_what_is_no_store_is_told_why(store: object, wrong: str) -> None:
    """By its type, never by its value."""
    assert mistake(store) == wrong
