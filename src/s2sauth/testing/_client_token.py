"""`GetClientToken` of Cognito's own API: the same pool, asked and answered in AWS's JSON."""

import json
import uuid
from collections.abc import Mapping
from typing import Any, cast

from ._replies import Pairs, dump
from ._tokens import Pool, whole
from ._wire import Headers, Request, values

TARGET = "AWSCognitoIdentityProviderService.GetClientToken"
_JSON = ("Content-Type", "application/x-amz-json-1.1")
_TYPES = {"ClientId": str, "Secret": str, "Scopes": list, "ClientMetadata": dict}

Answer = tuple[int, bytes, Pairs, str | None]
"""Status, body, headers, and the id of the token in it."""


class Refused(Exception):
    """The request gets no token; the arguments are the error's name and message."""


def is_asked_for(request: Request) -> bool:
    """Whether the request is one of this API."""
    return request.path == "/" and bool(values(request.headers, "x-amz-target"))


def answer(request: Request, pool: Pool, *, allowed: bool, throttled: bool) -> Answer:
    """What Cognito answers; `allowed`: the app client has ALLOW_CLIENT_TOKEN_AUTH."""
    try:
        if throttled:
            raise Refused("TooManyRequestsException", "Rate exceeded")
        token, token_id = pool.token(_granted(_parameters(request), pool, allowed=allowed))
    except Refused as refused:
        name, message = refused.args
        status = 500 if name == "InternalErrorException" else 400
        return status, dump({"__type": name, "message": message}), _headers(("x-amzn-ErrorType", f"{name}:")), None
    result = {"AccessToken": token, "ExpiresIn": whole(pool.expires_in), "TokenType": "Bearer"}
    return 200, dump({"ClientAuthenticationResult": result}), _headers(), token_id


def _headers(*more: tuple[str, str]) -> Headers:
    return (_JSON, ("x-amzn-RequestId", str(uuid.uuid4())), *more)


def _parameters(request: Request) -> Mapping[str, Any]:
    if values(request.headers, "x-amz-target") != [TARGET] or values(request.headers, "content-type") != [_JSON[1]]:
        raise Refused("UnknownOperationException", "")
    try:
        given = json.loads(request.body)
    except ValueError:
        raise Refused("SerializationException", "") from None
    if not isinstance(given, dict):
        raise Refused("SerializationException", "")
    parameters = cast(dict[str, Any], given)
    for name, kind in _TYPES.items():
        if not isinstance(parameters.get(name, kind()), kind):
            raise Refused("SerializationException", "")
    if missing := [name for name in ("ClientId", "Secret") if not parameters.get(name)]:
        raise Refused("InvalidParameterException", f"Missing required parameter {', '.join(missing)}")
    return parameters


def _granted(parameters: Mapping[str, Any], pool: Pool, *, allowed: bool) -> tuple[str, ...]:
    if parameters["ClientId"] != pool.client_id:
        raise Refused("ResourceNotFoundException", f"User pool client {parameters['ClientId']} does not exist.")
    if not allowed:
        raise Refused("OperationNotEnabledException", "ALLOW_CLIENT_TOKEN_AUTH is not enabled for the client")
    if parameters["Secret"] not in pool.secrets:
        raise Refused("NotAuthorizedException", "Invalid client or secret")
    if "Scopes" not in parameters:
        return pool.scopes
    asked = tuple(sorted(set(parameters["Scopes"])))
    if not asked or not set(asked) <= set(pool.scopes):
        raise Refused("InvalidParameterException", "Invalid scope requested")
    return asked
