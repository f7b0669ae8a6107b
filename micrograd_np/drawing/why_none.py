"""Explain in a sentence why a tensor has no gradient, and say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..core.backward import FREED
from ..core.names import Names, format_location, live
from ..core.tensor import Tensor
from ..expressions.layout import Listing
from .collapse import LIMIT, fold
from .explain import check_tensor, computed_from
from .graph import ops_of, reached, walk
from .preview import brief
from .scene import build
from .text import called
from .values import fill


def why_none(tensor: Tensor, output: Tensor | None = None) -> Listing:
    """The reason why a tensor's `.grad` is None, or zero, in a sentence with the cure.

    Parameters
    ----------
    tensor : Tensor
    output : Tensor, optional
        The value from which the gradient was to come; without it, your variables are searched.

    Raises
    ------
    TypeError
        If one of them is neither a Tensor nor, of the first, an array.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor([1.0, 2.0])
    >>> print(why_none(w))
    w is a constant: it does not ask for a gradient. Create it with mg.Tensor(..., requires_grad=True).
    """
    return Listing(reason(tensor, output, live(Names())))


def reason(tensor: Any, output: Tensor | None, names: Names) -> str:
    name = names(tensor) or "this tensor"
    if not isinstance(tensor, Tensor) and hasattr(tensor, "dtype"):
        return f"{names(tensor) or 'this array'} is no Tensor. Wrap it: mg.Tensor(..., requires_grad=True)."
    check_tensor("why_none", tensor)
    if output is not None:
        check_tensor("why_none", output)
    if not tensor.requires_grad and tensor.grad is None:
        return constant(tensor, name, names)
    outputs = [output] if output is not None else computed_from(tensor, names)
    if tensor.grad is None:
        return missing(tensor, name, outputs, names)
    if tensor.grad.any():
        return f"{name} has a gradient: {brief(tensor.grad)}."
    return f"{name} has a gradient, and it is truly zero{source_of_zero(tensor, outputs, names)}."


def constant(tensor: Tensor, name: str, names: Names) -> str:
    """Explain a tensor that does not require a gradient."""
    if tensor.dtype.kind != "f":
        return (
            f"{name} holds {tensor.dtype} numbers, and only real floating-point numbers have gradients. "
            "Create it with dtype=float and requires_grad=True."
        )
    if tensor._created_at:
        return (
            f"{name} was left without a past by detach() or no_grad(): {format_location(tensor._created_at)}. "
            "Leave that out where a gradient has to pass."
        )
    if type(tensor) is not Tensor:  # a Parameter, which is made to want gradients
        owner, path = names.modules.get(id(tensor), ("", ""))
        name = f"{owner}.{path}" if path and owner.isidentifier() else name
        return f"{name} is frozen: its requires_grad is False. Set {name}.requires_grad = True before it is used."
    return f"{name} is a constant: it does not ask for a gradient. Create it with mg.Tensor(..., requires_grad=True)."


def missing(tensor: Tensor, name: str, outputs: list[Tensor], names: Names) -> str:
    """Explain a tensor that requires a gradient and has none."""
    if not outputs:
        cut = [names(x) for x in names.held if isinstance(x, Tensor) and x._paths is FREED]
        if cut:
            return f"the graph of {cut[0]} was forgotten by backward(retain_graph=False) before {name} was asked."
        return f"nothing among your variables was computed from {name}{cuts(names.held, tensor, name)}."
    output = next((x for x in outputs if x.grad is not None), outputs[0])
    loss = names(output) or "the output"
    values = walk([output])
    forgotten = [x for x in values if isinstance(x, Tensor) and x._paths is FREED]
    if forgotten:
        which = names(forgotten[0]) or loss
        return f"the graph of {which} was forgotten by backward(retain_graph=False) before {name} was asked."
    if output.op is None:
        return without_graph(output, loss)
    if not any(x is tensor for x in values):
        return f"{loss} was not computed from {name}{cuts(values, tensor, name)}."
    if output.grad is None:
        return f"backward() has not been called on {loss}, which was computed from {name}."
    ops = ops_of([output])
    way = reached(ops, tensor)
    if id(output) in way:
        return f"the gradient of {name} was cleared after the backward pass of {loss}. Call backward() again."
    blocking = [(op, i) for op in ops for i in blocked(op, way)]
    if any(op.op.rules[i] is not None for op, i in blocking):
        return f"{name} did not want a gradient when {loss} was computed. Compute {loss} again."
    rows = ", ".join(dict.fromkeys(op.op.name for op, _ in blocking))
    return f"no gradient passes from {loss} to {name}: {rows} has no derivative for that argument."


def blocked(op: Tensor, way: set[int]) -> list[int]:
    """Return which arguments are on the way and get no gradient from an op."""
    flowing = {i for i, _ in op._paths}
    return [i for i, x in enumerate(op.args) if id(x) in way and i not in flowing]


def without_graph(output: Tensor, loss: str) -> str:
    """Explain an output that has no graph."""
    if not output._created_at:
        return f"{loss} has no graph: it was not computed from anything that wants a gradient."
    return (
        f"{loss} has no graph: it was computed under no_grad(), or from what detach() gave: "
        f"{format_location(output._created_at)}. "
        "Leave that out where a gradient has to pass."
    )


def cuts(values: Iterable[Any], tensor: Tensor, name: str) -> str:
    """Describe where detach() or no_grad() cut the graph: the lines with the tensor's name, else all such lines."""
    left = [x for x in values if isinstance(x, Tensor) and x.op is None and x._created_at and x._order > tensor._order]
    places = list(dict.fromkeys(format_location(x._created_at) for x in left if x._created_at))
    named = [place for place in places if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", place.partition(": ")[2])]
    if named:
        return f"; detach() or no_grad() cut the graph at {'; '.join(named)}"
    return f". No gradient passes the detach() or no_grad() at {'; '.join(places)}" if places else ""


def source_of_zero(tensor: Tensor, outputs: list[Tensor], names: Names) -> str:
    """Describe the first rule, going back from the output, that returned zeros for a gradient that is not zero."""
    for output in outputs[:1]:
        scene = fill(fold(build([output], names), LIMIT))
        by_id = {node.id: node for node in scene.nodes}
        for edge in reversed(scene.edges):
            head = by_id[edge.head]
            if (
                edge.gradient is not None
                and not edge.gradient.any()
                and head.gradient is not None
                and head.gradient.any()
            ):
                return f": {called(head)} was given a gradient and sent {edge.rule}, which is zero"
    return ""
