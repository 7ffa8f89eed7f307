"""Proxies of the environment, as `doctor` and `call` see them: their decision is httpx's own.

`proxy_of` is private: a command asks it for one host, and the table has thousands of cases.
"""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from s2sauth._cli._proxy import proxy_of
from s2sauth.testing import FakeCognito
from tests.cli.conftest import Run
from tests.cli.test_doctor import found, statuses
from tests.support.proxy import ConnectProxy

REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PASSWORD = "hunter2"

URLS = (
    "https://example.com/",
    "https://www.example.com:8443/",
    "http://example.com/",
    "https://wwwexample.com/",
    "https://xn--bcher-kva.example/",
    "http://10.1.2.3/",
    "https://[2001:db8::1]/",
    "http://localhost:1/",
    "http://127.0.0.1:1/",
)


@pytest.fixture
def refusing() -> Iterator[ConnectProxy]:
    """A proxy that notes each request and refuses it."""
    with ConnectProxy(REFUSAL) as proxy:
        yield proxy


def with_password(proxy: ConnectProxy) -> str:
    """Its URL with a user name and a password."""
    return proxy.url.replace("//", f"//user:{PASSWORD}@")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("scheme", ["HTTP", "HTTPS", "ALL"])
@pytest.mark.parametrize(
    "no_proxy",
    [
        "", "*", "a.example, *", "example.com", ".example.com", "*.example.com", "EXAMPLE.COM", "example.com.",
        " wwwexample.com , ,other.example", "example.com:443", "example.com:8443", "https://example.com",
        "http://example.com", "all://example.com", "https://", "http://", "all://",
        "xn--bcher-kva.example", "10.1.2.3", "10.0.0.0/8", "2001:db8::1", "localhost", "localhost,127.0.0.1,::1",
        "127.0.0.0/8",
    ],
)  # fmt: skip
def test_a_proxy_is_used_exactly_where_httpx_uses_it(
    no_proxy: str, scheme: str, refusing: ConnectProxy, bare: pytest.MonkeyPatch
) -> None:
    """A real client sends a request to each URL; the real proxy notes those that come to it."""
    bare.setenv(f"{scheme}_PROXY", with_password(refusing))
    bare.setenv("NO_PROXY", no_proxy)
    with httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:  # fast: it reads no CA file
        for url in URLS:
            before = len(refusing.seen)
            try:
                client.get(url)
            except httpx.HTTPError:
                pass  # the proxy refused, or nobody answers
            proxy = proxy_of(url)
            assert (proxy is not None) is (len(refusing.seen) > before), url
            if proxy is not None:
                assert (f"http://{proxy}", proxy.variable) == (refusing.url, f"{scheme}_PROXY")


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:2"}, ("127.0.0.1:1", "HTTPS_PROXY")),
        ({"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:2"}, ("127.0.0.1:2", "ALL_PROXY")),
        ({"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "127.0.0.1:2"}, ("127.0.0.1:2", "https_proxy")),
        ({"HTTPS_PROXY": "", "Https_Proxy": "https://[::1]"}, ("[::1]:443", "Https_Proxy")),
        ({"HTTPS_PROXY": "http://bücher.example"}, ("xn--bcher-kva.example:80", "HTTPS_PROXY")),
    ],
)
def test_the_proxy_and_its_variable_are_named(
    variables: dict[str, str], proxy: tuple[str, str], bare: pytest.MonkeyPatch
) -> None:
    """The scheme's own variable wins over ALL_PROXY, and the lower case over the upper."""
    for name, value in variables.items():
        bare.setenv(name, value)
    named = proxy_of("https://example.com/")
    assert named is not None
    assert (str(named), named.variable) == proxy


def test_http_proxy_of_a_cgi_script_is_ignored(bare: pytest.MonkeyPatch) -> None:
    """There HTTP_PROXY is the header "Proxy" of a request; http_proxy is not."""
    bare.setenv("REQUEST_METHOD", "GET")
    bare.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert proxy_of("http://example.com/") is None
    bare.setenv("http_proxy", "http://127.0.0.1:2")
    assert str(proxy_of("http://example.com/")) == "127.0.0.1:2"


def test_proxy_of_the_system(bare: pytest.MonkeyPatch) -> None:
    """macOS and Windows have a setting besides the variables."""
    bare.setattr("httpx._utils.getproxies", lambda: {"https": "http://127.0.0.1:1"})
    bare.setattr("s2sauth._cli._proxy.getproxies", lambda: {"https": "http://127.0.0.1:1"})
    named = proxy_of("https://example.com/")
    assert named is not None
    assert named.variable == "the system's proxy for https"


UNREADABLE = {
    "a scheme that does not exist": ("ALL_PROXY", f"socks://user:{PASSWORD}@127.0.0.1:9"),
    "socks without its package": ("ALL_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:9"),
    "# in the password": ("HTTPS_PROXY", f"http://user:{PASSWORD}#x@127.0.0.1:9"),
    "# after digits": ("HTTPS_PROXY", f"http://{PASSWORD}:12#{PASSWORD}@127.0.0.1:9"),
    "/ after digits": ("HTTPS_PROXY", f"http://{PASSWORD}:12/{PASSWORD}@127.0.0.1:9"),
    "? after digits, no scheme": ("HTTPS_PROXY", f"{PASSWORD}:12?{PASSWORD}@127.0.0.1:9"),
    "a variable that was not replaced": ("HTTPS_PROXY", f"http://{PASSWORD}@127.0.0.1:${{PORT}}"),
    "no host": ("HTTPS_PROXY", f"http://user:{PASSWORD}@:3128"),
    "no host, no port": ("https_proxy", "http://"),
    "a port that is too high": ("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:99999"),
    "a part of the name that is too long": ("HTTPS_PROXY", f"http://user:{PASSWORD}@{'a' * 64}.localhost:3128"),
    "an empty part of the name": ("HTTPS_PROXY", f"http://user:{PASSWORD}@a..localhost:3128"),
    "a line break": ("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:3128\n"),
    "bytes that are no UTF-8 in the host": ("HTTPS_PROXY", f"http://user:{PASSWORD}@\udcff:3128"),
    "bytes that are no UTF-8 in the password": ("HTTPS_PROXY", f"http://user:{PASSWORD}\udcff@127.0.0.1:3128"),
    "an IPv6 address in brackets": ("NO_PROXY", f"{PASSWORD},[::1]"),
    "an IPv6 network": ("no_proxy", f"{PASSWORD},fd07:b51a:cc66:f0::/64"),
    "a name in NO_PROXY that is not ASCII": ("NO_PROXY", f"{PASSWORD},bücher.example"),
    "no UTF-8 in NO_PROXY": ("NO_PROXY", f"{PASSWORD},\udcff"),
}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("variable", "value"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_variable_that_httpx_cannot_read_is_named(
    variable: str, value: str, run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch
) -> None:
    """With what to do, and no part of its value; by `doctor` and by `call`. Nothing is sent."""
    bare.setenv(variable, value)
    ran = run("doctor", "--json", "--domain", "auth.example.com")
    assert ran.code == 2
    assert statuses(ran) == {"settings": "pass", "secret": "pass", "proxy": "fail", "token": "skip"}
    assert found(ran, "proxy").startswith(f"{variable}: ")
    assert PASSWORD not in ran.out + ran.err
    ran = run("call", "GET", "https://api.example.com/")
    assert ran.code == 2
    assert variable in ran.err
    assert PASSWORD not in ran.out + ran.err
    assert fake.api_requests == []


def test_a_proxy_without_a_host_is_a_warning_where_it_is_not_used(
    run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch
) -> None:
    """Requests to this machine go direct."""
    bare.setenv("HTTP_PROXY", f"http://user:12#{PASSWORD}@127.0.0.1:3128")
    ran = run("doctor", "--json", fake.api_url)
    assert ran.code == 0
    assert (statuses(ran)["proxy"], statuses(ran)["api proxy"], statuses(ran)["api"]) == ("warn", "warn", "pass")
    assert "percent-encode" in found(ran, "proxy")
    assert "user:12" not in ran.out
    assert PASSWORD not in ran.out


def test_a_proxy_that_can_be_reached(
    run: Run, fake: FakeCognito, refusing: ConnectProxy, bare: pytest.MonkeyPatch
) -> None:
    """Name and connection are its affair; it is named without its password."""
    bare.setenv("HTTPS_PROXY", with_password(refusing))
    ran = run("doctor", "--json", "https://api.example.com/", "--domain", "auth.example.com")
    assert (statuses(ran)["proxy"], statuses(ran)["api proxy"]) == ("pass", "pass")
    place = refusing.url.removeprefix("http://")
    assert found(ran, "proxy").startswith(f"the proxy {place} from HTTPS_PROXY can be reached")
    assert {statuses(ran)[name] for name in ("dns", "tls", "clock", "api dns", "api tls")} == {"skip"}
    assert PASSWORD not in ran.out


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.usefixtures("fake")
def test_a_proxy_that_is_down(variable: str, run: Run, bare: pytest.MonkeyPatch) -> None:
    """It fails, and not the domain; no token is asked for."""
    bare.setenv(variable, f"http://user:{PASSWORD}@127.0.0.1:1")
    ran = run("doctor", "--json", "--domain", "auth.example.com")
    assert ran.code == 3
    assert statuses(ran) == {"settings": "pass", "secret": "pass", "proxy": "fail", "token": "skip"}
    assert f"the proxy 127.0.0.1:1 from {variable} cannot be reached: " in found(ran, "proxy")
    assert f"Check host and port in {variable}." in found(ran, "proxy")
    assert PASSWORD not in ran.out + ran.err


def test_requests_to_this_machine_pass_a_proxy_by(
    run: Run, fake: FakeCognito, refusing: ConnectProxy, bare: pytest.MonkeyPatch
) -> None:
    """Token request, clock, `doctor`'s call and `call`; what a client of httpx would do with the API is a warning."""
    bare.setenv("HTTP_PROXY", with_password(refusing))
    ran = run("doctor", "--json", fake.api_url)
    assert ran.code == 0
    assert {name for name, status in statuses(ran).items() if status != "pass"} == {"api proxy"}
    assert "is not used for token requests to this machine" in found(ran, "proxy")
    assert statuses(ran)["api proxy"] == "warn"
    assert "NO_PROXY=localhost,127.0.0.1,::1, or trust_env=False" in found(ran, "api proxy")
    assert run("call", "GET", fake.api_url).code == 0
    assert len(fake.api_requests) == 2
    assert refusing.seen == []


def test_call_through_a_proxy_names_it(
    run: Run, fake: FakeCognito, refusing: ConnectProxy, bare: pytest.MonkeyPatch
) -> None:
    """A proxy that refuses, by host and port and the variable; not its password."""
    bare.setenv("HTTPS_PROXY", with_password(refusing))
    ran = run("call", "GET", "https://api.example.com/")
    assert ran.code == 3
    place = refusing.url.removeprefix("http://")
    assert f"gave no answer through the proxy {place} from HTTPS_PROXY: ProxyError, 502 Bad Gateway" in ran.err
    assert PASSWORD not in ran.err
    assert len(refusing.seen) == 1


@pytest.mark.parametrize("no_proxy", ["localhost,127.0.0.1,::1", None])
def test_what_the_docs_say_keeps_calls_to_this_machine_from_a_proxy(
    no_proxy: str | None, fake: FakeCognito, refusing: ConnectProxy, bare: pytest.MonkeyPatch
) -> None:
    """NO_PROXY for every client of the process, or trust_env=False for one."""
    bare.setenv("HTTP_PROXY", refusing.url)
    if no_proxy is not None:
        bare.setenv("NO_PROXY", no_proxy)
    with httpx.Client(trust_env=no_proxy is not None) as client:
        assert client.get(fake.api_url).status_code == 401
    assert refusing.seen == []
