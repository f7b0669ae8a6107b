"""A picture has a source: NumPy text that computes what is drawn, and the gradients, and says the same names."""

import ast

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw
from tests.drawing.scenes import weight


def network():
    X, y = np.eye(4, 3), np.array([[0.0, 1, 1, 0]]).T
    syn0, syn1 = weight(3, 4), weight(4, 1)
    l1 = mg.sigmoid(np.dot(X, syn0))
    l2 = mg.sigmoid(np.dot(l1, syn1))
    loss = np.sum((y - l2) ** 2)
    loss.backward()
    return loss


NETWORK = """\
import numpy as np


def network(X, syn0, syn1, y):
    l1 = 1 / (1 + np.exp(-np.maximum(X.dot(syn0), -709.0)))  # (4, 4)
    l2 = 1 / (1 + np.exp(-np.maximum(l1.dot(syn1), -709.0)))  # (4, 1)
    h = y - l2  # (4, 1)
    loss = np.sum(h**2)  # ()
    l2_delta = -(2 * h) * (l2 * (1 - l2))  # (4, 1)
    d_syn1 = l1.T.dot(l2_delta)  # (4, 1)
    l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))  # (4, 4)
    d_syn0 = X.T.dot(l1_delta)  # (3, 4)
    return (loss, d_syn0, d_syn1)
"""


def run(source, *args):
    """The result of the function of a source."""
    names = {}
    exec(source, names)
    return names[ast.parse(source).body[-1].name](*args)


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.3.0",
    reason="before NumPy 2.3 the text of a power has a kernel, for the operator's bits",
)
def test_the_source_of_a_function_that_was_drawn():
    assert draw(network).source == NETWORK


def test_the_source_gives_the_values_and_gradients_that_are_drawn():
    picture = draw(network)
    drawn = {node.name: node for node in picture.scene.nodes}
    given = [drawn[name].value for name in ("X", "syn0", "syn1", "y")]
    expected = [drawn["loss"].value, drawn["syn0"].gradient, drawn["syn1"].gradient]
    for found, wanted in zip(run(picture.source, *given), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_without_a_backward_pass_it_is_the_way_forward():
    w = weight(2)
    loss = np.sum(w * 2)
    assert draw(loss).source.splitlines()[3:] == [
        "def compute_loss(w):",
        "    loss = np.sum(w * 2)  # ()",
        "    return loss",
    ]


def test_the_gradient_that_backward_was_given_is_an_argument():
    w = weight(2)
    h = w * 2
    h.backward([1.0, 3.0])
    source = draw(h).source
    assert "def compute_h(w, d_h):" in source
    np.testing.assert_array_equal(run(source, w.data, h.grad)[1], w.grad)


def test_the_names_are_those_of_when_it_was_drawn():
    def drawn():
        inner = weight(2)
        return draw(np.exp(inner))

    assert "(inner)" in drawn().source


def test_what_has_no_name_is_called_as_in_the_picture():
    w = weight(2)
    picture = draw(np.sum(w * np.arange(2.0)))
    assert "c1" in [node.title for node in picture.scene.nodes]
    assert "def compute_output(w, c1):" in picture.source


def test_nothing_changes_when_the_source_is_read():
    w = weight(2)
    loss = np.sum(w * w)
    loss.backward()
    before = w.grad.copy()
    with mg.no_grad():
        assert "d_w" in draw(loss).source
    np.testing.assert_array_equal(w.grad, before)


def hooked():
    return np.sum(mg.hook(weight(2) * 2, lambda g: g))


def forgotten():
    loss = np.sum(weight(2))
    loss.backward(retain_graph=False)
    return loss


def masked():
    w = weight(3)
    return np.sum(w[w.data > 0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (hooked, "hook calls a function of yours"),
        (forgotten, "forgot"),
        (masked, "an index of booleans"),
    ],
)
def test_where_there_is_none_it_says_why(function, words):
    picture = draw(function)
    with pytest.raises(RuntimeError, match=words):
        picture.source  # noqa: B018
    assert words in picture.html


def step(x, w):
    h = np.tanh(x @ w)
    h.backward(h)
    w -= 0.1 * w.grad


def test_a_program_is_drawn_under_the_names_of_its_source():
    program = mg.trace(step)(np.ones((4, 3)), weight(3, 2))
    picture = draw(program)
    assert picture.source == str(program)
    boxes = [(node.kind, node.name) for node in picture.scene.nodes if node.name]
    assert boxes[:2] == [("constant", "x"), ("leaf", "w")]
    assert ("output", "new_w") in boxes
    assert {"h", "d_w"} <= {name for _, name in boxes}


def test_a_program_has_a_drawing_a_page_and_a_file(tmp_path):
    picture = draw(mg.trace(step)(np.ones((4, 3)), weight(3, 2)))
    assert "<svg" in picture.svg
    assert "call backward()" not in picture.html
    assert picture.save(tmp_path / "step.py").read_text() == picture.source


def test_each_step_of_a_program_is_a_box():
    program = mg.trace(step)(np.ones((4, 3)), weight(3, 2))
    scene = draw(program).scene
    assert [node.op for node in scene.nodes if node.op] == [each.op.name for each in program.steps]
    by_id = {node.id: node for node in scene.nodes}
    product = next(node for node in scene.nodes if node.text == "x @ w")
    assert [by_id[edge.tail].name for edge in scene.edges if edge.head == product.id] == ["x", "w"]
    assert product.shape == (4, 2)
