"""RenewalPolicy: the knobs, their forms, and the times that follow from them."""

import math
import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import ConfigurationError, RenewalPolicy
from s2sauth._core import policy, retry
from s2sauth._core.policy import HOUR, LONGEST_LIFE, SHORTEST_LIFE, is_number

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
    (retry, "CONNECT_TIMEOUT", 2.0),
    (retry, "READ_TIMEOUT", 4.0),
    (retry, "UNREACHABLE_BASE", 0.2),  # 0.2 s·2ⁿ, full jitter
    (retry, "THROTTLED_BASE", 0.5),  # 0.5 s·2ⁿ, full jitter
    (retry, "THROTTLED_CAP", 4.0),
    (retry, "STALE_BASE", 5.0),  # 5 s·2ⁿ, at most min(60 s, W/8)
    (retry, "STALE_CAP", 60.0),
    (retry, "REFUSAL_FIRST", (1.0, 5.0)),  # U(1, 5) s doubling to 60 s
    (retry, "REFUSAL_CAP", 60.0),
    (retry, "OUTAGE_BASE", 0.5),  # 0.5 s doubling to 30 s
    (retry, "OUTAGE_CAP", 30.0),
    (retry, "BACKGROUND_LIMIT", 2.0),  # a flight with a usable token in hand: 2 s or half of what is left
    (retry, "SHORTEST_LIMIT", 0.05),
]


@pytest.mark.parametrize(
    ("module", "name", "value"), CONTRACT, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_named_number_is_that_of_the_contract(module: object, name: str, value: object) -> None:
    """Changing one is a decision, as it is for a default."""
    assert getattr(module, name) == value


@pytest.mark.parametrize("module", [policy, retry], ids=["policy", "retry"])
def test_no_named_number_is_missing_from_the_table(module: object) -> None:
    """A new one is a decision as well."""
    numbers = {
        name for name, value in vars(module).items() if name.isupper() and isinstance(value, (int, float, tuple))
    }
    assert {name for name in numbers if not name.startswith("_")} == {name for of, name, _ in CONTRACT if of is module}


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
