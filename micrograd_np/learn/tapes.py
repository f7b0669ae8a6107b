"""The tape exercises: an order for a graph, `backward` of a small tape, and classes that record.

The answers are marked on random graphs: values used twice, diamonds in a row (2^60 paths), chains of 10,000 nodes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .exercise import Answer, Exercise
from .marking import is_nothing, raised

DEPTH = 10_000
DOUBLINGS = 60


class WalksAgainError(RuntimeError):
    """A walk looks at the same node again and again."""


class Node:
    """A number on a tape: its value, its parents, and the slope towards each.

    Parameters
    ----------
    value : float
        The number.
    parents : sequence of (Node, float)
        Each node that this one was made from, with the slope d(this) / d(parent).

    Examples
    --------
    >>> a = Node(2.0)
    >>> c = Node(6.0, [(a, 3.0)])  # c = 3 a
    >>> c.parents[0][1], a.grad
    (3.0, 0.0)
    """

    limit = 0  # looks at `parents` that are left to all nodes; 0 counts nothing

    def __init__(self, value: float, parents: Any = ()) -> None:
        self.value = value
        self.grad = 0.0
        self.looked = False
        self._parents = list(parents)

    @property
    def parents(self) -> list[tuple[Node, float]]:
        self.looked = True
        if Node.limit:
            Node.limit -= 1
            if not Node.limit:
                raise WalksAgainError
        return self._parents

    def __repr__(self) -> str:
        return f"Node({self.value:.4g}, grad={self.grad:.4g})"


def random_graph(seed: int, size: int = 12) -> list[Node]:
    """Return the nodes of a random graph, oldest first, each of the later ones made from earlier ones."""
    rng = np.random.default_rng(seed)
    nodes = [Node(float(rng.normal())) for _ in range(3)]
    while len(nodes) < size:
        chosen = rng.choice(len(nodes), size=int(rng.integers(1, 3)), replace=True)
        # The newest node is always a parent, so that every node is needed and depths differ.
        chosen[0] = len(nodes) - 1
        rng.shuffle(chosen)
        slopes = rng.uniform(0.5, 2, size=len(chosen)) * rng.choice([-1, 1], size=len(chosen))
        nodes.append(Node(float(rng.normal()), [(nodes[i], float(s)) for i, s in zip(chosen, slopes, strict=True)]))
    order = list(rng.permutation(3))
    nodes[:3] = [nodes[i] for i in order]
    return nodes


def chain(length: int) -> list[Node]:
    """Return the nodes of a chain, each 1 times the one before it."""
    nodes = [Node(1.0)]
    for _ in range(length):
        nodes.append(Node(1.0, [(nodes[-1], 1.0)]))
    return nodes


def doublings(count: int) -> list[Node]:
    """Return the nodes of b = a + a, c = b + b, ...: 2^count paths from the last to the first."""
    nodes = [Node(1.0)]
    for _ in range(count):
        nodes.append(Node(2 * nodes[-1].value, [(nodes[-1], 0.5), (nodes[-1], 0.5)]))
    return nodes


def ancestors(output: Node) -> list[Node]:
    """Return the nodes that an output was made from, itself included, in no particular order."""
    seen, stack = {id(output): output}, [output]
    while stack:
        for parent, _ in stack.pop()._parents:
            if id(parent) not in seen:
                seen[id(parent)] = parent
                stack.append(parent)
    return list(seen.values())


def gradients_of_nodes(nodes: list[Node]) -> list[float]:
    """Return d(last) / d(node) for nodes that stand oldest first."""
    gradients = {id(node): 0.0 for node in nodes}
    gradients[id(nodes[-1])] = 1.0
    for node in reversed(nodes):
        for parent, slope in node._parents:
            gradients[id(parent)] += gradients[id(node)] * slope
    return [gradients[id(node)] for node in nodes]


def limited(run: Callable[[], Any], looks: int) -> Any:
    """Run a walk that may look at `parents` so many times."""
    Node.limit = looks
    try:
        return run()
    finally:
        Node.limit = 0


AGAIN = (
    "It visits a node again and again, once for each path, and b = a + a; c = b + b; ... has 2^60 paths. Keep a set of "
    "the nodes that you have visited, and visit each once."
)
DEEP = (
    "It is right for small graphs. But it is recursive: it calls itself for each parent, and Python stops after about "
    f"a thousand calls inside each other. A chain of {DEPTH:,} nodes needs a loop: count uses, as lesson 4 does."
)


def run_walk(exercise: Exercise, answer: Callable[..., Any], nodes: list[Node]) -> Any:
    """Return what an answer returns for the last of the nodes, or the mark of a walk that does not end well."""
    try:
        return limited(lambda: answer(nodes[-1]), 100 * len(nodes))
    except WalksAgainError:
        return exercise.wrong(AGAIN)
    except RecursionError:
        return exercise.wrong(DEEP)
    except Exception as error:
        return exercise.wrong(raised(error))


def mark_order(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Mark a function from an output to its nodes, in an order in which a gradient can walk back."""
    for nodes in [random_graph(seed) for seed in range(20)] + [doublings(DOUBLINGS), chain(DEPTH)]:
        needed = ancestors(nodes[-1])
        result = run_walk(exercise, answer, nodes)
        if isinstance(result, Answer):
            return result
        if is_nothing(result):
            return exercise.unanswered(answer)
        try:
            result = list(result)
        except TypeError:
            return exercise.wrong(f"It returns {result!r}. Return a list of nodes.")
        place = {id(node): position for position, node in enumerate(result)}
        if len(place) < len(result):
            return exercise.wrong("A node stands in the list twice. Visit each node once.")
        if missing := sum(id(node) not in place for node in needed):
            return exercise.wrong(f"{missing} of the {len(needed)} nodes are missing from the list.")
        pairs = [(place[id(node)], place[id(parent)]) for node in needed for parent, _ in node._parents]
        if any(mine > parents for mine, parents in pairs):
            if all(mine > parents for mine, parents in pairs):
                return exercise.wrong("The list is the wrong way round: the output must come first.")
            return exercise.wrong(
                "A node comes before a node that was made from it. Its gradient would not be complete when it is "
                "passed on. Put a node into the list after all nodes that were made from it."
            )
    return exercise.right()


def graph_of(*rows: tuple[float, ...]) -> list[Node]:
    """Return nodes, oldest first; a row lists parents by position and slopes in turn: `(0, 2.0, 1, 3.0)`.

    Examples
    --------
    >>> a, b = graph_of((), (0, 2.0))
    >>> b.parents[0][0] is a, b.parents[0][1]
    (True, 2.0)
    """
    nodes: list[Node] = []
    for row in rows:
        parents = [(nodes[int(i)], slope) for i, slope in zip(row[::2], row[1::2], strict=True)]
        nodes.append(Node(float(len(nodes)), parents))
    return nodes


# From easy to hard: the first family that fails names the mistake, however the walk was written.
FAMILIES: tuple[tuple[str, tuple[tuple[tuple[float, ...], ...], ...]], ...] = (
    ("The gradient of the output is not 1. Begin with output.grad = 1: the slope of a value by itself is 1.", (((),),)),
    (
        "In b = 3 a, the slope of b by a is 3. Each node passes its grad, times the slope, on to each of its parents.",
        (((), (0, 3.0)), ((), (0, -0.5))),
    ),
    (
        "In b = 3 a, c = 2 b, the slope of c by a is 6. Slopes multiply along a path: a node passes on its own grad "
        "times the slope, and its parents do the same.",
        (((), (0, 3.0), (1, 2.0)), ((), (0, 3.0), (1, 2.0), (2, 0.5))),
    ),
    (
        "In c = 3 a + 2 b, only some of the parents get a gradient. Pass a share on to each of them.",
        (((), (), (0, 3.0, 1, 2.0)), ((), (), (), (0, 3.0, 1, 2.0, 2, 5.0))),
    ),
    (
        "A node that is used twice keeps only one of its shares. Gradients add: write `parent.grad += ...`, not `=`.",
        (((), (0, 3.0, 0, 2.0)), ((), (0, 3.0), (0, 2.0), (1, 1.0, 2, 1.0))),
    ),
    (
        "A node passes its gradient on before it is complete: it is visited before another node that was made from it. "
        "Visit a node only after all nodes that were made from it.",
        (
            ((), (0, 2.0), (1, 3.0), (1, 1.0, 2, 1.0)),
            ((), (0, 2.0), (1, 3.0), (2, 1.0, 1, 1.0)),
            ((), (0, 2.0), (1, 3.0), (2, 3.0), (3, 3.0), (1, 1.0, 4, 1.0)),
            ((), (0, 2.0), (1, 3.0), (2, 3.0), (3, 3.0), (4, 1.0, 1, 1.0)),
            ((), (0, 2.0, 0, 1.0), (1, 3.0, 1, 1.0), (2, 1.0, 2, 1.0)),
        ),
    ),
)


def mark_backward(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Mark `backward(output)`, which sets `grad` of every node on a tape."""
    if not uses_its_argument(answer):
        return exercise.not_yet()
    families = [(sentence, [graph_of(*rows) for rows in graphs]) for sentence, graphs in FAMILIES]
    families.append((FAMILIES[-1][0], [random_graph(seed) for seed in range(30)]))
    families.append(("On long chains and on many paths, gradients are off.", [doublings(DOUBLINGS), chain(DEPTH)]))
    for sentence, graphs in families:
        for nodes in graphs:
            result = run_walk(exercise, answer, nodes)
            if isinstance(result, Answer):
                return result
            if not np.allclose([node.grad for node in nodes], gradients_of_nodes(nodes), rtol=1e-9):
                return exercise.wrong(sentence)
    return exercise.right()


def uses_its_argument(answer: Callable[..., Any]) -> bool:
    """Tell whether a function changes a gradient, looks at parents, or raises: whether it is more than `...`."""
    nodes = graph_of((), (0, 3.0))
    try:
        limited(lambda: answer(nodes[-1]), 1_000)
    except Exception:
        return True
    return any(node.grad for node in nodes) or nodes[-1].looked


def mark_class(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Mark a class of values on a tape, given as a function that returns it.

    The options are `inputs`, dicts from letters to numbers or arrays, and `expressions`, pairs of a name and a function
    of the letters.
    """
    written = inspect.unwrap(answer)
    try:
        kind = written if isinstance(written, type) else answer()
    except Exception as error:
        return exercise.wrong(raised(error))
    if is_nothing(kind):
        return exercise.unanswered(answer)
    if not isinstance(kind, type):
        return exercise.wrong(f"It returns {kind!r}. Return the class itself: `return Value`.")
    for name, expression in exercise.options["expressions"]:
        for inputs in exercise.options["inputs"]:
            leaves = [Tensor(x, requires_grad=True) for x in inputs.values()]
            true = expression(*leaves)
            true.backward()
            try:
                values = [kind(np.copy(x) if isinstance(x, np.ndarray) else x) for x in inputs.values()]
                result = expression(*values)
                result.backward()
                rows = [("the value", result.data, true.data)]
                rows += [
                    (f"the gradient of {x}", v.grad, leaf.grad)
                    for x, v, leaf in zip(inputs, values, leaves, strict=True)
                ]
            except Exception as error:
                return exercise.wrong(f"In {name}: {raised(error)}")
            for part, found, right in rows:
                if right is not None and (difference := difference_of(found, right)):
                    at = ", ".join(f"{x} = {value}" for x, value in inputs.items() if np.ndim(value) == 0)
                    return exercise.wrong(f"In {name}{' with ' if at else ''}{at}: {part} {difference} {hint_of(name)}")
    return exercise.right()


def difference_of(found: Any, right: Any) -> str:
    """Return how an array differs from the right one; nothing if it does not."""
    found = np.asarray(found)
    if found.shape != right.shape:
        return f"has shape {found.shape}, and must have shape {right.shape}."
    if found.dtype.kind not in "biuf":
        return f"is {found}, not a number."
    wrong = ~np.isclose(found, right, rtol=1e-9, atol=1e-12)
    if not wrong.any():
        return ""
    if not right.ndim:
        return f"is {found:.6g}, and {right:.6g} is right."
    return f"is wrong in {wrong.sum()} of {wrong.size} entries."


def hint_of(name: str) -> str:
    if "twice" in name:
        return "A value that is used twice gets a share from each use, and the shares add."
    if "given g" in name:
        return "The rule must use the g that it is given: g is not always 1."
    return "A node must wait until every node that was made from it has sent its share." if "late" in name else ""


def late(a: Any, b: Any) -> Any:
    c = a * b
    return (c.tanh() + c) * a


def layers(x: Any, y: Any, w: Any) -> Any:
    h = (x @ w).tanh()
    return (h + h * h).sum() + (x * y).sum()


OF_NUMBERS = {
    "inputs": [{"a": 2.0, "b": 3.0}, {"a": -0.5, "b": 0.25}],
    "expressions": [
        ("a + b", lambda a, b: a + b),
        ("a * b", lambda a, b: a * b),
        ("a.tanh() + b", lambda a, b: a.tanh() + b),
        ("a * a + b, where a is used twice,", lambda a, b: a * a + b),
        ("c + c + b, c = a + a, where values are used twice,", lambda a, b: (a + a) + (a + a) + b),
        ("(c.tanh() + c) * a, c = a * b, where c is late,", late),
    ],
}
OF_ARRAYS = {
    "inputs": [
        dict(zip("xyw", (rng.normal(size=shape) for shape in ((5, 3), (5, 3), (3, 4))), strict=True))
        for rng in map(np.random.default_rng, (1, 2))
    ],
    "expressions": [
        ("x.sum()", lambda x, y, w: x.sum()),
        ("(x + y).sum()", lambda x, y, w: (x + y).sum()),
        ("(x * y).sum()", lambda x, y, w: (x * y).sum()),
        ("x.tanh().sum()", lambda x, y, w: x.tanh().sum()),
        ("(x @ w).sum()", lambda x, y, w: (x @ w).sum()),
        ("(x * x + y).sum(), where x is used twice", lambda x, y, w: (x * x + y).sum()),
        ("((x + y) * y).sum(), where + is given g = y", lambda x, y, w: ((x + y) * y).sum()),
        ("(x * y * y).sum(), where the first * is given g = y", lambda x, y, w: (x * y * y).sum()),
        ("(x.tanh() * y).sum(), where tanh is given g = y", lambda x, y, w: (x.tanh() * y).sum()),
        ("x.sum() * y.sum(), where each sum is given g, the other sum", lambda x, y, w: x.sum() * y.sum()),
        ("(h + h * h).sum() + (x * y).sum(), h = (x @ w).tanh(), where h is late", layers),
    ],
}
