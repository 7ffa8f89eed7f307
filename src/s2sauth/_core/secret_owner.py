"""Whose secret it is: one that Cognito manages names its app client, and a client id that is configured must match."""

from collections.abc import Sequence
from typing import Final

from .client_auth import wrong_with_id
from .client_secret import MANAGED, Found
from .errors import ConfigurationError
from .settings import Settings
from .values import Secret


def client_of(found: Sequence[Found], settings: Settings) -> str:
    """The app client's id: the one that was configured, or the one that came with the first secret that names one.

    Raises ConfigurationError if there is neither, and for one that cannot be an id.
    """
    if settings.client_known:
        return settings.client_id
    named = next((managed for _, managed in found if managed is not None), None)
    if named is None:
        raise ConfigurationError(_NOT_NAMED.format(settings.client_id))
    raw_basic = settings.auth_method == "client_secret_basic" and not settings.encodes_basic
    if wrong := wrong_with_id(named.client_id, raw_basic=raw_basic, cognito=settings.cognito):
        raise ConfigurationError(f"client_id in {named.place}: {wrong}")
    return named.client_id


def secrets_of(client_id: str, found: Sequence[Found]) -> list[Secret]:
    """The secrets of this app client; one that names no client counts as its own.

    Raises ConfigurationError, with both ids, if all are another client's.
    """
    ours = [secret for secret, managed in found if managed is None or managed.client_id == client_id]
    if ours:
        return ours
    other = next(managed for _, managed in found if managed is not None)
    raise ConfigurationError(_ANOTHER.format(other.place, other.client_id, client_id))


def whose(found: Sequence[Found]) -> str | None:
    """For the refusal of a secret that names its app client: which one it names; None if none does."""
    named = next((managed for _, managed in found if managed is not None), None)
    if named is None:
        return None
    pool = f" of the user pool {named.user_pool_id}" if named.user_pool_id else ""
    return _WHOSE.format(named.client_id, pool)


_WHOSE: Final = "The secret is for the app client {}{}: check that the domain belongs to that user pool."
_NOT_NAMED: Final = (
    "client_id: is not given, and the secret {} does not contain it. Cognito writes it into the secrets that it "
    "manages: " + MANAGED + ". Set client_id (APP_CLIENT_ID), or use the ARN of a secret that Cognito manages"
)
_ANOTHER: Final = (
    "client_secret in {}: belongs to the app client {}, but these credentials are for {}. Correct the ARN of the "
    "secret, or client_id (APP_CLIENT_ID). Without a client_id, the first one that got a token counts"
)
