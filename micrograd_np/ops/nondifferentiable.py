"""Functions without a derivative: comparisons, logic, positions. Their results are plain arrays."""

from __future__ import annotations

import numpy as np

from .primitive import Known, Plain, Verdict

# Comparisons.
less = Plain(np.less, sign="<")
less_equal = Plain(np.less_equal, sign="<=")
equal = Plain(np.equal, sign="==")
not_equal = Plain(np.not_equal, sign="!=")
greater = Plain(np.greater, sign=">")
greater_equal = Plain(np.greater_equal, sign=">=")
isclose = Plain(np.isclose)
allclose = Verdict(np.allclose)
array_equal = Verdict(np.array_equal)
array_equiv = Verdict(np.array_equiv)

# What kind of number.
isfinite = Plain(np.isfinite)
isinf = Plain(np.isinf)
isnan = Plain(np.isnan)
isneginf = Plain(np.isneginf)
isposinf = Plain(np.isposinf)
signbit = Plain(np.signbit)
isreal = Plain(np.isreal)
iscomplex = Plain(np.iscomplex)
isrealobj = Known(np.isrealobj)
iscomplexobj = Known(np.iscomplexobj)

# Logic, and the arithmetic of bits and integers.
logical_and = Plain(np.logical_and)
logical_or = Plain(np.logical_or)
logical_xor = Plain(np.logical_xor)
logical_not = Plain(np.logical_not)
bitwise_and = Plain(np.bitwise_and, sign="&")
bitwise_or = Plain(np.bitwise_or, sign="|")
bitwise_xor = Plain(np.bitwise_xor, sign="^")
bitwise_count = Plain(np.bitwise_count)
invert = Plain(np.invert, sign="~")
left_shift = Plain(np.left_shift, sign="<<")
right_shift = Plain(np.right_shift, sign=">>")
gcd = Plain(np.gcd)
lcm = Plain(np.lcm)
all = Plain(np.all)
any = Plain(np.any)
count_nonzero = Plain(np.count_nonzero)

# Positions.
argmax = Plain(np.argmax)
argmin = Plain(np.argmin)
nanargmax = Plain(np.nanargmax)
nanargmin = Plain(np.nanargmin)
argsort = Plain(np.argsort)
argpartition = Plain(np.argpartition)
argwhere = Plain(np.argwhere)
nonzero = Plain(np.nonzero)
flatnonzero = Plain(np.flatnonzero)
searchsorted = Plain(np.searchsorted)
digitize = Plain(np.digitize)
isin = Plain(np.isin)
