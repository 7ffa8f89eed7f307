"""Secret, AccessToken, scopes."""

import asyncio
import copy
import inspect
import logging
import pickle
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from s2sauth import AccessToken, ConfigurationError
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


def test_a_token_on_trial_knows_whom_to_tell() -> None:
    """The hook calls it when an API took a token that was renewed by force."""

    def passed() -> None:
        pass

    assert token(trial=passed)._trial is passed
    assert token()._trial is None
