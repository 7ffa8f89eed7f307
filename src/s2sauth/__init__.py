"""Service-to-service tokens for Amazon Cognito: fetched once, renewed ahead of time, put on outgoing httpx calls."""

from ._core.entry import Freshness
from ._core.errors import (
    ConfigurationError,
    CredentialsClosed,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OriginNotAllowed,
    S2SAuthError,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from ._core.origin import ANY_ORIGIN
from ._core.policy import RenewalPolicy
from ._core.tokens import Tokens
from ._core.values import AccessToken
from ._state import State
from ._time_limit import time_limit
from ._version import __version__
from .credentials import CognitoClientCredentials
from .events import Event

__all__ = [
    "ANY_ORIGIN",
    "AccessToken",
    "CognitoClientCredentials",
    "ConfigurationError",
    "CredentialsClosed",
    "Event",
    "Freshness",
    "InvalidClient",
    "InvalidGrant",
    "InvalidRequest",
    "InvalidScope",
    "OriginNotAllowed",
    "RenewalPolicy",
    "S2SAuthError",
    "State",
    "TokenRequestRefused",
    "TokenResponseInvalid",
    "TokenUnavailable",
    "Tokens",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "__version__",
    "time_limit",
]
