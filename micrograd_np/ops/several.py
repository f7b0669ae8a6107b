"""Rows with several outputs: one hidden node holds them all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.rules import Rule
from ..core.tensor import Tensor
from ..core.versions import memory
from .primitive import Primitive


class Outputs(tuple[Any, ...]):
    """Several outputs of one op, or their cotangents, in which None is a zero."""

    shape = dtype = None

    def __add__(self, other: Any) -> Outputs:
        return Outputs(b if a is None else a if b is None else a + b for a, b in zip(self, other, strict=True))


def _item(outputs: Any, i: int) -> Any:
    return outputs[i]


item = Primitive(
    _item,
    lambda g, z, x, i: Outputs(g if j == i else None for j in range(len(x))),
    bind=lambda x, i: ((x,), {"i": i}),
)


class Several(Primitive):
    """A row with several outputs: one hidden node holds them, and each is an `item` of it.

    Its rules are given all cotangents; the missing are zeros, or None where `zeros` is False.
    """

    direct: Mapping[int, Callable[..., Any]] = {}

    def __init__(self, function: Callable[..., Any], *rules: Rule | None, zeros: bool = True, **fields: Any) -> None:
        super().__init__(function, *[rule and whole(rule, zeros) for rule in rules], **fields)
        kernel = self.kernel
        self.kernel = functools.wraps(kernel)(lambda *args, **params: Outputs(kernel(*args, **params)))

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        node = super().bound(*args, **kwargs)
        items = tuple(item(node, i) for i in range(len(node)))
        if isinstance(node, Tensor) and node.op is self:
            node._data.memories = list(map(memory, items))  # a write to one of them is a write to what the rule reads
        return items


def whole(rule: Rule, zeros: bool = True) -> Rule:
    """A rule that is given all outputs and all their cotangents; for the missing, zeros or None."""

    @functools.wraps(rule)
    def whole_rule(g: Any, z: Any, *args: Any, **params: Any) -> Any:
        outputs = [item(z, i) for i in range(len(z))]
        cotangents = [np.zeros_like(y) if part is None and zeros else part for part, y in zip(g, outputs, strict=True)]
        return rule(cotangents, outputs, *args, **params)

    return whole_rule
