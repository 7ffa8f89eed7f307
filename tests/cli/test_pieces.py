"""Pieces of the commands: words, times and hosts, colour, what is drawn.

Private modules, since each has more cases than commands can be run for, or cases that no real service gives: a claim
that is no time, a name that the resolver gives in another form.
"""

import io
import re
import socket
import time
from pathlib import Path

import pytest

from s2sauth import AccessToken, CognitoClientCredentials
from s2sauth._cli import _checks, _claims, _demo, _exits, _words
from s2sauth._cli._console import Console
from s2sauth._cli._explain import plain
from s2sauth._cli._live import Display, Screen
from s2sauth._cli._refusal import reasons
from s2sauth._cli._words import region_of
from s2sauth.local._show import Row
from s2sauth.local._timeline import Moment
from s2sauth.testing import FakeCognito, StaticToken
from tests.cli.test_page import PAGE


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals(bare: pytest.MonkeyPatch) -> None:
    """And not with NO_COLOR, unless that is empty."""
    assert Console(Terminal(), Terminal()).paint("x", "red") == "\033[31mx\033[0m"
    assert Console(io.StringIO(), Terminal()).paint("x", "red") == "x"
    bare.setenv("NO_COLOR", "")
    assert Console(Terminal(), Terminal()).paint("x", "red") == "\033[31mx\033[0m"
    bare.setenv("NO_COLOR", "1")
    assert Console(Terminal(), Terminal()).paint("x", "red") == "x"


class Old(Terminal):
    """One that has no such characters."""

    encoding = "ISO-8859-1"


@pytest.mark.parametrize(
    ("stream", "environ", "drawn"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (Old(), {"TERM": "xterm"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": ""}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
    ],
    ids=["terminal", "file", "latin", "dumb", "no TERM", "NO_COLOR", "empty NO_COLOR"],
)
def test_where_it_is_drawn(stream: io.StringIO, environ: dict[str, str], drawn: bool, bare: pytest.MonkeyPatch) -> None:
    """A terminal that can, and somebody who did not ask for none of it."""
    for name, value in environ.items():
        bare.setenv(name, value)
    assert _demo.draws(stream) is drawn


def picture(display: Display) -> str:
    """What a terminal of 80 columns shows."""
    return "\n".join("".join(text for text, _ in line) for line in display.lines(80))


def test_display_grows_with_the_show() -> None:
    """What is done, what is under way, and the timeline from its first moment on."""
    display = Display(Path("python"))
    assert picture(display).strip() == ""
    display.begins("1,000 calls")
    display.comes_to(400)
    assert "1,000 calls ... 400 0 s" in picture(display)
    display.ends(1.0)
    assert picture(display).strip() == ""
    display.show.rows += [Row("one", "fine", 1, 2), Row("two", "bad", 2, 1, ok=False)]
    display.show.timeline.now = 1.0
    display.show.timeline.calls.append(Moment(0.5, good=True))
    shown = picture(display)
    assert re.search(r"✓ one +1 call +2 tokens\n    fine", shown)
    assert re.search(r"✗ SHORT two +2 calls +1 token\n    bad", shown)
    assert re.search(r"calls +━", shown)
    assert not display.show.ok


def test_screen_is_drawn_in_its_place(bare: pytest.MonkeyPatch) -> None:
    """From where it began, no wider than the terminal, and no higher until the end; each line ends what was there."""
    bare.setenv("COLUMNS", "5")
    bare.setenv("LINES", "3")
    out = io.StringIO()
    screen = Screen(out)
    screen.draw([[("a", ""), ("bcdefg", "red"), ("h", "")]])
    assert out.getvalue() == "\ra\033[31mbcde\033[0m\033[K\n\033[J"
    screen.draw([[(text, "")] for text in "xyz"])
    assert out.getvalue().endswith("\r\033[1Ay\033[K\nz\033[K\n\033[J")
    screen.draw([[(text, "")] for text in "xyz"], whole=True)
    assert out.getvalue().endswith("\r\033[2Ax\033[K\ny\033[K\nz\033[K\n\033[J")


def test_long_result_has_lines_of_its_own() -> None:
    """Nothing of it is cut off."""
    display = Display(Path("python"))
    display.show.rows.append(Row("one", " ".join(["word"] * 30), 1, 1))
    assert picture(display).count("word") == 30
    assert max(map(len, picture(display).splitlines())) <= 80


def test_claims_that_are_no_times() -> None:
    """A pre token generation trigger may write anything."""
    odd = {"exp": True, "iat": "soon", "nbf": 1e300, "auth_time": 0}
    assert _claims.in_words(odd, 7200.0) == {"auth_time": {"at": "1970-01-01T00:00:00Z", "in_words": "2 hours ago"}}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "now"),
        (-0.9, "now"),
        (1, "in 1 second"),
        (59.9, "in 59 seconds"),
        (60, "in 1 minute"),
        (3599, "in 59 minutes"),
        (-3600, "1 hour ago"),
        (200000, "in 2 days"),
    ],
)
def test_distance(seconds: float, words: str) -> None:
    """In the largest unit of which there is one."""
    assert _words.distance(seconds) == words


def test_words() -> None:
    """Half a second has a unit, scopes have a word for none, terminals get no control characters."""
    assert _words.duration(0.5) == "0 seconds"
    assert (_words.scope_text(None), _words.scope_text(())) == ("all of the app client's", "none")
    assert _words.printable("a\x1b[2J\tb\n") == "a\N{REPLACEMENT CHARACTER}[2J\tb\n"


MARKDOWN = """Text with `code`, **bold**, a [part](#part), a [page](page.md#part)
and a second line.

| field | text | what to do |
|---|---|---|
| `a` | `is [bad]` | correct it |
| | `is worse` | the same |

```python
x = 1

y = {"a": 2}
```

| | |
|---|---|
| one | other |
"""
SHOWN = """Text with code, bold, a part, a page (docs/page.md) and a second line.

a
    text: is [bad]
    what to do: correct it

    text: is worse
    what to do: the same

    x = 1

    y = {"a": 2}

one
    other"""


def test_markdown_is_shown_as_text() -> None:
    """Links, tables, code."""
    assert plain(MARKDOWN) == SHOWN


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://aא.example/x", ("xn--a-0hc.example", 443)),  # no host for Python's codec
        ("http://[::1]:8080/", ("::1", 8080)),
        ("http://127.0.0.1", ("127.0.0.1", 80)),
    ],
)
def test_host_and_port_are_those_of_httpx(url: str, place: tuple[str, int]) -> None:
    """A name as it is sent to the resolver."""
    assert _checks._place(url) == place


@pytest.mark.fault(189)
@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://demo.auth.eu-central-1.amazoncognito.com/oauth2/token", "eu-central-1"),
        ("https://demo.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token", "us-gov-west-1"),
        ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a", "cn-north-1"),
        ("https://cognito-idp.eusc-de-east-1.amazonaws.eu/", "eusc-de-east-1"),
        ("https://cognito-idp.us-iso-east-1.c2s.ic.gov/", "us-iso-east-1"),
        ("https://cognito-idp.us-isob-east-1.sc2s.sgov.gov/", "us-isob-east-1"),
        ("https://cognito-idp.us-isof-south-1.csp.hci.ic.gov/", "us-isof-south-1"),
        ("https://cognito-idp.eu-isoe-west-1.cloud.adc-e.uk/", "eu-isoe-west-1"),
        ("https://us-iso-east-1.example.ic.gov/", None),
        ("https://auth.eu-central-1.example.com/oauth2/token", None),
        ("https://s3.amazonaws.com/", None),
        ("not a url", None),
    ],
)
def test_region_of_a_host(url: str, region: str | None) -> None:
    """AWS's own hosts name theirs."""
    assert region_of(url) == region


def test_dns_lists_every_address() -> None:
    """Sorted, each once."""
    assert _checks.dns("dns", "http://127.0.0.1:80/", proxied=False).found == "127.0.0.1 is 127.0.0.1"
    assert socket.gethostbyname("localhost") in _checks.dns("dns", "http://localhost/", proxied=False).found


def token_of(fake: FakeCognito) -> AccessToken:
    """One that it issues now."""
    with CognitoClientCredentials.from_env(environ=fake.environ) as credentials:
        return credentials.get_token()


def test_reasons(fake: FakeCognito) -> None:
    """By status and challenge; an expired token says so; an opaque one has no claims."""
    token = token_of(fake)
    assert reasons(200, [], token) == []
    assert "calls the token invalid" in reasons(401, ['Bearer error="invalid_token"'], token)[0]
    assert "does not allow this call" in reasons(403, [], token)[0]
    assert "does not say why" in reasons(401, ["Basic realm=x"], token)[0]
    assert not any("expired" in text for text in reasons(401, [], token))
    fake.set_claims({"exp": 1, "iat": 0, "iss": 5})
    assert "it expired" in reasons(401, [], token_of(fake))[-1]
    assert len(reasons(401, [], StaticToken("opaque").get_token())) == 2


@pytest.mark.parametrize("url", ["https://¡.example/", "https://xn--a.example/"])
def test_the_clock_of_a_host_that_is_none_to_httpx(url: str) -> None:
    """There is no answer with a date."""
    assert _checks.clock(url, time.time).status == "skip"


def test_every_exit_code_is_on_the_page() -> None:
    """One row each."""
    rows = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    codes = [value for name, value in vars(_exits).items() if name.isupper() and isinstance(value, int)]
    assert [int(row) for row in rows] == sorted(codes)
