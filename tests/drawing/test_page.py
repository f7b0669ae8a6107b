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
    backward = [step["node"] for step in steps if step["pass"] == "backward"]
    assert forward == order
    assert backward == [node for node in reversed(order) if node in backward]


def test_what_has_arrived_adds_up_to_the_gradient():
    picture, _ = network()
    page = data(picture)
    sums = {send["to"]: send["sum"] for step in page["steps"] for send in step.get("sends", []) if "sum" in send}
    assert sums
    for node, total in sums.items():
        assert total["full"] == page["nodes"][node]["gradient"]["full"]


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


def test_a_fold_tells_what_happens_inside():
    with mg.scope("layer"):
        h = np.tanh(w := mg.Tensor([1.0, 2.0], requires_grad=True)) * w
    loss = np.sum(h)
    loss.backward()
    folded = data(draw(loss, fold=["layer"]))["nodes"]
    told = next(node["inside"] for node in folded.values() if "inside" in node)
    assert [row[0] for row in told["forward"]] == ["tanh(w)", "h = tanh(w) * w"]
    assert told["backward"] == [
        ["tanh(w)", "g * w", "[1 2]"],
        ["w", "g * (1 - z * z)", "[0.420 0.141]"],
        ["", "+ g * tanh(w)", "[0.762 0.964]"],
    ]
    assert told["note"] == []


def test_of_a_large_fold_it_tells_the_beginning_and_the_end():
    h = mg.Tensor(1.0, requires_grad=True)
    for _ in range(1000):
        h = np.tanh(h) * 1.1
    told = next(node["inside"] for node in data(draw(h))["nodes"].values() if "inside" in node)
    assert len(told["forward"]) == 24
    assert told["note"] == ["1,970 operations between are left out"]


def test_the_source_is_on_the_page_as_text():
    w = mg.Tensor(1.0, requires_grad=True, name="<b>")
    html = draw(np.exp(w * 2)).html
    assert "def compute_output(b):" in html
    assert "return np.exp(b * 2)" in html
