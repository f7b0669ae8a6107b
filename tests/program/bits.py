"""Equality to the bit, of arrays and Tensors in containers."""

import numpy as np

import micrograd_np as mg
from micrograd_np.core.containers import flatten
from micrograd_np.core.tensor import Tensor


def bits(x):
    data = np.asarray(x.data if isinstance(x, Tensor) else x)
    return data.shape, data.dtype, data.tobytes()


def same(a, b):
    return [x is not None and bits(x) for x in flatten(a)[0]] == [x is not None and bits(x) for x in flatten(b)[0]]


def call_often(f, *args, **kwargs):
    """The result of the fourth call of a compiled function: by then it was traced, compared and run as a program."""
    compiled = mg.compile(f)
    for _ in range(4):
        result = compiled(*args, **kwargs)
    return result
