"""What `s2sauth doctor` looks at: each check says what it found, and what to do if that is not right."""

from __future__ import annotations

import socket
import ssl
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.request import getproxies, proxy_bypass

from .._core import cognito
from .._core.errors import ConfigurationError, S2SAuthError, hint
from .._core.origin import is_loopback, parse_url
from .._core.record import Record
from ..secret_sources import SourceFailed, read_secrets
from ._exits import FAILED, UNREACHABLE, USAGE, exit_code
from ._words import duration, printable, region_of, scope_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._core.values import AccessToken
    from ._settings import Loaded

Status = Literal["pass", "warn", "fail", "skip"]

TIMEOUT = 5.0
"""Seconds for each step on the network."""
SKEW_WARNS, SKEW_FAILS = 5.0, 300.0
"""Seconds; AWS refuses signed requests, such as those for a secret, that are more than 5 minutes off."""
SECRET_LENGTHS = range(24, 65)
"""Characters that Cognito's secrets have."""


class Check(Record):
    """What one check found."""

    name: str
    status: Status
    found: str
    advice: str = ""
    code: int = FAILED
    """The exit code, if it fails."""


def secret(loaded: Loaded) -> Check:
    """Whether the secret can be read and looks like one; no character of it is shown."""
    try:
        secrets, cut = read_secrets(loaded.secret)
    except ConfigurationError as wrong:
        return Check("secret", "fail", str(wrong), "Give the secret as it stands in the Cognito console.", USAGE)
    except Exception as error:  # noqa: BLE001  # a source raises what it likes
        text = f"its source is down: {error.reason if isinstance(error, SourceFailed) else type(error).__name__}"
        return Check("secret", "fail", text, "Check path or ARN, rights and network.", UNREACHABLE)
    odd = [one for one in secrets if len(one.reveal()) not in SECRET_LENGTHS]
    if odd:
        advice = "Cognito's have 24 to 64 characters: see whether all of it was copied."
        return Check("secret", "warn", "is of an unusual length", advice)
    if cut:
        return Check("secret", "warn", "ends in a line break, which is cut off", "Store it without.")
    return Check("secret", "pass", "can be read and has the form of Cognito's")


def dns(name: str, url: str) -> Check:
    """Whether the host has an address."""
    host, port, proxied = _place(url)
    if proxied:
        return Check(name, "skip", f"a proxy of the environment resolves {host}")
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError as error:
        advice = "Check the spelling; a new Cognito domain may need a minute, and a VPC needs DNS support."
        return Check(name, "fail", f"{host} does not resolve: {error.strerror}", advice, UNREACHABLE)
    return Check(name, "pass", f"{host} is {', '.join(found)}")


def tls(name: str, url: str) -> Check:
    """Whether the host can be reached and its certificate is trusted, by the CA files that httpx takes."""
    host, port, proxied = _place(url)
    if proxied:
        return Check(name, "skip", f"a proxy of the environment leads to {host}")
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    secure = url.lower().startswith("https:")
    try:
        context = httpx.create_ssl_context() if secure else None
    except OSError as error:
        text = f"the CA certificates cannot be read: {error}"
        return Check(name, "fail", text, "Check SSL_CERT_FILE and SSL_CERT_DIR.", USAGE)
    try:
        with socket.create_connection((host, port), TIMEOUT) as plain:
            if context is None:
                return _plain(name, host, port)
            with context.wrap_socket(plain, server_hostname=host) as wrapped:
                return Check(name, "pass", f"{host}:{port} speaks {wrapped.version()} and its certificate is trusted")
    except ssl.SSLCertVerificationError as error:
        advice = "Behind a proxy that opens TLS, give its CA in SSL_CERT_FILE."
        return Check(name, "fail", f"the certificate is refused: {error.verify_message}", advice, UNREACHABLE)
    except OSError as error:
        advice = "Check route, firewall and HTTPS_PROXY: a VPC without NAT has no way there."
        return Check(name, "fail", f"{host}:{port} cannot be reached: {error}", advice, UNREACHABLE)


def _plain(name: str, host: str, port: int) -> Check:
    if is_loopback(host):
        return Check(name, "pass", f"{host}:{port} answers, in plain http that stays on this machine")
    advice = "Whoever listens on the way sees the token: use https."
    return Check(name, "warn", f"{host}:{port} answers, in plain http", advice)


def token(loaded: Loaded) -> tuple[Check, AccessToken | None]:
    """Whether a token is to be had."""
    try:
        found = loaded.credentials.get_token()
    except S2SAuthError as error:
        return Check("token", "fail", str(error), hint(error.topic), exit_code(error)), None
    return Check("token", "pass", f"is to be had, and lives {duration(found.expires_in)}"), found


def claims(loaded: Loaded, got: AccessToken) -> list[Check]:
    """Whether the token is what was asked for."""
    found = cognito.claims(got.access_token)
    if found is None:
        return [
            Check("claims", "warn", "the token is no JWT", "Cognito's are: check that the domain is a user pool's.")
        ]
    return [
        _scopes(loaded.scopes, got.scopes or ()),
        _claim(found, "client_id", loaded.client_id, "Another app client's token: a proxy in between mixes them up."),
        _claim(found, "token_use", "access", "APIs want an access token: check that the URL is a token endpoint."),
        _issuer(found.get("iss"), loaded.region),
    ]


def _scopes(asked: tuple[str, ...] | None, held: tuple[str, ...]) -> Check:
    missing = sorted(set(asked or ()) - set(held))
    if missing:
        return Check("scopes", "fail", f"the token lacks {' '.join(missing)}", f"{cognito.NARROWED}.")
    if not held:
        return Check("scopes", "warn", "the token has none", "Allow the app client a scope of a resource server.")
    return Check("scopes", "pass", scope_text(held))


def _claim(found: Mapping[str, object], name: str, expected: str, advice: str) -> Check:
    value = found.get(name)
    if value != expected:
        return Check(name, "fail", f"is {printable(repr(value))}, not {expected}", advice)
    return Check(name, "pass", expected)


def _issuer(issuer: object, region: str | None) -> Check:
    text = printable(str(issuer))
    if not isinstance(issuer, str) or not issuer.startswith("https://"):
        return Check("iss", "warn", f"is {text}, no https URL", "APIs find the keys by it: check the server.")
    if region is not None and (other := region_of(issuer)) not in (None, region):
        advice = "Another Region's user pool issued it: check domain and --region, and which issuer the API trusts."
        return Check("iss", "warn", f"is {text}, of {other} and not of {region}", advice)
    return Check("iss", "pass", text)


def clock(url: str, now: Callable[[], float]) -> Check:
    """How far our clock is from the server's, by the Date of an answer to a request that carries nothing."""
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    try:
        with httpx.Client(timeout=TIMEOUT) as client:
            before = now()
            date = client.get(url).headers.get("date", "")
            middle = (before + now()) / 2
    except (httpx.HTTPError, OSError) as error:  # OSError: the CA certificates cannot be read
        return Check("clock", "skip", f"the token endpoint does not say the time: {type(error).__name__}")
    try:
        skew = middle - parsedate_to_datetime(date).timestamp() - 0.5  # Date is cut to the second
    except ValueError:
        return Check("clock", "skip", "the token endpoint does not say the time")
    if abs(skew) < SKEW_WARNS:
        return Check("clock", "pass", f"is within {SKEW_WARNS:g} seconds of the server's")
    text = f"is {duration(skew)} {'ahead of' if skew > 0 else 'behind'} the server's"
    advice = "Tokens are renewed in time all the same, but APIs and AWS may refuse: set it by NTP."
    return Check("clock", "fail" if abs(skew) >= SKEW_FAILS else "warn", text, advice)


def _place(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether a proxy of the environment stands before it."""
    origin = parse_url(url).origin
    host = origin.host.decode()  # as httpx encodes it; Python's own codec would make another one of some
    proxied = bool(getproxies().keys() & {origin.scheme, "all"}) and not proxy_bypass(host)
    return host, origin.port, proxied
