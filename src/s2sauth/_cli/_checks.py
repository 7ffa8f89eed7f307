"""What `s2sauth doctor` looks at: each check says what it found, and what to do if that is not right."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Literal

from .._core import cognito
from .._core.errors import ConfigurationError, S2SAuthError, hint
from .._core.http_dates import http_date
from .._core.origin import is_loopback, parse_url
from .._core.record import Record
from ._exits import FAILED, TOO_MANY, TOO_MANY_ADVICE, UNREACHABLE, USAGE, CommandFailed, exit_code
from ._proxy import proxy_of, stays_here
from ._trust import ssl_context, where_the_ca_belongs
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

THIS_MACHINE = "localhost,127.0.0.1,::1"
"""What NO_PROXY names so that calls to this machine go direct."""


class Check(Record):
    """What one check found."""

    name: str
    status: Status
    found: str
    advice: str = ""
    code: int = FAILED
    """The exit code, if it fails."""


def proxy(name: str, url: str, *, api: bool = False) -> Check | None:
    """Which proxy a client of httpx uses for this URL and whether it can be reached; None if it uses none."""
    try:
        found = proxy_of(url)
    except ConfigurationError as wrong:
        return Check(name, "fail", wrong.message, code=USAGE)
    if found is None:
        return None
    if found.wrong:
        return Check(name, "warn" if stays_here(url) else "fail", found.wrong, code=USAGE)
    where = f"{found} from {found.variable}"
    if stays_here(url):
        return _past_it(name, where, api=api)
    try:
        socket.create_connection((found.host, found.port), TIMEOUT).close()
    except OSError as error:
        advice = f"Check host and port in {found.variable}. If the host needs no proxy, name it in NO_PROXY."
        text = f"the proxy {where} cannot be reached: {error.strerror or error}"
        return Check(name, "fail", text, advice_for(error, advice), UNREACHABLE)
    return Check(name, "pass", f"the proxy {where} can be reached")


def _past_it(name: str, where: str, *, api: bool) -> Check:
    """Requests of s2sauth to this machine go direct; those that a client of the user sends to the API do not."""
    if not api:
        return Check(name, "pass", f"the proxy {where} is not used for token requests to this machine")
    text = f"your own client would send the token to the proxy {where}; this check goes direct"
    return Check(name, "warn", text, f"Set NO_PROXY={THIS_MACHINE}, or trust_env=False for that client.")


def dns(name: str, url: str, *, proxied: bool) -> Check:
    """Whether the host has an address."""
    host, port = _place(url)
    if proxied:
        return Check(name, "skip", f"the proxy resolves {host}")
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError as error:
        advice = "Check the spelling; a new Cognito domain may need a minute, and a VPC needs DNS support."
        return Check(name, "fail", f"{host} does not resolve: {error.strerror}", advice_for(error, advice), UNREACHABLE)
    return Check(name, "pass", f"{host} is {', '.join(found)}")


def tls(name: str, url: str, *, proxied: bool) -> Check:
    """Whether the host can be reached and its certificate is trusted, by the CA files that httpx takes."""
    host, port = _place(url)
    if proxied:
        return Check(name, "skip", f"the proxy leads to {host}")
    try:
        context = ssl_context() if url.lower().startswith("https:") else None
    except (CommandFailed, ConfigurationError) as wrong:
        return Check(name, "fail", str(wrong), code=exit_code(wrong))
    try:
        with socket.create_connection((host, port), TIMEOUT) as plain:
            if context is None:
                return _plain(name, host, port)
            with context.wrap_socket(plain, server_hostname=host) as wrapped:
                return Check(name, "pass", f"{host}:{port} speaks {wrapped.version()} and its certificate is trusted")
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate is refused: {error.verify_message}"
        return Check(name, "fail", text, where_the_ca_belongs(), UNREACHABLE)
    except OSError as error:
        advice = "Check route, firewall and HTTPS_PROXY: a VPC without NAT has no way there."
        return Check(name, "fail", f"{host}:{port} cannot be reached: {error}", advice_for(error, advice), UNREACHABLE)


def is_starved(error: Exception) -> bool:
    """Whether this process has too many files open, so that it says nothing about what was asked."""
    return isinstance(error, OSError) and error.errno in TOO_MANY


def advice_for(error: Exception, usual: str) -> str:
    """What to do about it."""
    return TOO_MANY_ADVICE if is_starved(error) else usual


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


def claims(loaded: Loaded, got: AccessToken, user_pool_id: str | None) -> list[Check]:
    """Whether the token is what was asked for; the pool is the one that the secret names, if it does."""
    found = cognito.claims(got.access_token)
    if found is None:
        return [
            Check("claims", "warn", "the token is no JWT", "Cognito's are: check that the domain is a user pool's.")
        ]
    return [
        _scopes(loaded.scopes, got.scopes or ()),
        _claim(found, "client_id", loaded.client_id, "Another app client's token: a proxy in between mixes them up."),
        _claim(found, "token_use", "access", "APIs want an access token: check that the URL is a token endpoint."),
        _issuer(found.get("iss"), loaded.region, user_pool_id),
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


def _issuer(issuer: object, region: str | None, user_pool_id: str | None) -> Check:
    text = printable(str(issuer))
    if not isinstance(issuer, str) or not issuer.startswith("https://"):
        return Check("iss", "warn", f"is {text}, no https URL", "APIs find the keys by it: check the server.")
    if region is not None and (other := region_of(issuer)) not in (None, region):
        advice = "Another Region's user pool issued it: check domain and --region, and which issuer the API trusts."
        return Check("iss", "warn", f"is {text}, of {other} and not of {region}", advice)
    if user_pool_id is not None and issuer.rpartition("/")[2] != user_pool_id:
        advice = "See whether the secret is the one of this app client, and which issuer the API trusts."
        return Check("iss", "warn", f"is {text}, and the secret names the user pool {user_pool_id}", advice)
    return Check("iss", "pass", text)


def clock(url: str, now: Callable[[], float]) -> Check:
    """How far our clock is from the server's, by the Date of an answer to a request that carries nothing."""
    import httpx  # noqa: PLC0415  # the help of all commands needs no HTTP library

    try:
        with httpx.Client(verify=ssl_context(), timeout=TIMEOUT, trust_env=not stays_here(url)) as client:
            before = now()
            date = client.get(url).headers.get("date", "")
            middle = (before + now()) / 2
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, CommandFailed, ConfigurationError) as error:
        return Check("clock", "skip", f"the token endpoint does not say the time: {type(error).__name__}")
    if (said := http_date(date)) is None:
        return Check("clock", "skip", "the token endpoint does not say the time")
    skew = middle - said - 0.5  # Date is cut to the second
    if abs(skew) < SKEW_WARNS:
        return Check("clock", "pass", f"is within {SKEW_WARNS:g} seconds of the server's")
    text = f"is {duration(skew)} {'ahead of' if skew > 0 else 'behind'} the server's"
    advice = "Tokens are renewed in time all the same, but APIs and AWS may refuse: set it by NTP."
    return Check("clock", "fail" if abs(skew) >= SKEW_FAILS else "warn", text, advice)


def _place(url: str) -> tuple[str, int]:
    origin = parse_url(url).origin
    return origin.host.decode(), origin.port  # as httpx encodes it; Python's own codec would make another one of some
