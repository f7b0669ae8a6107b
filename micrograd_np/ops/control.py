"""Rows that leave a value alone and say what becomes of its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import errors
from .examples import Drawn as D
from .examples import example
from .primitive import Primitive, Variadic
from .several import Outputs


def _same(x: Any) -> Any:
    return x


alias = Primitive(_same, lambda g, z, x: g, views=True, examples=[example(D(3))])

# Several values as one node, so that one walk starts from all of them: the transpose of `item`.
pack = Variadic(
    lambda *arrays: Outputs(arrays),
    lambda g, z, *arrays, i: np.zeros_like(arrays[i]) if g[i] is None else g[i],
    bind=lambda *arrays: (arrays, {}),
    examples=[example(D(3), D(2, 2))],
)


def _hooked(x: Any, function: Callable[[Any], Any]) -> Any:
    return x


def _hook_rule(g: Any, z: Any, x: Any, function: Callable[[Any], Any]) -> Any:
    changed = function(g)
    if changed is None:
        return g
    errors.check_shape("what the hook returned", changed, x)
    return changed


hook = Primitive(
    _hooked,
    _hook_rule,
    bind=lambda x, function: ((x,), {"function": function}),
    views=True,
    examples=[example(D(3), lambda g: g)],
)
hook.widens = False  # the user's function is shown the gradient as it is
