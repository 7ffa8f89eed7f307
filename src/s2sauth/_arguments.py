"""The constructor's arguments as a type, for callers that pass some of them on; and what to say of a misspelt one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from ._clock import Clock
from ._core import similar
from ._core.config import client_id_from
from ._core.environment import from_environment
from ._core.errors import ConfigurationError
from ._core.policy import RenewalPolicy
from ._core.settings import Api, AuthMethod
from .events import OnEvent
from .secret_sources import SecretInput
from .secret_sources.env import environment_secret

if TYPE_CHECKING:
    import httpx
    import httpx2

    from .stores import Store


class Arguments(TypedDict, total=False):
    """Any of the arguments of `CognitoClientCredentials`; what each means is said there."""

    domain: str | None
    region: str | None
    token_url: str | None
    api: Api
    client_id: str | None
    client_secret: SecretInput
    scopes: str | Iterable[str] | None
    client_metadata: Mapping[str, str] | None
    auth_method: AuthMethod
    policy: RenewalPolicy
    store: "Store | str | None"
    http_client: "Callable[[], httpx.Client | httpx2.Client] | None"
    strict: bool
    on_event: OnEvent | None
    clock: Clock | None


def unknown(function: str, names: Iterable[str], *others: str) -> str | None:
    """What a TypeError says of the first name that is no argument; None if all are. Values are never looked at.

    `others` are arguments of the function itself.
    """
    for name in names:
        if name not in Arguments.__annotations__:
            known = [*others, *Arguments.__annotations__]
            meant = similar.argument(name, known)
            hint = f"; did you mean {meant!r}?" if meant else f": use {', '.join(known)}"
            return f"{function} got an unexpected keyword argument {name!r}{hint}"
    return None


def from_environ(
    prefix: str, environ: Mapping[str, str], overrides: Arguments
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The arguments that the environment has and those given, and which variable each came from, for errors.

    Raises ConfigurationError that lists what is missing.
    """
    # None is unset, but for scopes, where it asks for none.
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None or name == "scopes"}
    try:
        names_client = client_id_from(given.get("client_secret")) is not None
        found = from_environment(prefix, environ, frozenset(given), api=given.get("api"), names_client=names_client)
        arguments = {
            "domain": found.domain,
            "region": found.region,
            "token_url": found.token_url,
            "api": found.api or "oauth2",
            "client_id": found.client_id,
            "client_secret": environment_secret(found, environ),
            "scopes": found.scopes,
            **given,
        }
        return arguments, found.variables
    except ConfigurationError:
        del environ, overrides, given  # a traceback may show the locals of its frames
        raise
