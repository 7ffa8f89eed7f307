"""The HTTP client of a flight as the model sees it: each token request is noted on its way out and back."""

import json
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.model.ledger import Asked, Ledger, Trip, believed_life
from tests.support.fixtures import NO_TLS

REQUEST_ID = "X-Asked"
"""Header by which the fake's record and the model's note find each other."""

_OF_THE_CLIENT = ("invalid_client", "unauthorized_client")


def http_client(ledger: Ledger, owner: int, true_time: Callable[[], float]) -> Callable[[], httpx.Client]:
    """The `http_client=` of one credentials object."""

    def make() -> httpx.Client:
        return httpx.Client(transport=_Wire(ledger, owner, true_time), trust_env=False)

    return make


class _Wire(httpx.BaseTransport):
    def __init__(self, ledger: Ledger, owner: int, true_time: Callable[[], float]) -> None:
        self._ledger = ledger
        self._true_time = true_time
        self._trip = ledger.begin(owner)
        self._inner = httpx.HTTPTransport(verify=NO_TLS, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        key = (self._trip.owner, form.get("scope", ""), form.get("aws_client_metadata", ""))
        secret = request.headers.get("authorization") or form.get("client_secret", "")
        asked = self._ledger.ask(self._trip, key, secret, self._true_time())
        request.headers[REQUEST_ID] = str(asked.number)
        try:
            response = self._inner.handle_request(request)
        except BaseException:
            self._ledger.answered(self._trip, asked, "outage")
            raise
        response.stream = _Noted(response, self._ledger, self._trip, asked)
        return response

    def close(self) -> None:
        self._inner.close()
        self._ledger.end(self._trip)


class _Noted(httpx.SyncByteStream):
    """An answer's body, noted when it has been read."""

    def __init__(self, response: httpx.Response, ledger: Ledger, trip: Trip, asked: Asked) -> None:
        self._response = response
        self._stream = response.stream
        self._ledger = ledger
        self._trip = trip
        self._asked = asked

    def __iter__(self) -> Any:
        assert isinstance(self._stream, httpx.SyncByteStream)
        body = b""
        try:
            for chunk in self._stream:
                body += chunk
                yield chunk
        except Exception:
            self._ledger.answered(self._trip, self._asked, "outage")
            raise
        self._ledger.answered(
            self._trip, self._asked, **reading(self._response.status_code, self._response.headers, body)
        )

    def close(self) -> None:
        assert isinstance(self._stream, httpx.SyncByteStream)
        self._stream.close()


def reading(status: int, headers: httpx.Headers, body: bytes) -> dict[str, Any]:
    """What an answer means, by the design's table of errors."""
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        members = {}
    wait = headers.get("retry-after", "")
    after = float(wait) if re.fullmatch("[0-9]+", wait) else 0.0
    if status == 429 or "TooManyRequests" in str(members.get("__type")):
        return {"result": "throttled", "retry_after": after}
    if status in (408, 425) or status >= 500:
        return {"result": "outage", "retry_after": after}
    if members.get("error") in _OF_THE_CLIENT:
        return {"result": "client refused"}
    if status != 200 or "error" in members or "access_token" not in members:
        return {"result": "refused"}
    date = headers.get("date")
    life = believed_life(members, None if date is None else parsedate_to_datetime(date).timestamp())
    if life <= 0:
        return {"result": "refused"}
    return {"result": "token", "token": members["access_token"], "life": life}
