"""What identifies a token, checked and in one canonical form."""

import json
from hashlib import sha256
from typing import Any, Literal

from .record import Record

Api = Literal["oauth2", "get_client_token"]
AuthMethod = Literal["auto", "client_secret_basic", "client_secret_post"]


class Settings(Record):
    """What identifies a token: everything that is sent except the secret, validated and in one canonical form."""

    token_url: str
    client_id: str
    """While it is not known, what it will be read from in its place: the ARN of the client's secret."""
    auth_method: AuthMethod
    scopes: tuple[str, ...] | None
    client_metadata: str | None
    """`aws_client_metadata`: compact JSON, keys sorted."""
    strict: bool
    api: Api = "oauth2"
    cognito: bool = False
    """Whether this is, as far as one can tell, a Cognito user pool, whose ids and scopes have a known form."""
    encodes_basic: bool = False
    """Whether Basic form-encodes id and secret (RFC 6749 2.3.1): with "client_secret_basic", except for Cognito."""
    client_known: bool = True
    """Whether `client_id` is one: it may come with the secret, and so at the first token request only."""

    def __repr__(self) -> str:
        return f"<Settings of {self.client_id} at {self.token_url}>"  # client_metadata may be private


def with_client(settings: Settings, client_id: str) -> Settings:
    """The same settings once the client's id is known."""
    known: dict[str, Any] = {**vars(settings), "client_id": client_id, "client_known": True}
    return Settings(**known)


def key(settings: Settings) -> str:
    """Everything that the settings put on the wire, as text: different tokens never share a key (CVE-2025-26620)."""
    wire = (
        settings.api,
        settings.token_url,
        settings.client_id,
        f"{settings.auth_method}, form-encoded" if settings.encodes_basic else settings.auth_method,
        settings.scopes,
        settings.client_metadata,
    )
    return json.dumps(wire, separators=(",", ":"))


def key_id(settings: Settings) -> str:
    """Eight hex digits that stand for the key in events and logs."""
    return sha256(key(settings).encode()).hexdigest()[:8]
