"""Recurrent networks in a picture: a layer is one box, and the steps of a loop over a cell fold."""

import numpy as np
import pytest

from micrograd_np import nn
from micrograd_np.drawing import draw

XS = np.random.default_rng(1).normal(size=(5, 1, 2))


def outputs_of(cell, xs):
    """The outputs of a cell in a loop."""
    state, outputs = None, []
    for x in xs:
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return np.concatenate(outputs)


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_the_steps_of_a_cell_fold_as_a_loop_does(cell):
    outputs = outputs_of(cell(2, 3, rng=np.random.default_rng(0)), np.repeat(XS, 2, axis=0))
    loss = np.sum(outputs * outputs)
    scene = draw(loss).scene
    loops = [node.text for node in scene.nodes if node.text.startswith("8 × (")]
    assert len(loops) == 1
    assert "linear" in loops[0]
    assert len(scene.nodes) < min(60, len(draw(loss, limit=1000).scene.nodes))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_layer_is_one_box_whatever_its_length(layer):
    sizes = []
    for steps in (2, 50):
        outputs, _ = layer(2, 3, rng=np.random.default_rng(0))(np.ones((steps, 1, 2)))
        loss = np.sum(outputs * outputs)
        loss.backward()
        scene = draw(loss).scene
        sizes.append(len(scene.nodes))
        assert [node.op for node in scene.nodes if node.op and node.op.endswith("_sequence")] == [
            f"{layer.__name__.lower()}_sequence"
        ]
    assert sizes[0] == sizes[1] < 20


def test_layers_that_are_alike_are_no_loop():
    rng = np.random.default_rng(0)
    model = nn.Sequential(*(part for _ in range(12) for part in (nn.Linear(2, 2, rng=rng), nn.Tanh())))
    scene = draw(np.sum(model(np.ones((1, 2))))).scene
    assert len(scene.nodes) > 40
    assert scene.folded == []


def test_the_many_values_that_a_loop_gives_to_one_operation_are_one_arrow():
    out = outputs_of(nn.LSTMCell(3, 4, rng=np.random.default_rng(0)), np.ones((20, 2, 3)))
    loss = (out**2).sum()
    loss.backward()
    picture = draw(loss)
    loop = next(node for node in picture.scene.nodes if node.text.startswith("18 × (linear"))
    given = [edge for edge in picture.scene.edges if edge.tail == loop.id and edge.undrawn_edges]
    assert [edge.undrawn_edges for edge in given] == [17]
    assert "and 17 more arrows" in picture.dot
    assert "and 17 more arrows" in picture.mermaid
    assert picture.text.count("more arrows") == picture.text.count(", and 17 more arrows") == 1
    assert picture.dot.count(f"{loop.id} -> {given[0].head}") == 1
    assert picture.mermaid.count(f"{loop.id} -->") == picture.dot.count(f"{loop.id} -> ")
    assert "4 × item" in loop.text


def test_four_gates_are_no_loop():
    h, _ = nn.LSTMCell(3, 4, rng=np.random.default_rng(0))(np.ones((2, 3)))
    picture = draw((h**2).sum(), limit=20)
    assert not [node for node in picture.scene.nodes if node.text == "2 × item"]
