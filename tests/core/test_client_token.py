"""GetClientToken in and out: what is asked, and how its answers read in the words of RFC 6749."""

import json
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from s2sauth import (
    ConfigurationError,
    InvalidClient,
    InvalidRequest,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
)
from s2sauth._core.client_token import error_name
from s2sauth._core.config import Settings, key, settings
from s2sauth._core.errors import Cause, Failure
from s2sauth._core.issued import Issued
from s2sauth._core.token_endpoint import Answer, read_answer, token_request
from s2sauth._core.values import Secret

MODEL = botocore.session.get_session().get_service_model("cognito-idp").operation_model("GetClientToken")
SECRET = "s3nt1nel-secret-of-this-test"
URL = "https://cognito-idp.eu-central-1.amazonaws.com/"


def made(**given: Any) -> Settings:
    """Settings for this API."""
    usual: dict[str, Any] = {
        "domain": None,
        "region": "eu-central-1",
        "token_url": None,
        "api": "get_client_token",
        "client_id": "abc",
        "scopes": None,
        "client_metadata": None,
        "auth_method": "auto",
        "strict": False,
    }
    return settings(**{**usual, **given})


def read(members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Issued | Failure:
    """What becomes of this answer."""
    return read_answer(Answer(status, headers or {}, json.dumps(members).encode()), made(), Secret(SECRET))


def test_the_request_is_one_of_the_service_s_model() -> None:
    """Every member, of the type and with the name that botocore knows, and the required ones."""
    request = token_request(made(scopes="b a", client_metadata={"k": "v"}), Secret(SECRET))
    body = json.loads(request.body)

    assert body == {"ClientId": "abc", "Secret": SECRET, "Scopes": ["a", "b"], "ClientMetadata": {"k": "v"}}
    assert set(body) <= set(MODEL.input_shape.members)
    assert set(MODEL.input_shape.required_members) == {"ClientId", "Secret"}
    types = {name: shape.type_name for name, shape in MODEL.input_shape.members.items()}
    assert types == {"ClientId": "string", "Secret": "string", "Scopes": "list", "ClientMetadata": "map"}
    assert request.url == URL
    headers = dict(request.headers)
    assert headers["X-Amz-Target"] == f"{MODEL.service_model.metadata['targetPrefix']}.{MODEL.name}"
    assert headers["Content-Type"] == f"application/x-amz-json-{MODEL.service_model.metadata['jsonVersion']}"
    assert "Authorization" not in headers
    assert headers["User-Agent"].startswith("s2sauth/")


def test_what_is_not_asked_for_is_left_out() -> None:
    """Cognito then grants all of the app client's scopes."""
    assert token_request(made(), Secret("s")).body == b'{"ClientId":"abc","Secret":"s"}'


def test_scopes_the_model_takes_and_no_more() -> None:
    """Fifty; one more is said at construction."""
    fifty = [f"demo/{number}" for number in range(50)]
    assert MODEL.input_shape.members["Scopes"].metadata.get("max", 50) == 50
    made(scopes=fifty)
    with pytest.raises(ConfigurationError, match="scopes: are 51, and GetClientToken takes 50"):
        made(scopes=[*fifty, "demo/50"])


def test_mistakes_of_a_type_are_named_with_it() -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError, match="api: is of type int"):
        made(api=5)


RESULT = {"AccessToken": "abc", "ExpiresIn": 3600, "TokenType": "Bearer"}


def test_the_answer_is_one_of_the_service_s_model() -> None:
    """Its three members are those that botocore knows."""
    result = MODEL.output_shape.members["ClientAuthenticationResult"]
    assert set(result.members) == set(RESULT)

    issued = read({"ClientAuthenticationResult": RESULT})
    assert isinstance(issued, Issued)
    assert (issued.access_token, issued.lifetime) == ("abc", 3600)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"ClientAuthenticationResult": None},
        {"ClientAuthenticationResult": {}},
        {"ClientAuthenticationResult": {**RESULT, "AccessToken": 5}},
        {"ClientAuthenticationResult": {**RESULT, "ExpiresIn": 0}},
        {"ClientAuthenticationResult": {**RESULT, "TokenType": "mac"}},
        {"AuthenticationResult": RESULT},
        RESULT,
    ],
    ids=repr,
)
def test_what_is_no_usable_token_is_none(members: object) -> None:
    """The same rules as for the token endpoint."""
    failure = read(members)
    assert isinstance(failure, Failure)
    assert failure.error is TokenResponseInvalid


NAMES = {
    "InvalidParameterException": (InvalidRequest, "invalid_request", Cause.REQUEST_REFUSED, "resource server"),
    "ResourceNotFoundException": (InvalidClient, "invalid_client", Cause.CLIENT_REFUSED, "this Region"),
    "NotAuthorizedException": (InvalidClient, "invalid_client", Cause.CLIENT_REFUSED, "the secret is wrong"),
    "OperationNotEnabledException": (
        UnauthorizedClient,
        "unauthorized_client",
        Cause.CLIENT_REFUSED,
        "Set ALLOW_CLIENT_TOKEN_AUTH",
    ),
    "ForbiddenException": (TokenRequestRefused, None, Cause.REQUEST_REFUSED, "AWS WAF"),
    "TooManyRequestsException": (TokenUnavailable, None, Cause.THROTTLED, "150 token requests"),
    "InternalErrorException": (TokenUnavailable, None, Cause.UNREACHABLE, "an outage of Cognito"),
}


def test_every_error_of_the_model_has_its_place() -> None:
    """A new one in botocore's model fails here."""
    assert {shape.name for shape in MODEL.error_shapes} == set(NAMES)


@pytest.mark.parametrize("where", ["type", "namespace", "header"])
@pytest.mark.parametrize("name", NAMES)
def test_errors_are_those_of_the_token_endpoint(name: str, where: str) -> None:
    """Throttling is HTTP 400; the name stands in the body, with a namespace or without, or in a header."""
    error, code, cause, words = NAMES[name]
    kind = f"com.amazonaws.cognito#{name}" if where == "namespace" else name
    body = {"message": "Its own words"} | ({} if where == "header" else {"__type": kind})
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/"} if where == "header" else {}

    failure = read(body, 500 if name == "InternalErrorException" else 400, {**headers, "x-amzn-requestid": "r-1"})

    assert isinstance(failure, Failure)
    assert (failure.error, failure.cause) == (error, cause)
    text = str(failure.exception())
    assert words in text
    assert "Request id: r-1" in text
    if issubclass(error, TokenRequestRefused):
        assert failure.args[1] == code
        assert name in text


@pytest.mark.parametrize("member", ["message", "Message"])
def test_its_own_words_are_the_description(member: str) -> None:
    """AWS writes the member's name in either way."""
    failure = read({"__type": "NotAuthorizedException", member: "Its own words"}, 400)
    assert isinstance(failure, Failure)
    error = failure.exception()
    assert isinstance(error, InvalidClient)
    assert error.error_description == "Its own words"
    assert "refused the request: invalid_client (NotAuthorizedException), Its own words (HTTP 400)" in str(error)


def test_a_name_that_nobody_knows_is_a_refusal() -> None:
    """With the name, which somebody can look up."""
    failure = read({"__type": "QuiteNewException", "message": "No"}, 400)
    assert isinstance(failure, Failure)
    assert failure.error is TokenRequestRefused
    assert "(QuiteNewException)" in failure.args[0]  # type: ignore[operator]  # a text


@pytest.mark.fault(186)
def test_a_long_name_is_shown() -> None:
    """It reads as words, so that it is no credential."""
    failure = read({"__type": "com.amazonaws#InvalidUserPoolConfigurationException"}, 400)
    assert isinstance(failure, Failure)
    assert "refused the request: (InvalidUserPoolConfigurationException) (HTTP 400)" in str(failure.exception())


def test_a_name_that_is_the_secret_is_taken_out() -> None:
    """As from any of a server's words; one that AWS knows stays."""
    for said, shown in (
        ("hunter", "refused the request: ([…])"),
        ("NotAuthorizedException", "(NotAuthorizedException)"),
    ):
        answer = Answer(400, {}, json.dumps({"__type": said}).encode())
        failure = read_answer(answer, made(), Secret(said))
        assert isinstance(failure, Failure)
        assert shown in str(failure.exception())
        assert "hunter" not in str(failure.exception())


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NotAuthorizedException", "NotAuthorizedException"),
        ("a.b#NotAuthorizedException", "NotAuthorizedException"),
        ("NotAuthorizedException:http://x/", "NotAuthorizedException"),
        ("a b", None),
        ("x" * 65, None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_only_a_name_is_taken_for_one(said: object, name: str | None) -> None:
    """What stands in a message came from a server."""
    assert error_name({"__type": said}, {}) == name


def test_both_ways_have_keys_of_their_own() -> None:
    """Even at one URL."""
    oauth, other = made(api="oauth2", token_url="https://a.example/"), made(token_url="https://a.example/")
    assert oauth.token_url == other.token_url
    assert key(oauth) != key(other)


def test_the_endpoint_in_each_partition_is_the_one_that_botocore_knows() -> None:
    """One Region of each; no list of Regions here."""
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("cognito-idp", partition_name=partition)[:1]:
            client = session.create_client("cognito-idp", region_name=region, config=Config(signature_version=UNSIGNED))
            assert made(region=region).token_url == f"{client.meta.endpoint_url}/"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"region": None}, "region: is missing; use the name of an AWS Region"),
        ({"domain": "demo"}, "domain: is given, and is not used; leave it out: this API needs region="),
        ({"region": "nowhere"}, "region: is no Region's name"),
        ({"auth_method": "client_secret_post"}, 'auth_method: is for api="oauth2" only'),
        ({"token_url": 5}, "token_url: is of type int"),
        ({"token_url": "https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token"}, "token_url: holds a path"),
        ({"token_url": "https://x.example/?a=b"}, "token_url: holds a path or a query"),
        ({"token_url": "http://x.example/"}, "token_url: is http"),
        ({"api": "sigv4"}, 'api: is neither of the two; use "oauth2" or "get_client_token"'),
        ({"api": None}, "api: is missing"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], wrong: str) -> None:
    """With what to do."""
    with pytest.raises(ConfigurationError) as caught:
        made(**given)
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://cognito-idp-fips.us-east-1.amazonaws.com", "https://cognito-idp-fips.us-east-1.amazonaws.com/"),
        (
            "https://vpce-1-2.cognito-idp.eu-central-1.vpce.amazonaws.com/",
            "https://vpce-1-2.cognito-idp.eu-central-1.vpce.amazonaws.com/",
        ),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566/"),
    ],
    ids=["FIPS", "VPC endpoint", "loopback"],
)
def test_the_endpoint_can_be_another_one(given: str, url: str) -> None:
    """Then the Region need not be said."""
    assert made(token_url=given, region=None).token_url == url
