"""The token request (RFC 6749 4.4.2) and what its answer (5.1, 5.2) means."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus, urlencode

from .._version import __version__
from . import client_token, cognito
from .config import Settings
from .endpoint import SCOPE, with_scope
from .errors import (
    Cause,
    Failure,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from .issued import Issued, Unusable, read_token
from .strict_json import json_object
from .values import Secret

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer's body that the sender reads; what is longer is no token."""

MAX_RETRY_AFTER: Final = 1e6
"""Seconds. A longer Retry-After is a mistake, not advice."""

MAX_WORDS: Final = 200
"""Characters of a server's own words that go into a message."""

# To the letter: Cognito answers 405 to a quoted value, and a charset has no meaning for this type.
_FORM: Final = (("Content-Type", "application/x-www-form-urlencoded"),)
_HEADERS: Final = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", f"s2sauth/{__version__}"),  # AWS WAF's common rule set blocks requests without one
)


class TokenRequest:
    """A POST. Headers or body hold the secret, so no repr shows them, and it is no tuple that a tool would walk."""

    __slots__ = ("body", "headers", "url")

    def __init__(self, url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.url = url
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<TokenRequest to {self.url}>"


def token_request(settings: Settings, secret: Secret) -> TokenRequest:
    """The one request that gets a token for these settings."""
    if settings.api == "get_client_token":
        return TokenRequest(settings.token_url, (*client_token.HEADERS, *_HEADERS), client_token.body(settings, secret))
    basic = _authenticates_by_header(settings, secret)
    in_query = SCOPE in settings.token_url  # RFC 6749 3.2: no parameter more than once
    # What holds the secret is never bound to a name: a traceback may show the locals of its frames.
    return TokenRequest(
        url=with_scope(settings.token_url, settings.scopes),
        headers=(*_FORM, *_HEADERS, *([("Authorization", _basic(settings.client_id, secret))] if basic else [])),
        body=urlencode(
            [
                ("grant_type", "client_credentials"),
                *([] if settings.scopes is None or in_query else [("scope", " ".join(settings.scopes))]),
                *([] if settings.client_metadata is None else [("aws_client_metadata", settings.client_metadata)]),
                # RFC 6749 2.3: one authentication method per request
                *([] if basic else [("client_id", settings.client_id), ("client_secret", secret.reveal())]),
            ]
        ).encode("ascii"),
    )


def _authenticates_by_header(settings: Settings, secret: Secret) -> bool:
    """RFC 6749 2.3.1 form-encodes id and secret before base64, AWS does not: "auto" uses Basic where both agree."""
    if settings.auth_method != "auto":
        return settings.auth_method == "client_secret_basic"
    return quote_plus(settings.client_id) == settings.client_id and quote_plus(secret.reveal()) == secret.reveal()


def _basic(client_id: str, secret: Secret) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret.reveal()}".encode()).decode("ascii")


class Answer:
    """What came back. The body may hold a token, so no repr shows it."""

    __slots__ = ("body", "headers", "status", "truncated")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, truncated: bool = False) -> None:  # noqa: FBT001, FBT002  # a value's field
        self.status = status
        self.headers = headers
        """Names in lower case."""
        self.body = body
        """Raw: no content-encoding was undone. At most MAX_ANSWER bytes."""
        self.truncated = truncated
        """Whether there was more than that."""

    def __repr__(self) -> str:
        return f"<Answer with status {self.status}>"


_REFUSALS: Final[Mapping[str, type[TokenRequestRefused]]] = {
    "invalid_request": InvalidRequest,
    "invalid_client": InvalidClient,
    "invalid_grant": InvalidGrant,
    "invalid_scope": InvalidScope,
    "unauthorized_client": UnauthorizedClient,
    "unsupported_grant_type": UnsupportedGrantType,
}
_OF_THE_CLIENT: Final = ("invalid_client", "unauthorized_client")
_LATER: Final = ("server_error", "temporarily_unavailable")  # RFC 6749 4.1.2.1, used by token endpoints as well


def read_answer(answer: Answer, settings: Settings, secret: Secret) -> Issued | Failure:
    """A token, or why there is none. Never raises; no text holds the body, a token, or the secret of the request."""
    status = answer.status
    members = _members(answer)
    name = None
    if settings.api == "get_client_token":
        name = client_token.error_name(members, answer.headers)
        members = client_token.in_oauth_words(members, answer.headers)
    error = members.get("error")
    code = error if isinstance(error, str) else None
    is_outage = status in (408, 425) or 500 <= status < 600
    if cognito.is_throttling(status, answer.headers, members) and not (status == 200 and "access_token" in members):
        return _unavailable(answer, Cause.THROTTLED, "throttled the request", cognito.THROTTLED)
    # An error page of a proxy may have a member "error" too: with a 5xx only a code that RFC 6749 knows counts.
    if code in _LATER or (is_outage and code not in _REFUSALS):
        return _unavailable(answer, Cause.UNREACHABLE, "has a problem of its own", cognito.UNAVAILABLE)
    if error is not None or 300 <= status < 500:
        described = _clean(members.get("error_description"), settings, secret)
        # A code that RFC 6749 knows, or a name that AWS does, is no secret, whatever the secret is.
        name = name if client_token.likely_cause(name) else _clean(name, settings, secret)
        return _refused(answer, code if code in _REFUSALS else _clean(code, settings, secret), described, name)
    if status != 200:
        return _unusable(answer, "this status promises no token", cognito.ANOTHER_SERVER)
    return _token(answer, members, settings)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110 10.2.3); a date counts from the answer's own Date.

    The past is 0; None without the header, for garbage and for more than MAX_RETRY_AFTER.
    """
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if re.fullmatch(_SECONDS, text) else None
    if seconds is None:
        then, now = http_date(text), http_date(headers.get("date", ""))
        seconds = None if then is None or now is None else then - now
    return None if seconds is None or seconds > MAX_RETRY_AFTER else max(0.0, seconds)


_SECONDS = r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_IMF_FIXDATE = r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"


def http_date(text: str) -> float | None:
    """Seconds since the epoch of an IMF-fixdate (RFC 9110 5.6.7), the one form servers send; None for anything else."""
    match = re.fullmatch(_IMF_FIXDATE, text.strip())
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + int(second)  # added here, since a leap second has the number 60


def _members(answer: Answer) -> Mapping[str, object]:
    """The body's members; none if it was cut, encoded or is no JSON object."""
    encoded = answer.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
    return {} if answer.truncated or encoded else json_object(answer.body) or {}


def _unavailable(answer: Answer, cause: Cause, what: str, likely: str) -> Failure:
    seconds = retry_after(answer.headers)
    return Failure(cause, TokenUnavailable, (_message(answer, what, likely), seconds), seconds)


def _refused(answer: Answer, error: str | None, described: str | None, name: str | None) -> Failure:
    said = " ".join(filter(None, (error, f"({name})" if name else None))) or "no error code"
    what = f"refused the request: {said}" + (f", {described}" if described else "")
    return Failure(
        Cause.CLIENT_REFUSED if error in _OF_THE_CLIENT else Cause.REQUEST_REFUSED,
        _REFUSALS.get(error or "", TokenRequestRefused),
        (
            _message(answer, what, client_token.likely_cause(name) or cognito.likely_cause(error, answer.status)),
            error,
            described,
            answer.status,
            cognito.request_id(answer.headers),
        ),
    )


def _token(answer: Answer, members: Mapping[str, object], settings: Settings) -> Issued | Failure:
    if not members:
        return _unusable(answer, "the body is no JSON object of a usable size", cognito.ANOTHER_SERVER)
    token = read_token(members, http_date(answer.headers.get("date", "")), settings)
    if isinstance(token, Unusable):
        return _unusable(answer, token.what, token.likely_cause)
    for finding in token.findings if settings.strict else ():
        if finding.event == "client_mismatch":
            return _unusable(answer, finding.text, cognito.ANOTHER_SERVER)
        if finding.event == "scope_narrowed":
            message = _message(answer, f"granted less than was asked for: {finding.text}", cognito.NARROWED)
            request_id = cognito.request_id(answer.headers)
            return Failure(Cause.REQUEST_REFUSED, InvalidScope, (message, None, None, answer.status, request_id))
    return token


def _unusable(answer: Answer, what: str, likely: str) -> Failure:
    return Failure(
        Cause.REQUEST_REFUSED,
        TokenResponseInvalid,
        (
            _message(answer, f"sent no usable token: {what}", likely),
            answer.status,
            cognito.request_id(answer.headers),
        ),
    )


def _message(answer: Answer, what: str, likely: str) -> str:
    request_id = cognito.request_id(answer.headers)
    trace = f". Request id: {request_id}" if request_id else ""
    return f"the token endpoint {what} (HTTP {answer.status}). {likely}{trace}"


_NOT_IN_A_DESCRIPTION = r"[^\x21\x23-\x5b\x5d-\x7e…]+"  # RFC 6749 5.2 and the mark of what was taken out; blanks joined
_CREDENTIAL_LIKE = r"[A-Za-z0-9_+=~-]{24,}"  # Cognito's secrets begin at 24 characters
_HIDDEN: Final = "[…]"


def _clean(text: object, settings: Settings, secret: Secret) -> str | None:
    """A server's words, fit for a log line: no control characters, cut, and nothing that could be a credential echoed.

    The secret that was sent goes in each of the forms in which a server may have read it; any other by its looks.
    """
    if not isinstance(text, str):
        return None
    # What holds the secret is never bound to a name: a traceback may show the locals of its frames.
    strange = (
        text.replace(_basic(settings.client_id, secret).removeprefix("Basic "), _HIDDEN)
        .replace(quote_plus(secret.reveal()), _HIDDEN)
        .replace(secret.reveal(), _HIDDEN)
    )
    words = re.sub(_CREDENTIAL_LIKE, _HIDDEN, re.sub(_NOT_IN_A_DESCRIPTION, " ", strange)).strip()
    return (words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1] + "…") or None
