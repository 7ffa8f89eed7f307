"""The token request (RFC 6749 4.4.2) and what its answer (5.1, 5.2) means."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from .._version import __version__
from . import client_auth, client_token, cognito, refusals
from .endpoint import with_scope
from .entry import Instant
from .errors import (
    Cause,
    Failure,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    TokenRequestRefused,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from .http_dates import http_date, retry_after
from .issued import Issued, Source, Unusable, note_purchase, read_token
from .query import named
from .retry import Purchase
from .server_words import clean
from .settings import Settings
from .strict_json import json_object
from .values import Secret

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer's body that the sender reads; what is longer is no token."""

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
    by_header = client_auth.by_header(settings, secret)
    in_query = named(settings.token_url)  # RFC 6749 3.2: no parameter more than once
    # What holds the secret is never bound to a name: a traceback may show the locals of its frames.
    return TokenRequest(
        url=with_scope(settings.token_url, settings.scopes),
        headers=(*_FORM, *_HEADERS, *([("Authorization", _basic(settings, secret))] if by_header else [])),
        body=urlencode(
            [
                *([] if "grant_type" in in_query else [("grant_type", "client_credentials")]),
                *([] if settings.scopes is None or "scope" in in_query else [("scope", " ".join(settings.scopes))]),
                *(
                    []
                    if settings.client_metadata is None or "aws_client_metadata" in in_query
                    else [("aws_client_metadata", settings.client_metadata)]
                ),
                # RFC 6749 2.3: one authentication method per request
                *([] if by_header else [("client_id", settings.client_id), ("client_secret", secret.reveal())]),
            ]
        ).encode("ascii"),
    )


def _basic(settings: Settings, secret: Secret) -> str:
    return f"Basic {client_auth.basic(settings.client_id, secret, encodes=settings.encodes_basic)}"


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


def read_answer(
    answer: Answer,
    settings: Settings,
    secret: Secret,
    *,
    asked_at: Instant | None = None,
    at: Instant | None = None,
    bought: list[Purchase] | None = None,
) -> Issued | Failure:
    """A token, or why there is none. Never raises; no text holds the body, a token, or the secret of the request.

    The request was sent after `asked_at`, the answer came `at`; None where that does not matter. `bought` are the
    latest purchases, in order: what the answer sells is added, whether it can be used or not.
    """
    now, some_time = None if at is None else at.wall, Instant(0.0, 0.0)
    date = http_date(answer.headers.get("date", ""), now)
    source = Source(date, _age(answer), asked_at or some_time, at or some_time, bought)
    outcome = _read(answer, settings, secret, source, now)
    if isinstance(outcome, Failure) and 200 <= answer.status < 300:
        _note_purchase(answer, settings, source)
    return outcome


def _note_purchase(answer: Answer, settings: Settings, source: Source) -> None:
    """A token that was refused is paid for as well, and a JSON body that could not be read may have held one."""
    members = _members(answer)
    if settings.api == "get_client_token":
        members = client_token.in_oauth_words(members, answer.headers)
    token = members.get("access_token")
    if isinstance(token, str) and token:
        note_purchase(token, members, source)
    elif (answer.truncated or _encoding(answer)) and "json" in answer.headers.get("content-type", "").lower():
        note_purchase(answer.body, members, source)


def _age(answer: Answer) -> float:
    """Seconds for which caches have kept the answer, as its Age says; 0 without one.

    RFC 9111 5.1: of several values the first counts, and a value that is no whole number is ignored.
    """
    first = answer.headers.get("age", "").split(",")[0].strip()
    return float(first) if re.fullmatch("[0-9]{1,15}", first) else 0.0


def _read(answer: Answer, settings: Settings, secret: Secret, source: Source, now: float | None) -> Issued | Failure:
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
        return _unavailable(answer, Cause.THROTTLED, "throttled the request", cognito.THROTTLED, now)
    # An error page of a proxy may have a member "error" too: with a 5xx only a code that RFC 6749 knows counts.
    if code in _LATER or (is_outage and code not in _REFUSALS):
        return _unavailable(answer, Cause.UNREACHABLE, "has a problem of its own", cognito.UNAVAILABLE, now)
    if error is not None or 300 <= status < 500:
        described = clean(members.get("error_description"), settings, secret)
        # A code that RFC 6749 knows, or a name that AWS does, is no secret, whatever the secret is.
        name = name if client_token.likely_cause(name) else clean(name, settings, secret)
        return _refused(answer, code if code in _REFUSALS else clean(code, settings, secret), described, name)
    if status != 200:
        return _unusable(answer, "this status promises no token")
    return _token(answer, members, settings, source)


def _members(answer: Answer) -> Mapping[str, object]:
    """The body's members; none if it was cut, encoded or is no JSON object."""
    return {} if answer.truncated or _encoding(answer) else json_object(answer.body) or {}


def _encoding(answer: Answer) -> str:
    """The content-encoding that was not asked for, fit for a message; empty if there is none."""
    said = answer.headers.get("content-encoding", "").strip().lower()
    if {coding.strip() for coding in said.split(",")} <= {"", "identity"}:
        return ""
    return said if re.fullmatch(_CODINGS, said) else "of an unknown name"


_CODINGS = r"[a-z0-9-]{1,16}(?:, ?[a-z0-9-]{1,16}){0,3}"


def _unavailable(answer: Answer, cause: Cause, what: str, likely: str, now: float | None) -> Failure:
    seconds = retry_after(answer.headers, now)
    return Failure.unavailable(cause, _message(answer, what, likely), seconds)


def _refused(answer: Answer, error: str | None, described: str | None, name: str | None) -> Failure:
    said = " ".join(filter(None, (error, f"({name})" if name else None))) or "no error code"
    what = f"refused the request: {said}" + (f", {described}" if described else "")
    on_the_way = refusals.on_the_way(answer.headers, answer.body) if error is None else None
    likely = client_token.likely_cause(name) or on_the_way or cognito.likely_cause(error, answer.status)
    return Failure.refused(
        Cause.CLIENT_REFUSED if error in _OF_THE_CLIENT else Cause.REQUEST_REFUSED,
        _message(answer, what, likely),
        error=_REFUSALS.get(error or "", TokenRequestRefused),
        code=error,
        described=described,
        status=answer.status,
        request_id=cognito.request_id(answer.headers),
    )


def _token(answer: Answer, members: Mapping[str, object], settings: Settings, source: Source) -> Issued | Failure:
    if encoding := _encoding(answer):
        return _unusable(answer, f"the body has the content-encoding {encoding}, which was not asked for")
    if not members:
        return _unusable(answer, "the body is no JSON object of a usable size")
    token = read_token(members, source, settings)
    if isinstance(token, Unusable):
        failure = _unusable(answer, token.what, token.likely_cause)
        return failure if token.cached_for is None else failure.outdated(token.cached_for)
    for finding in token.findings if settings.strict else ():
        if finding.event == "client_mismatch":
            return _unusable(answer, finding.text)
        if finding.event == "scope_narrowed":
            message = _message(answer, f"granted less than was asked for: {finding.text}", cognito.NARROWED)
            request_id, status = cognito.request_id(answer.headers), answer.status
            return Failure.refused(
                Cause.REQUEST_REFUSED, message, error=InvalidScope, code=None, status=status, request_id=request_id
            )
    return token


def _unusable(answer: Answer, what: str, likely: str | None = None) -> Failure:
    likely = likely or refusals.on_the_way(answer.headers, answer.body) or cognito.ANOTHER_SERVER
    message = _message(answer, f"sent no usable token: {what}", likely)
    return Failure.unusable(message, answer.status, cognito.request_id(answer.headers))


def _message(answer: Answer, what: str, likely: str) -> str:
    request_id = cognito.request_id(answer.headers)
    encoding = _encoding(answer)
    hint = f". {_ENCODED.format(encoding)}" if encoding else ""
    trace = f". Request id: {request_id}" if request_id else ""
    return f"the token endpoint {what} (HTTP {answer.status}). {likely}{hint}{trace}"


_ENCODED: Final = (
    "The answer's body was not read: its content-encoding is {}, and the request asks for identity. Likely cause: a "
    "proxy or gateway on the way compresses answers. Turn that off for this URL"
)
