"""What Cognito adds to RFC 6749 or bends: request ids, throttling, likely causes, and the JWT in an access token."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Final

from .strict_json import json_object

_REQUEST_ID_HEADERS: Final = ("x-amz-cognito-request-id", "x-amzn-requestid")  # the second is API Gateway's, as a proxy
_REQUEST_ID = r"[A-Za-z0-9=._:-]{1,128}"
_THROTTLED = r"(?i:too[ _]?many[ _]?requests|rate exceeded)"

_CAUSES: Final = {
    "invalid_client": (
        "Likely cause: this domain's user pool has no such app client, or the secret is wrong, rotated or deleted. "
        "Compare client id, secret and domain with the app client in the Cognito console"
    ),
    "invalid_grant": (
        "Likely cause: the app client's OAuth settings are not in force, or it does not have the scopes; app clients "
        "made through the API or by Terraform may answer this until they are saved once more in the console. Check "
        "that it allows the client_credentials flow and the scopes (Terraform: allowed_oauth_flows_user_pool_client "
        "= true), and save it again"
    ),
    "invalid_scope": (
        "Likely cause: a scope is misspelt, was deleted, or is not allowed for this app client; openid, email and "
        'other user scopes never are. Ask for scopes of a resource server, as "demo/read.file", and allow them for the '
        "app client"
    ),
    "unauthorized_client": (
        "Likely cause: the app client may not use the client_credentials flow. Allow that flow and at least one custom "
        "scope for it; an app client without a secret cannot have it"
    ),
    "unsupported_grant_type": (
        "Likely cause: this URL is not the token endpoint of a user pool's domain. Check domain or token_url"
    ),
    "invalid_request": (
        "Likely cause: a proxy between here and Cognito rewrites the form, or the server does not take these scopes or "
        "this client_metadata. Check token_url and what lies between"
    ),
}
_UNKNOWN_CODE: Final = "This is no error code of RFC 6749. Look it up in the authorization server's documentation"

_STATUSES: Final = {
    401: "Likely cause: a proxy or gateway in front of Cognito wants credentials of its own. Check what lies between",
    403: (
        "Likely cause: an AWS WAF rule of the user pool, or a gateway, blocked the call. Look at the web ACL's sampled "
        "requests; it may let only a proxy's address through, or want the User-Agent that s2sauth sends and something "
        "on the way removes"
    ),
    404: "Likely cause: this URL is not a token endpoint. Check domain or token_url",
    405: (
        "Likely cause: the URL is not /oauth2/token, or something on the way changed the method or the Content-Type; "
        "Cognito answers 405 to all but the POST of a form. Check domain or token_url and what lies between"
    ),
}
_REDIRECT: Final = (
    "A redirect is never followed, since it could hand the secret to another host. Likely cause: a wrong domain or "
    "token_url, or a captive portal. Give the final https URL"
)
ANOTHER_SERVER: Final = (
    "Likely cause: not Cognito but a captive portal, a proxy or another server answered. Check domain or token_url"
)
UNAVAILABLE: Final = (
    "Likely cause: an outage of Cognito or of what lies between, or a failing pre token generation trigger. If it "
    "lasts, look at the AWS Health Dashboard and at the trigger's log"
)
THROTTLED: Final = (
    "Likely cause: the quota of 150 token requests a second, which all app clients of an AWS account and Region share. "
    "Build credentials once per process, not per call, and look for who requests a token for each call"
)
NARROWED: Final = (
    "Likely cause: the app client is not allowed those scopes, or they were deleted; Cognito then leaves them out. "
    "Allow them for the app client, or ask for what it has"
)
DEAD_ON_ARRIVAL: Final = (
    "Likely cause: a caching proxy in front of Cognito keeps tokens for their whole life. Make its TTL a few minutes "
    "shorter than the token's life"
)


def likely_cause(error: str | None, status: int) -> str:
    """The likely cause of a refusal and what to do, in Cognito's terms; no full stop at the end."""
    if error in _CAUSES:
        return _CAUSES[error]
    by_status = _REDIRECT if 300 <= status < 400 else _STATUSES.get(status)
    return by_status or (ANOTHER_SERVER if error is None else _UNKNOWN_CODE)


def request_id(headers: Mapping[str, str]) -> str | None:
    """What AWS support asks for; None if there is none or it does not look like one."""
    found = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), "")
    return found if re.fullmatch(_REQUEST_ID, found) else None


def is_throttling(status: int, headers: Mapping[str, str], members: Mapping[str, object]) -> bool:
    """429, or the name TooManyRequestsException wherever an AWS API puts it: the SDK's API says it with status 400."""
    if status == 429:
        return True
    said = [headers.get("x-amzn-errortype"), *(members.get(name) for name in ("__type", "error", "code", "message"))]
    return any(isinstance(text, str) and re.search(_THROTTLED, text) for text in said)


def claims(access_token: str) -> Mapping[str, object] | None:
    """The payload of a JWT, for diagnosis only: never verified, never required. None if there is none; never raises.

    The caller has bounded the token's length.
    """
    parts = access_token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = urlsafe_b64decode(parts[1] + "==")  # RFC 7515 2: sent without padding; Python ignores too much of it
    except ValueError:
        return None
    return json_object(payload)
