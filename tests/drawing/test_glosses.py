"""A rule that is neither mathematics nor NumPy has a line that says what it is."""

import re

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import draw, explain
from micrograd_np.expressions.rules import argument_names, first_case, read_rule
from micrograd_np.ops import TABLE
from micrograd_np.ops.primitive import NonDifferentiable, Variadic
from tests.drawing.test_sums import MODELS

# Functions that a reader of the field knows: NumPy's, and those of textbooks under their usual names.
KNOWN = {*dir(np), *dir(np.linalg), "sigmoid", "log_sigmoid", "softmax", "log_softmax", "erfc", "relu", "leaky_relu"}
KNOWN |= {"conv", "s"}
METHODS = {"reshape", "sum", "transpose", "swapaxes"}


def strange(rule):
    """The functions of a formula that no reader knows, and those without a gloss."""
    called = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*(?=\()", rule)) - KNOWN
    called |= set(re.findall(r"(?<=\.)[A-Za-z_]\w*(?=\()", rule)) - METHODS - KNOWN
    return {name for name in called if not (TABLE.get(name) and TABLE[name].gloss)}


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if not isinstance(row, NonDifferentiable)])
def test_every_rule_of_the_table_is_mathematics_or_has_a_gloss(name):
    row = TABLE[name]
    if (case := first_case(row)) is None:
        return  # no call of it can be written down, so no picture has one either
    arrays, params = row.bind(*case.args, **case.kwargs)
    with np.errstate(all="ignore"):
        z = row.kernel(*arrays, **params)
        g = tuple(map(np.ones_like, z)) if isinstance(z, tuple) else np.ones_like(z)
        for rule in [row.rules[0]] if isinstance(row, Variadic) else row.rules:
            if rule is not None:
                names = [None] * (1 + len(arrays))
                formula = read_rule(rule, g, z, list(arrays), params, names)[1]
                assert row.gloss if not formula else not strange(formula), (argument_names(rule, len(arrays)), formula)


@pytest.mark.parametrize("model", MODELS)
def test_every_rule_on_an_arrow_is_mathematics_or_has_a_gloss(model):
    loss = MODELS[model]()
    loss.backward()
    rules = [edge.rule for edge in draw(loss).scene.edges if edge.rule]
    assert rules
    assert not set().union(*map(strange, rules))


def test_a_gloss_stands_in_the_legend_the_text_and_the_explanation():
    x = mg.Tensor(np.random.default_rng(0).normal(size=(1, 1, 4, 4)), requires_grad=True)
    loss = (nn.MaxPool2d(2)(x) ** 2).sum()
    loss.backward()
    picture = draw(loss)
    gloss = "max_pool_input: each entry of g, at the place of the largest entry of its window"
    assert gloss in picture.dot and gloss in picture.text and gloss in explain(x, loss)
    assert gloss[16:] in picture.html
    assert gloss not in draw(loss, direction="forward").text
    assert draw((x * 2).sum()).scene.glosses() == {}
