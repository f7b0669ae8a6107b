"""The page is one file, in which stand the steps of the two passes and the source."""

import re

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw
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
