"""The work of scripts/screenshots: every page of the site in Chromium, at two widths, light and dark."""

import os
import shutil
import sys
from itertools import product
from typing import Literal

from playwright.sync_api import sync_playwright

from pages import ROOT

HTML, SHOTS = ROOT / ".cache" / "site" / "html", ROOT / ".cache" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = {"narrow": 390, "wide": 1280}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDEST = """
() => {
    const edge = document.documentElement.clientWidth, out = [];
    if (document.documentElement.scrollWidth > edge) {
        for (const each of document.querySelectorAll('article *')) {
            let inside = false;
            for (let up = each.parentElement; up && up.tagName != 'BODY'; up = up.parentElement)
                inside ||= ['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX);
            if (!inside && each.getBoundingClientRect().right > edge + 1)
                out.push(each.tagName.toLowerCase() + ': ' + each.textContent.trim().slice(0, 50));
        }
        if (!out.length) out.push('something outside of the text');
    }
    return out;
}
"""


def main(words: list[str]) -> str | None:
    """What went wrong, if anything did."""
    binary = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    if binary is None:
        return "No Chromium: `apt install chromium`, or CHROMIUM=/path/to/chrome scripts/screenshots"
    pages = [page for page in sorted(HTML.rglob("*.html")) if not words or any(word in str(page) for word in words)]
    if not pages:
        return f"No page in {HTML.relative_to(ROOT)}: run scripts/site first"
    too_wide = 0
    with sync_playwright() as playwright:
        # Chromium as root starts no other way than without its sandbox.
        browser = playwright.chromium.launch(executable_path=binary, chromium_sandbox=os.geteuid() != 0)
        for (size, width), scheme in product(WIDTHS.items(), SCHEMES):
            tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            for page in pages:
                name = page.relative_to(HTML).with_suffix("").as_posix().replace("/", "-")
                tab.goto(page.as_uri())
                tab.screenshot(path=SHOTS / f"{name}-{size}-{scheme}.png", full_page=True)
                if scheme == "light" and (found := tab.evaluate(WIDEST)):
                    too_wide += 1
                    print(f"{name} is wider than {width} px: {found[0]}", file=sys.stderr)
    print(f"{len(pages)} pages in {SHOTS.relative_to(ROOT)}, {too_wide} wider than their window")
    return "some pages are too wide" if too_wide else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
