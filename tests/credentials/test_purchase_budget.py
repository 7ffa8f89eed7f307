"""One process buys a limited number of tokens for a key in any hour, whatever headers, clocks, APIs and callers do."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2sauth import AccessToken, CognitoClientCredentials, Event, S2SAuthError, TokenUnavailable
from s2sauth.testing import ManualClock, MemoryStore
from tests.support.fixtures import names
from tests.support.scripted import Clock, ScriptedEndpoint, http_date, jwt
from tests.support.settled import settled
from tests.support.shared_store import landed

TABLE = {3600: 8, 900: 10, 300: 20, 120: 44, 60: 84}
"""As the design says it."""

HOUR = 3600.0


class Bench:
    """Credentials at a scripted endpoint."""

    def __init__(self, clock: ManualClock | None = None, **arguments: Any) -> None:
        self.clock: ManualClock = clock or Clock()
        self.endpoint = ScriptedEndpoint(self.clock)
        self.events: list[Event] = []
        usual: dict[str, Any] = {
            "domain": "https://auth.example.com",
            "client_id": "id",
            "client_secret": "s" * 40,
            "http_client": self.endpoint.client,
            "on_event": self.events.append,
            "clock": self.clock,
        }
        self.credentials = CognitoClientCredentials(**{**usual, **arguments})

    def get(self, **arguments: Any) -> AccessToken:
        """A token, once no renewal is in progress any more."""
        token = self.credentials.get_token(**arguments)
        settled(self.credentials)
        return token

    def count(self, name: str) -> int:
        """How many events have this name."""
        return names(self.events).count(name)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """One."""
    made = Bench()
    yield made
    made.credentials.close()


@pytest.mark.fault(181)
@pytest.mark.parametrize("ahead", [30, 1800, 3540, 3590, 3598, 3599, 3600, 3660, 86_400, -1800, -86_400])
@pytest.mark.parametrize("every", [1.0, 10.0])
def test_wrong_date_costs_a_few_tokens_and_one_event(bench: Bench, ahead: float, every: float) -> None:
    """In three hours of a call every second, or every ten: as many tokens as a right Date, and one or a few more."""
    bench.endpoint.ahead = ahead
    for _ in range(int(3 * HOUR / every)):
        assert bench.get().remaining() > 0
        bench.clock.advance(every)
    assert bench.endpoint.requests <= 4 + (10 if ahead in (3598, 3599) else 1)
    assert bench.count("clocks_disagree") == (ahead > 0)
    assert "purchase_budget_spent" not in names(bench.events) or ahead in (3598, 3599)


@pytest.mark.fault(180)
@pytest.mark.parametrize("age", ["3000", " 3000", "3000, 5"])
def test_age_is_the_second_half_of_server_time(bench: Bench, age: str) -> None:
    """A cache keeps the Date of the answer that it returns: the token has ten minutes left, not an hour."""
    born = bench.endpoint.now() - 3000
    token = {"access_token": jwt(iat=int(born), exp=int(born) + 3600), "token_type": "Bearer", "expires_in": 3600}
    bench.endpoint.answering = lambda _: ({"date": http_date(born), "age": age}, token)
    assert bench.get().expires_in == 600


@pytest.mark.fault(180)
def test_age_shortens_the_life_of_an_opaque_token(bench: Bench) -> None:
    """`expires_in` is what it was when the answer was made."""
    answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600}
    bench.endpoint.answering = lambda _: ({"age": "3000"}, answer)
    assert bench.get().expires_in == 600


@pytest.mark.parametrize("age", ["-5", "soon", "", "1.5", "1e3", "9" * 16])
def test_age_that_is_no_number_of_seconds_is_ignored(bench: Bench, age: str) -> None:
    """RFC 9111 5.1."""
    bench.endpoint.age = age
    assert bench.get().expires_in == 3600


@pytest.mark.fault(181)
def test_age_that_is_wrong_costs_a_few_tokens(bench: Bench) -> None:
    """The tokens are new each time, so no cache has kept them."""
    bench.endpoint.age = "3590"
    for _ in range(360):
        bench.get()
        bench.clock.advance(10)
    assert bench.endpoint.requests == 3
    assert bench.count("clocks_disagree") == 1


def test_date_that_is_right_again_counts_again(bench: Bench) -> None:
    """Somebody has set the proxy's clock; then a cache comes into its way."""
    bench.endpoint.ahead = 3540
    bench.get()
    bench.clock.advance(58)
    assert bench.get().expires_in == 3600
    bench.endpoint.ahead = 0
    bench.clock.advance(3595)
    assert bench.get().expires_in == 3600
    bench.clock.advance(3595)
    born = bench.endpoint.now() - 1800
    token = {"access_token": jwt(iat=int(born), exp=int(born) + 3600), "token_type": "Bearer", "expires_in": 3600}
    bench.endpoint.answering = lambda _: ({"date": http_date(bench.endpoint.now())}, token)
    assert bench.get().expires_in == 1800
    assert bench.count("clocks_disagree") == 1


def test_clock_of_ours_that_is_set_back_or_forward_changes_no_belief(bench: Bench) -> None:
    """The two cannot be compared over such a step, so what was believed before it stays."""
    bench.endpoint.ahead = 3540
    bench.get()
    for step in (58.0, 4000.0, -4000.0):
        bench.clock.step_wall(step if step != 58.0 else 0.0)
        bench.clock.advance(3595 if step != 58.0 else 58)
        assert bench.get().expires_in == 3600
    assert bench.count("clocks_disagree") == 1


@pytest.mark.fault(181)
@pytest.mark.parametrize(("life", "allowed"), TABLE.items())
def test_no_caller_buys_more_than_the_table_says(bench: Bench, life: int, allowed: int) -> None:
    """Somebody calls `invalidate()` every second, and wants more life than any token has left."""
    bench.endpoint.life = life
    bought: list[float] = []
    for _ in range(2 * int(HOUR)):
        with suppress(TokenUnavailable):
            bench.credentials.invalidate(bench.get(min_ttl=life - 0.5))
        bought += [bench.clock.boottime()] * (bench.endpoint.requests - len(bought))
        bench.clock.advance(1)
    assert max(sum(at - HOUR < each <= at for each in bought) for at in bought) <= allowed


def test_min_ttl_beyond_the_budget_gets_the_newest_token(bench: Bench) -> None:
    """One forced renewal a minute until eight tokens are bought, then the event."""
    for _ in range(8):
        bench.get(min_ttl=3599)
        bench.clock.advance(61)
    newest = bench.get()
    assert bench.get(min_ttl=3599) is newest
    assert bench.get(min_ttl=3599) is newest
    assert bench.endpoint.requests == 8
    assert bench.count("min_ttl_not_met") == 2
    assert bench.count("purchase_budget_spent") == 1  # it is remembered, and no further renewal begins for a while
    bench.clock.advance(HOUR - 8 * 61 + 1)
    assert bench.get(min_ttl=3599) is not newest


def only_by_date(bench: Bench) -> None:
    """New tokens without `iat`, which a wrong Date calls dead after a minute."""

    def answer(number: int) -> tuple[Mapping[str, str], Mapping[str, object]]:
        now = bench.endpoint.now()
        members = {"access_token": jwt(exp=int(now) + 3600, n=number), "token_type": "Bearer", "expires_in": 3600}
        return {"date": http_date(now + 3540)}, members

    bench.endpoint.answering = answer


@pytest.mark.fault(181)
def test_token_that_only_a_suspicious_date_calls_dead_is_used_on(bench: Bench) -> None:
    """Once eight tokens are bought, the longest reading of the last one counts: nobody is refused."""
    only_by_date(bench)
    seen = [bench.get().access_token]
    for _ in range(600):
        bench.clock.advance(10)
        token = bench.get()
        seen.append(token.access_token)
        assert token.remaining() > 0
    assert bench.endpoint.requests == len(set(seen)) <= 8 + 8
    assert bench.count("purchase_budget_spent") > 0


@pytest.mark.fault(181)
def test_suspected_token_that_is_used_on_is_suspected_still(bench: Bench) -> None:
    """It is the only one there is; an hour after the first purchase it is replaced at once."""
    only_by_date(bench)
    while bench.endpoint.requests < 8:
        newest = bench.get()
        bench.clock.advance(61)
    bench.credentials.invalidate(newest)
    assert bench.get().access_token == newest.access_token
    assert bench.count("purchase_budget_spent") == 1
    entry = bench.credentials._slot.newest
    assert entry is not None
    assert entry.suspected


@pytest.mark.parametrize("again", [0, 1, 40])
def test_spent_budget_without_a_token_is_unavailable_until_the_hour_is_over(bench: Bench, again: float) -> None:
    """Twenty tokens that could not be used; `retry_after` is right at the first error and at later ones."""
    bench.endpoint.answering = lambda number: (
        {},
        {"access_token": f"t{number}", "token_type": "mac", "expires_in": 300},
    )
    while "purchase_budget_spent" not in names(bench.events):
        with pytest.raises(S2SAuthError) as raised:
            bench.get()
        bench.clock.advance(1)
    bench.endpoint.answering = bench.endpoint.fresh
    bench.clock.advance(again)
    with pytest.raises(TokenUnavailable, match="20 tokens with a life of 300 s within an hour") as raised:
        bench.get()
    assert bench.endpoint.requests == 20
    assert raised.value.retry_after is not None
    bench.clock.advance(raised.value.retry_after - 1)
    with pytest.raises(TokenUnavailable):
        bench.get()
    bench.clock.advance(1)
    assert bench.get().expires_in == 3600
    assert bench.endpoint.requests == 21


def test_cache_that_repeats_a_token_sells_nothing(bench: Bench) -> None:
    """Whoever asks it every second buys one token."""
    bench.endpoint.answering = lambda _: (
        {},
        {"access_token": "opaque", "token_type": "Bearer", "expires_in": 1},
    )
    for _ in range(200):
        bench.get()
        bench.clock.advance(1)
    assert bench.endpoint.requests == 200
    assert len(bench.credentials._slot.purchases) == 1


def test_lost_answers_do_not_count(bench: Bench) -> None:
    """Recovery would starve."""
    bench.endpoint.answering = lambda number: ({":status": "503"}, {})
    for _ in range(60):
        with pytest.raises(TokenUnavailable):
            bench.get()
        bench.clock.advance(60)
    bench.endpoint.answering = bench.endpoint.fresh
    assert bench.get().expires_in == 3600


def test_answer_that_cannot_be_read_may_have_sold_a_token(bench: Bench) -> None:
    """A proxy compresses the answers: each is a token that is paid for."""
    bench.endpoint.answering = lambda number: ({"content-encoding": "x-odd"}, {"access_token": f"t{number}"})
    for _ in range(120):
        with pytest.raises(S2SAuthError):
            bench.get()
        bench.clock.advance(30)
    assert bench.endpoint.requests == 20


def test_forward_step_of_the_clock_counts_as_time_passed(bench: Bench) -> None:
    """The hour is over by the larger of what the two clocks say."""
    for _ in range(8):
        bench.get(min_ttl=3599)
        bench.clock.advance(61)
    bench.get(min_ttl=3599)
    assert bench.endpoint.requests == 8
    bench.clock.step_wall(HOUR)
    bench.get()
    assert bench.endpoint.requests == 9


@pytest.mark.parametrize("life", TABLE)
def test_optional_renewals_leave_enough_to_replace_each_token_when_it_expires(bench: Bench, life: int) -> None:
    """Somebody who always wants more life than there is takes nothing away from whoever takes what there is."""
    bench.endpoint.life = life
    for _ in range(int(2 * HOUR)):
        assert bench.get(min_ttl=life - 0.5).remaining() > 0
        bench.clock.advance(1)


def test_process_beyond_its_budget_takes_the_token_of_another() -> None:
    """The store is looked at before a token is requested, and again every half a minute while none may be."""
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    one, other = Bench(clock, store=store), Bench(clock, store=store)
    one.endpoint.answering = lambda number: ({}, {"access_token": f"t{number}", "token_type": "mac"})
    while one.count("purchase_budget_spent") == 0:
        with pytest.raises(S2SAuthError):
            one.get()
        clock.advance(1)
    with pytest.raises(TokenUnavailable):
        one.get()
    token = other.get()
    landed(other.credentials)
    clock.advance(30)
    assert one.get().access_token == token.access_token
    one.credentials.close()
    other.credentials.close()


class Books:
    """An endpoint that answers anything at all, and keeps books of what it sold and how long each token may be used."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.answer: dict[str, Any] = {}
        self.sold: list[tuple[float, float]] = []
        """When, and the life that it was issued with."""
        self.alive_until: dict[str, float] = {}
        """By the most generous reading of all answers that held this token."""
        self.latest: dict[str, Any] = {}
        self.wrong: list[str] = []
        bench.endpoint.answering = self.answering

    def answering(self, number: int) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """As `answer` says; the books are kept."""
        said, now = self.answer, self.bench.endpoint.now()
        if not said["repeats"] or not self.latest:
            iat, exp = int(now) + said["iat"], int(now) + said["iat"] + said["life"]
            claims = {name: value for name, value in (("iat", iat), ("exp", exp)) if name not in said["lacks"]}
            token = f"opaque{number}" if said["opaque"] else jwt(**claims, n=number, scope="demo/read.file")
            self.latest = {"token": token, **({} if said["opaque"] else claims)}
            if said["status"] == "200":
                self.sell(said)
        date = None if said["date"] is None else int(now) + said["date"]
        headers = {":status": said["status"]}
        headers |= {} if date is None else {"date": http_date(date)}
        headers |= {} if said["age"] is None else {"age": said["age"]}
        members = {"access_token": self.latest["token"], "token_type": said["type"]}
        members |= {} if said["expires_in"] is None else {"expires_in": said["expires_in"]}
        members |= {} if said["scope"] is None else {"scope": said["scope"]}
        self.read(said, date)
        return headers, members

    def sell(self, said: Mapping[str, Any]) -> None:
        """One more token: were there few enough in the hour before it?"""
        now = self.bench.clock.boottime()
        if self.sold:
            allowed = next((number for life, number in TABLE.items() if self.sold[-1][1] >= life), 84)
            if sum(now - HOUR < at for at, _ in self.sold) >= allowed:
                self.wrong.append(f"more than {allowed} within an hour")
        has_life = not said["opaque"] and not {"iat", "exp"} & said["lacks"]
        expires_in = said["expires_in"]
        life = said["life"] if has_life else float(expires_in) if expires_in not in (None, "soon") else 300.0
        self.sold.append((now, life if life > 0 else 300.0))

    def read(self, said: Mapping[str, Any], date: int | None) -> None:
        """The most generous reading of this answer."""
        token, now = self.latest, self.bench.clock.boottime()
        lives = [float(said["expires_in"])] if said["expires_in"] not in (None, "soon") else []
        if "exp" in token:
            lives += [token["exp"] - token["iat"]] if "iat" in token else []
            lives += [token["exp"] - date] if date is not None else []
        until = now + min(86_400.0, max(lives or [300.0]))
        self.alive_until[token["token"]] = max(until, self.alive_until.get(token["token"], 0.0))

    def check(self, token: AccessToken) -> None:
        """Whether a token that was handed out is alive by any reading."""
        if self.bench.clock.boottime() >= self.alive_until[token.access_token]:
            self.wrong.append("a token that every reading calls expired")


lives = st.sampled_from([-5, 0, 1, 30, 60, 120, 299, 300, 900, 3600, 86_400])
answers = st.fixed_dictionaries(
    {
        "repeats": st.sampled_from([False, False, False, True]),
        "status": st.sampled_from(["200", "200", "200", "503"]),
        "opaque": st.sampled_from([False, False, True]),
        "lacks": st.sampled_from([set[str](), set[str](), {"iat"}, {"exp"}]),
        "iat": st.sampled_from([0, 0, 0, -3500, 600]),
        "life": lives,
        "date": st.none() | st.sampled_from([0, 0, 50, 295, 3540, 3590, 3600, 10_000, -3540]),
        "age": st.none() | st.sampled_from(["0", "100", "3595", "99999", "soon"]),
        "expires_in": st.none() | lives | st.just("soon"),
        "type": st.sampled_from(["Bearer", "Bearer", "Bearer", "mac"]),
        "scope": st.none() | st.sampled_from(["demo/read.file", "other"]),
    }
)
calls = st.sampled_from(["get", "get", "min_ttl", "rejected", "invalidate"])
moves = st.sampled_from([0.0, 1.0, 1.0, 10.0, 10.0, 61.0, 300.0, 1800.0])
steps = st.lists(
    st.tuples(answers, calls, moves, st.sampled_from([0.0, 0.0, -1000.0, -100_000.0]), st.integers(1, 40)),
    min_size=1,
    max_size=8,
)


@pytest.mark.fault(180, 181)
@settings(max_examples=150, deadline=None)
@given(steps=steps, strict=st.booleans())
def test_the_budget_holds_and_no_token_that_every_reading_calls_expired_is_handed_out(
    steps: list[tuple[dict[str, Any], str, float, float, int]], strict: bool
) -> None:
    """Whatever the answers say, the API rejects, callers want and the wall clock does when it is set back."""
    bench = Bench(scopes="demo/read.file", strict=strict)
    books = Books(bench)
    token: AccessToken | None = None
    for answer, call, move, step, times in steps:
        books.answer = answer
        bench.clock.step_wall(step)
        for _ in range(times):
            if call == "invalidate" and token is not None:
                bench.credentials.invalidate(token)
            asked: dict[str, Any] = {"min_ttl": {"min_ttl": 3000.0}, "rejected": {"rejected": token}}.get(call, {})
            with suppress(S2SAuthError):
                token = bench.credentials.get_token(**asked)
                books.check(token)
            settled(bench.credentials)
            bench.clock.advance(move)
    bench.credentials.close()
    assert books.wrong == []
