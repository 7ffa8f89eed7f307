"""A FastAPI application that lists the files of the files service.

uvicorn fastapi_app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request

from s2sauth import CognitoClientCredentials, TokenUnavailable

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """An async client belongs to one event loop, so it is made here; the credentials belong to none."""
    async with httpx.AsyncClient(base_url=FILES, auth=credentials.httpx_auth(FILES)) as files:
        yield {"files": files}


def files_client(request: Request) -> httpx.AsyncClient:
    """The client that the lifespan made."""
    client: httpx.AsyncClient = request.state.files
    return client


app = FastAPI(lifespan=lifespan)


@app.get("/files")
async def list_files(files: Annotated[httpx.AsyncClient, Depends(files_client)]) -> Any:
    """Answer with what the files service answers; with 503 while no token can be had."""
    try:
        answer = await files.get("/files")
    except TokenUnavailable as unavailable:
        wait = round(unavailable.retry_after or 1)
        raise HTTPException(503, headers={"Retry-After": str(wait)}) from unavailable
    return answer.raise_for_status().json()
