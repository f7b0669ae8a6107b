"""Functions that move numbers about are checked exactly, with whole numbers, against NumPy itself.

Their derivative along a unit step is what the function does to that step: f(x + e) - f(x), without rounding. So the
gradient of ⟨g, f(x)⟩ must have ⟨g, f(x + e) - f(x)⟩ as its entry for e, to the bit; and so must the gradient of the
gradient in g, which is what a rule gives when it is read with Tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

import micrograd_np as mg

from .checks import leaves
from .strict_array import StrictArray

REFUSALS = (ValueError, IndexError, TypeError, ZeroDivisionError)


def function(expression: str, **names: Any) -> Callable[..., Any]:
    """`"np.add(x, y)"` as a function of x and y; what else it names is given."""
    code = compile(expression, expression, "eval")
    return lambda *arrays: eval(code, {"np": np, "mg": mg, **names, **dict(zip("xyz", arrays, strict=False))})


def whole(shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Whole numbers in no order, so far apart that no unit step makes two of them equal."""
    size = int(np.prod(shape))
    return 3 * np.random.default_rng(size).permutation(size).reshape(shape).astype(dtype) - size


def outputs(z: Any) -> Sequence[Any]:
    return z if isinstance(z, tuple | list) else [z]


def check(f: Callable[..., Any], *inputs: Any) -> None:
    """f on Tensors has the values of f on arrays, and the gradient is exact; what NumPy refuses is refused."""
    try:
        theirs = outputs(f(*inputs))
    except REFUSALS as error:
        assert_refused(f, inputs, error)
        return
    tensors = [mg.Tensor(x, requires_grad=True) for x in inputs]
    ours = outputs(f(*tensors))
    assert len(ours) == len(theirs)
    for z, expected in zip(ours, theirs, strict=True):
        assert (z.shape, z.dtype) == (np.shape(expected), expected.dtype)
        assert_array_equal(z.data, expected)
    cotangents = [mg.Tensor(whole(z.shape, z.dtype) + 1, requires_grad=True) for z in ours]
    total = sum(np.sum(z * g) for z, g in zip(ours, cotangents, strict=True))
    gradients = mg.gradients(total, tensors, create_graph=True)
    for i, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
        for entry in np.ndindex(x.shape):
            moved = [y + unit(y, entry) if i == j else y for j, y in enumerate(inputs)]
            steps = [after - before for after, before in zip(outputs(f(*moved)), theirs, strict=True)]
            slope = sum(np.sum(g.data * step) for g, step in zip(cotangents, steps, strict=True))
            assert gradient.data[entry] == slope, f"entry {entry} of argument {i}"
            for g in cotangents:
                g.zero_grad()
            gradient[entry].backward()
            for g, step in zip(cotangents, steps, strict=True):
                assert_array_equal(np.zeros(g.shape) if g.grad is None else g.grad, step)


def unit(x: Any, entry: tuple[int, ...]) -> Any:
    e = np.zeros_like(x)
    e[entry] = 1
    return e


def assert_refused(f: Callable[..., Any], inputs: Sequence[Any], error: Exception) -> None:
    try:
        f(*[mg.Tensor(x, requires_grad=True) for x in inputs])
    except REFUSALS:
        return
    raise AssertionError(f"NumPy refuses this: {error!r}")


def check_on_device(f: Callable[..., Any], *inputs: Any) -> None:
    """On arrays that keep a GPU's rules, values and gradients are the same, and none of them is an ndarray."""
    try:
        f(*inputs)
    except REFUSALS:
        return
    here, there = results(f, inputs, np.asarray), results(f, inputs, StrictArray)
    for ours, theirs in zip(there, here, strict=True):
        assert type(ours) is StrictArray
        assert_array_equal(ours.get(), theirs)


def results(f: Callable[..., Any], inputs: Sequence[Any], kind: Callable[[Any], Any]) -> list[Any]:
    """Values and gradients, all computed on one kind of array."""
    tensors = leaves([kind(x) for x in inputs])
    made = outputs(f(*tensors))
    for z in made:
        if z.requires_grad:
            z.backward(kind(whole(z.shape, z.dtype)))
    return [*[z.data for z in made], *[x.grad for x in tensors]]
