"""examples/cdk: what its template says, and what it does once deployed with the CDK's own command."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from parts import cdk, files_service
from parts.cdk import Assembly
from parts.install import environment
from parts.ministack import MiniStack
from s2sauth import CognitoClientCredentials
from s2sauth.secret_sources import SecretsManagerSecret
from tests.support.stores import aws_variables

__all__ = ["aws_variables"]

_STACK = "cdk-files-service"
_DECODE = "import cfnlint.decode, json, sys; print(json.dumps(cfnlint.decode.decode(sys.argv[1])[0]))"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """What the app makes for an account of AWS."""
    cdk.build()
    return cdk.synthesise(tmp_path_factory.mktemp("assembly"))


@pytest.fixture(scope="module")
def outputs(aws: MiniStack, assembly: Assembly) -> dict[str, str]:
    """Of the stack, deployed."""
    return cdk.deploy(aws, stack=_STACK)


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The resources of examples/files-service/template.yaml."""
    command = [environment("checks") / "python", "-c", _DECODE, files_service.EXAMPLE / "template.yaml"]
    resources: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Resources"]
    return resources


def _only(assembly: Assembly, kind: str) -> dict[str, Any]:
    (properties,) = assembly.resources(kind).values()
    return properties


def _scopes(scopes: list[Any]) -> list[str]:
    """With the reference to the resource server, whose Ref is its identifier, resolved."""
    return [scope if isinstance(scope, str) else f"demo{scope['Fn::Join'][1][1]}" for scope in scopes]


def test_app_passes_cfn_lint(assembly: Assembly) -> None:
    """Synthesises it (15 s). W3005: a DependsOn that the CDK itself writes, of a function on its role."""
    command = [environment("checks") / "cfn-lint", "--ignore-checks", "W3005", "--", assembly.file]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


def test_it_says_what_the_template_says(assembly: Assembly, plain: dict[str, Any]) -> None:
    """Scopes, client, routes, table and caller are those of examples/files-service. Starts cfn-lint: a second."""
    server, told = _only(assembly, "AWS::Cognito::UserPoolResourceServer"), plain["ResourceServer"]["Properties"]
    assert (server["Identifier"], server["Scopes"]) == (told["Identifier"], told["Scopes"])

    client, told = _only(assembly, "AWS::Cognito::UserPoolClient"), plain["Client"]["Properties"]
    assert _scopes(client.pop("AllowedOAuthScopes")) == told.pop("AllowedOAuthScopes")
    del client["SupportedIdentityProviders"]  # no user signs in, so it does not matter
    del client["UserPoolId"], told["UserPoolId"]
    assert client == told

    routes = {
        method["HttpMethod"]: (method["AuthorizationType"], _scopes(method["AuthorizationScopes"]))
        for method in assembly.resources("AWS::ApiGateway::Method").values()
    }
    methods = [plain[name]["Properties"] for name in ("ReadFiles", "WriteFiles")]
    assert routes == {
        method["HttpMethod"]: (method["AuthorizationType"], method["AuthorizationScopes"]) for method in methods
    }
    assert _only(assembly, "AWS::ApiGateway::Stage")["StageName"] == plain["Stage"]["Properties"]["StageName"]
    assert _only(assembly, "AWS::DynamoDB::Table") == plain["Tokens"]["Properties"]

    (caller,) = (
        function
        for function in assembly.resources("AWS::Lambda::Function").values()
        if "TOKEN_STORE" in function.get("Environment", {}).get("Variables", {})
    )
    for name in ("Handler", "Architectures", "MemorySize", "Timeout"):
        assert caller[name] == plain["Caller"]["Properties"][name]
    assert caller["Runtime"] == "python3.13"


def test_roles_allow_what_is_used_and_no_more(assembly: Assembly) -> None:
    """No managed policy, no wildcard; each statement is about one resource of the stack."""
    roles = assembly.resources("AWS::IAM::Role")
    assert len(roles) == 2
    assert all(set(role) == {"AssumeRolePolicyDocument"} for role in roles.values())

    allowed: dict[str, set[str]] = {}
    for policy in assembly.resources("AWS::IAM::Policy").values():
        (role,) = (reference["Ref"] for reference in policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert set(statement["Resource"]) == {"Fn::GetAtt"}
            actions = statement["Action"]
            allowed.setdefault(role, set()).update([actions] if isinstance(actions, str) else actions)
    log = {"logs:CreateLogStream", "logs:PutLogEvents"}
    table = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"}
    assert sorted(allowed.values(), key=len) == [log, log | table | {"secretsmanager:GetSecretValue"}]


def test_secret_is_where_it_belongs_and_nowhere_else(assembly: Assembly) -> None:
    """CloudFormation hands it from the app client to Secrets Manager: no variable, no output, no text."""
    assert set(_only(assembly, "AWS::SecretsManager::Secret")["SecretString"]) == {"Fn::GetAtt"}
    assert assembly.file.read_text(encoding="utf-8").count('"ClientSecret"') == 1
    assert "ClientSecret" not in json.dumps([*assembly.resources("AWS::Lambda::Function").values()]).replace(
        next(iter(assembly.resources("AWS::SecretsManager::Secret"))), "the secret"
    )


@pytest.mark.fault(179)
def test_secret_that_cognito_manages_is_all_that_the_caller_has(tmp_path: Path) -> None:
    """With its ARN as a context value: no copy, no client id, and the right to read that one. Synthesises (5 s)."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cognito-AbCdEf"
    managed = cdk.synthesise(tmp_path, client_secret_arn=arn)

    assert managed.resources("AWS::SecretsManager::Secret") == {}
    assert '"ClientSecret"' not in managed.file.read_text(encoding="utf-8")
    (variables,) = (
        function["Environment"]["Variables"]
        for function in managed.resources("AWS::Lambda::Function").values()
        if "Environment" in function
    )
    assert variables["COGNITO_CLIENT_SECRET_ARN"] == arn
    assert "APP_CLIENT_ID" not in variables
    allowed = [
        statement["Resource"]
        for policy in managed.resources("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert allowed == [arn]


def test_alarms_and_panels_are_about_metrics_that_the_caller_writes(assembly: Assembly) -> None:
    """Names and dimension are those of the handler's lines: nothing tells of a metric that never comes."""
    dashboard = json.dumps(_only(assembly, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    titles = re.findall(r'\\"title\\":\\"([^\\]*)', dashboard)
    assert titles == [
        "Tokens billed",
        "Token requests that failed",
        "Tokens that an API refused",
        "Seconds for a renewal",
    ]
    shown = re.findall(r'\[\\"s2sauth\\",\\"(\w+)\\",\\"service\\",\\"caller\\"', dashboard)
    alarms = assembly.resources("AWS::CloudWatch::Alarm").values()
    assert {alarm["MetricName"] for alarm in alarms} == {"token_rejected", "renewal_failed"}
    for alarm in alarms:
        assert (alarm["Namespace"], alarm["Dimensions"]) == ("s2sauth", [{"Name": "service", "Value": "caller"}])
        assert alarm["AlarmActions"]

    handler = (cdk.EXAMPLE / "caller" / "handler.py").read_text(encoding="utf-8")
    (counted,) = re.findall(r"COUNTED = \{(.*?)\}", handler, re.DOTALL)
    assert {*shown} == {*re.findall(r'"(\w+)"', counted), "renewal_seconds"}


def test_deployed_caller_shares_one_token_and_writes_metrics(aws: MiniStack, outputs: dict[str, str]) -> None:
    """Cold twice: the secret comes from Secrets Manager, the token from the table. Deploys (30 s), starts Lambdas."""
    before = len(aws.token_requests())
    caller = ["--function-name", outputs["CallerFunction"]]
    for start in ("first", "second"):
        variables = aws.aws("lambda", "get-function-configuration", *caller)["Environment"]["Variables"]
        changed = json.dumps({"Variables": {**variables, "COLD_START": start}})
        aws.aws("lambda", "update-function-configuration", *caller, "--environment", changed)
        assert len(aws.invoke(outputs["CallerFunction"])["files"]) == 3
    assert aws.token_requests()[before:] == [200]

    group = aws.aws("lambda", "get-function-configuration", *caller)["LoggingConfig"]["LogGroup"]
    lines = [event["message"] for event in aws.aws("logs", "filter-log-events", "--log-group-name", group)["events"]]
    written = [json.loads(line) for line in lines if line.startswith("{")]
    assert [[name for name in line if name in {"renewed", "token_taken"}] for line in written] == [
        ["renewed"],
        ["token_taken"],
        ["renewed"],
    ]
    for line in written:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
        assert (directive["Namespace"], line["service"]) == ("s2sauth", "caller")


def test_deployed_secret_opens_the_api(
    aws: MiniStack, outputs: dict[str, str], aws_variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the app client's, read by its ARN; the routes want their scopes. Deploys if nobody has."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    url = outputs["FilesServiceUrl"]
    with (
        CognitoClientCredentials(
            domain=outputs["CognitoDomain"],
            client_id=outputs["ClientId"],
            client_secret=SecretsManagerSecret(outputs["ClientSecretArn"]),
            scopes="demo/read.file",
        ) as credentials,
        httpx.Client(base_url=url, auth=credentials.httpx_auth(url)) as files,
    ):
        assert files.get("/files").status_code == 200
        assert files.post("/files").status_code == 401
    assert httpx.get(f"{url}/files").status_code == 401


def test_deployed_stack_shows_no_secret(aws: MiniStack, outputs: dict[str, str]) -> None:
    """Neither its outputs and template nor the caller's configuration. Deploys if nobody has."""
    ids = ["--user-pool-id", outputs["UserPoolId"], "--client-id", outputs["ClientId"]]
    secret = aws.aws("cognito-idp", "describe-user-pool-client", *ids)["UserPoolClient"]["ClientSecret"]
    shown = [
        aws.aws("cloudformation", "describe-stacks", "--stack-name", _STACK),
        aws.aws("cloudformation", "get-template", "--stack-name", _STACK),
        aws.aws("lambda", "get-function-configuration", "--function-name", outputs["CallerFunction"]),
    ]
    assert secret not in json.dumps(shown)


def test_readme_shows_the_table_that_the_command_prints() -> None:
    """Its numbers are the command's."""
    command = [sys.executable, cdk.EXAMPLE / "cost.py"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed in (cdk.EXAMPLE / "README.md").read_text(encoding="utf-8")
