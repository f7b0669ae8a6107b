"""What a rule leaves to the engine: undoing a broadcast, casting; and what the engine asks of a rule."""

from __future__ import annotations

import dis
import functools
import itertools
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

Rule = Callable[..., Any]
Paths = Sequence[tuple[int, Rule]]  # which arguments a gradient goes back to, each with its rule

METADATA = {"shape", "dtype", "ndim", "size"}


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an array that was broadcast: summed over the axes along which it was repeated."""
    added = g.ndim - len(shape)
    stretched = tuple(
        axis for axis in range(g.ndim) if axis < added or (shape[axis - added] == 1 and g.shape[axis] != 1)
    )
    return g.sum(axis=stretched).reshape(shape)


def fit(g: Any, x: Any, broadcasts: bool) -> Any:
    """The cotangent `g` in the dtype of the argument `x` that it belongs to; where x was broadcast, in its shape."""
    if broadcasts and g.shape != x.shape:
        g = unbroadcast(g, x.shape)
    if g.dtype != x.dtype:
        if g.dtype.kind == "c":
            raise TypeError(
                "gradients of complex numbers are not supported: a complex value came between the output and a "
                "real argument. Write real and imaginary parts as two real tensors."
            )
        g = g.astype(x.dtype)
    return g


def fitted(rule: Rule, position: int, broadcasts: bool) -> Rule:
    """A rule and what the engine leaves of its result, in one."""

    @functools.wraps(rule)
    def fitted_rule(g: Any, z: Any, *args: Any, **params: Any) -> Any:
        return fit(rule(g, z, *args, **params), args[position], broadcasts)

    return fitted_rule


def reads(rule: Rule, position: int) -> bool:
    """Whether a rule `(g, z, x, y, ...)` reads the value of z (position 0), x (1), y (2), ...

    A look at `x.shape` is no reading of `x`.

    Examples
    --------
    >>> [reads(lambda g, z, x: g * z * np.ones(x.shape), position) for position in (0, 1)]
    [True, False]
    """
    code = getattr(innermost(rule), "__code__", None)
    if code is None:
        return True
    count = code.co_argcount
    names = code.co_varnames[1:count]
    name = names[position] if position < len(names) else code.co_varnames[count + code.co_kwonlyargcount]
    return name in values_read(code)


def innermost(rule: Rule) -> Rule:
    while inner := getattr(rule, "__wrapped__", None) or getattr(rule, "func", None):
        rule = inner
    return rule


@functools.cache
def values_read(code: CodeType) -> frozenset[str]:
    found: set[str] = set()
    instructions = list(dis.get_instructions(code))
    for this, following in itertools.pairwise(instructions):
        if this.opname.startswith(("LOAD_FAST", "LOAD_CLOSURE", "LOAD_DEREF")):
            names = this.argval if isinstance(this.argval, tuple) else (this.argval,)
            found.update(names[:-1])
            if not (following.opname == "LOAD_ATTR" and following.argval in METADATA):
                found.add(names[-1])
    return frozenset(found)
