"""What Cognito and AWS add to RFC 6749: domains, partitions, ids and scopes, refusals of API Gateway and AWS WAF.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import base64
import json
from pathlib import Path
from typing import Any

import botocore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.cognito import claims, is_throttling, likely_cause, request_id
from s2sauth._core.cognito_names import USER_SCOPES, is_cognito, wrong_client_id, wrong_scopes
from s2sauth._core.endpoint import contradicts, from_domain, from_region, from_token_url, is_region, with_scope
from s2sauth._core.partitions import DNS_SUFFIX, OTHER_SUFFIXES, dns_suffix, has_cognito_domains
from s2sauth._core.refusals import ANY_ACTION, API_GATEWAY, BEARER, WAF, Refusal, by_challenge, find, on_the_way
from tests.support.labels import plainly


def jwt(payload: bytes) -> str:
    """An unsigned token with this payload."""
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        pytest.param("invalid_client", 400, "the secret is wrong, rotated or deleted", id="invalid_client"),
        pytest.param("invalid_client", 403, "the secret is wrong, rotated or deleted", id="the code before the status"),
        pytest.param("invalid_grant", 400, "save it again", id="invalid_grant"),
        pytest.param("invalid_grant", 400, "allowed_oauth_flows_user_pool_client = true", id="made by Terraform"),
        pytest.param("invalid_scope", 400, "scopes of a resource server", id="invalid_scope"),
        pytest.param("unauthorized_client", 400, "Allow that flow", id="unauthorized_client"),
        pytest.param("unsupported_grant_type", 400, "not the token endpoint", id="unsupported_grant_type"),
        pytest.param("invalid_request", 400, "rewrites the form", id="invalid_request"),
        pytest.param("invalid_target", 400, "no error code of RFC 6749", id="another code"),
        pytest.param("Forbidden", 403, "WAF", id="a gateway's own word for the status"),
        pytest.param(None, 403, "WAF", id="403"),
        pytest.param(None, 403, "User-Agent that s2sauth sends", id="a WAF that wants a User-Agent"),
        pytest.param(None, 405, "POST of a form", id="405"),
        pytest.param(None, 404, "not a token endpoint", id="404"),
        pytest.param(None, 401, "credentials of its own", id="401"),
        pytest.param(None, 400, "captive portal", id="400"),
        pytest.param(None, 300, "never followed", id="300"),
        pytest.param(None, 399, "never followed", id="399"),
        pytest.param(None, 299, "captive portal", id="299"),
    ],
)
def test_a_refusal_comes_with_its_likely_cause(error: str | None, status: int, said: str) -> None:
    """In Cognito's terms, with what to do."""
    assert said in likely_cause(error, status)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"x-amz-cognito-request-id": "9f0-1a"}, "9f0-1a", id="Cognito's"),
        pytest.param({"x-amzn-requestid": "gw"}, "gw", id="API Gateway's"),
        pytest.param(
            {"x-amzn-requestid": "gw", "x-amz-cognito-request-id": "c"}, "c", id="Cognito's before the gateway's"
        ),
        pytest.param({"x-amz-cognito-request-id": ""}, None, id="empty"),
        pytest.param({"x-amz-cognito-request-id": "a b"}, None, id="with a blank"),
        pytest.param({"x-amz-cognito-request-id": "\x1b[31m"}, None, id="escape sequence"),
        pytest.param({"x-amz-cognito-request-id": "x" * 128}, "x" * 128, id="longest"),
        pytest.param({"x-amz-cognito-request-id": "x" * 129}, None, id="too long"),
    ],
)
def test_the_request_id_is_taken_if_it_looks_like_one(headers: dict[str, str], expected: str | None) -> None:
    """It goes into messages as it is."""
    assert request_id(headers) == expected


@pytest.mark.parametrize(
    ("status", "headers", "members", "expected"),
    [
        pytest.param(429, {}, {}, True, id="429"),
        pytest.param(400, {}, {}, False, id="400"),
        pytest.param(400, {}, {"__type": "TooManyRequestsException"}, True, id="__type"),
        pytest.param(
            400, {}, {"__type": "com.amazonaws#TooManyRequestsException"}, True, id="__type with its namespace"
        ),
        pytest.param(400, {}, {"error": "TooManyRequestsException"}, True, id="error"),
        pytest.param(400, {}, {"error": "too_many_requests"}, True, id="error in snake case"),
        pytest.param(403, {}, {"message": "Too Many Requests"}, True, id="message"),
        pytest.param(400, {}, {"message": "Rate exceeded"}, True, id="rate exceeded"),
        pytest.param(400, {}, {"code": "TooManyRequestsException"}, True, id="code"),
        pytest.param(400, {"x-amzn-errortype": "TooManyRequestsException:http://x"}, {}, True, id="header"),
        pytest.param(400, {}, {"error": "invalid_client", "message": 5, "__type": None}, False, id="another error"),
        pytest.param(400, {}, {"error_description": "too many requests"}, False, id="only in the description"),
        pytest.param(503, {}, {}, False, id="503"),
    ],
)
def test_throttling_is_recognised_at_any_status(
    status: int, headers: dict[str, str], members: dict[str, object], expected: bool
) -> None:
    """Cognito's SDK API says it with status 400."""
    assert is_throttling(status, headers, members) is expected


@pytest.mark.parametrize("length", range(6))
def test_the_payload_of_a_jwt_is_read_whatever_its_padding(length: int) -> None:
    """Base64url leaves it out, and Python wants it."""
    members = {"x": "y" * length, "url": "~~~???"}
    assert claims(jwt(json.dumps(members).encode())) == members


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("opaque", id="opaque"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.e30.c.d.e", id="five parts: encrypted"),
        pytest.param("a.e.c", id="no base64"),
        pytest.param("a..c", id="empty payload"),
        pytest.param(jwt(b"[]"), id="an array"),
        pytest.param(jwt(b'{"exp": NaN}'), id="no JSON"),
        pytest.param(jwt(b'{"exp": 1, "exp": 2}'), id="a claim twice"),
        pytest.param(jwt(b"[" * 9000), id="deep"),
        pytest.param("a.ä.c", id="not ASCII"),
    ],
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    """And nothing raises: a token is opaque otherwise."""
    assert claims(token) is None


@given(st.text() | st.lists(st.text(alphabet="aZ09-_=+/~"), min_size=3, max_size=3).map(".".join))
def test_no_token_raises(token: str) -> None:
    """Claims are members of an object, or there are none."""
    found = claims(token)
    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(
    ("url", "said", "expected"),
    [
        ("https://auth.example.com/oauth2/token", True, True),
        ("https://auth.example.com/oauth2/token", False, False),
        ("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", False, True),
        ("https://demo.auth-fips.us-gov-west-1.amazoncognito.com:443/oauth2/token", False, True),
        ("https://amazoncognito.com.example.com/oauth2/token", False, False),
        ("https://notamazoncognito.com/oauth2/token", False, False),
        ("http://127.0.0.1:4566/oauth2/token", True, False),
        ("http://[::1]:4566/oauth2/token", True, False),
        ("http://localhost:4566/", True, False),
        ("", True, True),
        ("", False, False),
    ],
)
def test_cognito_is_known_by_its_host_or_by_an_argument(url: str, said: bool, expected: bool) -> None:
    """Never on loopback, where fakes are."""
    assert is_cognito(url, said=said) is expected


@pytest.mark.parametrize("client_id", ["1h57kf5cpq17m0eml12EXAMPLE", "a", "a_b+c", "a" * 128])
def test_an_id_of_cognito_passes(client_id: str) -> None:
    """Letters, digits, _ and +, up to 128 (API reference, ClientIdType)."""
    assert wrong_client_id(client_id) is None


@pytest.mark.parametrize("client_id", ["files-caller", "a.b", "a:b", "é", "a\n", "tenant/${ENV}"], ids=plainly)
def test_an_id_with_another_character_is_refused(client_id: str) -> None:
    """The text names what Cognito's ids have, and what to give for another server."""
    wrong = wrong_client_id(client_id) or ""
    assert wrong.startswith("contains a character that no id of Cognito has, which are letters, digits, _ and +")
    assert "give token_url" in wrong
    assert client_id not in wrong


def test_a_longer_id_is_refused() -> None:
    """By its length."""
    assert wrong_client_id("a" * 129) == "is longer than the 128 characters that an id of Cognito may have"


@pytest.mark.fault(204)
@pytest.mark.parametrize(
    "scope",
    [
        "demo/read,demo/write",
        "demo/read;demo/write",
        "demo/read,",
        ";demo/read",
        "https://a.example/read,https://a.example/write",
        "demo/read,https://a.example/write",
        "openid,email",
        "openid,demo/read",
    ],
)
def test_scopes_in_a_list_of_commas_are_refused(scope: str) -> None:
    """Each part is a scope by itself, so this is none of a resource server."""
    assert wrong_scopes([scope]) == "are separated by commas or semicolons: put spaces between them instead"


@pytest.mark.parametrize("scope", ["demo/read,write", "a,b/read", "https://a.example/x,y/read", "demo/read", ",", "a"])
def test_a_scope_that_may_be_one_passes(scope: str) -> None:
    """Cognito allows commas in the identifier and in the name."""
    assert wrong_scopes([scope]) is None


@pytest.mark.parametrize("scope", sorted(USER_SCOPES))
def test_a_scope_of_signed_in_users_is_refused_by_name(scope: str) -> None:
    """Beside right ones too."""
    wrong = wrong_scopes(["demo/read", scope]) or ""
    assert wrong.startswith(f"contain {scope}, which belong to signed-in users: client_credentials cannot have them.")
    assert "web login" in wrong
    assert "demo/read.file" in wrong


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


PARTITIONS: list[dict[str, Any]] = json.loads(
    (Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8")
)["partitions"]
REGIONS = {
    region: partition["outputs"]["dnsSuffix"]
    for partition in PARTITIONS
    for region in partition["regions"]
    if not region.endswith("-global")
}


@pytest.mark.fault(189)
@pytest.mark.parametrize(("region", "suffix"), REGIONS.items(), ids=REGIONS)
def test_the_suffix_of_every_region_is_botocore_s(region: str, suffix: str) -> None:
    """A partition that botocore gains fails here."""
    assert is_region(region)
    assert dns_suffix(region) == suffix
    assert from_region(region) == f"https://cognito-idp.{region}.{suffix}/"


def test_there_is_no_suffix_that_botocore_does_not_know() -> None:
    """And all of its are here."""
    assert {DNS_SUFFIX, *OTHER_SUFFIXES.values()} == set(REGIONS.values())


@pytest.mark.parametrize("region", ["us-isox-east-1", "eu-isof-west-1", "ap-iso-east-1"])
def test_an_isolated_partition_that_is_not_known_is_not_guessed(region: str) -> None:
    """A guessed host would be somebody else's."""
    assert dns_suffix(region) is None
    with pytest.raises(ValueError, match="give the API's whole URL as token_url"):
        from_region(region)


@pytest.mark.parametrize("region", REGIONS)
def test_a_bare_prefix_has_a_host_where_aws_documents_it(region: str) -> None:
    """In the commercial Regions and in GovCloud; elsewhere the error asks for the host."""
    if not has_cognito_domains(region):
        assert region.startswith(("cn-", "eusc-", "us-iso", "eu-iso"))
        with pytest.raises(ValueError, match="give the host"):
            from_domain("demo", region)
        return
    auth = "auth-fips" if region.startswith("us-gov-") else "auth"
    assert from_domain("demo", region) == f"https://demo.{auth}.{region}.amazoncognito.com/oauth2/token"


@pytest.mark.parametrize("region", [*REGIONS, "us-isox-east-1"])
def test_a_whole_host_is_taken_in_every_region(region: str) -> None:
    """Whatever it is called there."""
    assert from_domain("auth.example.c2s.ic.gov", region) == "https://auth.example.c2s.ic.gov/oauth2/token"


HEADER, ACTION = "x-amzn-errortype", "x-amzn-waf-action"


def body(message: object) -> bytes:
    """API Gateway's usual one."""
    return json.dumps({"message": message}).encode()


def row(name: str, message: str | None = None) -> Refusal:
    """The row with this name, or with both; the last of several."""
    return [one for one in (*WAF, *BEARER, *API_GATEWAY) if one.name == name and message in (None, one.message)][-1]


@pytest.mark.parametrize("known", API_GATEWAY, ids=lambda known: f"{known.name}-{known.message[:12]}")
def test_each_row_is_found_by_its_header(known: Refusal) -> None:
    """With the usual message; AWS writes a colon and an address after the name, or a namespace before it."""
    said = body(known.message) if known.message else b'{"message":null}'
    for name in (known.name, f"{known.name}:http://internal.amazon.com/", f"com.amazon.coral#{known.name}"):
        assert find(known.status, {HEADER: name}, said) == known
        assert find(418, {HEADER: name}, said) == known  # an owner may change the status


@pytest.mark.parametrize(
    "known", [known for known in API_GATEWAY if known.message], ids=lambda known: f"{known.name}-{known.message[:12]}"
)
def test_each_row_is_found_by_its_message(known: Refusal) -> None:
    """HTTP APIs send no such header; the case of the letters differs between API Gateway's kinds."""
    for said in (known.message, known.message.upper(), f"{known.message} and more"):
        assert find(known.status, {}, body(said)) == known
    assert find(418, {}, body(known.message)) is None


@pytest.mark.fault(188)
@pytest.mark.parametrize(
    ("status", "headers", "said", "expected"),
    [
        pytest.param(403, {HEADER: "MissingAuthenticationTokenException"}, b"", "no such route", id="empty body"),
        pytest.param(
            403, {HEADER: "AccessDeniedException"}, body("no"), "authorizer knows the caller", id="own message"
        ),
        pytest.param(
            403,
            {HEADER: "AccessDeniedException"},
            body("User: anonymous is not authorized to perform: execute-api:Invoke on resource: x"),
            "resource policy does not let",
            id="resource policy",
        ),
        pytest.param(
            403,
            {HEADER: "AccessDeniedException"},
            body("User is not authorized to access this resource with an explicit deny"),
            "authorizer knows the caller",
            id="explicit deny",
        ),
        pytest.param(401, {HEADER: "UnauthorizedException"}, b"", "names no scope", id="401 without a body"),
        pytest.param(
            401, {HEADER: "UnauthorizedException"}, body("The incoming token has expired"), "had expired", id="expired"
        ),
        pytest.param(
            403,
            {HEADER: "ForbiddenException"},
            body("Missing Authentication Token"),
            "custom domain has no mapping",
            id="the header before the message",
        ),
        pytest.param(500, {HEADER: "AuthorizerConfigurationException"}, body(None), "may not call it", id="500 null"),
        pytest.param(202, {ACTION: "challenge"}, b"<html>", "browser challenge", id="WAF challenge"),
        pytest.param(202, {ACTION: " Challenge "}, b"", "browser challenge", id="WAF challenge, another case"),
        pytest.param(405, {ACTION: "captcha"}, b"", "CAPTCHA", id="WAF captcha"),
        pytest.param(200, {ACTION: "captcha"}, b"", "CAPTCHA", id="WAF captcha with a status of its own"),
        pytest.param(403, {ACTION: "block"}, b"", "stopped the request", id="another action of WAF"),
        pytest.param(
            403, {ACTION: "block", HEADER: "ForbiddenException"}, b"", "stopped the request", id="WAF before the rest"
        ),
    ],
)
def test_refusals_are_told_apart(status: int, headers: dict[str, str], said: bytes, expected: str) -> None:
    """The most particular row that fits."""
    found = find(status, headers, said)
    assert found is not None
    assert expected in found.cause


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        pytest.param(200, {}, body("Forbidden"), id="200"),
        pytest.param(200, {HEADER: "ForbiddenException"}, b"", id="200 with the header"),
        pytest.param(204, {}, b"", id="204"),
        pytest.param(403, {}, b"", id="403 without anything"),
        pytest.param(403, {}, b"Forbidden", id="no JSON"),
        pytest.param(403, {}, body(5), id="a message that is no text"),
        pytest.param(403, {}, body(""), id="an empty message"),
        pytest.param(403, {}, b"[]", id="no object"),
        pytest.param(403, {HEADER: "NobodyKnowsException"}, body("Forbidden"), id="another name"),
        pytest.param(403, {ACTION: ""}, b"", id="an empty action"),
        pytest.param(500, {}, body(None), id="a message that is null"),
    ],
)
def test_all_else_is_none(status: int, headers: dict[str, str], said: bytes) -> None:
    """An API's own refusals are its own."""
    assert find(status, headers, said) is None


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        pytest.param('Bearer scope="" error="invalid_token"', "calls the token invalid", id="API Gateway's blanks"),
        pytest.param(
            'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"',
            "wants an audience",
            id="audience",
        ),
        pytest.param('bearer ERROR="Insufficient_Scope"', "does not have the scope", id="another case"),
        pytest.param('Bearer error="invalid_request"', "in two places", id="invalid_request"),
        pytest.param('Bearer, Bearer error="x", Bearer error="invalid_token"', "calls the token", id="the first known"),
        pytest.param('Basic error="invalid_token"', None, id="another scheme"),
        pytest.param('Bearer error="odd"', None, id="another code"),
        pytest.param("Bearer", None, id="no code"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_bearer_challenge_tells_more_than_the_rest(challenge: str, expected: str | None) -> None:
    """RFC 6750 3.1."""
    found = by_challenge([challenge])
    if found is None:
        assert expected is None
    else:
        assert expected is not None
        assert expected in found.cause
    other = find(403, {HEADER: "ForbiddenException", "www-authenticate": challenge}, body("Forbidden"))
    assert other == (found or row("ForbiddenException"))


def test_a_token_request_s_refusals_are_those_that_are_not_about_a_token() -> None:
    """A token endpoint behind API Gateway gets none."""
    assert on_the_way({}) is None
    assert on_the_way({HEADER: "UnauthorizedException"}) is None
    text = on_the_way({HEADER: "MissingAuthenticationTokenException"})
    known = row("MissingAuthenticationTokenException")
    assert text == f"Likely cause: {known.cause}. {known.fix}"
    assert on_the_way({ACTION: "x", HEADER: "UnauthorizedException"}) == (
        f"Likely cause: {row(ANY_ACTION).cause}. {row(ANY_ACTION).fix}"
    )


def test_every_row_is_whole_and_goes_before_those_that_would_hide_it() -> None:
    """A cause and a fix without a full stop; of one name and message there is one."""
    keys = [(known.name, known.message) for known in (*WAF, *BEARER, *API_GATEWAY)]
    assert len(set(keys)) == len(keys)
    for known in (*WAF, *BEARER, *API_GATEWAY):
        assert known.cause
        assert not known.cause.endswith(".")
        assert known.fix[0].isupper()
        assert not known.fix.endswith(".")


@given(
    st.integers(0, 999),
    st.dictionaries(
        st.sampled_from([HEADER, ACTION, "www-authenticate"]), st.text() | st.sampled_from([one.name for one in WAF])
    ),
    st.binary() | st.text().map(body),
)
def test_no_answer_raises(status: int, headers: dict[str, str], said: bytes) -> None:
    """What it says comes from a server, and none of it is in a row."""
    found = find(status, headers, said)
    assert found is None or found in (*WAF, *BEARER, *API_GATEWAY)
