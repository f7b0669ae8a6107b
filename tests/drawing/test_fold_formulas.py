"""Formulas call a value inside a fold by its name, the fold's, or …, and never by a rule's own x or y."""

import re

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw


def rules(picture):
    return [edge.rule for edge in picture.scene.edges if edge.has_rule]


def test_what_a_loop_gives_on_is_not_called_as_the_rule_calls_it():
    x = mg.Tensor(1.0, requires_grad=True)
    z = x
    for _ in range(25):
        z = np.sin(z)
        z = z * x
    z.backward()
    assert "g * cos(z_46)" in rules(draw(z))
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


def test_the_one_value_that_goes_on_is_called_as_its_fold_and_shown_in_it():
    z = mg.Tensor(1.5, requires_grad=True)
    for _ in range(60):
        z = np.cos(z * z)
    z.backward()
    picture = draw(z)
    fold = next(node for node in picture.scene.nodes if node.kind == "fold")
    rows = picture.text.splitlines()
    assert f"{fold.title} = 57 × (*, cos)" in next(row for row in rows if "57" in row)
    assert f"{fold.title} * {fold.title}" in [node.text for node in picture.scene.nodes]
    assert f"g * {fold.title}" in rules(picture)
    parts = [edge.gradient for edge in picture.scene.edges if edge.tail == fold.id]
    assert fold.gradient == sum(parts)


def test_formulas_speak_only_of_what_is_shown():
    z = mg.Tensor(1.5, requires_grad=True)
    for _ in range(200):
        z = np.sin(z * z) + np.cos(z)
    picture = draw(z)
    scene = picture.scene
    seen = {node.title for node in scene.nodes}
    texts = [*(node.text for node in scene.nodes), *(edge.rule for edge in scene.edges)]
    assert set(re.findall(r"\bv\d+", " ".join(texts))) <= seen


def test_of_several_values_without_a_name_that_go_on_each_is_a_neutral_word():
    start = mg.Tensor([1.0, 2.0], requires_grad=True)
    state = [start, start]
    for _ in range(60):
        state = [state[0] * state[1], np.sin(state[0] + state[1])]
    loss = np.sum(state[0] * state[1])
    loss.backward()
    del state
    text = draw(loss).text
    assert "g * …" in text
    assert "g * y" not in text
    assert "g * x" not in text
