"""The error function, which NumPy lacks: W. J. Cody, "Rational Chebyshev approximations for the error function" (1969).

Three ratios of polynomials, each good to float64 on its part of the line: erf up to 0.46875, erfc up to 4, and beyond.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .primitive import Elementwise

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


def _ratio(x: Any, over: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
    return _polynomial(x, over[0]) / _polynomial(x, over[1])


def _erf_near(x: Any) -> Any:
    """erf, for numbers up to 0.46875 in size."""
    return x * _ratio(x * x, _NEAR)


def _erfc_beyond(x: Any) -> Any:
    """erfc, for numbers above 0.46875. exp(-x²) is taken apart, so that the rounding of x² is not multiplied by x²."""
    x = np.minimum(x, 30)  # erfc is 0 there, and inf - inf is nan
    z = _ratio(x, _MIDDLE)
    far = x > 4
    if far.any():
        y = x[far]
        inverse = 1 / (y * y)
        z[far] = (_SLOPE / 2 - inverse * _ratio(inverse, _FAR)) / y
    exact = np.trunc(x * 16) / 16
    z *= np.exp(-exact * exact)
    z *= np.exp((exact - x) * (exact + x))
    return z


def _erf_block(x: Any) -> Any:
    size = np.abs(x)
    near = np.minimum(size, 0.46875)
    return np.copysign(np.where(size > near, 0.5 - _erfc_beyond(size) + 0.5, _erf_near(near)), x)


def _erfc_block(x: Any) -> Any:
    size = np.abs(x)
    near = np.clip(x, -0.46875, 0.46875)
    beyond = _erfc_beyond(size)
    return np.where(x == near, 1 - _erf_near(near), np.where(x < 0, 2 - beyond, beyond))


def _in_blocks(function: Any, x: Any) -> Any:
    """A function of single numbers, of so many at a time that its intermediate results stay in the cache."""
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


erf = Elementwise(_erf, lambda g, z, x: g * (np.exp(-x * x) * _SLOPE), single=True)
erfc = Elementwise(_erfc, lambda g, z, x: g * (np.exp(-x * x) * -_SLOPE), single=True)
