"""Where the token endpoint is: the forms of `domain` and `token_url`, and what people give instead.

Every ValueError says what is wrong and never repeats the value, which may hold a password.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote

from .origin import is_loopback, parse_url
from .partitions import dns_suffix, has_cognito_domains

UNKNOWN_REGION: Final = ""
"""Stands for a region that is given, but wrong."""

SCOPE: Final = "{scope}"
"""In the query of a `token_url`: the place of the scopes, for a cache that has the query in its key."""

_REGION = r"[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}"
_POOL_ID = rf"{_REGION}_\w+"
_PREFIX = r"(?!localhost\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def is_region(region: str) -> bool:
    """Whether this could be an AWS Region's name; AWS adds new ones, so there is no list."""
    return re.fullmatch(_REGION, region) is not None


def from_domain(domain: str, region: str | None) -> str:
    """The token endpoint of a user pool's domain, or of a bare prefix in `region`."""
    if re.fullmatch(_PREFIX, domain.lower()):
        if region is None:
            raise ValueError("is a bare prefix, which needs region")
        if not has_cognito_domains(region):
            raise ValueError("is a bare prefix, and what follows it in that partition is not known here: give the host")
        auth = "auth-fips" if region.startswith("us-gov-") else "auth"  # GovCloud has FIPS hosts only
        return f"https://{domain.lower()}.{auth}.{region}.amazoncognito.com/oauth2/token"
    base, path, query = _https_url(domain if "://" in domain else f"https://{domain}")
    if query is not None:
        raise ValueError("holds a query")
    if path not in ("", "/", "/oauth2/token"):
        raise ValueError("holds a path")
    return f"{base}/oauth2/token"


def from_token_url(token_url: str) -> str:
    """The same URL in its normal form, query kept; SCOPE stays in it."""
    base, path, query = _https_url(token_url)
    if not path:
        raise ValueError("holds no path: is it the domain?")
    if not (path + (query or "")).isascii():
        raise ValueError("holds characters that a URL needs percent-encoded")
    if re.search("[{}]", path + (query or "").replace(SCOPE, "")):
        raise ValueError("holds a brace: {scope}, in the query, is the only use of one; else percent-encode it")
    pairs = parse_qsl(query or "", keep_blank_values=True)
    if any(name in ("client_id", "client_secret", "client_assertion") for name, _ in pairs):
        raise ValueError("holds credentials, which RFC 6749 2.3.1 forbids in a URL")
    if any(name == "grant_type" and value != "client_credentials" for name, value in pairs):
        raise ValueError("names a grant_type in its query other than client_credentials; leave it out")
    return f"{base}{path}" if query is None else f"{base}{path}?{query}"


def with_scope(token_url: str, scopes: Iterable[str] | None) -> str:
    """The URL that is requested for these scopes: they take the place of SCOPE, percent-encoded, parted by %20."""
    return token_url.replace(SCOPE, quote(" ".join(scopes or ()), safe=""))


def from_region(region: str) -> str:
    """Where Cognito's own API is in this Region."""
    suffix = dns_suffix(region)
    if suffix is None:
        raise ValueError("is in a partition whose hosts are not known here: give the API's whole URL as token_url")
    return f"https://cognito-idp.{region}.{suffix}/"


def from_api_url(url: str) -> str:
    """The same URL, of a FIPS or VPC endpoint of that API, in its normal form."""
    base, path, query = _base_path_query(url)
    if path not in ("", "/") or query is not None:
        raise ValueError("holds a path or a query: is it the token endpoint of a domain?")
    return f"{base}/"


def contradicts(url: str, region: str) -> bool:
    """Whether the URL's host is one of AWS's that names another Region."""
    host = parse_url(url).origin.host.decode("ascii")
    return re.search(r"\.amazon(?:cognito|aws)\.", host) is not None and f".{region}." not in host


def _https_url(text: str) -> tuple[str, str, str | None]:
    """Scheme with host and port, path, query; of a domain or a token endpoint."""
    base, path, query = _base_path_query(text)
    host = parse_url(text).origin.host.decode("ascii")
    if re.fullmatch(_POOL_ID, host):
        raise ValueError("is a user pool's id, not its domain (Cognito console: Branding, Domain)")
    if host.startswith(("cognito-idp.", "cognito-idp-fips.", "issuer-cognito-idp.")):
        raise ValueError("is the user pool's issuer, not its domain (Cognito console: Branding, Domain)")
    return base, path, query


def _base_path_query(text: str) -> tuple[str, str, str | None]:
    if "#" in text:
        raise ValueError("holds a fragment")
    url = parse_url(text)
    if url.origin.scheme == "http" and not is_loopback(url.origin.host.decode("ascii")):
        raise ValueError("is http, where anyone on the way could read the secret; http is for loopback hosts only")
    return str(url.origin), url.path, url.query
