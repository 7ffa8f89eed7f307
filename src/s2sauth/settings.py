"""Settings as a pydantic model, to nest into an application's own settings. Nothing on the way to a token needs it."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from .credentials import CognitoClientCredentials


class CognitoSettings(BaseModel):
    """The settings of one app client, checked when `credentials()` is called.

    Nest it into a `pydantic_settings.BaseSettings` of your own, and the application's one settings object says it all.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    domain: str | None = None
    """The user pool's domain, or a bare prefix with `region`."""
    region: str | None = None
    """The AWS region of a bare prefix."""
    token_url: str | None = None
    """The whole URL of the token endpoint, instead of a domain."""
    client_id: str
    """The app client's id."""
    client_secret: SecretStr
    """The app client's secret."""
    scopes: str | tuple[str, ...] | None = None
    """The scopes to ask for; None asks for none."""

    def credentials(self, **arguments: Any) -> CognitoClientCredentials:
        """The credentials of these settings; `arguments` are the constructor's others, and win.

        Raises ConfigurationError for a value of the wrong form.
        """
        return CognitoClientCredentials(**{**dict(self), **arguments})
