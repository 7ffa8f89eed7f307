"""The services that this project calls, each with one client for the whole process."""

import os

import httpx

from s2sauth import CognitoClientCredentials

_FILES = os.environ["FILES_SERVICE_URL"]

# Django imports this with the URLs, in each worker (with --preload before the fork): nothing is sent here.
credentials = CognitoClientCredentials.from_env(scopes="demo/read.file")
files = httpx.Client(base_url=_FILES, auth=credentials.httpx_auth(_FILES))
