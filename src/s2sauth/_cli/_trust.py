"""What httpx trusts, by SSL_CERT_FILE and SSL_CERT_DIR, and which of the TLS variables cannot be used."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._core.errors import ConfigurationError
from .._tls import unreadable
from ._exits import FAILED, TOO_MANY, TOO_MANY_ADVICE, CommandFailed

if TYPE_CHECKING:
    import ssl


def check_pipes() -> None:
    """Raises ConfigurationError for a variable whose file OpenSSL would wait for, perhaps for ever."""
    ca_file, key_log = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSLKEYLOGFILE")
    if ca_file and not _ends(ca_file):
        raise ConfigurationError("SSL_CERT_FILE: is a pipe or a device. Name a file: it is read more than once.")
    if key_log and not _is_read(key_log):
        raise ConfigurationError("SSLKEYLOGFILE: is a pipe that no program reads. Start its reader, or unset it.")


def ssl_context() -> ssl.SSLContext:
    """As httpx makes it.

    Raises ConfigurationError that names the variable which cannot be used, and not its value, and CommandFailed if no
    variable is at fault.
    """
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    check_pipes()
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one too
        if error.errno in TOO_MANY:
            raise CommandFailed(f"{error.strerror}. {TOO_MANY_ADVICE}", FAILED) from None
        raise unreadable(error) from None


def where_the_ca_belongs() -> str:
    """What to do about a certificate that is not trusted."""
    if os.environ.get("SSL_CERT_FILE"):
        return "SSL_CERT_FILE is set, and httpx trusts nothing else: see whether the server's CA is in it."
    if os.environ.get("SSL_CERT_DIR"):
        return "SSL_CERT_DIR is set, and httpx trusts nothing else: put the CA there, and run `openssl rehash` on it."
    return "Behind a proxy that opens TLS, give its CA in SSL_CERT_FILE."


def _ends(path: str) -> bool:
    """Whether reading it comes to an end each time: OpenSSL would wait for ever."""
    with suppress(OSError):  # too long, or in a folder that is closed: OpenSSL says so itself
        return Path(path).is_file() or Path(path).is_dir() or not Path(path).exists()
    return True


def _is_read(path: str) -> bool:
    """Whether opening it for writing does not wait for a reader."""
    with suppress(OSError):
        if Path(path).is_fifo():
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                return False
    return True
