"""Domain, token_url and region wrong in every way; nothing is sent."""

import pytest

from tests.support.arguments import NOT_TEXT, build, mistake, nothing_is_sent
from tests.support.labels import plainly

__all__ = ["nothing_is_sent"]

pytestmark = pytest.mark.usefixtures("nothing_is_sent")

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


@pytest.mark.fault(147)
@pytest.mark.parametrize(("domain", "url"), DOMAINS.items(), ids=DOMAINS)
def test_domain_is_normalised(domain: str, url: str) -> None:
    """Each of these forms is meant well."""
    assert f"at {url}," in repr(build(domain=domain))


WRONG_DOMAINS: list[object] = [
    "",
    " ",
    "demo",
    "a b.example.com",
    " auth.example.com",
    "auth.example.com ",
    "auth.example.com\n",
    "http://auth.example.com",
    "ftp://auth.example.com",
    "https://",
    "https:///oauth2/token",
    "https://auth.example.com/login",
    "https://auth.example.com/oauth2",
    "https://auth.example.com?a=b",
    "https://auth.example.com#x",
    "https://user:hunter2@auth.example.com",
    "user@auth.example.com",
    "auth.example.com:99999",
    "auth.example.com:0",
    "auth.example.com:x",
    "auth..example.com",
    "-auth.example.com",
    "eu-central-1_Ab3dEf9hI",
    "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab3dEf9hI",
    "cognito-idp.eu-central-1.amazonaws.com",
    "999.1.1.1",
    "auth\\example.com",
    "auth.example.com\0",
    *NOT_TEXT,
]


@pytest.mark.fault(147)
@pytest.mark.parametrize("domain", WRONG_DOMAINS, ids=plainly)
def test_wrong_domain(domain: object) -> None:
    """The field and the form, never a password."""
    message = mistake(domain=domain)
    assert message.startswith("domain: ")
    assert "demo.auth.eu-central-1.amazoncognito.com" in message
    assert "hunter2" not in message


@pytest.mark.fault(147)
@pytest.mark.parametrize(
    "changes", [{"domain": None}, {"token_url": URL}, {"domain": None, "token_url": None}], ids=plainly
)
def test_neither_or_both(changes: dict[str, object]) -> None:
    """Exactly one of domain and token_url."""
    message = mistake(**changes)
    assert message.startswith("domain or token_url: ")
    assert "domain:" in message
    assert "token_url:" in message


WRONG_URLS: list[object] = [
    "",
    "auth.example.com",
    "auth.example.com/oauth2/token",
    "https://auth.example.com",
    "http://auth.example.com/oauth2/token",
    "https://user:hunter2@auth.example.com/x",
    "https://auth.example.com/x#y",
    "https://auth.example.com/a b",
    "https:///x",
    "https://auth.example.com/x?client_secret=hunter2",
    "https://auth.example.com/x?client_id=",
    "https://auth.example.com/tök",
    "ftp://auth.example.com/x",
    "https://auth.example.com:0/x",
    *NOT_TEXT,
]


@pytest.mark.fault(147)
@pytest.mark.parametrize("url", WRONG_URLS, ids=plainly)
def test_wrong_token_url(url: object) -> None:
    """The same https rule; its query is kept, unless it holds credentials."""
    message = mistake(domain=None, token_url=url)
    assert message.startswith("token_url: ")
    assert "use the whole https URL" in message
    assert "hunter2" not in message


@pytest.mark.fault(147)
@pytest.mark.parametrize(
    "url", ["https://proxy.example.com/oauth2/token?a=b&c=", "https://proxy.example.com/t?", "http://127.0.0.1:8080/t"]
)
def test_token_url_is_kept(url: str) -> None:
    """Query and all."""
    assert f"at {url}," in repr(build(domain=None, token_url=url))


REGIONS = {
    "eu-central-1": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token",
    "mx-central-1": "https://demo.auth.mx-central-1.amazoncognito.com/oauth2/token",
    "xx-nowhere-9": "https://demo.auth.xx-nowhere-9.amazoncognito.com/oauth2/token",
    "us-gov-west-1": "https://demo.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token",
}


@pytest.mark.fault(148)
@pytest.mark.parametrize(("region", "url"), REGIONS.items(), ids=REGIONS)
def test_bare_prefix_with_region(region: str, url: str) -> None:
    """Syntax only, since AWS adds Regions."""
    assert f"at {url}," in repr(build(domain="demo", region=region))


@pytest.mark.fault(148)
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
    ids=plainly,
)
def test_wrong_region(region: object) -> None:
    """The field and the form."""
    message = mistake(domain="demo", region=region)
    assert "region: " in message
    assert "eu-central-1" in message


@pytest.mark.fault(148)
def test_region_that_contradicts_the_domain() -> None:
    """The one case where a typo shows."""
    domain = "demo.auth.eu-central-1.amazoncognito.com"
    assert "another Region" in mistake(domain=domain, region="eu-wset-1")
    build(domain=domain, region="eu-central-1")


@pytest.mark.fault(148)
@pytest.mark.parametrize("region", ["cn-north-1", "eusc-de-east-1"])
def test_partition_whose_domains_are_not_known(region: str) -> None:
    """Give the host instead of a guess."""
    assert "give the host" in mistake(domain="demo", region=region)
    build(domain="demo.auth.cn-north-1.example.cn")
