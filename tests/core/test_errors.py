"""The exception tree: who is at fault, what the RFC's fields are, and that every one of them travels."""

import copy
import inspect
import pickle
import traceback
from importlib import import_module

import pytest

from s2sauth._core import errors
from s2sauth._core.errors import (
    Cause,
    ConfigurationError,
    CredentialsClosed,
    Failure,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OriginNotAllowed,
    S2SAuthError,
    TokenRequestRefused,
    TokenResponseInvalid,
    TokenUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    hint,
)
from s2sauth._core.token_endpoint import _REFUSALS

REFUSALS = (InvalidRequest, InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType)

FILLED: list[S2SAuthError] = [
    S2SAuthError("text"),
    ConfigurationError("text"),
    TokenUnavailable("text", 1.5),
    TokenUnavailable("text"),
    *(kind("text", "code", "described", 400, "id-1") for kind in (TokenRequestRefused, *REFUSALS)),
    TokenRequestRefused("text"),
    TokenResponseInvalid("text", 200, "id-1"),
    OriginNotAllowed("text"),
    CredentialsClosed("text"),
]


def classes() -> set[type[S2SAuthError]]:
    """Every public exception there is."""
    found = {kind for _, kind in inspect.getmembers(errors, inspect.isclass)}
    return {kind for kind in found if issubclass(kind, S2SAuthError)}


def test_every_class_is_tried_here() -> None:
    """The suite's own promise."""
    assert {type(error) for error in FILLED} == classes()


@pytest.mark.parametrize("error", FILLED, ids=repr)
def test_class_and_args_rebuild_the_error(error: S2SAuthError) -> None:
    """With all its fields: a required keyword-only argument would kill a multiprocessing pool."""
    for again in (type(error)(*error.args), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert again.args == error.args
        assert vars(again) == vars(error)
        assert str(again) == str(error) == "text"


def test_they_are_where_they_say_that_they_are() -> None:
    """Pickle and Celery look a class up by its module and name."""
    assert {getattr(import_module(kind.__module__), kind.__name__) for kind in classes()} == classes()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", FILLED, ids=repr)
def test_errors_travel_between_processes(error: S2SAuthError, protocol: int) -> None:
    """Celery and multiprocessing send them back."""
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("error", FILLED, ids=repr)
def test_a_traceback_says_where_there_is_more(error: S2SAuthError) -> None:
    """Its last line is a note; the text of the error does not have it. Before it the name that is imported."""
    shown = "".join(traceback.format_exception(error))
    assert shown == f"s2sauth.{type(error).__name__}: text\nMore: python -m s2sauth explain {error.topic}\n"
    assert str(error) == error.message == "text"


@pytest.mark.parametrize("error", FILLED, ids=repr)
def test_notes_travel_with_the_error(error: S2SAuthError) -> None:
    """Those that a program added too, and each once; a copy has notes of its own."""
    noted = type(error)(*error.args)
    noted.add_note("while listing files")
    notes = [hint(error.topic), "while listing files"]
    for again in (
        copy.copy(noted),
        copy.deepcopy(noted),
        pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(noted)))),
    ):
        assert again.__notes__ == notes
        again.add_note("later")
    assert noted.__notes__ == notes


def test_a_refusals_topic_is_its_code() -> None:
    """With or without one in the answer; what RFC 6749 does not know is a refusal like any other."""
    assert {kind.topic: kind for kind in (*REFUSALS, TokenRequestRefused)} == {
        **_REFUSALS,
        "TokenRequestRefused": TokenRequestRefused,
    }


def test_tree_is_the_one_in_the_contract() -> None:
    """Callers catch by class."""
    assert issubclass(ConfigurationError, ValueError)
    assert all(issubclass(kind, TokenRequestRefused) for kind in REFUSALS)
    assert {kind for kind in classes() if S2SAuthError in kind.__bases__} == {
        ConfigurationError,
        TokenUnavailable,
        TokenRequestRefused,
        TokenResponseInvalid,
        OriginNotAllowed,
        CredentialsClosed,
    }


def test_refusal_carries_the_fields_of_the_rfc() -> None:
    """RFC 6749 5.2, and what AWS support asks for."""
    error = InvalidScope("text", "invalid_scope", "no such scope", 400, "id-1")
    assert (error.message, error.error, error.error_description, error.status, error.request_id) == (
        "text",
        "invalid_scope",
        "no such scope",
        400,
        "id-1",
    )
    assert TokenRequestRefused("text").error is None


def test_unavailable_says_when_another_try_may_help() -> None:
    """Or None."""
    assert TokenUnavailable("text", 2.0).retry_after == 2.0
    assert TokenUnavailable("text").retry_after is None


@pytest.mark.parametrize(
    ("error", "args", "name"),
    [
        (TokenUnavailable, ("text", None), "TokenUnavailable"),
        (InvalidClient, ("text", "invalid_client", None, 400, None), "invalid_client"),
        (TokenRequestRefused, ("text", None, None, 405, None), "TokenRequestRefused"),
        (TokenRequestRefused, ("text",), "TokenRequestRefused"),
        (TokenResponseInvalid, ("text", 200, None), "TokenResponseInvalid"),
    ],
)
def test_failure_is_named_by_its_code_or_its_class(
    error: type[S2SAuthError], args: tuple[str | int | None, ...], name: str
) -> None:
    """In events and logs."""
    assert Failure(Cause.REQUEST_REFUSED, error, args).name == name


def test_failure_makes_a_fresh_exception_each_time() -> None:
    """No traceback, cause or context is shared."""
    failure = Failure(Cause.UNREACHABLE, TokenUnavailable, ("text", 3.0))
    one, other = failure.exception(), failure.exception()
    assert one is not other
    assert one.args == other.args == ("text", 3.0)
    assert one.__notes__ == other.__notes__ == ["More: python -m s2sauth explain TokenUnavailable"]
    assert one.__notes__ is not other.__notes__
    assert (one.__cause__, one.__context__, one.__traceback__) == (None, None, None)
