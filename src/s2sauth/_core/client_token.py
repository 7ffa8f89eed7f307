"""GetClientToken: how Amazon Cognito's own API, which needs no user pool domain, asks and answers.

Its answers are put into the words of RFC 6749, so that one reader serves both ways to a token.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, cast

from .settings import Settings
from .values import Secret

HEADERS: Final = (
    ("Content-Type", "application/x-amz-json-1.1"),
    ("X-Amz-Target", "AWSCognitoIdentityProviderService.GetClientToken"),
)
"""Nothing is signed: Cognito evaluates no IAM policy for this operation (API reference, GetClientToken)."""

_CODES: Final[Mapping[str, str]] = {
    "InternalErrorException": "server_error",
    "InvalidParameterException": "invalid_request",
    "NotAuthorizedException": "invalid_client",
    "OperationNotEnabledException": "unauthorized_client",
    "ResourceNotFoundException": "invalid_client",
}
"""Those that are not here have no word in RFC 6749: throttling is known by its name, all else is a refusal."""

_CAUSES: Final[Mapping[str, str]] = {
    "ForbiddenException": (
        "Likely cause: an AWS WAF rule of the user pool blocked the call. Look at the web ACL's sampled requests"
    ),
    "InvalidParameterException": (
        "Likely cause: a scope belongs to no resource server of this user pool, or client_metadata is not taken. "
        "Compare the scopes with the app client's"
    ),
    "NotAuthorizedException": (
        "Likely cause: the secret is wrong, rotated or deleted, or the app client does not have the scopes. Compare "
        "client id, secret and scopes with the app client in the Cognito console"
    ),
    "OperationNotEnabledException": (
        "Likely cause: the app client does not allow this API. Set ALLOW_CLIENT_TOKEN_AUTH, as its only authentication "
        "flow (ExplicitAuthFlows); a change may take some seconds"
    ),
    "ResourceNotFoundException": (
        "Likely cause: this Region has no such app client. Compare client id and region with the Cognito console"
    ),
}
_RESULT: Final = {"AccessToken": "access_token", "ExpiresIn": "expires_in", "TokenType": "token_type"}


def body(settings: Settings, secret: Secret) -> bytes:
    """The request's parameters, as JSON."""
    metadata = settings.client_metadata
    # What holds the secret is never bound to a name: a traceback may show the locals of its frames.
    return json.dumps(
        {
            "ClientId": settings.client_id,
            "Secret": secret.reveal(),
            **({} if settings.scopes is None else {"Scopes": settings.scopes}),
            **({} if metadata is None else {"ClientMetadata": json.loads(metadata)}),
        },
        separators=(",", ":"),
    ).encode()


def error_name(members: Mapping[str, object], headers: Mapping[str, str]) -> str | None:
    """The error's name in AWS's words, without its namespace; None if there is none."""
    said = members.get("__type", headers.get("x-amzn-errortype"))
    found = re.fullmatch(r"(?:[\w.-]+#)?([A-Za-z]{1,64})(?::.*)?", said) if isinstance(said, str) else None
    return found and found[1]


def likely_cause(name: str | None) -> str | None:
    """The likely cause of a refusal with this name, if anything is known of it; no full stop at the end."""
    return _CAUSES.get(name or "")


def in_oauth_words(members: Mapping[str, object], headers: Mapping[str, str]) -> Mapping[str, object]:
    """The members as RFC 6749 5.1 and 5.2 name them; those that it does not know stay."""
    result = members.get("ClientAuthenticationResult")
    if isinstance(result, dict):
        given = cast(dict[str, object], result)
        return {name: given[aws] for aws, name in _RESULT.items() if aws in given}
    code = _CODES.get(error_name(members, headers) or "")
    if code is None:
        return members
    return {**members, "error": code, "error_description": members.get("message", members.get("Message"))}
