"""The files service called with aiohttp.

python aiohttp_client.py
"""

import asyncio
import os

import aiohttp

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")


async def main() -> None:
    """Print what the files service answers."""
    async with aiohttp.ClientSession(FILES, raise_for_status=True) as files:
        # auth_headers() waits for a token when there is none in hand, so the loop awaits that first. Take them for each
        # request: headers kept in the session would hold the first token for ever.
        await credentials.aget_token()
        headers = credentials.auth_headers()
        async with files.get("/files", headers=headers, allow_redirects=False) as answer:
            print(await answer.text())


if __name__ == "__main__":
    asyncio.run(main())
