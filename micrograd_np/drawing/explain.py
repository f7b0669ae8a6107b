"""The chain rule in words, from an output back to one tensor; and the reason why a gradient is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from typing import Any

from ..core import errors
from ..core.backward import FREED
from ..core.errors import ArgumentTypeError, GradientError
from ..core.names import Names, format_location, live
from ..core.tensor import Tensor
from ..expressions.layout import Listing
from .collapse import MAX_BOXES
from .derivation import derive, typeset
from .graph import graph_of, ops_of, reached, walk
from .preview import brief
from .scene import Node, Scene, fill, scene_of
from .text import backward, label, table


def explain(tensor: Tensor, output: Tensor | None = None) -> Explanation:
    """The chain rule from an output back to a tensor, as text: a line for each rule, with names, shapes and numbers.

    Parameters
    ----------
    tensor : Tensor
        Where the explanation ends.
    output : Tensor, optional
        Where it begins; without it, the newest value among your variables that was computed from `tensor`. If there
        is none, `tensor` is taken for the output, and every rule is listed.

    Raises
    ------
    TypeError
        If one of them is no Tensor.
    RuntimeError
        If no gradient flows from the output to the tensor.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> loss = w * w
    >>> loss.backward()
    >>> print(explain(w))
    From loss back to w: g is the gradient of the value on the right
      loss  ()  the start         1
      w     ()  g * w      loss   3
                + g * w    loss   3
                = the sum         6
    """
    check_tensor("explain", tensor)
    names = live(Names())
    if output is None:
        output = next(iter(computed_from(tensor, names)), tensor)
    check_tensor("explain", output)
    if advice := swapped("explain", tensor, output, names):
        raise GradientError(advice)
    errors.check_recorded(output)
    if output.op is None:
        raise GradientError(
            f"{errors.describe(output, 'this tensor')} was computed from nothing, and nothing among your variables was "
            f"computed from it. Pass the output: mg.explain({names(output) or 'tensor'}, loss)."
        )
    graph = graph_of([output], names, keep={id(tensor)})
    whole = part = scene_of(graph, MAX_BOXES)
    loss, last = label(whole.nodes[-1]), next((node for node in whole.nodes if node.graph_value is tensor), None)
    flows = last is not None and id(output) in reached(ops_of([output]), tensor)
    if (tensor is output or not flows) and (gone := forgotten(walk([output]), names)):
        raise GradientError(f"{gone}. Explain before that, or leave retain_graph=False out.")
    if last is None or not flows:
        raise GradientError(f"no gradient flows from {loss} to {errors.describe(tensor, 'this tensor')}.")
    fill(whole)
    way = f"From {loss} back"
    if tensor is not output:
        way, part = f"{way} to {label(last)}", on_the_way(whole, last.id)
    notes = [f"  {name}: {gloss}" for name, gloss in part.glosses().items()] + [f"  folded: {x}" for x in part.folded]
    heading = f"{way}: {whole.g} is the gradient of the value on the right"
    found = Explanation("\n".join([heading, table(backward(part)), *notes]))
    found.scene, found.nodes = part, whole.nodes
    return found


class Explanation(Listing):
    """The text of an explanation; `.latex` is the same as mathematics, which a notebook shows."""

    scene: Scene
    nodes: list[Node]  # the values that formulas may mention, also those off the path

    @property
    def latex(self) -> str:
        """The chain rule in matrix notation, a line for each gradient; L is the output."""
        return typeset(*derive(self.scene, self.nodes))

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _repr_html_(self) -> str:
        """Return the text, with the mathematics below, which a notebook typesets."""
        return f"<div>{super()._repr_html_()}<p>{escape(self._repr_latex_())}</p></div>"


def check_tensor(function: str, x: Any) -> None:
    """Raise if an object to explain is not a Tensor."""
    if not isinstance(x, Tensor):
        whose = ", such as one of its parameters" if hasattr(x, "named_parameters") else ""
        found = errors.describe(x, "an array") if hasattr(x, "shape") else f"an object of type {type(x).__name__}"
        raise ArgumentTypeError(f"{function} asks about a Tensor, and was given {found}. Give it a Tensor{whose}.")


def swapped(function: str, tensor: Tensor, output: Tensor, names: Names) -> str:
    """Return what to write if the tensor was computed from the output, else an empty text."""
    if tensor is output or id(tensor) not in reached(ops_of([tensor]), output, by_gradient=False):
        return ""
    first, second = names(tensor) or "output", names(output) or "tensor"
    right = f"Pass them in the other order: mg.{function}({second}, {first})."
    return f"{second} was not computed from {first}, but {first} from {second}. {right}"


def forgotten(values: Iterable[Any], names: Names) -> str:
    """Return the sentence on a graph that was freed: nobody can say then whether a gradient flowed. Else, nothing."""
    freed = next((x for x in values if isinstance(x, Tensor) and x._paths is FREED), None)
    if freed is None:
        return ""
    return f"the graph of {names(freed) or freed.op.name} was forgotten by backward(retain_graph=False)"


def computed_from(tensor: Tensor, names: Names) -> list[Tensor]:
    """The values among the user's variables that were computed from a tensor, the newest first."""
    held = {id(x): x for x in names.held if isinstance(x, Tensor) and x.op is not None and x is not tensor}
    found = reached(ops_of(list(held.values())), tensor, by_gradient=False)
    return sorted((x for x in held.values() if id(x) in found), key=lambda x: -x._order)


def on_the_way(scene: Scene, target: str) -> Scene:
    """Return the part of a scene through which a gradient reaches the target."""
    way = {target}
    for edge in scene.edges:  # in the order of computation
        if edge.has_rule and edge.tail in way:
            way.add(edge.head)
    nodes = [node for node in scene.nodes if node.id in way]
    edges = [edge for edge in scene.edges if edge.tail in way and edge.head in way]
    return replace(scene, nodes=nodes, edges=edges)


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
    return Listing(reason_for_none(tensor, output, live(Names())))


def reason_for_none(tensor: Any, output: Tensor | None, names: Names) -> str:
    name = names(tensor) or "this tensor"
    if not isinstance(tensor, Tensor) and hasattr(tensor, "dtype"):
        return f"{names(tensor) or 'this array'} is no Tensor. Wrap it: mg.Tensor(..., requires_grad=True)."
    check_tensor("why_none", tensor)
    if output is not None:
        check_tensor("why_none", output)
        if advice := swapped("why_none", tensor, output, names):
            return advice
    if not tensor.requires_grad and tensor.grad is None:
        return constant(tensor, name, names)
    outputs = [output] if output is not None else computed_from(tensor, names)
    if tensor.grad is None:
        return why_missing(tensor, name, outputs, names)
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
        where = format_location(tensor._created_at)
        return (
            f"{name} was cut from its graph by detach() or no_grad(): {where}. Leave that out where a gradient has to "
            "pass."
        )
    if type(tensor) is not Tensor:  # a Parameter, which is made to want gradients
        owner, path = names.modules.get(id(tensor), ("", ""))
        name = f"{owner}.{path}" if path and owner.isidentifier() else name
        return f"{name} is frozen: its requires_grad is False. Set {name}.requires_grad = True before it is used."
    return f"{name} is a constant: it does not ask for a gradient. Create it with mg.Tensor(..., requires_grad=True)."


def why_missing(tensor: Tensor, name: str, outputs: list[Tensor], names: Names) -> str:
    """Explain a tensor that requires a gradient and has none."""
    output = next((x for x in outputs if x.grad is not None), outputs[0]) if outputs else None
    loss = names(output) or "the output"
    values = names.held if output is None else walk([output])
    if gone := forgotten(values, names):
        return f"{gone} before {name} was asked."
    if output is None or not any(x is tensor for x in values):
        who = f"{loss} was not" if output is not None else "nothing among your variables was"
        cut = cuts(values, tensor, name)
        said = f"{who} computed from {name}{cut or without_record(name)}."
        if cut or output is not None:
            return said
        return f"{said} Pass the output if it is in no variable: mg.why_none({names(tensor) or 'tensor'}, loss)."
    if output.grad is None:
        return f"backward() has not been called on {loss}, which was computed from {name}."
    ops = ops_of([output])
    way = reached(ops, tensor)
    if id(output) in way:
        return f"the gradient of {name} was cleared after the backward pass of {loss}. Call backward() again."
    blocking = [(op, i) for op in ops for i, x in enumerate(op.args) if id(x) in way and i not in dict(op._paths)]
    if any(op.op.rules[i] is not None for op, i in blocking):
        return f"{name} did not want a gradient when {loss} was computed. Compute {loss} again."
    rows = ", ".join(dict.fromkeys(op.op.name for op, _ in blocking))
    return f"no gradient passes from {loss} to {name}: {rows} has no derivative for that argument."


def cuts(values: Iterable[Any], tensor: Tensor, name: str) -> str:
    """Describe where detach() or no_grad() cut the graph: the lines with the tensor's name, else all such lines."""
    left = [x for x in values if isinstance(x, Tensor) and x.op is None and x._created_at and x._order > tensor._order]
    places = list(dict.fromkeys(format_location(x._created_at) for x in left if x._created_at))
    named = [place for place in places if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", place.partition(": ")[2])]
    if named:
        return f"; detach() or no_grad() cut the graph at {'; '.join(named)}"
    return f". No gradient passes the detach() or no_grad() at {'; '.join(places)}" if places else ""


def without_record(name: str) -> str:
    x = name if name.isprintable() and " " not in name else "x"
    return f". {x}.data, {x}.detach() and np.array({x}) give values without the graph"


def source_of_zero(tensor: Tensor, outputs: list[Tensor], names: Names) -> str:
    """Describe the first rule, going back from the output, that returned zeros for a gradient that is not zero."""
    for output in outputs[:1]:
        scene = fill(scene_of(graph_of([output], names), MAX_BOXES))
        by_id = scene.by_id()
        for edge in reversed(scene.edges):
            head = by_id[edge.head]
            sent, arrived = edge.gradient, head.gradient
            if sent is not None and arrived is not None and arrived.any() and not sent.any():
                return f": {label(head)} was given a gradient and sent {edge.rule}, which is zero"
    return ""
