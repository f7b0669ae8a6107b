"""Gradient checks: what is refused, what is passed on, and what is said of values that are not finite."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import gradcheck

W = np.random.default_rng(1).normal(size=(3, 4))


@pytest.mark.parametrize(
    ("f", "inputs", "says"),
    [
        (lambda x: (x * x).sum(), (np.array([1, 2, 3]),), "holds other numbers that f computes with"),
        (lambda x: x * x, (3,), r"Write \.astype\(float\), or 1\.0 for 1"),
        (lambda x, w: (x * w).sum(), (np.array([1, 2, 3, 4]), W), r"gradcheck\(lambda x: f\(x, x\), x\)"),
        (lambda: 1.0, (), "a function and no inputs"),
        (lambda x: None, (W,), "returned None.*`return` missing"),
        (lambda x: "a", (W,), "returned 'a'"),
        (W, (W,), "takes a function and its inputs"),
    ],
)
def test_what_has_no_derivative_is_refused(f, inputs, says):
    with pytest.raises(TypeError, match=says):
        gradcheck(f, *inputs)


def test_indices_and_masks_beside_are_named_as_not_checked():
    report = gradcheck(lambda w, i, m: (w[i] * m).sum(), W, np.array([0, 2]), np.array([True, False, True, True]))
    assert report
    assert "Not checked, since they hold no floating-point numbers: i, m." in str(report)


def test_a_value_that_is_not_finite_names_the_op():
    report = gradcheck(lambda x: np.log(x).sum(), np.array([-1.0, 2.0]))
    assert report.verdict == "NON-FINITE ON BOTH SIDES"
    assert "log makes the first nan or inf: test_gradcheck" in str(report)


def test_a_kink_has_no_second_derivative():
    report = gradcheck(lambda x: np.abs(x).sum(), np.zeros(2), order=2)
    assert report.verdict == "KINK"
    assert "Second derivatives were not checked" in str(report)


def test_order_three_is_refused():
    with pytest.raises(ValueError, match="order=1 and order=2"):
        gradcheck(lambda x: x * x, W, order=3)


def test_leaves_of_containers_are_named_by_their_way():
    report = gradcheck(lambda p: (p["w"] * p["b"][1]).sum(), {"w": W + 0, "b": (W + 1, W + 2)}, order=2)
    assert [x.name for x in report.inputs] == ["p['w']", "p['b'][0]", "p['b'][1]"]


def test_names_are_escaped_in_html():
    assert "&lt;b&gt;" in gradcheck(lambda x: x * x, mg.Tensor(W, name="<b>"))._repr_html_()


def test_inputs_in_a_tuple_are_to_be_spread():
    with pytest.raises(TypeError) as caught:
        mg.gradcheck(lambda x: x**2, (np.ones(2),))
    assert "write gradcheck(f, *inputs)" in str(caught.value)
    assert mg.gradcheck(lambda pair: pair[0] * pair[1], (np.ones(2), np.ones(2)))
