"""Which proxy of the environment httpx goes through to a URL, and what is wrong with the variables that it reads.

httpx has no public function that says so, and its reading of NO_PROXY is not urllib's. So a real client begins a real
request, whose "trace" extension ends it just before the connection: host and port are then those that httpx chose.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

from .._core.origin import is_loopback, parse_url
from .._core.record import Record
from .._proxies import is_cut_short, unreadable
from ._words import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORM: Final = "Use http://HOST:PORT. In a user name or password, percent-encode each character but letters and digits."


class Proxy(Record):
    """A proxy of the environment; its user name and password are left out."""

    host: str
    port: int
    variable: str
    """The one that names it."""
    wrong: str = ""
    """Why no request can go there, and what to do; then there is no host, for it may be a part of a password."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{printable(host)}:{self.port}"


class _Chosen(Exception):
    """httpx has chosen where to connect: ends the request before it does."""


def proxy_of(url: str) -> Proxy | None:
    """The proxy that a plain `httpx.Client()` uses for this URL; opens no connection.

    Raises ConfigurationError that names a variable which httpx cannot read, and never its value.
    """
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    origin = parse_url(url).origin
    chosen: list[tuple[str, int]] = []

    def choose(_event: str, info: Mapping[str, Any]) -> None:
        chosen.append((info["host"], info["port"]))  # the first step of a request is its connection
        raise _Chosen

    try:
        client = httpx.Client(verify=_no_certificates())
    except OSError:  # too many open files: the variables are not at fault
        raise
    except Exception as error:  # noqa: BLE001  # InvalidURL, ImportError, ValueError, …: whatever a value leads to
        raise unreadable(httpx, error) from None
    direct = (origin.host.decode(), origin.port)
    with client, suppress(_Chosen, httpx.InvalidURL, UnicodeError):  # a URL that is none to httpx goes nowhere
        client.send(client.build_request("GET", url, extensions={"trace": choose}))
    host, port = next(iter(chosen), direct)
    if (host, port) == direct:
        return None
    scheme = origin.scheme if _value(origin.scheme) else "all"
    variable = _spelled(scheme)
    if not _is_place(host, port) or is_cut_short(_value(scheme)):
        return Proxy("", 0, variable, f"{variable}: httpx finds no host in it, or not the right one. {_FORM}")
    return Proxy(host, port, variable)


def _is_place(host: str, port: int) -> bool:
    """Whether Python's resolver takes them: it raises other errors than OSError for those that it does not."""
    with suppress(UnicodeError):  # a part of the name is empty or too long
        return bool(host.encode("idna")) and port < 65_536
    return False


def _no_certificates() -> ssl.SSLContext:
    """For clients that never connect: SSL_CERT_FILE is not their subject."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _value(scheme: str) -> str:
    value = getproxies().get(scheme) or ""
    return value if "://" in value or not value else f"http://{value}"


def _spelled(scheme: str) -> str:
    """The variable of this scheme as it is spelled in the environment; Python lets the lower case win."""
    names = sorted((name for name in os.environ if name.lower() == f"{scheme}_proxy"), reverse=True)
    return next((name for name in names if os.environ[name]), f"the system's proxy for {scheme}")


def stays_here(url: str) -> bool:
    """Whether the URL is one of this machine, to which our own requests never take a proxy."""
    return is_loopback(parse_url(url).origin.host.decode())
