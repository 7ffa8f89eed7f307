"""The model's own books: what each key was issued, and whether a token request may be made now.

Written from the design's table of numbers, not from the code: nothing here is imported from `s2sauth._core`. Where the
books cannot tell what the code knows (which of two reasons a flight had, which draw of chance), they allow both: they
never blame a right one, and they blame every flight for which there was no reason at all.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

DEADLINE = 8.0
ATTEMPTS = 3
FORCED_EVERY = 60.0
LEAST_CHANCE = 0.1
"""The machine draws no smaller one, or a pause would be no pause."""
TINY = 1e-6

Key = tuple[int, str, str]
"""Credentials object, scopes, client metadata."""


class Moment(NamedTuple):
    """By the clocks of the client, which may be wrong."""

    wall: float
    boot: float

    def since(self, before: "Moment") -> float:
        """Seconds: the larger of what the two clocks say."""
        return max(self.wall - before.wall, self.boot - before.boot)


LONG_AGO = Moment(float("-inf"), float("-inf"))


@dataclass(eq=False, repr=False)
class Held:
    """A token that a flight brought."""

    value: str
    life: float
    """As the answer says it: the least of expires_in and what the JWT says by the server's own clock."""
    asked_at: Moment
    asked_true: float
    flight: int
    forced: bool
    """It surely came from a forced renewal."""

    @property
    def window(self) -> float:
        return min(self.life / 4, 3600.0)

    def age(self, now: Moment) -> float:
        return now.since(self.asked_at)

    def usable_left(self, now: Moment) -> float:
        """Seconds until nobody may be handed it."""
        return self.life - min(10.0, self.life / 20) - self.age(now)


@dataclass(eq=False, repr=False)
class Asked:
    """One token request and what came of it."""

    number: int
    at: Moment
    true: float
    secret: str
    result: str = ""
    """`token`, `throttled`, `outage`, `refused` or `client refused`; empty while it is under way."""
    retry_after: float = 0.0
    done: Moment | None = None


@dataclass(eq=False, repr=False)
class Trip:
    """A flight, as it shows on the wire: from the making of its HTTP client to its close."""

    number: int
    owner: int
    began: Moment
    thread: int
    key: Key | None = None
    asked: list[Asked] = field(default_factory=list)
    token: Held | None = None
    forced: bool = False
    ended: bool = False


@dataclass(eq=False, repr=False)
class _Failure:
    at: Moment
    in_hand: bool
    pause: float
    """The shortest that the design allows."""
    repeated: int


@dataclass(eq=False, repr=False)
class Book:
    """One key's."""

    token: Held | None = None
    failure: _Failure | None = None
    refusal: _Failure | None = None
    """Of the client: remembered for all keys of the object, until one of them gets a token."""
    forced: list[tuple[Moment, float]] = field(default_factory=lambda: [(LONG_AGO, 0.0)])
    """The latest forced renewal and the least interval after it; several where it is not certain which it was."""
    latest: Trip | None = None
    overlapped: bool = False
    """Two flights at once, one of them given up: which of them was heard last is not known until the next token."""
    tokens: list[Held] = field(default_factory=list)
    """All that were issued for it."""

    def issued(self, value: str) -> list[Held]:
        """The notes on this token: several when the endpoint gave it several times."""
        return [held for held in self.tokens if held.value == value]


class Ledger:
    """All keys'. Called from the flights' threads; what is wrong is collected, for the machine to look at."""

    def __init__(self, now: Callable[[], Moment], accepted: Callable[[str], bool]) -> None:
        self._now = now
        self._accepted = accepted
        """Whether an API answered anything but 401 to this token."""
        self._lock = threading.RLock()
        self._numbers = 0
        self.books: dict[Key, Book] = {}
        self.trips: list[Trip] = []
        """Those that have not ended."""
        self.wrong: list[str] = []
        self.requests = 0
        self._succeeded: dict[int, Moment] = {}
        """When an object last got a token, for whichever key."""

    def book(self, key: Key) -> Book:
        """This key's book."""
        with self._lock:
            return self.books.setdefault(key, Book())

    def begin(self, owner: int) -> Trip:
        """A flight made its client."""
        with self._lock:
            self._numbers += 1
            trip = Trip(self._numbers, owner, self._now(), threading.get_ident())
            self.trips.append(trip)
            return trip

    def ask(self, trip: Trip, key: Key, secret: str, true: float) -> Asked:
        """It sends a token request."""
        with self._lock:
            now = self._now()
            self.requests += 1
            asked = Asked(self.requests, now, true, secret)
            if not trip.asked:
                trip.key = key
                self._judge_flight(trip, self.book(key), now)
            elif trip.key != key:
                self.wrong.append(f"a flight for {trip.key} asked for {key}")
            else:
                self._judge_attempt(trip, asked)
            trip.asked.append(asked)
            return asked

    def answered(
        self, trip: Trip, asked: Asked, result: str, *, retry_after: float = 0.0, token: str = "", life: float = 0.0
    ) -> None:
        """What came back."""
        with self._lock:
            asked.result, asked.retry_after, asked.done = result, retry_after, self._now()
            if result == "token":
                trip.token = Held(token, life, asked.at, asked.true, trip.number, trip.forced)

    def end(self, trip: Trip) -> None:
        """The flight closed its client."""
        with self._lock:
            if trip.ended:
                return
            trip.ended = True
            self.trips.remove(trip)
            if trip.key is not None and trip.asked:
                self._note(trip, self.book(trip.key))

    def forget_flights(self) -> None:
        """In a forked child: no flight of the parent lives here."""
        self._lock = threading.RLock()
        for trip in self.trips:
            trip.ended = True
        self.trips = []
        self.wrong = []

    def _note(self, trip: Trip, book: Book) -> None:
        now = self._now()
        held = trip.token
        if held is not None:
            book.tokens.append(held)
            if held.usable_left(now) > 0:
                if book.token is None or book.token.flight < held.flight:
                    book.token = held
                book.failure = None
                book.overlapped = any(other.key == trip.key for other in self.trips)
                self._succeeded[trip.owner] = now
                return
        if book.latest is not trip:
            return  # given up, and another one has begun: its failure does not count
        last, before = trip.asked[-1], book.failure
        given_up = last.done is None or now.since(last.done) > TINY  # between two attempts: what is remembered is that
        result, retry_after = ("outage", 0.0) if given_up else (last.result, last.retry_after)
        token = book.token
        in_hand = token is not None and token.usable_left(now) > 0
        repeated = before.repeated + 1 if before is not None and before.in_hand is in_hand else 0
        doubled = 2.0 ** min(repeated, 10)
        if token is not None and in_hand:
            pause = min(5 * doubled, 60, token.window / 8) / 2
            pause = max(pause, min(retry_after, token.usable_left(now) / 2))
        elif result in ("outage", "throttled"):
            pause = max(min(0.5 * doubled, 30) / 2, min(retry_after, 30))
        elif result == "client refused":
            book.refusal = _Failure(now, False, 1.0, 0)  # how often it came before is counted per client
            return
        else:
            pause = min(1 * doubled, 60)
        book.failure = None if book.overlapped else _Failure(now, in_hand, pause, repeated)

    def _judge_flight(self, trip: Trip, book: Book, now: Moment) -> None:
        book.latest = trip
        others = [other for other in self.trips if other.key == trip.key and other is not trip]
        if len(others) > 1 or any(now.since(other.began) < 2 - TINY for other in others):
            self.wrong.append(f"{len(others) + 1} flights at once for {trip.key}")
        if others:
            book.overlapped, book.failure = True, None
        since = self._succeeded.get(trip.owner)
        if book.refusal is not None and since is not None and book.refusal.at.since(since) <= 0:
            book.refusal = None  # the client is fine after all
        token, failure = book.token, book.failure
        if token is None or token.usable_left(now) <= 0:
            for last in (failure, book.refusal):
                if last is not None and not last.in_hand and now.since(last.at) < last.pause - TINY:
                    gap = now.since(last.at)
                    self.wrong.append(f"{trip.key}: asked again {gap:g} s after a failure, least {last.pause:g} s")
            return
        age, window = token.age(now), token.window
        scheduled = age >= token.life - window - TINY and (
            failure is None or now.since(failure.at) >= failure.pause - TINY
        )
        base = min(FORCED_EVERY, window)
        if scheduled:
            book.forced.append((now, base))
            return
        allowed = [last for last in book.forced if now.since(last[0]) >= last[1] - TINY]
        if age < min(FORCED_EVERY / 2, token.life / 10) - TINY or not allowed:
            self.wrong.append(
                f"{trip.key}: a token of {token.life:g} s was renewed at {age:g} s; forced "
                f"{[round(now.since(at), 3) for at, _ in book.forced]} s before, "
                f"least {[gap for _, gap in book.forced]}"
            )
        interval = base
        if token.forced and len(book.forced) == 1 and not self._accepted(token.value):
            interval = max(base, min(2 * book.forced[0][1], 0.75 * token.life))
        book.forced = [(now, interval)]
        trip.forced = True

    def _judge_attempt(self, trip: Trip, asked: Asked) -> None:
        last = trip.asked[-1]
        series = [each for each in trip.asked if each.secret == asked.secret]
        if not series:
            if last.result != "client refused":
                self.wrong.append(f"another secret was tried after: {last.result}")
            return
        pause = LEAST_CHANCE * {"outage": 0.2, "throttled": 0.5}.get(last.result, 0.0) * 2 ** (len(series) - 1)
        pause = max(min(pause, LEAST_CHANCE * 4.0), last.retry_after)
        if series[-1] is not last or pause == 0:
            self.wrong.append(f"a secret was tried again after: {last.result}")
        elif last.result == "outage" and len(series) >= ATTEMPTS:
            self.wrong.append(f"attempt {len(series) + 1}")
        elif last.done is not None and asked.at.since(last.done) < pause - TINY:
            self.wrong.append(f"attempt {len(series) + 1} after {asked.at.since(last.done):g} s, least {pause:g} s")


def believed_life(members: Mapping[str, object], date: float | None) -> float:
    """The life of a token in an answer of the fake: the least of expires_in, `exp - Date`, and a day."""
    lives: list[float] = [86_400.0]
    claims = json.loads(base64.urlsafe_b64decode(str(members["access_token"]).split(".")[1] + "=="))
    exp, iat, stated = claims.get("exp"), claims.get("iat"), members.get("expires_in")
    if isinstance(stated, int | float):
        lives.append(stated)
    if isinstance(exp, int):
        by_iat = exp - iat if isinstance(iat, int) else None
        by_date = exp - date if date is not None else None
        life = by_iat if by_date is None or (by_date <= 0 and by_iat is not None and by_iat > 0) else by_date
        if life is not None:
            lives.append(life)
    return min(lives) if len(lives) > 1 else 300.0
