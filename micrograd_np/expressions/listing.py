"""Text for people: as it is at a prompt, and a block of its own in a notebook."""

from __future__ import annotations

import html


class Listing(str):
    """Text that a prompt shows as it is, and a notebook in a block of its own."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self)}</pre>"
