"""The caller service: lists the files of the files service, with an access token of its own."""

import os
from typing import Any

import httpx

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]

# At module level: one token serves every invocation of this execution environment until it is due for renewal. With
# TOKEN_STORE, the URL of a shared store, it serves all of them.
credentials = CognitoClientCredentials.from_env(scopes="demo/read.file", store=os.environ.get("TOKEN_STORE"))
files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))


def handler(event: object, context: object) -> Any:
    """Answer with what the files service answers."""
    return files.get("/files").raise_for_status().json()
