"""Tokens by GetClientToken: no domain, no boto3, all else the same; and the fake is what botocore takes for Cognito."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from s2sauth import CognitoClientCredentials, InvalidClient, InvalidRequest, TokenUnavailable, UnauthorizedClient
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.settled import settled
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]


@pytest.fixture
def member(make: Make, fake: FakeCognito) -> CognitoClientCredentials:
    """Credentials for that API at the fake."""
    return make(api="get_client_token", domain=None, token_url=fake.domain)


@pytest.fixture
def botocores(fake: FakeCognito) -> Iterator[Any]:
    """AWS's own client, unsigned; at DEBUG it logs secrets and tokens."""
    logger = logging.getLogger("botocore")
    level = logger.level
    logger.setLevel(logging.WARNING)
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client("cognito-idp", region_name="eu-central-1", endpoint_url=fake.domain, config=config)
    yield client
    client.close()
    logger.setLevel(level)


def test_a_token_comes_without_a_domain(member: CognitoClientCredentials, fake: FakeCognito, world: World) -> None:
    """One request; it is cached as any other."""
    token = world.get(member)

    assert token.scopes == ("demo/read.file",)
    assert world.get(member) is token
    assert len(fake.token_requests) == 1


def test_the_request_is_the_one_that_botocore_sends(
    member: CognitoClientCredentials, fake: FakeCognito, botocores: Any
) -> None:
    """The same path, target, type and body; neither is signed."""
    member.get_token()
    botocores.get_client_token(ClientId=fake.client_id, Secret=fake.client_secret, Scopes=["demo/read.file"])

    ours, theirs = fake.token_requests
    assert json.loads(ours.body) == json.loads(theirs.body)
    for name in ("x-amz-target", "content-type"):
        assert ours.header(name) == theirs.header(name)
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.header("authorization") is theirs.header("authorization") is None


def test_the_fake_answers_what_botocore_takes_for_an_answer(fake: FakeCognito, botocores: Any) -> None:
    """All of the model's members."""
    answer = botocores.get_client_token(ClientId=fake.client_id, Secret=fake.client_secret)

    result = answer["ClientAuthenticationResult"]
    assert result["AccessToken"].count(".") == 2
    assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")


BOTOCORES = pytest.mark.shows_the_value("what botocore raises hangs on frames that hold what it sent")


@BOTOCORES
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"Secret": "another-secret-of-24-letters"}, "NotAuthorizedException"),
        ({"ClientId": "1h57kf5cpq17m0eml12EXAMPLE"}, "ResourceNotFoundException"),
        ({"Scopes": ["demo/nothing"]}, "InvalidParameterException"),
        ({"Scopes": []}, "InvalidParameterException"),
    ],
    ids=["secret", "client", "scope", "no scope"],
)
def test_the_fake_refuses_in_the_words_of_the_model(
    fake: FakeCognito, botocores: Any, wrong: dict[str, Any], name: str
) -> None:
    """botocore makes the class of its model from it."""
    right: dict[str, Any] = {"ClientId": fake.client_id, "Secret": fake.client_secret}

    with pytest.raises(getattr(botocores.exceptions, name)):
        botocores.get_client_token(**{**right, **wrong})


@BOTOCORES
def test_the_fake_throttles_with_status_400(fake: FakeCognito, botocores: Any) -> None:
    """As AWS's JSON APIs do."""
    fake.set_rate_limit(0)
    with pytest.raises(botocores.exceptions.TooManyRequestsException) as caught:
        botocores.get_client_token(ClientId=fake.client_id, Secret=fake.client_secret)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("target", "kind", "body"),
    [
        ("AWSCognitoIdentityProviderService.Other", "application/x-amz-json-1.1", b"{}"),
        ("AWSCognitoIdentityProviderService.GetClientToken", "application/json", b"{}"),
        ("AWSCognitoIdentityProviderService.GetClientToken", "application/x-amz-json-1.1", b"no json"),
        ("AWSCognitoIdentityProviderService.GetClientToken", "application/x-amz-json-1.1", b"[]"),
        ("AWSCognitoIdentityProviderService.GetClientToken", "application/x-amz-json-1.1", b'{"ClientId":5}'),
        ("AWSCognitoIdentityProviderService.GetClientToken", "application/x-amz-json-1.1", b'{"ClientId":"a"}'),
    ],
    ids=["operation", "type", "body", "array", "number", "missing"],
)
def test_the_fake_takes_nothing_else(fake: FakeCognito, target: str, kind: str, body: bytes) -> None:
    """A request that Cognito would not understand is no token request here either."""
    headers = {"X-Amz-Target": target, "Content-Type": kind}
    answer = httpx.post(fake.domain + "/", content=body, headers=headers, verify=False, trust_env=False)

    assert answer.status_code == 400
    assert answer.json()["__type"].endswith("Exception")


def test_errors_are_the_usual_ones(make: Make, fake: FakeCognito) -> None:
    """By class, with what to do."""

    def get(**arguments: Any) -> None:
        make(api="get_client_token", domain=None, token_url=fake.domain, **arguments).get_token()

    with pytest.raises(InvalidClient, match="the secret is wrong"):
        get(client_secret="another-secret-of-24-letters")
    with pytest.raises(InvalidClient, match="no such app client"):
        get(client_id="1h57kf5cpq17m0eml12EXAMPLE")
    with pytest.raises(InvalidRequest, match="a scope belongs to no resource server"):
        get(scopes="demo/nothing")
    fake.allow_client_token(False)
    with pytest.raises(UnauthorizedClient, match="Set ALLOW_CLIENT_TOKEN_AUTH"):
        get()


@BOTOCORES
def test_the_fake_s_app_client_may_not_have_the_flow(fake: FakeCognito, botocores: Any) -> None:
    """Then botocore raises OperationNotEnabledException."""
    fake.allow_client_token(False)
    with pytest.raises(botocores.exceptions.OperationNotEnabledException, match="ALLOW_CLIENT_TOKEN_AUTH"):
        botocores.get_client_token(ClientId=fake.client_id, Secret=fake.client_secret)


def test_throttling_is_waited_for(member: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """Its HTTP status is 400, and it is tried again all the same."""
    clock.set_random(0.0)
    throttled = b'{"__type":"TooManyRequestsException","message":"Rate exceeded"}'
    fake.fail(400, body=throttled, times=2)

    assert member.get_token()
    assert len(fake.token_requests) == 3


def test_an_outage_is_one(member: CognitoClientCredentials, fake: FakeCognito, clock: ManualClock) -> None:
    """InternalErrorException is HTTP 500."""
    clock.set_random(0.0)
    fake.fail(500, body=b'{"__type":"InternalErrorException"}')

    with pytest.raises(TokenUnavailable, match="an outage of Cognito"):
        member.get_token()
    assert len(fake.token_requests) == 3


def test_both_secrets_of_a_rotation_work(make: Make, fake: FakeCognito) -> None:
    """A refused one is followed by the next."""
    old = fake.client_secret
    new = fake.rotate_secret()
    member = make(api="get_client_token", domain=None, token_url=fake.domain, client_secret=lambda: [old, new])

    assert member.get_token()
    settled(member)
    assert len(fake.token_requests) == 2


def test_from_env_needs_no_domain(fake: FakeCognito) -> None:
    """And does not look at one that is set for others."""
    environ = {"COGNITO_DOMAIN": "ftp://nonsense", "APP_CLIENT_ID": "abc", "APP_CLIENT_SECRET": fake.client_secret}

    member = CognitoClientCredentials.from_env(environ=environ, api="get_client_token", region="eu-central-1")

    assert "https://cognito-idp.eu-central-1.amazonaws.com/" in repr(member)
