"""Settings as a pydantic model, to nest into an application's own settings. Nothing on the way to a token needs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self, Unpack

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import InitErrorDetails, PydanticCustomError

from ._arguments import unknown
from ._core.errors import ConfigurationError
from ._core.policy import RenewalPolicy
from ._core.secret_arn import parse_secret_arn
from ._core.settings import Api, AuthMethod
from .credentials import CognitoClientCredentials
from .secret_sources import FileSecret, SecretInput
from .secret_sources.aws import from_arn

if TYPE_CHECKING:
    from ._arguments import Arguments

_PLAIN: Final = (
    *("domain", "region", "token_url", "api", "client_id"),
    *("scopes", "auth_method", "client_metadata", "strict"),
)
_SECRET: Final = ("client_secret", "client_secret_file", "client_secret_arn")
_POLICY: Final = ("renew_at", "expiry_margin", "deadline", "attempts", "forced_renewal_every", "store_timeout")
_HIDDEN: Final = "(hidden)"


class CognitoSettings(BaseModel):
    """The settings of one app client. What has a form of its own is checked when `credentials()` is called.

    Nest it into a `pydantic_settings.BaseSettings` of your own, and the application's one settings object says it all.
    With `env_nested_delimiter="__"` there each field is one variable: `COGNITO__CLIENT_SECRET_FILE`,
    `COGNITO__DEADLINE`. No ValidationError about this model shows what was given. An error about another field of the
    outer model does, unless that model has `hide_input_in_errors=True`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    domain: str | None = None
    """The user pool's domain, or a bare prefix with `region`."""
    region: str | None = None
    """The AWS Region of a bare prefix, or of `api="get_client_token"`."""
    token_url: str | None = None
    """The whole URL of the token endpoint, instead of a domain."""
    api: Api = "oauth2"
    """Which of Cognito's two APIs to ask."""
    client_id: str | None = None
    """The app client's id; needed unless `client_secret_arn` is that of a secret that Cognito manages."""
    client_secret: SecretStr | None = None
    """The app client's secret. Exactly one of the three is needed."""
    client_secret_file: str | Path | None = None
    """The path of the file that contains it."""
    client_secret_arn: str | None = None
    """Its ARN in Secrets Manager, or that of a parameter. A secret that Cognito manages needs nothing else."""
    scopes: str | tuple[str, ...] | None = None
    """The scopes to ask for; None asks for none."""
    auth_method: AuthMethod = "auto"
    """How the token request says who asks."""
    client_metadata: dict[str, str] | None = Field(default=None, repr=False)
    """For the pool's pre token generation trigger."""
    store: SecretStr | None = None
    """The URL of a store that processes share. Hidden, since it may contain a password."""
    strict: bool = False
    """Whether a token with fewer scopes than asked for is an error."""
    renew_at: float | None = None
    """This field and the five below are those of `RenewalPolicy`; None is its default."""
    expiry_margin: float | None = None
    deadline: float | None = None
    attempts: int | None = None
    forced_renewal_every: float | None = None
    store_timeout: float | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _without_input(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate; what the errors show of the input is replaced, since an outer model's errors would show it."""
        wrong: list[InitErrorDetails] = []
        try:
            found = handler(value)
            if sum(getattr(found, name) is not None for name in _SECRET) != 1:
                wrong.append(_mistake("one_secret", f"Exactly one of {', '.join(_SECRET)} has to be given", ()))
            if found.client_id is None and found.client_secret_arn is None:
                wrong.append(_mistake("missing", "Field required, unless client_secret_arn names it", ("client_id",)))
            if not wrong:
                return found
        except ValidationError as error:
            wrong += [_mistake(one["type"], one["msg"], one["loc"]) for one in error.errors(include_input=False)]
        raise ValidationError.from_exception_data(cls.__name__, wrong)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        del value  # pydantic's own error for a frozen model shows it
        raise AttributeError(f"CognitoSettings is frozen, so {name} cannot be set: make another one")

    def credentials(self, **arguments: "Unpack[Arguments]") -> CognitoClientCredentials:
        """The credentials of these settings; `arguments` are the constructor's, and win.

        Raises ConfigurationError for a value of the wrong form.
        """
        if (wrong := unknown("CognitoSettings.credentials()", arguments)) is not None:
            del arguments  # a traceback may show the locals of its frames
            raise TypeError(wrong)
        given: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        try:
            given["store"] = None if self.store is None else self.store.get_secret_value()
            given["policy"] = RenewalPolicy(
                **{name: value for name in _POLICY if (value := getattr(self, name)) is not None}
            )
            if "client_secret" not in arguments:
                given["client_secret"] = self._secret()
            given.update(arguments)
            return CognitoClientCredentials(**given)
        except ConfigurationError:
            del arguments, given
            raise

    def _secret(self) -> SecretInput:
        if self.client_secret_file is not None:
            return FileSecret(self.client_secret_file)
        if self.client_secret_arn is not None:
            try:
                return from_arn(parse_secret_arn(self.client_secret_arn))
            except ConfigurationError as wrong:
                text = f"client_secret_arn: {wrong.message}"
            raise ConfigurationError(text)
        assert self.client_secret is not None  # one of the three is there
        return self.client_secret.get_secret_value()  # the text, so that it is checked now


def _mistake(kind: str, text: str, place: tuple[int | str, ...]) -> InitErrorDetails:
    """A line of a ValidationError in which the input is not shown."""
    error = PydanticCustomError(kind, "{text}", {"text": text})  # pyright: ignore[reportArgumentType]  # any text will do
    return InitErrorDetails(type=error, loc=place, input=_HIDDEN)
