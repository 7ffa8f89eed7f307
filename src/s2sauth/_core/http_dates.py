"""Dates in HTTP fields (RFC 9110 5.6.7), and how long Retry-After asks to wait (10.2.3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

MAX_RETRY_AFTER: Final = 1e6
"""Seconds. A longer Retry-After is a mistake, not advice."""

# Without a clock two digits of a year mean 1969 to 2068, as in POSIX's strptime(): 50 years around this moment.
_NO_CLOCK: Final = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()

_SECONDS = r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = r"(?P<month>[A-Z][a-z]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS: Final = (
    rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",  # IMF-fixdate
    rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",  # rfc850-date
    rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",  # asctime-date
)


def http_date(text: str, now: float | None = None) -> float | None:
    """Seconds since the epoch of a date in any of the three forms of RFC 9110 5.6.7; None for anything else.

    `now`, in seconds since the epoch, says which century the two digits of an rfc850-date mean.
    """
    text = text.strip()
    match = next((found for form in _FORMS if (found := re.fullmatch(form, text))), None)
    if match is None:
        return None
    day, hour, minute, second = (int(match[name]) for name in ("day", "hour", "minute", "second"))
    try:
        month = _MONTHS.index(match["month"]) + 1
        year = int(match["year"])
        if len(match["year"]) == 2:
            reference = datetime.fromtimestamp(_NO_CLOCK if now is None else now, UTC)
            year = _full_year(year, (month, day, hour, minute, second), reference)
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except (ValueError, OverflowError, OSError):  # the last two: a clock beyond every calendar
        return None
    return moment.timestamp() + second  # added here, since a leap second has the number 60


def _full_year(digits: int, rest: tuple[int, ...], now: datetime) -> int:
    """RFC 9110 5.6.7: what would be more than 50 years ahead is the latest such year in the past."""
    limit = (now.year + 50, now.month, now.day, now.hour, now.minute, now.second)
    year = limit[0] // 100 * 100 + digits
    return year - 100 if (year, *rest) > limit else year


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds, from either form of Retry-After.

    A date counts from the answer's own Date, or without one from `now`, our clock in seconds since the epoch. The past
    is 0; None without the header, for garbage, and for more than MAX_RETRY_AFTER.
    """
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if re.fullmatch(_SECONDS, text) else None
    if seconds is None and (then := http_date(text, now)) is not None:
        sent = http_date(headers.get("date", ""), now)
        since = now if sent is None else sent
        seconds = None if since is None else then - since
    return None if seconds is None or seconds > MAX_RETRY_AFTER else max(0.0, seconds)
