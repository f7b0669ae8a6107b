"""Dense layers: the linear map, and activations, accurate at any size of the number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from .calls import in_single
from .primitive import Bound, D, Elementwise, Primitive, as_array, example, remembered
from .products import check_axes


def rows(x: Any) -> Any:
    """Reshape (..., features) to (samples, features)."""
    return x if x.ndim == 2 else np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def with_shape(what: str, given: Any, shape: tuple[int, ...]) -> Any:
    """A weight or a bias as an array; raise unless it has this shape."""
    given = as_array(given)
    if given.shape != shape:
        raise ShapeError(f"{describe(given, what)} needs the shape {shape}.")
    return given


def _linear(x: Any, w: Any, *bias: Any) -> Any:
    """x @ weight.T + bias."""
    z = np.matmul(rows(x), w.T)
    for b in bias:
        z = z + b
    return z if x.ndim == 2 else np.reshape(z, (*x.shape[:-1], w.shape[0]))


@remembered
def _bind_linear(x: Any, weight: Any, bias: Any = None) -> Bound:
    """Check that x, weight and bias belong together."""
    x, w = as_array(x), as_array(weight)
    if w.ndim != 2:
        raise ArgumentError(f"linear takes a weight (out_features, in_features), not {describe(w, 'weight')}.")
    check_axes("linear", x, -1, w, -1)
    if bias is None:
        return (x, w), {}
    return (x, w, with_shape("bias", bias, w.shape[:1])), {}


def _write_linear(args: Any, params: Any, literal: Any) -> Any:
    """Write x @ w.T + b."""
    product = args[0].infix("@", args[1].transposed())
    return product.infix("+", args[2]) if len(args) > 2 else product


linear: Primitive = Primitive(
    _linear,
    lambda g, z, x, w, *bias: _linear(g, w.T),
    lambda g, z, x, w, *bias: np.matmul(rows(g).T, rows(x)),
    lambda g, z, x, w, bias: rows(g).sum(axis=0),
    bind=_bind_linear,
    formula=_write_linear,
    decomposition=_linear,
    examples=[example(D(3, 4), D(2, 4), D(2)), example(D(2, 3, 4), D(2, 4)), example(D(4), D(3, 4), D(3))],
    onnx="Gemm",
)


# The error function, from which gelu is made.

# NumPy has no error function. These are the rational approximations of Cody, "Rational Chebyshev approximations for the
# error function" (1969), to all digits of a float64: one near 0, one in the middle, one far out.
# The coefficients of numerator and denominator, the highest power first.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
# fmt: off
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725,
     5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
)
# fmt: on
BLOCK = 16384
_SLOPE = 2 / math.sqrt(math.pi)


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Horner's rule, in one array."""
    z = x * coefficients[0]
    for c in coefficients[1:-1]:
        z += c
        z *= x
    z += coefficients[-1]
    return z


def _rational(x: Any, over: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
    """The ratio of two polynomials."""
    return _polynomial(x, over[0]) / _polynomial(x, over[1])


def _erf_near(x: Any) -> Any:
    """erf, for numbers up to 0.46875 in size."""
    return x * _rational(x * x, _NEAR)


def _erfc_beyond(x: Any) -> Any:
    """erfc, for numbers above 0.46875. exp(-x²) is taken apart, so that the rounding of x² is not multiplied by x²."""
    x = np.minimum(x, 30)  # erfc is 0 there, and inf - inf is nan
    z = _rational(x, _MIDDLE)
    far = x > 4
    if far.any():
        y = x[far]
        inverse = 1 / (y * y)
        z[far] = (_SLOPE / 2 - inverse * _rational(inverse, _FAR)) / y
    exact = np.trunc(x * 16) / 16
    z *= np.exp(-exact * exact)
    z *= np.exp((exact - x) * (exact + x))
    return z


def _erf_block(x: Any) -> Any:
    """erf of the numbers of a block: near 0 by its own ratio, beyond by that of erfc."""
    size = np.abs(x)
    near = np.minimum(size, 0.46875)
    return np.copysign(np.where(size > near, 0.5 - _erfc_beyond(size) + 0.5, _erf_near(near)), x)


def _erfc_block(x: Any) -> Any:
    """erfc of the numbers of a block; for negative ones, 2 minus that of their size."""
    size = np.abs(x)
    near = np.clip(x, -0.46875, 0.46875)
    beyond = _erfc_beyond(size)
    return np.where(x == near, 1 - _erf_near(near), np.where(x < 0, 2 - beyond, beyond))


def _in_blocks(function: Any, x: Any) -> Any:
    """Apply an elementwise function to blocks whose intermediate results fit the processor's cache."""
    z = np.empty_like(x, dtype=np.result_type(x.dtype, 0.0))
    z[...] = x
    flat = z.ravel(order="K")
    for start in range(0, flat.size, BLOCK):
        flat[start : start + BLOCK] = function(flat[start : start + BLOCK])
    return z


def _erf(x: Any) -> Any:
    """2/sqrt(pi) times the integral of exp(-t²) from 0 to x."""
    return _in_blocks(_erf_block, x)


def _erfc(x: Any) -> Any:
    """1 - erf(x), without the loss of digits where erf(x) is near 1."""
    return _in_blocks(_erfc_block, x)


erf = Elementwise(
    _erf, lambda g, z, x: g * (np.exp(-x * x) * _SLOPE), single=True, onnx="Erf", loop="{kind}(math.erf({0}))"
)
erfc = Elementwise(
    _erfc, lambda g, z, x: g * (np.exp(-x * x) * -_SLOPE), single=True, onnx="Erfc", loop="{kind}(math.erfc({0}))"
)


# Activations.

# Just under log(finfo.max): exp stays finite, and 1/(1+exp) keeps its value.
_LIMIT = {np.dtype(kind): float(int(np.log(np.finfo(kind).max))) for kind in "fdg"}


def _sigmoid(x: Any) -> Any:
    """1/(1+exp(-x)) as the article writes it; the limit only keeps exp from overflowing."""
    return 1 / (1 + np.exp(-np.maximum(x, -_LIMIT.get(x.dtype, 709.0))))


# A Python number costs a ufunc as much as its loop over a small array does; an array without axes costs little.
_CONSTANTS = {kind: (np.asarray(limit, kind), np.ones((), kind)) for kind, limit in _LIMIT.items()}


def _fast_sigmoid(x: Any) -> Any:
    """Compute the bits of `_sigmoid` in less time."""
    if type(x) is not np.ndarray or x.dtype not in _CONSTANTS:
        return in_single(_sigmoid)(x)
    limit, one = _CONSTANTS[x.dtype]
    return one / (one + np.exp(np.minimum(-x, limit)))


def _log_sigmoid(x: Any) -> Any:
    """log(1/(1+exp(-x)))."""
    x = x if x.dtype.kind == "f" else x.astype(float)
    return -np.logaddexp(-x, 0)


def _softplus(x: Any, beta: float) -> Any:
    """log(1+exp(beta x))/beta: a smooth relu."""
    return np.logaddexp(beta * x, 0) / beta


def _silu(x: Any) -> Any:
    """x sigmoid(x)."""
    return x * _sigmoid(x)


def _relu(x: Any) -> Any:
    """The larger of x and 0; the slope at 0 is 0."""
    return np.maximum(x, 0)


def _leaky_relu(x: Any, negative_slope: float) -> Any:
    """x where it is positive, x times a small slope elsewhere."""
    return np.where(x > 0, x, negative_slope * x)


def _elu(x: Any, alpha: float) -> Any:
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


# The tanh form of gelu, by way of (1 + tanh(u))/2 = sigmoid(2u).
_LINEAR = math.sqrt(8 / math.pi)
_CUBIC = 0.044715 * _LINEAR
_MINUS_SQRT_HALF = -math.sqrt(0.5)
_NORMAL = 1 / math.sqrt(2 * math.pi)


def _fall(x: Any) -> Any:
    """exp(-u) with the u of gelu's tanh form, x sigmoid(u): a cubic in x."""
    # np.clip takes a third of the time of np.minimum with a number.
    return np.exp(np.clip((x * x * -_CUBIC - _LINEAR) * x, -np.inf, _LIMIT.get(x.dtype, 709.0)))


def _gelu(x: Any, approximate: str) -> Any:
    """x times the normal distribution's probability below x, or x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))/2."""
    return x * (erfc(x * _MINUS_SQRT_HALF) / 2) if approximate == "none" else x / (_fall(x) + 1)


def _gelu_slope(x: Any) -> Any:
    """s (1 + (1 - s) x u'), where s is sigmoid(u)."""
    fall = _fall(x)
    s = 1 / (1 + fall)
    return s * (fall * s * x * (x * x * (3 * _CUBIC) + _LINEAR) + 1)


def _gelu_x(g: Any, z: Any, x: Any, approximate: str) -> Any:
    """Return g times the slope: the normal probability below x, plus x times its density; or that of the tanh form."""
    if approximate == "tanh":
        return g * _gelu_slope(x)
    return g * (erfc(x * _MINUS_SQRT_HALF) / 2 + x * np.exp(x * x / -2) * _NORMAL)


def _bind_gelu(x: Any, approximate: str = "none") -> Bound:
    """Check the name of the approximation."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu has no approximate={approximate!r}: 'none' (the default) or 'tanh'.")
    return (as_array(x),), {"approximate": approximate}


SHAPES = [example(D(3, 4)), example(D()), example(D(0, 3))]


def activation(function: Any, rule: Any, **fields: Any) -> Elementwise:
    """A row for a function that is written with rows, computed in float32 where x is float16."""
    return Elementwise(function, rule, decomposition=function, single=True, **fields)


sigmoid = activation(_sigmoid, lambda g, z, x: g * (z * (1 - z)), kernel=_fast_sigmoid, onnx="Sigmoid")
log_sigmoid = activation(_log_sigmoid, lambda g, z, x: g * sigmoid(-x))
softplus = activation(
    _softplus,
    lambda g, z, x, beta: g * sigmoid(beta * x),
    bind=lambda x, beta=1.0: ((as_array(x),), {"beta": beta}),
    examples=[*SHAPES, example(D(3), beta=2.5)],
)
silu = activation(_silu, lambda g, z, x: g * (sigmoid(x) * (1 + x - z)))
gelu = activation(
    _gelu,
    _gelu_x,
    bind=_bind_gelu,
    examples=[*SHAPES, example(D(3, 4), approximate="tanh"), example(D(), "tanh")],
)
relu = Elementwise(_relu, lambda g, z, x: g * ~(x <= 0), decomposition=_relu, onnx="Relu")
leaky_relu = activation(
    _leaky_relu,
    lambda g, z, x, negative_slope: np.where(x <= 0, negative_slope * g, g),
    bind=lambda x, negative_slope=0.01: ((as_array(x),), {"negative_slope": negative_slope}),
    examples=[*SHAPES, example(D(3), 0.2)],
)
elu = activation(
    _elu,
    lambda g, z, x, alpha: g * np.where(x > 0, 1, z + alpha),
    bind=lambda x, alpha=1.0: ((as_array(x),), {"alpha": alpha}),
    examples=[*SHAPES, example(D(3), 0.5)],
)
