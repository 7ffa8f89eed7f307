"""Entries are encrypted: what was sealed opens, and whatever else lies there does not.

`_sealed` is private: an entry is the business of the processes that share it.
"""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.issued import Issued
from s2sauth._core.settings import Settings
from s2sauth._core.stored import Stored
from s2sauth._core.values import Secret
from s2sauth.stores._sealed import Seal
from s2sauth.stores.base import MAX_VALUE
from tests.support.entries import settings

SECRET = Secret("s3nt1nel-of-24-characters")
SEAL = Seal(SECRET, settings())


def token(value: str = "abc") -> Stored:
    """A token of an hour."""
    return Stored(Issued(value, 3600.0, None), asked_at=1_790_000_000.0, suspected=False)


def test_what_was_sealed_opens() -> None:
    """With the same secret, for the same settings; also in another process."""
    opened = Seal(SECRET, settings()).open(SEAL.seal(token()))

    assert opened is not None
    assert opened.issued.access_token == "abc"


def test_two_seals_of_one_token_differ() -> None:
    """The nonce is new each time, from the operating system: clones of a snapshot do not share it."""
    assert SEAL.seal(token()) != SEAL.seal(token())


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"token_url": "https://auth.example.com/other"},
        {"scopes": ("b",)},
        {"scopes": None},
        {"auth_method": "client_secret_post"},
        {"client_metadata": '{"a":"b"}'},
    ],
    ids=str,
)
def test_what_was_sealed_for_other_settings_does_not_open(changes: dict[str, object]) -> None:
    """Nor is it looked for under the same name."""
    other = Seal(SECRET, Settings(**{**vars(settings()), **changes}))

    assert other.open(SEAL.seal(token())) is None
    assert other.name != SEAL.name


def test_what_was_sealed_with_another_secret_does_not_open() -> None:
    """Each secret has names of its own, so that two live ones do not overwrite each other's entries."""
    other = Seal(Secret("another-of-24-characters"), settings())

    assert other.open(SEAL.seal(token())) is None
    assert other.name != SEAL.name


def test_name_and_lease_differ() -> None:
    """Both fit any engine's keys."""
    assert SEAL.lease == SEAL.name + ":lease"
    assert len(SEAL.lease) <= 100


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_bit_is_noticed(position: int, change: int) -> None:
    """Anywhere."""
    sealed = bytearray(b64decode(SEAL.seal(token())))
    sealed[position % len(sealed)] ^= change

    assert SEAL.open(b64encode(sealed)) is None


@given(st.integers(0, 300))
def test_what_was_cut_does_not_open(size: int) -> None:
    """To any length."""
    sealed = SEAL.seal(token())

    assert SEAL.open(sealed[: min(size, len(sealed) - 1)]) is None


@given(st.binary(max_size=200))
def test_arbitrary_bytes_do_not_open(value: bytes) -> None:
    """They never raise: no base64, no nonce, no tag, plain JSON, a pickle."""
    assert SEAL.open(value) is None
    assert SEAL.open(b64encode(value)) is None


def test_the_longest_token_fits_and_what_is_longer_is_not_even_decoded() -> None:
    """10 MB are no reason to work."""
    sealed = SEAL.seal(token("a" * 16_384))

    assert len(sealed) <= MAX_VALUE
    assert SEAL.open(sealed) is not None
    assert SEAL.open(sealed + b"A" * MAX_VALUE) is None


def test_values_are_ascii() -> None:
    """Any client library hands them back as they were."""
    assert SEAL.seal(token()).isascii()
