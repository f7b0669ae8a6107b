"""What was found, as data: sections of rows, each of which held, did not, or has nothing to hold."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Row(NamedTuple):
    """Cells, and whether what they say held; None where there is nothing to hold."""

    cells: tuple[Any, ...]
    held: bool | None = None


class Section(NamedTuple):
    """Rows under one heading."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row]


def verdict(sections: list[Section]) -> tuple[bool, str]:
    """Whether all held, and a sentence that says so."""
    rows = [row for section in sections for row in section.rows]
    checked = [row.held for row in rows if row.held is not None]
    unreached = sum("not reached" in row.cells for row in rows)
    short = f" {unreached} of the article's figures lie beyond the steps trained." if unreached else ""
    if all(checked):
        return True, f"All {len(checked)} checks held.{short}"
    return False, f"{checked.count(False)} of {len(checked)} checks did NOT hold.{short}"


def as_json(sections: list[Section]) -> str:
    """Everything that is printed."""
    held, sentence = verdict(sections)
    found = [
        {
            "title": section.title,
            "rows": [dict(zip(section.columns, row.cells, strict=True), held=row.held) for row in section.rows],
        }
        for section in sections
    ]
    return json.dumps({"held": held, "verdict": sentence, "sections": found}, indent=2) + "\n"
