"""The sweep: no secret and no token in anything that the suite logs, prints, warns of or raises, whatever it tests.

Every secret and token that a `FakeCognito` of this process makes up holds MARK, and so every form of them holds one of
FORMS: in plain and url-encoded MARK itself, in base64 and in a Basic header one of its three encodings, by the offset
at which it stands. One look at a text costs six searches, however many tokens there were.

Looked at are each log record at the lowest level, with its arguments and the locals of its traceback; what was printed;
warnings; and each exception that a test expected or a caller got, with the locals of all frames outside of tests.

`_tokens` is private: users' tests have no use for tokens that carry a mark.
"""

import base64
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Generator
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest

import s2sauth
from s2sauth.testing import _tokens

MARK = "s3nt1ne1w0rd"
EXEMPT = "shows_the_value"
TESTS = str(Path(__file__).resolve().parents[1])
FOREIGN = ("_pytest", "pluggy", "hypothesis", TESTS)
"""Parts of the paths whose frames are not looked at: a test may hold the secret that it gave."""


def encodings(text: str) -> set[str]:
    """What base64 makes of `text` inside of something longer, at each of the three offsets, in both alphabets."""
    found: set[str] = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode())
        inner = encoded[-(-before * 4 // 3) : (before + len(text)) * 4 // 3].decode()
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def forms(text: str) -> tuple[str, ...]:
    """What a leak of `text` would look like: plain, url-encoded, base64, Basic."""
    return tuple({text, quote_plus(text), *encodings(text)})


FORMS = forms(MARK)


def holds(text: str) -> bool:
    """Whether one of the forms is in the text."""
    return any(form in text for form in FORMS)


def is_looked_at(frame: FrameType) -> bool:
    """Whether the frame is code that a user of the library would have in a traceback."""
    return not any(part in frame.f_code.co_filename for part in FOREIGN)


def leaking_locals(error: BaseException) -> list[str]:
    """Each local variable that shows a form, in the frames of the error and of those that it came from.

    As Sentry, rich, pytest and `traceback.TracebackException(capture_locals=True)` collect them: the repr of each.
    """
    found: list[str] = []
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        errors += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            errors += one.exceptions
        if holds(f"{one!r} {one} {one.args!r} {getattr(one, '__notes__', '')}"):
            found.append(f"the text of {type(one).__name__}")
        for frame, number in traceback.walk_tb(one.__traceback__):
            if is_looked_at(frame):
                place = f"{frame.f_code.co_filename}:{number}"
                found += [f"{place}: {name}" for name, value in frame.f_locals.items() if holds(shown(value))]
    return found


def fields(error: BaseException) -> dict[str, object]:
    """Its public attributes."""
    return {name: value for name, value in vars(error).items() if not name.startswith("_")}


def shown(value: object) -> str:
    """The repr, as a collector of locals gets it."""
    try:
        return repr(value)
    except Exception:  # half-made objects of frames that raised: collectors show nothing, too
        return ""


class Ear(logging.Handler):
    """Looks at every record."""

    def __init__(self, sweep: "Sweep") -> None:
        super().__init__(level=1)
        self._sweep = sweep

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.getMessage()} {record.args!r}" if record.args else record.getMessage()
        self._sweep.look(text, f"the log line of {record.name} at {record.levelname}")
        if record.exc_info and record.exc_info[1] is not None:
            self._sweep.look_at_error(record.exc_info[1], f"the traceback in a log line of {record.name}")


class Sweep:
    """The plugin. A test that shows a value fails, unless it is marked `shows_the_value("why")`."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self._patch = pytest.MonkeyPatch()
        self._ear = Ear(self)

    def look(self, text: str, where: str) -> None:
        """Note a hit if the text shows a secret or token."""
        if holds(text):
            self.hits.append(f"{where}: {text[:2000]}")

    def look_at_error(self, error: BaseException, where: str) -> None:
        """The same for an exception and all that hangs on it; an error of ours must survive pickling, too."""
        self.hits += [f"{where}: {place}" for place in leaking_locals(error)]
        if isinstance(error, s2sauth.S2SAuthError):
            again = pickle.loads(pickle.dumps(error))
            if (type(again), again.args, fields(again)) != (type(error), error.args, fields(error)):
                self.hits.append(f"{where}: {type(error).__name__} did not survive pickling")

    def pytest_configure(self, config: pytest.Config) -> None:
        """From here on there are marks, and somebody who looks for them."""
        config.addinivalue_line("markers", f"{EXEMPT}(reason): what this test is about is the value itself")
        self._mark_what_is_made_up()
        raises = pytest.RaisesExc.__exit__

        def looked_at(this: Any, kind: Any, error: Any, trace: Any) -> Any:
            if error is not None:
                self.look_at_error(error, "an expected exception")
            return raises(this, kind, error, trace)

        self._patch.setattr(pytest.RaisesExc, "__exit__", looked_at)
        warns = pytest.WarningsRecorder.__exit__

        def looked_at_too(this: Any, *error: Any) -> Any:
            for warning in this.list:
                self.look(str(warning.message), "an expected warning")
            return warns(this, *error)

        self._patch.setattr(pytest.WarningsRecorder, "__exit__", looked_at_too)
        root = logging.getLogger()
        root.setLevel(1)
        root.addHandler(self._ear)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """pytest's own handlers take no more than they did: to format each line twice would cost most of the sweep."""
        capturing = session.config.pluginmanager.get_plugin("logging-plugin")
        if capturing is not None and session.config.getoption("log_level") is None:
            capturing.caplog_handler.setLevel(logging.WARNING)
            capturing.report_handler.setLevel(logging.WARNING)

    def pytest_collection_finish(self) -> None:
        """Callers in worlds of their own get exceptions that no `pytest.raises` sees."""
        worlds = sys.modules.get("tests.support.worlds")
        if worlds is None:
            return
        results = worlds.Callers.results

        def looked_at(this: Any) -> list[Any]:
            found: list[Any] = results(this)
            for each in found:
                if isinstance(each, BaseException):
                    self.look_at_error(each, "an exception that a caller got")
            return found

        self._patch.setattr(worlds.Callers, "results", looked_at)

    def pytest_unconfigure(self) -> None:
        """All as it was."""
        self._patch.undo()
        logging.getLogger().removeHandler(self._ear)

    def _mark_what_is_made_up(self) -> None:
        letters, mark = _tokens._letters, base64.urlsafe_b64decode(MARK)
        namespace = SimpleNamespace(urandom=lambda length: mark + os.urandom(length - len(mark)))
        self._patch.setattr(_tokens, "os", namespace)  # a token's signature begins with it
        self._patch.setattr(_tokens, "_HEADER", {**_tokens._HEADER, "kid": MARK})
        self._patch.setattr(
            _tokens,
            "_letters",
            lambda length: MARK + letters(length - len(MARK)) if length > 26 else letters(length),
        )

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        """What is warned of."""
        self.look(str(warning_message.message), "a warning")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """At the end of each test the report says what was found."""
        report = yield
        if report.when != "teardown":
            return report
        for title, text in report.sections:
            if "log" not in title:
                self.look(text, title)
        hits, self.hits = self.hits, []
        if hits and report.passed and not item.get_closest_marker(EXEMPT):
            report.outcome = "failed"
            report.longrepr = "A secret or a token was shown:\n" + "\n".join(hits[:20])
        return report
