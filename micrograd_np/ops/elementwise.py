"""Functions of single numbers, applied to each entry: the shortest rows of the table."""

from __future__ import annotations

import numpy as np

from .primitive import Elementwise, Plain

# Arithmetic.
add = Elementwise(np.add, lambda g, z, x, y: g, lambda g, z, x, y: g, sign="+")
subtract = Elementwise(np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g, sign="-")
multiply = Elementwise(np.multiply, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x, sign="*")
divide = Elementwise(np.divide, lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y, sign="/", domain=(0.5, 2))
negative = Elementwise(np.negative, lambda g, z, x: -g, sign="-")
positive = Elementwise(np.positive, lambda g, z, x: g, sign="+")
power = Elementwise(
    np.power,
    lambda g, z, x, y: g * y * x ** np.where(y == 0, 1, y - 1),
    lambda g, z, x, y: g * z * np.log(np.where(x == 0, 1, x)),
    sign="**",
    domain=(0.5, 2),
)
remainder = Elementwise(
    np.remainder, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.floor(x / y), sign="%", domain=(0.6, 1.9)
)
floor_divide = Elementwise(
    np.floor_divide, lambda g, z, x, y: np.zeros_like(g), lambda g, z, x, y: np.zeros_like(g), sign="//", domain=(0.6, 1.9)
)
square = Elementwise(np.square, lambda g, z, x: g * 2 * x)
absolute = Elementwise(np.absolute, lambda g, z, x: g * np.sign(x))
sign = Elementwise(np.sign, lambda g, z, x: np.zeros_like(g))
floor = Elementwise(np.floor, lambda g, z, x: np.zeros_like(g))

# Exponentials and logarithms.
exp = Elementwise(np.exp, lambda g, z, x: g * z)
log = Elementwise(np.log, lambda g, z, x: g / x, domain=(0.5, 2))
sqrt = Elementwise(np.sqrt, lambda g, z, x: g / (2 * z), domain=(0.5, 2))
tanh = Elementwise(np.tanh, lambda g, z, x: g * (1 - z * z))

# Choices.
where = Elementwise(np.where, None, lambda g, z, c, x, y: np.where(c, g, 0), lambda g, z, c, x, y: np.where(c, 0, g))

# Comparisons have no derivative; their results are plain arrays.
less = Plain(np.less, sign="<")
less_equal = Plain(np.less_equal, sign="<=")
equal = Plain(np.equal, sign="==")
not_equal = Plain(np.not_equal, sign="!=")
greater = Plain(np.greater, sign=">")
greater_equal = Plain(np.greater_equal, sign=">=")
