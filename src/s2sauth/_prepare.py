"""Gets a credentials object ready for its first flight: all imports happen here, on a caller's thread.

A flight imports nothing, because a fork in the middle of an import hangs the child.
"""

from _thread import get_ident
from functools import partial
from typing import TYPE_CHECKING, Literal

from . import _snapstart
from ._core.errors import ConfigurationError
from ._engine import Engine
from ._fork_guard import IMPORT_WAIT, hold_off_forks
from .secret_sources.base import prepare_source

if TYPE_CHECKING:
    from .stores import Store

Family = Literal["httpx", "httpx2"]


def prepare(engine: Engine, family: Family = "httpx") -> None:
    """Import what a flight needs. The first call decides which HTTP library sends the token requests."""
    if engine.open_sender is not None:
        return
    if engine.preparing == get_ident():
        raise ConfigurationError(
            "a token was asked for by a signal handler that interrupted the import of the HTTP library, before the "
            "first token. Make the hook first, at module level: credentials.httpx_auth(...)"
        )
    engine.preparing = get_ident()
    try:
        with hold_off_forks(IMPORT_WAIT):
            prepare_source(engine.secrets)
            if engine.store is not None:
                open_store(engine, engine.store)
            from ._renewal import renew  # noqa: PLC0415  # with all that it needs to read an answer

            engine.renew = renew
            if family == "httpx2":
                from ._hooks.httpx2 import senders  # noqa: PLC0415  # not before the first token or hook
            else:
                from ._hooks.httpx import senders  # noqa: PLC0415  # not before the first token or hook
            engine.open_sender = senders(engine.http_client)
        _snapstart.watch(engine)
    finally:
        engine.preparing = None


def open_store(engine: Engine, store: "Store | str") -> None:
    """Let the flights of this object use the store."""
    try:
        from ._sharing import StoreSession  # noqa: PLC0415  # cryptography, for those who use a store
    except ImportError as error:
        needs = "store needs cryptography: pip install 's2sauth[store]', or s2sauth[redis], s2sauth[dynamodb]"
        raise ImportError(needs, name=error.name) from None
    from .stores import _guarded, _open  # noqa: PLC0415  # as above

    try:
        opened = _open.open_store(store) if isinstance(store, str) else store
    except (ConfigurationError, ImportError):
        raise
    except Exception as error:  # noqa: BLE001  # boto3 has a dozen classes for what it lacks; their texts may contain anything
        wrong = f"store: {type(error).__name__} when it was opened; look at its URL, Region and credentials"
        raise ConfigurationError(wrong) from None
    guarded = _guarded.Guarded(opened, clock=engine.clock, report=engine.report)
    engine.open_session = partial(StoreSession, guarded)
