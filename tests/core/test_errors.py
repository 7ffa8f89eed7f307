"""The exception tree, and what an error shows of the server: its words, never credentials; dates and Retry-After.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import base64
import copy
import email.utils
import inspect
import pickle
import random
import string
import time
import traceback
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from s2sauth._core.http_dates import MAX_RETRY_AFTER, http_date, retry_after
from s2sauth._core.server_words import HIDDEN, MAX_WORDS, clean
from s2sauth._core.steps import Step, too_long, unforeseen
from s2sauth._core.token_endpoint import _REFUSALS
from s2sauth._core.values import Secret
from tests.support import entries

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


SECRET = Secret("hunter2")


settings = partial(entries.settings, scopes=None, client_id="id")


@pytest.mark.fault(186)
@pytest.mark.parametrize(
    "words",
    [
        "invalid_authorization_details",
        "insufficient_user_authentication",
        "unapproved_software_statement",
        "unmet_authentication_requirements",
        "unsupported_credential_format",
        "use_attestation_challenge",
        "request_uri_not_supported",
        "mfa_enrollment_required_by_policy",
        "tls_client_auth_certificate_missing",
        "private_key_jwt_assertion_expired",
        "oauth2_client_credentials_disabled",
        "unsupportedauthorizationdetails",
        "accountdisabledbyadministrator",
        "INVALID_AUTHORIZATION_DETAILS",
        "UserPoolAddOnNotEnabledException",
        "ConcurrentModificationException",
        "UnexpectedLambdaException",
        "client-authentication-required-by-policy",
        "grant_type=client_credentials is not allowed for this client",
        "see https://login.example.com/realms/demo/protocol/openid-connect/certification-suite-of-the-server",
        "The app client files-service-production-caller may not use this flow",
        "Zugriffsberechtigungsanforderung",
    ],
)
def test_words_are_shown_however_long_they_are(words: str) -> None:
    """Codes of 24 letters and more, names of AWS's errors, paths and parameters."""
    assert clean(words, settings(), SECRET) == words


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param("1h57kf5cpq17m0eml12example6v2s8nqdl4j0a9b3c7t5u1w2x4y", id="Cognito's"),
        pytest.param("hidden0secret0of0twenty4", id="words with digits between"),
        pytest.param("qZ3xKf8vB2nM5wRtY7uPcL9dGhJk", id="letters and digits"),
        pytest.param("kqzvxwjpfbgtmhkdzqxvwyjc", id="lower-case letters only"),
        pytest.param("KqZvXwJpFbGtMhKdZqXvWyJc", id="letters only"),
        pytest.param("AKIAIOSFODNNQEXAMPLEKEYXYZ", id="an access key's form"),
        pytest.param("6babcaad-604b-40ac-a9d7-9fd97c0b779f", id="UUID"),
        pytest.param("correct+horse+battery+staple", id="plus"),
        pytest.param("correct~horse~battery~staple", id="tilde"),
        pytest.param("hunter_of_the_lost_key_12345", id="five digits"),
        pytest.param("hunter_of_the_lost_key_7_of_9", id="a part of digits alone"),
        pytest.param("a_b_c_d_e_f_g_h_i_j_k_l_m_n", id="single letters"),
        pytest.param("x" * 24, id="one letter"),
        pytest.param("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", id="the head of a JWT"),
        pytest.param("dGhpcyBpcyBhIHNlY3JldCBvZiB0aGUgY2xpZW50", id="base64 of words"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(credential: str) -> None:
    """A server may say another credential than the one that was sent."""
    assert clean(credential, settings(), SECRET) == HIDDEN
    assert clean(f"No: {credential}, sorry", settings(), SECRET) == f"No: {HIDDEN}, sorry"


@pytest.mark.parametrize("length", [24, 32, 43, 52, 64])
@pytest.mark.parametrize(
    ("alphabet", "shown"),
    [
        pytest.param(string.ascii_letters + string.digits, 0, id="letters and digits"),
        pytest.param(string.ascii_lowercase + string.digits, 0, id="Cognito's alphabet"),
        pytest.param(string.ascii_letters + string.digits + "-_", 0, id="URL-safe base64"),
        pytest.param(string.hexdigits, 0, id="hexadecimal digits"),
        pytest.param(string.ascii_letters, 1, id="letters"),
        pytest.param(string.ascii_lowercase, 1, id="lower-case letters"),
    ],
)
def test_random_text_is_hidden(alphabet: str, shown: int, length: int) -> None:
    """Of letters alone a short one may read as words once in a thousand; the secret that was sent never does."""
    chance = random.Random(4711)
    made = ["".join(chance.choices(alphabet, k=length)) for _ in range(500)]
    assert sum(clean(text, settings(), SECRET) != HIDDEN for text in made) <= shown


def forms(client_id: str, secret: str) -> list[str]:
    """Every form in which a server may have read it."""

    def base64_of(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return [
        secret,
        quote_plus(secret),
        quote_plus(secret).lower(),
        base64_of(f"{client_id}:{secret}"),
        base64_of(f"{quote_plus(client_id)}:{quote_plus(secret)}"),
    ]


@pytest.mark.fault(186)
@pytest.mark.parametrize("secret", ["hunter2", "a+b/c=", "s:e:c", "correct_horse_battery_staple", "Zq"])
@pytest.mark.parametrize("encodes", [False, True], ids=["raw", "form-encoded"])
def test_the_secret_that_was_sent_is_hidden_in_each_form(secret: str, encodes: bool) -> None:
    """As it is, as a form has it, and as both kinds of Basic header have it."""
    mine = settings(client_id="a:b", auth_method="client_secret_basic", encodes_basic=encodes)
    for form in forms("a:b", secret):
        assert clean(f"No: {form}.", mine, Secret(secret)) == f"No: {HIDDEN}."
        assert clean(form, mine, Secret(secret)) == HIDDEN


@pytest.mark.parametrize(
    "said",
    ["CORRECT_HORSE_BATTERY_STAPLE", "Correct_Horse_Battery_Staple", "correct_horse_battery_stapl"],
    ids=["upper case", "mixed case", "cut"],
)
def test_a_secret_of_words_is_hidden_in_another_case_and_cut(said: str) -> None:
    """It reads as words, so that only its being the secret tells."""
    assert clean(said, settings(), Secret("correct_horse_battery_staple")) == HIDDEN


def test_letters_that_change_their_length_in_lower_case_shift_nothing() -> None:
    """Only ASCII letters are compared in any case."""
    assert clean("İİ Hunter2 İ", settings(), SECRET) == HIDDEN


@pytest.mark.parametrize("said", [None, 5, ["x"], {"a": 1}, "", " \n", "\ud800"])
def test_what_is_no_words_is_none(said: object) -> None:
    """A server may send anything."""
    assert clean(said, settings(), SECRET) is None


def test_words_are_cut_after_they_are_cleaned() -> None:
    """The longest text to the letter."""
    assert clean("ab " * 100, settings(), SECRET) == ("ab " * 100)[: MAX_WORDS - 1] + "…"
    assert clean(("ab " * 100)[:MAX_WORDS], settings(), SECRET) == ("ab " * 100)[:MAX_WORDS].strip()


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW = 784111777.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "2"}, 2.0, id="seconds"),
        pytest.param({"retry-after": " 2 "}, 2.0, id="blanks"),
        pytest.param({"retry-after": "1.5"}, 1.5, id="fraction"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero"),
        pytest.param({"retry-after": "-5"}, 0.0, id="negative"),
        pytest.param({"retry-after": "1000000"}, MAX_RETRY_AFTER, id="longest"),
        pytest.param({"retry-after": "1000001"}, None, id="too long"),
        pytest.param({"retry-after": "1e9"}, None, id="exponent"),
        pytest.param({"retry-after": "9" * 5000}, None, id="5,000 digits"),
        pytest.param({"retry-after": "soon"}, None, id="text"),
        pytest.param({"retry-after": "inf"}, None, id="inf"),
        pytest.param({"retry-after": "nan"}, None, id="nan"),
        pytest.param({"retry-after": "２"}, None, id="a digit that is not ASCII"),
        pytest.param({"retry-after": "2, 3"}, None, id="twice"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": DATE}, 10.0, id="date"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT", "date": DATE}, 0.0, id="date in the past"),
        pytest.param({"retry-after": "Sun, 06 Nov 2094 08:49:27 GMT", "date": DATE}, None, id="date in 100 years"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, None, id="date without Date"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": "now"}, None, id="date and a bad Date"),
    ],
)
def test_retry_after_is_read_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """RFC 9110 10.2.3; a date counts from the server's own clock."""
    assert retry_after(headers) == seconds


@pytest.mark.fault(187)
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(DATE, 784111777.0, id="the example of RFC 9110"),
        pytest.param(f" {DATE} ", 784111777.0, id="blanks around"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, id="epoch"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800.0, id="leap second"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0, id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", 784111777.0, id="asctime"),
        pytest.param(" Wed Nov 16 08:49:37 1994 ", 784975777.0, id="asctime, two digits, blanks around"),
        pytest.param("Sun Nov 06 08:49:37 1994", 784111777.0, id="asctime, day with a zero"),
        pytest.param("Thursday, 01-Jan-70 00:00:00 GMT", 0.0, id="RFC 850, epoch"),
        pytest.param("Saturday, 31-Dec-16 23:59:60 GMT", 1483228800.0, id="RFC 850, leap second"),
        pytest.param("Sun Nov  6 08:49:37 1994 GMT", None, id="asctime with a zone"),
        pytest.param("Sun Nov 6 08:49:37 1994", None, id="asctime, one blank and one digit"),
        pytest.param("Sunday, 06-Nov-1994 08:49:37 GMT", None, id="RFC 850 with four digits"),
        pytest.param("Sunday, 06-Nov-94 08:49:37", None, id="RFC 850 without a zone"),
        pytest.param("Sunday, 31-Feb-94 08:49:37 GMT", None, id="RFC 850, no such day"),
        pytest.param("Sun Foo  6 08:49:37 1994", None, id="asctime, no such month"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", None, id="another zone"),
        pytest.param("Sun, 32 Nov 1994 08:49:37 GMT", None, id="no such day"),
        pytest.param("Sun, 06 Nov 1994 24:49:37 GMT", None, id="no such hour"),
        pytest.param("Sun, 06 Foo 1994 08:49:37 GMT", None, id="no such month"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", None, id="no such year"),
        pytest.param("Sun, 0٦ Nov 1994 08:49:37 GMT", None, id="a digit that is not ASCII"),
        pytest.param("", None, id="empty"),
    ],
)
def test_an_http_date_is_read_in_all_its_forms(text: str, seconds: float | None) -> None:
    """RFC 9110 5.6.7: IMF-fixdate and the two obsolete ones, which a recipient must accept."""
    assert http_date(text) == seconds


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001  # bounds
def test_every_date_that_python_writes_is_read_back(moment: datetime) -> None:
    """To the second."""
    moment = moment.replace(microsecond=0)
    assert http_date(email.utils.format_datetime(moment, usegmt=True)) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "now", "year"),
    [
        pytest.param("01-Jan-76", datetime(2026, 1, 1, tzinfo=UTC), 2076, id="50 years ahead"),
        pytest.param("02-Jan-76", datetime(2026, 1, 1, tzinfo=UTC), 1976, id="50 years and a day ahead"),
        pytest.param("31-Dec-25", datetime(2026, 1, 1, tzinfo=UTC), 2025, id="yesterday"),
        pytest.param("01-Jan-01", datetime(2099, 6, 1, tzinfo=UTC), 2101, id="soon, in the next century"),
        pytest.param("31-Dec-99", datetime(2001, 6, 1, tzinfo=UTC), 1999, id="not long ago, in the last century"),
        pytest.param("29-Feb-76", datetime(2026, 2, 28, tzinfo=UTC), 1976, id="leap day"),
        pytest.param("01-Jan-68", None, 2068, id="no clock, as POSIX has it"),
        pytest.param("01-Jan-69", None, 1969, id="no clock, the other side"),
    ],
)
def test_two_digits_of_a_year_are_at_most_50_years_ahead(text: str, now: datetime | None, year: int) -> None:
    """RFC 9110 5.6.7: what seems further away is in the past."""
    found = http_date(f"Monday, {text} 00:00:00 GMT", None if now is None else now.timestamp())
    assert found is not None
    assert datetime.fromtimestamp(found, UTC).year == year


@pytest.mark.parametrize("now", [1e30, -1e30, float("inf"), float("nan")])
def test_a_clock_beyond_every_calendar_raises_nothing(now: float) -> None:
    """The date is then unknown."""
    assert http_date("Sunday, 06-Nov-94 08:49:37 GMT", now) is None
    assert http_date(DATE, now) == NOW


@pytest.mark.parametrize(
    ("headers", "now", "seconds"),
    [
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, NOW, 10.0, id="no Date: our clock"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT"}, NOW, 0.0, id="no Date, in the past"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, None, None, id="no Date and no clock"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": "now"}, NOW, 10.0, id="a bad Date"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": DATE}, NOW - 99, 10.0, id="Date wins"),
        pytest.param({"retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"}, NOW, 10.0, id="RFC 850"),
        pytest.param({"retry-after": "Sun Nov  6 08:49:47 1994"}, NOW, 10.0, id="asctime"),
        pytest.param({"retry-after": DATE, "date": "Sun Nov  6 08:49:27 1994"}, None, 10.0, id="Date as asctime"),
        pytest.param({"retry-after": "7"}, NOW, 7.0, id="seconds need no clock"),
        pytest.param({}, NOW, None, id="absent"),
    ],
)
def test_a_date_counts_from_our_clock_where_the_answer_has_none(
    headers: dict[str, str], now: float | None, seconds: float | None
) -> None:
    """The server's own clock is better, where it says the time."""
    assert retry_after(headers, now) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset()")
def test_an_http_date_is_utc_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """GMT is what it says."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert http_date(DATE) == 784_111_777
    finally:
        monkeypatch.undo()
        time.tzset()


# What is said when a flight takes too long, or ends in a way that nobody foresaw.

SLOW_ENDPOINT = (
    "The token endpoint is slow or cannot be reached: check the network path, DNS and the proxy variables "
    "(HTTPS_PROXY, NO_PROXY)."
)
SLOW_PROXY = "The token request goes through the proxy p:3128, which is slow or cannot be reached: check the proxy."
SLOW_THREAD = (
    "The renewal's thread has not run. Likely cause: a busy process, or one that runs no threads, such as uWSGI "
    "without enable-threads."
)
SLOW_SECRET = (
    "The source of the client secret has not answered, and the token endpoint was not asked. Check client_secret: the "
    "callable, or the network path to where the secret is stored."
)
SLOW_CLIENT = "The HTTP client is not made yet. Check http_client, or the disk with the CA certificates."


@pytest.mark.parametrize(
    ("step", "proxy", "advice"),
    [
        (Step.START, None, SLOW_THREAD),
        (Step.SECRET, None, SLOW_SECRET),
        (Step.STORE, None, "The shared store has not answered. Check the network path to it."),
        (Step.CLIENT, None, SLOW_CLIENT),
        (Step.REQUEST, None, SLOW_ENDPOINT),
        (Step.REQUEST, "p:3128", SLOW_PROXY),
        (Step.KEEP, None, SLOW_ENDPOINT),
    ],
)
def test_a_wait_that_is_too_long_names_what_the_flight_does(step: Step, proxy: str | None, advice: str) -> None:
    """Each with what to check."""
    limits = "RenewalPolicy(deadline=...) sets the limit, get_token(timeout=...) shortens it."
    text = f"No token within 8 s. {advice} {limits}"
    assert too_long(step, 8.0, proxy) == Failure(Cause.UNREACHABLE, TokenUnavailable, (text, None))


def test_an_unforeseen_end_names_the_class_and_the_step() -> None:
    """The text of the exception may contain anything."""
    text = (
        "The renewal ended unexpectedly, KeyError while the token was cached. It is tried again after a pause; if it "
        "happens again, report it."
    )
    found = unforeseen(Step.KEEP, KeyError("hidden"))
    assert found == Failure(Cause.UNREACHABLE, TokenUnavailable, (text, None))


@pytest.mark.parametrize(
    ("failure", "recorded"),
    [
        (Failure.misuse("a"), Failure(Cause.MISUSE, ConfigurationError, ("a",))),
        (Failure.closed("a"), Failure(Cause.CLOSED, CredentialsClosed, ("a",))),
        (Failure.unusable("a", 200, "id"), Failure(Cause.REQUEST_REFUSED, TokenResponseInvalid, ("a", 200, "id"))),
        (
            Failure.unavailable(Cause.THROTTLED, "a", 3.0),
            Failure(Cause.THROTTLED, TokenUnavailable, ("a", 3.0), 3.0),
        ),
    ],
    ids=["misuse", "closed", "unusable", "unavailable"],
)
def test_a_failure_is_recorded_with_its_class_and_its_fields(failure: Failure, recorded: Failure) -> None:
    """The exception that is built from it has them."""
    assert failure == recorded
    assert failure.exception().args == recorded.args
