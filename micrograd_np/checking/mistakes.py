"""The table of mistakes: where each applies, its kind, what is computed instead, and the sentence that names it.

A heading is `[place: names | sentence]`. A function with the name of the place finds it in the user's graph, and says
what its names stand for: see `hypotheses.py`. A line is `kind | formula | words`: the formula is NumPy code in the
heading's names, and gives what the user computed instead; the words fill the sentence. An indented line continues the
one above. If two lines give the same numbers on any data, the report has the words of the upper one.

In formulas, g is the cotangent that arrives, `sum(x, axis)` and `mean(x, axis)` keep the axis, and c is a number
that is fitted to the user's gradient. A formula that gives None does not apply.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from ..core.backward import unbroadcast

Array = Any

TABLE = """
[loops: | {says}, in {where}]
steps missing | 0.0 | {counts}

[windows: g, pull, kept, which | {says}, in {where}]
overwritten | pull(g) * kept | where entries are used more than once, the {which} gradient is assigned and
  not added: write +=

[picks: g, x, picked | {says}, in {where}]
overwritten | assigned(x, picked, g) | entries that are picked more than once keep the last gradient instead of the
  sum: write np.add.at(d, i, g), not d[i] = g or d[i] += g

[paddings: g, first, last | {says}, in {where}]
padding | g[first] | the border is cut off at the end alone: the first entries of the padded gradient are taken
padding | g[last] | the border is cut off at the start alone: the last entries of the padded gradient are taken

[extremes: g, z, own, even, count, other | {says}, in {where}]
averaged extreme | even(g) | the gradient is spread evenly over the window, as in average pooling
all of the extreme | count * even(g) | every entry gets the whole gradient; the mask of the extreme is missing
value of the extreme | own(g * z) | the gradient is multiplied by the extreme itself
other extreme | other(g) | the gradient goes to the smallest entry, not to the largest, or the other way round

[normalisations: g, x, u, s, k, n | {says}, in {where}]
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
operand left out | (g - mean(g, k) - mean(g * u, k)) / s | the normalised value is not multiplied in, in the term of
  the variance
operand left out | (g - mean(g, k) - u * mean(g, k)) / s | the normalised value is left out of the sum in the term of
  the variance
operand left out | g - mean(g, k) - u * mean(g * u, k) | the division by the standard deviation is missing
operand | (g - mean(g, k) - x * mean(g * u, k)) / s | the input stands where the normalised value belongs, in front of
  the sum of the term of the variance
operand | (g - mean(g, k) - u * mean(g * x, k)) / s | the input stands where the normalised value belongs, inside the
  sum of the term of the variance
operand | (g - mean(g, k) - x * mean(g * x, k)) / s | the input stands where the normalised value belongs, in the term
  of the variance
operand | (g - mean(g, k) - u * s * mean(g * u, k)) / s | the centred value stands where the normalised one belongs,
  in front of the sum of the term of the variance
operand | (g - mean(g, k) - u * s * mean(g * u * s, k)) / s | the centred value stands where the normalised one
  belongs, in the term of the variance
operand | (g - mean(g, k) - u * mean(g * u, k)) / s**2 | the variance stands where the standard deviation belongs
operand | (g - mean(g, k) - u * mean(g * u, k)) * s | the gradient is multiplied by the standard deviation, not
  divided

[normalisation axes: g, u, s, k, o | {says}, in {where}]
wrong axis | (g - mean(g, o) - u * mean(g * u, o)) / s | the means are taken over the wrong axis
wrong axis | (g - mean(g, o) - u * mean(g * u, k)) / s | the mean of the gradient is taken over the wrong axis
wrong axis | (g - mean(g, k) - u * mean(g * u, o)) / s | the mean in the term of the variance is taken over the wrong
  axis

[cross entropies: p, y, logits, columns, first | the gradient of {x} is {says}]
softmax without the one-hot | p | p alone: the one-hot y is not subtracted
one-hot added | p + y | p+y: the one-hot y is added, and should be subtracted
one-hot in all rows | p - columns | p - 1 in the columns of all labels, in every row: write p[np.arange(n), y] -= 1,
  not p[:, y] -= 1
one-hot in one row | p - first | p - 1 in the columns of all labels, in the first row alone: write p[np.arange(n), y]
  -= 1, not p[0, y] -= 1
one-hot without the softmax | -y | -y alone: the softmax p is missing
softmax derivative twice | (p - y) * p * (1 - p) | (p-y)*p*(1-p): p-y has the softmax's derivative in it already
diagonal of the softmax | -y * (1 - p) | made with the slope p*(1-p) of each entry alone, without cross terms
softmax derivative for the loss | p * (1 - p) | p*(1-p): the loss's own derivative is missing
logits for probabilities | logits - y | logits - y: the softmax is missing
right class only | (p - y) * (y > 0) | there for the right class only
divided by p | (p - y) / p | (p-y)/p

[softmaxes: g, p, k | {says}, in {where}]
softmax diagonal | g * p * (1 - p) | only the diagonal of the softmax's Jacobian counts, p*(1-p)
softmax sum constant | g * p | the sum that the softmax divides by is taken as constant, g*p
softmax axis | p * (g - np.sum(g * p)) | the sum in the softmax's derivative runs over all axes
softmax mean | p * (g - mean(g * p, k)) | the sum in the softmax's derivative is a mean
softmax factor | p * (g - sum(g, k)) | the factor p is missing inside the sum of the softmax's derivative
softmax factor | g - sum(g * p, k) | the factor p in front of the softmax's derivative is missing
softmax sign | p * (g + sum(g * p, k)) | the sign inside the softmax's derivative is wrong
softmax square | g * p - p * p * sum(g, k) | p**2 stands for p inside the softmax's derivative
another's derivative | g * (1 - p * p) | the derivative of tanh stands for the softmax's
softmax left out | g | the softmax's derivative is left out

[softmax axes: g, p, o | {says}, in {where}]
softmax axis | p * (g - sum(g * p, o)) | the sum in the softmax's derivative runs over the wrong axis

[activations: z, s, x | {says}, in {block}]
derivative left out | np.ones_like(s) | {its} is left out
derivative twice | s * s | {its} is multiplied in twice
mask inverted | np.where(s == s.min(), s.max(), s.min()) if np.unique(s).size == 2 else None | the two slopes stand on
  each other's side
value for derivative | z | {itself} stands for its derivative
derivative inverted | 1 / s | the gradient is divided by {its}
derivative of the derivative | s * (1 - s) | s*(1-s) of the slope stands for the slope
derivative of the derivative | 1 - s | 1 minus the slope stands for the slope
part of the derivative | 1 - z | a factor of the derivative is missing (1-a is left)
part of the derivative | (1 - z) ** 2 | the square stands for the product: (1-a)**2
part of the derivative | z * (1 + z) | a sign inside the derivative is wrong: a*(1+a)
part of the derivative | 1 + z * z | a sign inside the derivative is wrong: 1+a*a
another's derivative | z * (1 - z) | the derivative of another function (sigmoid: a*(1-a))
another's derivative | 1 - z * z | the derivative of another function (tanh: 1-a*a)
another's derivative | varied(z > 0) | the derivative of another function (relu: a>0)

[other values: s | {says}, in {block}]
derivative of the wrong value | s | {how}

[masks: g, s | {says}, in {block}]
mask of the gradient | g * (g > 0) | the mask is made from the sign of the gradient, not of the value
mask of the gradient | g * (g > 0) * s | the mask is made from the sign of the gradient, besides that of the value

[broadcasts: g, full, count, shape | {says}, in {where}]
left out | summed(g, shape) | the derivative is left out
mean for sum | summed(full(g), shape) / count | it is averaged over {axes}, not summed
summed over the wrong axis | full(g).sum(1).reshape(shape) | the wrong axis is summed over

[matrix products: g, first, second, shape | {says}, in {where}]
elementwise product | g * (first if shape == second.shape else second) | an elementwise product stands for the matrix
  product
batch averaged before the product | np.outer(first.sum(0), g.sum(0)) | the batch is summed before the product
batch averaged before the product | np.outer(first.mean(0), g.mean(0)) | the batch is averaged before the product
batch averaged before the product | np.outer(first.mean(0), g.sum(0)) | the inputs are averaged before the product

[statistics: x | {says}]
taken as constant | None | the gradient through {names} is missing, as if constant

[powers: x, n | {says}, in {where}]
exponent | x ** (n - 1) | the exponent {n} is missing as a factor
exponent | (n - 1) * x ** (n - 1) | the factor is {less}, and should be the exponent {n}
exponent | n * x**n | the exponent is not reduced by one
exponent | n * x ** (n - 2) | the exponent is reduced by two
exponent | n * x ** (n + 1) | the exponent is increased by one
exponent | x**n | the power itself stands for its derivative
exponent | n * np.ones_like(x) | the power is left out: only the factor {n} remains
exponent | -n * x ** (n - 1) if n < 0 else None | the sign of the exponent is left out

[two valued operands: v, top | {says}, in {where}]
mask inverted | np.where(v, np.zeros_like(v), top) | the mask is the other way round
mask without its scale | v / top | the factor {top} of the mask is left out
mask without its scale | v * top | the factor {top} of the mask counts twice

[operands: v, z | {says}, in {where}]
operand left out | np.ones_like(v) | {operand} is left out
transpose | np.swapaxes(v, -1, -2) if v.ndim > 1 else None | {operand} should be transposed, or should not
operand | v * v | the square of {operand} stands where {operand} belongs
operand | np.sqrt(np.abs(v)) | the square root of {operand} stands where {operand} belongs
operand | np.full_like(v, np.sum(v)) if np.size(v) > 1 else None | the sum of {operand} stands where {operand} belongs
flip | np.flip(v, (-2, -1)) if v.ndim > 2 else None | {operand} is flipped, and should not be
operand | z | the result is used for {operand}

[uses: part, total, count | {which}{says}]
a use missing | total - part | {use} is missing
a use twice | total + part | {use} counts twice
sign | total - 2 * part | {use} has the wrong sign
half of a use | total - part / 2 | {use} counts half, as if a factor 2 were missing
scale of a use | total - part + c * part | {use} counts {whole} times
one use only | part if count > 2 else None | only {use} counts

[steps: w | {says}, in {where}]
operand | w | {how}

[other operands: w | {says}, in {where}]
operand | w | {w} stands where {operand} belongs

[forward values: a | {b} is left out of {node}, {says}]
left out of a value | a | in the values that the gradient is made of

[gradients: g | the gradient of {x} {says}]
sign | -g | has the opposite sign

[inner derivatives: s | {says}, that of {where}]
derivative left out | np.ones_like(s) | the inner derivative is left out
derivative twice | s * s | the inner derivative is multiplied in twice
sign | -s | the inner derivative has the wrong sign

[rules: g, pull, x | {says}, in {where}]
missing path | 0.0 * x | no gradient comes this way
sign | -pull(g) | the sign is wrong
left out | g | the derivative is left out
twice | pull(pull(g)) | the derivative is taken twice
transpose | pull(np.swapaxes(g, -1, -2)) if g.ndim > 1 else None | the gradient is transposed, or should be

[activations: z, s, x | {says}, in {block}]
derivative inverted | -s | minus the slope stands for the slope

[slopes: x | {says}, in {where}]
another's derivative | np.exp(-x) / (1 + np.exp(-x)) ** 2 | the derivative of sigmoid, s*(1-s) with s = sigmoid(x),
  stands for the derivative
another's derivative | 1 / (1 + np.exp(-x)) | sigmoid(x) stands for the derivative
another's derivative | 1 - np.tanh(x) ** 2 | the derivative of tanh, 1 - tanh(x)**2, stands for the derivative
another's derivative | varied(x > 0) | the derivative of relu, x > 0, stands for the derivative
another's derivative | varied(np.sign(x)) | the sign of x stands for the derivative
another's derivative | np.cos(x) | cos(x) stands for the derivative
another's derivative | np.sin(x) | sin(x) stands for the derivative
another's derivative | -np.cos(x) | -cos(x) stands for the derivative
another's derivative | np.exp(x) | exp(x) stands for the derivative
another's derivative | 1 / x | 1/x stands for the derivative
another's derivative | np.log(x) | log(x) stands for the derivative
another's derivative | x * 1.0 | x itself stands for the derivative
another's derivative | 2.0 * x | 2*x stands for the derivative
another's derivative | 1 / (1 + x * x) | 1 / (1 + x**2) stands for the derivative
another's derivative | x * (1 - x) | the derivative of another function (sigmoid: a*(1-a)), given {of}
another's derivative | 1 - x * x | the derivative of another function (tanh: 1-a*a), given {of}

[functions: g, z, one | {says}, in {where}]
value for derivative | g * z | the function itself stands for its derivative
derivative inverted | g / one | the gradient is divided by the derivative
derivative of the derivative | g * (1 - one) | 1 minus the derivative stands for it

[inverses: g, z | {says}, in {where}]
operand left out | -g @ z.T | one of the two inverses in its derivative is left out
operand left out | -z.T @ g | one of the two inverses in its derivative is left out
transpose | -z @ g @ z | the inverses in its derivative are not transposed

[batches: i, n | {what} {says}{where}]
last sample only | i == n - 1 | the last sample alone
first sample only | i == 0 | the first sample alone
half of the batch | i < n // 2 | the first half of the batch alone
half of the batch | i >= n // 2 | the second half of the batch alone

[samples: i, j | {what} {says}{where}]
a sample missing | i != j | all samples but number {j}
a sample twice | 1.0 + (i == j) | all samples, number {j} twice

[read weights: v, d | {says}]
after the update | v - c * d | {w} had been updated already, by {c} times the gradient, when the gradients of what is
  below were worked out: keep all updates for the end

[skipped activations: g, pull, s | {says}, in {where}]
derivative left out | pull(g / s) | {its} is left out: the gradient of {other} stands where that
  of {node} belongs

[other gradients: g, pull, other | {says}, in {where}]
gradient of another | pull(other) | the gradient of {other} stands where that of {node} belongs

[forward and gradients: g, a | {b} is left out of {node}, {says}]
left out of a value | g | in the values that the gradient is made of and in the gradient

[gradients: g | the gradient of {x} {says}]
unnamed scale | c * g | is {whole} times what it should be

[uses: part, total, count | {which}{says}]
averaged uses | total / count | the uses are averaged, not summed

[normalisations: g, x, u, s, k, n | {says}, in {where}]
scale of a term | (g - c * mean(g, k) - c * u * mean(g * u, k)) / s | the means of the gradient and of its product with
  the normalised value are {c} times what they should be: they divide by another N

[own factors: r, f, zeros, divides, few | {says}]
never written | r * f if zeros else None | {part} {which} of {x} is zero: never written, as in a loop that stops early
divided by counts | r * f if divides else None | each {part} of {x} is divided by a number of its own ({listed})
part scaled | r * f if few else None | {part} {which} of {x} is {times} times what it should be, and the rest is
  right

[arrays: g | the gradient of {x} {says}]
normalised | g / np.linalg.norm(g) | is divided by its norm
sign only | np.sign(g) | is only its sign
rounded | np.trunc(g) if np.trunc(g).any() else np.nan * g | is rounded to whole numbers, as in an integer array
rounded | np.floor(g) | is rounded down to whole numbers
rounded | -np.floor(-g) | is rounded down to whole numbers
absolute | np.abs(g) | has lost its signs
absolute | -np.abs(g) | has lost its signs
squared | g * g | is squared
squared | -g * g | is squared

[axes: g, k | the gradient of {x} {says}]
flip | np.flip(g, k) | is reversed along axis {k}
shift | np.roll(g, 1, k) | is shifted by one along axis {k}
shift | np.roll(g, -1, k) | is shifted by one along axis {k}
shift | slid(g, k, 1) | is shifted by one along axis {k}, with zeros at the end
shift | slid(g, k, -1) | is shifted by one along axis {k}, with zeros at the end
summed early | sum(g, k) + 0 * g | is summed over axis {k} and spread again
averaged early | mean(g, k) + 0 * g | is averaged over axis {k}
part of an axis | at(g, k, [0]) | counts at index 0 of axis {k} alone
part of an axis | at(g, k, [-1]) | counts at the last index of axis {k} alone
part of an axis | g - at(g, k, [0]) | is missing at index 0 of axis {k}
part of an axis | g - at(g, k, [-1]) | is missing at the last index of axis {k}

[orders: g, o | the gradient of {x} {says}]
transpose | g.transpose(o) | {turned}
reshape | g.transpose(o).reshape(g.shape) | is reshaped where it should be transposed {o}
reshape | g.reshape([g.shape[i] for i in o]).transpose(np.argsort(o)) | is reshaped where it should be transposed {o}

[columns: g, k, o | the gradient of {x} {says}]
blocks | np.concatenate([np.split(g, len(o), k)[i] for i in o], k) | has its {m} blocks along axis {k} in the order
  {o}

[factors: g, f | the gradient of {x} {says}]
scale | f * g | is {f} times what it should be

[rows: r, h, v | {says}]
weight decay | r + c * v | {c} times its own value is added, as weight decay does, to {x}
weight decay | r + c * np.sign(v) | {c} times the sign of its own value is added to {x}
added | r + c | a constant {c} is added to {x}
value | v | {x} is its own value, no gradient
clipped | clipped(r, h) | {x} is clipped to ±{limit}
rounded | np.round(r, 1) if np.all(np.round(h, 1) == h) else None | {x} is rounded to 1 decimal
rounded | np.round(r, 2) if np.all(np.round(h, 2) == h) else None | {x} is rounded to 2 decimals
rounded | np.round(r, 3) if np.all(np.round(h, 3) == h) else None | {x} is rounded to 3 decimals
rounded | np.round(r, 4) if np.all(np.round(h, 4) == h) else None | {x} is rounded to 4 decimals

[added values: r, w | {says}]
value | w | {x} is the value of {w}, no gradient
added | r + c * w | {c} times the value of {w} is added to {x}

[other rows: w | {says}]
another's | w | {x} is the gradient of {w}

[all weights: v, h, t | {says}]
stale | v + c * h | all gradients are those of the weights before the last update, which is {c} times the gradient
  away
stale | v - c * t | all gradients are those of the weights after the next update, which is {c} times the gradient away
"""


@dataclass
class Mistake:
    """One line of the table; `fitted` tells whether its formula has the unknown number c.

    `rank` is its place in the table: of two lines that give the same numbers, the first one says more.
    """

    kind: str
    formula: Callable[..., Any]
    sentence: str
    fitted: bool
    rank: int


@cache
def mistakes() -> dict[str, list[Mistake]]:
    """Return the lines of the table by place.

    Examples
    --------
    >>> [mistake.sentence for mistake in mistakes()["inner derivatives"] if mistake.kind == "sign"]
    ['the inner derivative has the wrong sign, that of {where}']
    """
    found: dict[str, list[Mistake]] = {}
    for line in TABLE.replace("\n  ", " ").splitlines():
        if line.startswith("["):
            place, names, sentence = re.fullmatch(r"\[(.*?): (.*?) ?\| (.*)]", line).groups()  # type: ignore[union-attr]
            found.setdefault(place, [])
        elif line:
            kind, formula, words = line.split(" | ")
            function = eval(f"lambda {f'{names}, ' * bool(names)}c=0.0: {formula}", FUNCTIONS)
            fitted = re.search(r"\bc\b", formula) is not None
            rank = sum(map(len, found.values()))
            found[place].append(Mistake(kind, function, sentence.replace("{says}", words), fitted, rank))
    return found


def slid(g: Array, axis: int, by: int) -> Array:
    """Return an array moved by one along an axis, with zeros at the end."""
    moved = np.roll(g, by, axis)
    moved[(slice(None),) * axis + (0 if by > 0 else -1,)] = 0
    return moved


def varied(x: Array) -> Array | None:
    """Return x if it has different entries: if not, it is only a constant."""
    return x * 1.0 if x.size and x.max() != x.min() else None


def at(g: Array, axis: int, kept: list[int]) -> Array:
    """Return an array that is zero outside of some places along an axis."""
    found, place = np.zeros_like(g), (slice(None),) * axis + (kept,)
    found[place] = g[place]
    return found


def assigned(x: Array, picked: Array, g: Array) -> Array:
    """Return gradients of picked entries that are assigned where they should be added up."""
    found = np.zeros(x.size)
    found[np.ravel(picked)] = np.ravel(g)
    return found.reshape(x.shape)


def clipped(r: Array, h: Array) -> Array | None:
    """Return r clipped to the range of h, if that changes several entries."""
    limit = np.max(np.abs(h))
    several = np.sum(np.abs(h) == limit) > 1 and np.sum(np.abs(r) > limit) > 1
    return np.clip(r, -limit, limit) if several else None


FUNCTIONS = {
    "np": np,
    "sum": partial(np.sum, keepdims=True),
    "mean": partial(np.mean, keepdims=True),
    "summed": unbroadcast,
    "slid": slid,
    "at": at,
    "varied": varied,
    "assigned": assigned,
    "clipped": clipped,
}
