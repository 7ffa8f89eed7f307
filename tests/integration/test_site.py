"""The documentation site: scripts/site builds it, and this looks at what came out."""

import importlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import s2sauth

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / ".cache" / "site" / "html"

site: Any = importlib.import_module("_site")


@pytest.fixture(scope="session")
def built() -> Path:
    """The site, built by the documented command: an installation the first time, then some 15 s."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = ["bash", ROOT / "scripts" / "site"]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING" not in done.stdout + done.stderr
    return HTML


def test_every_page_is_there(built: Path) -> None:
    """Each text under docs/, by the side of where it stands. Builds the site, which takes 15 s."""
    for page in site.pages(site.DOCS):
        assert (built / re.sub(r"README\.md$", "index.md", page)).with_suffix(".html").is_file(), page


def test_nothing_is_loaded_from_outside(built: Path) -> None:
    """No address of another host where a browser would ask for one: not in a page, a style or a script."""
    fetched = re.compile(
        r"""<(?:script|img|iframe|source|video|audio|object|embed)\b[^>]*(?:src|data)=["'](?:https?:)?//"""
    )
    linked = re.compile(r"""<link\b[^>]*rel=["'](?:stylesheet|preload|preconnect|icon)[^>]*href=["'](?:https?:)?//""")
    styled = re.compile(r"""(?:@import\s*|url\(\s*)["']?(?:https?:)?//""")
    asked = re.compile(r"""(?:fetch|import|importScripts)\(\s*["'`](?:https?:)?//""")
    files = [*built.rglob("*.html"), *built.rglob("*.css"), *built.rglob("*.js"), *built.rglob("*.svg")]
    assert len(files) > 20
    for file in files:
        text = file.read_text(encoding="utf-8")
        for pattern in (fetched, linked, styled, asked):
            assert not (found := pattern.search(text)), f"{file.relative_to(built)}: {found[0] if found else ''}"


@pytest.mark.parametrize("name", s2sauth.__all__)
def test_every_public_name_has_an_entry(built: Path, name: str) -> None:
    """In the reference, under its full name, so that a link can name it."""
    assert f'id="s2sauth.{name}"' in (built / "api" / "s2sauth.html").read_text(encoding="utf-8")


def test_the_navigation_names_every_page_once() -> None:
    """An unknown page, a missing one and a repeated one are mistakes that say where to mend them."""
    named = {"group": [{"title": "How-to", "pages": ["a.md", "b.md", "a.md"]}]}
    assert site.misplaced(named, {"index.md", "a.md", "new.md"}) == [
        "docs/new.md: not in docs/site/navigation.toml: add it to one of its groups",
        "docs/site/navigation.toml: names b.md, which is not there",
        "docs/site/navigation.toml: names a.md more than once",
    ]


def test_links_lead_from_a_pages_new_place() -> None:
    """To pages, also through a folder; a file of the repository is named, not linked; code stays as it is."""
    places = {ROOT / "README.md": "project/readme.md", ROOT / "docs" / "stores" / "README.md": "stores/index.md"}
    code = "\n```\n[a](docs/stores)\n```"
    text = "[a](docs/stores) [b](docs/stores/README.md#x) [c](pyproject.toml) <!-- d --> [e](#f)"
    wanted = "[a](../stores/index.md) [b](../stores/index.md#x) c  [e](#f)"
    assert site.rewritten(text + code, ROOT / "README.md", places) == wanted + code


def test_a_link_that_leads_nowhere_is_an_error() -> None:
    """It does not become plain text as one to a file of the repository does."""
    readme = ROOT / "README.md"
    with pytest.raises(SystemExit, match=r"README\.md: links to docs/gone\.md, which is not there"):
        site.rewritten("[a](docs/gone.md)", readme, {readme: "index.md"})


def test_a_page_is_called_by_its_title() -> None:
    """Where the text has the file's name, which says something on GitHub only."""
    places = {ROOT / "README.md": "index.md", ROOT / "docs" / "costs.md": "costs.md"}
    assert site.rewritten("[docs/costs.md](docs/costs.md)", ROOT / "README.md", places) == "[](costs.md)"
