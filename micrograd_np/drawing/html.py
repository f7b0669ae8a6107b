"""An HTML page that plays a scene step by step, and a tensor as a table in a notebook, without network or library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..core.backward import FREED
from ..core.tensor import Tensor, as_ndarray
from .dot import FITTING, cell_table, facts
from .graph import kind, ops_of
from .preview import DARK, GRADIENT, HEAT, VALUE, heat, host, numbers, preview
from .scene import Edge, Node, Scene, runs_users_code, set_value
from .text import clip, label

WHOLE = 400  # an array of at most so many numbers is on the page in full


def page(scene: Scene, svg: str, nudged: Mapping[str, Any]) -> str:
    """Return the page of a scene, given its drawing.

    `nudged` holds, by box, how the output changes when 0.001 is added to each entry: see `nudge`.
    """
    missing = [] if scene.has_gradients else ["no gradients yet: call backward() before drawing"]
    if scene.program:
        missing = ["a program has no numbers of its own: they come with each call"]
    lines = list(dict.fromkeys(node.where for node in scene.nodes if node.where))
    data = {
        "nodes": {node.id: described(node) | nudges_of(node, nudged) for node in scene.nodes},
        "edges": [{"tail": edge.tail, "head": edge.head} for edge in scene.edges],
        "steps": [*({"pass": "forward", "node": node.id} for node in scene.nodes), *backward_steps(scene)],
        "note": "; ".join([*missing, *(f"folded: {words}" for words in scene.folded)]),
        "output": label(scene.nodes[-1]),
        "lines": lines,
        "g": scene.g,
        "glosses": scene.glosses(),
        "program": scene.program,
    }
    return read_beside("player.html").format(
        title=escape(f"{label(scene.nodes[-1])}, forward and back"),
        style=read_beside("player.css") + heat_style(),
        script=read_beside("player.js"),
        alt=escape(f"{alt(scene)}; the panel says what each step does"),
        lines="".join(f'<span tabindex="0" role="button">{escape(line)}</span>' for line in lines),
        svg=svg[svg.index("<svg") :].replace(FITTING.decode(), "<svg ", 1),
        data=json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c"),
    )


def alt(scene: Scene) -> str:
    """Return the words that stand for a drawing where it cannot be seen."""
    return f"the graph of {label(scene.nodes[-1])}: {len(scene.nodes)} boxes, {len(scene.edges)} arrows"


NUDGE = 0.001  # added to an entry
MAX_RERUN = 300  # ops of a graph that is run again for each entry
MAX_ENTRIES = 64  # of all leaves together


def nudge(outputs: Sequence[Tensor], leaves: Mapping[int, str]) -> dict[str, list[float]]:
    """Return how a scalar output changes when NUDGE is added to an entry of a leaf, by box: each graph is run again.

    Random numbers are arguments of ops, and stay as they were.
    """
    ops, changes = ops_of(outputs), {}
    if len(outputs) != 1 or outputs[0].size != 1 or len(ops) > MAX_RERUN or any(map(runs_users_code, ops)):
        return {}
    used = {id(x): x for op in ops for x in op.args if id(x) in leaves}
    if sum(x.size for x in used.values()) > MAX_ENTRIES or any(x._paths is FREED for x in ops):
        return {}
    before = rerun(ops, {})
    for key, leaf in used.items():
        found = []
        for i in range(leaf.size):
            moved = as_ndarray(leaf).astype(float)
            moved.flat[i] += NUDGE
            found.append(float(np.ravel(rerun(ops, {key: moved.astype(leaf.dtype)}) - before)[0]))
        changes[leaves[key]] = found
    return changes


def rerun(ops: Sequence[Tensor], values: dict[int, Any]) -> Any:
    """Return the last op's value with other values of some leaves."""
    values = dict(values)
    with np.errstate(all="ignore"):
        for op in ops:
            args = [values.get(id(x), used) for x, used in zip(op.args, op._values, strict=True)]
            values[id(op)] = op.op.kernel(*args, **(op.params or {}))
    return values[id(ops[-1])]


def nudges_of(node: Node, nudged: Mapping[str, Any]) -> dict[str, Any]:
    """Return by how much adding 0.001 to each entry of a leaf changes the output: as predicted, and in truth."""
    changes = nudged.get(node.id)
    if changes is None or node.gradient is None:
        return {}
    predicted = np.ravel(host(node.gradient)) * NUDGE
    return {"nudge": [[f"{a:.3g}", f"{b:.3g}"] for a, b in zip(predicted, changes, strict=True)]}


def backward_steps(scene: Scene) -> list[dict[str, Any]]:
    """Return a step for each op with rules and each fold, the newest first, and one for each gradient that is a sum.

    A sum is of several shares, or of one share and a rest; its step has the shares. The step of an op has what its
    rules read and what each sends. The gradient itself is in the box.
    """
    if not scene.has_gradients:
        return []
    number = {id(edge): i for i, edge in enumerate(scene.edges)}
    by_id, outgoing, incoming = scene.by_id(), scene.gradient_edges(), scene.incoming_edges()

    def sent(edge: Edge) -> dict[str, Any]:
        return {"edge": number[id(edge)], "rule": edge.rule, "array": shown(edge.gradient)}

    steps: list[dict[str, Any]] = []
    for node in reversed(scene.nodes):
        shares = outgoing.get(node.id, [])
        if node.gradient is not None and (len(shares) > 1 or (shares and node.reason)):
            terms = [sent(edge) | {"from": edge.head} for edge in shares]
            steps.append({"pass": "backward", "node": node.id, "sum": terms, "uses": [], "sends": []})
        edges = incoming.get(node.id, [])
        by_rule = [edge for edge in edges if edge.has_rule]
        sends = [sent(edge) | {"to": edge.tail, "only": outgoing[edge.tail] == [edge]} for edge in by_rule]
        if sends or node.kind == "fold":
            named: dict[str, str] = {}  # the box of each name in formulas; a fold of several values shows no value
            for edge in edges:
                if by_id[edge.tail].kind != "fold" or by_id[edge.tail].value is not None:
                    named.setdefault(edge.phrase.text, edge.tail)
            named |= {node.title or "z": node.id}
            formulas = "; ".join(edge.rule for edge in by_rule)
            # What the rules read apart from g.
            uses = [x for x in named.items() if re.search(rf"(?<!\w){re.escape(x[0])}(?!\w)", formulas)]
            start = node.kind == "output"
            steps.append({"pass": "backward", "node": node.id, "start": start, "uses": uses, "sends": sends})
    return steps


def heat_style() -> str:
    """Return the CSS rules of all colour levels, for light and dark pages."""
    light = "".join(f".h{level} {{ background: {colour}; }}\n" for level, colour in HEAT.items())
    dark = "".join(f".h{level} {{ background: {DARK[colour]}; }}\n" for level, colour in HEAT.items())
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def described(node: Node) -> dict[str, Any]:
    """Return what the page says of one box.

    `several` says why there is no single value, and `rest` is the part of the gradient that no rule shown here sent.
    """
    several = "of several values, each inside it" if node.kind == "fold" else f"{node.state}, each in a box of its own"
    return {
        "title": label(node),
        "text": clip(node.text),
        "kind": node.kind,
        "op": node.op,
        "state": "" if node.state == node.kind else node.state,
        "where": node.where,
        **({"several": several} if node.value is None else {}),
        "value": shown(node.value),
        "gradient": shown(node.gradient),
        **({"rest": shown(node.difference), "reason": node.reason} if node.reason else {}),
    }


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


def read_beside(name: str) -> str:
    """Return the text of a file in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def tensor_html(tensor: Tensor) -> str:
    """Return a tensor as a piece of HTML."""
    node = Node("", kind(tensor, False), tensor.name, graph_value=tensor)
    set_value(node)
    made = f"op {tensor.op.name}" if tensor.op is not None else node.kind
    words = filter(None, [f"<b>{escape(tensor.name)}</b>" if tensor.name else "", escape(facts(node)), made])
    tables = [("value", node.value, VALUE), ("gradient", node.gradient, GRADIENT)]
    grids = "".join(cell_table(caption, values, ink, True) for caption, values, ink in tables if values is not None)
    state = "" if node.state == node.kind else node.state
    look = "display:flex;gap:1em;font-family:monospace;white-space:pre"
    return f"<div>{' · '.join(words)}<div style='{look}'>{grids}</div>{escape(state)}</div>"
