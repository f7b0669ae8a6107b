"""Functions without a derivative: comparisons, logic, positions. Their results are plain arrays."""

from __future__ import annotations

import numpy as np

from .primitive import BoolOp, NonDifferentiable, StaticOp

# Comparisons.
less = NonDifferentiable(np.less, sign="<", onnx="Less")
less_equal = NonDifferentiable(np.less_equal, sign="<=", onnx="LessOrEqual")
equal = NonDifferentiable(np.equal, sign="==", onnx="Equal")
not_equal = NonDifferentiable(np.not_equal, sign="!=", onnx="NotEqual")
greater = NonDifferentiable(np.greater, sign=">", onnx="Greater")
greater_equal = NonDifferentiable(np.greater_equal, sign=">=", onnx="GreaterOrEqual")
isclose = NonDifferentiable(np.isclose)
allclose = BoolOp(np.allclose)
array_equal = BoolOp(np.array_equal)
array_equiv = BoolOp(np.array_equiv)

# What kind of number.
isfinite = NonDifferentiable(np.isfinite)
isinf = NonDifferentiable(np.isinf, onnx="IsInf")
isnan = NonDifferentiable(np.isnan, onnx="IsNaN")
isneginf = NonDifferentiable(np.isneginf)
isposinf = NonDifferentiable(np.isposinf)
signbit = NonDifferentiable(np.signbit)
isreal = NonDifferentiable(np.isreal)
iscomplex = NonDifferentiable(np.iscomplex)
isrealobj = StaticOp(np.isrealobj)
iscomplexobj = StaticOp(np.iscomplexobj)

# Logic, and the arithmetic of bits and integers.
logical_and = NonDifferentiable(np.logical_and, onnx="And")
logical_or = NonDifferentiable(np.logical_or, onnx="Or")
logical_xor = NonDifferentiable(np.logical_xor, onnx="Xor")
logical_not = NonDifferentiable(np.logical_not, onnx="Not")
bitwise_and = NonDifferentiable(np.bitwise_and, sign="&")
bitwise_or = NonDifferentiable(np.bitwise_or, sign="|")
bitwise_xor = NonDifferentiable(np.bitwise_xor, sign="^")
bitwise_count = NonDifferentiable(np.bitwise_count)
invert = NonDifferentiable(np.invert, sign="~")
left_shift = NonDifferentiable(np.left_shift, sign="<<")
right_shift = NonDifferentiable(np.right_shift, sign=">>")
gcd = NonDifferentiable(np.gcd)
lcm = NonDifferentiable(np.lcm)
all = NonDifferentiable(np.all)
any = NonDifferentiable(np.any)
count_nonzero = NonDifferentiable(np.count_nonzero)

# Positions.
argmax = NonDifferentiable(np.argmax, onnx="ArgMax")
argmin = NonDifferentiable(np.argmin, onnx="ArgMin")
nanargmax = NonDifferentiable(np.nanargmax)
nanargmin = NonDifferentiable(np.nanargmin)
argsort = NonDifferentiable(np.argsort)
argpartition = NonDifferentiable(np.argpartition)
argwhere = NonDifferentiable(np.argwhere, shaped_by_data=True)
nonzero = NonDifferentiable(np.nonzero, shaped_by_data=True)
flatnonzero = NonDifferentiable(np.flatnonzero, shaped_by_data=True)
searchsorted = NonDifferentiable(np.searchsorted)
digitize = NonDifferentiable(np.digitize)
isin = NonDifferentiable(np.isin)
