"""Text that fits into a width, cut where the least is lost."""

from __future__ import annotations

import re

BRACKETS = re.compile(r"[(\[]((?:[^()\[\]]|[(\[]…[)\]])+)[)\]]")  # that hold no others, but for …


def shortened(text: str, width: int) -> str:
    """Text that fits: of what stands deepest in brackets the last words become …, and so outwards."""
    while len(text) > width:
        places = [found for found in BRACKETS.finditer(text) if found[1] != "…"]
        if not places:
            words = text[: width - 2].rpartition(", ")[0]
            if words:
                return f"{words}, …"
            words = text[: width - 1].rpartition(" ")[0]
            return f"{words} …" if len(words) > width // 2 else text[: width - 1] + "…"
        at = max(places, key=lambda found: depth(text[: found.start()]))
        words = at[1].removesuffix(", …").rpartition(", ")[0]
        inner = f"{words}, …" if words else "…"
        text = text[: at.start() + 1] + inner + text[at.end() - 1 :]
    return text


def depth(text: str) -> int:
    """How many brackets are open after a text."""
    return sum((letter in "([") - (letter in ")]") for letter in text)
