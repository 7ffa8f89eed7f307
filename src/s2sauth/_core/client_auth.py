"""How the client's id and secret travel (RFC 6749 2.3.1): in an Authorization header, or in the body."""

from base64 import b64encode
from urllib.parse import quote_plus

from .cognito_names import wrong_client_id
from .settings import Settings
from .values import Secret


def wrong_with_id(client_id: str, *, raw_basic: bool, cognito: bool) -> str | None:
    """What is wrong with it as the client id of a server that is Cognito or not; None if nothing is."""
    if not client_id:
        return "is empty"
    if not all("!" <= c <= "~" for c in client_id):
        return "holds white space or a character that RFC 6749 A.1 does not allow"
    if cognito and (found := wrong_client_id(client_id)) is not None:
        return found
    if raw_basic and ":" in client_id:
        # RFC 7617 2: the user-id ends at the first colon.
        return 'holds a colon, which Basic authentication cannot carry: use auth_method="client_secret_post"'
    return None


def by_header(settings: Settings, secret: Secret) -> bool:
    """Whether the header carries them. "auto" uses it where the raw and the form-encoded header are the same."""
    if settings.auth_method != "auto":
        return settings.auth_method == "client_secret_basic"
    return _is_plain(settings.client_id) and _is_plain(secret.reveal())


def _is_plain(text: str) -> bool:
    """Whether form-encoding changes nothing."""
    return quote_plus(text) == text


def basic(client_id: str, secret: Secret, *, encodes: bool) -> str:
    """The credentials of a Basic header: form-encoded first, as RFC 6749 2.3.1 says, or raw, as Cognito reads them."""
    # What holds the secret is never bound to a name: a traceback may show the locals of its frames.
    return b64encode(
        f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}".encode()
        if encodes
        else f"{client_id}:{secret.reveal()}".encode()
    ).decode("ascii")
