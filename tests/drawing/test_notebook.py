"""A tensor shows itself in a notebook."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import micrograd_np as mg

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
    assert words[2:] == ["value", "1.50", "-2.00", "gradient", "2", "2"]


def test_a_result_names_its_op():
    h = np.exp(mg.Tensor(1.0, requires_grad=True))
    assert "op exp" in h._repr_html_()
