"""How API Gateway and AWS WAF refuse a request, with cause and fix: by header and by the body's message.

One table, for `s2sauth call` and `doctor`, for a token endpoint behind such a gateway, and for docs/errors.md. Its rows
go from the particular to the general. An owner of an API may change status and body, so the header counts first.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from .bearer import challenges
from .record import Record
from .strict_json import json_object


class Refusal(Record):
    """One row: how the refusal is known, and what it means. Cause and fix have no full stop at their ends."""

    status: int
    """The usual one."""
    name: str
    """The value of `x-amzn-errortype`, of AWS WAF's `x-amzn-waf-action`, or of a Bearer challenge's `error`."""
    message: str
    """How the usual body's `message` begins; of a challenge, its `error_description`."""
    cause: str
    fix: str
    about_token: bool = False
    """Whether the token, or what it may do, is the reason."""


ANY_ACTION: Final = "another action"
"""Stands for an action of AWS WAF without a row of its own."""

_COMPARE: Final = "Compare method, path and stage with the API as it is deployed"
_READ_AS_SIGNATURE: Final = (
    "API Gateway reads the Authorization header as an AWS signature: the method wants one (IAM), or the path is that "
    "of no route with an authorizer"
)
_SAMPLED: Final = "Look at the web ACL's sampled requests"

WAF: Final = (
    Refusal(
        202,
        "challenge",
        "",
        "AWS WAF wants its browser challenge solved, which no program can",
        "In the web ACL, exempt this path or this caller from the rule whose action is Challenge",
    ),
    Refusal(
        405,
        "captcha",
        "",
        "AWS WAF wants its CAPTCHA solved, which no program can",
        "In the web ACL, exempt this path or this caller from the rule whose action is CAPTCHA",
    ),
    Refusal(403, ANY_ACTION, "", "a rule of an AWS WAF web ACL stopped the request", _SAMPLED),
)
"""By the header `x-amzn-waf-action`."""

BEARER: Final = (
    Refusal(
        401,
        "invalid_token",
        "the token does not have a valid audience",
        "the authorizer of the API wants an audience; tokens of this flow have none, and API Gateway then compares "
        "client_id",
        "Put the app client's id into the authorizer's audiences",
        about_token=True,
    ),
    Refusal(
        401,
        "invalid_token",
        "",
        "the API calls the token invalid: it is expired there, or of an issuer that the API does not trust",
        "Compare the token's issuer with the API's, and this machine's clock (s2sauth doctor)",
        about_token=True,
    ),
    Refusal(
        403,
        "insufficient_scope",
        "",
        "the token does not have the scope that the API wants",
        "Look the scope up in the API's documentation, ask for it, and allow it for the app client in Cognito",
        about_token=True,
    ),
    Refusal(
        400,
        "invalid_request",
        "",
        "the API got the token in two places, or in a form that it does not take",
        "Send no access_token in query or body, and no Authorization header of your own",
        about_token=True,
    ),
)
"""By a Bearer challenge in `www-authenticate` (RFC 6750 3.1); API Gateway's HTTP APIs send one."""

API_GATEWAY: Final = (
    Refusal(
        401,
        "UnauthorizedException",
        "The incoming token has expired",
        "the token had expired when the authorizer looked at it",
        "Compare this machine's clock with the API's (s2sauth doctor), and look for what delays requests on the way",
        about_token=True,
    ),
    Refusal(
        401,
        "UnauthorizedException",
        "Unauthorized",
        "the token has none of the method's scopes; or the method names no scope, so that its Cognito authorizer takes "
        "ID tokens only; or the authorizer trusts another user pool or app client",
        "Compare scopes, issuer and client_id with the method's authorizer, and deploy the stage after a change",
        about_token=True,
    ),
    Refusal(
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        "the API has no such route, method or stage, or the method wants an AWS signature (IAM); this is not about the "
        "token",
        _COMPARE,
    ),
    *(
        Refusal(403, name, message, cause, f"{_COMPARE}; a method that wants IAM takes no token")
        for name, message, cause in (
            (
                "IncompleteSignatureException",
                "Invalid key=value pair (missing equal-sign) in Authorization header",
                _READ_AS_SIGNATURE,
            ),
            ("IncompleteSignatureException", "Authorization header requires", _READ_AS_SIGNATURE),
            (
                "InvalidSignatureException",
                "The request signature we calculated does not match",
                "the method wants an AWS signature (IAM) and got another, or the path fell through to such a method",
            ),
            (
                "UnrecognizedClientException",
                "The security token included in the request is invalid",
                "the method wants an AWS signature (IAM), and does not know the key that signed",
            ),
        )
    ),
    Refusal(
        403,
        "ExpiredTokenException",
        "The security token included in the request is expired",
        "what authenticates the caller had expired: AWS credentials that sign the request, or the token itself",
        "Compare this machine's clock with the API's (s2sauth doctor); a method that wants IAM takes no token",
        about_token=True,
    ),
    Refusal(
        403,
        "AccessDeniedException",
        "User: ",
        "the API's resource policy does not let this caller in, or the method wants an AWS signature (IAM)",
        "Look at the resource policy: source address, VPC endpoint, account; deploy the stage after a change",
    ),
    Refusal(
        403,
        "AccessDeniedException",
        "User is not authorized to access this resource",
        "the API's authorizer knows the caller and denies this call, or a resource policy does",
        "Compare the token's scopes with what the authorizer wants; look at its log and at the resource policy",
        about_token=True,
    ),
    Refusal(
        403,
        "ForbiddenException",
        "Forbidden",
        "AWS WAF denies the request, the custom domain has no mapping for this path, the method wants an API key, or "
        "the token does not have the route's scope",
        f"{_SAMPLED}, and at the domain's API mappings, the method's settings and the token's scopes",
        about_token=True,
    ),
    Refusal(
        429,
        "LimitExceededException",
        "Limit Exceeded",
        "the quota of the usage plan is used up",
        "Wait for the plan's next period, or raise its quota",
    ),
    Refusal(
        429,
        "TooManyRequestsException",
        "Too Many Requests",
        "the rate limit of the stage, the method, the usage plan or the account is reached",
        "Send fewer requests at a time, with pauses that grow, or raise the limit",
    ),
    Refusal(
        413,
        "RequestTooLargeException",
        "Request Too Long",
        "the body is larger than API Gateway takes, which is 10 MB",
        "Send less at a time, or upload to S3 by a signed URL",
    ),
    Refusal(
        415,
        "UnsupportedMediaTypeException",
        "Unsupported Media Type",
        "the method takes no body of this Content-Type",
        "Set the Content-Type that the API documents",
    ),
    Refusal(
        404,
        "NotFoundException",
        "Not Found",
        "the API has no such route or stage, or what it looks for does not exist",
        _COMPARE,
    ),
    Refusal(
        500,
        "AuthorizerConfigurationException",
        "",
        "API Gateway could not use the API's authorizer (AUTHORIZER_CONFIGURATION_ERROR): it may not call it, or got "
        "an answer that is no policy",
        "Give API Gateway the right to invoke the authorizer, and look at its log",
    ),
    Refusal(
        500,
        "AuthorizerFailureException",
        "",
        "the API's authorizer failed (AUTHORIZER_FAILURE)",
        "Look at the authorizer's log: it raised an error or took too long",
    ),
    Refusal(
        504,
        "IntegrationTimeoutException",
        "Endpoint request timed out",
        "what stands behind API Gateway did not answer in time (INTEGRATION_TIMEOUT), which is 29 seconds as a rule",
        "Look at its log and duration",
    ),
    Refusal(
        504,
        "IntegrationFailureException",
        "Network error communicating with endpoint",
        "API Gateway did not reach what stands behind it (INTEGRATION_FAILURE)",
        "Look at the integration's address, its VPC link and security groups",
    ),
    Refusal(
        502,
        "InternalServerErrorException",
        "Internal server error",
        "what stands behind API Gateway failed, or gave an answer of another form than API Gateway wants",
        "Look at the log of the Lambda function or service",
    ),
    Refusal(
        503,
        "ServiceUnavailableException",
        "Service Unavailable",
        "what stands behind API Gateway cannot be reached or is overloaded",
        "Look at the integration's address and at its log; try again later",
    ),
)
"""By the header `x-amzn-errortype`, or where it is missing by status and message."""

_NAME: Final = r"(?:[\w.-]{1,100}#)?([A-Za-z]{1,64})(?::.*)?"


def find(status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
    """The row that tells most about this answer, or None. Names of headers in lower case. Never raises.

    No row repeats a text of the answer, so that nothing that an API sends back is shown.
    """
    if (stopped := _by_waf(headers)) or 200 <= status < 300:
        return stopped
    if challenged := by_challenge([headers.get("www-authenticate", "")]):
        return challenged
    found = (json_object(body) or {}).get("message")
    message = found.casefold() if isinstance(found, str) else ""
    said = re.fullmatch(_NAME, headers.get("x-amzn-errortype", ""))
    if said is None:
        return next((row for row in API_GATEWAY if row.status == status and _begins(message, row)), None)
    named = [row for row in API_GATEWAY if row.name == said[1]]
    return next((row for row in named if _begins(message, row)), named[-1] if named else None)


def by_challenge(www_authenticate: Iterable[str]) -> Refusal | None:
    """The row of the first Bearer challenge with an error that has one."""
    for scheme, parameters in challenges(www_authenticate):
        error, described = (parameters.get(name, "").strip().casefold() for name in ("error", "error_description"))
        named = [row for row in BEARER if scheme == "bearer" and row.name == error]
        if named:
            return next((row for row in named if _begins(described, row)), named[-1])
    return None


def on_the_way(headers: Mapping[str, str]) -> str | None:
    """Why no token request came through, if these headers are API Gateway's or AWS WAF's; no full stop at the end."""
    row = _by_waf(headers) or find(0, headers, b"")
    return None if row is None or row.about_token else f"Likely cause: {row.cause}. {row.fix}"


def _by_waf(headers: Mapping[str, str]) -> Refusal | None:
    action = headers.get("x-amzn-waf-action", "").strip().lower()
    return next((row for row in WAF if row.name in (action, ANY_ACTION)), None) if action else None


def _begins(message: str, row: Refusal) -> bool:
    return bool(row.message) and message.startswith(row.message.casefold())
