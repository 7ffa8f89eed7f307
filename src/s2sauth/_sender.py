"""Token requests on the wire, over the HTTP library that it is given: httpx and httpx2 have the same names."""

import errno
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, final
from urllib.parse import urlsplit

from . import _proxies
from ._core import errors
from ._core.errors import Cause, ConfigurationError, Failure
from ._core.origin import is_loopback
from ._core.retry import Timeouts
from ._core.token_endpoint import MAX_ANSWER, Answer, TokenRequest
from ._fork_guard import hold_off_forks
from ._tls import TOO_MANY_FILES, Certificates, Library


@final
class Senders:
    """Makes the HTTP client of each flight. Created on a caller's thread, before the flight: a flight never imports."""

    def __init__(self, library: Library, http_client: Callable[[], Any] | None, ca_paths: Iterable[str] = ()) -> None:
        self._library = library
        self._factory = http_client
        self._certificates = Certificates(library, ca_paths)
        "localhost".encode("idna")  # imports the codec of host names
        if http_client is None:
            self._certificates.read_ahead()

    def __call__(self, url: str) -> "Sender":
        """A client for one flight, which asks this URL; called on its thread.

        Raises ConfigurationError for a factory, a proxy variable or a CA file that cannot be used.
        """
        if self._factory is None:
            return Sender(self._library, self._client(url))
        try:
            with hold_off_forks():
                client = self._factory()
        except Exception as error:  # noqa: BLE001  # whatever the user's function raises
            if any(map(_is_starved, _causes(error))):
                raise errors.TokenUnavailable(TOO_MANY_FILES) from None
            raise ConfigurationError(f"http_client: the factory raised {type(error).__name__}: {error}") from None
        return Sender(*_checked(client))

    def _client(self, url: str) -> Any:
        context = self._certificates.context()
        host = urlsplit(url).hostname or ""
        direct = {f"all://[{host}]" if ":" in host else f"all://{host}": None} if is_loopback(host) else None
        try:
            return self._library.Client(verify=context, mounts=direct)
        except Exception as error:  # noqa: BLE001  # ImportError, ValueError, the library's InvalidURL
            raise _proxies.unreadable(self._library, error) from None


def _checked(client: Any) -> tuple[Library, Any]:
    """The client that http_client made, and its library, which sends the request as well."""
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
class Sender:
    """Sends the token requests of one flight."""

    def __init__(self, library: Library, client: Any) -> None:
        self._library = library
        self._client = client
        self._socket: socket.socket | None = None
        self._aborted = False
        self._url = ""
        self.proxy: str | None = None
        """Host, port and variable of the proxy that the latest connection was made to; None without one."""

    def send(self, request: TokenRequest, limits: Timeouts) -> Answer | Failure:
        """POST once; a failure says why there was no answer. Of the client only its transport takes part: no default
        headers, cookies, auth, redirects."""
        self._url, self.proxy = request.url, None
        connect, read = limits
        timeout = self._library.Timeout(read, connect=connect)
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
        except ConfigurationError as error:  # about the proxy, before anything was sent
            return Failure.misuse(error.message)
        except Exception as error:  # noqa: BLE001  # HTTPError, and what aborting a request raises
            return _failure(error, self._library, self.proxy)

    def close(self) -> None:
        """Close the client and its connection; for the thread that sends."""
        self._client.close()

    def abort(self) -> None:
        """End the request in progress; for any other thread.

        Only shuts the connection down: a descriptor that is closed while OpenSSL works on it soon belongs to another
        connection, from which OpenSSL would then read and to which it would write.
        """
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):  # not connected any more, or closed by its own thread
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # SSLSocket's own would drop the TLS state

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's extension "trace": called before and after each of its steps, two of which return a connection."""
        if event.endswith("connect_tcp.started"):
            self.proxy = _proxies.in_use(self._library, self._url, info)
            # Plain http is allowed to loopback only, because it stays on this machine.
            if self.proxy is not None and self._url.startswith("http:"):
                raise ConfigurationError(_PROXY_WOULD_READ)
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
    """The raw body. A response that was made in memory, such as MockTransport's, has it already."""
    return (response.content,) if response.is_stream_consumed else response.iter_raw()


def _failure(error: Exception, library: Library, proxy: str | None) -> Failure:
    said = type(error).__name__
    if isinstance(error, library.ProxyError):
        said = f"{said}: {_proxies.refusal(library, error)}".removesuffix(": ")
    elif isinstance(error, (library.NetworkError, library.TimeoutException)) and str(error):
        said += f": {error}"  # other errors may quote a header that they refuse
    if (mock := _mock_library(error)) is not None:
        what = f"The mock library {mock} did not let the token request through, {type(error).__name__}."
        return _unreachable(f"{what} {_MOCKED}")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            advice = _UNTRUSTED.get(cause.verify_code, _UNKNOWN_CA)
            text = f"The token endpoint's certificate was refused, {said}. {advice}"
            return Failure.unavailable(Cause.UNTRUSTED, text)
        if _is_starved(cause):
            return _unreachable(TOO_MANY_FILES)
    if proxy is None:
        return _unreachable(f"The token request failed, {said}. {_HINTS.get(type(error).__name__, _HINT)}")
    advice = _PROXY_REFUSED if isinstance(error, library.ProxyError) else _PROXY
    return _unreachable(f"The token request through the proxy {proxy} failed, {said}. {advice}")


def _is_starved(cause: BaseException) -> bool:
    return isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)


def _unreachable(text: str) -> Failure:
    return Failure.unavailable(Cause.UNREACHABLE, text)


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _mock_library(error: Exception) -> str | None:
    """The mock library that refused the request, if one did. An outage that a test mocks on purpose does not count."""
    for cause in _causes(error):
        library = type(cause).__module__.partition(".")[0]
        if library in _MOCKS and type(cause).__name__ != _MEANT:
            return library
        if str(cause).startswith(_PYTEST_HTTPX):
            return "pytest_httpx"
    return None


_MOCKS: Final = frozenset({"mocket", "pook", "pytest_httpx", "pytest_httpx2", "pytest_socket", "respx", "vcr"})
"""Each refuses with its own exception class, except pytest-httpx, which raises httpx's TimeoutException."""
_MEANT: Final = "SideEffectError"
"""What respx raises internally to deliver the error of a test's route."""
_PYTEST_HTTPX: Final = "No response can be found for "
_MOCKED: Final = "Mock the token endpoint as well, or use the fixtures of s2sauth's pytest plugin (docs/testing.md)."
_PROXY_WOULD_READ: Final = (
    "http_client: it sends the token request through a proxy, in plain http, and the proxy would read the client "
    "secret. Set NO_PROXY=localhost,127.0.0.1,::1, or make the client without a proxy."
)
_UNKNOWN_CA: Final = (
    "Likely cause: a proxy on the way opens TLS with a CA of its own. Trust that CA: set SSL_CERT_FILE, or "
    "http_client=lambda: httpx.Client(verify=ssl_context)."
)
_OUT_OF_DATE: Final = (
    "The certificate, or a CA certificate above it, is not valid at this time. Compare this machine's clock; if it is "
    "right, the certificate has to be renewed: that of the endpoint or the CA in SSL_CERT_FILE."
)
_WRONG_HOST: Final = (
    "The certificate is for another host. Compare domain or token_url with the names in the certificate."
)
_UNTRUSTED: Final = {9: _OUT_OF_DATE, 10: _OUT_OF_DATE, 62: _WRONG_HOST, 64: _WRONG_HOST}
"""By OpenSSL's verify codes: not yet valid, has expired, host name mismatch, IP address mismatch."""
_HINT: Final = "Check the network path to the token endpoint: route, firewall, proxy variables (HTTPS_PROXY, NO_PROXY)."
_HINTS: Final = {
    "ConnectError": (
        "Check that the domain is spelled right and resolves (a new Cognito domain may need a minute, and a resolver "
        "that was asked too early may say no for up to 15), that a route leads there: a VPC without NAT has none, and "
        "PrivateLink does not serve the token endpoint."
    ),
}
_PROXY: Final = (
    "Check that the proxy runs, that its host and port are right, and that it may be reached from here. To go around "
    "it, add the token endpoint's host to NO_PROXY."
)
_PROXY_REFUSED: Final = "The proxy refused the connection: check its rules, its user name and its password."
