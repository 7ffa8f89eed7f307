"""Sphinx's settings for scripts/site, which copies the pages and calls Sphinx."""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from s2sauth import __version__  # noqa: E402  # the line above says where it is

project = "s2sauth"
version = release = __version__
copyright = "the authors of s2sauth; MIT licence"  # noqa: A001  # Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4  # the anchors that GitHub makes
suppress_warnings = ["myst.header"]  # a page may begin its levels anywhere: that is for its reader to like

default_role = "literal"  # `name` in a docstring
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"s2sauth {version}"
html_static_path = [str(ROOT / "docs" / "site" / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "github-dark"


_attributes: dict[str, list[str]] = {}


def _examples(_app: Any, what: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """An indented block of a docstring is an example in Python; to Sphinx it would be a quotation."""
    given, inside = list(lines), False
    lines.clear()
    for n, line in enumerate(given):
        begins = line.startswith("    ") and n > 0 and not given[n - 1].strip()
        if begins and not inside:
            lines += [".. code-block:: python", ""]
        inside = line.startswith("    ") if line.strip() else inside
        lines.append(line)
    if what in {"attribute", "data", "property"}:
        _attributes[name] = list(lines)


def _as_written(_app: Any, _what: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon for the type of an attribute; here it is a part of the sentence."""
    lines[:] = _attributes.pop(name, lines)


def setup(app: Any) -> None:
    """Called by Sphinx. Napoleon, at 500, makes lists of Args and Raises."""
    app.connect("autodoc-process-docstring", _examples, priority=400)
    app.connect("autodoc-process-docstring", _as_written, priority=600)
