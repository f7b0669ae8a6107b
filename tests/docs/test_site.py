"""The site builds without a warning, links only to what is there, and asks for nothing from elsewhere."""

import html.parser
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
pytest.importorskip("myst_nb", reason="the extra `docs` is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    built = subprocess.run([*command, ROOT / "docs", out], capture_output=True, text=True, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return out


class Page(html.parser.HTMLParser):
    """The links, sources and images of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.images, self.ids = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") != "canonical":
            self.loads.append(found.get("href", ""))
        if tag == "img":
            self.images.append(found.get("alt"))


def test_every_link_inside_the_site_leads_somewhere(site):
    pages = {
        path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts
    }
    assert len(pages) > 25
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("http:", "https:", "mailto:")):
                continue
            target, _, fragment = link.partition("#")
            file = (path.parent / target).resolve() if target else path
            if not file.exists() or (fragment and file in pages and fragment not in pages[file].ids):
                broken.append((path.name, link))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site):
    loads = [x for path in site.rglob("*.html") for x in Page(path.read_text(encoding="utf-8")).loads]
    assert [x for x in loads if x.startswith(("http:", "https:", "//"))] == []


def test_every_picture_has_a_text(site):
    for path in site.glob("**/*.html"):
        if "_static" not in path.parts:
            assert all(Page(path.read_text(encoding="utf-8")).images), path


def test_terms_are_linked_at_their_first_use(site):
    text = (site / "design.html").read_text(encoding="utf-8")
    assert text.count('glossary.html#term-tape"') == 1


@pytest.mark.parametrize("page", ["verify.html", "lessons/08_break_it.html"])
def test_the_first_line_of_a_report_is_wrapped(site, page):
    _, *blocks = (site / page).read_text(encoding="utf-8").split('<div class="')
    parts = pairwise(blocks)  # the class of a block stands on the div around it
    reports = [outer for outer, inner in parts if inner.startswith("highlight") and "verify: WRONG" in inner]
    assert len(reports) > 2 and all("report " in outer for outer in reports)
    assert ".report pre { white-space: pre-wrap;" in (site / "_static" / "site.css").read_text(encoding="utf-8")


def test_the_search_index_is_there(site):
    assert "broadcasting" in (site / "searchindex.js").read_text(encoding="utf-8")
