"""A Starlette application that lists the files of the files service.

uvicorn --workers 2 web_async:app
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from s2sauth import CognitoClientCredentials

logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"))

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
    """An async client belongs to one event loop, so it is made here; the credentials belong to none."""
    async with httpx.AsyncClient(base_url=FILES, auth=credentials.httpx_auth(FILES)) as files:
        yield {"files": files}


async def list_files(request: Request) -> JSONResponse:
    """Answer with what the files service answers, and with who asked it."""
    answer = await request.state.files.get("/files")
    return JSONResponse({"worker": os.getpid(), **answer.raise_for_status().json()})


app = Starlette(routes=[Route("/files", list_files)], lifespan=lifespan)
