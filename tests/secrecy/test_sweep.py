"""The sweep that looks at every test of the suite sees what it must see."""

import base64
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth.testing import FakeCognito
from tests.support.sentinel import MARK, Sweep, forms, holds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fault(128)
@given(before=st.text(max_size=40), after=st.text(max_size=40))
def test_mark_is_found_in_every_form(before: str, after: str) -> None:
    """Plain, url-encoded, base64 in both alphabets, Basic, base64 of base64 at the start; wherever it stands."""
    text = before + MARK + after
    data = text.encode()
    assert holds(text)
    assert holds(quote_plus(text))
    assert holds(base64.b64encode(data).decode())
    assert holds(base64.urlsafe_b64encode(data).decode())
    assert holds(base64.b64encode(f"{before}:{MARK}{after}".encode()).decode())
    assert not holds(f"{before} {after}")


@pytest.mark.fault(128)
def test_forms_of_a_secret_with_other_characters() -> None:
    """Each is another text."""
    assert len(forms("a+b/c=d~e f")) > 4


@pytest.mark.fault(128)
def test_everything_that_the_fake_endpoint_makes_up_is_marked() -> None:
    """The first secret, the next ones and every token, in its first part and its last."""
    with FakeCognito() as fake:
        assert holds(fake.client_secret)
        assert holds(fake.rotate_secret())
        header, _, signature = fake._pool.token(("a",))[0].split(".")
        assert holds(header)
        assert holds(signature)
        assert not holds(fake.client_id)


LEAKS = """
import base64, logging, pickle, sys, urllib.parse, warnings
import pytest
from s2sauth import InvalidClient, RenewalPolicy
from s2sauth.testing import FakeCognito

secret = FakeCognito().client_secret
log = logging.getLogger("some.library")


def test_says_nothing():
    log.log(1, "%s", len(secret))
    print("nothing", file=sys.stderr)


def test_log_line():
    log.log(1, "the form is client_secret=%s", secret)


def test_log_argument():
    log.debug("%.0s", secret)


def test_log_in_base64():
    log.debug(base64.b64encode(b"id:" + secret.encode()).decode())


def test_log_of_a_traceback():
    try:
        namespace = {}
        exec(compile("def f(secret):\\n    1 / 0", "library.py", "exec"), namespace)
        namespace["f"](secret)
    except ZeroDivisionError:
        log.exception("failed")


def test_stdout():
    print(urllib.parse.quote(secret))


def test_stderr():
    print("Basic", base64.b64encode(f"some-id:{secret}".encode()).decode(), file=sys.stderr)


def test_warning():
    with pytest.warns(UserWarning):
        warnings.warn(secret)


def test_text_of_an_error():
    with pytest.raises(ValueError):
        raise ValueError(secret)


def test_locals_of_a_frame():
    namespace = {}
    exec(compile("def f(secret):\\n    raise KeyError('x')", "library.py", "exec"), namespace)
    with pytest.raises(KeyError):
        namespace["f"](secret)


def test_cause_of_an_error():
    with pytest.raises(ValueError):
        try:
            raise KeyError(secret)
        except KeyError:
            raise ValueError("all is well") from None


def test_error_that_is_not_rebuilt(monkeypatch):
    monkeypatch.setattr(InvalidClient, "__reduce__", lambda self: (InvalidClient, ("other",)))
    with pytest.raises(InvalidClient):
        raise InvalidClient("said", "invalid_client")


@pytest.mark.shows_the_value("that is the test")
def test_exempt():
    print(secret)
"""


@pytest.mark.fault(128)
def test_leak_fails_the_test(tmp_path: Path) -> None:
    """By whatever way; one that shows nothing passes, and so does one that is exempt. Over a second: another pytest."""
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    plugin = "from tests.support.sentinel import Sweep\n\n\ndef pytest_configure(config):\n"
    (tmp_path / "conftest.py").write_text(plugin + "    config.pluginmanager.register(Sweep())\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--tb=no", "--show-capture=no"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False
    )
    failed = set(re.findall(r"^ERROR test_leaks.py::(\w+)", done.stdout, re.MULTILINE))
    every = set(re.findall(r"^def (test_\w+)", LEAKS, re.MULTILINE))
    assert every - failed == {"test_says_nothing", "test_exempt"}, done.stdout


@pytest.mark.fault(128)
def test_sweep_is_on(request: pytest.FixtureRequest) -> None:
    """In this very run."""
    assert isinstance(request.config.pluginmanager.get_plugin("sweep"), Sweep)
