"""Celery tasks that call the files service. Broker and results are folders below CELERY_FOLDER.

celery --app tasks worker --concurrency 2
"""

import os
from pathlib import Path
from typing import Any

import httpx
from celery import Celery

from s2sauth import CognitoClientCredentials, TokenUnavailable

FILES = os.environ["FILES_SERVICE_URL"]

# At module level: Celery imports this before it forks its workers; each of them gets its token with its first call.
credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))


def _folder(name: str) -> str:
    folder = Path(os.environ["CELERY_FOLDER"]) / name
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


app = Celery("tasks", broker="filesystem://localhost", backend=f"file://{_folder('results')}")
app.conf.broker_transport_options = {
    "data_folder_in": _folder("messages"),
    "data_folder_out": _folder("messages"),
    "control_folder": _folder("control"),
    "polling_interval": 0.05,
}


@app.task
def list_files() -> dict[str, Any]:
    """Return what the files service answers, and who asked it. What goes wrong is the result, as an exception."""
    return {"worker": os.getpid(), **files.get("/files").raise_for_status().json()}


@app.task(autoretry_for=(TokenUnavailable,), retry_backoff=True)
def list_files_at_last() -> dict[str, Any]:
    """Return the same; while no token can be had, Celery tries again after about 1, 2, 4 seconds."""
    return list_files()


@app.task
def token_scopes(*scopes: str) -> tuple[str, ...] | None:
    """Return the scopes of a token that was asked for with these."""
    return credentials.with_scopes(*scopes).get_token().scopes
