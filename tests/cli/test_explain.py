"""`explain`: each part of docs/errors.md is to be had by its name, and each error has one."""

import inspect
import re
from pathlib import Path

import pytest

import s2sauth
from s2sauth import S2SAuthError
from s2sauth._cli import _explain
from s2sauth._cli._explain import plain, topics
from s2sauth._core import client_token, cognito
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
CLASSES = [kind for _, kind in inspect.getmembers(s2sauth, inspect.isclass) if issubclass(kind, S2SAuthError)]
CODES = [*cognito._CAUSES, *filter(cognito._CAUSES.get, client_token._CODES.values())]


def test_the_page_is_the_one_of_the_documentation() -> None:
    """The wheel has it whole."""
    assert _explain.page() == PAGE


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_heading_is_a_topic(heading: str, run: Run) -> None:
    """In the words of the heading, as its anchor, in one argument or several."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    shown = run("explain", anchor)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"{heading.replace(' ', '-')}\n\n")
    assert shown == run("explain", heading) == run("explain", *heading.split())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_part(kind: type[S2SAuthError], run: Run) -> None:
    """Under the topic that its note names; by its class it is found too, alone and as a traceback has it."""
    shown = run("explain", kind.topic)
    assert shown.out.startswith(f"{kind.topic}\n\n")
    assert kind.__name__ in shown.out or kind.topic == kind.__name__
    for name in (kind.__name__, f"{kind.__module__}.{kind.__name__}"):
        assert run("explain", name) == shown


@pytest.mark.parametrize("code", sorted({*CODES}))
def test_every_code_has_a_part(code: str, run: Run) -> None:
    """With its likely cause."""
    cause = cognito._CAUSES[code].removeprefix("Likely cause: ")
    assert cause in " ".join(run("explain", code).out.split())


def test_without_a_topic_they_are_listed(run: Run) -> None:
    """One a line; --json has them in every case."""
    names = run("explain").out.splitlines()
    assert names == [heading.replace(" ", "-") for heading in HEADINGS]
    assert run("explain", "--json").json == {"command": "explain", "topic": None, "text": None, "topics": names}
    shown = run("explain", "--json", "INVALID-CLIENT").json
    assert (shown["topic"], shown["topics"]) == ("invalid_client", names)
    assert shown["text"].startswith("The class is InvalidClient")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("invalid_clients", " Did you mean invalid_client?"), ("tokenunavailabel", " Did you mean TokenUnavailable?")],
)
def test_a_near_miss_is_suggested(asked: str, meant: str, run: Run) -> None:
    """With the list of topics, and exit code 2."""
    shown = run("explain", asked)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == f"s2sauth: no such topic.{meant} Topics: {', '.join(topics(PAGE))}\n"


def test_an_unknown_topic(run: Run) -> None:
    """The list alone; a document with --json."""
    shown = run("explain", "hunter2", "--json")
    assert (shown.code, shown.json["error"]["topic"]) == (2, None)
    assert shown.err.startswith("s2sauth: no such topic. Topics: Errors, ")
    assert "hunter2" not in shown.err + shown.out


def test_in_a_checkout_it_is_the_checkouts_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the package is not installed as a wheel."""
    monkeypatch.setattr(_explain, "files", lambda _: tmp_path)
    monkeypatch.setattr(_explain, "__file__", str(ROOT / "src" / "s2sauth" / "_cli" / "_explain.py"))
    assert _explain.page() == PAGE


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


@pytest.mark.parametrize("topic", HEADINGS)
def test_no_markup_is_left(topic: str, run: Run) -> None:
    """And no line is too long, but of code."""
    out = run("explain", topic).out
    assert not re.search(r"[`|]|\*\*|\]\(|^#|<!--", out, re.MULTILINE)
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("    from"))
