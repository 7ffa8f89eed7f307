"""A pool of processes that call the files service, started by any of Python's methods.

python pool.py spawn
"""

import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import httpx

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]

# A spawned child imports this module and builds its own; a forked one inherits these. Neither is ever pickled.
credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))


def list_files(_: int) -> dict[str, Any]:
    """Return what the files service answers, and who asked it."""
    return {"worker": os.getpid(), **files.get("/files").raise_for_status().json()}


def main(method: str) -> None:
    """Print a line of JSON for each of 300 calls from 4 processes."""
    with ProcessPoolExecutor(4, multiprocessing.get_context(method)) as pool:
        for answer in pool.map(list_files, range(300)):
            print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
