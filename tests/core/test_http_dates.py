"""Dates in HTTP fields, and Retry-After."""

import email.utils
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.http_dates import MAX_RETRY_AFTER, http_date, retry_after

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
