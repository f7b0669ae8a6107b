"""Save memory: a row whose rule runs its function again, instead of keeping the intermediate values."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .core.backward import pull_arrays, pull_tensors
from .core.containers import flatten
from .core.context import CURRENT, Mode, tracing
from .core.errors import GradientError, describe, stale_error
from .core.names import Location, format_location
from .core.tensor import Tensor, as_ndarray
from .core.versions import next_id
from .cures import answering
from .ops.primitive import MultiOutput, Outputs
from .ops.shape import pack
from .transforms import collect, split_graph, wants_gradient


@answering
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose intermediate values are computed again in the backward pass instead of kept.

    Parameters
    ----------
    f : callable
        It takes Tensors, and returns a Tensor or a container of them. It has to compute the same when it is called
        again. Tensors that it uses without being given them, such as a layer's weights, get their gradients too. Its
        side effects, such as an update of running statistics, happen twice.

    Raises
    ------
    RuntimeError
        In the backward pass, if f does not compute the same again, as where it draws random numbers.

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
        if tracing():  # a program decides itself which values it keeps
            started, result = next_id(), run()
            check_used_once(*made_since(started, [x for x in flatten(result)[0] if wants_gradient(x)]))
            return result
        # f runs once with recording, to find the tensors that it uses; this graph is dropped when it returns.
        started = next_id()
        leaves, rebuild = flatten(run())
        outputs = [x for x in leaves if wants_gradient(x)]
        made, outside = made_since(started, outputs)
        if not outside:
            return rebuild(leaves)
        params = {"run": run, "outside": outside, "started": started, "values": list(map(as_ndarray, outputs))}
        recorded = iter(recompute(pack(*outside), **params, facts=fingerprints(made, leaves)))
        return rebuild([next(recorded) if wants_gradient(x) else x for x in leaves])

    return checkpointed


def check_used_once(made: list[Tensor], outside: list[Tensor]) -> None:
    """Refuse a trace in which a checkpoint uses a Tensor twice: its parts of the gradient are summed by themselves."""
    uses = Counter(parent for node in made for parent, _ in node._parents)
    for x in outside:
        if uses[x] > 1:
            what = f"mg.checkpoint uses {describe(x, 'a tensor')} more than once, and adds up its gradients by itself"
            cure = "Leave mg.checkpoint out: a program keeps only what it needs."
            CURRENT.get().trace.refuse_unless_eager(f"{what}. {cure}")


def made_since(started: int, outputs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that f made, the oldest first, and those that it used but did not make."""
    made, outside = split_graph(outputs, lambda node: node._order >= started)
    return sorted(made, key=lambda node: node._order), outside


def fingerprints(made: list[Tensor], outputs: list[Any]) -> list[tuple[Location | None, int]]:
    """A location and a hash of each constant that the ops of f read, and of each output.

    Outputs alone are not enough: with a weight of zeros, every random mask gives the same output.
    """
    constants = [
        (node._created_at, value)
        for node in made
        for x, value in zip(node.args, node._values, strict=True)
        if not (isinstance(x, Tensor) and x._requires_grad)
    ]
    results = [(x._created_at, x._data) for x in outputs if isinstance(x, Tensor)]
    return [(where, hash(x.tobytes() if hasattr(x, "tobytes") else repr(x))) for where, x in (*constants, *results)]


def _values(parts: Any, values: Any, **_: Any) -> Any:
    """The outputs of f, which ran before the row was called."""
    return values


def _recompute(
    g: Any, z: Any, parts: Any, run: Any, outside: list[Tensor], started: int, values: Any, facts: Any
) -> Any:
    """The rule: run f again, recording, and walk back from its outputs to what it used."""
    for x in outside:
        if x._memory is not None and x._memory.written > started:
            raise stale_error(x, "a checkpoint", x._memory.where)
    again = next_id()
    with Mode(recording=True):
        leaves, _ = flatten(run())
        outputs = [x for x in leaves if wants_gradient(x)]
        check_same(facts, fingerprints(made_since(again, outputs)[0], leaves))
        node = pack(*outputs)
    pull = pull_tensors if any(isinstance(part, Tensor) for part in g) else pull_arrays
    found = collect(node, Outputs(g), outside, lambda node, g: [] if node._order < again else pull(node, g))
    return Outputs(found[x] if x in found else np.zeros_like(x._data) for x in outside)


recompute = MultiOutput(_values, _recompute, bind=lambda parts, **params: ((parts,), params))
recompute.name = "checkpoint"


def check_same(before: list[tuple[Location | None, int]], now: list[tuple[Location | None, int]]) -> None:
    """Raise if f did not compute the same values again: the gradient would be that of another function."""
    if [mark for _, mark in before] == [mark for _, mark in now]:
        return
    changed = (where for (_, old), (where, new) in zip(before, now, strict=False) if old != new)
    where = next(filter(None, changed), None)
    raise GradientError(
        "a checkpoint did not compute the same when it ran again, and the gradient would be that of another function.\n"
        f"  another value: {format_location(where) if where else 'elsewhere'}\n"
        "If it draws random numbers, draw outside and pass the mask as an argument, or leave dropout out of the "
        "checkpoint; what else it reads has to stay as it was until backward()."
    )
