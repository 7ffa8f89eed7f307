"""Tokens as bytes: what is dumped is loaded, and nothing else is.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.issued import Issued
from s2sauth._core.settings import Settings
from s2sauth._core.stored import Stored, associated_data, dump, load, name
from tests.support.answers import jwt
from tests.support.entries import settings

TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]{1,200}=*", fullmatch=True)
NOW = 1_790_000_000.0


def stored(
    token: str = "abc",
    *,
    asked_at: float = NOW,
    lifetime: float = 3600.0,
    suspected: bool = False,
    scopes: tuple[str, ...] | None = ("a",),
) -> Stored:
    """A token of an hour."""
    return Stored(Issued(token, lifetime, scopes), asked_at=asked_at, suspected=suspected)


@given(token=TOKENS, asked_at=st.floats(0, 1e11), lifetime=st.integers(1, 86_400), suspected=st.booleans())
def test_load_gives_what_was_dumped(token: str, asked_at: float, lifetime: int, suspected: bool) -> None:
    """Every field, to the last bit."""
    loaded = load(dump(stored(token, asked_at=asked_at, lifetime=float(lifetime), suspected=suspected)), settings())

    assert loaded is not None
    assert (loaded.issued.access_token, loaded.issued.lifetime) == (token, lifetime)
    assert (loaded.asked_at, loaded.suspected, loaded.issued.scopes) == (asked_at, suspected, ("a",))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_nothing(data: bytes) -> None:
    """They never raise."""
    assert load(data, settings()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": "line\nbreak"},
        {"access_token": "a" * 16_385},
        {"access_token": None},
        {"asked_at": "yesterday"},
        {"asked_at": True},
        {"asked_at": None},
        {"expires_in": 0},
        {"expires_in": -5},
        {"expires_in": None},
        {"suspected": "no"},
        {"suspected": 0},
    ],
    ids=repr,
)
def test_what_is_no_token_is_refused(changes: dict[str, object]) -> None:
    """The same checks as for an answer of the token endpoint."""
    assert load(json.dumps(json.loads(dump(stored())) | changes).encode(), settings()) is None


@pytest.mark.parametrize("member", ["access_token", "asked_at", "expires_in", "suspected"])
def test_no_member_may_be_missing(member: str) -> None:
    """A life that is not given is not guessed here."""
    members = json.loads(dump(stored()))
    del members[member]

    assert load(json.dumps(members).encode(), settings()) is None


def test_a_member_of_a_later_version_does_not_matter() -> None:
    """It reads what it knows."""
    assert load(json.dumps({**json.loads(dump(stored())), "later": 1}).encode(), settings()) is not None


def test_a_life_longer_than_a_day_is_cut() -> None:
    """As everywhere."""
    loaded = load(dump(stored(lifetime=1e6)), settings())

    assert loaded is not None
    assert loaded.issued.lifetime == 86_400


@pytest.mark.parametrize(
    "odd",
    [
        stored(jwt(client_id="another")),
        stored(jwt(scope="b"), scopes=("b",)),
        stored("opaque", scopes=("b",)),
        stored("opaque", scopes=()),
    ],
    ids=["client", "scopes", "scopes of an opaque token", "no scopes"],
)
def test_a_strict_process_takes_no_odd_token_of_a_lenient_one(odd: Stored) -> None:
    """It asks for itself, and reports what it gets."""
    strict = Settings(**{**vars(settings()), "strict": True})

    assert load(dump(odd), settings()) is not None
    assert load(dump(odd), strict) is None


@pytest.mark.parametrize("scopes", [("a", "b"), ("b",), (), None], ids=["more", "others", "none", "not known"])
def test_the_scopes_that_were_granted_are_kept(scopes: tuple[str, ...] | None) -> None:
    """The answer that said them is gone, and an opaque token does not say them; what was asked for is `a`."""
    loaded = load(dump(stored(scopes=scopes)), settings())

    assert loaded is not None
    assert loaded.issued.scopes == (("a",) if scopes is None else scopes)


@pytest.mark.parametrize(
    ("now", "left", "age"),
    [
        (NOW + 100, 3500, 100),
        (NOW + 100, math.inf, 100),
        (NOW - 300, 3500, 100),
        (NOW - 300, math.inf, 0),
        (NOW + 400, 3500, 400),
        (NOW + 100, 0, 3600),
    ],
    ids=["both", "the store keeps it for ever", "our clock is behind", "behind, and no other clock", "ahead", "going"],
)
def test_the_clock_that_makes_it_older_counts(now: float, left: float, age: float) -> None:
    """The reader's or the store's."""
    assert stored().age(now, left) == age


def test_names_tell_nothing_and_differ_for_all_that_goes_on_the_wire() -> None:
    """Nor does the same key have the same name under another secret."""
    names = {
        name(key, Settings(**{**vars(settings()), **changes}))
        for key in (b"one", b"two")
        for changes in (
            {},
            {"client_id": "other"},
            {"token_url": "https://auth.example.com/other"},
            {"scopes": None},
            {"auth_method": "client_secret_post"},
            {"client_metadata": '{"a":"b"}'},
        )
    }

    assert len(names) == 12
    assert all(text.startswith("s2sauth:1:") and len(text) == 74 for text in names)
    assert name(b"one", settings()) == name(b"one", Settings(**{**vars(settings()), "strict": True}))


def test_the_format_is_part_of_name_and_associated_data() -> None:
    """A version that writes differently neither finds nor decrypts this one's entries."""
    assert associated_data(settings()).startswith(b"s2sauth:1 ")


def test_repr_never_shows_the_token() -> None:
    """Suspected or not is what one may see."""
    assert repr(stored("sentinel")) == "<Stored token, good>"
    assert repr(stored("sentinel", suspected=True)) == "<Stored token, suspected>"
