"""Every Python example of README and docs runs, in order, as one program a document, with `FakeCognito` as the world.

The environment holds what `from_env()` reads, and FILES_SERVICE_URL; the name `fake` is there too, and `running`, an
ExitStack for what else has to run meanwhile. Where a page names the server or the folder of a shared store, one of this
machine takes its place. An example that is only to be read is skipped in the document itself,
`<!--- skip: next, "why" -->`; what a reader need not see stands in
`<!--- invisible-code-block: python`.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from s2sauth.testing import FakeCognito

AtHome = Callable[[str], str]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = {path for path in (ROOT / "examples").rglob("*.md") if "build" not in path.parts}  # not what a build leaves
ALL = sorted({*DOCUMENTS, *ROOT.glob("*.md"), *EXAMPLES})
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def name(path: Path) -> str:
    """A document as a reader calls it."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_the_examples_run(path: Path, at_home: AtHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies the document's examples one after the other gets what the text says.

    Those about a store may start its server: a second, a cluster three.
    """
    text = path.read_text(encoding="utf-8")
    if (here := at_home(text)) != text:
        path = tmp_path / path.name
        path.write_text(here, encoding="utf-8")
    sybil = Sybil([PythonCodeBlockParser(), SkipParser()], path=str(ROOT))
    with ExitStack() as running, FakeCognito(expires_in=3600) as fake:
        for variable, value in fake.environ.items():
            monkeypatch.setenv(variable, value)
        document = sybil.parse(path)
        document.namespace.update(fake=fake, running=running)
        try:
            for example in document.examples():
                example.evaluate()
        finally:  # what a program keeps until it ends
            for client in [value for value in document.namespace.values() if isinstance(value, httpx.Client)]:
                client.close()


def test_a_broken_example_is_seen(at_home: AtHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of an example names the document and the line."""
    path = tmp_path / "broken.md"
    path.write_text("# Broken\n\n```python\nx = 1\n```\n\nthen\n\n```python\nassert x == 2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError) as caught:
        test_the_examples_run(path, at_home, tmp_path, monkeypatch)
    last = caught.traceback[-1]
    assert (Path(str(last.path)).name, last.lineno + 1) == ("broken.md", 10)


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", ALL, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    """A link inside the project names a file that is there, and a heading in it."""
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("path", ALL, ids=name)
def test_commands_that_are_named_exist(path: Path) -> None:
    """A command of this project, wherever a text names it, is a file of the project."""
    for command in re.findall(r"(?:scripts|benchmarks|\.ci)/[\w./-]*\w", path.read_text(encoding="utf-8")):
        assert (ROOT / command).exists(), command


@pytest.mark.fault(167)
@pytest.mark.parametrize("page", ["README.md", "docs/fastapi.md"])
def test_pages_with_async_calls_say_what_the_first_one_costs(page: str) -> None:
    """An object without a hook imports on the loop's thread; warm() before the loop is the cure."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert "0.2 to 0.5 s" in text
    assert "warm()" in text


@pytest.mark.fault(206)
@pytest.mark.parametrize("page", ["secrecy.md", "logs-and-metrics.md"])
def test_pages_name_the_setting_that_hides_captured_headers(page: str) -> None:
    """OpenTelemetry's instrumentation of httpx can put Authorization headers into spans, if it is told to."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST" in text
    assert re.search('OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS="?authorization', text)
