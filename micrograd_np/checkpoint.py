"""Recompute instead of remember: a row whose rule runs its function again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .containers import flatten
from .context import CURRENT, Mode
from .errors import called
from .frames import line
from .graph import Tensor
from .memory import tick
from .ops.control import pack
from .ops.several import Outputs, Several
from .pullback import collect
from .walk import pull_arrays, pull_tensors


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose intermediate values are computed again in the backward pass instead of kept.

    Parameters
    ----------
    f : callable
        Of Tensors, to Tensors or a container of them. It must give the same values when it is called again. Tensors
        that it uses without being given them, such as a layer's weights, get their gradients too.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: np.exp(np.sin(x)).sum())(x).backward()
    >>> x.grad
    array([ 1.25338077, -1.03311687])
    """

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        run = functools.partial(f, *args, **kwargs)
        if not CURRENT.get().recording:
            return run()
        started = tick()
        leaves, rebuild = flatten(run())
        outside = made_before(started, leaves)
        if not outside:
            return rebuild(leaves)
        values = [x._data if isinstance(x, Tensor) else x for x in leaves]
        return rebuild(recompute(pack(*outside), run=run, outside=outside, started=started, values=values))

    return checkpointed


def made_before(started: int, outputs: list[Any]) -> list[Tensor]:
    """The tensors of a graph that were there before it: where a walk back from the outputs leaves what f made."""
    outside: dict[Tensor, None] = {}
    seen: set[Tensor] = set()
    pending = [x for x in outputs if isinstance(x, Tensor) and x.requires_grad]
    while pending:
        node = pending.pop()
        if node.birth < started:
            outside[node] = None
        elif node not in seen:
            seen.add(node)
            pending.extend(x for x, _ in node.edges)
    return list(outside)


def _values(parts: Any, values: Any, **_: Any) -> Any:
    return values


def _recompute(g: Any, z: Any, parts: Any, run: Any, outside: list[Tensor], started: int, values: Any) -> Any:
    for x in outside:
        if x._memory is not None and x._memory.written > started:
            raise stale_checkpoint(x)
    with Mode(recording=True):
        again = tick()
        node = pack(*flatten(run())[0])
    read = pull_tensors if any(isinstance(part, Tensor) for part in g) else pull_arrays
    found = collect(node, Outputs(g), outside, lambda node, g: [] if node.birth < again else read(node, g))
    return Outputs(found[x] if x in found else np.zeros_like(x._data) for x in outside)


recompute = Several(_values, _recompute, bind=lambda parts, **params: ((parts,), params))
recompute.name = "checkpoint"


def stale_checkpoint(value: Tensor) -> RuntimeError:
    where = value._memory and value._memory.where
    return RuntimeError(
        f"{called(value, 'a tensor')} was written to after a checkpoint had used it, and the checkpoint has to run "
        f"again on the old values.\n  written: {line(where) if where else 'elsewhere'}\n"
        "Call backward() before the write."
    )
