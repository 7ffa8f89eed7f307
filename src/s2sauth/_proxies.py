"""Which proxy a token request goes through, and which variable says so; what the HTTP library cannot read there."""

import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from ._core.errors import ConfigurationError

_SCHEMES: Final = ("http", "https", "all")
_QUOTED: Final = r"""(?:URL\()?(['"]).*?\1\)?"""
_CUT_SHORT: Final = re.compile(r"://[^/?#]*[/?#].*@", re.DOTALL)
_FORM: Final = (
    'use "http://proxy.example.com:3128", percent-encode special characters of a user name or password, or unset it'
)
_NO_PROXY: Final = (
    'write hosts parted by commas, such as "localhost,127.0.0.1,::1,.example.com"; an IPv6 address stands without '
    "brackets and is not a network"
)


def in_use(url: str, connected: Mapping[str, Any]) -> str | None:
    """Host, port and variable of the proxy, if the connection for this URL is made to another place.

    `connected` has the `host` and the `port` of that. A proxy's user name and password are not shown.
    """
    wanted = urlsplit(url)
    host, port = connected["host"], connected["port"]
    if (host, port) == (wanted.hostname, wanted.port or {"http": 80}.get(wanted.scheme, 443)):
        return None
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    variable = _variable_of(host, port)
    if variable is not None and is_cut_short(os.environ.get(variable, "")):
        return f"of {variable} (what counts as its host is a part of its user name or password: percent-encode that)"
    return f"{place} ({variable or 'of http_client'})"


def is_cut_short(value: str) -> bool:
    """Whether a "/", "?" or "#" in the user name or password ends them: what is before it counts as host and port."""
    return _CUT_SHORT.search(_with_scheme(value)) is not None


def unreadable(library: Any, error: Exception) -> ConfigurationError:
    """`error` came of making a client with the proxies of the environment: which variable is it, and what to do.

    Passes on what the library says, without the value: it may contain a password.
    """
    found = getproxies()
    for scheme in _SCHEMES:
        if (value := found.get(scheme)) and (wrong := _wrong_with(library, value)) is not None:
            said = _advice(wrong, value)
            del found, value, wrong  # a traceback may show the locals of its frames
            return ConfigurationError(f"{_variable(scheme)}: {library.__name__} cannot use this proxy, {said}; {_FORM}")
    if found.get("no"):
        said = _advice(error, found["no"])
        del found
        return ConfigurationError(
            f"{_variable('no')}: {library.__name__} cannot read an entry, {said}; {_NO_PROXY}, or unset it"
        )
    del found
    return ConfigurationError(f"the HTTP client cannot be made, {type(error).__name__}: look at the proxy variables")


def _wrong_with(library: Any, value: str) -> Exception | None:
    try:
        # Nothing is connected, and no certificates are read.
        library.Client(proxy=_with_scheme(value), trust_env=False, verify=False).close()  # as it says
    except Exception as error:  # noqa: BLE001  # ImportError, ValueError, the library's InvalidURL
        return error
    finally:
        del value
    return None


def _advice(error: Exception, value: str) -> str:
    said = str(error)
    if not isinstance(error, ImportError):  # which names packages only
        said = re.sub(_QUOTED, "[…]", said)
        credentials = value.partition("://")[2].rpartition("@")[0] or value
        if any(part in said for part in re.findall(r"\w{3,}", credentials)):
            said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _variable(scheme: str) -> str:
    """The name under which the value is set that counts; a name in lower case goes first (urllib.request)."""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next(filter(os.environ.get, names), names[1])


def _variable_of(host: str, port: int) -> str | None:
    found = getproxies()
    return next((_variable(scheme) for scheme in _SCHEMES if _leads_to(found.get(scheme, ""), host, port)), None)


def _leads_to(value: str, host: str, port: int) -> bool:
    """Whether HTTP libraries connect there with this proxy."""
    try:
        proxy = urlsplit(_with_scheme(value))
        digits = re.search(r":(\d+)$", proxy.netloc)  # proxy.port is an error above 65535, which libraries let through
        default = {"https": 443}.get(proxy.scheme, 1080 if proxy.scheme.startswith("socks") else 80)
        named = proxy.hostname or ""
        same = host in (named, named if named.isascii() else named.encode("idna").decode("ascii"))
        return bool(value) and same and port == (int(digits[1]) if digits else default)
    except ValueError:  # no URL; then it is not the one in use
        return False


def _with_scheme(value: str) -> str:
    return value if "://" in value else f"http://{value}"
