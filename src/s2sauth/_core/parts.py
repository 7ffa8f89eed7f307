"""The arguments that are objects rather than settings: whether each can do its part."""

from collections.abc import Iterator

from .policy import RenewalPolicy
from .store_url import mistake

_CLOCK = ("wall", "monotonic", "boottime", "wait", "random")


def mistakes(
    *, policy: object, store: object, http_client: object, on_event: object, clock: object
) -> Iterator[tuple[str, str]]:
    """The field and the text of each mistake."""
    if not isinstance(policy, RenewalPolicy):
        yield "policy", f"is of type {type(policy).__name__}; use RenewalPolicy(deadline=5.0) or leave it out"
    if store is not None and (wrong := mistake(store)):
        yield "store", wrong
    if http_client is not None and not callable(http_client):
        form = "use a function that makes a new client each time, as lambda: httpx.Client(verify=ssl_context)"
        yield "http_client", f"is of type {type(http_client).__name__}; {form}"
    if on_event is not None and not callable(on_event):
        yield "on_event", f"is of type {type(on_event).__name__}; use a function that takes an Event, as on_event=print"
    missing = [name for name in _CLOCK if not callable(getattr(clock, name, None))]
    if clock is not None and missing:
        yield "clock", f"has no {', '.join(missing)}; use s2sauth.testing.ManualClock() or leave it out"
