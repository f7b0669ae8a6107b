"""The picture model tells the truth: the tape's values, its gradients, and the parts that add up to them."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import Picture, draw
from micrograd_np.drawing.flow import fill
from micrograd_np.drawing.model import build, walk
from micrograd_np.drawing.names import Names
from micrograd_np.drawing.page import page
from micrograd_np.graph import Tensor
from tests.ops.cases import CASES


def weight(*shape):
    return mg.Tensor(np.linspace(-1, 2, int(np.prod(shape))).reshape(shape), requires_grad=True)


def scene(output, **options):
    return draw(output, **options).scene


def node(picture, name):
    return next(node for node in picture.nodes if name in (node.name, node.text))


def network():
    X, y = np.eye(4, 3), np.array([[0.0, 1, 1, 0]]).T
    syn0, syn1 = weight(3, 4), weight(4, 1)
    l1 = mg.sigmoid(np.dot(X, syn0))
    l2 = mg.sigmoid(np.dot(l1, syn1))
    l2_error = y - l2
    return np.sum(l2_error * l2_error) / 2


def test_a_box_for_each_value_in_the_order_of_computation():
    drawn = draw(network).scene
    assert [node.name or node.text for node in drawn.nodes] == [
        *("X", "syn0", "X @ syn0", "l1", "syn1", "l1 @ syn1", "l2"),
        *("y", "l2_error", "l2_error * l2_error", "sum(l2_error * l2_error)", "sum(l2_error * l2_error) / 2"),
    ]
    assert [node.kind for node in drawn.nodes].count("output") == 1


def test_values_and_gradients_are_the_tapes():
    w = weight(3)
    h = np.exp(w)
    loss = np.sum(h * 2)
    loss.backward()
    drawn = scene(loss)
    for name, tensor in {"w": w, "h": h, "loss": loss}.items():
        np.testing.assert_array_equal(node(drawn, name).value, tensor.data)
        np.testing.assert_array_equal(node(drawn, name).gradient, tensor.grad)


def test_numbers_stand_in_the_op_and_arrays_have_a_box():
    w = weight(2)
    drawn = scene(0.5 * w + np.ones(2))
    assert len(drawn.nodes) == 4
    assert node(drawn, "0.5 * w").kind == "operation"


def test_an_argument_used_twice_is_two_arrows():
    w = weight()
    square = w * w
    square.backward()
    edges = scene(square).edges
    assert [(edge.position, edge.argument, edge.rule) for edge in edges] == [(0, "x", "g * w"), (1, "y", "g * w")]
    assert [float(edge.part) for edge in edges] == [-1.0, -1.0]


def test_an_argument_without_a_rule_is_a_dashed_arrow():
    w = weight(3)
    chosen = np.where(np.array([True, False, True]), w, 0.0)
    assert [edge.flows for edge in scene(chosen).edges] == [False, True]


def test_the_states():
    w, frozen, constant = weight(2), weight(2), mg.Tensor([1.0, 2.0])
    loss = np.sum(w * frozen * constant)
    assert node(scene(loss), "w").state == "no backward yet"
    loss.backward()
    frozen.requires_grad = False
    drawn = scene(np.sum(w * frozen * constant))
    assert [(each.name, each.kind, each.state) for each in drawn.nodes[:2]] == [
        ("w", "leaf", ""),
        ("frozen", "frozen", "frozen"),
    ]
    assert node(drawn, "constant").state == "constant"


def test_a_leaf_that_was_written_to_says_so_and_no_stale_part_is_shown():
    w, v = weight(2), weight(2)
    loss = np.sum(w * v)
    loss.backward()
    w -= 0.1
    drawn = scene(loss)
    assert (node(drawn, "w").state, node(drawn, "v").state) == ("updated since", "")
    assert all(edge.gradient is None for edge in drawn.edges[:2])
    assert drawn.edges[0].rule == "g * v"


def test_a_write_before_the_graph_is_no_update():
    w = weight(2)
    w -= 0.1
    assert node(scene(w * 2), "w").state == "no backward yet"


def test_the_picture_keeps_the_values_it_was_drawn_with():
    w = weight(2)
    drawn = scene(w * 2)
    before = w.data.copy()
    w -= 5
    np.testing.assert_array_equal(node(drawn, "w").value, before)


def test_a_forgotten_graph_is_one_box_that_says_so():
    w = weight(2)
    loss = np.sum(w * w)
    loss.backward(retain_graph=False)
    drawn = scene(loss)
    assert [(each.name, each.text, each.state) for each in drawn.nodes] == [("loss", "sum", "graph forgotten")]


def test_gradients_that_are_tensors_are_drawn():
    w = weight(2)
    loss = np.sum(w * w * w)
    loss.backward(create_graph=True)
    drawn = scene(loss)
    assert isinstance(node(drawn, "w").gradient, np.ndarray)
    assert draw(w.grad if isinstance(w.grad, Tensor) else loss).text


def test_a_tensor_without_a_past_is_one_box():
    t = mg.Tensor([1.0, 2.0])
    assert [(each.name, each.kind) for each in scene(t).nodes] == [("t", "constant")]


def test_several_outputs_share_their_boxes():
    w = weight(2)

    def both():
        h = np.exp(w)
        return {"a": np.sum(h), "b": [h * 2]}

    assert [each.kind for each in draw(both).scene.nodes] == ["leaf", "operation", "output", "output"]


def test_scopes_are_remembered():
    w = weight(2)
    with mg.scope("outer"):
        with mg.scope("inner"):
            h = w * 2
        out = h + 1
    drawn = scene(out)
    assert (node(drawn, "h").scope, node(drawn, "out").scope) == (("outer", "inner"), ("outer",))


def test_a_weight_is_drawn_in_the_scope_of_all_its_uses():
    w, v, X = weight(2), weight(2), np.ones(2)
    with mg.scope("one"):
        a = X * w
        b = a * v
    out = b * v
    drawn = scene(out)
    assert [node(drawn, name).scope for name in ("w", "v", "X")] == [("one",), (), ()]


class Layer(mg.nn.Module):
    def __init__(self):
        self.weight = mg.nn.Parameter(np.ones(2))

    def forward(self, x):
        with mg.scope("inside"):
            return x * self.weight


class Model(mg.nn.Module):
    def __init__(self):
        self.layers = [Layer(), Layer()]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x + 1


def test_modules_are_groups():
    model = Model()

    def loss(x):
        with mg.scope("around"):
            return np.sum(model(x))

    around = ("around", "model: Model")
    assert [(each.title or each.text, each.scope) for each in draw(loss, np.ones(2)).scene.nodes] == [
        ("x", ()),
        ("layers.0.weight", (*around, "layers.0: Layer", "inside")),
        ("x * layers.0.weight", (*around, "layers.0: Layer", "inside")),
        ("layers.1.weight", (*around, "layers.1: Layer", "inside")),
        ("x", (*around, "layers.1: Layer", "inside")),
        ("x + 1", around),
        ("sum(x + 1)", ("around",)),
    ]


def test_each_run_of_a_module_is_a_group():
    layer, x = Layer(), weight(2)
    out = layer(layer(x)) * 2
    groups = [each.scope[:1] for each in draw(out).scene.nodes if each.kind == "operation"]
    assert groups == [("layer: Layer",), ("layer: Layer, run 2",)]


def test_a_module_that_fails_leaves_no_scope_behind():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        Model()(np.ones(3))
    assert (weight(2) * 2).scope == ()


def test_a_model_that_is_gone_leaves_no_group():
    out = Model()(weight(2))
    assert {each.scope for each in draw(out).scene.nodes if each.kind == "operation"} == {("inside",)}


def test_a_module_folds_by_its_path():
    model = Model()
    drawn = draw(model, np.ones(2), fold=["layers.0"]).scene
    assert [each.text for each in drawn.nodes if each.kind == "fold"] == []
    drawn = draw(lambda x: model(np.exp(x)), weight(2), fold=["model"]).scene
    assert [each.text for each in drawn.nodes if each.kind == "fold"] == ["model: Model"]


def test_several_outputs_of_one_op():
    a = mg.Tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    sign, logabsdet = np.linalg.slogdet(a)
    logabsdet.backward()
    drawn = scene(logabsdet)
    assert [(each.text, each.state) for each in drawn.nodes[1:]] == [("slogdet(a)", "2 outputs"), ("v1[1]", "")]
    assert [edge.rule for edge in drawn.edges][1] == "(None, g)"
    np.testing.assert_array_equal(drawn.edges[0].gradient, a.grad)
    assert sign.item() == 1


def test_a_hook_is_not_run_again():
    seen = []
    w = weight(2)
    out = np.sum(mg.hook(w * 2, lambda g: seen.append(g)))
    out.backward()
    draw(out)
    assert len(seen) == 1


def test_unnamed_values_get_tags_that_are_not_the_users_names():
    w1 = weight(2)
    drawn = draw(lambda: np.exp(weight(2)) * w1).scene
    assert sorted(each.title for each in drawn.nodes if each.kind == "leaf") == ["w1", "w2"]


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "1 nan"), (np.inf, "1 inf"), (-np.inf, "1 inf"), (0.0, "1 inf"), (1e-320, "1 inf")]
)
def test_strange_numbers_are_drawn(value, words):
    w = mg.Tensor([value, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = np.sum(1 / w)
        loss.backward()
    picture = draw(loss)
    assert words in picture.text
    assert "<svg" in picture.svg


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 3)), np.array(2.0), np.ones((1, 1, 1)), np.ones(2, np.float32), np.arange(3), np.ones(2) * 1j],
    ids=["empty", "0-d", "3-d", "float32", "integer", "complex"],
)
def test_strange_arrays_are_drawn(values):
    picture = draw(mg.Tensor(values) * mg.Tensor(np.float32(1), requires_grad=True))
    assert "<svg" in picture.svg
    assert picture.text


def test_unusual_dtypes_are_named():
    t = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    assert "float32" in draw(t * 2).dot
    assert "float64" not in draw(weight(2) * 2).dot


def test_sixty_doublings_are_sixty_one_boxes():
    y = weight()
    for _ in range(60):
        y = y + y
    y.backward()
    drawn = scene(y, limit=100)
    assert len(drawn.nodes) == 61
    assert float(drawn.nodes[0].gradient) == 2.0**60


def test_the_walk_is_no_recursion():
    y = weight()
    for _ in range(20_000):
        y = y + 1.0
    assert len(walk([y])) == 20_001


PLAIN = [case for case in CASES if case.row.name not in ("hook", "pack")]


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_every_row_is_drawn_and_the_parts_add_up_to_the_gradient(case):
    inputs = [mg.Tensor(x, requires_grad=True) for x in case.values]
    outputs = [z for z in case.outputs(inputs, mg.Tensor) if z.requires_grad]
    total = sum((np.sum(z * np.ones(z.shape)) for z in outputs[1:]), np.sum(outputs[0] * 1.5))
    total.backward()
    drawn = fill(build([total], Names()))
    parts = {each.id: [] for each in drawn.nodes}
    for edge in drawn.edges:
        if edge.gradient is not None:
            assert edge.rule
            parts[edge.tail].append(edge.gradient)
    picture = Picture(drawn, "both")
    assert all((picture.dot, picture.text, picture.mermaid, page(drawn, "<svg></svg>")))
    leaves = [each for each in drawn.nodes if each.kind == "leaf"]
    assert leaves
    for leaf in leaves:
        np.testing.assert_allclose(sum(parts[leaf.id]), leaf.gradient, rtol=1e-12, atol=1e-14)


def test_a_formula_never_takes_a_users_name_for_a_letter_of_its_own():
    z, y = weight(2), weight(2)
    result = (z + 1) / (y + 3)
    rules = [edge.rule for edge in draw(np.tanh(result + 1)).scene.edges]
    assert "g / (y + 3)" in rules
    assert "-g * result / (y + 3)" in rules
    assert "g * (1 - tanh(result + 1) * tanh(result + 1))" in rules


def test_a_module_with_one_box_has_no_frame_but_a_scope_of_the_users_has():
    model = mg.nn.Sequential(mg.nn.Tanh(), mg.nn.Linear(2, 2, rng=np.random.default_rng(0)))
    with mg.scope("mine"):
        h = np.exp(weight(1, 2))
    out = model(h)
    scopes = {each.op: each.scope for each in draw(out).scene.nodes if each.op}
    assert scopes["exp"] == ("mine",)
    assert scopes["tanh"] == ("model: Sequential",)
    assert scopes["linear"] == ("model: Sequential", "layers.1: Linear")
