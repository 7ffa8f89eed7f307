"""The sender of token requests, over whichever HTTP library it is given: httpx and httpx2 have the same names."""

import _thread
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final
from weakref import WeakValueDictionary

from ._core import errors
from ._core.errors import Cause, ConfigurationError, Failure
from ._core.retry import Timeouts
from ._core.token_endpoint import MAX_ANSWER, Answer, TokenRequest
from ._gate import Work, leave
from ._process import generation

Library = Any
"""The module `httpx` or `httpx2`: what is read of it here, both have."""

_contexts: Final = WeakValueDictionary[tuple[object, ...], ssl.SSLContext]()
"""Those that somebody keeps, by what they were read from. The certificates of one take 0.7 MB and up to 20 ms, and are
all that the credentials objects of a process have in common (`scripts/peers --row "Memory per object"`)."""


@final
class Senders:
    """Makes the HTTP client of each flight. Created on a caller's thread, before the flight: a flight never imports."""

    def __init__(self, library: Library, http_client: Callable[[], Any] | None) -> None:
        self._library = library
        self._factory = http_client
        self._generation = generation()
        self._reading = _thread.allocate_lock()
        """Held while the CA file is read ahead."""
        self._tls: tuple[type, ssl.SSLContext] | None = None
        """The kept context, and what `ssl.SSLContext` was when it was made: gevent's patch makes it another class."""
        "localhost".encode("idna")  # imports the codec of host names
        if http_client is None:
            self._read_ahead()

    def _read_ahead(self) -> None:
        """Read the CA file beside what the caller does next, usually to make a client that reads it for itself.

        That takes 15 to 20 ms of a fresh process's first call, three times as long as importing this package
        (benchmarks/cold_start.py).
        """
        self._reading.acquire()
        try:
            _thread.start_new_thread(self._read, ())
        except RuntimeError:  # no thread can be started: the first flight reads it
            self._reading.release()

    def _read(self) -> None:
        try:
            with Work(), suppress(Exception):  # the flight that finds nothing tries again, and says what is wrong
                self._tls = self._new_context()
        finally:
            self._reading.release()
            leave()

    def __call__(self) -> "HttpSender":
        """A client for one flight; called on its thread."""
        if self._factory is None:
            return HttpSender(self._library, self._library.Client(verify=self._context()))
        try:
            with Work():
                client = self._factory()
        except Exception as error:  # noqa: BLE001  # whatever the user's function raises
            raise ConfigurationError(f"http_client: the factory raised {type(error).__name__}: {error}") from None
        return HttpSender(*_checked(client))

    def _context(self) -> ssl.SSLContext:
        # Outside of Work: a fork would wait for this thread, this one for the reader, and the reader for the fork.
        if self._generation == generation():  # else this is a fork's child, which has no such thread
            with self._reading:
                pass
        tls = self._tls
        if tls is None or tls[0] is not ssl.SSLContext:
            try:
                with Work():
                    tls = self._tls = self._new_context()
            except OSError as error:  # ssl.SSLError is one too
                text = "SSL_CERT_FILE, SSL_CERT_DIR: the CA certificates cannot be read"
                raise ConfigurationError(f"{text}, {type(error).__name__}: {error}") from None
        return tls[1]

    def _new_context(self) -> tuple[type, ssl.SSLContext]:
        key = (self._library.__name__, ssl.SSLContext, _as_it_is("SSL_CERT_FILE"), _as_it_is("SSL_CERT_DIR"))
        return ssl.SSLContext, _contexts.get(key) or _contexts.setdefault(key, self._library.create_ssl_context())


def _as_it_is(variable: str) -> object:
    """What it names, and another value once that file has changed: who has read it keeps what it read."""
    path = os.environ.get(variable)
    try:
        found = Path(path).stat() if path else None
    except OSError:
        found = None
    return path, found and (found.st_ino, found.st_mtime_ns, found.st_size)


def _checked(client: Any) -> tuple[Library, Any]:
    """The client that http_client made, and the library that it is of, which sends the request as well."""
    form = "http_client: a function that makes a new httpx.Client each time, e.g. lambda: httpx.Client(verify=ctx)"
    imported = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    library = next((one for one in imported if isinstance(client, one.Client)), None)
    if library is None:
        raise ConfigurationError(f"{form}; it gave {type(client).__name__}")
    if client.is_closed:
        raise ConfigurationError(
            f"{form}; it gave a closed one: do not give the same client twice, each is closed after use"
        )
    if client.auth is not None or any(client.event_hooks.values()):
        client.close()
        raise ConfigurationError(f"{form}; it gave one with auth or event hooks, which would see the client secret")
    return library, client


@final
class HttpSender:
    """Sends the token requests of one flight."""

    def __init__(self, library: Library, client: Any) -> None:
        self._library = library
        self._client = client
        self._socket: socket.socket | None = None
        self._aborted = False

    def send(self, request: TokenRequest, limits: Timeouts) -> Answer | Failure:
        """POST once. Of the client only its transport takes part: no default headers, cookies, auth, redirects."""
        timeout = self._library.Timeout(limits.read, connect=limits.connect)
        try:
            response = self._client.send(
                self._library.Request(
                    "POST",
                    request.url,
                    headers=list(request.headers),
                    content=request.body,
                    extensions={"timeout": timeout.as_dict(), "trace": self._watch},
                ),
                stream=True,
                auth=self._library.Auth(),
                follow_redirects=False,
            )
            return _answer(response)
        except Exception as error:  # noqa: BLE001  # HTTPError, and what closing it in mid-request brings up
            return _failure(error, self._library)

    def close(self) -> None:
        """Close the client and its connection; for the thread that sends."""
        self._client.close()

    def abort(self) -> None:
        """End the request under way; for any other thread.

        Only shuts the connection down: a descriptor that is closed while OpenSSL works on it soon belongs to another
        connection, from which OpenSSL would then read and to which it would write.
        """
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):  # not connected any more, or closed by its own thread
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # SSLSocket's own would drop the TLS state

    def _watch(self, _event: str, info: Mapping[str, Any]) -> None:
        """httpcore's extension "trace": called around each of its steps, two of which return the connection made."""
        stream = info.get("return_value")
        if stream is not None and hasattr(stream, "get_extra_info"):
            self._socket = stream.get_extra_info("socket")
            if self._aborted:
                self.abort()


def _answer(response: Any) -> Answer:
    body = b""
    try:
        for chunk in _chunks(response):
            body += chunk
            if len(body) > MAX_ANSWER:
                break
    finally:
        response.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body[:MAX_ANSWER], truncated=len(body) > MAX_ANSWER)


def _chunks(response: Any) -> Iterable[bytes]:
    """The body, raw; of a response that was made in memory, as MockTransport's, it is there already."""
    return (response.content,) if response.is_stream_consumed else response.iter_raw()


def _failure(error: Exception, library: Library) -> Failure:
    said = type(error).__name__
    if isinstance(error, (library.NetworkError, library.TimeoutException, library.ProxyError)) and str(error):
        said += f": {error}"  # other errors may quote the header that they did not like
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure(Cause.UNTRUSTED, errors.TokenUnavailable, (_UNTRUSTED.format(said), None))
        cause = cause.__cause__ or cause.__context__
    hint = _HINTS.get(type(error).__name__, _HINT)
    return Failure(Cause.UNREACHABLE, errors.TokenUnavailable, (f"The token request failed, {said}. {hint}", None))


_UNTRUSTED = (
    "The token endpoint's certificate was refused, {}. Behind a proxy that opens TLS, give its CA: "
    "http_client=lambda: httpx.Client(verify=ssl_context), or the SSL_CERT_FILE variable."
)
_HINT = "Check the network path to the token endpoint: route, firewall, proxy variables (HTTPS_PROXY, NO_PROXY)."
_HINTS = {
    "ConnectError": (
        "Check that the domain is spelled right and resolves (a new Cognito domain may need a minute, and a resolver "
        "that was asked too early may say no for up to 15), that a route leads there: a VPC without NAT has none, and "
        "PrivateLink does not serve the token endpoint."
    ),
    "ProxyError": "The proxy of HTTPS_PROXY or http_client refused the connection: check its rules and credentials.",
}
