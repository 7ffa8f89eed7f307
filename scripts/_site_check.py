"""What is wrong with a built site: links and anchors that lead nowhere, and what a page would load from outside."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"src", "srcset", "data", "poster"}
"""Attributes whose address a browser fetches by itself; and `href` of anything but a link in the text."""
NO_FETCH = {"canonical", "next", "prev", "search", "index", "author", "copyright"}
"""`rel` of a <link> that only says something."""
OUTSIDE = re.compile(r"""(?:@import\s+|url\(\s*)["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """The addresses and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.loads += [given[name] for name in LOADS if name in given]
        if "href" in given and tag in {"a", "area"}:
            self.links.append(given["href"])
        elif "href" in given and given.get("rel") not in NO_FETCH:
            self.loads.append(given["href"])


def is_outside(address: str) -> bool:
    """Whether a browser would ask another host."""
    return address.startswith("//") or urlsplit(address).scheme in {"http", "https"}


def _of_link(address: str, file: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme == "mailto":
        return None
    if parts.scheme or parts.netloc:
        well = parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"\s", address)
        return None if well else f"no address of a page: {address}"
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file():
        return f"leads nowhere: {address}"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return f"no such anchor: {address}"
    return None


def mistakes(folder: Path) -> list[str]:
    """One line for each, with its file; empty when all is well."""
    folder = folder.resolve()
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))}
    found: list[str] = []
    for file, page in pages.items():
        name = file.relative_to(folder)
        found += [f"{name}: loads from outside: {address}" for address in page.loads if is_outside(address)]
        for address in page.links + [load for load in page.loads if not is_outside(load)]:
            if (mistake := _of_link(address, file, pages)) and not address.startswith("data:"):
                found.append(f"{name}: {mistake}")
    for file in sorted([*folder.rglob("*.css"), *folder.rglob("*.svg")]):
        text = file.read_text(encoding="utf-8")
        found += [f"{file.relative_to(folder)}: loads from outside: {address}" for address in OUTSIDE.findall(text)]
    return found
