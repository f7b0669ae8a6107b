"""Rows of one's own: they work like the table's, and a broken contract is an error in the user's words."""

import numpy as np
import pytest

import micrograd_np as mg

x = np.array([1.0, 2.0, 3.0])


@mg.custom_op(lambda g, z, x, y, *, scale: g * y * scale, lambda g, z, x, y, *, scale: g * x * scale, broadcasts=True)
def scaled_product(x, y, *, scale=2.0):
    """The product, scaled."""
    return x * y * scale


def op(rule, forward=lambda x: x * 2, **options):
    def twice(x):
        return forward(x)

    return mg.custom_op(rule, **options)(twice)


def test_values_gradients_and_second_derivatives():
    assert np.array_equal(scaled_product(x, x), 2 * x * x)
    assert np.array_equal(mg.grad(lambda x: scaled_product(x, 3.0, scale=1.0).sum())(x), [3, 3, 3])
    assert np.array_equal(mg.grad(lambda y: scaled_product(x, y).sum())(1.0), 12)
    assert np.array_equal(mg.hessian(lambda x: scaled_product(x, x).sum())(x), 4 * np.eye(3))


def test_it_keeps_name_and_docstring():
    assert scaled_product.name == scaled_product.__name__ == "scaled_product"
    assert scaled_product.__doc__ == "The product, scaled."


def test_arrays_in_arrays_out_and_lists_are_arrays():
    assert isinstance(scaled_product(x, x), np.ndarray)
    assert np.array_equal(scaled_product(mg.Tensor(x), [1, 1, 1]).data, 2 * x)


def test_an_argument_without_a_rule():
    @mg.custom_op(None, lambda g, z, mask, x: g * mask)
    def masked(mask, x):
        return x * mask

    mask = np.array([1, 0, 1])
    assert np.array_equal(mg.grad(lambda x: masked(mask, x).sum())(x), mask)


BROKEN_RULES = [
    (lambda g, z, x: np.ones(7), ValueError, r"rule of twice for x returned shape \(7,\), and x has \(3,\)"),
    (lambda g, z, x: g.sum(), ValueError, r"returned shape \(\), and x has \(3,\)"),
    (lambda g, z, x: None, TypeError, "returned NoneType"),
    (lambda g, z, x: np.ones(3, int), TypeError, "returned int64; a gradient is floating-point"),
    (lambda g, z, x: g * 1j, TypeError, "returned complex128"),
    (
        lambda g, z, x: np.where(x == 2, np.nan, g),
        FloatingPointError,
        r"nan or inf at index \(1,\), from finite values",
    ),
    (lambda g, z, x: g @ np.ones((4, 4)), ValueError, "(?s)matmul.*"),
]


@pytest.mark.parametrize(("rule", "error", "message"), BROKEN_RULES)
def test_a_broken_rule_is_named(rule, error, message):
    t = mg.Tensor(x, requires_grad=True)
    y = op(rule)(t)
    with pytest.raises(error, match=message) as caught:
        y.sum().backward()
    assert any("backward pass of twice" in note for note in caught.value.__notes__)
    assert t.grad is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.custom_op(lambda g, z, x: g)(lambda x, y: x), TypeError, r"2 array arguments \(x, y\).* 1 rules"),
        (lambda: scaled_product(x), TypeError, "scaled_product: missing a required argument: 'y'"),
        (lambda: scaled_product(x, x, typo=1), TypeError, "scaled_product: .*typo"),
        (lambda: op(lambda g, z, x: g, lambda x: "text")(x), TypeError, "twice returned str"),
        (
            lambda: op(lambda g, z, x: g, lambda x: mg.Tensor(x))(x),
            TypeError,
            "twice returned Tensor.*needs no custom_op",
        ),
        (
            lambda: op(lambda g, z, x: g, lambda x: np.where(x > 2, np.inf, x))(x),
            FloatingPointError,
            r"inf at index \(2,\)",
        ),
        (lambda: op(lambda g, z, x: g, lambda x: x @ np.ones((4, 4)))(mg.Tensor(x)), ValueError, "(?s)matmul"),
    ],
)
def test_a_broken_call_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_wrong_size_is_refused_even_where_broadcasting_would_hide_it():
    wrong = op(lambda g, z, x: np.ones((2, 3)), broadcasts=True)
    with pytest.raises(ValueError, match=r"returned shape \(2, 3\)"):
        wrong(mg.Tensor(x, requires_grad=True)).sum().backward()


def test_a_result_that_shares_its_arguments_memory_is_a_copy():
    same = op(lambda g, z, x: g, lambda x: x.reshape(-1))
    t = mg.Tensor(x, requires_grad=True)
    y = same(t)
    t += 1
    assert np.array_equal(y.data, x)


def test_a_function_cannot_write_to_its_argument():
    with pytest.raises(ValueError, match="read-only"):
        op(lambda g, z, x: 2 * g, lambda x: np.multiply(x, 2, out=x))(mg.Tensor(x))


def test_it_checks_itself():
    assert scaled_product.gradcheck(x, x)
    assert not op(lambda g, z, x: g * 2.001).gradcheck(x)


def metadata(x, *, power=2):
    return x**power


WRONG_ARITY = [
    (lambda: mg.custom_op(lambda g, x: g * np.cos(x))(lambda x: np.sin(x)), "x", "rule(g, z, x): too many"),  # here
    (lambda: mg.custom_op(lambda g, z, x: g)(metadata), "x", "rule(g, z, x, power=...): got an unexpected"),  # here
    (lambda: mg.custom_op(None, lambda g, z, x: g)(lambda x, y: x), "y", "rule(g, z, x, y): too many"),  # here
    (lambda: mg.custom_op(lambda g, z, x, y: g)(lambda x: x), "x", "rule(g, z, x): missing a required"),  # here
]


@pytest.mark.parametrize(("make", "argument", "said"), WRONG_ARITY)
def test_a_rule_of_the_wrong_arity_is_refused_where_it_is_given(make, argument, said):
    with pytest.raises(mg.ArgumentTypeError) as raised:
        make()
    text = str(raised.value)
    assert f"for {argument} cannot be called as {said}" in text
    assert f"  test_custom.py:{make.__code__.co_firstlineno}: " in text
    assert "# here" in text


@pytest.mark.parametrize("rule", [lambda *a, **b: a[0], lambda g, *a, power: g, lambda g, z, x, power=3: g])
def test_a_rule_that_can_be_called_is_taken(rule):
    mg.custom_op(rule)(metadata)


def test_what_is_no_rule_is_refused():
    with pytest.raises(mg.ArgumentTypeError, match="a rule is a function, or None"):
        mg.custom_op(0.5)(lambda x: x)


def test_a_decorator_without_a_rule_is_answered():
    @mg.custom_op
    def squared(x):
        return x * x

    with pytest.raises(TypeError, match=r"write @mg.custom_op\(lambda g, z, x: ...\) above def squared"):
        squared(mg.Tensor([1.0]))


def test_a_rule_cannot_write_to_the_cotangent_which_others_read_too():
    doubled = op(lambda g, z, x: np.multiply(g, 2 * x, out=g), lambda x: x * x)
    a = mg.Tensor(x, requires_grad=True)
    with pytest.raises(ValueError, match="read-only"):
        ((doubled(a) + doubled(a)) * np.ones_like(x)).sum().backward()  # whose cotangent is an array of its own


def test_a_class_is_no_rule():
    class Square:
        @staticmethod
        def forward(x):
            return x * x

    with pytest.raises(TypeError, match="takes rules, not a class"):
        mg.custom_op(Square)


def test_an_op_with_a_parameter_is_checked():
    @mg.custom_op(lambda g, z, x, *, k: g * k * x ** (k - 1))
    def power(x, *, k):
        return x**k

    assert power.gradcheck(np.full(3, 2.0), k=3)
    assert power.gradcheck(np.full(3, 2.0), k=3, order=2, rtol=1e-5)


@pytest.mark.parametrize("name", ["function", "signature", "g", "z", "op", "args", "self", "x"])
def test_a_parameter_may_have_any_name(name):
    """Not only those that the package's own functions do not use."""
    scaled = eval(f"lambda a, *, {name}: a * {name}")
    op = mg.custom_op(eval(f"lambda cotangent, output, a, *, {name}: cotangent * {name}"))(scaled)
    assert mg.gradcheck(lambda t: op(t, **{name: 3.0}), np.ones(3), order=2)
    t = mg.Tensor(np.ones(3, np.float16), requires_grad=True)
    op(t, **{name: 3.0}).sum().backward()
    np.testing.assert_array_equal(t.grad, np.full(3, 3, np.float16))
