"""The Python blocks of the README and of the pages in docs run, and print what stands below them."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import numpy as np
import pytest

from tests.house import code_lines

ROOT = Path(__file__).parents[1]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "```python" in page.read_text()
]
ROUNDING = re.compile(r"\d\.\de-1[4-9] *")  # what is left of equal numbers differs between processors
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


def source_of(page):
    """The page with nothing but its code, so that the lines that errors, reports and pictures show are the page's."""
    lines, is_code = [], False
    for line in page.splitlines(keepends=True):
        fence = line.startswith("```")
        lines.append(line if is_code and not fence else "\n")
        is_code = line == "```python\n" or (is_code and not fence)
    return "".join(lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_prints_what_stands_below_it(page, tmp_path, monkeypatch):
    if page.name == "programs.md" and np.lib.NumpyVersion(np.__version__) < "2.3.0":
        pytest.skip("before NumPy 2.3 the text of a power has a kernel, for the operator's bits")
    monkeypatch.chdir(tmp_path)
    variables = {"__name__": "__main__"}
    text = page.read_text(encoding="utf-8")
    code = source_of(text)
    monkeypatch.setitem(linecache.cache, page.name, (len(code), None, code.splitlines(True), page.name))
    for block in BLOCK.finditer(text):
        code, printed = block[1], block[2] or ""
        out = io.StringIO()
        code = "\n" * text[: block.start(1)].count("\n") + code
        with contextlib.redirect_stdout(out):
            exec(compile(code, page.name, "exec"), variables)
        assert ROUNDING.sub("rounding", out.getvalue()) == ROUNDING.sub("rounding", printed)


def test_there_is_something_to_run():
    assert {"README.md", "verify.md"} <= {page.name for page in PAGES}


def test_the_afternoons_reading_is_the_tape_and_as_long_as_it_is_said_to_be():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    reading = text[text.index("To read: ") : text.index("which one reads in an afternoon")]
    core = {path.name: path for path in (ROOT / "micrograd_np" / "core").glob("[!_]*.py")}
    assert set(re.findall(r"`(\w+\.py)`", reading)) == set(core)
    (claimed,) = re.findall(r"about ([\d,]+) lines of code", reading)
    assert abs(int(claimed.replace(",", "")) - sum(map(code_lines, core.values()))) <= 50


def test_it_begins_with_code_then_the_picture_then_two_commands_then_what_to_read():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    marks = ["```python", "![", "```sh", "<!-- tests -->", "To read: ", "## "]
    assert sorted(marks, key=text.index) == marks
    first, _ = BLOCK.search(text).groups()
    assert len([line for line in first.splitlines() if line]) <= 11


LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
MADE = "reference/"  # pages that are made when the site is built
LINKING = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one_of_the_repository(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link for link in LINK.findall(text) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists() and not link.startswith(MADE)] == []
