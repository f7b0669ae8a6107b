"""Cases that drawn numbers do not meet: kinks and ties, large and small numbers, complex ones, other dtypes."""

import math

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.ops import TABLE
from micrograd_np.ops.primitive import Elementwise

from .functions import check_derivatives, drawn

inf, nan = math.inf, math.nan


def slopes(f, *args):
    """The derivative of f in each argument, all of them numbers."""
    return [g.item() for g in mg.grad(f, argnums=tuple(range(len(args))))(*map(np.float64, args))]


CONVENTIONS = [
    (np.absolute, [0], [0]),
    (np.fabs, [0], [0]),
    (np.sign, [0], [0]),
    (np.copysign, [0, -1], [0, 0]),
    (np.copysign, [-2, 3], [-1, 0]),
    (np.maximum, [1, 1], [0.5, 0.5]),
    (np.minimum, [1, 1], [0.5, 0.5]),
    (np.fmax, [1, 1], [0.5, 0.5]),
    (np.fmin, [1, 1], [0.5, 0.5]),
    (np.fmax, [nan, 1], [0, 1]),
    (np.fmin, [1, nan], [1, 0]),
    (lambda x: np.maximum(x, 0), [0], [0.5]),
    (lambda x: np.clip(x, -1, 1), [1], [0.5]),
    (lambda x: np.clip(x, -1, 1), [-3], [0]),
    (np.heaviside, [0, 0.3], [0, 1]),
    (np.heaviside, [2, 0.3], [0, 0]),
    (np.nan_to_num, [nan], [0]),
    (np.nan_to_num, [inf], [0]),
    (np.nan_to_num, [2], [1]),
    (np.power, [0, 0], [0, 0]),
    (np.power, [0, 1], [1, 0]),
    (np.power, [0, 2], [0, 0]),
    (np.float_power, [0, 0], [0, 0]),
    (lambda x: x**0, [0], [0]),
    (lambda x: x**0.0, [0], [0]),
    (lambda x: x**1, [0], [1]),
    (lambda x: x**3, [-2], [12]),
    (lambda x: x**3.0, [-2], [12]),
    (lambda x: x**-1, [-2], [-0.25]),
    (lambda x: 0**x, [2], [0]),
    (np.sinc, [0], [0]),
    (np.hypot, [0, 0], [0, 0]),
    (np.arctan2, [0, 0], [0, 0]),
    (np.arctan2, [0, -1], [-1, 0]),
    (np.remainder, [-5.5, 2], [1, 3]),
    (np.fmod, [-5.5, 2], [1, 2]),
    (np.remainder, [6, 2], [1, -3]),
    (np.fmod, [6, 2], [1, -3]),
    (lambda x, y: np.modf(x * y)[0], [-1.5, 3], [3, -1.5]),
    (lambda x, y: np.divmod(x, y)[1], [-5.5, 2], [1, 3]),
]


@pytest.mark.parametrize(("f", "args", "expected"), CONVENTIONS)
def test_conventions(f, args, expected):
    assert slopes(f, *args) == expected


TINY = 2.0**-34

# Out of reach of a rule that overflows, cancels, or divides 0 by 0.
EXTREMES = [
    (np.logaddexp, [1000, -1000], [1, 0]),
    (np.logaddexp, [-1000, -1000], [0.5, 0.5]),
    (np.logaddexp, [-inf, 1], [0, 1]),
    (np.logaddexp, [-inf, -inf], [0, 0]),
    (np.logaddexp2, [1000, 1000], [0.5, 0.5]),
    (np.logaddexp2, [-1000, 1000], [0, 1]),
    (np.tanh, [1000], [0]),
    (np.exp, [-1000], [0]),
    (np.expm1, [-50], [math.exp(-50)]),
    (np.expm1, [1e-20], [1]),
    (np.log1p, [1e-20], [1]),
    (np.arctan, [1000], [1 / 1000001]),
    (np.arcsinh, [-1000], [1 / math.sqrt(1000001)]),
    (np.arccosh, [1 + TINY], [1 / math.sqrt(2 * TINY + TINY**2)]),
    (np.arcsin, [1 - TINY], [1 / math.sqrt(2 * TINY - TINY**2)]),
    (np.arctanh, [1 - TINY], [1 / (2 * TINY - TINY**2)]),
    (np.hypot, [1e200, 1e200], [math.sqrt(0.5), math.sqrt(0.5)]),
    (np.hypot, [3e-200, -4e-200], [0.6, -0.8]),
    (np.hypot, [-inf, 2], [-1, 0]),
    (np.hypot, [2, inf], [0, 1]),
    (np.arctan2, [inf, 2], [0, 0]),
    (np.arctan2, [2, -inf], [0, 0]),
    (np.arctan2, [-inf, inf], [0, 0]),
    (np.arctan2, [inf, nan], [nan, nan]),
    (np.sinc, [1e-8], [-(math.pi**2) / 3 * 1e-8]),
    (np.sinc, [1000], [0.001]),
    (np.reciprocal, [1e-100], [-1e200]),
    (np.divide, [1e-200, 1e-150], [1e150, -1e100]),
]


@pytest.mark.parametrize(("f", "args", "expected"), EXTREMES)
def test_extremes(f, args, expected):
    np.testing.assert_allclose(slopes(f, *args), expected, rtol=1e-12)


SECOND = [
    (np.sinc, 0, -(math.pi**2) / 3),
    (lambda x: np.sinc(x) * x, 0, 0),
    (lambda x: x**2, 0, 2),
    (lambda x: x**2.0, -3, 2),
    (lambda x: x**1, 0, 0),
    (lambda x: x**3, 0, 0),
    (lambda x: x**0, 0, 0),
    (lambda x: np.logaddexp(x, 0), 0, 0.25),
    (lambda x: np.logaddexp(x, -x), 1000, 0),
    (lambda x: np.maximum(x * x, 0), 1, 2),
    (lambda x: np.abs(x) ** 3, 0, 0),
    (lambda x: np.where(x > 0, x * x, -x * x), -1, -2),
    (np.expm1, -50, math.exp(-50)),
    (lambda x: np.hypot(x, 3), 4, 9 / 125),
]


@pytest.mark.parametrize(("f", "x", "expected"), SECOND)
def test_second_order_where_rules_choose(f, x, expected):
    assert mg.grad(mg.grad(f))(np.float64(x)).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_mixed_second_derivative_of_a_power_at_exponent_zero():
    mixed = mg.grad(mg.grad(np.power, 0), 1)
    assert mixed(np.float64(4), np.float64(0)).item() == pytest.approx(1 / 4)


@pytest.mark.parametrize("x", [0, 1e-9, 1e-3, 0.04, 0.1, 0.2999, 0.3, 0.3001, 0.5])
def test_sinc_is_one_function_on_both_sides_of_the_series(x):
    terms = [((-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1), 2 * k - 1) for k in range(1, 40)]
    first = math.fsum(c * x**power for c, power in terms)
    second = math.fsum(c * power * x ** (power - 1) for c, power in terms)
    assert slopes(np.sinc, x) == [pytest.approx(first, rel=1e-14, abs=0)]
    assert slopes(mg.grad(np.sinc), x) == [pytest.approx(second, rel=1e-13, abs=0)]


def test_a_negative_base_has_no_derivative_in_the_exponent():
    x, y = mg.Tensor(-2.0), mg.Tensor(3.0, requires_grad=True)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        (x**y).backward()
    assert np.isnan(y.grad)


# Where NumPy's function continues to complex numbers, so does the row: Im f(x + ih) / h is the derivative.
ANALYTIC = """
    add subtract multiply divide negative positive reciprocal square power float_power exp exp2 expm1 log log2 log10
    log1p sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh sinc
""".split()


@pytest.mark.parametrize("name", ANALYTIC)
def test_complex_step(name):
    row = TABLE[name]
    low, high = row.domain
    arrays = [drawn(5, low=low, high=high, seed=seed) for seed in range(len(row.rules))]
    for position, gradient in enumerate(mg.grad(lambda *args: np.sum(row(*args)), tuple(range(len(arrays))))(*arrays)):
        step = [mg.Tensor(x + 1e-30j if i == position else x) for i, x in enumerate(arrays)]
        np.testing.assert_allclose(row(*step).data.imag / 1e-30, gradient, rtol=1e-13)


def test_complex_gradients_are_refused():
    t = mg.Tensor([1.0, 2.0], requires_grad=True)
    for part in (np.real, np.imag, np.abs):
        with pytest.raises(TypeError, match="complex"):
            np.sum(part(t * (1 + 2j))).backward()


def test_real_imag_and_conjugate_of_real_numbers():
    x = np.array([1.0, -2.0])
    for f, slope in [(np.real, 1), (np.conj, 1), (np.imag, 0)]:
        assert np.array_equal(f(mg.Tensor(x)).data, f(x))
        assert mg.grad(lambda t, f=f: np.sum(f(t)))(x).tolist() == [slope, slope]


BINARY = [
    (row, position)
    for row in TABLE.values()
    if type(row) is Elementwise and len(row.rules) == 2 and row.name not in ("float_power", "ldexp")
    for position, rule in enumerate(row.rules)
    if rule
]


@pytest.mark.parametrize(("row", "position"), BINARY, ids=lambda x: getattr(x, "name", x))
@pytest.mark.parametrize("number", [2, 2.0])
def test_python_numbers_leave_float32_alone(row, position, number):
    t = mg.Tensor(np.array([0.5, 1.5], np.float32), requires_grad=True)
    args = [t, number] if position == 0 else [number, t]
    z = row(*args)
    for create_graph in (False, True):
        t.grad = None
        z.backward(np.ones(2), create_graph=create_graph)
        assert (z.dtype, t.grad.dtype) == (np.float32, np.float32)


NEW_CLIP = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.clip takes min= and max=, and no bounds, since NumPy 2.1"
)
COMPOSED = [
    lambda x: np.clip(x, -1, 1),
    lambda x: np.clip(x, None, x[0] + 0.1),
    pytest.param(lambda x: np.clip(x, min=x[::-1]) * x, marks=NEW_CLIP),
    lambda x: np.select([x > 1, x > -1], [x**2, x**3], x[0]),
    lambda x: np.select([x > 1], [x**2]),
    lambda x: np.divmod(x + 5, 2.3)[1] ** 2,
    lambda x: np.modf(3 * x)[0] ** 2,
]


@pytest.mark.parametrize("f", COMPOSED)
def test_compositions(f):
    check_derivatives(f, drawn(6, low=-1.9, high=2.0))


X = np.array([[-1.5, -0.4, 0.0], [0.6, 1.0, 2.7]])
CALLS = [
    lambda x: np.clip(x, 0, None),
    lambda x: np.clip(x, a_min=-1, a_max=1),
    pytest.param(lambda x: np.clip(x, min=0.5), marks=NEW_CLIP),
    pytest.param(lambda x: np.clip(x, max=0.5), marks=NEW_CLIP),
    pytest.param(lambda x: np.clip(x, None, None), marks=NEW_CLIP),
    lambda x: x.clip(-1, 1),
    lambda x: np.round(x, 1),
    lambda x: np.around(x, decimals=1),
    lambda x: x.round(),
    lambda x: np.divmod(x, 0.4)[0],
    lambda x: np.divmod(x, 0.4)[1],
    lambda x: divmod(x, 0.4)[1],
    lambda x: divmod(7, x + 4)[0],
    lambda x: np.modf(x)[0],
    lambda x: np.modf(x)[1],
    lambda x: np.select([x > 1, x > 0], [x, -x], 7),
    lambda x: np.select([x > 1], [x]),
    lambda x: np.nan_to_num(x / 0.1, nan=3.0, posinf=1e3, neginf=-1.0),
    lambda x: np.where([True, False, True], x, 2),
    lambda x: np.float_power(np.abs(x), 2),
    lambda x: np.mod(x, 0.7),
    lambda x: np.degrees(x),
    lambda x: np.radians(x),
    lambda x: abs(x) ** 0.5,
    lambda x: 2**x,
    lambda x: x // 0.4,
    lambda x: x % 0.4,
    lambda x: np.ldexp(x, [1, 2, 3]),
]


@pytest.mark.parametrize("call", CALLS)
def test_values_are_numpys(call):
    ours, theirs = call(mg.Tensor(X)), call(X)
    assert isinstance(ours, mg.Tensor)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.data, theirs)


REFUSED = [
    (lambda t: np.exp(t, where=t > 0), r"exp: where= is not supported on Tensors\. .*np\.where"),
    (lambda t: np.add(t, 1, out=np.zeros(2)), r"add: out= is not supported"),
    (lambda t: np.sqrt(t, dtype=np.float32), r"sqrt: dtype= is not supported.*astype"),
    (lambda t: np.round(t, 1, np.zeros(2)), r"round: .*positional"),
    (lambda t: np.i0(t), r"np\.i0 is not in the table of derivatives.*mg\.custom_op"),
    (lambda t: np.frexp(t), r"np\.frexp is not in the table of derivatives"),
    (lambda t: np.multiply.accumulate(t), r"np\.multiply\.accumulate is not supported.*cumprod"),
    (lambda t: np.where(t > 0, t), r"where: takes 3 arguments, not 2"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_not_supported_says_so(call, message):
    with pytest.raises(TypeError, match=message):
        call(mg.Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("y", [2, 0.5, 2.0, -1, 0, 1, 3, 0.3])
def test_the_operators_power_has_numpys_bits(y):
    x = np.abs(np.random.default_rng(0).normal(size=10_000))
    assert np.array_equal((mg.Tensor(x) ** y).data, x**y)
    t = mg.Tensor(x)
    t **= y
    assert np.array_equal(t.data, x**y)
