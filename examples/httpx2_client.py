"""The files service called with httpx2; its token requests go through httpx2 as well.

python httpx2_client.py
"""

import asyncio
import os

import httpx2

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
files = httpx2.Client(base_url=FILES, auth=credentials.httpx2_auth(FILES))


async def list_files() -> str:
    """The same with an async client, which takes the same token."""
    async with httpx2.AsyncClient(base_url=FILES, auth=credentials.httpx2_auth(FILES)) as client:
        return (await client.get("/files")).raise_for_status().text


def main() -> None:
    """Print what the files service answers, to both clients."""
    print(files.get("/files").raise_for_status().text)
    print(asyncio.run(list_files()))


if __name__ == "__main__":
    main()
