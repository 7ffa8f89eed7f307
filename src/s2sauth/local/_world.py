"""examples/files-service, which the wheel holds, deployed into MiniStack."""

import io
import json
import re
import time
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ._ministack import MiniStack
from ._server import ServerFailed

_EXAMPLE: Final = Path(__file__).with_name("_files_service")
_STACK: Final = "files-service"
_BUCKET: Final = "files-service-code"
_CODE: Final = {"files": "files", "build/caller": "caller"}
"""A folder that the template names -> the folder of its handler. The caller's zip also contains s2sauth."""
_PACKAGE: Final = Path(__file__).parents[1]
_NOT_IN_A_LAMBDA: Final = ("_cli", "local", "testing")
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class World:
    """The deployed world."""

    caller: str
    """Name of the caller's Lambda function; empty if it was left out."""
    url: str
    """Of the files service: `url + "/files"`."""
    domain: str
    user_pool_id: str
    client_id: str
    client_secret: str = field(repr=False)
    token_store: str | None = None
    """The URL of the caller's shared store, if it has one."""

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a service that calls the files service."""
        return {
            "COGNITO_DOMAIN": self.domain,
            "APP_CLIENT_ID": self.client_id,
            "APP_CLIENT_SECRET": self.client_secret,
            "FILES_SERVICE_URL": self.url,
        }


def deploy(aws: MiniStack, *, caller: bool) -> World:
    """Deploy it, with or without the caller's Lambda: MiniStack's interpreter must have what s2sauth needs."""
    aws.ask("s3", "PUT", f"/{_BUCKET}")
    template = (_EXAMPLE / "template.yaml").read_text(encoding="utf-8")
    for named, folder in _CODE.items():
        aws.ask("s3", "PUT", f"/{_BUCKET}/{folder}.zip", _zip(_EXAMPLE / folder, s2sauth=caller and folder == "caller"))
        stored = f"Code: {{S3Bucket: {_BUCKET}, S3Key: {folder}.zip}}"
        template = re.sub(rf"\bCode: {named}$", stored, template, flags=re.MULTILINE)
    parameters = {
        "CognitoDomain": aws.url,
        "ApiBaseUrl": f"{aws.url}/_aws/execute-api",
        "WithCaller": "yes" if caller else "no",
    }
    outputs = create_stack(aws, _STACK, template, parameters)
    pool, client = outputs["UserPoolId"], outputs["ClientId"]
    return World(
        caller=outputs.get("CallerFunction", ""),
        url=outputs["FilesServiceUrl"],
        domain=outputs["CognitoDomain"],
        user_pool_id=pool,
        client_id=client,
        client_secret=_client_secret(aws, pool, client),
    )


def create_stack(aws: MiniStack, name: str, template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The outputs of a new stack. ServerFailed if it cannot be made."""
    form = {"Action": "CreateStack", "StackName": name, "TemplateBody": template}
    form["Capabilities.member.1"] = "CAPABILITY_IAM"
    for number, (key, value) in enumerate(parameters.items(), 1):
        form[f"Parameters.member.{number}.ParameterKey"] = key
        form[f"Parameters.member.{number}.ParameterValue"] = value
    _query(aws, form)
    until = time.monotonic() + _PATIENCE
    while True:
        stack = _query(aws, {"Action": "DescribeStacks", "StackName": name})
        status = stack.findtext(".//{*}StackStatus", "")
        if status == "CREATE_COMPLETE":
            break
        if status != "CREATE_IN_PROGRESS" or time.monotonic() > until:
            raise ServerFailed(f"the stack is {status}: {stack.findtext('.//{*}StackStatusReason', 'no reason given')}")
        time.sleep(0.02)  # another process: there is nothing to wait on
    found = stack.findall(".//{*}Outputs/{*}member")
    return {one.findtext("{*}OutputKey", ""): one.findtext("{*}OutputValue", "") for one in found}


def _query(aws: MiniStack, form: Mapping[str, str]) -> ET.Element:
    body = urllib.parse.urlencode({"Version": "2010-05-15", **form}).encode()
    answer = aws.ask("cloudformation", "POST", "/", body, Content_Type="application/x-www-form-urlencoded")
    return ET.fromstring(answer)  # noqa: S314  # from the server that we started


def _client_secret(aws: MiniStack, pool: str, client: str) -> str:
    body = json.dumps({"UserPoolId": pool, "ClientId": client}).encode()
    target = "AWSCognitoIdentityProviderService.DescribeUserPoolClient"
    kind = "application/x-amz-json-1.1"
    answer = aws.ask("cognito-idp", "POST", "/", body, X_Amz_Target=target, Content_Type=kind)
    return str(json.loads(answer)["UserPoolClient"]["ClientSecret"])


def _zip(folder: Path, *, s2sauth: bool) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "handler.py", "handler.py")
        for path in sorted(_PACKAGE.rglob("*.py")) if s2sauth else ():
            name = path.relative_to(_PACKAGE)
            if name.parts[0] not in _NOT_IN_A_LAMBDA:
                archive.write(path, Path("s2sauth", name))
    return packed.getvalue()
