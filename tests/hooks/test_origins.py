"""The token goes to listed origins only, decided before a byte leaves."""

from collections.abc import Callable

import httpx
import pytest

from s2sauth import ANY_ORIGIN, CognitoClientCredentials, ConfigurationError, OriginNotAllowed
from s2sauth.testing import FakeCognito
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


def refused(auth: httpx.Auth, url: str) -> str:
    """The message of the refusal; fails if anything reached the transport."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was sent")

    with httpx.Client(auth=auth, transport=httpx.MockTransport(unreachable)) as client:
        with pytest.raises(OriginNotAllowed) as caught:
            client.get(url)
    return str(caught.value)


def accepted(auth: httpx.Auth, url: str) -> None:
    """Fails if the request does not reach the transport with a token."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"].startswith("Bearer ")
        return httpx.Response(200)

    with httpx.Client(auth=auth, transport=httpx.MockTransport(answer)) as client:
        assert client.get(url).status_code == 200


LISTED = "https://api.example.com/v1/"

REFUSED = {
    "other host": "https://other.example.com/",
    "sub-domain": "https://a.api.example.com/",
    "parent domain": "https://example.com/",
    "suffix": "https://api.example.com.evil.example/",
    "other port": "https://api.example.com:8443/",
    "http": "http://api.example.com/",
    "http on 443": "http://api.example.com:443/",
    "trailing dot": "https://api.example.com./",
    "address": "https://93.184.216.34/",
    "loopback": "http://localhost/",
    "userinfo trick": "https://api.example.com@evil.example/",
    "backslash trick": "https://api.example.com\\@evil.example/",
    "encoded dot": "https://api%2Eexample.com/",
}

ACCEPTED = {
    "the same": "https://api.example.com/v1/files",
    "another path": "https://api.example.com/",
    "upper case": "HTTPS://API.EXAMPLE.COM/x",
    "default port": "https://api.example.com:443/x",
    "userinfo": "https://user:word@api.example.com/x",
    "query": "https://api.example.com?to=https://evil.example/",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_request_to_another_origin_is_refused(
    credentials: CognitoClientCredentials, fake: FakeCognito, url: str
) -> None:
    """No byte leaves, and not even a token is fetched."""
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        pytest.skip("httpx refuses it itself")
    message = refused(credentials.httpx_auth(LISTED), url)
    assert "httpx_auth(" in message
    assert fake.counts()["token_requests"] == 0


@pytest.mark.parametrize("url", ACCEPTED.values(), ids=ACCEPTED)
def test_request_to_a_listed_origin_is_sent(credentials: CognitoClientCredentials, url: str) -> None:
    """An origin is scheme, host and port; the rest does not matter."""
    accepted(credentials.httpx_auth(LISTED), url)


def test_refusal_reaches_every_world(credentials: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """Threads, asyncio, trio."""
    with pytest.raises(OriginNotAllowed):
        world.send(credentials.httpx_auth(LISTED), f"{fake.api_url}/files")
    assert fake.api_requests == []
    assert fake.token_requests == []


def test_absolute_url_over_base_url_is_refused(credentials: CognitoClientCredentials) -> None:
    """`base_url` is no fence: httpx sends absolute URLs wherever they point."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise AssertionError

    transport = httpx.MockTransport(unreachable)
    with httpx.Client(base_url=LISTED, auth=credentials.httpx_auth(LISTED), transport=transport) as client:
        with pytest.raises(OriginNotAllowed):
            client.get("https://evil.example/")


def test_host_header_does_not_decide(credentials: CognitoClientCredentials) -> None:
    """The URL says where the bytes go."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise AssertionError

    with httpx.Client(auth=credentials.httpx_auth(LISTED), transport=httpx.MockTransport(unreachable)) as client:
        with pytest.raises(OriginNotAllowed):
            client.get("https://evil.example/", headers={"Host": "api.example.com"})


def test_several_origins_may_be_listed(credentials: CognitoClientCredentials) -> None:
    """One hook for several services."""
    auth = credentials.httpx_auth("https://a.example", "https://b.example:8443/x")
    accepted(auth, "https://a.example/1")
    accepted(auth, "https://b.example:8443/2")
    assert "a.example" in refused(auth, "https://b.example/")


def test_any_origin_lifts_the_list_but_not_https(credentials: CognitoClientCredentials) -> None:
    """Without TLS anyone on the way could read the token."""
    auth = credentials.httpx_auth(ANY_ORIGIN)
    accepted(auth, "https://anywhere.example/")
    accepted(auth, "http://localhost:8000/")
    assert "TLS" in refused(auth, "http://anywhere.example/")


def test_allow_http_lets_listed_http_origins_through_and_only_those(credentials: CognitoClientCredentials) -> None:
    """For a service mesh or docker compose."""
    auth = credentials.httpx_auth("http://files:8000", allow_http=True)
    accepted(auth, "http://files:8000/x")
    refused(auth, "http://files:8001/x")
    refused(auth, "http://other:8000/x")
    refused(auth, "https://files:8000/x")


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_loopback_needs_no_leave(credentials: CognitoClientCredentials, url: str) -> None:
    """What never leaves the machine may be http."""
    accepted(credentials.httpx_auth(url), f"{url}/files")


WRONG = {
    "none": (),
    "no scheme": ("api.example.com",),
    "another scheme": ("ftp://api.example.com",),
    "empty": ("",),
    "http": ("http://api.example.com",),
    "no string": (7,),
    "None": (None,),
    "bytes": (b"https://api.example.com",),
    "userinfo": ("https://user:word@api.example.com",),
    "blank": ("https://api example.com",),
    "bad port": ("https://api.example.com:99999",),
    "ANY_ORIGIN and others": (ANY_ORIGIN, "https://api.example.com"),
    "URL object": (httpx.URL("https://api.example.com"),),
}


@pytest.mark.parametrize("origins", WRONG.values(), ids=WRONG)
def test_origin_of_the_wrong_form_is_refused_at_construction(
    credentials: CognitoClientCredentials, origins: tuple[object, ...]
) -> None:
    """The error names what is wrong and shows the form."""
    with pytest.raises(ConfigurationError, match=r"(?s)origins: .*httpx_auth\(|origins: ANY_ORIGIN"):
        credentials.httpx_auth(*origins)  # type: ignore[arg-type]  # that is the test


def test_origins_error_holds_no_password(credentials: CognitoClientCredentials) -> None:
    """Userinfo in a URL may be one."""
    with pytest.raises(ConfigurationError) as caught:
        credentials.httpx_auth("https://user:s3cretword@api.example.com")
    assert "s3cretword" not in str(caught.value)


def test_refusal_holds_no_path_or_query(credentials: CognitoClientCredentials) -> None:
    """They may hold what is secret."""
    message = refused(credentials.httpx_auth(LISTED), "https://user:hunter2@evil.example/private?key=value")
    assert not {"private", "value", "hunter2"} & set(message.replace("/", " ").replace("=", " ").split())


def test_international_host_is_one_origin_in_both_forms(credentials: CognitoClientCredentials) -> None:
    """What is compared is what the socket connects to."""
    auth = credentials.httpx_auth("https://bücher.example")
    accepted(auth, "https://xn--bcher-kva.example/")
    accepted(auth, "https://bücher.example/")
