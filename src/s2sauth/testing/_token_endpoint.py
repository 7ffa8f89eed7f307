"""`POST /oauth2/token` as Cognito answers it; and where that is asked for, `GetClientToken`."""

import base64
import binascii
import threading
import time
import uuid
from collections import deque
from dataclasses import replace
from typing import final
from urllib.parse import parse_qsl, unquote_plus

from . import _client_token
from ._records import Log, TokenRequest
from ._replies import Pairs, Script, dump, endless, message, raw
from ._tokens import Pool, whole
from ._wire import Headers, Reply, Request, values

PATH = "/oauth2/token"
JSON = ("Content-Type", "application/json;charset=UTF-8")


class _Refused(Exception):
    """The request gets no token; the argument is the OAuth error code (RFC 6749 5.2)."""


@final
class TokenEndpoint:
    """Answers token requests, usually as Cognito does. Thread-safe."""

    def __init__(self, pool: Pool, log: Log[TokenRequest]) -> None:
        self._pool = pool
        self._log = log
        self.script: Script = Script()
        self._gate = threading.Event()
        self._gate.set()
        self._to_hold: int | None = None
        self.held: dict[int, Request] = {}
        """The requests whose answers the gate holds back."""
        self.latency: float = 0.0
        self.omits_expires_in = False
        self.omits_date = False
        self.allows_client_token = True
        self.decodes_basic = False
        self.limit_rate(None, b"", ())
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def limit_rate(self, per_second: int | None, body: bytes, headers: Pairs) -> None:
        """Answer 429 beyond so many requests in any second."""
        self._throttled = (body, tuple(headers))
        self._recent: deque[float] | None = (
            None if per_second is None else deque([float("-inf")] * per_second, per_second)
        )

    def handle(self, request: Request) -> Reply:
        """Decide, note, and only then wait: what a held answer says was settled when its request arrived."""
        reply = self.script.reply(lambda: self._answer(request))
        at = self._pool.clock.wall()
        self._log.add(
            TokenRequest(request.method, request.path, request.headers, request.body, at, reply.status, reply.token_id)
        )
        self._wait_at_the_gate(request)
        return raw(b"") if self._closing.wait(self.latency) else reply

    def shut(self, times: int | None) -> None:
        """Hold back the answers to the next so many requests, or to all, until `open`."""
        with self._lock:
            self._to_hold = times
            self._gate.clear()

    def open(self) -> None:
        """Send what is held back, and hold back no more."""
        with self._lock:
            self._gate.set()
            self.held.clear()

    def close(self) -> None:
        """Let everything go that waits, unanswered."""
        self._closing.set()
        self.open()

    def message(self, status: int, body: bytes, headers: Pairs = ()) -> Reply:
        """A message with the headers that all of Cognito's answers have."""
        now = None if self.omits_date else self._pool.now()
        return message(status, body, headers, _usual(), now=now)

    def endless(self, status: int, chunk: bytes, headers: Pairs) -> Reply:
        """The same with a body that never ends."""
        return endless(status, chunk, headers, _usual(), now=self._pool.now())

    def _answer(self, request: Request) -> Reply:
        if _client_token.is_asked_for(request):
            return self._answer_client_token(request)
        path, _, query = request.path.partition("?")
        if path != PATH:
            return self.message(404, b"")
        content_type = values(request.headers, "content-type")
        media_type = content_type[0].partition(";")[0].strip().lower() if content_type else ""
        if request.method != "POST" or media_type != "application/x-www-form-urlencoded":
            return self.message(405, b"")
        if self._over_rate():
            return self.message(429, *self._throttled)
        try:
            token, token_id = self._pool.token(self._granted(request, query))
        except _Refused as refused:
            return self.message(400, dump({"error": str(refused)}), [JSON])
        answer = {"access_token": token, "expires_in": whole(self._pool.expires_in), "token_type": "Bearer"}
        if self.omits_expires_in:
            del answer["expires_in"]
        return replace(self.message(200, dump(answer), [JSON]), token_id=token_id)

    def _answer_client_token(self, request: Request) -> Reply:
        status, body, headers, token_id = _client_token.answer(
            request, self._pool, allowed=self.allows_client_token, throttled=self._over_rate()
        )
        now = None if self.omits_date else self._pool.now()
        return replace(message(status, body, headers, (), now=now), token_id=token_id)

    def _wait_at_the_gate(self, request: Request) -> None:
        with self._lock:
            if self._gate.is_set() or self._to_hold == 0:
                return
            if self._to_hold is not None:
                self._to_hold -= 1
            self.held[id(request)] = request
        self._gate.wait()

    def _over_rate(self) -> bool:
        with self._lock:
            recent = self._recent
            if recent is None:
                return False
            now = time.monotonic()
            if not recent or now - recent[0] < 1.0:
                return True
            recent.append(now)
            return False

    def _granted(self, request: Request, query: str) -> tuple[str, ...]:
        """The scopes that the request gets. Parameters may stand in the query as well, but not the client's secret."""
        try:
            in_body = parse_qsl(request.body.decode(), keep_blank_values=True)
        except UnicodeDecodeError:
            raise _Refused("invalid_request") from None
        pairs = [*in_body, *parse_qsl(query, keep_blank_values=True)]
        # RFC 6749 3.2: parameters sent without a value MUST be treated as if they were omitted.
        form = {name: value for name, value in pairs if value}
        if len(dict(pairs)) < len(pairs) or "client_secret" in dict(pairs[len(in_body) :]) or "grant_type" not in form:
            raise _Refused("invalid_request")
        self._authenticate(request.headers, form)
        if form["grant_type"] != "client_credentials":
            raise _Refused("unsupported_grant_type")
        if "scope" not in form:
            return self._pool.scopes
        asked = tuple(sorted(set(form["scope"].split(" "))))
        if not set(asked) <= set(self._pool.scopes):
            raise _Refused("invalid_scope")
        return asked

    def _authenticate(self, headers: Headers, form: dict[str, str]) -> None:
        header = values(headers, "authorization")
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        if header:
            if client_secret or len(header) > 1:
                raise _Refused("invalid_request")  # RFC 6749 2.3: one authentication method in each request
            user, client_secret = _basic(header[0], form_encoded=self.decodes_basic)
            if client_id not in ("", user):
                raise _Refused("invalid_request")
            client_id = user
        if client_id != self._pool.client_id or client_secret not in self._pool.secrets:
            raise _Refused("invalid_client")


def _basic(header: str, *, form_encoded: bool) -> tuple[str, str]:
    """Id and secret: AWS documents plain base64, RFC 6749 2.3.1 that both are form-encoded before."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _Refused("invalid_client") from None
    user, _, password = decoded.partition(":")
    if scheme.lower() != "basic":
        raise _Refused("invalid_client")
    return (unquote_plus(user), unquote_plus(password)) if form_encoded else (user, password)


def _usual() -> Headers:
    return (
        ("x-amz-cognito-request-id", str(uuid.uuid4())),
        ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"),
        ("Pragma", "no-cache"),
        ("Expires", "0"),
        ("Set-Cookie", f"XSRF-TOKEN={uuid.uuid4()}; Path=/; Secure; HttpOnly"),
    )
