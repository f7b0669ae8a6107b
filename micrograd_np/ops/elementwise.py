"""Functions of single numbers, applied to each entry: the shortest rows of the table.

Where a function has no derivative, its rule follows a convention: |x| has slope 0 at 0; where both arguments of maximum
or minimum are equal, each gets half of the cotangent; a step function has slope 0.

The rows have NumPy's names, also where these hide Python's own: `round`, `divmod`.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from ..core import errors
from .primitive import Bound, D, Elementwise, as_array, as_given, example

LN2 = math.log(2)
LN10 = math.log(10)


def ones_for_zeros(x: Any) -> Any:
    """Return x with 1 in the place of each 0: a divisor by which 0 / 0 becomes 0."""
    return np.where(x == 0, 1, x)


def step_cotangent(g: Any, x: Any) -> Any:
    """Return the cotangent of a step function's argument: 0, but g where x is nan, as a nan in g must show there."""
    return np.where(np.isnan(x), g, 0)


def over_square(x: Any, y: Any, z: Any) -> Any:
    """Return x / (x² + y²), but 0 where both are 0 or one is inf; the squares could overflow, or become 0.

    z is the angle of (x, y).
    """
    r = np.hypot(x, y)
    # 0 * z, not 0: hypot(inf, nan) is inf, and there the angle is nan.
    return np.where(r == np.inf, 0 * z, x) / ones_for_zeros(r) / ones_for_zeros(r)


def _ratio(g: Any, x: Any, norm: Any) -> Any:
    """Return g x / norm, the gradient of a 2-norm of x; by convention it is 0 where the norm is 0."""
    return g * (x / ones_for_zeros(norm))


def nan_at_zero_norm(v: Any, norm: Any, otherwise: Any) -> Any:
    """Return a part of a second derivative, which is nan where the norm is 0, but 0 where its cotangent v is 0, too."""
    return np.where(norm == 0, np.where(v == 0, v, np.nan), otherwise)


# Arithmetic.
add = Elementwise(np.add, lambda g, z, x, y: g, lambda g, z, x, y: g, sign="+", shows_nan=2, onnx="Add")
subtract = Elementwise(
    np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g, sign="-", shows_nan=2, onnx="Sub", peephole="minus_zero"
)
multiply = Elementwise(
    np.multiply,
    lambda g, z, x, y: g * y,
    lambda g, z, x, y: g * x,
    sign="*",
    shows_nan=2,
    onnx="Mul",
    peephole="times_one",
)
divide = Elementwise(
    np.divide,
    lambda g, z, x, y: g / y,
    lambda g, z, x, y: -g * z / y,
    sign="/",
    domain=(0.5, 2),
    shows_nan=1,
    onnx="Div",
    peephole="by_one",
)
negative = Elementwise(np.negative, lambda g, z, x: -g, sign="-", shows_nan=1, onnx="Neg", peephole="undone")
positive = Elementwise(np.positive, lambda g, z, x: g, sign="+", onnx="Identity", loop="{0}", peephole="first")
reciprocal = Elementwise(
    np.reciprocal, lambda g, z, x: -g * z * z, domain=(0.5, 2), onnx="Reciprocal", loop="{kind}(1) / {0}"
)
square = Elementwise(np.square, lambda g, z, x: g * 2 * x, onnx="Square", loop="{0} * {0}")


def _power_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return g times y x^(y-1), which is 0 for y = 0 even where x = 0."""
    if not isinstance(y, int | float) or y == 0:  # no other Python number needs the next line
        x = np.where(np.logical_and(x == 0, y == 0), 1, x)
    return g * (y * x ** (y - 1))


def _power_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return g times x^y log x, which is 0 where x = 0."""
    return g * (z * np.log(ones_for_zeros(x)).astype(z.dtype))


POWERS = [example(D(3, 1), D(4)), example(D(3, domain=(-2, -0.5)), 3), example(D(3), np.array([0.0, 1.0, -2.0]))]


def _operator_power(x: Any, y: Any, out: Any = None) -> Any:
    """Return x**y with the bits of the operator: before NumPy 2.3, np.power rounds squares and roots differently."""
    if out is x:
        x **= y
        return x
    return x**y if isinstance(x, np.ndarray) and out is None else np.power(x, y, out)


power = Elementwise(
    np.power,
    _power_x,
    _power_y,
    kernel=_operator_power if np.lib.NumpyVersion(np.__version__) < "2.3.0" else np.power,
    sign="**",
    domain=(0.5, 2),
    examples=POWERS,
    onnx="Pow",
    peephole="by_one",
)
ONE = np.float64(1)  # x * ONE is at least float64, in which np.float_power computes
float_power = Elementwise(
    np.float_power,
    lambda g, z, x, y: _power_x(g, None, x * ONE, y * ONE),
    lambda g, z, x, y: _power_y(g, z, x * ONE, y),
    domain=(0.5, 2),
    examples=POWERS,
)

# Exponentials and logarithms.
exp = Elementwise(np.exp, lambda g, z, x: g * z, onnx="Exp")
exp2 = Elementwise(np.exp2, lambda g, z, x: g * z * LN2, onnx="Exp2")
expm1 = Elementwise(np.expm1, lambda g, z, x: g * np.exp(x), onnx="Expm1")
log = Elementwise(np.log, lambda g, z, x: g / x, domain=(0.5, 2), onnx="Log")
log2 = Elementwise(np.log2, lambda g, z, x: g / (x * LN2), domain=(0.5, 2), onnx="Log2")
log10 = Elementwise(np.log10, lambda g, z, x: g / (x * LN10), domain=(0.5, 2), onnx="Log10")
log1p = Elementwise(np.log1p, lambda g, z, x: g / (1 + x), domain=(-0.5, 2), onnx="Log1p")
sqrt = Elementwise(np.sqrt, lambda g, z, x: g / (2 * z), domain=(0.5, 2), onnx="Sqrt")
cbrt = Elementwise(np.cbrt, lambda g, z, x: g / (3 * z * z), domain=(0.5, 2))


# Angles, circular and hyperbolic functions.
deg2rad = Elementwise(
    np.deg2rad, lambda g, z, x: np.deg2rad(g), also=(np.radians,), loop=f"{{0}} * {{kind}}({math.pi / 180!r})"
)
rad2deg = Elementwise(
    np.rad2deg, lambda g, z, x: np.rad2deg(g), also=(np.degrees,), loop=f"{{0}} * {{kind}}({180 / math.pi!r})"
)
sin = Elementwise(np.sin, lambda g, z, x: g * np.cos(x), onnx="Sin")
cos = Elementwise(np.cos, lambda g, z, x: -g * np.sin(x), onnx="Cos")
tan = Elementwise(np.tan, lambda g, z, x: g * (1 + z * z), domain=(-1.2, 1.2), onnx="Tan")
arcsin = Elementwise(np.arcsin, lambda g, z, x: g / np.sqrt((1 - x) * (1 + x)), domain=(-0.9, 0.9), onnx="Asin")
arccos = Elementwise(np.arccos, lambda g, z, x: -g / np.sqrt((1 - x) * (1 + x)), domain=(-0.9, 0.9), onnx="Acos")
arctan = Elementwise(np.arctan, lambda g, z, x: g / (1 + x * x), onnx="Atan")
arctan2 = Elementwise(
    np.arctan2, lambda g, z, x, y: g * over_square(y, x, z), lambda g, z, x, y: -g * over_square(x, y, z)
)
# The gradient of a 2-norm, g * x / norm, as a row of its own: where the norm is 0 it has a value by convention, but no
# derivative. A second derivative of the norm is nan there, and not a wrong number.
ratio: Elementwise = Elementwise(
    _ratio,
    lambda v, z, g, x, norm: ratio(v, x, norm),
    lambda v, z, g, x, norm: nan_at_zero_norm(v, norm, v * (g / ones_for_zeros(norm))),
    lambda v, z, g, x, norm: nan_at_zero_norm(v, norm, -v * (g / ones_for_zeros(norm)) * (x / ones_for_zeros(norm))),
    domain=(0.5, 2),
    decomposition=_ratio,
    formula=lambda args, params, literal: args[0].infix("*", args[1].infix("/", args[2])),
    examples=[example(D(3, 4), D(3, 4), D(3, 1)), example(D(), D(3), D(3)), example(D(0, 3), D(0, 3), D(0, 1))],
)


def _hypot_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return g times x / z, which is 1 or -1, the limit, where x alone is infinite."""
    alone = np.logical_and(np.isinf(x), np.isfinite(y))
    return ratio(g, np.where(alone, np.sign(x), x), np.where(alone, 1, z))


hypot = Elementwise(np.hypot, _hypot_x, lambda g, z, x, y: _hypot_x(g, z, y, x))
sinh = Elementwise(np.sinh, lambda g, z, x: g * np.cosh(x), onnx="Sinh")
cosh = Elementwise(np.cosh, lambda g, z, x: g * np.sinh(x), onnx="Cosh")
tanh = Elementwise(np.tanh, lambda g, z, x: g * (1 - z * z), onnx="Tanh")
arcsinh = Elementwise(np.arcsinh, lambda g, z, x: g / np.sqrt(x * x + 1), onnx="Asinh")
arccosh = Elementwise(np.arccosh, lambda g, z, x: g / np.sqrt((x - 1) * (x + 1)), domain=(1.2, 3), onnx="Acosh")
arctanh = Elementwise(np.arctanh, lambda g, z, x: g / ((1 - x) * (1 + x)), domain=(-0.9, 0.9), onnx="Atanh")

# sinc'(x) = SINC[0] x + SINC[1] x^3 + ...
SINC = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 10)]


def _sinc_x(g: Any, z: Any, x: Any) -> Any:
    """Return g times the slope: in closed form, or near 0, where that form loses digits, as a power series."""
    near = np.abs(x) < 0.3
    small, large = np.where(near, x, 0), np.where(near, 1, x)
    series = small * reduce(lambda total, c: total * small * small + c, reversed(SINC))
    return g * np.where(near, series, (np.cos(math.pi * large) - np.sinc(large)) / large)


sinc = Elementwise(np.sinc, _sinc_x)

# Absolute values and choices.
absolute = Elementwise(np.absolute, lambda g, z, x: g * np.sign(x), onnx="Abs")
fabs = Elementwise(np.fabs, lambda g, z, x: g * np.sign(x), onnx="Abs")
copysign = Elementwise(
    np.copysign, lambda g, z, x, y: g * (np.sign(x) * np.sign(z)), lambda g, z, x, y: np.zeros_like(g)
)


def choice_cotangent(g: Any, not_chosen: Any, tied: Any) -> Any:
    """Return g where this argument was chosen, g / 2 where both are equal, and 0 where the other one was chosen."""
    return np.where(not_chosen, 0, np.where(tied, g / 2, g))


def _fmax_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    return choice_cotangent(g, x != z, x == y)


# maximum and minimum give nan where an argument is nan; x < y is False there, so both arguments get g. fmax and fmin
# choose the other argument instead; x != z is True for a nan, so it gets 0.
maximum = Elementwise(
    np.maximum,
    lambda g, z, x, y: choice_cotangent(g, x < y, x == y),
    lambda g, z, x, y: choice_cotangent(g, y < x, x == y),
    onnx="Max",
)
minimum = Elementwise(
    np.minimum,
    lambda g, z, x, y: choice_cotangent(g, x > y, x == y),
    lambda g, z, x, y: choice_cotangent(g, y > x, x == y),
    onnx="Min",
)
fmax = Elementwise(np.fmax, _fmax_x, lambda g, z, x, y: _fmax_x(g, z, y, x))
fmin = Elementwise(np.fmin, _fmax_x, lambda g, z, x, y: _fmax_x(g, z, y, x))
where = Elementwise(
    np.where,
    None,
    lambda g, z, c, x, y: np.where(c, g, 0),
    lambda g, z, c, x, y: np.where(c, 0, g),
    examples=[example(np.array([True, False, True]), D(3), D(3)), example(np.array([[True], [False]]), D(3), D(2, 1))],
    onnx="Where",
    loop="{1} if {0} else {2}",
)


def _bind_nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Bound:
    if not copy:
        raise errors.UnsupportedError("np.nan_to_num of a Tensor gives a copy. Leave copy=False out.")
    return (x,), {"nan": nan, "posinf": posinf, "neginf": neginf}


nan_to_num = Elementwise(
    np.nan_to_num, lambda g, z, x, nan, posinf, neginf: np.where(np.isfinite(x), g, 0), bind=_bind_nan_to_num
)


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit the entries to an interval."""
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is None and high is None:
        return np.copy(a)
    raised = a if low is None else np.maximum(a, low)
    return raised if high is None else np.minimum(raised, high)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Take each entry from the first choice whose condition holds there."""
    pairs = list(zip(condlist, choicelist, strict=True))
    return reduce(lambda otherwise, pair: np.where(pair[0], pair[1], otherwise), reversed(pairs), default)


# Step functions, and the remainders of division.
sign = Elementwise(np.sign, lambda g, z, x: step_cotangent(g, x), onnx="Sign")
floor = Elementwise(np.floor, lambda g, z, x: step_cotangent(g, x), onnx="Floor")
ceil = Elementwise(np.ceil, lambda g, z, x: step_cotangent(g, x), onnx="Ceil")
trunc = Elementwise(np.trunc, lambda g, z, x: step_cotangent(g, x))
fix = Elementwise(np.fix, lambda g, z, x: step_cotangent(g, x), kernel=np.trunc, loop="np.trunc({0})")
rint = Elementwise(np.rint, lambda g, z, x: step_cotangent(g, x), onnx="Round")
round = Elementwise(
    np.round,
    lambda g, z, x, decimals: step_cotangent(g, x),
    bind=lambda a, decimals=0: ((a,), {"decimals": decimals}),
    also=(np.around,),
    examples=[example(D(3, 4)), example(D(3), decimals=1)],
)
heaviside = Elementwise(
    np.heaviside,
    lambda g, z, x, y: step_cotangent(g, x),
    lambda g, z, x, y: np.where(x == 0, g, 0),
    examples=[example(D(3, 4), D(4)), example(np.array([-1.0, 0.0, 2.0]), D(2, 3))],
    loop="",
)
# Examples whose quotients are far from whole numbers, where floor jumps.
DIVISIONS = [example(D(2, 1, domain=(-2.8, -2.2)), D(1, 3, domain=(1, 1.05))), example(D(3, domain=(2.2, 2.8)), -1)]
floor_divide = Elementwise(
    np.floor_divide,
    lambda g, z, x, y: step_cotangent(g, x),
    lambda g, z, x, y: step_cotangent(g, y),
    sign="//",
    examples=DIVISIONS,
)
remainder = Elementwise(
    np.remainder, lambda g, z, x, y: g, lambda g, z, x, y: -g * (x // y), sign="%", examples=DIVISIONS
)
fmod = Elementwise(np.fmod, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.rint((x - z) / y), examples=DIVISIONS)
ldexp = Elementwise(
    np.ldexp, lambda g, z, x, n: np.ldexp(g, n), None, examples=[example(D(3), np.array([1, -2, 3])), example(D(3), 2)]
)


def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """Return quotient and remainder."""
    return np.floor_divide(x, y), np.remainder(x, y)


def modf(x: Any) -> tuple[Any, Any]:
    """Return the fractional and the whole part, both with the sign of x."""
    x = as_array(x)
    # Integers become floats of the size that np.modf would take: int8 float16, int64 float64.
    x = x.astype(np.result_type(x.dtype, np.float16)) if x.dtype.kind in "biu" else x
    return np.fmod(np.where(np.isinf(x), np.copysign(0, x), x), 1), np.trunc(x)


# Logarithms of sums of exponentials, without overflow.


def _exp_share(x: Any, z: Any, infinite: Any, base: float = math.e) -> Any:
    """Return base^(x - z), the share of x in z = log(base^x + ...); where z is inf, the `infinite` infs share 1."""
    top = x == np.inf
    difference = np.where(top, 0, x) - np.where(np.isinf(z), np.inf, z)
    share = np.exp2(difference) if base == 2 else np.exp(difference)
    return np.where(np.logical_and(top, z == np.inf), (1 / ones_for_zeros(infinite)).astype(share.dtype), share)


def infinities(x: Any, y: Any) -> Any:
    """Count the arguments that are inf, entry by entry."""
    return (x == np.inf) * 1.0 + (y == np.inf)


def _write_exp_share(args: Any, params: Any, literal: Any) -> Any:
    """Write exp(x - z)."""
    difference = args[0].infix("-", args[1])
    return type(difference)(f"{'exp2' if params.get('base') == 2 else 'exp'}({difference.text})")


exp_share = Elementwise(
    _exp_share,
    lambda g, z, x, total, infinite, base=math.e: g * z * math.log(base),
    lambda g, z, x, total, infinite, base=math.e: -g * z * math.log(base),
    None,
    bind=as_given,
    formula=_write_exp_share,
    decomposition=_exp_share,
    examples=[example(D(3, 4), D(3, 1), np.zeros((3, 1))), example(D(3), D(3), np.zeros(3), base=2)],
)
logaddexp = Elementwise(
    np.logaddexp,
    lambda g, z, x, y: g * exp_share(x, z, infinities(x, y)),
    lambda g, z, x, y: g * exp_share(y, z, infinities(x, y)),
    onnx="LogAddExp",
)
logaddexp2 = Elementwise(
    np.logaddexp2,
    lambda g, z, x, y: g * exp_share(x, z, infinities(x, y), base=2),
    lambda g, z, x, y: g * exp_share(y, z, infinities(x, y), base=2),
)

# real, imag and conjugate of real numbers: complex numbers have no gradients here.
real = Elementwise(np.real, lambda g, z, x: g, views=True, onnx="Identity", peephole="first")
imag = Elementwise(np.imag, lambda g, z, x: np.zeros_like(g))
conjugate = Elementwise(np.conjugate, lambda g, z, x: np.conjugate(g), onnx="Identity", peephole="first")
