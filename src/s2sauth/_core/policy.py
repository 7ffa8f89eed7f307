"""The knobs, and every other number with its source (RenewalPolicy is public; the constants are not)."""

from math import inf

from .errors import ConfigurationError
from .record import Record

MINUTE = 60.0
HOUR = 3600.0

SHORTEST_LIFE = 5 * MINUTE
"""The shortest life Cognito issues (AWS: access token expiration, 5 minutes to 1 day)."""
LONGEST_LIFE = 24 * HOUR
"""The longest one; a longer life in an answer is clamped to it."""
LONGEST_WINDOW = 60 * MINUTE
"""The renewal window never opens earlier than this before the end of the life."""
SPREAD = (0.6, 1.0)
"""The renewal point is drawn from this part of the window: a fleet that started together does not renew together."""
LARGEST_MARGIN = 0.05
"""The expiry margin never takes more than this part of the life."""
LAMBDA_WAIT = 1.0
"""In Lambda whoever starts a renewal of a STALE token waits this long: threads stand still between invocations."""


class RenewalPolicy(Record):
    """When tokens are renewed and how long callers wait. Seconds, but for `renew_at` and `attempts`.

    Raises ConfigurationError at construction for a value that is no finite number or out of its range.
    """

    renew_at: float
    """The fraction of its life (between 0 and 1) after which a token is STALE at the earliest. AWS advises 75 %."""
    expiry_margin: float
    """A token is not used in the last seconds of its life; 0 or more. At most 5 % of the life: a token that cuts the
    margin down is the event `expiry_margin_cut`."""
    deadline: float
    """The longest that any call waits for a token, and that the token request may take. More than 0."""
    attempts: int
    """Token requests made for one caller that waits, when the endpoint cannot be reached or answers 5xx. 1 or more."""
    forced_renewal_every: float
    """The shortest time between two renewals that an API's 401 or `invalidate()` asks for. More than 0."""
    store_timeout: float
    """How long one operation of the shared store may take while a token is in hand. More than 0. While somebody waits
    for a token, and for the first operation of a renewal, which may have to connect, it is 1 s if that is longer."""

    def __init__(
        self,
        *,
        renew_at: float = 0.75,
        expiry_margin: float = 10.0,
        deadline: float = 8.0,
        attempts: int = 3,
        forced_renewal_every: float = 60.0,
        store_timeout: float = 0.15,
    ) -> None:
        super().__init__(
            renew_at=renew_at,
            expiry_margin=expiry_margin,
            deadline=deadline,
            attempts=attempts,
            forced_renewal_every=forced_renewal_every,
            store_timeout=store_timeout,
        )
        wrong = [text for text in map(self._mistake, _FORMS) if text]
        if not wrong and not self._window_holds():
            wrong = [
                "renew_at, expiry_margin: too close together: 0.6 of the renewal window must be longer than the margin"
            ]
        if wrong:
            raise ConfigurationError("RenewalPolicy: " + "; ".join(wrong))

    def _mistake(self, name: str) -> str | None:
        value: float = getattr(self, name)
        form = _FORMS[name]
        low, high = _RANGES[name]
        if is_number(value) and low <= value <= high and (name != "attempts" or isinstance(value, int)):
            return None
        return f"{name}: {form}; got {value!r}"

    def _window_holds(self) -> bool:
        # Both grow in proportion to the life until they reach their limit, so one of the two ends is the worst case.
        return all(SPREAD[0] * self.window(life) > self.margin(life) for life in (SHORTEST_LIFE, LONGEST_LIFE))

    def window(self, life: float) -> float:
        """W: how long before its end a token of this life may be renewed, in seconds."""
        return min((1 - self.renew_at) * life, LONGEST_WINDOW)

    def margin(self, life: float) -> float:
        """How long before its end a token of this life is no longer used, in seconds."""
        return min(self.expiry_margin, LARGEST_MARGIN * life)

    def usable_for(self, life: float) -> float:
        """The age, in seconds, at which a token of this life is EXPIRED."""
        return life - self.margin(life)

    def renew_after(self, life: float, chance: float) -> float:
        """The age, in seconds, at which a token of this life is STALE; `chance` is drawn from [0, 1) once per token."""
        low, high = SPREAD
        return min(life - self.window(life) * (high - (high - low) * chance), self.usable_for(life))


def is_number(value: object) -> bool:
    """Whether `value` is a finite number; True and False are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -inf < value < inf


_TINY = 5e-324  # the least number above 0: "more than 0" as a closed range
_RANGES = {
    "renew_at": (0.01, 0.99),
    "expiry_margin": (0.0, HOUR),
    "deadline": (_TINY, HOUR),
    "attempts": (1, 100),
    "forced_renewal_every": (_TINY, LONGEST_LIFE),
    "store_timeout": (_TINY, HOUR),
}
_FORMS = {
    "renew_at": "a fraction of the life, 0.01 to 0.99, e.g. 0.75",
    "expiry_margin": "seconds, 0 to 3600, e.g. 10.0",
    "deadline": "seconds, more than 0 and at most 3600, e.g. 8.0",
    "attempts": "a whole number, 1 to 100, e.g. 3",
    "forced_renewal_every": "seconds, more than 0 and at most 86400, e.g. 60.0",
    "store_timeout": "seconds, more than 0 and at most 3600, e.g. 0.15",
}
