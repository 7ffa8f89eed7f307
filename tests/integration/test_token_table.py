"""The DynamoDB table that a fleet shares: made by the page's commands, and by the example's template."""

import base64
import json
import re
import subprocess
from contextlib import closing
from itertools import count

import boto3
import pytest

from parts import files_service
from parts.files_service import EXAMPLE, FilesService
from parts.install import ROOT
from parts.ministack import MiniStack
from s2sauth import CognitoClientCredentials
from s2sauth.stores.dynamodb import DynamoDBStore
from tests.support.stores import aws_variables

__all__ = ["aws_variables"]

_PAGE = ROOT / "docs" / "stores" / "dynamodb.md"
_COLD = count()


@pytest.fixture(scope="module")
def shared(aws: MiniStack) -> FilesService:
    """The example with its token table."""
    return files_service.deploy(aws, "TokenTable=yes", stack="shared-files-service")


@pytest.fixture
def emptied(aws: MiniStack, shared: FilesService) -> None:
    """Its table holds nothing."""
    table = _table(shared)
    for item in aws.aws("dynamodb", "scan", "--table-name", table)["Items"]:
        key = json.dumps({"key": item["key"]})
        subprocess.run(
            ["aws", "dynamodb", "delete-item", "--table-name", table, "--key", key], env=aws.cli_environ, check=True
        )


def _table(world: FilesService) -> str:
    assert world.token_store is not None
    return world.token_store.removeprefix("dynamodb://").partition("?")[0]


def _cold(aws: MiniStack, world: FilesService) -> None:
    """The next invocation of the caller starts a new execution environment."""
    function = ["--function-name", world.caller]
    variables = aws.aws("lambda", "get-function-configuration", *function)["Environment"]["Variables"]
    changed = json.dumps({"Variables": {**variables, "COLD_START": str(next(_COLD))}})
    aws.aws("lambda", "update-function-configuration", *function, "--environment", changed)


def _statuses_of_cold_starts(aws: MiniStack, world: FilesService, number: int) -> list[int]:
    """Of the token requests that so many cold starts make, one after the other."""
    before = len(aws.token_requests())
    for _ in range(number):
        _cold(aws, world)
        assert len(aws.invoke(world.caller)["files"]) == 3
    return aws.token_requests()[before:]


def _shared_token(aws: MiniStack, shared: FilesService, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token that another service finds in the table; it asks Cognito for none."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    with CognitoClientCredentials.from_env(
        environ=shared.environ, scopes="demo/read.file", store=shared.token_store
    ) as other:
        token = other.get_token()
        assert token.scopes in (("demo/read.file",), None)
        assert other.state().token_requests == 0
    return token.access_token


def test_cold_starts_share_one_token(aws: MiniStack, shared: FilesService, emptied: None) -> None:
    """Each finds in the table what the first one wrote. Starts three Lambdas: seconds."""
    assert _statuses_of_cold_starts(aws, shared, 3) == [200]


def test_without_the_table_each_pays_its_own(aws: MiniStack, world: FilesService) -> None:
    """So they were cold, and it was the table that spared the others. Starts two Lambdas: seconds."""
    assert world.token_store is None
    assert _statuses_of_cold_starts(aws, world, 2) == [200, 200]
    variables = aws.aws("lambda", "get-function-configuration", "--function-name", world.caller)
    assert "TOKEN_STORE" not in variables["Environment"]["Variables"]


def test_another_service_finds_the_callers_token(
    aws: MiniStack, shared: FilesService, emptied: None, aws_variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same app client and the output's URL. Starts a Lambda."""
    assert _statuses_of_cold_starts(aws, shared, 1) == [200]
    assert _shared_token(aws, shared, monkeypatch)


def test_stack_shows_no_secret_and_the_table_no_token(
    aws: MiniStack, shared: FilesService, emptied: None, aws_variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and items may be read by more people than the caller's configuration. Starts a Lambda."""
    _statuses_of_cold_starts(aws, shared, 1)
    token = _shared_token(aws, shared, monkeypatch)
    items = aws.aws("dynamodb", "scan", "--table-name", _table(shared))["Items"]

    assert [item["key"]["S"].startswith("s2sauth:1:") for item in items] == [True]  # the lease was given back
    shown = json.dumps([items, aws.aws("cloudformation", "describe-stacks")])
    assert shared.client_secret not in shown
    assert shared.client_id not in json.dumps(items)
    entry = base64.b64decode(items[0]["value"]["S"])
    assert len(entry) > len(token)
    for part in token.split("."):
        assert part.encode() not in entry + json.dumps(items).encode()


def test_table_and_role_are_those_of_the_page(aws: MiniStack, shared: FilesService) -> None:
    """Keys, billing, time to live. The caller's role has the least rights on this table, that of the files has none."""
    table = aws.aws("dynamodb", "describe-table", "--table-name", _table(shared))["Table"]
    assert table["KeySchema"] == [{"AttributeName": "key", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    template = (EXAMPLE / "template.yaml").read_text(encoding="utf-8")  # MiniStack passes over the time to live
    assert re.search("TimeToLiveSpecification:.*\n +AttributeName: ttl\n +Enabled: true\n", template)

    roles = aws.aws("cloudformation", "describe-stack-resources", "--stack-name", "shared-files-service")
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in roles["StackResources"]}
    policy = aws.aws("iam", "get-role-policy", "--role-name", names["CallerRole"], "--policy-name", "tokens")
    (statement,) = policy["PolicyDocument"]["Statement"]
    (page,) = json.loads(_block("json"))["Statement"]
    assert set(statement["Action"]) == set(page["Action"])
    assert statement["Resource"] == table["TableArn"]
    assert aws.aws("iam", "list-role-policies", "--role-name", names["Role"])["PolicyNames"] == []


def test_commands_of_the_page_make_the_table(aws: MiniStack, aws_variables: None) -> None:
    """A store uses it at once. Runs AWS's own command three times: seconds."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _block("bash")],
        env={**aws.cli_environ, "AWS_PAGER": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

    with closing(boto3.Session().client("dynamodb", region_name="eu-central-1", endpoint_url=aws.url)) as client:
        life = client.describe_time_to_live(TableName="s2sauth-tokens")["TimeToLiveDescription"]
        assert life == {"AttributeName": "ttl", "TimeToLiveStatus": "ENABLED"}
        store = DynamoDBStore("s2sauth-tokens", client=client)
        assert store.put("s2sauth:1:key", b"value", replaces=None, seconds=60)
        assert not store.put("s2sauth:1:key", b"other", replaces=None, seconds=60)


def test_readme_names_the_parameter() -> None:
    """As the template has it."""
    assert "TokenTable=yes" in (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert re.search(r'TokenTable:\n.*\n +Default: "no"\n', (EXAMPLE / "template.yaml").read_text(encoding="utf-8"))


def _block(language: str) -> str:
    """The page's first block of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]
