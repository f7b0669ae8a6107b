"""A picture gives its room to what the user named: the rest is one line, and the way of the computation is straight."""

import re

import numpy as np

from micrograd_np.drawing import draw
from tests.drawing.scenes import weight


def chain(steps):
    w = weight(2, 2)
    named = w * 2
    state = [named]
    for _ in range(steps):
        state = [np.tanh(state[0])]
    loss = np.sum(state[0])
    del state
    loss.backward()
    return draw(loss, limit=100)


def cells(picture, text):
    """The number of cells in the table of a box."""
    node = next(node for node in picture.scene.nodes if text in (node.name, node.text))
    line = next(line for line in picture.dot.splitlines() if line.strip().startswith(f"{node.id} [label"))
    return line.count("<td")


def test_of_a_few_boxes_each_shows_its_numbers():
    picture = chain(3)
    assert cells(picture, "tanh(named)") == cells(picture, "named")


def test_of_more_what_has_no_name_is_one_line():
    picture = chain(12)
    assert cells(picture, "tanh(named)") < cells(picture, "named") == cells(picture, "w")


def test_what_is_computed_is_a_line_with_leaves_beside_it():
    picture = chain(3)
    heavy = set(re.findall(r"(n\d+) -> n\d+ \[.*weight=8", picture.dot))
    assert heavy == {node.id for node in picture.scene.nodes if node.kind == "operation"}
