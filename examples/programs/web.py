"""A Flask application that lists the files of the files service.

gunicorn --preload --workers 4 web:app
"""

import logging
import os
from typing import Any

import httpx
from flask import Flask

from s2sauth import CognitoClientCredentials

logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"))

FILES = os.environ["FILES_SERVICE_URL"]

# At module level, also when gunicorn imports this before it forks: nothing is sent and nothing is connected here.
credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))
app = Flask(__name__)


@app.get("/files")
def list_files() -> dict[str, Any]:
    """Answer with what the files service answers, and with who asked it."""
    return {"worker": os.getpid(), **files.get("/files").raise_for_status().json()}
