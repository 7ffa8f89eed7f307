"""A script that lists the files of the files service, once.

python plain_script.py
"""

import os
import sys

import httpx

from s2sauth import CognitoClientCredentials, S2SAuthError

FILES = os.environ["FILES_SERVICE_URL"]


def main() -> None:
    """Print what the files service answers; a line on stderr and status 1 when that cannot be had."""
    with (
        CognitoClientCredentials.from_env(scopes="demo/read.file") as credentials,
        httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES)) as files,
    ):
        try:
            print(files.get("/files").raise_for_status().text)
        except (httpx.HTTPError, S2SAuthError) as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
