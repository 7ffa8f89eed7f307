"""What callers give, and the tokens that they get: secrets, scopes, a policy, values left as placeholders.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import asyncio
import copy
import inspect
import logging
import math
import pickle
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import AccessToken, ConfigurationError, RenewalPolicy
from s2sauth._core import policy, retry, sharing
from s2sauth._core.client_secret import stored_secret
from s2sauth._core.pasted import PLACEHOLDER, QUOTED, is_placeholder, is_quoted, wrong_with, wrong_with_address
from s2sauth._core.policy import HOUR, LONGEST_LIFE, SHORTEST_LIFE, is_number
from s2sauth._core.record import Record
from s2sauth._core.retry import Backoff
from s2sauth._core.values import Secret, scope_set
from tests.support.labels import plainly

SCOPE_CHARACTERS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"\\')
scopes = st.text(SCOPE_CHARACTERS, min_size=1, max_size=30)


def token(**changes: object) -> AccessToken:
    """A token as the engine builds it."""
    arguments: dict[str, object] = {"expires_in": 3600.0, "issued_at": 1_790_000_000.5, "left": lambda: 12.5}
    return AccessToken("abc", **{**arguments, **changes})  # type: ignore[arg-type]  # as given


def test_token_has_what_the_header_needs() -> None:
    """RFC 6750 2.1."""
    assert (token().access_token, token().token_type, token().authorization) == ("abc", "Bearer", "Bearer abc")


@pytest.mark.parametrize("value", ["", "a b", "a\r\nX: y", "tökén", "a\0", "=", "a\n"], ids=plainly)
def test_token_that_is_no_header_value_is_never_built(value: str) -> None:
    """Checked once more before it could be sent: on HTTP/2 a line break would reach the server."""
    with pytest.raises(ConfigurationError, match="access_token: holds a character"):
        AccessToken(value, expires_in=1.0, issued_at=0.0, left=lambda: 1.0)


def test_token_says_when_it_ends() -> None:
    """For people, aware and in UTC; programs use remaining()."""
    assert token().expires_at == datetime.fromtimestamp(1_790_003_600.5, UTC)
    assert token().expires_at.tzinfo is UTC
    assert token().expires_in == 3600.0


@pytest.mark.parametrize(("left", "remaining"), [(12.5, 12.5), (0.0, 0.0), (-3.0, 0.0)])
def test_remaining_is_never_below_0(left: float, remaining: float) -> None:
    """Over is over."""
    assert token(left=lambda: left).remaining() == remaining


@pytest.mark.parametrize(
    ("scopes", "shown"), [(("a", "b"), "scopes a b"), (None, "scopes not known"), ((), "scopes not known")]
)
def test_tokens_repr_names_scopes_and_end(scopes: tuple[str, ...] | None, shown: str) -> None:
    """Then what to use instead, and never the value. `str()`, `%s` and a log line say the same."""
    text = (
        f"<AccessToken: value hidden, {shown}, expires 2026-09-21 15:13:20 UTC; "
        "use token.authorization or token.access_token>"
    )
    shown_token = token(scopes=scopes)
    assert repr(shown_token) == str(shown_token) == "%s" % shown_token == f"{shown_token!r}" == text  # noqa: UP031  # as logging does


FORMATTED: dict[str, Callable[[object], str]] = {
    "f-string": lambda value: f"Bearer {value}",
    "f-string-with-a-width": lambda value: f"Bearer {value:>40}",
    "str.format": "Bearer {}".format,
    "format": format,
    "format_map": lambda value: "Bearer {token}".format_map({"token": value}),
    "concatenated": lambda value: "Bearer " + value,  # type: ignore[operator]  # that is the test
}


@pytest.mark.fault(197)
@pytest.mark.parametrize("way", FORMATTED)
@pytest.mark.parametrize("hidden", [token(), Secret("abc")], ids=["token", "secret"])
def test_what_hides_its_value_cannot_be_put_into_a_header_by_formatting(hidden: object, way: str) -> None:
    """Else the request would go out with `Bearer <AccessToken ...>` and get a 401 without any hint."""
    with pytest.raises(TypeError) as caught:
        FORMATTED[way](hidden)
    assert "abc" not in str(caught.value)


@pytest.mark.fault(197)
def test_a_formatted_token_or_secret_says_what_to_use_word_by_word() -> None:
    """The header value first: that is what nearly everybody wants."""
    with pytest.raises(TypeError) as caught:
        f"Bearer {token()}"  # that is the test
    assert str(caught.value) == (
        "AccessToken cannot be formatted, because it hides its value: use token.authorization for the whole header "
        'value ("Bearer ..."), or token.access_token for the value alone. For a log, use repr(token), which hides the '
        "value."
    )
    with pytest.raises(TypeError) as caught:
        f"{Secret('abc')}"  # that is the test
    assert str(caught.value) == "Secret cannot be formatted, because it hides its value: reveal() returns the secret."


def test_a_token_is_logged_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    """A log line with `%s` or `%r` neither raises nor shows it."""
    logging.getLogger("test").warning("got %s and %r", token(), token())
    assert caplog.messages == [f"got {token()!r} and {token()!r}"]


async def awaited() -> None:
    """The mistake: `get_token()` is not the awaitable one."""
    await token()  # type: ignore[misc]  # that is the test


@pytest.mark.fault(204)
@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_an_awaited_token_says_which_method_is_awaitable(run: Callable[[Coroutine[None, None, None]], None]) -> None:
    """And that this one needs no await."""
    with pytest.raises(TypeError) as caught:
        run(awaited())
    assert str(caught.value) == (
        "get_token() needs no await, because it returns the AccessToken itself. In async code, use "
        "await credentials.aget_token(), which does not block the event loop."
    )


def test_a_token_passes_through_threads_of_asyncio_and_trio() -> None:
    """Both look whether a thread's function was a coroutine function by mistake: a token is no coroutine."""
    got = token()
    assert not asyncio.iscoroutine(got)
    assert not inspect.iscoroutine(got)
    assert asyncio.run(asyncio.to_thread(lambda: got)) is got
    assert trio.run(trio.to_thread.run_sync, lambda: got) is got


def test_values_have_no_dict() -> None:
    """Nothing to add, nothing to list."""
    for value in (token(), Secret("abc")):
        with pytest.raises(AttributeError, match="frozen"):
            value.extra = 1
        with pytest.raises(AttributeError, match="frozen"):
            del value.extra  # type: ignore[union-attr]  # that is the test
        assert not hasattr(value, "__dict__")


def test_secret_is_hidden_and_comparable() -> None:
    """`reveal()` is the one way."""
    assert Secret("abc").reveal() == "abc"
    assert Secret("abc") == Secret("abc")
    assert hash(Secret("abc")) == hash(Secret("abc"))
    assert Secret("abc") != Secret("abd")
    assert Secret("abc") != "abc"
    assert repr(Secret("abc")) == str(Secret("abc")) == "<Secret: hidden>"


@pytest.mark.fault(200)
@pytest.mark.parametrize(
    ("given_scopes", "canonical"),
    [
        (None, None),
        ("a", ("a",)),
        ("b a", ("a", "b")),
        ("  b   a  ", ("a", "b")),
        ("a a", ("a",)),
        (["b", "a", "b"], ("a", "b")),
        (("a",), ("a",)),
        ({"b", "a"}, ("a", "b")),
        ({"a": 1}, ("a",)),
        (["b a"], ("a", "b")),
        (["c", " b  a ", "a"], ("a", "b", "c")),
        ("demo/read.file https://x.example/y!#$%&'()*+,-.:;<=>?@[]^_`{|}~", None),
    ],
    ids=plainly,
)
def test_scopes_have_one_canonical_form(given_scopes: object, canonical: tuple[str, ...] | None) -> None:
    """Split at spaces, without repeats, sorted."""
    found = scope_set(given_scopes)  # type: ignore[arg-type]  # the forms of the table
    if isinstance(given_scopes, str) and canonical is None:
        canonical = tuple(sorted(given_scopes.split()))
    assert found == canonical


def test_scopes_may_come_from_an_iterator() -> None:
    """Which can be read once only."""
    assert scope_set(iter(["b", "a"])) == ("a", "b")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        [],
        (),
        set(),
        [" "],
        [""],
        ["a", ""],
        "a\tb",
        "a\nb",
        'a"b',
        "a\\b",
        "ä",
        "a\x7f",
        "a\0",
        [None],
        [7],
        7,
        1.5,
        True,
        [b"a"],
        object(),
    ],
    ids=plainly,
)
def test_wrong_scopes_are_refused_with_the_form(wrong: object) -> None:
    """An empty one would silently mean all scopes."""
    with pytest.raises(ConfigurationError, match=r'scopes: use "demo/read\.file'):
        scope_set(wrong)  # type: ignore[arg-type]  # that is the test


def test_bytes_are_no_scopes() -> None:
    """They iterate as numbers."""
    with pytest.raises(ConfigurationError, match="scopes: use"):
        scope_set(b"a b")  # type: ignore[arg-type]  # that is the test


@given(st.lists(scopes, min_size=1, max_size=10))
def test_order_and_repeats_do_not_matter(items: list[str]) -> None:
    """One key for one set; canonical is canonical."""
    canonical = scope_set(items)
    assert canonical is not None
    assert scope_set(reversed(items + items)) == canonical
    assert scope_set(" ".join(items)) == canonical
    assert scope_set(canonical) == canonical


@given(st.text() | st.lists(st.text()))
def test_any_text_is_scopes_or_a_configuration_error(anything: str | list[str]) -> None:
    """Nothing else is raised, and what passes is fit for the wire (RFC 6749 3.3)."""
    try:
        found = scope_set(anything)
    except ConfigurationError:
        return
    assert found
    assert all(set(item) <= set(SCOPE_CHARACTERS) for item in found)


def test_ten_thousand_scopes_are_fine() -> None:
    """Cognito's limits are Cognito's."""
    assert len(scope_set([f"s/{number}" for number in range(10_000)]) or ()) == 10_000


def test_what_is_opaque_says_so_by_its_own_name() -> None:
    """And what to do instead."""
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Secret("abc"))
    assert str(caught.value) == (
        "Secret cannot be pickled or copied: pass the name of the environment variable or a callable that reads the "
        "secret."
    )
    with pytest.raises(TypeError, match=r"^AccessToken cannot be pickled or copied: each process gets its own token; "):
        copy.copy(token())
    with pytest.raises(AttributeError, match=r"^Secret is frozen$"):
        del Secret("abc")._reveal


def test_the_state_of_what_is_opaque_is_not_to_be_had() -> None:
    """`__getstate__()` would give the values of all slots."""
    with pytest.raises(TypeError, match=r"^AccessToken cannot be pickled or copied: "):
        token().__getstate__()
    with pytest.raises(TypeError, match=r"^Secret cannot be pickled or copied: "):
        Secret("abc").__getstate__()


def test_secrets_that_differ_hash_apart() -> None:
    """As far as a hash can."""
    assert len({hash(Secret(f"abc{n}")) for n in range(9)}) > 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (7, "got int"),
        ([], "got an empty one, which would silently mean all scopes"),
        (["a", 7], "item 2 is of type int"),
        (["a", " "], "item 2 is empty"),
        (["a", "b\n"], "item 2 contains a tab or a line break: separate scopes by spaces"),
        ("a\tb", "contains a tab or a line break: separate scopes by spaces"),
        ("a b\\", "contains a character that RFC 6749 3.3 does not allow in a scope"),
        (["a", "b c\x7f"], "item 2 contains a character that RFC 6749 3.3 does not allow in a scope"),
    ],
    ids=["type", "empty", "type of an item", "empty item", "line break", "tab", "character", "character in an item"],
)
def test_wrong_scopes_are_told_why_word_by_word(wrong: object, told: str) -> None:
    """After the forms to use; items are counted from 1."""
    with pytest.raises(ConfigurationError) as caught:
        scope_set(wrong)  # type: ignore[arg-type]  # that is the test
    assert str(caught.value) == (
        'scopes: use "demo/read.file demo/write.file", ["demo/read.file"], or None for all scopes of the app client; '
        f"{told}"
    )


def test_a_token_that_cannot_be_sent_is_told_why_word_by_word() -> None:
    """Without a character of it."""
    with pytest.raises(ConfigurationError) as caught:
        AccessToken("a b", expires_in=1.0, issued_at=0.0, left=lambda: 1.0)
    assert str(caught.value) == "access_token: holds a character that RFC 6750 2.1 does not allow in a header"


lives = st.floats(1, LONGEST_LIFE)
chances = st.floats(0, 1, exclude_max=True)


@st.composite
def policies(draw: st.DrawFn) -> RenewalPolicy:
    """Any policy that construction lets through."""
    while True:
        try:
            return RenewalPolicy(renew_at=draw(st.floats(0.01, 0.99)), expiry_margin=draw(st.floats(0, 3600)))
        except ConfigurationError:
            continue


def test_defaults_are_those_of_the_contract() -> None:
    """Changing one is a decision."""
    assert vars(RenewalPolicy()) == {
        "renew_at": 0.75,
        "expiry_margin": 10.0,
        "deadline": 8.0,
        "attempts": 3,
        "forced_renewal_every": 60.0,
        "store_timeout": 0.15,
    }


def test_policy_is_frozen_and_keyword_only() -> None:
    """And travels, since it holds no secret."""
    policy = RenewalPolicy(deadline=5)
    with pytest.raises(AttributeError):
        policy.deadline = 6  # type: ignore[misc]  # that is the test
    with pytest.raises(TypeError):
        RenewalPolicy(0.5)  # type: ignore[call-arg]  # that is the test
    with pytest.raises(TypeError):
        RenewalPolicy(unknown=1)  # type: ignore[call-arg]  # that is the test
    assert pickle.loads(pickle.dumps(policy)) == policy


NO_NUMBERS: list[object] = [None, True, False, "1", math.nan, math.inf, -math.inf, timedelta(seconds=1), 1j, [1]]
OUT_OF_RANGE: dict[str, list[object]] = {
    "renew_at": [0, 1, -0.1, 1.1, 0.009, 0.991],
    "expiry_margin": [-1, -1e-9, 3601, 10**30],
    "deadline": [0, -1, 3600.1, 10**30],
    "attempts": [0, -1, 101, 1.5, 3.0],
    "forced_renewal_every": [0, -1, 86_401],
    "store_timeout": [0, -1, 3601],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in OUT_OF_RANGE.items() for value in [*values, *NO_NUMBERS]],
    ids=repr,
)
def test_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    """The error names the field, shows the form and what was given."""
    with pytest.raises(ConfigurationError) as caught:
        RenewalPolicy(**{field: value})  # type: ignore[arg-type]  # that is the test
    assert str(caught.value).startswith(f"RenewalPolicy: {field}: ")
    assert "e.g." in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"renew_at": 0.01},
        {"renew_at": 0.9},
        {"expiry_margin": 0},
        {"deadline": 0.001},
        {"deadline": 3600},
        {"attempts": 1},
        {"attempts": 100},
        {"forced_renewal_every": 0.001},
        {"forced_renewal_every": 86_400},
        {"store_timeout": 0.001},
        {"store_timeout": 3600},
    ],
    ids=repr,
)
def test_value_at_the_end_of_its_range_is_fine(fields: dict[str, float]) -> None:
    """0 is zero, and no default."""
    policy = RenewalPolicy(**fields)  # type: ignore[arg-type]  # attempts is an int
    assert {name: getattr(policy, name) for name in fields} == fields


def test_all_mistakes_are_in_one_error() -> None:
    """Nobody corrects them one by one."""
    with pytest.raises(ConfigurationError) as caught:
        RenewalPolicy(renew_at=2, deadline=-1, attempts=0)
    for name in ("renew_at", "deadline", "attempts"):
        assert name in str(caught.value)


@pytest.mark.parametrize("fields", [{"renew_at": 0.99}, {"renew_at": 0.95}], ids=repr)
def test_window_must_exceed_the_margin(fields: dict[str, float]) -> None:
    """Else a token would be EXPIRED before it was due."""
    with pytest.raises(ConfigurationError, match="renew_at, expiry_margin: too close together"):
        RenewalPolicy(**fields)  # type: ignore[arg-type]  # floats


def test_window_and_margin_may_come_close() -> None:
    """A margin of 0 lets every window be."""
    RenewalPolicy(renew_at=0.99, expiry_margin=0)


@given(policy=policies(), life=st.floats(SHORTEST_LIFE, LONGEST_LIFE), chance=chances)
def test_every_life_that_cognito_issues_is_renewed_before_it_expires(
    policy: RenewalPolicy, life: float, chance: float
) -> None:
    """0.6·W exceeds the margin, for every policy that construction lets through."""
    assert policy.renew_after(life, chance) < policy.usable_for(life)


@given(policy=policies(), life=lives, chance=chances)
def test_instants_are_in_order(policy: RenewalPolicy, life: float, chance: float) -> None:
    """Window before renewal point before the end of use before the end of life; nothing is extended."""
    renew, usable = policy.renew_after(life, chance), policy.usable_for(life)
    assert 0 <= min(life - policy.window(life), usable) <= renew + 1e-9
    assert renew <= usable <= life
    assert renew <= life - 0.6 * policy.window(life) + 1e-9 * life
    assert life - usable <= 0.05 * life + 1e-9


@pytest.mark.parametrize(
    ("life", "window", "margin"),
    [
        (1, 0.25, 0.05),
        (60, 15, 3),
        (200, 50, 10),
        (300, 75, 10),
        (3600, 900, 10),
        (14_400, 3600, 10),
        (86_400, 3600, 10),
    ],
    ids=repr,
)
def test_window_and_margin_scale_with_the_life(life: float, window: float, margin: float) -> None:
    """A quarter of the life, at most an hour; 10 s, at most a twentieth of the life."""
    policy = RenewalPolicy()
    assert policy.window(life) == window
    assert policy.margin(life) == pytest.approx(margin)
    assert policy.usable_for(life) == pytest.approx(life - margin)


@pytest.mark.parametrize(("life", "budget"), [(300, 35), (3600, 530), (86_400, 2150)])
def test_guaranteed_outage_budget_is_what_the_contract_says(life: float, budget: float) -> None:
    """From the latest renewal point to EXPIRED: 35 s, 8 min 50 s, 36 min."""
    policy = RenewalPolicy()
    latest = policy.renew_after(life, math.nextafter(1.0, 0.0))
    assert policy.usable_for(life) - latest == pytest.approx(budget)


@pytest.mark.parametrize(("chance", "age"), [(0.0, 2700.0), (0.25, 2790.0), (0.5, 2880.0), (1.0, 3060.0)])
def test_renewal_point_spreads_over_the_window(chance: float, age: float) -> None:
    """exp - W·U(0.6, 1.0)."""
    assert RenewalPolicy().renew_after(3600, chance) == pytest.approx(age)


def test_renewal_point_never_lies_beyond_the_usable_life() -> None:
    """Lives that Cognito never issues may be too short for the window."""
    policy = RenewalPolicy(renew_at=0.96, expiry_margin=0)
    assert policy.renew_after(10, 0.999) <= policy.usable_for(10)
    tight = RenewalPolicy(renew_at=0.9, expiry_margin=10)
    assert tight.renew_after(60, 1.0) <= tight.usable_for(60)


@pytest.mark.parametrize(
    ("value", "is_one"), [(0, True), (1.5, True), (-1, True), *((value, False) for value in NO_NUMBERS)]
)
def test_is_number_knows_finite_numbers(value: object, is_one: bool) -> None:
    """A bool is none."""
    assert is_number(value) is is_one


def test_huge_integers_are_refused_without_an_overflow() -> None:
    """`isfinite` of a number with 400 digits raises."""
    with pytest.raises(ConfigurationError):
        RenewalPolicy(deadline=10**400)


def test_an_hour_is_an_hour() -> None:
    """Seconds everywhere."""
    assert HOUR == 3600


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"renew_at": 0.9375, "expiry_margin": 11.25}, False),
        ({"renew_at": 0.9375, "expiry_margin": 11.24}, True),
        ({"expiry_margin": 2160}, False),
        ({"expiry_margin": 2159}, True),
    ],
    ids=["equal at 5 minutes", "less at 5 minutes", "equal at a day", "less at a day"],
)
def test_window_must_exceed_the_margin_at_both_ends(fields: dict[str, float], fine: bool) -> None:
    """0.6·W is 11.25 s of 5 minutes with this renew_at, and 36 minutes of a day."""
    if fine:
        RenewalPolicy(**fields)  # type: ignore[arg-type]  # floats
    else:
        with pytest.raises(ConfigurationError):
            RenewalPolicy(**fields)  # type: ignore[arg-type]  # floats


def test_the_mistakes_to_the_letter() -> None:
    """In one line."""
    with pytest.raises(ConfigurationError) as caught:
        RenewalPolicy(attempts=0, deadline=0)
    assert str(caught.value) == (
        "RenewalPolicy: deadline: seconds, more than 0 and at most 3600, e.g. 8.0; got 0; attempts: a whole number, 1 "
        "to 100, e.g. 3; got 0"
    )
    with pytest.raises(ConfigurationError) as caught:
        RenewalPolicy(renew_at=0.99)
    assert str(caught.value) == (
        "RenewalPolicy: renew_at, expiry_margin: too close together: 0.6 of the renewal window must be longer than the "
        "margin"
    )


CONTRACT: list[tuple[object, str, object]] = [
    # The table of times in the design: what a name is worth, and where it is used.
    (policy, "MINUTE", 60.0),
    (policy, "HOUR", 3600.0),
    (policy, "SHORTEST_LIFE", 300.0),  # AWS: 5 minutes to 1 day; the life where nothing says one
    (policy, "LONGEST_LIFE", 86_400.0),  # longer lives are clamped
    (policy, "LONGEST_WINDOW", 3600.0),  # W = min((1 - renew_at)·L, 60 min)
    (policy, "SPREAD", (0.6, 1.0)),  # renewal point: exp - W·U(0.6, 1.0)
    (policy, "LARGEST_MARGIN", 0.05),  # EXPIRED at exp - min(expiry_margin, 0.05·L)
    (policy, "LAMBDA_WAIT", 1.0),  # in Lambda whoever starts a renewal waits 1 s at most
    (retry, "PURCHASES", ((3600.0, 8), (900.0, 10), (300.0, 20), (120.0, 44), (60.0, 84))),
    (retry, "MOST_PURCHASES", 84),
    (retry, "CONNECT_TIMEOUT", 2.0),
    (retry, "READ_TIMEOUT", 4.0),
    (retry, "UNREACHABLE", Backoff(0.2, math.inf)),  # 0.2 s·2ⁿ, full jitter
    (retry, "THROTTLED", Backoff(0.5, 4.0)),  # 0.5 s·2ⁿ, full jitter
    (retry, "STALE", Backoff(5.0, 60.0)),  # 5 s·2ⁿ, at most min(60 s, W/8)
    (retry, "REFUSED", Backoff(1.0, 60.0)),  # U(1, 5) s doubling to 60 s
    (retry, "REFUSED_SPREAD", 5.0),
    (retry, "OUTAGE", Backoff(0.5, 30.0)),  # 0.5 s doubling to 30 s
    (sharing, "POLL", Backoff(0.1, 1.0)),  # 0.1 s·2ⁿ, at most 1 s, half of it chance
    (sharing, "BUSY", 0.75),  # U(0.375, 0.75) s before a busy store is asked again
    (sharing, "AFTER_LEASE", 0.5),  # U(0, 0.5) s after its end
    (sharing, "CIRCUIT", Backoff(5.0, 60.0)),
    (sharing, "LEASE_PART", 0.25),
    (sharing, "LONGEST_LEASE", 60.0),  # what would last longer is none
    (sharing, "RESERVED_PART", 0.4),
    (sharing, "RESERVED_WHILE_BUSY", 0.2),
    (sharing, "LOOK_AGAIN", Backoff(1.0, 60.0)),  # 1 s·2ⁿ, at most min(60 s, W/8)
    (sharing, "CONNECTING", 1.0),
    (retry, "BACKGROUND_LIMIT", 2.0),  # a flight with a usable token in hand: 2 s or half of what is left
    (retry, "SHORTEST_LIMIT", 0.05),
]


@pytest.mark.parametrize(
    ("module", "name", "value"), CONTRACT, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_named_number_is_that_of_the_contract(module: object, name: str, value: object) -> None:
    """Changing one is a decision, as it is for a default."""
    assert getattr(module, name) == value


@pytest.mark.parametrize("module", [policy, retry, sharing], ids=["policy", "retry", "sharing"])
def test_no_named_number_is_missing_from_the_table(module: object) -> None:
    """A new one is a decision as well."""
    numbers = {
        name
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, (int, float, tuple, Backoff))
    }
    theirs = {"SHORTEST_LIMIT"} if module is sharing else {"HOUR"} if module is retry else set[str]()
    assert {name for name in numbers - theirs if not name.startswith("_")} == {
        name for of, name, _ in CONTRACT if of is module
    }


def test_the_ranges_of_the_knobs_are_those_of_their_forms() -> None:
    """What the messages say."""
    assert policy._RANGES == {
        "renew_at": (0.01, 0.99),
        "expiry_margin": (0.0, 3600.0),
        "deadline": (5e-324, 3600.0),
        "attempts": (1, 100),
        "forced_renewal_every": (5e-324, 86_400.0),
        "store_timeout": (5e-324, 3600.0),
    }


QUOTES = ['"x"', "'x'", "`x`", "“x”", "‘x’", "„x“", "«x»", "''", "\"'x'\"", " 'x'\n"]
PLACEHOLDERS = [
    "$NAME",
    "$$NAME",
    "${NAME}",
    "${NAME:-x}",
    "${NAME:?is not set}",
    "$(NAME)",
    "${{ secrets.NAME }}",
    "$env:NAME",
    "%NAME%",
    "%(NAME)s",
    "%{NAME}",
    "{{ name }}",
    "{{resolve:secretsmanager:name}}",
    "{% name %}",
    "{name}",
    "#{NAME}#",
    "@NAME@",
    "<your-id>",
    "<client-id>",
    "<the id of the app client>",
    " ${NAME}\n",
]
VALUES = [
    "",
    "x",
    "'",
    '"',
    "'x",
    "x'",
    "it's",
    "'x' and more",
    "1h57kf5cpq17m0eml12EXAMPLE",
    "$",
    "${",
    "a$NAME",
    "50%",
    "%20",
    "<",
    "a<b>",
    "{11111111-2222-3333-4444-555555555555}",
    '{"a": "b"}',
    "https://example.com/t?scope={scope}",
    "name@example.com",
    "#1",
]


@pytest.mark.parametrize("value", QUOTES, ids=plainly)
def test_a_value_in_quotes_is_found(value: str) -> None:
    """Quotes of any kind, as shells, word processors and chats make them."""
    assert wrong_with(value) == wrong_with_address(value) == QUOTED
    assert is_quoted(value)


@pytest.mark.parametrize("value", PLACEHOLDERS, ids=plainly)
def test_a_placeholder_is_found(value: str) -> None:
    """Of shells, templates, pipelines and manuals."""
    assert wrong_with(value) == wrong_with_address(value) == PLACEHOLDER
    assert is_placeholder(value)


@pytest.mark.parametrize("value", VALUES, ids=plainly)
def test_every_other_value_passes(value: str) -> None:
    """Only a value that is wrong as a whole is one of these."""
    assert wrong_with(value) is None


@pytest.mark.parametrize(
    "value",
    ["https://${HOST}/oauth2/token", "{{ prefix }}.auth.example.com", "<prefix>.auth.example.com", "eu-${ZONE}-1"],
)
def test_an_address_has_a_placeholder_in_no_part(value: str) -> None:
    """No host, URL or Region can look like that."""
    assert wrong_with(value) is None
    assert wrong_with_address(value) == PLACEHOLDER


@pytest.mark.parametrize("value", ["https://example.com/t?scope={scope}", "https://example.com/a%20b%20"])
def test_an_address_may_be_percent_encoded_and_name_the_scopes(value: str) -> None:
    """That is what a token_url does."""
    assert wrong_with_address(value) is None


@given(st.text())
def test_no_text_raises(value: str) -> None:
    """And nothing that is found repeats it."""
    assert wrong_with(value) in (None, QUOTED, PLACEHOLDER)


SECRET = "0secret0of0the0app0client0"


@pytest.mark.parametrize(
    ("value", "key", "secret"),
    [
        (SECRET, None, SECRET),
        (f"{SECRET}\n", None, f"{SECRET}\n"),
        (f'{{"client_secret": "{SECRET}", "client_id": "abc"}}', "client_secret", SECRET),
        (f'{{"": "{SECRET}"}}', "", SECRET),
        (f'{{"ä": "{SECRET}"}}', "ä", SECRET),
    ],
)
def test_the_secret_as_it_lies_there(value: str, key: str | None, secret: str) -> None:
    """Its newline is cut by whoever uses it, who tells of it."""
    assert stored_secret(value, "file x", key) == secret


READ = "the key k is to be read, and this"


@pytest.mark.parametrize(
    ("value", "key", "wrong"),
    [
        (None, None, "client_secret in file x: is missing, not a string; use"),
        ("", None, "client_secret in file x: is empty; use"),
        ('{"k": "v"}', None, "client_secret in file x: is a JSON object: give the value of the key"),
        (SECRET, "k", f"client_secret in file x: {READ} is no JSON object"),
        (None, "k", f"client_secret in file x: {READ} is no JSON object"),
        (5, "k", f"client_secret in file x: {READ} is no JSON object"),
        ("[]", "k", f"client_secret in file x: {READ} is no JSON object"),
        ("\ud800", "k", f"client_secret in file x: {READ} is no JSON object"),
        ("{}", "k", f"client_secret in file x: {READ} is a JSON object without it"),
        (f'{{"K": "{SECRET}"}}', "k", f"client_secret in file x: {READ} is a JSON object without it"),
        ('{"k": 5}', "k", "client_secret in file x, key k: is of type int, not a string; use"),
        ('{"k": null}', "k", "client_secret in file x, key k: is missing, not a string; use"),
        (f'{{"k": "{SECRET} "}}', "k", "client_secret in file x, key k: holds white space; use"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(value: object, key: str | None, wrong: str) -> None:
    """And without a character of what lies there."""
    with pytest.raises(ConfigurationError) as caught:
        stored_secret(value, "file x", key)
    assert str(caught.value).startswith(wrong)
    assert SECRET not in str(caught.value)


class Point(Record):
    """For these tests."""

    x: int
    y: int = 0


class Other(Record):
    """Of the same fields."""

    x: int
    y: int = 0


def test_fields_are_given_by_place_or_by_name() -> None:
    """And a default stands for one that is left out."""
    assert (Point(1).x, Point(1).y, Point(x=1, y=2).y, Point(1, 2).y) == (1, 0, 2, 2)


@pytest.mark.parametrize(
    ("args", "fields"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})],
    ids=["missing", "too many", "twice", "unknown"],
)
def test_other_fields_are_a_type_error(args: tuple[int, ...], fields: dict[str, int]) -> None:
    """Which names the fields there are."""
    with pytest.raises(TypeError, match="Point takes the fields x, y, each once"):
        Point(*args, **fields)


def test_records_are_equal_by_class_and_fields() -> None:
    """And hash alike, so that they may stand in sets."""
    assert Point(1, 2) == Point(1, y=2)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert hash(Point(1)) != hash(Point(2))
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)


def test_nothing_can_be_changed() -> None:
    """No field set, none deleted, none added."""
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.x = 2  # type: ignore[misc]  # that is the test
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    assert point.x == 1


def test_a_record_travels_and_shows_its_fields() -> None:
    """By pickle, and in a repr."""
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


@pytest.mark.parametrize("scopes", ["\t", ["\t"]], ids=["text", "list"])
def test_a_scope_of_white_space_is_told_what_separates_scopes(scopes: str | list[str]) -> None:
    """It is not empty."""
    with pytest.raises(ConfigurationError, match="contains a tab or a line break: separate scopes by spaces"):
        scope_set(scopes)


def test_a_scope_may_be_a_single_letter() -> None:
    """Any one."""
    assert scope_set("X") == ("X",)
