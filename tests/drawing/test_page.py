"""The page is one file, in which stand the steps of the two passes and the source."""

import re

import numpy as np

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import Picture, draw
from tests.drawing.pages import data, network


def test_the_page_is_one_file_that_asks_for_nothing():
    html = network()[0].html
    assert "default-src 'none'" in html
    assert re.findall(r"(?:src|href)=[\"'](?!#)", html) == []
    assert html.count("<script") == 2


def test_a_hostile_name_stays_text():
    w = mg.Tensor(1.0, requires_grad=True, name="</script><script>alert(1)</script>")
    loss = w * 2
    loss.backward()
    html = draw(loss).html
    assert html.count("<script") == 2
    assert "alert(1)</script>" not in html.replace("\\u003c", "")


def test_the_steps_go_forward_in_order_and_back_in_the_opposite_one():
    picture, _ = network()
    steps = data(picture)["steps"]
    ways = [step["pass"] for step in steps]
    assert ways == sorted(ways, reverse=True)
    order = [node.id for node in picture.scene.nodes]
    forward = [step["node"] for step in steps if step["pass"] == "forward"]
    backward = [step["node"] for step in steps if step["pass"] == "backward" and "sum" not in step]
    assert forward == order
    assert backward == [node for node in reversed(order) if node in backward]


def test_where_a_value_is_used_twice_the_sum_is_a_step_of_its_own():
    picture, tensors = network()
    page = data(picture)
    ((place, step),) = [(i, step) for i, step in enumerate(page["steps"]) if "sum" in step]
    assert page["nodes"][step["node"]]["title"] == "l2_error"
    parts = [np.array(part["array"]["full"], float) for part in step["sum"]]
    np.testing.assert_array_equal(sum(parts), tensors["l2_error"].grad)
    before, after = page["steps"][place - 1], page["steps"][place + 1]
    assert {part["from"] for part in step["sum"]} == {before["node"]}
    assert after["node"] == step["node"] and "sum" not in after


def test_without_a_backward_pass_it_plays_forward_and_says_so():
    page = data(draw(mg.Tensor(1.0, requires_grad=True) * 2))
    assert {step["pass"] for step in page["steps"]} == {"forward"}
    assert "call backward()" in page["note"]


def test_a_large_array_is_shown_by_its_summary():
    w = mg.Tensor(np.ones((100, 100)), requires_grad=True)
    value = data(draw(w * 2))["nodes"]["n0"]["value"]
    assert "full" not in value
    assert value["line"] == "all 1"


def test_a_folded_picture_plays():
    h = mg.Tensor(1.0, requires_grad=True)
    for _ in range(1000):
        h = np.tanh(h) * 1.1
    h.backward()
    page = data(draw(h))
    assert len(page["nodes"]) < 20
    assert "folded" in page["note"]


def test_a_fold_has_a_view_in_which_it_is_open():
    with mg.scope("layer"):
        h = np.tanh(w := mg.Tensor([1.0, 2.0], requires_grad=True)) * w
    loss = np.sum(h)
    loss.backward()
    picture = draw(loss, fold=["layer"])
    (fold,) = [id for id, node in data(picture)["nodes"].items() if node.get("opens")]
    opened = picture.scene.opened[fold]
    assert [node.text for node in opened.nodes] == ["", "tanh(w)", "tanh(w) * w", "sum(h)"]
    assert [node.scope for node in opened.nodes if node.op and node.kind != "output"] == [("layer",), ("layer",)]
    assert {edge.rule for edge in opened.edges} == {"g * w", "g * (1 - z * z)", "g * tanh(w)", "broadcast_to(g, (2,))"}
    assert draw(loss).text.splitlines()[:4] == Picture(opened, "both", None).text.splitlines()[:4]


def test_numbers_in_an_open_fold_are_those_of_the_whole_picture():
    cell, h = nn.GRUCell(2, 3, rng=np.random.default_rng(0)), np.zeros((1, 3))
    for _ in range(6):
        h = cell(np.ones((1, 2)), h)
    loss = (h * h).sum()
    loss.backward()
    whole = {node.where: node for node in draw(loss, limit=1000).scene.nodes if node.kind == "leaf"}
    picture = draw(loss, fold=["cell"])
    assert len(picture.scene.opened) == 6
    for key, opened in picture.scene.opened.items():
        assert not any(node.reason for node in opened.nodes)
        assert next(node for node in opened.nodes if node.id == key).op
        assert sum(node.kind == "fold" for node in opened.nodes) == 5
        leaving = opened.gradient_edges()
        for node in opened.nodes:
            if node.kind == "leaf":
                np.testing.assert_allclose(sum(edge.gradient for edge in leaving[node.id]), node.gradient, rtol=1e-9)
    assert whole


def test_of_a_large_fold_the_beginning_and_the_end_open():
    h = mg.Tensor(1.0, requires_grad=True)
    for _ in range(1000):
        h = np.tanh(h) * 1.1
    picture = draw(h)
    (opened,) = picture.scene.opened.values()
    inside = [node for node in opened.nodes if node.scope]
    assert [node.kind for node in inside] == [*["operation"] * 12, "fold", *["operation"] * 12]
    assert opened.folded == ["1,970 operations in one box: 985 × tanh, 985 × *"]
