"""The steps of one flight, and what is said when one of them takes too long or ends in a way that nobody foresaw."""

from enum import Enum

from .errors import Cause, Failure


class Step(Enum):
    """What a flight does; the value completes "while ..."."""

    START = "its thread was starting"
    SECRET = "the client secret was read"  # noqa: S105  # words about one
    STORE = "the shared store was asked"
    CLIENT = "the HTTP client was made"
    REQUEST = "the token request was sent"
    ANSWER = "the answer was read"
    KEEP = "the token was cached"


_SLOW = {
    Step.START: (
        "The renewal's thread has not run. Likely cause: a busy process, or one that runs no threads, such as uWSGI "
        "without enable-threads."
    ),
    Step.SECRET: (
        "The source of the client secret has not answered, and the token endpoint was not asked. Check client_secret: "
        "the callable, or the network path to where the secret is stored."
    ),
    Step.STORE: "The shared store has not answered. Check the network path to it.",
    Step.CLIENT: "The HTTP client is not made yet. Check http_client, or the disk with the CA certificates.",
}
_SLOW_ENDPOINT = (
    "The token endpoint is slow or cannot be reached: check the network path, DNS and the proxy variables "
    "(HTTPS_PROXY, NO_PROXY)."
)
_SLOW_PROXY = "The token request goes through the proxy {}, which is slow or cannot be reached: check the proxy."
_LIMITS = "RenewalPolicy(deadline=...) sets the limit, get_token(timeout=...) shortens it."


def too_long(step: Step, seconds: float, proxy: str | None) -> Failure:
    """A flight was waited for in vain; `proxy` is the one that the request under way goes through."""
    endpoint = _SLOW_ENDPOINT if proxy is None else _SLOW_PROXY.format(proxy)
    text = f"No token within {seconds:g} s. {_SLOW.get(step, endpoint)} {_LIMITS}"
    return Failure.unavailable(Cause.UNREACHABLE, text)


def unforeseen(step: Step, error: BaseException) -> Failure:
    """Any exception that is nobody's announced failure; its text may contain anything and is not shown."""
    text = (
        f"The renewal ended unexpectedly, {type(error).__name__} while {step.value}. It is tried again after a pause; "
        "if it happens again, report it."
    )
    return Failure.unavailable(Cause.UNREACHABLE, text)
