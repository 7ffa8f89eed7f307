"""The work of scripts/site: copies the pages and has Sphinx build them; it warns of links that lead nowhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SETTINGS = DOCS / "site"
NAVIGATION = SETTINGS / "navigation.toml"
SOURCE, HTML = ROOT / ".cache" / "site" / "source", ROOT / ".cache" / "site" / "html"
PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
FENCE = re.compile(r"(^```.*?^```[ ]*$)", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
FILE_NAME = re.compile(r"`?(?:[\w.-]+/)*[\w-]+\.md`?")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")

Navigation = dict[str, Any]


def navigation() -> Navigation:
    """The file that says what stands where."""
    return tomllib.loads(NAVIGATION.read_text(encoding="utf-8"))


def pages(docs: Path) -> set[str]:
    """Every page, by its path under docs/."""
    return {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}


def misplaced(named: Navigation, there: set[str]) -> list[str]:
    """What is wrong between the navigation and the pages that there are."""
    listed = [page for group in named["group"] for page in group["pages"]]
    where = NAVIGATION.relative_to(ROOT).as_posix()
    stray = sorted(there - {*listed, "index.md"})
    return [
        *(f"docs/{page}: not in {where}: add it to one of its groups" for page in stray),
        *(f"{where}: names {page}, which is not there" for page in listed if page not in there),
        *(f"{where}: names {page} more than once" for page in sorted({p for p in listed if listed.count(p) > 1})),
    ]


def staged(there: set[str]) -> dict[Path, str]:
    """Each file that becomes a page, and the page's path on the site."""
    found = {DOCS / page: re.sub(r"README\.md$", "index.md", page) for page in there}
    found[ROOT / "README.md"] = "project/readme.md" if "index.md" in there else "index.md"
    return found | {ROOT / name: f"project/{name.lower()}" for name in PROJECT}


def rewritten(text: str, file: Path, places: dict[Path, str]) -> str:
    """A page for the site: no comments, its links from its new place; one to a file of the repository is plain text.

    Raises SystemExit for a link to a file that is not there.
    """
    here = Path(places[file]).parent

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if not target:
            return found[0]
        path = Path(os.path.normpath(file.parent / target))
        path = path / "README.md" if path.is_dir() and path / "README.md" in places else path
        if path in places:  # what is called by its file's name here is called by its title there
            words = "" if FILE_NAME.fullmatch(words) else words
            return f"[{words}]({Path(os.path.relpath(places[path], here)).as_posix()}{anchor})"
        if not path.exists():
            raise SystemExit(f"{file.relative_to(ROOT)}: links to {target}, which is not there")
        if path.is_file() and path.is_relative_to(DOCS):
            return f"[{words}]({Path(os.path.relpath(path.relative_to(DOCS), here)).as_posix()})"
        return words

    parts = FENCE.split(text)
    return "".join(part if n % 2 else LINK.sub(link, COMMENT.sub("", part)) for n, part in enumerate(parts))


def _tree(title: str, entries: list[str]) -> str:
    listed = "\n".join(entries)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n"


def trees(named: Navigation, there: set[str]) -> Iterator[str]:
    """The site's contents, as Sphinx wants them at the end of its first page."""
    places = staged(there)
    for group in named["group"]:
        entries = [places[DOCS / page].removesuffix(".md") for page in group["pages"]]
        if group["title"] == "Reference":
            entries = [f"api/{module}" for module in named["modules"]] + entries
        yield _tree(group["title"], entries)
    own = [place for path, place in places.items() if path.parent == ROOT and place != "index.md"]
    yield _tree("Project", [place.removesuffix(".md") for place in own])


def api(module: str, about: str) -> str:
    """A page of reStructuredText with an entry for every public name of the module."""
    lines = [f"{module}: {about}", "=" * 72, "", f".. automodule:: {module}", "   :no-members:", ""]
    package = import_module(module)
    for name in getattr(package, "__all__", None) or public(package):
        value = getattr(package, name)
        kind = "exception" if isinstance(value, type) and issubclass(value, BaseException) else "class"
        if not isinstance(value, type):
            kind = "function" if callable(value) else "data"
        lines += [f".. auto{kind}:: {module}.{name}"]
        if kind == "class":
            foreign = "object, tuple, NamedTuple, Enum, BaseModel, Protocol"
            lines += ["   :members:", f"   :inherited-members: {foreign}"]
        elif kind == "exception":
            lines += ["   :members:", "   :show-inheritance:"]
        lines.append("")
    return "\n".join(lines)


def public(package: Any) -> list[str]:
    """The public classes and functions of a module without `__all__`."""
    own = {name: getattr(value, "__module__", "") for name, value in vars(package).items() if name[0] != "_"}
    return [name for name, module in own.items() if module == package.__name__]


def copy(named: Navigation, there: set[str]) -> None:
    """The pages, the pictures and the reference, as Sphinx's source."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(DOCS, SOURCE, ignore=shutil.ignore_patterns("*.md", "site"))
    for file, place in staged(there).items():
        path = SOURCE / place
        path.parent.mkdir(parents=True, exist_ok=True)
        text = rewritten(file.read_text(encoding="utf-8"), file, staged(there))
        path.write_text(text + ("".join(trees(named, there)) if place == "index.md" else ""), encoding="utf-8")
    (SOURCE / "api").mkdir()
    for module, about in named["modules"].items():
        (SOURCE / "api" / f"{module}.rst").write_text(api(module, about), encoding="utf-8")


def main() -> int:
    """Build and check; the exit status."""
    sys.path.insert(0, str(ROOT / "src"))
    named, there = navigation(), pages(DOCS)
    if wrong := misplaced(named, there):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    copy(named, there)
    shutil.rmtree(HTML, ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html", "-c", SETTINGS]
    state = ["-d", SOURCE.parent / "doctrees"]
    if subprocess.run([*sphinx, *state, SOURCE, HTML], check=False).returncode:
        return 1
    print(f"{sum(1 for _ in HTML.rglob('*.html'))} pages in {HTML.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
