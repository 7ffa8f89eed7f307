"""A private CA, certificates of it, and contexts for both sides."""

import datetime as dt
import ssl
from functools import cache

import trustme


@cache
def authority() -> trustme.CA:
    """One private CA for the whole run."""
    return trustme.CA()


@cache
def server_context(*names: str, expired: bool = False, wants_client: bool = False) -> ssl.SSLContext:
    """A server's context with a certificate for these names; none is localhost."""
    until = dt.datetime(2020, 1, 1, tzinfo=dt.UTC) if expired else None
    since = dt.datetime(2019, 1, 1, tzinfo=dt.UTC) if expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("localhost",)), not_before=since, not_after=until).configure_cert(context)
    if wants_client:
        authority().configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(*, trusting: bool = True, with_certificate: bool = False) -> ssl.SSLContext:
    """A client's context that trusts the private CA, or nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusting:
        authority().configure_trust(context)
    if with_certificate:
        authority().issue_cert("client@example.com").configure_cert(context)
    return context
