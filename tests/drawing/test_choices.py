"""A format or option that pictures lack is refused, and the error lists those that there are."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import draw
from tests.drawing.scenes import weight


def encoded():
    w = weight(2)
    with mg.scope("encoder"):
        h = np.tanh(np.exp(w))
    return np.sum(h)


@pytest.mark.parametrize("limit", [-1, 0, "a", 1.5, True])
def test_a_limit_is_a_number_of_boxes(limit):
    with pytest.raises(ValueError, match=r"limit=.*: write how many boxes there may be, 1 or more\."):
        draw(encoded(), limit=limit)
    assert draw(encoded(), limit=np.int64(50)).scene.nodes


def test_an_unknown_group_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no module or scope 'typo'\. There are 'encoder'\."):
        draw(encoded(), fold=["encoder", "typo"])
    with pytest.raises(ValueError, match=r"no module or scope 'typo'\. There is none to fold\."):
        draw(np.sum(weight(2)), fold=["typo"])
    with pytest.raises(ValueError, match="no module or scope 'typo'"):
        draw(mg.trace(lambda x: x + 1)(weight(2)), fold=["typo"])


def test_one_group_is_a_list_of_one():
    with pytest.raises(TypeError, match=r"write a list, fold=\['encoder'\]"):
        draw(encoded(), fold="encoder")


def test_modules_are_known_by_their_paths_even_without_a_frame():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.Tanh())
    out = model(np.ones((3, 2)))
    for path in ("layers.0", "layers.1", "model"):
        draw(out, fold=[path])
    with pytest.raises(ValueError, match="There are 'model'"):
        draw(out, fold=["layers.7"])


def test_a_function_of_bare_arrays_says_to_wrap_them():
    with pytest.raises(TypeError, match=r"wrap what wants a gradient, mg\.Tensor\(x, requires_grad=True\)"):
        draw(lambda x, y: np.sum(x * y), np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="Draw a Tensor, or a function that returns one"):
        draw(lambda: 3)


def test_a_value_called_g_is_not_taken_for_the_gradient():
    g = mg.Tensor(2.0, requires_grad=True)
    loss = g * g
    loss.backward()
    picture = draw(loss)
    assert [edge.rule for edge in picture.scene.edges] == ["grad * g", "grad * g"]
    assert "grad is the gradient" in picture.text
    assert "grad is the gradient" in mg.explain(g, loss)
    assert "gradient: grad = d loss / d (this box)" in picture.dot
    assert '"g":"grad"' in picture.html


def test_a_file_name_is_given_to_save():
    w = mg.Tensor(3.0, requires_grad=True)
    with pytest.raises(TypeError, match=r'mg\.draw\(loss\)\.save\("net\.svg"\)'):
        mg.draw(w * w, "net.svg")
