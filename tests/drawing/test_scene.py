"""The picture model tells the truth: the tape's values, its gradients, and the parts that add up to them."""

import numpy as np

import micrograd_np as mg
from micrograd_np.core.tensor import Tensor
from micrograd_np.drawing import draw
from tests.drawing.scenes import node, scene, weight


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
    assert [float(edge.share) for edge in edges] == [-1.0, -1.0]


def test_an_argument_without_a_rule_is_a_dashed_arrow():
    w = weight(3)
    chosen = np.where(np.array([True, False, True]), w, 0.0)
    assert [edge.has_rule for edge in scene(chosen).edges] == [False, True]


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


def test_several_outputs_of_one_op():
    a = mg.Tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    sign, logabsdet = np.linalg.slogdet(a)
    logabsdet.backward()
    drawn = scene(logabsdet)
    assert [(each.text, each.state) for each in drawn.nodes[1:]] == [("slogdet(a)", "2 outputs"), ("v1[1]", "")]
    assert [edge.rule for edge in drawn.edges][1] == "g to [1]"
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


def test_a_formula_never_takes_a_users_name_for_a_letter_of_its_own():
    z, y = weight(2), weight(2)
    result = (z + 1) / (y + 3)
    rules = [edge.rule for edge in draw(np.tanh(result + 1)).scene.edges]
    assert "g / (y + 3)" in rules
    assert "-g * result / (y + 3)" in rules
    assert "g * (1 - tanh(result + 1) * tanh(result + 1))" in rules
