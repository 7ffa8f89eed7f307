"""A secret from the AWS Parameters and Secrets Lambda Extension, which is asked over plain HTTP on the loopback."""

import os
from _thread import allocate_lock
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Final, cast, final
from urllib.parse import urlencode

from .._clock import Clock, SystemClock
from .._core.client_secret import stored_secret
from .._core.errors import ConfigurationError
from .._core.secret_arn import as_secrets_manager_says, may_name_client
from .._core.strict_json import json_object
from .._core.values import ManagedSecret
from .base import SourceFailed

_SECONDS: Final = 2.0
"""For one answer, with the time that the extension needs to get ready."""
_PAUSE: Final = 0.05
_MAX_ANSWER: Final = 256 * 1024
"""Bytes: a secret has 64 KiB at most, and as JSON may be longer."""
_NOT_READY: Final = b"not ready"
"""What a 400 says in Lambda's init phase: "not ready to serve traffic, please wait"."""
_OTHER_STAGES: Final = ("AWSPENDING", "AWSPREVIOUS")


@final
class LambdaExtensionSecret:
    """The secret `secret_id` of Secrets Manager, or the `parameter` of the Parameter Store, as the extension has it.

    `key` takes that member of the JSON object in it; a secret that Cognito manages needs none. The extension keeps what
    it has read for five minutes or as it is set up; once a secret is refused it is asked with `refreshNow=true`, which
    AWS documents for the Secrets Manager Agent, of the same interface, and then for AWSPENDING and AWSPREVIOUS. Its
    port, and the token that it wants, are taken from the function's environment at each request, which never goes
    through a proxy.
    """

    def __init__(self, secret_id: str | None = None, *, parameter: str | None = None, key: str | None = None) -> None:
        name = secret_id if parameter is None else parameter
        if (secret_id is None) is (parameter is None) or not (isinstance(name, str) and name):
            form = 'use the name or the ARN of the one that holds the secret, as "prod/files/client"'
            raise ConfigurationError(f"secret_id or parameter: {form}")
        self._is_parameter = parameter is not None
        self._name = as_secrets_manager_says(name)
        self._key = key
        self._clock: Clock = SystemClock()

    def prepare(self) -> None:
        """Import what a request needs."""
        "localhost".encode("idna")

    @property
    def client_id_from(self) -> str | None:
        """As that of `SecretsManagerSecret`; None for a parameter."""
        return None if self._is_parameter or not may_name_client(self._key) else self._name

    def __call__(self) -> str | ManagedSecret:
        """What the extension has, or gets."""
        return self._read()

    def again(self) -> list[str | ManagedSecret]:
        """The same past its cache, and what else there is."""
        found = [self._read_anew()]
        if not self._is_parameter:
            with suppress(Exception):  # of what else there is, as much as can be had
                for stage in _OTHER_STAGES:
                    with suppress(SourceFailed, ConfigurationError):  # there is none, or it is no secret
                        found.append(self._read(refreshNow="true", versionStage=stage))
        return found

    def _read_anew(self) -> str | ManagedSecret:
        with suppress(SourceFailed):  # it may be of a version that does not know this
            return self._read(refreshNow="true")
        return self._read()

    def _read(self, **query: str) -> str | ManagedSecret:
        place = f"{'parameter' if self._is_parameter else 'secret'} {self._name}"
        return stored_secret(self._value(query), f"{place}, as the Lambda extension gives it", self._key)

    def _value(self, query: dict[str, str]) -> object:
        if not self._is_parameter:
            answer = self._get("/secretsmanager/get", {"secretId": self._name, **query})
            return answer.get("SecretString")
        answer = self._get("/systemsmanager/parameters/get", {"name": self._name, "withDecryption": "true", **query})
        parameter = answer.get("Parameter")
        return cast(dict[str, object], parameter).get("Value") if isinstance(parameter, dict) else None

    def _get(self, path: str, query: dict[str, str]) -> dict[str, object]:
        target = f"{path}?{urlencode(query)}"
        until = self._clock.monotonic() + _SECONDS
        while True:
            status, body = _request(target, max(_PAUSE, until - self._clock.monotonic()))
            if status == 200:
                return json_object(body) or {}
            not_ready = status == 400 and _NOT_READY in body
            if not not_ready or until - self._clock.monotonic() < _PAUSE:
                del body  # a traceback may show the locals of its frames
                raise SourceFailed("not ready" if not_ready else f"HTTP {status}")
            pause = allocate_lock()
            pause.acquire()
            self._clock.wait(pause, _PAUSE)

    def __repr__(self) -> str:
        return f"LambdaExtensionSecret({'parameter=' if self._is_parameter else ''}{self._name!r})"


def _request(target: str, seconds: float) -> tuple[int, bytes]:
    """Status and body. Raises OSError, and SourceFailed for what is no HTTP."""
    port = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") or "2773"
    headers = {"X-Aws-Parameters-Secrets-Token": os.environ.get("AWS_SESSION_TOKEN", "")}
    connection = HTTPConnection("localhost", int(port), timeout=seconds)
    connection.debuglevel = 0  # else a program may have all headers printed
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        body = response.read(_MAX_ANSWER)
        if not response.length:  # what is missing of the length that was announced
            return response.status, body
        del body  # a traceback may show the locals of its frames
        failed = "answer cut or too long"
    except HTTPException as error:
        failed = type(error).__name__
    finally:
        connection.close()
    raise SourceFailed(failed)  # outside: what was raised may hold a part of the body
