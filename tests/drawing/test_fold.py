"""A large graph folds what repeats, says so, and loses nothing."""

import re
import time

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.names import Names
from micrograd_np.drawing import draw
from micrograd_np.drawing.collapse import MAX_BOXES, Item, box_places, fold, fold_middle, single_item
from micrograd_np.drawing.graph import graph_of, walk


def recurrent(steps):
    w, u = (mg.Tensor(np.eye(2) * 0.5, requires_grad=True) for _ in range(2))
    h = np.zeros((1, 2))
    for _ in range(steps):
        h = np.tanh(mg.Tensor(np.ones((1, 2))) @ u + h @ w)
    return np.sum(h)


CHOICES = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: np.tanh(a), lambda a, b: np.maximum(a, b)]


def unlike(count):
    """A graph in which nothing repeats: ops in an order of no period."""
    random = np.random.default_rng(0)
    values = [mg.Tensor(1.0, requires_grad=True)]
    for choice in random.integers(0, 4, count):
        values.append(np.tanh(CHOICES[choice](values[-1], values[random.integers(len(values) // 2, len(values))])))
    return values[-1]


def hidden(scene):
    """The number of operations and leaves that the folded boxes say they hold."""
    counts = [int(re.match(r"[\d,]+", words)[0].replace(",", "")) for words in scene.folded]
    boxes = [node for node in scene.nodes if node.kind == "fold"]
    return sum(counts), len(boxes)


@pytest.mark.parametrize("output", [recurrent(500), unlike(2000)], ids=["a loop", "no repeats"])
def test_nothing_is_lost_silently(output):
    scene = draw(output).scene
    inside, boxes = hidden(scene)
    assert len(scene.nodes) <= MAX_BOXES
    assert len(scene.nodes) - boxes + inside == len(walk([output]))


def test_a_loop_is_one_box_between_its_first_and_last_turn():
    scene = draw(recurrent(500)).scene
    folds = [node.text for node in scene.nodes if node.kind == "fold"]
    assert folds == ["498 × (@, @, +, tanh)"]
    assert len(scene.nodes) == 15


def test_loops_in_loops_fold_from_the_inside():
    x = mg.Tensor(1.0, requires_grad=True)
    for _ in range(30):
        for _ in range(20):
            x = x + 1.0
        x = np.tanh(x)
    folds = [node.text for node in draw(x, limit=50).scene.nodes if node.kind == "fold"]
    assert "27 × (+, 18 × +, +, tanh)" in folds


@pytest.mark.parametrize("output", [recurrent(200), unlike(1000)], ids=["a loop", "no repeats"])
def test_a_folded_picture_has_no_cycle(output):
    scene = draw(output).scene
    place = {node.id: i for i, node in enumerate(scene.nodes)}
    ops = {node.id for node in scene.nodes if node.kind in ("operation", "output", "fold")}
    assert all(place[edge.tail] < place[edge.head] for edge in scene.edges if edge.tail in ops)


def test_a_small_graph_is_left_alone():
    graph = graph_of([recurrent(3)], Names())
    items = fold(graph)
    assert [item.size for item in items] == [1] * len(graph.ops)
    assert box_places(graph, items).tolist() == list(range(len(graph.values)))
    assert draw(recurrent(3)).scene.folded == []


def test_the_limit_can_be_asked_for():
    assert len(draw(recurrent(20), limit=20).scene.nodes) <= 20


def test_outputs_are_never_folded():
    def running_sum():
        total = mg.Tensor(0.0, requires_grad=True)
        return [total := total + 1.0 for _ in range(50)][-3:]

    kinds = [node.kind for node in draw(running_sum, limit=20).scene.nodes]
    assert kinds.count("output") == 3
    assert "fold" in kinds


def test_a_scope_folds_into_a_box_of_its_name():
    w = mg.Tensor(1.0, requires_grad=True)
    with mg.scope("layer 1"):
        h = np.tanh(w * 2) + 1
    scene = draw(h * 3, fold=["layer 1"]).scene
    assert [node.text for node in scene.nodes if node.kind == "fold"] == ["layer 1"]
    assert len(scene.nodes) == 2
    assert scene.folded == ["3 operations in one box: layer 1", "1 leaf that only folded operations use"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "limit"),
    [(recurrent(2500), None), (recurrent(2500), 1000), (unlike(5000), None), (unlike(300), 1000)],
    ids=["a loop", "a loop, unfolded", "no repeats", "hundreds of boxes"],
)
def test_a_large_picture_takes_seconds(output, limit):
    output.backward()
    start = time.perf_counter()
    picture = draw(output, limit=limit)
    assert "<svg" in picture.svg
    assert time.perf_counter() - start < 20


class Square(mg.nn.Module):
    def __init__(self):
        self.weight = mg.nn.Parameter(np.full(2, 1.1))

    def forward(self, x):
        return x * self.weight * x


def run(modules):
    x = mg.Tensor([0.5, -0.5])
    for module in modules:
        x = module(x)
    loss = np.sum(x)
    loss.backward()
    return loss


def test_a_module_that_runs_again_is_drawn_once_and_then_as_boxes_with_what_they_give():
    square = Square()
    loss = run([square] * 20)
    scene = draw(loss).scene
    assert [node.text for node in scene.nodes if node.kind == "fold"] == [
        f"square: Square, run {i}" for i in range(2, 21)
    ]
    last = next(node for node in scene.nodes if node.text == "square: Square, run 20")
    np.testing.assert_array_equal(last.value, loss.args[0].data)
    np.testing.assert_array_equal(last.gradient, [1.0, 1.0])
    assert scene.folded == ["38 operations in 19 boxes, each a module's or a scope's"]


def test_a_loop_of_modules_is_one_box():
    square = Square()
    scene = draw(run([square] * 100)).scene
    assert "97 × Square" in [node.text for node in scene.nodes]


def test_many_modules_are_a_box_each():
    layers = [Square() for _ in range(45)]
    folds = [node.text for node in draw(run(layers)).scene.nodes if node.kind == "fold"]
    assert folds == [f"layers[{i}]: Square" for i in range(45)]


def test_the_limit_decides_alone_where_it_is_given():
    square = Square()
    assert draw(run([square] * 20), limit=50).scene.folded == []


def test_a_weight_of_many_folds_has_one_arrow_and_says_how_many_more_there_are():
    square = Square()
    picture = draw(run([square] * 10), fold=["square"])
    folds = [node for node in picture.scene.nodes if node.kind == "fold"]
    used = [edge for edge in picture.scene.edges if edge.tail == "n1"]
    assert len(folds) == len(used) == 10
    assert [edge.drawn for edge in used] == [True] + [False] * 9
    assert picture.dot.count("n1 -> ") == 1
    assert "goes into 9 more folded boxes" in picture.dot


def test_a_group_alone_between_values_that_are_never_folded_keeps_its_name():
    h = mg.Tensor(np.ones(2), requires_grad=True)
    chain = [h := np.sin(h) for _ in range(12)]
    graph = graph_of([h], Names(), keep={id(chain[3]), id(chain[8])})
    group = Item("encoder", "Encoder", 4, 8, (), group="encoder: Encoder")
    items = [*(single_item(graph, i) for i in range(4)), group, *(single_item(graph, i) for i in range(8, 12))]
    assert group in fold_middle(graph, items, 4)
