"""`explain`: each part of docs/errors.md is to be had by its name, and each error has one."""

import inspect
import re
from importlib.resources import files
from pathlib import Path

import pytest

import s2sauth
from s2sauth import CognitoClientCredentials, S2SAuthError
from s2sauth.testing import FakeCognito
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
CLASSES = [kind for _, kind in inspect.getmembers(s2sauth, inspect.isclass) if issubclass(kind, S2SAuthError)]
CODES = [heading for heading in HEADINGS if re.fullmatch(r"[a-z]+_[a-z_]+", heading)]


def test_the_page_is_the_one_of_the_documentation() -> None:
    """The wheel has it whole."""
    assert (files("s2sauth") / "_cli" / "errors.md").read_text(encoding="utf-8") == PAGE


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


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_part(code: str, run: Run, fake: FakeCognito) -> None:
    """With the likely cause that the error names."""
    fake.answer_json({"error": code}, status=400)
    with CognitoClientCredentials.from_env() as credentials, pytest.raises(S2SAuthError) as caught:
        credentials.get_token()
    _, _, cause = str(caught.value).partition("Likely cause: ")
    cause, _, _ = cause.partition(".")
    assert cause
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
    topics = ", ".join(heading.replace(" ", "-") for heading in HEADINGS)
    assert shown.err == f"s2sauth: no such topic.{meant} Topics: {topics}\n"


def test_an_unknown_topic(run: Run) -> None:
    """The list alone; a document with --json."""
    shown = run("explain", "hunter2", "--json")
    assert (shown.code, shown.json["error"]["topic"]) == (2, None)
    assert shown.err.startswith("s2sauth: no such topic. Topics: Errors, ")
    assert "hunter2" not in shown.err + shown.out


def test_in_a_checkout_it_is_the_checkouts_page(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the package is not installed as a wheel."""
    source = tmp_path / "src" / "s2sauth" / "_cli" / "_explain.py"
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "errors.md").write_text("# Of the checkout\n\nText.\n", encoding="utf-8")
    monkeypatch.setattr("s2sauth._cli._explain.files", lambda _: tmp_path)
    monkeypatch.setattr("s2sauth._cli._explain.__file__", str(source))
    assert run("explain").out == "Of-the-checkout\n"


@pytest.mark.parametrize("topic", HEADINGS)
def test_no_markup_is_left(topic: str, run: Run) -> None:
    """And no line is too long, but of code."""
    out = run("explain", topic).out
    assert not re.search(r"[`|]|\*\*|\]\(|^#|<!--", out, re.MULTILINE)
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("    from"))
