"""One module for each peer: `Peer(environ)` uses it as its documentation says, with the best settings.

`PACKAGE` is what the user installs, `DUE` how many seconds before its end the peer renews a token (None: it cannot be
told, and the rows about renewals are left out). `Peer.get(url)` is an authorised call in the peer's own way and returns
the status, `aget` the same awaiting where there is such a thing, `header()` the least that a call costs."""

from typing import Any

SHOWN = {
    "s2s": "s2sauth",
    "hand_lines": "hand-written",
    "httpxauth": "httpx-auth",
    "authlib_client": "Authlib",
    "roc": "requests-oauth2client",
    "msal_app": "msal",
    "google_subclass": "google-auth",
    "powertools": "Powertools",
    "boto_token": "botocore",
}
NAMES = tuple(SHOWN)

BESIDE = {
    "s2s": ["client", "tasks", "request"],
    "httpxauth": ["client", "tasks", "request"],
    "authlib_client": ["tasks"],
    "roc": ["session", "request"],
    "msal_app": ["session"],
    "google_subclass": ["session"],
    "powertools": [],
    "boto_token": [],
}
"""Attributes of a `Peer` that are the caller's own HTTP clients, and no part of what gets and keeps the token."""


def another(name: str, peer: Any, environ: dict[str, str], scopes: str) -> object:
    """A token for other scopes, in the cheapest way that the peer's documentation offers, and what has to be kept."""
    if name == "s2s":
        peer.credentials.with_scopes(scopes).auth_headers()
        return None
    if name == "msal_app":
        return peer.app.acquire_token_for_client(scopes=[scopes])["token_type"]
    if name == "roc":
        auth = type(peer.auth)(peer.auth.client, scope=scopes, leeway=10)
        auth(peer.request)
        return auth
    one = type(peer)(environ, scopes)
    for shared in {"google_subclass": ["request"], "boto_token": ["session"]}.get(name, []):
        setattr(one, shared, getattr(peer, shared))
    one.header()
    return bare(one, name)


def bare(peer: Any, name: str) -> Any:
    """The peer without the caller's own HTTP clients."""
    for attribute in BESIDE[name]:
        vars(peer).pop(attribute, None)
    return peer
