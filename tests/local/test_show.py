"""What the show does that its usual course does not show, and the figure of what happened when.

Private modules: `s2sauth demo` draws one course of events, and takes ten seconds for it.
"""

import httpx

from s2sauth import CognitoClientCredentials
from s2sauth.local._show import _Load
from s2sauth.local._timeline import FINE, PLAIN, Moment, Timeline
from s2sauth.testing import FakeCognito


def test_call_without_a_token_is_one_that_fell_short() -> None:
    """It is noted, and the show goes on."""
    timeline = Timeline(10.0)
    with (
        FakeCognito() as cognito,
        CognitoClientCredentials.from_env(environ=cognito.environ) as credentials,
        httpx.Client(base_url=cognito.api_url, auth=credentials.httpx_auth(cognito.api_url)) as client,
    ):
        load = _Load(client, cognito, timeline)
        load.begin()
        assert load.go_on([(0.0, lambda: cognito.fail(400))], until=0.03).startswith("0 of 2 calls answered 200")
    assert not load.all_served
    assert [one.good for one in timeline.calls] == [False, False]
    assert any(not one.good for one in timeline.renewals)


def rows(timeline: Timeline, width: int = 10) -> dict[str, str]:
    """Name to characters."""
    return {lane.name: lane.text for lane in timeline.lanes(width, PLAIN)}


def test_each_thing_stands_at_its_moment() -> None:
    """A cell is a second here; what went wrong in it covers what went well."""
    timeline = Timeline(10.0, down=(4.0, 6.0), now=10.0, revoked=8.0)
    timeline.calls += [Moment(0.0, good=True), Moment(9.9, good=True), Moment(3.0, good=False), Moment(3.5, good=True)]
    timeline.renewals += [Moment(0.1, good=True), Moment(5.0, good=False), Moment(10.4, good=True)]
    assert rows(timeline) == {
        "Cognito": "====xx====",
        "tokens": "o    x   o",
        "revoked": "        x ",
        "calls": "=  x     =",
    }
    assert [lane.note for lane in timeline.lanes(10, PLAIN)] == [
        "down for 2.0 s",
        "2, 1 failed",
        "every token",
        "3 of 4, 50/s",
    ]


def test_what_has_not_come_is_empty() -> None:
    """While it goes on."""
    assert rows(Timeline(10.0, down=(1.0, 6.0), now=2.0)) == {
        "Cognito": "=x        ",
        "tokens": " " * 10,
        "revoked": " " * 10,
        "calls": " " * 10,
    }


def test_scale_names_the_seconds() -> None:
    """Each where it begins."""
    assert Timeline(10.0).scale(20) == "0 1 2 3 4 5 6 7 8 9 10"


def test_plain_text_is_ascii() -> None:
    """A file or an old terminal may know no more; in both kinds a character is as wide as any."""
    for glyphs in (PLAIN, FINE):
        shown = [*glyphs.moments.values(), *glyphs.line.values()]
        assert {len(character) for character in shown} == {1}
        assert all(map(str.isascii, shown)) is (glyphs is PLAIN)
