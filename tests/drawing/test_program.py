"""A program is drawn: each step of it is a box, under the name of its source; a picture has no source of its own."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw
from tests.drawing.scenes import weight


def test_a_picture_is_no_source_and_says_what_prints_one():
    with pytest.raises(AttributeError, match=r"Picture has no 'source'. Write print\(mg.trace\(f\)\(X\)\)"):
        draw(weight(2) * 2).source  # noqa: B018
    with pytest.raises(ValueError, match=r"\.html"):
        draw(weight(2) * 2).save("graph.py")


def step(x, w):
    h = np.tanh(x @ w)
    h.backward(h)
    w -= 0.1 * w.grad


def test_a_program_is_drawn_under_the_names_of_its_source():
    program = mg.trace(step)(np.ones((4, 3)), weight(3, 2))
    picture = draw(program)
    boxes = [(node.kind, node.name) for node in picture.scene.nodes if node.name]
    assert boxes[:2] == [("constant", "x"), ("leaf", "w")]
    assert ("output", "new_w") in boxes
    assert {"h", "d_w"} <= {name for _, name in boxes}


def test_a_program_has_a_drawing_and_a_page():
    picture = draw(mg.trace(step)(np.ones((4, 3)), weight(3, 2)))
    assert "<svg" in picture.svg
    assert "call backward()" not in picture.html


def test_each_step_of_a_program_is_a_box():
    program = mg.trace(step)(np.ones((4, 3)), weight(3, 2))
    scene = draw(program).scene
    assert [node.op for node in scene.nodes if node.op] == [each.op.name for each in program.steps]
    by_id = {node.id: node for node in scene.nodes}
    product = next(node for node in scene.nodes if node.text == "x @ w")
    assert [by_id[edge.tail].name for edge in scene.edges if edge.head == product.id] == ["x", "w"]
    assert product.shape == (4, 2)
