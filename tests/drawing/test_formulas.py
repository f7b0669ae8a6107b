"""A formula is read off a rule by running it, so it says what the rule does, with the brackets it has."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw
from micrograd_np.expressions.phrases import Phrase, literal, short, shortened
from micrograd_np.expressions.rules import read_rule
from micrograd_np.ops import TABLE
from micrograd_np.ops.convolution import conv

X, Y = np.array([[0.5, 1.5], [2.0, 1.0]]), np.array([[1.5, 0.5], [1.0, 3.0]])

FORMULAS = [
    ("add", 0, "g"),
    ("subtract", 1, "-g"),
    ("multiply", 0, "g * syn1"),
    ("divide", 0, "g / syn1"),
    ("divide", 1, "-g * z / syn1"),
    ("dot", 0, "g @ syn1.T"),
    ("dot", 1, "l1.T @ g"),
    ("matmul", 0, "g @ syn1.T"),
]


@pytest.mark.parametrize(("op", "position", "formula"), FORMULAS)
def test_the_rules_of_two_arguments(op, position, formula):
    row = TABLE[op]
    z = row.kernel(X, Y)
    assert (
        read_rule(row.rules[position], np.ones_like(z), z, [X, Y], {}, [None, Phrase("l1"), Phrase("syn1")])[1]
        == formula
    )


@pytest.mark.parametrize(
    ("op", "formula"),
    [
        ("exp", "g * l2"),
        ("log", "g / x"),
        ("sigmoid", "g * (l2 * (1 - l2))"),
        ("tanh", "g * (1 - l2 * l2)"),
        ("relu", "g * ~(x <= 0)"),
        ("square", "g * 2 * x"),
        ("negative", "-g"),
    ],
)
def test_the_rules_of_one_argument(op, formula):
    row = TABLE[op]
    z = row.kernel(X)
    assert read_rule(row.rules[0], np.ones_like(z), z, [X], {}, [Phrase("l2"), None])[1] == formula


SPELLINGS = [
    (lambda g, z, x: (g + z) * x, "(g + z) * x"),
    (lambda g, z, x: g + z * x, "g + z * x"),
    (lambda g, z, x: g - (z - x), "g - (z - x)"),
    (lambda g, z, x: (g - z) - x, "g - z - x"),
    (lambda g, z, x: g / (z / x), "g / (z / x)"),
    (lambda g, z, x: -(g * z), "-(g * z)"),
    (lambda g, z, x: -g * z, "-g * z"),
    (lambda g, z, x: (-g) ** 2, "(-g)**2"),
    (lambda g, z, x: -(g**2), "-g**2"),
    (lambda g, z, x: (g**x) ** z, "(g**x)**z"),
    (lambda g, z, x: g ** (x**z), "g**x**z"),
    (lambda g, z, x: (g + z).T @ x, "(g + z).T @ x"),
    (lambda g, z, x: g * (z == x), "g * (z == x)"),
    (lambda g, z, x: np.where(x > 0, g, 0), "where(x > 0, g, 0)"),
    (lambda g, z, x: np.sum(g, axis=0), "sum(g, axis=0)"),
    (lambda g, z, x: np.sum(g, axis=(0,), keepdims=True), "sum(g, axis=0, keepdims=True)"),
    (lambda g, z, x: g.sum(axis=(0, 1)).reshape((1, 1)), "g.sum(axis=(0, 1)).reshape((1, 1))"),
    (lambda g, z, x: g[0, ::-1] * x[..., None, 1:], "g[0, ::-1] * x[..., None, 1:]"),
    (lambda g, z, x: np.concatenate([g, x], axis=1), "concatenate([g, x], axis=1)"),
    (lambda g, z, x: 0.5 * g - 1e-12, "0.5 * g - 1e-12"),
    (lambda g, z, x: g * -2, "g * -2"),
    (lambda g, z, x: g.astype(np.float32), "g.astype(float32)"),
    (lambda g, z, x: g * np.add.reduce(x), "g * add.reduce(x)"),
    (lambda g, z, x: g * np.power.outer(x, 1), "g * power.outer(x, 1)"),
    (lambda g, z, x: g @ np.linalg.svd(x, full_matrices=False)[0], "g @ svd(x, full_matrices=False)[0]"),
    (lambda g, z, x: np.sum(g, axis=None, keepdims=False) * x, "sum(g) * x"),
]


@pytest.mark.parametrize(("rule", "formula"), SPELLINGS, ids=[formula for _, formula in SPELLINGS])
def test_brackets_are_where_the_rule_has_them(rule, formula):
    value, said = read_rule(rule, Y, X * Y, [X], {}, [None, None])
    assert said == formula
    np.testing.assert_array_equal(value, rule(Y, X * Y, X))


@pytest.mark.parametrize(("rule", "formula"), SPELLINGS, ids=[formula for _, formula in SPELLINGS])
def test_a_formula_is_python_that_gives_the_same(rule, formula):
    again = eval(formula, vars(np) | vars(np.linalg) | {"g": Y, "z": X * Y, "x": X})
    np.testing.assert_array_equal(again, rule(Y, X * Y, X))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (2, "2"),
        (None, "None"),
        (np.float32(0.5), "0.5"),
        (np.zeros(3), "…"),
        ((2,), "(2,)"),
        ("L", "'L'"),
    ],
)
def test_literals(value, text):
    assert short(value).text == text


def test_a_rule_that_leaves_numpys_protocols_still_gives_its_value():
    def rule(g, z, x):
        return np.asarray(g) * np.frombuffer(bytes(16), dtype=float)

    value, said = read_rule(rule, np.ones(2), np.ones(2), [np.ones(2)], {}, [None, None])
    assert said == ""
    assert value.tolist() == [0.0, 0.0]


def test_a_rule_of_ones_own_is_read_too():
    @mg.custom_op(lambda g, z, x: g * 3 * x**2)
    def cube(x):
        return x**3

    assert read_rule(cube.rules[0], np.ones(2), np.ones(2), [np.ones(2)], {}, [None, Phrase("w")])[1] == "g * 3 * w**2"


@mg.custom_op(lambda g, z, x, mean, mask: g)
def weighted(x, *, mean=True, mask=None):
    return x


def test_a_parameter_that_is_not_its_default_is_written():
    x = mg.Tensor(X, requires_grad=True)
    assert draw(weighted(x)).scene.nodes[-1].text == "weighted(x)"
    assert draw(weighted(x, mean=False)).scene.nodes[-1].text == "weighted(x, mean=False)"
    assert draw(weighted(x, mean=None)).scene.nodes[-1].text == "weighted(x, mean=None)"
    assert draw(weighted(x, mask=np.ones(2))).scene.nodes[-1].text == "weighted(x, mask=…)"


def test_a_name_of_g_that_is_no_word_is_found_in_a_long_formula():
    x = np.ones(2)
    assert read_rule(lambda g, z, x: g * np.sum(np.ones(3)), x, x, [x], {}, [None, None], "…")[1] == "… * 3"


NUMBERS = [complex(re, im) for re in (0.0, -0.0, 1.5, -1.5) for im in (0.0, -0.0, 2.0, -2.0)]
NUMBERS += [complex("nan"), complex("inf+1j"), complex("1-infj"), complex(-0.0, float("-inf")), float("nan"), -0.0]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_literal_is_source_of_the_same_number(number):
    assert repr(eval(literal(number).text)) == repr(number)
    assert eval(literal(np.complex64(number)).text).tobytes() == np.complex64(number).tobytes()
    text = (Phrase("x").infix("*", literal(number))).text
    np.testing.assert_array_equal(eval(text, {"np": np, "x": 2.0}), 2.0 * number)


ROWS = np.array([1, 0])


@pytest.mark.parametrize(
    ("function", "formulas"),
    [
        (lambda x: x[0], ["zeros[0] += g"]),
        (lambda x: x[:, ::-1], ["zeros[:, ::-1] += g"]),
        (lambda x: x[ROWS], ["zeros[ROWS] += g"]),
        (lambda x: np.einsum("ij,kj->ik", x, Y), ["einsum('ik,kj->ij', g, Y)"]),
        (lambda x: np.concatenate([x, x]), ["g[0:2]", "g[2:4]"]),
        (lambda x: x + np.ones(2), ["g"]),
        (lambda x: Y * x[0], ["(g * Y).sum(axis=0)", "zeros[0] += g"]),
    ],
)
def test_rows_in_a_rule_are_written_whole(function, formulas):
    edges = draw(function, mg.Tensor(X, requires_grad=True)).scene.edges
    assert sorted(edge.rule for edge in edges if edge.has_rule) == formulas


IMAGE, KERNEL = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: conv(x, KERNEL), "conv(x, KERNEL)"),
        (lambda x: conv(x, KERNEL, padding=1), "conv(x, KERNEL, padding=1)"),
        (lambda x: conv(x, KERNEL, padding=(1, 0)), "conv(x, KERNEL, padding=(1, 0))"),
        (lambda x: mg.max_pool2d(x, 2), "max_pool(x, kernel=2, stride=2)"),
        (lambda x: x.swapaxes(0, 1), "x.swapaxes(0, 1)"),
        (lambda x: np.reshape(x, (4, -1)), "x.reshape(4, -1)"),
        (lambda x: np.concatenate([x, x]), "concatenate(x, x)"),
        (lambda x: np.concatenate([x, x], axis=1), "concatenate(x, x, axis=1)"),
        (lambda x: mg.softmax(x), "softmax(x)"),
        (lambda x: np.split(x, 2, axis=2)[0], "v1[0]"),
    ],
)
def test_what_is_so_if_nothing_is_said_is_not_said(function, text):
    assert draw(function, mg.Tensor(IMAGE, requires_grad=True)).scene.nodes[-1].text == text


def test_the_rule_of_a_convolutions_kernel_is_read():
    w = mg.Tensor(KERNEL, requires_grad=True)
    rules = [edge.rule for edge in draw(conv(IMAGE, w)).scene.edges if edge.has_rule]
    assert rules == ["conv_weight(IMAGE, g, kernel=3)"]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (48, "f(g.reshape(3, 4), sum(a, axis=(0, 1)), b[0, 1])"),
        (47, "f(g.reshape(3, 4), sum(a, axis=(…)), b[0, 1])"),
        (40, "f(g.reshape(…), sum(a, …), b[0, 1])"),
        (36, "f(g.reshape(…), sum(a, …), b[0, 1])"),
        (30, "f(g.reshape(…), sum(…), b[…])"),
        (20, "f(g.reshape(…), …)"),
        (12, "f(…)"),
        (3, "f(…"),
    ],
)
def test_what_stands_deepest_is_cut_first(width, text):
    assert shortened("f(g.reshape(3, 4), sum(a, axis=(0, 1)), b[0, 1])", width) == text


def test_a_linear_map_is_written_as_the_product_that_it_is():
    x, weight, bias = (mg.Tensor(np.ones(shape), requires_grad=True) for shape in ((2, 3), (4, 3), (4,)))
    h = mg.linear(x, weight, bias)
    drawn = draw(mg.linear(np.tanh(h), weight.T)).scene
    assert "h = x @ weight.T + bias" in [f"{node.name} = {node.text}" for node in drawn.nodes]
    assert drawn.nodes[-1].text == "tanh(h) @ weight"
    assert "g @ weight" in [edge.rule for edge in drawn.edges]


def test_a_first_power_is_what_is_raised_to_it():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    assert [edge.rule for edge in draw(x**2).scene.edges] == ["g * (2 * x)"]
    assert [edge.rule for edge in draw(x**3).scene.edges] == ["g * (3 * x**2)"]


def test_einsum_is_written_as_it_is_called():
    a, b = (mg.Tensor(np.ones(shape), requires_grad=True) for shape in ((2, 3), (3, 2)))
    assert draw(np.einsum("ij,jk->ik", a, b)).scene.nodes[-1].text == "einsum('ij,jk->ik', a, b)"


def test_what_is_too_long_ends_at_a_word_where_most_of_it_is_kept():
    assert shortened("abcdefgh @ layers.0.weight.T + layers.0.bias", 40) == "abcdefgh @ layers.0.weight.T + …"
    assert shortened("v1 = abcdefghijklmnopqrstuvwxyz", 20) == "v1 = abcdefghijklmn…"
