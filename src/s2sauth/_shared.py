"""What all views of one credentials object share: clock, slots, log, and the HTTP library of the token requests."""

from _thread import get_ident
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, final

from . import _snapstart
from ._core.errors import ConfigurationError
from ._core.policy import RenewalPolicy
from ._core.tokens import Tokens
from ._flight import Flight, Outcome, Sender
from ._gate import IMPORT_WAIT, Work
from ._process import Clock
from ._slots import Client, Slot, SlotMap
from ._state import State, state
from ._supply import Supply
from .events import OnEvent, Reporter
from .secret_sources import SecretInput
from .secret_sources.base import prepare_source

if TYPE_CHECKING:
    from ._core.origin import OriginList
    from ._fleet import Fleet
    from ._hook import Hook
    from ._renewal import Renewal
    from .stores import Store

Family = Literal["httpx", "httpx2"]
AnyHook = TypeVar("AnyHook", bound="Hook")

AS_AUTH = (
    'httpx.Client(auth=credentials.httpx_auth("https://api.example.com")), or with httpx2 as '
    'httpx2.Client(auth=credentials.httpx2_auth("https://api.example.com"))'
)
"""What to write instead of `auth=credentials`."""


@final
class Shared:
    """What the views of one credentials object have in common."""

    def __init__(
        self,
        *,
        policy: RenewalPolicy,
        clock: Clock,
        on_event: OnEvent | None,
        secrets: SecretInput,
        http_client: Callable[[], Any] | None,
        store: "Store | str | None",
    ) -> None:
        self.clock = clock
        self.client = Client()
        self.slots = SlotMap(self.client)
        self.report = Reporter(clock, on_event)
        self._secrets = secrets
        self._http_client = http_client
        self._policy = policy
        self._store = store
        self._fleet: Fleet | None = None
        self._open_sender: Callable[[str], Sender] | None = None
        self._preparing: int | None = None
        self._renewal: Renewal | None = None
        self.supply = Supply(policy=policy, clock=clock, report=self.report, renew=self._renew)

    def prepare(self, family: Family = "httpx") -> None:
        """Import what a flight needs, on the thread of a caller: a fork during a threaded import hangs the child.

        The first call decides which HTTP library sends the token requests.
        """
        if self._open_sender is not None:
            return
        if self._preparing == get_ident():
            raise ConfigurationError(
                "a token was asked for by a signal handler that interrupted the import of the HTTP library, before the "
                "first token. Make the hook first, at module level: credentials.httpx_auth(...)"
            )
        self._preparing = get_ident()
        try:
            with Work(IMPORT_WAIT):
                prepare_source(self._secrets)
                if self._store is not None:
                    self._fleet = self._meet(self._store)
                self._renewal = self._renewal or self._make_renewal()
                if family == "httpx2":
                    from ._httpx2 import senders  # noqa: PLC0415  # not before the first token or hook
                else:
                    from ._httpx import senders  # noqa: PLC0415  # not before the first token or hook
                self._open_sender = senders(self._http_client)
            _snapstart.watch(self)
        finally:
            self._preparing = None

    def hook(self, kind: type[AnyHook], tokens: Tokens, origins: "OriginList", *, key: str) -> AnyHook:
        """A family's hook; its events have this key."""
        report = partial(self.report, key=key)
        return kind(tokens, origins, monotonic=self.clock.monotonic, report=report, ours=self.client.ours)

    def state(self, slot: Slot) -> State:
        """What is known of one key now."""
        return state(slot, self.supply.now(), self._policy)

    def forget(self) -> None:
        """Drop what token requests brought: tokens, accepted secrets, failures."""
        assert self._renewal is not None  # it is asked to since prepare()
        self._renewal.forget()
        self.supply.forget(self.slots.all())

    def _meet(self, store: "Store | str") -> "Fleet":
        try:
            from ._fleet import Fleet  # noqa: PLC0415  # cryptography, for those who use a store
        except ImportError as error:
            needs = "store needs cryptography: pip install 's2sauth[store]', or s2sauth[redis], s2sauth[dynamodb]"
            raise ImportError(needs, name=error.name) from None
        from .stores._open import open_store  # noqa: PLC0415  # as above

        try:
            opened = open_store(store) if isinstance(store, str) else store
        except (ConfigurationError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  # boto3 has a dozen classes for what it lacks; their texts may hold anything
            wrong = f"store: {type(error).__name__} when it was opened; look at its URL, Region and credentials"
            raise ConfigurationError(wrong) from None
        return Fleet(opened, policy=self._policy, clock=self.clock, report=self.report)

    def _make_renewal(self) -> "Renewal":
        from ._renewal import Renewal  # noqa: PLC0415  # with all that it needs to read an answer

        return Renewal(
            policy=self._policy,
            clock=self.clock,
            report=self.report,
            secrets=self._secrets,
            open_sender=self._open,
            fleet=lambda: self._fleet,
        )

    def _renew(self, slot: Slot, flight: Flight) -> Outcome:
        assert self._renewal is not None  # prepare() comes before every flight
        return self._renewal(slot, flight)

    def _open(self, url: str) -> Sender:
        assert self._open_sender is not None  # as above
        return self._open_sender(url)
