"""The site, built offline: `sphinx-build -W docs site` after `pip install ".[docs]"`."""

import re
import shutil
import sys
from pathlib import Path

import latex2mathml.converter
from docutils import nodes
from sphinx.addnodes import pending_xref

import micrograd_np as mg
from micrograd_np.learn import ladder

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import reference_pages  # noqa: E402  (stands beside this file)

project = "micrograd_np"
author = "the micrograd_np authors"
copyright = author
release = getattr(mg, "__version__", "0.1.0")
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["images", "_build"]

html_theme = "pydata_sphinx_theme"
html_title = "micrograd_np"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
numpydoc_show_class_members = False
autodoc_typehints = "none"

# Words that also have an everyday meaning: only a bold one, where the page introduces it, is linked.
EVERYDAY = {"mask", "program", "row", "share"}
SKIPPED = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.term, nodes.raw, pending_xref)


def glossary_terms() -> dict[str, str]:
    """The terms of the glossary, longest first, each with the plural that prose uses."""
    text = (HERE / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(\S[^\n]*)\n  \S", text, re.MULTILINE)
    return {form: term for term in sorted(terms, key=len, reverse=True) for form in (term, term + "s")}


def link_terms(app, doctree) -> None:
    """Link each term of the glossary at its first use on a page."""
    page = app.env.docname
    if page in ("glossary", "index", "CHANGELOG", "reference") or page.startswith("reference/"):
        return
    left = glossary_terms()
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if inside(text, SKIPPED):
                continue
            link_in(text, left, page)


def inside(node, kinds) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def link_in(text, left, page) -> None:
    """Replace the first term found in a text by a link, and go on in what follows it."""
    bold = isinstance(text.parent, nodes.strong)
    found = [
        (match.start(), match.group(), term)
        for form, term in left.items()
        if (bold or term not in EVERYDAY) and (match := word(form).search(text))
    ]
    if not found:
        return
    start, shown, term = min(found, key=lambda f: (f[0], -len(f[1])))
    for form in [form for form, of in left.items() if of == term]:
        del left[form]
    link = pending_xref(
        "", reftype="term", refdomain="std", reftarget=term, refexplicit=True, refdoc=page, refwarn=True
    )
    link += nodes.inline(shown, shown, classes=["xref", "std", "std-term"])
    rest = nodes.Text(text[start + len(shown) :])
    text.parent.replace(text, [nodes.Text(text[:start]), link, rest])
    link_in(rest, left, page)


def word(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w`./-]){re.escape(form)}(?![\w`/-])", re.IGNORECASE)


def as_restructured_text(app, what, name, thing, options, lines) -> None:
    """Mark code in a docstring, which is written with single backticks, and escape what reStructuredText would read."""
    example = False
    for i, line in enumerate(lines):
        example = line.strip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = re.split(r"(`[^`]+`)", line)
            lines[i] = "".join(
                f"`{part}`" if part.startswith("`") else re.sub(r"([*|])", r"\\\1", part) for part in parts
            )


def prepare(app) -> None:
    """Write the pages that are made: the lessons, the reference, the article's player."""
    lessons = HERE / "lessons"
    shutil.rmtree(lessons, ignore_errors=True)
    lessons.mkdir()
    for path in ladder.lessons().values():
        shutil.copy(path, lessons)
    reference_pages.write(HERE / "reference")
    (HERE / "_static").mkdir(exist_ok=True)
    reference_pages.write_player(HERE / "_static" / "article.html")


def mark_reports(app, doctree) -> None:
    """Give reports a class, so that their long first line is wrapped: it has the line to write at its end."""
    for block in doctree.findall(nodes.literal_block):
        if re.search(r"^(verify|gradcheck): [A-Z]", block.astext(), re.MULTILINE):
            block["classes"].append("report")


def link_lessons(app, page, source) -> None:
    """Lead links to the lessons, which stand in the package, to their copies here."""
    source[0] = source[0].replace("](../micrograd_np/learn/lessons/", "](lessons/")


def visit_math(self, node) -> None:
    """Write a formula as MathML, which browsers show without a script."""
    block = isinstance(node, nodes.math_block)
    self.body.append(latex2mathml.converter.convert(node.astext(), display="block" if block else "inline"))
    raise nodes.SkipNode


def setup(app) -> None:
    app.connect("builder-inited", prepare)
    app.connect("source-read", link_lessons)
    app.connect("doctree-read", link_terms)
    app.connect("doctree-read", mark_reports)
    app.connect("autodoc-process-docstring", as_restructured_text, priority=1)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))


html_math_renderer = "mathml"
