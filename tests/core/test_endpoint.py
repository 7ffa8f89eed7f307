"""What is said of a `domain` and a `token_url` that are none, word by word: people search for these words."""

import pytest

from s2sauth._core.endpoint import contradicts, from_domain, from_token_url, with_scope

HTTP = "is http, where anyone on the way could read the secret; http is for loopback hosts only"
ISSUER = "is the user pool's issuer, not its domain (Cognito console: Branding, Domain)"
POOL = "is a user pool's id, not its domain (Cognito console: Branding, Domain)"


@pytest.mark.parametrize(
    ("domain", "region", "wrong"),
    [
        ("demo", None, "is a bare prefix, which needs region"),
        (
            "demo",
            "cn-north-1",
            "is a bare prefix, and what follows it in that partition is not known here: give the host",
        ),
        ("auth.example.com?a=b", None, "holds a query"),
        ("auth.example.com/oauth2", None, "holds a path"),
        ("auth.example.com#a", None, "holds a fragment"),
        ("eu-central-1_Ex4mpl3Ab", None, POOL),
        ("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex4mpl3Ab", None, ISSUER),
        ("https://issuer-cognito-idp.eu-central-1.amazonaws.com", None, ISSUER),
        ("https://cognito-idp-fips.us-gov-west-1.amazonaws.com/us-gov-west-1_Ex4mpl3Ab", None, ISSUER),
        ("https://cognito-idp.us-iso-east-1.c2s.ic.gov/us-iso-east-1_Ex4mpl3Ab", None, ISSUER),
        ("http://auth.example.com", None, HTTP),
    ],
    ids=[
        "prefix",
        "prefix in China",
        "query",
        "path",
        "fragment",
        "pool id",
        "issuer",
        "new issuer",
        "FIPS issuer",
        "isolated issuer",
        "http",
    ],
)
def test_a_wrong_domain_is_told_why(domain: str, region: str | None, wrong: str) -> None:
    """The form to use follows in the error that lists all mistakes."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        from_domain(domain, region)
    assert str(caught.value) == wrong


GRANT = "names a grant_type in its query other than client_credentials; leave it out"
BRACE = "holds a brace: {scope}, in the query, is the only use of one; else percent-encode it"


@pytest.mark.parametrize(
    ("token_url", "wrong"),
    [
        ("https://auth.example.com", "holds no path: is it the domain?"),
        ("https://auth.example.com/ü", "holds characters that a URL needs percent-encoded"),
        ("https://auth.example.com/t?ü", "holds characters that a URL needs percent-encoded"),
        ("https://auth.example.com/t?client_secret=", "holds credentials, which RFC 6749 2.3.1 forbids in a URL"),
        ("https://auth.example.com/t?client_id=a", "holds credentials, which RFC 6749 2.3.1 forbids in a URL"),
        ("https://auth.example.com/t#a", "holds a fragment"),
        ("https://auth.example.com/{scope}", BRACE),
        ("https://auth.example.com/t?scope={scopes}", BRACE),
        ("https://auth.example.com/t?scope={scope", BRACE),
        ("https://auth.example.com/t?scope={scope}&a=}", BRACE),
        ("http://auth.example.com/t", HTTP),
        ("https://auth.example.com/t?client_assertion=a", "holds credentials, which RFC 6749 2.3.1 forbids in a URL"),
        ("https://auth.example.com/t?grant_type=password", GRANT),
        ("https://auth.example.com/t?grant%5Ftype=", GRANT),
        ("https://auth.example.com/t?grant_type=client_credentials&grant_type=x", GRANT),
    ],
    ids=[
        "no path",
        "path not ASCII",
        "query not ASCII",
        "secret",
        "client id",
        "fragment",
        "path",
        "name",
        "open",
        "close",
        "http",
        "assertion",
        "another grant",
        "no grant",
        "two grants",
    ],
)
def test_a_wrong_token_url_is_told_why(token_url: str, wrong: str) -> None:
    """As a domain is."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        from_token_url(token_url)
    assert str(caught.value) == wrong


@pytest.mark.parametrize(
    ("token_url", "scopes", "requested"),
    [
        ("https://auth.example.com/t?scope=a", ("demo/read.file",), "https://auth.example.com/t?scope=a"),
        (
            "https://auth.example.com/t?scope={scope}&x={scope}",
            ("demo/read.file",),
            "https://auth.example.com/t?scope=demo%2Fread.file&x=demo%2Fread.file",
        ),
        ("https://auth.example.com/t?{scope}", ("a&b=c", "d+%"), "https://auth.example.com/t?a%26b%3Dc%20d%2B%25"),
        ("https://auth.example.com/t", None, "https://auth.example.com/t"),
    ],
    ids=["without", "one scope", "two scopes with reserved characters", "no scopes"],
)
def test_scopes_take_their_place_in_the_query(token_url: str, scopes: tuple[str, ...] | None, requested: str) -> None:
    """Percent-encoded, so that none can add a parameter; all else stays as it was written."""
    assert with_scope(from_token_url(token_url), scopes) == requested


@pytest.mark.parametrize(
    ("url", "region", "contradictory"),
    [
        ("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", "eu-west-1", True),
        ("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", "eu-central-1", False),
        ("https://cognito-idp-fips.us-east-1.amazonaws.com/", "us-east-2", True),
        ("https://vpce-1.cognito-idp.eu-central-1.vpce.amazonaws.com/", "eu-central-1", False),
        ("https://auth.example.com/oauth2/token", "eu-west-1", False),
    ],
    ids=["domain of another", "domain", "FIPS endpoint of another", "VPC endpoint", "custom domain"],
)
def test_a_host_of_aws_says_its_region(url: str, region: str, contradictory: bool) -> None:
    """A custom domain does not."""
    assert contradicts(url, region) is contradictory
