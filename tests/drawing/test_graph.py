"""Large graphs: boxes are built for what is shown only, and the counts are those of the whole graph."""

import gc
import time

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.core.names import Names
from micrograd_np.drawing import draw, explain, why_none
from micrograd_np.drawing.collapse import MAX_BOXES, fold
from micrograd_np.drawing.graph import graph_of, ops_of
from tests.drawing.scenes import scene


def chain(turns):
    w = mg.Tensor([0.5, -0.5], requires_grad=True)
    h = w
    for _ in range(turns):
        h = np.tanh(h * w)
    return w, h.sum()


def nested(turns, inner):
    w = mg.Tensor(0.5, requires_grad=True)
    h = w
    for _ in range(turns):
        for _ in range(inner):
            h = np.tanh(h)
        h = h * w
    return h + 1


@pytest.mark.parametrize("output", [chain(3000)[1], nested(60, 100), nested(20, 400), nested(2000, 3)])
def test_every_op_of_a_large_graph_is_in_one_item(output):
    ops, graph = ops_of([output]), graph_of([output], Names())
    items = fold(graph)
    assert len(items) <= MAX_BOXES < len(ops)
    assert [graph.values[i] for i in graph.ops] == ops
    assert [i for item in items for i in range(item.start, item.stop)] == list(range(len(ops)))


def test_a_fold_counts_the_turns_that_no_box_was_built_for():
    assert scene(chain(3000)[1]).folded == ["5,996 operations in one box: 2,998 × (*, tanh)"]
    assert "2,998 × (4 × tanh, *)" in " ".join(scene(nested(3000, 4)).folded)


def test_a_large_graph_of_small_pieces_keeps_its_ends():
    x = mg.Tensor(0.3, requires_grad=True)
    h, rng = x, np.random.default_rng(0)
    for turn in rng.integers(0, 3, 6000):
        h = np.tanh(h) if turn == 0 else np.sin(h) if turn == 1 else h + 1.0
    found = scene(h)
    assert sum(int(n.split(" operations")[0].replace(",", "")) for n in found.folded if "operations in" in n) > 5000
    assert len(found.nodes) <= 300


def test_runs_of_a_module_are_numbered_as_they_were_called():
    cell = nn.RNNCell(2, 2, rng=np.random.default_rng(0))
    h = np.zeros((1, 2))
    for _ in range(2500):
        h = cell(np.ones((1, 2)), h)
    assert any("step 2500" in label for node in scene((h * h).sum()).nodes for label in (*node.scope, node.text))


def test_explain_ends_at_a_value_in_the_middle_of_a_loop():
    x = mg.Tensor(0.3, requires_grad=True)
    values = [x]
    for _ in range(3000):
        values.append(np.sin(values[-1]))
    middle, loss = values[1500], values[-1] * 2.0
    loss.backward()
    text = explain(middle, loss)
    assert text.splitlines()[0].startswith("From loss back to middle")
    assert text.splitlines()[-1].startswith("  folded: ")
    assert len(text.splitlines()) < 40


def test_deep_containers_and_scopes_are_no_matter():
    tree = mg.Tensor(1.0, requires_grad=True) * 2
    for _ in range(2000):
        tree = [tree]
    assert len(draw(lambda: tree).scene.nodes) == 2
    model = nn.Linear(2, 2, rng=np.random.default_rng(0))
    for _ in range(100):
        model = nn.Sequential(model, nn.Tanh())
    picture = draw(model(np.ones((1, 2))).sum(), limit=500)
    assert picture.dot.count("subgraph") == picture.mermaid.count("subgraph") == 101


@pytest.mark.slow
def test_the_time_grows_with_the_graph_and_no_faster():
    def seconds(turns, ask):
        w, loss = chain(turns)
        loss.backward()
        gc.collect()
        gc.disable()  # its time grows with all that other tests have left
        try:
            start = time.process_time()
            ask(w, loss)
            return time.process_time() - start
        finally:
            gc.enable()

    for ask in (lambda w, loss: draw(loss).scene, explain, why_none):
        assert seconds(100_000, ask) < 6 * max(seconds(25_000, ask), 0.1)
