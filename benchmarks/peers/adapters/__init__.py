"""One module for each peer: `Peer(environ)` uses it as its documentation says, with the best settings.

`PACKAGE` is what the user installs, `DUE` how many seconds before its end the peer renews a token (None: it cannot be
told, and the rows about renewals are left out). `Peer.get(url)` is an authorised call in the peer's own way and returns
the status, `aget` the same awaiting where there is such a thing, `header()` the least that a call costs.
"""

NAMES = (
    "s2s",
    "hand_lines",
    "httpxauth",
    "authlib_client",
    "roc",
    "msal_app",
    "google_subclass",
    "powertools",
    "boto_token",
)
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
