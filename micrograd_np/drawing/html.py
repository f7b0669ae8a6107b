"""An HTML page that plays a scene step by step, and a tensor as a table in a notebook, without network or library."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from . import text
from .dot import facts
from .preview import DARK, GRADIENT, HEAT, INK, VALUE, heat, host, numbers, preview
from .render import FITTING
from .scene import Node, Scene, kind
from .text import clip
from .values import look

OUTPUTS = re.compile(r"\d+ outputs?")
NUDGE = 0.001
WHOLE = 400  # an array of at most so many numbers is on the page in full
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<div id="controls">
<button id="previous" title="left arrow">Back</button>
<button id="play" title="space">Play</button>
<button id="next" title="right arrow">Next</button>
<input id="slider" type="range" min="0" max="{last}" value="0" aria-label="step">
<span id="count"></span>
<button id="smaller" title="-" aria-label="smaller">&minus;</button>
<button id="larger" title="+" aria-label="larger">+</button>
<button id="predict" aria-pressed="false" title="hide each result until you have predicted it">Predict</button>
<button id="fit" title="f">Fit</button>
</div>
<div id="graph" role="img" aria-label="{alt}">{svg}</div>
<div id="side">
<div id="panel" aria-live="polite"></div>
<div id="lines" aria-label="lines of source">{lines}</div>
<details id="source"><summary>The same as NumPy source</summary><pre>{source}</pre></details>
</div>
<script type="application/json" id="data">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def page(scene: Scene, svg: str, source: str, nudged: Mapping[str, Any] | None = None) -> str:
    """The page of a scene, around its drawing, with the source of what it shows."""
    steps = [*forward(scene), *backward(scene)]
    lines = sorted({node.where for node in scene.nodes if node.where}, key=place_of)
    data = {
        "nodes": {node.id: described(node) | with_nudges(node, nudged or {}) for node in scene.nodes},
        "output": label(scene.nodes[-1]),
        "lines": lines,
        "edges": [{"tail": edge.tail, "head": edge.head} for edge in scene.edges],
        "steps": steps,
        "g": scene.g,
        "program": scene.program,
        "note": "; ".join([*missing_numbers(scene), *(f"folded: {words}" for words in scene.folded)]),
    }
    return PAGE.format(
        title=escape(f"{label(scene.nodes[-1])}, forward and back"),
        style=beside("player.css") + heat_style(),
        script=beside("player.js"),
        alt=escape(
            f"the graph of {label(scene.nodes[-1])}: {len(scene.nodes)} boxes; the panel says what each step does"
        ),
        lines="".join(f'<span tabindex="0">{escape(line)}</span>' for line in lines),
        svg=svg[svg.index("<svg") :].replace(FITTING.decode(), "<svg ", 1),
        source=escape(source),
        last=len(steps) - 1,
        data=json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c"),
    )


def place_of(where: str) -> tuple[str, int]:
    """Return the file and the number of a line `file.py:12: ...`."""
    file, number, *_ = [*where.split(":"), "0"]
    return file, int(number) if number.isdigit() else 0


def with_nudges(node: Node, nudged: Mapping[str, Any]) -> dict[str, Any]:
    """Return what adding 0.001 to each entry changes: as the gradient predicts, and in truth."""
    changes = nudged.get(node.id)
    if changes is None or node.gradient is None:
        return {}
    predicted = np.ravel(host(node.gradient)) * NUDGE
    return {"nudge": [[f"{a:.3g}", f"{b:.3g}"] for a, b in zip(predicted, changes, strict=True)]}


def forward(scene: Scene) -> list[dict[str, Any]]:
    """Return a step for each value, in the order of computation."""
    arriving: dict[str, list[tuple[int, str]]] = {}
    for i, edge in enumerate(scene.edges):
        arriving.setdefault(edge.head, []).append((i, edge.tail))
    return [
        {
            "pass": "forward",
            "node": node.id,
            "edges": [i for i, _ in arriving.get(node.id, [])],
            "inputs": list(dict.fromkeys(tail for _, tail in arriving.get(node.id, []))),
        }
        for node in scene.nodes
    ]


def backward(scene: Scene) -> list[dict[str, Any]]:
    """Return a step for each op, the newest first: the gradient that arrived, and the result of each rule."""
    leaving: dict[str, list[int]] = {}
    for i, edge in enumerate(scene.edges):
        if edge.flows:
            leaving.setdefault(edge.head, []).append(i)
    by_id = {node.id: node for node in scene.nodes}
    words: dict[str, dict[str, str]] = {node.id: {} for node in scene.nodes}
    for edge in scene.edges:
        if by_id[edge.tail].kind != "fold" or by_id[edge.tail].value is not None:
            words[edge.head].setdefault(edge.word.text, edge.tail)
    parts = Counter(edge.tail for edge in scene.edges if edge.flows)
    sums: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    steps = []
    for node in reversed(scene.nodes):
        sends: list[dict[str, Any]] = []
        for i in leaving.get(node.id, []):
            edge = scene.edges[i]
            tail, sent = edge.tail, edge.gradient
            counts[tail] += 1
            sums[tail] = sent if counts[tail] == 1 else added(sums[tail], sent)
            together = (parts[tail] > 1 or by_id[tail].reason) and by_id[tail].value is not None
            several = {"sum": shown(sums[tail]), "count": counts[tail], "of": parts[tail]} if together else {}
            sends.append({"edge": i, "to": tail, "rule": edge.rule, "array": shown(sent), **several})
        if sends or (node.inside and node.inside.walked):
            uses = read_by(node, [send["rule"] for send in sends], words[node.id])
            steps.append(
                {"pass": "backward", "node": node.id, "start": node.kind == "output", "uses": uses, "sends": sends}
            )
    return steps if scene.walked else []


def read_by(node: Node, rules: list[str], words: dict[str, str]) -> list[tuple[str, str]]:
    """Return the values that an op's rules read apart from g: the name of each in formulas, and its box."""
    named = words | {node.title or "z": node.id}
    return [
        (word, box)
        for word, box in named.items()
        if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", rule) for rule in rules)
    ]


def heat_style() -> str:
    """Return the CSS class of each colour level, for light and dark pages."""
    light = "".join(f".h{level} {{ background: {colour}; }}\n" for level, colour in HEAT.items())
    dark = "".join(f".h{level} {{ background: {DARK[colour]}; }}\n" for level, colour in HEAT.items())
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def added(a: Any, b: Any) -> Any:
    return None if a is None or b is None or a.shape != b.shape else a + b


def missing_numbers(scene: Scene) -> list[str]:
    """Return the reason why there are no numbers or no gradients, if so."""
    if scene.program:
        return ["a program has no numbers of its own: they come with each call"]
    return [] if scene.walked else ["no gradients yet: call backward() before drawing"]


def described(node: Node) -> dict[str, Any]:
    return {
        "title": label(node),
        "text": clip(node.text),
        "kind": node.kind,
        "state": "" if node.state == node.kind else node.state,
        "where": node.where,
        **({"several": f"{node.state}, each in a box of its own"} if OUTPUTS.fullmatch(node.state) else {}),
        **({"several": "of several values, each inside it"} if node.kind == "fold" and node.value is None else {}),
        "value": shown(node.value),
        "gradient": shown(node.gradient),
        **({"rest": shown(node.rest), "reason": node.reason} if node.reason else {}),
        **({"inside": told(node.inside)} if node.inside else {}),
    }


def told(scene: Scene) -> dict[str, Any]:
    """Return the contents of a fold in the words of the text picture: each value and each rule, with its numbers."""
    values = [text.forward(node, scene.walked) for node in scene.nodes if node.kind != "input"]
    rules = text.backward(scene) if scene.walked else []
    return {
        "forward": [(said, number) for said, _, number, _ in values],
        "backward": [(name, rule, number) for name, _, rule, _, number in rules],
        "note": scene.folded,
    }


def label(node: Node) -> str:
    return clip(node.title or node.text)


def shown(values: Any) -> dict[str, Any] | None:
    """Return an array as rows of numbers, rounded and in full; a large array as its box shows it."""
    if not hasattr(values, "dtype"):
        return None
    values = host(values)
    if not 0 < values.size <= WHOLE:
        seen = preview(values)
        return {"shape": str(values.shape), "cells": seen.cells, "heat": seen.heat, "line": seen.line}
    rows = values.reshape(-1, values.shape[-1] if values.ndim else 1)
    short, width = numbers(values.ravel()), rows.shape[1]
    return {
        "shape": str(values.shape) if values.ndim else "",
        "cells": [short[start : start + width] for start in range(0, values.size, width)],
        "full": [[str(x) for x in row] for row in rows.tolist()],
        "heat": heat(rows).tolist(),
        "line": "",
    }


def beside(name: str) -> str:
    """Return the text of a file in this folder."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
        return file.read()


def tensor_html(tensor: Tensor) -> str:
    """Return a tensor as a piece of HTML."""
    node = Node("", kind(tensor, False), tensor.name, source=tensor)
    look(node)
    made = f"op {tensor.op.name}" if tensor.op is not None else node.kind
    words = filter(None, [f"<b>{escape(tensor.name)}</b>" if tensor.name else "", escape(facts(node)), made])
    shown = [("value", node.value, VALUE), ("gradient", node.gradient, GRADIENT)]
    grids = "".join(grid(*one) for one in shown if one[1] is not None)
    state = "" if node.state == node.kind else node.state
    return f"<div>{' · '.join(words)}<div style='display:flex;gap:1em'>{grids}</div>{escape(state)}</div>"


def grid(caption: str, values: Any, ink: str) -> str:
    """Return an array as an HTML table."""
    seen = preview(values)
    rows = "".join(
        "<tr>" + "".join(cell(text, level) for text, level in zip(texts, heats, strict=True)) + "</tr>"
        for texts, heats in zip(seen.cells, seen.heat, strict=True)
    )
    return (
        f"<figure style='margin:0'><figcaption style='color:{ink}'>{caption}</figcaption>"
        f"<table>{rows}</table>{escape(seen.line)}</figure>"
    )


def cell(text: str, level: int) -> str:
    look = f"background:{HEAT[level]};color:{INK};font-family:monospace;text-align:right;padding:1px 4px"
    return f"<td style='{look}'>{text or '&nbsp;'}</td>"
