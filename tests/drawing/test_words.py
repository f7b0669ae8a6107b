"""The picture in words: for a terminal, for Mermaid, and the chain rule a line a step."""

# ruff: noqa: RUF059 - a variable that is not read still gives its name

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw, explain, why_none
from micrograd_np.drawing.preview import brief


def weight(*shape):
    return mg.Tensor(np.linspace(-1, 2, int(np.prod(shape))).reshape(shape), requires_grad=True)


def test_the_text_has_a_line_for_each_value_and_for_each_rule():
    w = weight(2)
    h = np.exp(w)
    loss = np.sum(h * h)
    loss.backward()
    lines = [" ".join(line.split()) for line in draw(loss).text.splitlines()]
    assert lines == [
        "forward",
        "w (2,) [-1 2] leaf",
        "h = exp(w) (2,) [0.37 7.39]",
        "h * h (2,) [0.1 54.6]",
        "loss = sum(h * h) () 54.7 output",
        "backward: g is the gradient of the value on the right",
        "loss () the start 1",
        "h * h (2,) broadcast_to(g, (2,)) loss [1 1]",
        "h (2,) g * h h * h [0.37 7.39]",
        "+ g * h h * h [0.37 7.39]",
        "= the sum [0.7 14.8]",
        "w (2,) g * h h [0 109]",
    ]


def test_mermaid_has_boxes_arrows_groups_and_classes():
    w = weight(2)
    with mg.scope("layer 1"):
        h = np.exp(w)
    assert draw(np.where(np.array([True, False]), h, 0.0)).mermaid.splitlines() == [
        "flowchart TB",
        'subgraph s1["layer 1"]',
        'n0["w (2,)<br/>value [-1 2]"]:::leaf',
        'n1["h = exp(w) (2,)<br/>value [0.37 7.39]"]:::operation',
        "end",
        'n2["c1 (2,)<br/>value [1 0]"]:::constant',
        'n3["where(c1, h, 0) (2,)<br/>value [0.368 0.000]"]:::output',
        'n0 -->|"g * h"| n1',
        "n2 -.-> n3",
        'n1 -->|"where(c1, g, 0)"| n3',
        "classDef constant fill:#f0f0ee,stroke:#a3a39d,color:#1f2328",
        "classDef leaf fill:#fff4d9,stroke:#e09b00,color:#1f2328",
        "classDef operation fill:#fdfdff,stroke:#7d97b3,color:#1f2328",
        "classDef output fill:#e6f5ee,stroke:#009e73,color:#1f2328",
    ]


def chain():
    w, v = weight(2), weight(2)
    h = np.tanh(w)
    loss = np.sum(h * v)
    return w, v, h, loss


def test_explain_goes_from_the_newest_value_back_to_the_tensor():
    w, v, h, loss = chain()
    loss.backward()
    lines = explain(w).splitlines()
    assert lines[0] == "From loss back to w: g is the gradient of the value on the right"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "loss () the start 1",
        "h * v (2,) broadcast_to(g, (2,)) loss [1 1]",
        "h (2,) g * v h * v [-1 2]",
        "w (2,) g * (1 - h * h) h [-0.420 0.141]",
    ]


def test_explain_takes_another_output_and_works_before_backward():
    w, v, h, loss = chain()
    lines = explain(w, h).splitlines()
    assert lines[0].startswith("From h back to w")
    assert [" ".join(line.split()) for line in lines[1:]] == ["w (2,) g * (1 - h * h) h"]


def test_explain_of_the_output_lists_every_rule():
    w, v, h, loss = chain()
    assert explain(loss).splitlines()[0].startswith("From loss back:")
    assert {"w", "v", "h"} <= {line.split()[0] for line in explain(loss).splitlines()}


def test_explain_says_when_no_gradient_flows():
    w, v, h, loss = chain()
    with pytest.raises(RuntimeError, match="no gradient flows from h to v"):
        explain(v, h)
    with pytest.raises(RuntimeError, match="has no graph to walk back"):
        explain(mg.Tensor([1.0]))
    alone = weight(2)
    with pytest.raises(RuntimeError, match="nothing among your variables was computed from it"):
        explain(alone)


@pytest.mark.parametrize("of", [0, -1])
def test_explain_does_not_take_a_forgotten_graph_for_one_without_gradients(of):
    w = weight(2)
    loss = np.sum(w * w)
    loss.backward(retain_graph=False)
    with pytest.raises(RuntimeError, match=r"the graph of loss was forgotten by backward\(retain_graph=False\)"):
        explain((w, loss)[of], loss)


def test_why_a_constant_has_none():
    X, t, n = np.ones(2), mg.Tensor([1.0]), mg.Tensor([1, 2])
    assert why_none(X).startswith("X is no Tensor")
    assert why_none(t).startswith("t is a constant")
    assert why_none(n).startswith("n holds int64 numbers")


def test_why_detached_values_have_none():
    w = weight(2)
    d = w.detach()
    with mg.no_grad():
        n = w * 2
    for t, line in ((d, "d = w.detach()"), (n, "n = w * 2")):
        assert "was cut from its graph by detach() or no_grad()" in why_none(t)
        assert line in why_none(t)


def test_why_when_backward_was_not_called():
    w, v, h, loss = chain()
    assert why_none(w) == "backward() has not been called on loss, which was computed from w."


def test_why_when_nothing_was_computed():
    w = weight(2)
    assert why_none(w).startswith("nothing among your variables was computed from w. w.data, w.detach() and")


def test_why_when_the_way_was_cut():
    w = weight(2)
    h = (w * 2).detach()
    loss = np.sum(h * weight(2))
    loss.backward()
    assert why_none(w, loss).startswith("loss was not computed from w; detach() or no_grad() cut the graph at")
    assert "h = (w * 2).detach()" in why_none(w, loss)


def test_why_when_the_gradient_was_cleared():
    w, v, h, loss = chain()
    loss.backward()
    w.zero_grad()
    assert why_none(w).startswith("the gradient of w was cleared after the backward pass of loss")


def test_why_when_the_graph_was_forgotten():
    w, v, h, loss = chain()
    del h
    loss.backward(retain_graph=False)
    w.zero_grad()
    assert why_none(w).startswith("the graph of loss was forgotten by backward(retain_graph=False)")


def test_why_when_an_op_has_no_rule_for_it():
    choice, w = weight(2), weight(2)
    out = np.sum(np.where(choice, w, 0.0))
    out.backward()
    assert why_none(choice) == "no gradient passes from out to choice: where has no derivative for that argument."


def test_why_a_true_zero():
    w = weight(2)
    out = np.sum(mg.relu(-np.exp(w)))
    out.backward()
    reason = "relu(-exp(w)) was given a gradient and sent g * ~(-exp(w) <= 0), which is zero."
    assert why_none(w) == f"w has a gradient, and it is truly zero: {reason}"


def test_why_a_zero_that_was_given():
    w = weight(2)
    out = np.exp(w)
    out.backward(np.zeros(2))
    assert why_none(w) == "w has a gradient, and it is truly zero."


def test_why_nothing_is_wrong():
    w, v, h, loss = chain()
    loss.backward()
    assert why_none(w) == "w has a gradient: [-0.420 0.141]."


def test_what_folded_boxes_send_adds_up():
    w = weight(2)
    with mg.scope("one"):
        a = np.tanh(np.exp(w))
    with mg.scope("two"):
        b = np.sin(np.exp(w))
    loss = np.sum(a * b)
    loss.backward()
    rows = [row.split() for row in draw(loss, fold=["one", "two"], direction="backward").text.splitlines()]
    first, second = np.exp(w.data) * (1 - a.data**2) * b.data, np.exp(w.data) * np.cos(np.exp(w.data)) * a.data
    start = rows.index(["w", "(2,)", "folded", "a", *brief(first).split()])
    assert rows[start + 1 : start + 3] == [
        ["+", "folded", "b", *brief(second).split()],
        ["=", "the", "sum", *brief(w.grad).split()],
    ]


def test_mermaid_cuts_a_long_formula_and_not_its_shape():
    w = weight(2)
    w.name = "long" * 30
    assert "… (2,)<br/>" in draw(w * 2).mermaid
