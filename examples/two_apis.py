"""Two APIs, each with its own scopes and its own client: one credentials object, two tokens.

python two_apis.py
"""

import os

import httpx

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]
ADMIN = os.environ["ADMIN_SERVICE_URL"]

# A token can do what its scopes say wherever it ends up: each API sees only the scopes that it needs.
reader = CognitoClientCredentials.from_env(scopes="demo/read.file")
writer = reader.with_scopes("demo/write.file")

files = httpx.Client(base_url=FILES, auth=reader.httpx_auth(FILES))
admin = httpx.Client(base_url=ADMIN, auth=writer.httpx_auth(ADMIN))


def main() -> None:
    """Print with which scopes each API was called."""
    for _ in range(10):
        read = files.get("/files").raise_for_status().json()
        written = admin.post("/admin", json={"quota": 10}).raise_for_status().json()
    print("files:", read["scope"])
    print("admin:", written["scope"])


if __name__ == "__main__":
    main()
