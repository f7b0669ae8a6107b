"""The Python blocks of the README and of the pages in docs run, and print what stands below them."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "```python" in page.read_text()
]
ROUNDING = re.compile(r"\d\.\de-1[4-9] *")  # what is left of equal numbers differs between processors
SHOWN = {"pictures.md"}  # pages whose blocks are read as a file is: pictures take names from the source
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_prints_what_stands_below_it(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variables = {}
    for code, printed in BLOCK.findall(page.read_text(encoding="utf-8")):
        out = io.StringIO()
        if page.name in SHOWN:
            linecache.cache[page.name] = (len(code), None, code.splitlines(True), page.name)
        with contextlib.redirect_stdout(out):
            exec(compile(code, page.name, "exec"), variables)
        assert ROUNDING.sub("rounding", out.getvalue()) == ROUNDING.sub("rounding", printed)


def test_there_is_something_to_run():
    assert {"README.md", "verify.md"} <= {page.name for page in PAGES}
