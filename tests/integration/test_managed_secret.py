"""A secret that Cognito manages, with MiniStack in the place of AWS, whose Cognito does not do it: the test does."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from parts import files_service
from parts.ministack import MiniStack
from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito
from tests.support.secrets import Vault
from tests.support.stores import aws_variables

__all__ = ["aws_variables"]

STACK = "managed-files-service"


@pytest.fixture
def vault(aws: MiniStack, aws_variables: None) -> Iterator[Vault]:
    """MiniStack's Secrets Manager."""
    with closing(Vault(aws.url)) as vault:
        yield vault


@pytest.mark.fault(179)
def test_arn_is_enough_through_a_rotation(vault: Vault, fake: FakeCognito, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither form of it needs a client id."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
    name = vault.create(fake.managed_secret)
    arn = vault.arn(name)
    for form in (arn, arn.replace(":secret:", ":secret/")):
        environ = {"COGNITO_DOMAIN": fake.domain, "COGNITO_CLIENT_SECRET_ARN": form}
        with CognitoClientCredentials.from_env(environ=environ) as credentials:
            assert credentials.get_token().access_token
            vault.rotate(name, fake, keep_old=False)
            assert credentials.with_scopes("demo/write.file").get_token().access_token


@pytest.mark.fault(179)
def test_stack_of_files_service_takes_the_arn(aws: MiniStack, vault: Vault) -> None:
    """Deployed without it first, as the page says. The caller has no client id then. Deploys twice, starts a Lambda."""
    first = files_service.deploy(aws, stack=STACK)
    members = {"userPoolId": first.user_pool_id, "userPoolClientId": first.client_id}
    arn = vault.arn(vault.create(json.dumps({**members, "clientSecretValue": first.client_secret})))

    world = files_service.deploy(aws, f"ClientSecretArn={arn}", stack=STACK)

    caller = aws.aws("lambda", "get-function-configuration", "--function-name", world.caller)
    variables = caller["Environment"]["Variables"]
    assert variables == {
        "COGNITO_DOMAIN": world.domain,
        "COGNITO_CLIENT_SECRET_ARN": arn,
        "FILES_SERVICE_URL": world.url,
    }
    roles = aws.aws("cloudformation", "describe-stack-resources", "--stack-name", STACK)["StackResources"]
    (role,) = (one["PhysicalResourceId"] for one in roles if one["LogicalResourceId"] == "CallerRole")
    policy = aws.aws("iam", "get-role-policy", "--role-name", role, "--policy-name", "secret")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("secretsmanager:GetSecretValue", arn)
    assert len(aws.invoke(world.caller)["files"]) == 3


def test_readmes_name_what_takes_the_arn() -> None:
    """As the stacks have it."""
    for example, word in (("files-service", "ClientSecretArn="), ("cdk", "client_secret_arn=")):
        page = (files_service.EXAMPLE.parent / example / "README.md").read_text(encoding="utf-8")
        assert word in page
        assert "docs/secrets.md#a-secret-that-cognito-manages" in page
