"""Tasks of asyncio and of trio, in one thread, wait for one flight; prints the number of tokens and of requests."""

import sys

import trio
import trio_asyncio

from s2sauth import CognitoClientCredentials
from s2sauth.testing import FakeCognito


async def main() -> None:
    """Both wait, each by its own library."""
    tokens = []
    with FakeCognito(latency=0.3) as fake, CognitoClientCredentials.from_env(environ=fake.environ) as credentials:

        async def of_asyncio():
            tokens.append(await credentials.aget_token())

        async def of_trio():
            tokens.append(await credentials.aget_token())

        async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
            nursery.start_soon(trio_asyncio.aio_as_trio(of_asyncio))
            nursery.start_soon(of_trio)
        sys.stdout.write(f"{len(set(map(id, tokens)))} {fake.counts()['token_requests']}\n")


trio.run(main)
