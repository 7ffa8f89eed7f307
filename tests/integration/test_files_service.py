"""The tutorial's world in MiniStack: Cognito's token endpoint, API Gateway's authorizer, two Lambdas."""

import json
import shutil
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from parts import files_service
from parts.files_service import FilesService
from parts.ministack import HandlerFailed, MiniStack
from s2sauth import CognitoClientCredentials, InvalidClient, InvalidScope

_FILES = ["invoice-2041.pdf", "invoice-2042.pdf", "terms.txt"]

_PROBE = """
import os, sys

before = set(sys.modules)
import handler as caller

def handler(event, context):
    caller.handler(event, context)
    caller.credentials.with_scopes("demo/write.file").get_token()
    import s2sauth.settings
    loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in before}
    return {"root": os.environ["LAMBDA_TASK_ROOT"], "loaded": loaded}
"""


def _names(answer: Any) -> list[str]:
    return [file["name"] for file in answer["files"]]


def _credentials(world: FilesService, scopes: str = "demo/read.file") -> CognitoClientCredentials:
    return CognitoClientCredentials.from_env(environ=world.environ, scopes=scopes)


def _client(world: FilesService, credentials: CognitoClientCredentials) -> httpx.Client:
    return httpx.Client(base_url=world.url, auth=credentials.httpx_auth(world.url))


def test_caller_pays_one_token_for_a_cold_and_a_warm_invocation(aws: MiniStack, world: FilesService) -> None:
    """What the tutorial's caller does anew each time is done once. Starts a Lambda, which takes a second or more."""
    before = len(aws.token_requests())

    assert _names(aws.invoke(world.caller)) == _FILES
    assert _names(aws.invoke(world.caller)) == _FILES

    assert aws.token_requests()[before:] == [200]


def test_zip_holds_all_that_the_caller_imports(aws: MiniStack, world: FilesService, tmp_path: Path) -> None:
    """Nothing comes from the environment that MiniStack runs Lambdas in. Deploys and starts one: seconds."""
    code = shutil.copytree(files_service.build(), tmp_path / "code")
    (code / "probe.py").write_text(_PROBE)
    archive = shutil.make_archive(str(tmp_path / "probe"), "zip", code)
    caller = aws.aws("lambda", "get-function-configuration", "--function-name", world.caller)
    environment = json.dumps(caller["Environment"])
    like_caller = ["--runtime", caller["Runtime"], "--role", caller["Role"], "--environment", environment]
    named = ["--function-name", "probe", "--handler", "probe.handler", "--timeout", "15"]
    aws.aws("lambda", "create-function", *named, *like_caller, "--zip-file", f"fileb://{archive}")

    seen = aws.invoke("probe")

    assert Path(seen["loaded"]["s2sauth"]).is_relative_to(seen["root"])
    assert {"cachetools", "httpx", "pydantic"} <= seen["loaded"].keys()
    elsewhere = {name.partition(".")[0] for name, file in seen["loaded"].items() if file and "site-packages" in file}
    assert elsewhere <= {"h2", "hpack", "hyperframe"}  # no requirement: httpx takes h2 wherever it is found


def test_secret_reaches_the_caller_and_no_output_of_the_stack(aws: MiniStack, world: FilesService) -> None:
    """Who may read the stack cannot act as the caller."""
    caller = aws.aws("lambda", "get-function-configuration", "--function-name", world.caller)
    stack = aws.aws("cloudformation", "describe-stacks")

    assert caller["Environment"]["Variables"] == world.environ
    assert world.client_secret not in json.dumps(stack)
    assert world.client_secret not in repr(world)


def test_wrong_secret_fails_the_invocation_with_the_reason(aws: MiniStack, world: FilesService) -> None:
    """The Lambda API's error says what is wrong, and shows no secret. Starts a Lambda, twice."""
    name = ["--function-name", world.caller]
    wrong = "0" * 52

    def set_secret(secret: str) -> None:
        variables = {"Variables": {**world.environ, "APP_CLIENT_SECRET": secret}}
        aws.aws("lambda", "update-function-configuration", *name, "--environment", json.dumps(variables))

    set_secret(wrong)
    try:
        with pytest.raises(HandlerFailed) as failed:
            aws.invoke(world.caller)
    finally:
        set_secret(world.client_secret)

    assert "invalid_client" in failed.value.payload["errorMessage"]
    assert wrong not in str(failed.value)
    assert _names(aws.invoke(world.caller)) == _FILES


def test_client_lists_files_through_the_hook(aws: MiniStack, world: FilesService) -> None:
    """Settings from the environment, a token from Cognito, past the authorizer; one token for both calls."""
    before = len(aws.token_requests())

    with _credentials(world) as reader, _client(world, reader) as files:
        answers = [files.get("/files") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert _names(answers[0].json()) == _FILES
    assert aws.token_requests()[before:] == [200]


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_async_client_lists_files_through_the_hook(library: str, world: FilesService) -> None:
    """The same hook in an async client."""

    async def get() -> httpx.Response:
        async with (
            _credentials(world) as reader,
            httpx.AsyncClient(base_url=world.url, auth=reader.httpx_auth(world.url)) as files,
        ):
            return await files.get("/files")

    answer = anyio.run(get, backend=library)

    assert answer.status_code == 200
    assert _names(answer.json()) == _FILES


def test_write_route_is_refused_for_want_of_the_scope(aws: MiniStack, world: FilesService) -> None:
    """A reader's token is good, yet not for POST; the token shows why, and the refusal buys no other token."""
    before = len(aws.token_requests())

    with _credentials(world) as reader, _client(world, reader) as files:
        assert files.get("/files").status_code == 200
        refused = files.post("/files", json={"name": "a.txt"})
        assert reader.get_token().scopes == ("demo/read.file",)
        assert files.get("/files").status_code == 200
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert aws.token_requests()[before:] == [200]

    with _credentials(world, "demo/write.file") as writer, _client(world, writer) as files:
        assert files.post("/files", json={"name": "a.txt"}).status_code == 201
        assert files.get("/files").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="missing"),
        pytest.param({"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, id="forged"),
    ],
)
def test_files_are_not_for_everybody(headers: dict[str, str], world: FilesService) -> None:
    """Without a token of the pool the authorizer answers 401: the other tests prove something."""
    answer = httpx.get(f"{world.url}/files", headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_wrong_secret_is_invalid_client(world: FilesService) -> None:
    """Cognito's word for it, with no secret in the text."""
    wrong = {**world.environ, "APP_CLIENT_SECRET": "0" * 52}

    with CognitoClientCredentials.from_env(environ=wrong) as credentials, pytest.raises(InvalidClient) as refused:
        credentials.get_token()

    assert refused.value.status == 400
    assert "0" * 52 not in str(refused.value)


def test_unknown_scope_is_invalid_scope(world: FilesService) -> None:
    """A scope that the resource server does not have."""
    with _credentials(world, "demo/delete.file") as credentials, pytest.raises(InvalidScope):
        credentials.get_token()


def test_no_scopes_asked_for_gives_all_of_the_app_clients(world: FilesService) -> None:
    """Why the caller names the one that it needs."""
    with CognitoClientCredentials.from_env(environ=world.environ) as credentials:
        assert credentials.get_token().scopes == ("demo/read.file", "demo/write.file")
