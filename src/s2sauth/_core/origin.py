"""URLs as settings give them, and the origins (RFC 6454) that may see a token."""

import re
from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from . import pasted
from .errors import ConfigurationError
from .record import Record

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_WEBSOCKET: Final = {"http": "ws", "https": "wss"}
"""RFC 6455 3: the same server, port and TLS; the handshake is an HTTP request that carries the token."""
_TLS: Final = ("https", "wss")
_PORTS: Final = {**DEFAULT_PORTS, "ws": 80, "wss": 443}

_FORM: Final = 'list the services that may see the token, as httpx_auth("https://files.example.com")'
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = rf"(?:{_LABEL}\.)*{_LABEL}\.?"
_DOTS = "[.\u3002\uff0e\uff61]"  # IDNA (RFC 3490 3.1): the full stops that separate labels


class AnyOrigin(Enum):
    """The type of ANY_ORIGIN."""

    ANY_ORIGIN = "any origin"

    def __repr__(self) -> str:
        return self.name


ANY_ORIGIN: Final = AnyOrigin.ANY_ORIGIN
"""Lifts the list of origins, not the rule that tokens travel over https."""


class Origin(Record):
    """Scheme, host and port in the form in which they compare: lower case, IDNA-encoded, the port always a number."""

    scheme: str
    host: bytes
    port: int

    def __str__(self) -> str:
        host = self.host.decode("ascii", "backslashreplace")
        host = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")


def origin(scheme: str, raw_host: bytes, port: int | None) -> Origin:
    """The origin of a URL that an HTTP library has parsed; a missing port is the scheme's own, else 0."""
    scheme = scheme.lower()
    return Origin(scheme, raw_host.lower(), _PORTS.get(scheme, 0) if port is None else port)


class Url(Record):
    """An absolute http or https URL without userinfo."""

    origin: Origin
    path: str
    query: str | None


def parse_url(text: str) -> Url:
    """Raises ValueError, whose text names what is wrong and never repeats the URL."""
    if " " in text or not text.isprintable():
        raise ValueError("holds white space or an invisible character")
    if "\\" in text:
        raise ValueError("holds a backslash")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("has no valid host or port") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("needs https:// before the host")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has no valid host or port")
    raw_host = _raw_host(host, in_brackets=parts.netloc.startswith("["))
    return Url(origin(parts.scheme, raw_host, port), parts.path, parts.query if "?" in text else None)


def _raw_host(host: str, *, in_brackets: bool) -> bytes:
    """The host in the bytes that HTTP libraries compare and connect to."""
    try:
        if in_brackets:
            IPv6Address(host)
        elif host.replace(".", "").isdecimal():
            IPv4Address(host)
        else:
            host = ".".join(map(_ascii_label, re.split(_DOTS, host)))
            if not re.fullmatch(_NAME, host):
                raise ValueError
        return host.encode("ascii")
    except ValueError:
        raise ValueError("has no valid host") from None


def _ascii_label(label: str) -> str:
    # RFC 5891 4.4, as httpx has it. Python's "idna" codec (IDNA 2003) would turn faß.de into fass.de, another host.
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def is_loopback(host: str) -> bool:
    """Whether plain http to this host stays on this machine: localhost, 127.0.0.0/8, ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class OriginList(Record):
    """Where the token may go. `allows` is asked for every request, `explain` only when it said no."""

    listed: frozenset[tuple[str, bytes, int | None]] | None
    """Triples as HTTP libraries give them, a default port both as None and as its number; None for ANY_ORIGIN."""
    allow_http: bool

    def allows(self, scheme: str, raw_host: bytes, port: int | None) -> bool:
        """Whether a request to this parsed URL may carry the token."""
        if self.listed is not None:
            return (scheme, raw_host, port) in self.listed
        return scheme in _TLS or (scheme in ("http", "ws") and self._http_is_fine(raw_host))

    def explain(self, scheme: str, raw_host: bytes, port: int | None) -> str:
        """The message of OriginNotAllowed: what was asked for, why not, what to do. No path, query or userinfo."""
        asked = origin(scheme, raw_host, port)
        if asked.scheme not in _TLS and not (asked.scheme in ("http", "ws") and self._http_is_fine(asked.host)):
            return (
                f"the token was not sent to {asked}: without TLS anyone on the way could read it. Use https, or, where "
                'the network itself is trusted, list this origin and pass allow_http=True: httpx_auth("http://…", '
                "allow_http=True)"
            )
        return (
            f"the token was not sent to {asked}, which is not one of the listed origins ({self._names()}). If that "
            "service is meant to see the token, add it: httpx_auth(origin, other_origin); if not, call it through a "
            "client without this auth"
        )

    def __str__(self) -> str:
        return "any origin" if self.listed is None else self._names()

    def _http_is_fine(self, raw_host: bytes) -> bool:
        return self.allow_http or is_loopback(raw_host.decode("ascii", "replace"))

    def _names(self) -> str:
        listed = self.listed or frozenset()
        names = sorted({str(origin(*triple)) for triple in listed if triple[0] in DEFAULT_PORTS})
        return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def parse_origins(origins: Iterable[str | AnyOrigin], allow_http: bool) -> OriginList:  # noqa: FBT001  # one caller, by name
    """The list for `httpx_auth(*origins, allow_http=…)`; a URL stands for its origin, the rest of it does not matter.

    Raises ConfigurationError with a line for each mistake.
    """
    given = list(origins)
    if any(item is ANY_ORIGIN for item in given):
        if len(given) > 1:
            raise ConfigurationError("origins: ANY_ORIGIN already means all of them; pass it alone or list the origins")
        return OriginList(None, allow_http)
    listed: set[tuple[str, bytes, int | None]] = set()
    mistakes = [] if given else [f"origins: none given; {_FORM}"]
    for number, item in enumerate(given, 1):
        try:
            found = _listed_origin(item, allow_http=allow_http)
        except ValueError as wrong:
            mistakes.append(f"origins: number {number} {wrong}; {_FORM}")
        else:
            ports = (found.port, None) if found.port == DEFAULT_PORTS[found.scheme] else (found.port,)
            schemes = (found.scheme, _WEBSOCKET[found.scheme])
            listed.update((scheme, found.host, port) for scheme in schemes for port in ports)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return OriginList(frozenset(listed), allow_http)


def _not_a_string(item: object) -> str:
    wrong = f"is of type {type(item).__name__}, not a string"
    if isinstance(item, (list, tuple, set, frozenset)):
        return f"{wrong}: pass origins one by one, as httpx_auth(*origins)"
    return f"{wrong}: is the setting that it comes from empty?" if item is None else wrong


def _listed_origin(item: object, *, allow_http: bool) -> Origin:
    if not isinstance(item, str):
        raise ValueError(_not_a_string(item))  # noqa: TRY004  # becomes one line of the error
    if (wrong := pasted.wrong_with_address(item)) is not None:
        raise ValueError(wrong)
    if "*" in item.partition("://")[2].partition("/")[0] or item.startswith("*"):
        raise ValueError("contains a wildcard: list each service by its own host, or pass ANY_ORIGIN for all of them")
    found = parse_url(item).origin
    if found.scheme == "http" and not allow_http and not is_loopback(found.host.decode("ascii")):
        raise ValueError("is http, where anyone on the way could read the token (allow_http=True where that is fine)")
    return found
