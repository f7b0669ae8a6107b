"""Every row of the table is drawn, and the gradients on the arrows add up to those of the tape."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.names import Names
from micrograd_np.drawing import dot, html, text
from micrograd_np.drawing.graph import graph_of
from micrograd_np.drawing.scene import fill, scene_of
from tests.ops import cases


def plain():
    """All cases but those of rows that only the engine calls."""
    return [case for case in cases.CASES if case.row.name not in ("hook", "pack", "pack_copies")]


def total_of(case):
    """A number that depends on all that a row gives, after its backward pass."""
    inputs = [mg.Tensor(x, requires_grad=True) for x in case.values]
    outputs = [z for z in case.outputs(inputs, mg.Tensor) if z.requires_grad]
    total = sum((np.sum(z * np.ones(z.shape)) for z in outputs[1:]), np.sum(outputs[0] * 1.5))
    total.backward()
    return total


@pytest.mark.parametrize("case", plain(), ids=lambda case: case.name)
def test_every_row_is_drawn_and_the_parts_add_up_to_the_gradient(case):
    drawn = fill(scene_of(graph_of([total_of(case)], Names()), limit=1000))
    parts = {each.id: [] for each in drawn.nodes}
    for edge in drawn.edges:
        if edge.gradient is not None:
            assert edge.rule
            parts[edge.tail].append(edge.gradient)
    assert all((dot.source(drawn), text.text(drawn), text.mermaid(drawn), html.page(drawn, "<svg></svg>", {})))
    leaves = [each for each in drawn.nodes if each.kind == "leaf"]
    assert leaves
    for leaf in leaves:
        np.testing.assert_allclose(sum(parts[leaf.id]), leaf.gradient, rtol=1e-12, atol=1e-14)
