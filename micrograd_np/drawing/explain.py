"""The chain rule in words: from an output back to one tensor, a line a step."""

from __future__ import annotations

from typing import Any

from ..core import errors
from ..core.backward import FREED
from ..core.tensor import Tensor
from ..core.variables import Names, live
from .scene import Scene, build, walk
from .text import backward, called, table
from .values import fill


def explain(tensor: Tensor, output: Tensor | None = None) -> str:
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
    errors.check_recorded(output)
    if output.op is None:
        who = errors.describe(output, "this tensor")
        raise RuntimeError(f"{who} was computed from nothing, and nothing among your variables was computed from it.")
    scene = build([output], names)
    first = scene.nodes[-1]
    if tensor is output:
        check_kept(scene)
        title, part = f"From {called(first)} back", fill(scene)
    else:
        last = next((node for node in scene.nodes if node.source is tensor), None)
        way = between(scene, last.id) if last else set()
        if last is None or first.id not in way:
            check_kept(scene)
            raise RuntimeError(f"no gradient flows from {called(first)} to {errors.describe(tensor, 'this tensor')}.")
        title, part = f"From {called(first)} back to {called(last)}", on_the_way(fill(scene), way)
    return f"{title}: {scene.g} is the gradient of the value on the right\n{table(backward(part))}"


def check_tensor(function: str, x: Any) -> None:
    """Refuse to explain what is no Tensor."""
    if not isinstance(x, Tensor):
        whose = ", such as one of its parameters" if hasattr(x, "named_parameters") else ""
        raise TypeError(f"{function} asks about a Tensor, and was given {x!r:.60}. Give it a Tensor{whose}.")


def check_kept(scene: Scene) -> None:
    """Refuse to say that no gradient flowed where the graph is not known any more."""
    cut = next((node for node in scene.nodes if node.op and node.source._paths is FREED), None)
    if cut:
        raise RuntimeError(
            f"the graph of {called(cut)} was forgotten by backward(retain_graph=False). Explain before that, or leave "
            "retain_graph=False out."
        )


def computed_from(tensor: Tensor, names: Names) -> list[Tensor]:
    """The values among the user's variables that were computed from a tensor, the newest first."""
    held = {id(x): x for x in names.held if isinstance(x, Tensor) and x.op is not None and x is not tensor}
    newest = sorted(held.values(), key=lambda x: -x._order)
    return [x for x in newest if any(value is tensor for value in walk([x]))]


def between(scene: Scene, target: str) -> set[str]:
    """The boxes through which a gradient comes to the target, with the target."""
    way = {target}
    for edge in scene.edges:  # in the order of computation
        if edge.flows and edge.tail in way:
            way.add(edge.head)
    return way


def on_the_way(scene: Scene, way: set[str]) -> Scene:
    nodes = [node for node in scene.nodes if node.id in way]
    edges = [edge for edge in scene.edges if edge.tail in way and edge.head in way]
    return Scene(nodes, edges, g=scene.g)
