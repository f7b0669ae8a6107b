"""A tensor, an explanation and a reason show themselves in a notebook."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import explain

VALUES = [
    np.zeros((0, 3)),
    np.array(2.0),
    np.ones((2, 3, 4)),
    np.arange(3),
    np.array([True, False]),
    np.ones(2, np.float32),
    np.array([np.nan, np.inf]),
    np.ones(2) * 1j,
]


@pytest.mark.parametrize("values", VALUES, ids=[f"{values.dtype} {values.shape}" for values in VALUES])
def test_it_shows_itself_whatever_it_holds(values):
    html = mg.Tensor(values)._repr_html_().replace("&nbsp;", " ")
    assert "value" in "".join(ET.fromstring(html).itertext())


def test_it_shows_name_shape_values_and_gradient():
    w = mg.Tensor([1.5, -2.0], requires_grad=True, name="<script>")
    assert "no backward yet" in w._repr_html_()
    (w * 2).sum().backward()
    words = list(ET.fromstring(w._repr_html_()).itertext())
    assert words[:2] == ["<script>", " ·  (2,) · leaf"]
    assert [word.strip() for word in words[2:]] == ["value", "1.50", "-2.00", "gradient", "2", "2"]


def test_a_result_names_its_op():
    h = np.exp(mg.Tensor(1.0, requires_grad=True))
    assert "op exp" in h._repr_html_()


def test_an_explanation_is_its_text_with_its_mathematics_below():
    x = mg.Tensor(np.ones((1, 1, 2, 2)), requires_grad=True, name="<x>")
    loss = np.sum(mg.nn.MaxPool2d(2)(x) * 2.0)
    loss.backward()
    explained = explain(x, loss)
    text, below = ET.fromstring(explained._repr_html_())
    assert text.text == explained
    assert below.text == f"$${explained.latex}$$"
