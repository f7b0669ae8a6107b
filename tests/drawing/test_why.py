"""Why a gradient is missing: what is not known to be the reason is not said to be."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import explain, why_none
from tests.drawing.scenes import weight


def test_a_loss_that_was_made_under_no_grad():
    w = weight(2)
    with mg.no_grad():
        loss = np.sum(w * 2)
    reason = why_none(w, loss)
    assert reason.startswith("loss was not computed from w; detach() or no_grad() cut the graph at test_why.py:")
    assert "loss = np.sum(w * 2)" in reason


def test_a_loss_that_was_detached_or_has_no_graph_at_all():
    w, other = weight(2), mg.Tensor(1.0)
    loss = np.sum(w.detach())
    assert why_none(w, loss).startswith("loss was not computed from w; detach() or no_grad() cut the graph at test_why")
    assert "loss = np.sum(w.detach())" in why_none(w, loss)
    assert why_none(w, other) == (
        "other was not computed from w. w.data, w.detach() and np.array(w) give values without the graph."
    )


def test_a_loss_that_was_not_computed_from_it_is_not_said_to_be():
    w, b = weight(2), weight(2)
    loss = np.sum(w * 2)
    assert why_none(b, loss) == (
        "loss was not computed from b. b.data, b.detach() and np.array(b) give values without the graph."
    )


def test_an_output_that_is_in_no_variable_is_asked_for():
    w = weight(2)
    held = [lambda: np.sum(w * 2)]
    assert "Pass the output if it is in no variable: mg.why_none(w, loss)." in why_none(w)
    with pytest.raises(RuntimeError, match=r"Pass the output: mg.explain\(w, loss\)\.$"):
        explain(w)
    assert "why_none(w, loss)" in why_none(w)._repr_html_()
    assert len(held) == 1


@pytest.mark.parametrize("backward", [False, True])
def test_arguments_in_the_wrong_order_are_told(backward):
    w = weight(2)
    loss = np.sum(w * 2)
    if backward:
        loss.backward()
    words = "w was not computed from loss, but loss from w. Pass them in the other order: mg."
    assert why_none(loss, w) == f"{words}why_none(w, loss)."
    with pytest.raises(RuntimeError) as error:
        explain(loss, w)
    assert str(error.value) == f"{words}explain(w, loss)."


def test_a_graph_that_was_forgotten_is_no_reason_against_it():
    w = weight(2)
    loss = np.sum(w * 2)
    loss.backward(retain_graph=False)
    w.zero_grad()
    assert why_none(w, loss).startswith("the graph of loss was forgotten by backward(retain_graph=False)")


def test_a_detach_elsewhere_did_not_cut_what_was_never_used():
    w = weight(2)
    early = (w * 2).detach()
    b = weight(2)
    late = (w * 3).detach()
    loss = np.sum(early * w + late * w)
    loss.backward()
    reason = why_none(b, loss)
    assert reason.startswith("loss was not computed from b. No gradient passes the detach() or no_grad() at ")
    assert "early =" not in reason


def test_a_detach_of_it_did():
    w, b = weight(2), weight(2)
    cut = (b * 3).detach()
    loss = np.sum(cut * w)
    loss.backward()
    assert why_none(b, loss).startswith("loss was not computed from b; detach() or no_grad() cut the graph at test_why")
    assert why_none(b).startswith("nothing among your variables was computed from b; detach() or no_grad() cut")


def test_a_frozen_parameter_has_the_cure():
    layer = nn.Linear(2, 1, rng=np.random.default_rng(0))
    layer.bias.requires_grad = False
    loss = np.sum(layer(np.ones((3, 2))))
    loss.backward()
    assert why_none(layer.bias, loss) == (
        "layer.bias is frozen: its requires_grad is False. Set layer.bias.requires_grad = True before it is used."
    )
    layer.bias.requires_grad = True
    assert why_none(layer.bias, loss) == "bias did not want a gradient when loss was computed. Compute loss again."


@pytest.mark.parametrize("thing", [3, "w", None, nn.Linear(1, 1, rng=np.random.default_rng(0))])
def test_what_is_no_tensor_is_refused_in_words(thing):
    w = weight(2)
    for function in (why_none, explain):
        with pytest.raises(TypeError, match=f"{function.__name__} asks about a Tensor, and was given"):
            function(thing)
        if thing is not None:
            with pytest.raises(TypeError, match="Give it a Tensor"):
                function(w, thing)


def test_an_array_is_refused_too_and_why_none_says_how_to_ask():
    w = weight(2)
    X = np.ones((400, 3))
    with pytest.raises(TypeError, match=r"explain asks about a Tensor, and was given X \(400, 3\) float64\. Give it"):
        explain(X, np.sum(w))
    with pytest.raises(TypeError, match=r"was given an array \(2,\) float64\. Give it"):
        explain(np.ones(2))
    with pytest.raises(TypeError, match=r"was given an object of type list\. Give it"):
        explain(["a long list"] * 9)
    with pytest.raises(TypeError, match="why_none asks about a Tensor"):
        why_none(w, np.ones(2))
    assert why_none(np.ones(2)) == "this array is no Tensor. Wrap it: mg.Tensor(..., requires_grad=True)."
