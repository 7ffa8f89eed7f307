"""An API behind API Gateway's Cognito authorizer: judges the token, then says what it received."""

import hashlib
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import final
from urllib.parse import parse_qs

from ._records import ApiRequest, Log
from ._replies import Pairs, Script, bodiless, dump, endless, message, phrase
from ._tokens import Issued, Pool
from ._wire import Headers, Reply, Request, values

_JSON = ("Content-Type", "application/json")


@final
class Api:
    """Answers API requests. Thread-safe."""

    def __init__(self, pool: Pool, log: Log[ApiRequest], scopes: Mapping[str, str]) -> None:
        self._pool = pool
        self._log = log
        # The longest prefix that fits decides.
        self._scopes = sorted(scopes.items(), key=lambda item: len(item[0]), reverse=True)
        self.script: Script = Script()
        self.scope_status: int = HTTPStatus.UNAUTHORIZED
        """What a token without the route's scope gets."""

    def handle(self, request: Request) -> Reply:
        """Answer and note one request."""
        token = _bearer(request.headers)
        issued = None if token is None else self._pool.find(token)
        dead = issued is not None and self._pool.now() >= issued.expires_at
        reply = self.script.reply(lambda: self._answer(request, issued, dead=dead))
        if request.method == "HEAD":
            reply = bodiless(reply)
        self._log.add(
            ApiRequest(
                request.method,
                request.path,
                request.headers,
                request.body,
                self._pool.clock.wall(),
                reply.status,
                None if issued is None else issued.token_id,
                dead,
            )
        )
        return reply

    def message(self, status: int, body: bytes | None = None, headers: Pairs = ()) -> Reply:
        """A message with API Gateway's usual headers, and for want of a body its usual one."""
        if body is None:
            body = dump({"message": phrase(status)})
        return message(status, body, headers, _usual(status), now=self._pool.now())

    def endless(self, status: int, chunk: bytes, headers: Pairs) -> Reply:
        """The same with a body that never ends."""
        return endless(status, chunk, headers, _usual(status), now=self._pool.now())

    def _answer(self, request: Request, issued: Issued | None, *, dead: bool) -> Reply:
        path, _, query = request.path.partition("?")
        if path == "/redirect":
            asked = parse_qs(query)
            status = int(asked.get("status", ["302"])[0])
            return self.message(status, b"", [("Location", asked.get("to", ["/"])[0])])
        if issued is None or issued.revoked:
            return self.message(401)
        if dead:
            return self.message(401, dump({"message": "The incoming token has expired"}))
        if not self._covers(issued.scopes, path):
            return self.message(self.scope_status)
        seen = {
            "method": request.method,
            "path": request.path,
            "client_id": self._pool.client_id,
            "scope": " ".join(issued.scopes),
            "length": len(request.body),
            "sha256": hashlib.sha256(request.body).hexdigest(),
        }
        return self.message(200, dump(seen))

    def _covers(self, scopes: tuple[str, ...], path: str) -> bool:
        for prefix, scope in self._scopes:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return scope in scopes
        return True


def _bearer(headers: Headers) -> str | None:
    """The token of the one Authorization header, if it is well-formed (RFC 6750 2.1)."""
    header = values(headers, "authorization")
    scheme, _, token = header[0].partition(" ") if len(header) == 1 else ("", "", "")
    return token if scheme.lower() == "bearer" else None


def _usual(status: int) -> Headers:
    usual = (_JSON, ("x-amzn-RequestId", str(uuid.uuid4())))
    match status:
        case 401:
            return (*usual, ("x-amzn-ErrorType", "UnauthorizedException"))
        case 403:
            return (*usual, ("x-amzn-ErrorType", "ForbiddenException"))
        case _:
            return usual
