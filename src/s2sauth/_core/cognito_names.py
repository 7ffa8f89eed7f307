"""What Cognito's app client ids and scopes look like, so that a wrong one is an error before anything is sent.

These rules are for user pools alone: RFC 6749 lets other servers choose freely.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from .origin import is_loopback

USER_SCOPES: Final = frozenset({"openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"})
"""Those of signed-in users (AWS: "Scopes, M2M, and resource servers")."""

_HOST: Final = r"(?:.+\.)?amazoncognito\.(?:com|com\.cn|eu)\.?"
_CLIENT_ID: Final = r"[A-Za-z0-9_+]{1,128}"  # ClientIdType of the API reference: [\w+]+, at most 128
_MOST: Final = 128


def is_cognito(token_url: str, *, said: bool) -> bool:
    """Whether a user pool answers at this URL: by its host, or because an argument that only Cognito has says so.

    Never on loopback, where fakes and local servers choose freely as well.
    """
    host = urlsplit(token_url).hostname or ""
    return not is_loopback(host) and (said or re.fullmatch(_HOST, host) is not None)


def wrong_client_id(client_id: str) -> str | None:
    """What is wrong with it as the id of an app client."""
    if re.fullmatch(_CLIENT_ID, client_id):
        return None
    if len(client_id) > _MOST:
        return f"is longer than the {_MOST} characters that an id of Cognito may have"
    return (
        "contains a character that no id of Cognito has, which are letters, digits, _ and + (if this server is not "
        "Cognito, give token_url in place of domain and region)"
    )


def wrong_scopes(scopes: Iterable[str]) -> str | None:
    """What is wrong with scopes that no app client can be granted for its own use."""
    asked = list(scopes)
    if any(map(_is_list, asked)):
        return "are separated by commas or semicolons: put spaces between them instead"
    of_users = sorted(USER_SCOPES.intersection(asked))
    if not of_users:
        return None
    return (
        f"contain {', '.join(of_users)}, which belong to signed-in users: client_credentials cannot have them. Likely "
        "cause: this is the setting of a web login. Ask for scopes of a resource server, such as "
        '"demo/read.file", or for none'
    )


def _is_list(scope: str) -> bool:
    """Whether this is several scopes in one. A resource server's identifier may contain a comma and a slash, hence:
    only where each part is a scope by itself, or one ends in the separator, as in "a/b, c/d".
    """
    parts = [part for part in re.split("[,;]", scope) if part]
    if len(parts) == 1:
        return scope != parts[0] and _is_whole(parts[0])
    urls = ["://" in part for part in parts]
    return len(parts) > 1 and all(map(_is_whole, parts)) and (all(urls) or not urls[0])


def _is_whole(part: str) -> bool:
    return part in USER_SCOPES or "/" in part
