"""Which origins may see the token.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.errors import ConfigurationError
from s2sauth._core.origin import ANY_ORIGIN, AnyOrigin, Origin, is_loopback, origin, parse_origins, parse_url


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        pytest.param("https", b"api.example", None, Origin("https", b"api.example", 443), id="https"),
        pytest.param("http", b"api.example", None, Origin("http", b"api.example", 80), id="http"),
        pytest.param("HTTPS", b"API.Example", 443, Origin("https", b"api.example", 443), id="upper case"),
        pytest.param("https", b"api.example", 8443, Origin("https", b"api.example", 8443), id="port"),
        pytest.param("wss", b"api.example", None, Origin("wss", b"api.example", 443), id="WebSocket over TLS"),
        pytest.param("ws", b"api.example", None, Origin("ws", b"api.example", 80), id="WebSocket"),
        pytest.param("ftp", b"api.example", None, Origin("ftp", b"api.example", 0), id="unknown scheme"),
    ],
)
def test_an_origin_has_one_form(scheme: str, host: bytes, port: int | None, expected: Origin) -> None:
    """Equal origins are equal values."""
    assert origin(scheme, host, port) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(Origin("https", b"api.example", 443), "https://api.example", id="default port"),
        pytest.param(Origin("https", b"api.example", 80), "https://api.example:80", id="the other scheme's port"),
        pytest.param(Origin("http", b"::1", 8080), "http://[::1]:8080", id="IPv6"),
        pytest.param(Origin("https", b"\xff\x1b", 443), "https://\\xff\x1b", id="bytes that are no host"),
    ],
)
def test_an_origin_is_written_as_a_url(value: Origin, text: str) -> None:
    """In messages."""
    assert str(value) == text


SEVERAL = "contains several origins: split it, and pass them one by one"
WILDCARD = "contains a wildcard: list each service by its own host, or pass ANY_ORIGIN for all of them"

LISTED = [
    pytest.param("https://api.example", "https://api.example", True, id="same"),
    pytest.param("https://api.example", "https://api.example/files?q=1", True, id="path and query of the request"),
    pytest.param("https://api.example/v1?x=1", "https://api.example/v2", True, id="path and query of the listed URL"),
    pytest.param("https://api.example", "https://api.example:443/", True, id="default port written in the request"),
    pytest.param("https://api.example:443", "https://api.example/", True, id="default port written in the list"),
    pytest.param("https://API.Example", "https://api.example/", True, id="upper case in the list"),
    pytest.param("https://api.example", "https://API.EXAMPLE/", True, id="upper case in the request"),
    pytest.param("https://api.example:8443", "https://api.example:8443/", True, id="port"),
    pytest.param("https://api.example", "https://api.example:8443/", False, id="another port"),
    pytest.param("https://api.example:8443", "https://api.example/", False, id="port in the list only"),
    pytest.param("https://api.example", "http://api.example/", False, id="http of a listed https host"),
    pytest.param("https://api.example", "http://api.example:443/", False, id="http to the https port"),
    pytest.param("https://api.example", "https://evil.example/", False, id="another host"),
    pytest.param("https://api.example", "https://x.api.example/", False, id="sub-domain"),
    pytest.param("https://api.example", "https://api.example.evil/", False, id="suffix"),
    pytest.param("https://api.example", "https://api.example./", False, id="trailing dot"),
    pytest.param("https://api.example", "https://u:p@api.example/", True, id="userinfo in the request"),
    pytest.param("https://api.example", "https://api.example@evil.example/", False, id="host as userinfo"),
    pytest.param("https://api.example", "https://api\u3002example/", True, id="ideographic full stop"),
    pytest.param("https://api\u3002example", "https://api.example/", True, id="ideographic full stop in the list"),
    pytest.param("https://bücher.example", "https://bücher.example/", True, id="IDN"),
    pytest.param("https://BÜCHER.example", "https://xn--bcher-kva.example/", True, id="IDN and its punycode"),
    pytest.param("https://xn--bcher-kva.example", "https://bücher.example/", True, id="punycode and its IDN"),
    pytest.param(
        normalize("NFD", "https://bücher.example"), "https://bücher.example/", True, id="IDN in decomposed letters"
    ),
    pytest.param(
        "https://api.example/a,b;c?u=https://b.example,https://c.example", "https://api.example/", True, id="comma"
    ),
    pytest.param("https://faß.example", "https://faß.example/", True, id="IDN where IDNA 2003 and 2008 differ"),
    pytest.param("https://faß.example", "https://fass.example/", False, id="what IDNA 2003 would make of it"),
    pytest.param("https://[::1]:8443", "https://[::1]:8443/", True, id="IPv6"),
    pytest.param("https://10.0.0.1", "https://10.0.0.1/", True, id="IPv4"),
    pytest.param("http://localhost:8080", "http://localhost:8080/", True, id="http to loopback, listed"),
    pytest.param("http://127.0.0.2:8080", "http://127.0.0.2:8080/", True, id="http to 127/8, listed"),
    pytest.param("http://localhost:8080", "http://localhost:8081/", False, id="http to loopback, not listed"),
    pytest.param("https://api.example", "ftp://api.example/", False, id="another scheme"),
]


@pytest.mark.parametrize(("listed", "requested", "allowed"), LISTED)
def test_the_token_goes_to_listed_origins_only(listed: str, requested: str, allowed: bool) -> None:
    """Decided on the URL as httpx parsed it, which is where the socket connects."""
    url = httpx.URL(requested)
    assert parse_origins([listed], allow_http=False).allows(url.scheme, url.raw_host, url.port) is allowed


@pytest.mark.parametrize(
    ("listed", "requested", "allowed"),
    [
        pytest.param("http://files:8080", "http://files:8080/", True, id="listed http"),
        pytest.param("http://files:8080", "http://other:8080/", False, id="http that is not listed"),
        pytest.param(
            "http://files_service", "http://files_service/", True, id="an underscore, as docker compose has it"
        ),
        pytest.param("https://files", "http://files/", False, id="listed as https"),
    ],
)
def test_allow_http_lets_the_listed_http_origins_through_and_no_other(
    listed: str, requested: str, allowed: bool
) -> None:
    """A service mesh, docker compose."""
    url = httpx.URL(requested)
    assert parse_origins([listed], allow_http=True).allows(url.scheme, url.raw_host, url.port) is allowed


@pytest.mark.parametrize(
    ("allow_http", "requested", "allowed"),
    [
        pytest.param(False, "https://anything.example:99/", True, id="https"),
        pytest.param(False, "http://anything.example/", False, id="http"),
        pytest.param(False, "http://localhost:1/", True, id="http to loopback"),
        pytest.param(False, "http://[::1]/", True, id="http to IPv6 loopback"),
        pytest.param(False, "http://bücher.example/", False, id="http to an IDN"),
        pytest.param(True, "http://anything.example/", True, id="http, allowed"),
        pytest.param(True, "ftp://anything.example/", False, id="another scheme"),
    ],
)
def test_any_origin_lifts_the_list_and_not_the_https_rule(allow_http: bool, requested: str, allowed: bool) -> None:
    """`allow_http` lifts that one."""
    url = httpx.URL(requested)
    assert parse_origins([ANY_ORIGIN], allow_http=allow_http).allows(url.scheme, url.raw_host, url.port) is allowed


def test_any_origin_says_its_name() -> None:
    """In a repr, a signature, a log."""
    assert repr(ANY_ORIGIN) == "ANY_ORIGIN"


@pytest.mark.fault(204)
@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        pytest.param("", "is empty: check the setting that it comes from", id="empty"),
        pytest.param(" ", "is empty", id="blank"),
        pytest.param("https://a.example,https://b.example", SEVERAL, id="comma"),
        pytest.param("https://a.example, https://b.example", SEVERAL, id="comma and blank"),
        pytest.param("https://a.example;https://b.example", SEVERAL, id="semicolon"),
        pytest.param("https://a.example|https://b.example", SEVERAL, id="bar"),
        pytest.param("https://a.example https://b.example", SEVERAL, id="blank between two"),
        pytest.param("https://a.example\nhttps://b.example\n", SEVERAL, id="lines"),
        pytest.param("https://a.example,b.example", SEVERAL, id="two hosts"),
        pytest.param("https://a.example/v1,https://b.example", SEVERAL, id="comma after a path"),
        pytest.param('["https://a.example", "https://b.example"]', SEVERAL, id="JSON"),
        pytest.param("https://[fe80::1%eth0]", "contains an IPv6 zone id", id="zone"),
        pytest.param("https://[fe80::1%25eth0]:8443", "contains an IPv6 zone id", id="zone, percent-encoded"),
        pytest.param(httpx.URL("https://api.example"), "is of type URL, not a string: pass str(url)", id="httpx.URL"),
        pytest.param(type("HttpUrl", (), {})(), "type HttpUrl, not a string: pass str(url)", id="pydantic's"),
        pytest.param(urlsplit("https://api.example"), "SplitResult, not a string: pass its geturl()", id="urllib's"),
        pytest.param(iter(["https://api.example"]), "pass origins one by one", id="iterator"),
        pytest.param("api.example", "needs https://", id="no scheme"),
        pytest.param("api.example:443", "needs https://", id="host and port"),
        pytest.param("//api.example", "needs https://", id="scheme-relative"),
        pytest.param("ftp://api.example", "needs https://", id="unknown scheme"),
        pytest.param("https://", "no valid host", id="no host"),
        pytest.param("https:/api.example", "no valid host", id="one slash"),
        pytest.param("https://*.example", WILDCARD, id="wildcard"),
        pytest.param("*.example", WILDCARD, id="wildcard without a scheme"),
        pytest.param("*", WILDCARD, id="wildcard alone"),
        pytest.param("https://api.example:*", WILDCARD, id="wildcard for the port"),
        pytest.param(["https://api.example"], "is of type list, not a string: pass origins one by one", id="list"),
        pytest.param(("https://api.example",), "type tuple, not a string: pass origins one by one", id="tuple"),
        pytest.param({"https://api.example"}, "type set, not a string: pass origins one by one", id="set"),
        pytest.param("'https://api.example'", "is in quotes", id="quotes"),
        pytest.param("${FILES_SERVICE_URL}", "is a placeholder", id="placeholder"),
        pytest.param("https://${FILES_HOST}/", "is a placeholder", id="placeholder for the host"),
        pytest.param("https://a..example", "no valid host", id="empty label"),
        pytest.param("https://-a.example", "no valid host", id="label with an outer hyphen"),
        pytest.param("https://" + "a" * 64 + ".example", "no valid host", id="label of 64"),
        pytest.param("https://api.example:x", "no valid host", id="port that is no number"),
        pytest.param("https://api.example:65536", "no valid host", id="port too large"),
        pytest.param("https://api.example:0", "no valid host", id="port zero"),
        pytest.param("https://api.example:", "no valid host", id="empty port"),
        pytest.param("https://[::1", "no valid host", id="open bracket"),
        pytest.param("https://[::x]", "no valid host", id="no IPv6 address"),
        pytest.param("https://999.1.1.1", "no valid host", id="no IPv4 address"),
        pytest.param("https://127.1", "no valid host", id="short IPv4 address"),
        pytest.param("https://１27.0.0.1", "no valid host", id="digits that are not ASCII"),
        pytest.param("https://\ud800.example", "invisible", id="lone surrogate"),
        pytest.param("https://user:pw-hidden@api.example", "user name or password", id="userinfo"),
        pytest.param("https://api.example\\@evil.example", "backslash", id="backslash"),
        pytest.param(" https://api.example", "white space", id="leading blank"),
        pytest.param("https://api.example\n", "white space", id="trailing newline"),
        pytest.param("https://api\t.example", "white space", id="tab"),
        pytest.param("https://api\u2003.example", "white space", id="blank that is not ASCII"),
        pytest.param("https://api.example\u200b", "invisible", id="zero-width blank"),
        pytest.param("http://api.example", "is http", id="http"),
        pytest.param("http://localhost.example", "is http", id="http to a host that begins like loopback"),
        pytest.param(None, "is of type NoneType, not a string: is the setting", id="None"),
        pytest.param(b"https://api.example", "is of type bytes, not a string: pass its decode()", id="bytes"),
    ],
)
def test_an_origin_that_is_none_is_refused_at_once(item: str, wrong: str) -> None:
    """The message says which one, what is wrong and shows the form; it never repeats the value."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origins(["https://fine.example", item], allow_http=False)
    assert str(caught.value).startswith("origins: number 2 ")
    assert wrong in str(caught.value)
    assert 'httpx_auth("https://' in str(caught.value)
    assert "pw-hidden" not in str(caught.value)


def test_all_wrong_origins_are_named_at_once() -> None:
    """One line each."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origins(["a", "https://fine.example", "http://b"], allow_http=False)
    assert [line.split(" ")[2] for line in str(caught.value).splitlines()] == ["1", "3"]


def test_no_origin_at_all_is_refused() -> None:
    """It would refuse every request later."""
    with pytest.raises(ConfigurationError, match="none given"):
        parse_origins([], allow_http=False)


def test_any_origin_stands_alone() -> None:
    """Beside it a list would look like a limit."""
    with pytest.raises(ConfigurationError, match="alone"):
        parse_origins(["https://api.example", ANY_ORIGIN], allow_http=False)


@pytest.mark.parametrize(
    ("listed", "allow_http", "scheme", "host", "port", "said"),
    [
        pytest.param("https://api.example", False, "https", b"evil.example", None, "https://evil.example,", id="host"),
        pytest.param(
            "https://api.example", False, "https", b"evil.example", None, "(https://api.example)", id="the list"
        ),
        pytest.param("https://api.example", False, "http", b"api.example", None, "without TLS", id="http"),
        pytest.param("https://api.example", False, "http", b"api.example", 99, "http://api.example:99", id="http port"),
        pytest.param("https://api.example", False, "http", b"localhost", 99, "not one of the listed", id="loopback"),
        pytest.param("http://files", True, "http", b"other", None, "not one of the listed", id="http, allowed"),
    ],
)
def test_a_refusal_says_what_why_and_what_to_do(
    listed: str, allow_http: bool, scheme: str, host: bytes, port: int | None, said: str
) -> None:
    """The message of OriginNotAllowed."""
    origins = parse_origins([listed], allow_http=allow_http)
    assert not origins.allows(scheme, host, port)
    assert said in origins.explain(scheme, host, port)
    assert "httpx_auth(" in origins.explain(scheme, host, port)


NOT_ABSOLUTE = (
    "the token was not sent, because the URL is not absolute. Set base_url on the client, or begin the URL with "
    "https:// and the host"
)


@pytest.mark.parametrize("listed", ["https://api.example", ANY_ORIGIN], ids=["listed", "any"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/files", NOT_ABSOLUTE),
        ("api.example/files", NOT_ABSOLUTE),
        ("localhost:8000/files", NOT_ABSOLUTE),
        ("//api.example/files", NOT_ABSOLUTE),
        ("http:///files", NOT_ABSOLUTE),
        (
            "ftp://api.example/files",
            "the token was not sent to ftp://api.example, because ftp is not a scheme for HTTP. Use https",
        ),
        (
            "unix://api.example:99",
            "the token was not sent to unix://api.example:99, because unix is not a scheme for HTTP. Use https",
        ),
    ],
    ids=["path", "no scheme", "host and port", "scheme-relative", "no host", "ftp", "unix"],
)
def test_a_url_that_names_no_http_origin_is_told_so(listed: str | AnyOrigin, url: str, said: str) -> None:
    """TLS is not what is missing there."""
    asked = httpx.URL(url)
    origins = parse_origins([listed], allow_http=False)
    assert not origins.allows(asked.scheme, asked.raw_host, asked.port)
    assert origins.explain(asked.scheme, asked.raw_host, asked.port) == said


@pytest.mark.parametrize("origins", [["https://api.example"], [ANY_ORIGIN], []], ids=["listed", "any", "none"])
@pytest.mark.parametrize("allow_http", ["false", "", 1, 0, None], ids=repr)
def test_allow_http_is_true_or_false(origins: list[str | AnyOrigin], allow_http: object) -> None:
    """A setting read from the environment is a string, and "false" would count as true."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origins(origins, allow_http=allow_http)  # type: ignore[arg-type]  # that is the test
    assert str(caught.value) == (f"allow_http: use True or False; got a value of type {type(allow_http).__name__}")


def test_one_string_that_was_spread_is_one_mistake() -> None:
    """Not one line for each character."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origins([*"https://api.example"], allow_http=False)
    assert str(caught.value) == (
        "origins: one string was passed as its single characters: leave out the *; list the services that may see the "
        'token, as httpx_auth("https://files.example.com")'
    )


@pytest.mark.parametrize(
    ("module", "method"), [("httpx", "httpx_auth"), ("httpx2._models", "httpx2_auth")], ids=["httpx", "httpx2"]
)
def test_a_request_among_the_origins_means_that_the_method_was_not_called(module: str, method: str) -> None:
    """An HTTP client calls what it is given as auth."""
    request: Any = type("Request", (), {"__module__": module})()
    with pytest.raises(ConfigurationError) as caught:
        parse_origins([request], allow_http=False)
    assert str(caught.value) == (
        f"origins: auth= was given the method {method} itself, and the HTTP client called it with a request. Call the "
        f'method yourself: auth=credentials.{method}("https://files.example.com")'
    )


def test_a_refusal_under_any_origin_is_about_http() -> None:
    """There is no list to be on."""
    assert "without TLS" in parse_origins([ANY_ORIGIN], allow_http=False).explain("http", b"api.example", None)


@pytest.mark.parametrize(("number", "cut"), [pytest.param(5, False, id="five"), pytest.param(6, True, id="six")])
def test_a_long_list_is_cut_in_the_message(number: int, cut: bool) -> None:
    """Five names are enough to recognise it."""
    origins = parse_origins([f"https://api{n}.example" for n in range(number)], allow_http=False)
    text = origins.explain("https", b"evil.example", None)
    assert ("…" in text) is cut
    assert text.count("https://api") == 5


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("localhost", True, id="name"),
        pytest.param("127.0.0.1", True, id="usual"),
        pytest.param("127.255.255.254", True, id="last of 127/8"),
        pytest.param("128.0.0.1", False, id="behind 127/8"),
        pytest.param("126.255.255.255", False, id="before 127/8"),
        pytest.param("::1", True, id="IPv6"),
        pytest.param("::2", False, id="IPv6 behind"),
        pytest.param("localhost.example", False, id="a name that begins so"),
        pytest.param("127.0.0.1.example", False, id="a name that looks like it"),
        pytest.param("", False, id="empty"),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    """Where http leaves no machine."""
    assert is_loopback(host) is expected


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    """What is parsed has an ASCII host; what is not has a message."""
    try:
        assert parse_url(text).origin.host.isascii()
    except ValueError as wrong:
        assert type(wrong) is ValueError  # noqa: PT017  # its subclasses would carry the text


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9ß-ÿ]{1,9}(\.[a-zß-ÿ]{2,5}){1,2}", fullmatch=True),
    st.none() | st.integers(1, 65535),
)
def test_whatever_httpx_connects_to_is_what_was_listed(scheme: str, host: str, port: int | None) -> None:
    """A listed URL is always allowed, whatever its host, as soon as httpx takes it."""
    text = f"{scheme}://{host}" + ("" if port is None else f":{port}")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return
    assert parse_origins([text], allow_http=True).allows(url.scheme, url.raw_host, url.port)


@pytest.mark.parametrize(
    ("listed", "scheme", "host", "port", "allowed"),
    [
        pytest.param("https://api.example", "wss", b"api.example", None, True, id="TLS"),
        pytest.param("https://api.example", "wss", b"api.example", 443, True, id="TLS, its port named"),
        pytest.param("https://api.example:8443", "wss", b"api.example", 8443, True, id="TLS, another port"),
        pytest.param("https://api.example", "ws", b"api.example", None, False, id="without TLS"),
        pytest.param("https://api.example", "wss", b"evil.example", None, False, id="another host"),
        pytest.param("http://localhost:80", "ws", b"localhost", None, True, id="loopback"),
        pytest.param(ANY_ORIGIN, "wss", b"evil.example", None, True, id="any origin, TLS"),
        pytest.param(ANY_ORIGIN, "ws", b"api.example", None, False, id="any origin, without TLS"),
        pytest.param(ANY_ORIGIN, "ws", b"127.0.0.1", 80, True, id="any origin, loopback"),
    ],
)
def test_websocket_to_a_listed_origin_carries_the_token(
    listed: str, scheme: str, host: bytes, port: int | None, allowed: bool
) -> None:
    """RFC 6455 3: wss and https mean the same server, port and TLS."""
    origins = parse_origins([listed], allow_http=False)
    assert origins.allows(scheme, host, port) is allowed
    assert allowed or str(origin(scheme, host, port)) in origins.explain(scheme, host, port)


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        (["https://b.example/v1", "https://a.example:8443"], "https://a.example:8443, https://b.example"),
        ([ANY_ORIGIN], "any origin"),
    ],
    ids=["listed", "any"],
)
def test_a_list_of_origins_reads_as_its_origins(listed: list[str | AnyOrigin], shown: str) -> None:
    """A hook's repr shows it."""
    assert str(parse_origins(listed, allow_http=False)) == shown


def test_message_names_each_listed_origin_once() -> None:
    """Without its WebSocket twin, which nobody listed."""
    assert "(https://api.example)" in parse_origins(["https://api.example"], allow_http=False).explain(
        "https", b"evil.example", None
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("https://a b", "holds white space or an invisible character"),
        ("https://a\\b", "holds a backslash"),
        ("https://a:x", "has no valid host or port"),
        ("https://a:0", "has no valid host or port"),
        ("a.example", "needs https:// before the host"),
        ("https://user@a.example", "holds a user name or password"),
        ("https://", "has no valid host"),
        ("https://*.example", "has no valid host"),
    ],
    ids=["blank", "backslash", "no port", "port 0", "no scheme", "userinfo", "no host", "wildcard"],
)
def test_a_wrong_url_is_told_why_word_by_word(text: str, wrong: str) -> None:
    """People search for these words."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        parse_url(text)
    assert str(caught.value) == wrong


def test_the_errors_about_origins_to_the_letter() -> None:
    """One line each, with the form."""
    form = 'list the services that may see the token, as httpx_auth("https://files.example.com")'
    with pytest.raises(ConfigurationError) as caught:
        parse_origins(["http://b", 7], allow_http=False)  # type: ignore[list-item]  # that is the test
    assert str(caught.value) == (
        "origins: number 1 is http, where anyone on the way could read the token (allow_http=True where that is fine); "
        f"{form}\norigins: number 2 is of type int, not a string; {form}"
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_origins([ANY_ORIGIN, "https://b"], allow_http=False)
    assert str(caught.value) == "origins: ANY_ORIGIN already means all of them; pass it alone or list the origins"


def test_the_two_refusals_to_the_letter() -> None:
    """Without TLS, and not listed: what was asked for, why not, what to do."""
    origins = parse_origins(["https://b.example", "https://a.example:99"], allow_http=False)
    assert origins.explain("http", b"a.example", None) == (
        "the token was not sent to http://a.example: without TLS anyone on the way could read it. Use https, or, where "
        'the network itself is trusted, list this origin and pass allow_http=True: httpx_auth("http://…", '
        "allow_http=True)"
    )
    assert origins.explain("https", b"c.example", None) == (
        "the token was not sent to https://c.example, which is not one of the listed origins (https://a.example:99, "
        "https://b.example). If that service is meant to see the token, add it: httpx_auth(origin, other_origin); if "
        "not, call it through a client without this auth"
    )


def test_a_list_that_was_cut_ends_with_three_dots() -> None:
    """After the fifth name."""
    origins = parse_origins([f"https://a{n}" for n in range(6)], allow_http=False)
    assert "(https://a0, https://a1, https://a2, https://a3, https://a4, …)" in origins.explain("https", b"b", None)


def test_a_host_that_is_not_ascii_is_no_loopback() -> None:
    """An HTTP library may give any bytes; nothing is raised but the refusal."""
    origins = parse_origins([ANY_ORIGIN], allow_http=False)
    assert not origins.allows("http", b"\xff", None)


def test_loopback_websocket_that_is_not_listed_is_told_so() -> None:
    """TLS is not what is missing there."""
    text = parse_origins(["https://api.example"], allow_http=False).explain("ws", b"127.0.0.1", 8080)
    assert "ws://127.0.0.1:8080, which is not one of the listed origins" in text


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ("", "is empty: check the setting that it comes from"),
        ("*", WILDCARD),
        ("https://a.example,https://b.example", SEVERAL),
        (
            "https://[fe80::1%eth0]",
            "contains an IPv6 zone id, which no origin has: use a host name, or an address without one",
        ),
    ],
    ids=["empty", "wildcard", "several", "zone"],
)
def test_what_is_wrong_with_an_origin_is_told_word_by_word(item: str, wrong: str) -> None:
    """With what to do, and the form."""
    with pytest.raises(ConfigurationError) as caught:
        parse_origins([item], allow_http=False)
    form = 'list the services that may see the token, as httpx_auth("https://files.example.com")'
    assert str(caught.value) in (f"origins: {wrong}; {form}", f"origins: number 1 {wrong}; {form}")


def test_two_single_characters_are_one_string_and_one_is_not() -> None:
    """`httpx_auth(*"ab")` was meant without the star."""
    for items, told in ((["a", "b"], True), (["a"], False)):
        with pytest.raises(ConfigurationError) as caught:
            parse_origins(items, allow_http=False)
        assert ("leave out the *" in str(caught.value)) is told
