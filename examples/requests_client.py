"""The files service called with requests.

python requests_client.py
"""

import os

import requests
from requests.auth import AuthBase

from s2sauth import CognitoClientCredentials

FILES = os.environ["FILES_SERVICE_URL"]

credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")


class TokenOf(AuthBase):
    """Puts a token on each request of a session to one service.

    For a session to one service only: unlike the httpx hook it does not look at the request's origin, and does not
    answer a 401.
    """

    def __init__(self, credentials: CognitoClientCredentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Take the token in hand; when there is none, fetch one."""
        request.headers.update(self._credentials.auth_headers())
        return request


def main() -> None:
    """Print what the files service answers."""
    with requests.Session() as files:
        files.auth = TokenOf(credentials)
        answer = files.get(f"{FILES}/files", timeout=5, allow_redirects=False)
        answer.raise_for_status()
        print(answer.text)


if __name__ == "__main__":
    main()
