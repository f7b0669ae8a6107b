"""What formulas call a value that is inside a fold: its name, or …, and never a rule's own x or y."""

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw


def rules(picture):
    return [edge.rule for edge in picture.scene.edges if edge.flows]


def test_what_a_loop_gives_on_is_not_called_as_the_rule_calls_it():
    x = mg.Tensor(1.0, requires_grad=True)
    z = x
    for _ in range(25):
        z = np.sin(z)
        z = z * x
    z.backward()
    assert "g * cos(…)" in rules(draw(z))
    assert rules(draw(z)).count("g * cos(x)") == 1  # of the first turn, whose argument x is


def test_of_several_values_that_go_on_each_has_its_name():
    y = mg.Tensor([1.0, 2.0], requires_grad=True)
    with mg.scope("encoder"):
        a = np.tanh(y)
        b = np.exp(y)
    loss = (a * b).sum()
    loss.backward()
    picture = draw(loss, fold=["encoder"])
    assert {"g * a", "g * b"} < set(rules(picture))
    assert not {"g * x", "g * y"} & set(rules(picture))


def test_a_value_that_has_no_name_is_a_neutral_word():
    z = mg.Tensor(1.0, requires_grad=True)
    for _ in range(60):
        z = z * z
    z.backward()
    text = draw(z).text
    assert "g * …" in text
    assert "g * y" not in text
    assert "g * x" not in text
