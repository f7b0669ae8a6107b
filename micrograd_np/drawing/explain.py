"""The chain rule in words: from an output back to one tensor, a line a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..core import errors
from ..core.backward import FREED
from ..core.errors import ArgumentTypeError, GradientError
from ..core.names import Names, live
from ..core.tensor import Tensor
from ..expressions.layout import Listing
from .collapse import LIMIT, fold
from .derivation import derive, typeset
from .graph import graph_of, ops_of, reached
from .scene import Node, Scene, build
from .text import backward, called, table
from .values import fill


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
    errors.check_recorded(output)
    if output.op is None:
        who = errors.describe(output, "this tensor")
        raise GradientError(f"{who} was computed from nothing, and nothing among your variables was computed from it.")
    scene = build([output], names, graph_of([output], keep={id(tensor)}))
    first, last = scene.nodes[-1], next((node for node in scene.nodes if node.source is tensor), None)
    if tensor is output:
        check_kept(scene)
        whole = part = fill(fold(scene, LIMIT))
        title = f"From {called(first)} back"
    else:
        if last is None or id(output) not in reached(ops_of([output]), tensor):
            check_kept(scene)
            raise GradientError(f"no gradient flows from {called(first)} to {errors.describe(tensor, 'this tensor')}.")
        last.kept = True
        whole = fill(fold(scene, LIMIT))
        title, part = f"From {called(first)} back to {called(last)}", on_the_way(whole, between(whole, last.id))
    heading = f"{title}: {scene.g} is the gradient of the value on the right"
    lines = [heading, table(backward(part)), *(f"  folded: {words}" for words in part.folded)]
    found = Explanation("\n".join(lines))
    found.scene, found.words = part, whole.nodes
    return found


class Explanation(Listing):
    """The text of an explanation; `.latex` is the same as mathematics, which a notebook shows."""

    scene: Scene
    words: list[Node]  # values that formulas may mention, also those off the path

    @property
    def latex(self) -> str:
        """The chain rule in matrix notation, a line for each gradient; L is the output."""
        return typeset(derive(self.scene, self.words))

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


def check_tensor(function: str, x: Any) -> None:
    """Raise if an object to explain is not a Tensor."""
    if not isinstance(x, Tensor):
        whose = ", such as one of its parameters" if hasattr(x, "named_parameters") else ""
        raise ArgumentTypeError(f"{function} asks about a Tensor, and was given {x!r:.60}. Give it a Tensor{whose}.")


def check_kept(scene: Scene) -> None:
    """Raise if the graph was freed: nobody can say then whether a gradient flowed."""
    cut = next((node for node in scene.nodes if node.op and node.source._paths is FREED), None)
    if cut:
        raise GradientError(
            f"the graph of {called(cut)} was forgotten by backward(retain_graph=False). Explain before that, or leave "
            "retain_graph=False out."
        )


def computed_from(tensor: Tensor, names: Names) -> list[Tensor]:
    """The values among the user's variables that were computed from a tensor, the newest first."""
    held = {id(x): x for x in names.held if isinstance(x, Tensor) and x.op is not None and x is not tensor}
    found = reached(ops_of(list(held.values())), tensor, flowing=False)
    return sorted((x for x in held.values() if id(x) in found), key=lambda x: -x._order)


def between(scene: Scene, target: str) -> set[str]:
    """Return the boxes through which a gradient reaches the target, and the target itself."""
    way = {target}
    for edge in scene.edges:  # in the order of computation
        if edge.flows and edge.tail in way:
            way.add(edge.head)
    return way


def on_the_way(scene: Scene, way: set[str]) -> Scene:
    nodes = [node for node in scene.nodes if node.id in way]
    edges = [edge for edge in scene.edges if edge.tail in way and edge.head in way]
    return replace(scene, nodes=nodes, edges=edges)
