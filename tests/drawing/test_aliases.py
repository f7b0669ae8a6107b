"""The views that mg.grad gives to a function are not boxes: the value is."""

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw
from micrograd_np.ops.shape import alias
from tests.drawing.scenes import node


def f(x):
    h = np.tanh(x)
    return np.sum(h * h * h)


def test_what_a_gradient_was_computed_from_is_the_users_own_value():
    w = mg.Tensor([0.3, -0.7], requires_grad=True)
    slope = np.sum(mg.grad(f)(w) ** 2)
    slope.backward()
    drawn = draw(slope).scene
    assert "alias" not in {each.op for each in drawn.nodes}
    assert not [each for each in drawn.nodes if "alias" in each.text]
    parts = [edge.gradient for edge in drawn.edges if edge.tail == node(drawn, "w").id]
    np.testing.assert_allclose(sum(parts), w.grad)
    assert node(drawn, "w").reason == ""
    assert "tanh(w)" in [each.text for each in drawn.nodes]


def test_a_value_without_a_name_has_that_of_its_view():
    drawn = draw(mg.grad(mg.grad(lambda x: np.sum(x**3))), mg.Tensor(2.0, requires_grad=True)).scene
    assert drawn.nodes[0].name == "x"
    assert "alias" not in {each.op for each in drawn.nodes}


def test_an_alias_that_is_drawn_itself_is_there():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    assert draw(alias(x)).scene.nodes[-1].text == "alias(x)"
