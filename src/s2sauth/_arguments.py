"""The constructor's arguments as a type, for callers that pass some of them on; and what to say of a misspelt one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from ._core import similar
from ._core.config import Api, AuthMethod
from ._core.policy import RenewalPolicy
from ._process import Clock
from .events import OnEvent
from .secret_sources import SecretInput

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
    client_id: str
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


def unknown(function: str, names: Iterable[str]) -> str | None:
    """What a TypeError says of the first name that is no argument; None if all are. Values are never looked at."""
    for name in names:
        if name not in Arguments.__annotations__:
            meant = similar.argument(name, Arguments.__annotations__)
            hint = f"; did you mean {meant!r}?" if meant else f": use {', '.join(Arguments.__annotations__)}"
            return f"{function} got an unexpected keyword argument {name!r}{hint}"
    return None
