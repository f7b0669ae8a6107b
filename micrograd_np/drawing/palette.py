"""Colours, each with its counterpart on a dark page; told apart by readers of every colour vision, and by words."""

from __future__ import annotations

INK, DIM, LINE = "#1f2328", "#667079", "#8b949e"
VALUE, GRADIENT = "#0a5a9c", "#b3400e"
PAPER = "#fefefe"

# kind: (fill, border, style, what the legend says)
KINDS = {
    "constant": ("#f0f0ee", "#a3a39d", "rounded", "constant"),
    "frozen": ("#eef2f5", "#7b8794", "rounded,dashed", "frozen"),
    "leaf": ("#fff4d9", "#e09b00", "rounded", "leaf: wants a gradient"),
    "operation": ("#fdfdff", "#7d97b3", "rounded", "operation"),
    "output": ("#e6f5ee", "#009e73", "rounded", "output"),
    "fold": ("#f3eef8", "#8a6fb0", "rounded", "folded"),
}

HEAT = {
    -4: "#6db3e0", -3: "#9bcbeb", -2: "#c3e0f4", -1: "#e2f0fa", 0: "#fbfbfb",
    1: "#fdecdb", 2: "#fcd7b4", 3: "#fabc85", 4: "#f59c53", 9: "#d9a8e6",
}  # fmt: skip

DARK = {
    INK: "#e6edf3", DIM: "#9aa4af", LINE: "#7d8590", VALUE: "#79c0ff", GRADIENT: "#ffa277", PAPER: "#0d1117",
    "#f0f0ee": "#22252a", "#a3a39d": "#6e7681", "#eef2f5": "#1c232b", "#7b8794": "#8b98a5",
    "#fff4d9": "#332a12", "#e09b00": "#d29922", "#fdfdff": "#161b22", "#7d97b3": "#4f6b8a",
    "#e6f5ee": "#10291f", "#009e73": "#2ea97f", "#f3eef8": "#251d30", "#8a6fb0": "#9a7fc4",
    "#6db3e0": "#1f6fa8", "#9bcbeb": "#1c5680", "#c3e0f4": "#18405e", "#e2f0fa": "#152c3f", "#fbfbfb": "#191e25",
    "#fdecdb": "#33241a", "#fcd7b4": "#523318", "#fabc85": "#744416", "#f59c53": "#9a5a17", "#d9a8e6": "#6b3a7a",
}  # fmt: skip


def style() -> str:
    """A style sheet for the drawing: a font that is at hand, words that lines spare, each colour's dark counterpart."""
    fonts = "ui-monospace, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace"
    halo = f".edge text,.titles text{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round;stroke:{PAPER}}}"
    swaps = f".edge text,.titles text{{stroke:{DARK[PAPER]}}}" + "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}' for light, dark in DARK.items()
    )
    return f"<style>text{{font-family:{fonts}}}{halo}@media (prefers-color-scheme:dark){{{swaps}}}</style>"
