"""The table of mistakes: where each applies, its kind, what is computed instead, and the sentence that names it.

A line is `kind | formula | sentence`, under the heading of the place that it applies to; an indented line continues
the one above. The formula is NumPy code in the names that the heading lists; `sum(x, axis)` and `mean(x, axis)`
keep the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Array = Any
Mistake = tuple[str, str, Callable[..., Array]]

TABLE = """
[softmax: g, p, k, o] the cotangent of p = softmax(x) along axis k; o is another axis. Right: p * (g - sum(g * p, k))
softmax diagonal | g * p * (1 - p) | only the diagonal of the softmax's Jacobian counts, p*(1-p)
softmax sum constant | g * p | the sum that the softmax divides by is taken as constant, g*p
softmax axis | p * (g - sum(g * p, o)) | the sum in the softmax's derivative runs over the wrong axis
softmax axis | p * (g - np.sum(g * p)) | the sum in the softmax's derivative runs over all axes
softmax mean | p * (g - mean(g * p, k)) | the sum in the softmax's derivative is a mean
softmax factor | p * (g - sum(g, k)) | the factor p is missing inside the sum of the softmax's derivative
softmax factor | g - sum(g * p, k) | the factor p in front of the softmax's derivative is missing
softmax sign | p * (g + sum(g * p, k)) | the sign inside the softmax's derivative is wrong
softmax square | g * p - p * p * sum(g, k) | p**2 stands for p inside the softmax's derivative
another's derivative | g * (1 - p * p) | the derivative of tanh stands for the softmax's
softmax left out | g | the softmax's derivative is left out

[normalisation: g, x, u, s, k, o, n] u = (x - mean) / s along axis k of n entries. Right: (g - mean(g, k) - u *
  mean(g * u, k)) / s
taken as constant | (g - mean(g, k)) / s | the variance is taken as constant
taken as constant | (g - u * mean(g * u, k)) / s | the mean is taken as constant
taken as constant | g / s | mean and variance are taken as constant
scale of a term | (g / n - mean(g, k) - u * mean(g * u, k)) / s | N is missing in the direct term
scale of a term | (g - n * mean(g, k) - u * mean(g * u, k)) / s | 1/N is missing in the term of the mean
scale of a term | (g - mean(g, k) - n * u * mean(g * u, k)) / s | 1/N is missing in the term of the variance
scale of a term | (g - n * mean(g, k) - n * u * mean(g * u, k)) / s | 1/N is missing in the terms of mean and variance
scale of a term | (g - mean(g, k) - u * mean(g * u, k) / 2) / s | the term of the variance is half of it
scale of a term | (g - mean(g, k) - 2 * u * mean(g * u, k)) / s | the term of the variance is twice as large
scale of a term | (g - mean(g, k) - n / (n - 1) * u * mean(g * u, k)) / s | N - 1 stands for N in the term of the
  variance
sign of a term | (g + mean(g, k) - u * mean(g * u, k)) / s | the term of the mean has the wrong sign
sign of a term | (g - mean(g, k) + u * mean(g * u, k)) / s | the term of the variance has the wrong sign
sign of a term | (g + mean(g, k) + u * mean(g * u, k)) / s | the terms of mean and variance have the wrong sign
operand left out | (g - mean(g, k) - mean(g * u, k)) / s | the normalised value is not multiplied in, in the term
  of the variance
operand left out | (g - mean(g, k) - u * mean(g, k)) / s | the normalised value is left out of the sum in the term
  of the variance
operand left out | g - mean(g, k) - u * mean(g * u, k) | the division by the standard deviation is missing
operand | (g - mean(g, k) - x * mean(g * u, k)) / s | the input stands where the normalised value belongs, in front
  of the sum of the term of the variance
operand | (g - mean(g, k) - u * mean(g * x, k)) / s | the input stands where the normalised value belongs, inside
  the sum of the term of the variance
operand | (g - mean(g, k) - x * mean(g * x, k)) / s | the input stands where the normalised value belongs, in the
  term of the variance
operand | (g - mean(g, k) - u * s * mean(g * u, k)) / s | the centred value stands where the normalised one
  belongs, in front of the sum of the term of the variance
operand | (g - mean(g, k) - u * s * mean(g * u * s, k)) / s | the centred value stands where the normalised one
  belongs, in the term of the variance
operand | (g - mean(g, k) - u * mean(g * u, k)) / s**2 | the variance stands where the standard deviation belongs
operand | (g - mean(g, k) - u * mean(g * u, k)) * s | the gradient is multiplied by the standard deviation, not
  divided
wrong axis | (g - mean(g, o) - u * mean(g * u, o)) / s | the means are taken over the wrong axis
wrong axis | (g - mean(g, o) - u * mean(g * u, k)) / s | the mean of the gradient is taken over the wrong axis
wrong axis | (g - mean(g, k) - u * mean(g * u, o)) / s | the mean in the term of the variance is taken over the
  wrong axis

[power: x, n] what stands for n * x**(n - 1)
exponent | x ** (n - 1) | the exponent {n} is missing as a factor
exponent | (n - 1) * x ** (n - 1) | the factor is {n-1}, and should be the exponent {n}
exponent | n * x**n | the exponent is not reduced by one
exponent | n * x ** (n - 2) | the exponent is reduced by two
exponent | n * x ** (n + 1) | the exponent is increased by one
exponent | x**n | the power itself stands for its derivative
exponent | n * np.ones_like(x) | the power is left out: only the factor {n} remains
exponent | -n * x ** (n - 1) | the sign of the exponent is left out

[slope: x] the derivative of another function at x
another's derivative | np.exp(-x) / (1 + np.exp(-x)) ** 2 | the derivative of sigmoid, s*(1-s) with s = sigmoid(x),
  stands for the derivative
another's derivative | 1 / (1 + np.exp(-x)) | sigmoid(x) stands for the derivative
another's derivative | 1 - np.tanh(x) ** 2 | the derivative of tanh, 1 - tanh(x)**2, stands for the derivative
another's derivative | (x > 0) * 1.0 | the derivative of relu, x > 0, stands for the derivative
another's derivative | np.sign(x) | the sign of x stands for the derivative
another's derivative | np.cos(x) | cos(x) stands for the derivative
another's derivative | np.sin(x) | sin(x) stands for the derivative
another's derivative | -np.cos(x) | -cos(x) stands for the derivative
another's derivative | np.exp(x) | exp(x) stands for the derivative
another's derivative | 1 / x | 1/x stands for the derivative
another's derivative | np.log(x) | log(x) stands for the derivative
another's derivative | x * 1.0 | x itself stands for the derivative
another's derivative | 2.0 * x | 2*x stands for the derivative
another's derivative | 1 / (1 + x * x) | 1 / (1 + x**2) stands for the derivative

[activation: z, s] a function with value z and slope s
derivative left out | np.ones_like(s) | {its} is left out
derivative twice | s * s | {its} is multiplied in twice
derivative inverted | 1 / s | the gradient is divided by {its}
derivative inverted | -s | minus the slope stands for the slope
value for derivative | z | the activation itself stands for its derivative
derivative of the derivative | s * (1 - s) | s*(1-s) of the slope stands for the slope
derivative of the derivative | 1 - s | 1 minus the slope stands for the slope
part of the derivative | 1 - z | a factor of the derivative is missing (1-a is left)
part of the derivative | (1 - z) ** 2 | the square stands for the product: (1-a)**2
part of the derivative | z * (1 + z) | a sign inside the derivative is wrong: a*(1+a)
part of the derivative | 1 + z * z | a sign inside the derivative is wrong: 1+a*a

[inner: s] the slope s of an argument u(x) inside a function
derivative left out | np.ones_like(s) | the inner derivative is left out
derivative twice | s * s | the inner derivative is multiplied in twice
sign | -s | the inner derivative has the wrong sign

[cross-entropy: p, y, logits, columns, first] instead of p - y; columns marks the labels' columns in every row,
  first in the first row
softmax without the one-hot | p | p alone: the one-hot y is not subtracted
one-hot added | p + y | p+y: the one-hot y is added, and should be subtracted
one-hot in all rows | p - columns | p - 1 in the columns of all labels, in every row: write p[np.arange(n), y] -=
  1, not p[:, y] -= 1
one-hot in one row | p - first | p - 1 in the columns of all labels, in the first row alone: write p[np.arange(n),
  y] -= 1, not p[0, y] -= 1
one-hot without the softmax | -y | -y alone: the softmax p is missing
softmax derivative twice | (p - y) * p * (1 - p) | (p-y)*p*(1-p): p-y has the softmax's derivative in it already
diagonal of the softmax | -y * (1 - p) | made with the slope p*(1-p) of each entry alone, without cross terms
softmax derivative for the loss | p * (1 - p) | p*(1-p): the loss's own derivative is missing
logits for probabilities | logits - y | logits - y: the softmax is missing
right class only | (p - y) * (y > 0) | there for the right class only
divided by p | (p - y) / p | (p-y)/p

[array: g] any gradient
normalised | g / np.linalg.norm(g) | is divided by its norm
sign only | np.sign(g) | is only its sign
rounded | np.trunc(g) | is rounded to whole numbers, as in an integer array
rounded | np.floor(g) | is rounded down to whole numbers
rounded | -np.floor(-g) | is rounded down to whole numbers
absolute | np.abs(g) | has lost its signs
absolute | -np.abs(g) | has lost its signs
squared | g * g | is squared
squared | -g * g | is squared

[use: part, total, count] a value that is used several times, and the part of its gradient that one use gives
a use missing | total - part | {use} is missing
a use twice | total + part | {use} counts twice
sign | total - 2 * part | {use} has the wrong sign
"""


@cache
def mistakes(where: str) -> list[Mistake]:
    """Return the kind, sentence and formula of each line under a heading.

    Examples
    --------
    >>> [says for kind, says, formula in mistakes("inner") if kind == "sign"]
    ['the inner derivative has the wrong sign']
    """
    found: list[Mistake] = []
    names = None
    for line in TABLE.replace("\n  ", " ").splitlines():
        if line.startswith("["):
            heading, _, arguments = line[1 : line.index("]")].partition(": ")
            names = arguments if heading == where else None
        elif line and names:
            kind, formula, says = line.split(" | ")
            found.append(
                (kind, says, eval(f"lambda {names}: {formula}", {"np": np, "sum": sum_along, "mean": mean_along}))
            )
    return found


def sum_along(x: Array, axis: int) -> Array:
    return np.sum(x, axis=axis, keepdims=True)


def mean_along(x: Array, axis: int) -> Array:
    return np.mean(x, axis=axis, keepdims=True)
