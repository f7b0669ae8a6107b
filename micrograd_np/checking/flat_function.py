"""A function of containers of arrays as functions of one flat array each, with the user's names for its inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..anomaly import first_nonfinite
from ..core.backward import Pull, backpropagate, pull_arrays
from ..core.containers import flatten, walk_paths
from ..core.errors import ArgumentTypeError, describe
from ..core.names import format_location, name_of
from ..core.tensor import Tensor, constant
from ..ops.primitive import Outputs, as_array
from ..transforms import check_outputs, split_graph, units
from .finite_differences import EPS, Measured

Array = Any
Function = Callable[..., Any]
SHAKE = 1e-6


def label_inputs(f: Function, inputs: Sequence[Any]) -> list[str]:
    """Return a name for each leaf of the inputs: its own, a variable, or the path to it.

    Examples
    --------
    >>> label_inputs(lambda x, params: x, (1.0, {"W": 2.0, "b": [3.0, 4.0]}))
    ['x', "params['W']", "params['b'][0]", "params['b'][1]"]
    """
    return [
        (name_of(x) if hasattr(x, "shape") else None) or path
        for parameter, tree in by_parameter(f, inputs)
        for path, x, is_leaf in walk_paths(tree, parameter)
        if is_leaf
    ]


def label_leaves(f: Function, inputs: Sequence[Any]) -> list[str]:
    """Return the parameter or key of each leaf of the inputs, as gradients by hand are named after these.

    Examples
    --------
    >>> label_leaves(lambda x, params: x, (1.0, {"W": 2.0, "b": [3.0, 4.0]}))
    ['x', 'W', 'b', 'b']
    """
    found = []
    for parameter, tree in by_parameter(f, inputs):
        if isinstance(tree, dict):
            found += [str(key) for key, part in tree.items() for _ in flatten(part)[0]]
        else:
            count = len(flatten(tree)[0])
            found += [parameter] if count == 1 else [f"{parameter}[{i}]" for i in range(count)]
    return found


def by_parameter(f: Function, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
    parameters = parameter_names(f)[: len(inputs)]
    parameters += [f"input {i}" for i in range(len(parameters), len(inputs))]
    return list(zip(parameters, inputs, strict=True))


def parameter_names(f: Function) -> list[str]:
    """Return the names of the positional parameters; none if the signature is not known."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def is_float(x: Any) -> bool:
    return isinstance(x, float) or (getattr(x, "dtype", None) is not None and x.dtype.kind == "f")


class Problem:
    """A function, a point, and the derivatives that its graph gives there.

    Floating-point inputs are checked, in float64 at least; all others are passed on as they are.
    """

    def __init__(self, f: Function, inputs: tuple[Any, ...], called: Callable[..., Any] | None = None) -> None:
        self.f, self.called = f, called or f
        self.is_one_tuple = len(inputs) == 1 and isinstance(inputs[0], tuple | list)
        self.leaves, self.rebuild = flatten(inputs)
        self.checked = [i for i, x in enumerate(self.leaves) if is_float(x)]
        self.points = {i: widened(self.leaves[i]) for i in self.checked}
        self.names = dict(enumerate(label_inputs(self.called, inputs)))
        self.passed_on = [i for i, x in enumerate(self.leaves) if i not in self.points and np.ndim(x)]
        self.refuse_integers()
        self.record()

    def refuse_integers(self) -> None:
        """Raise if f computes with integers, or no input is floating-point; indices and labels may be integers."""
        integers = [i for i, x in enumerate(self.leaves) if getattr(x, "ndim", 0) and x.dtype.kind in "iu"]
        refused = [i for i in integers if self.computes_with(i)]
        if refused or not self.checked:
            raise ArgumentTypeError(
                not_floating([self.names[i] for i in refused or range(len(self.leaves))], bool(self.checked))
            )

    def computes_with(self, i: int) -> bool:
        """Return whether f also runs with an input as floating-point numbers, which an index cannot be."""
        try:
            self.call({i: plain(self.leaves[i]).astype(float)})
        except Exception:  # any error means that it does not run with them
            return False
        return True

    def call(self, replaced: dict[int, Any]) -> list[Any]:
        leaves = [replaced.get(i, x) for i, x in enumerate(self.leaves)]
        with np.errstate(all="ignore"):
            try:
                return flatten(self.f(*self.rebuild(leaves)))[0]
            except TypeError as error:
                if self.is_one_tuple:
                    cure = "f was given one list or tuple. If it takes arrays, write gradcheck(f, *inputs)."
                    raise ArgumentTypeError(f"{cure} In f: {error}") from error
                raise

    def record(self) -> None:
        """Run f on Tensors that require gradients, and keep its graph."""
        self.tensors = {i: Tensor(x, requires_grad=True, name=self.names[i]) for i, x in self.points.items()}
        self.outputs = [x if isinstance(x, Tensor) else constant(as_array(x)) for x in self.call(self.tensors)]
        check_outputs(self.called, self.outputs)
        self.size = sum(x.size for x in self.outputs)
        nodes = nodes_of(self.outputs)
        self.nodes = sorted((x for x in nodes if x._parents), key=lambda x: x._order)
        self.reached = {i for i, x in self.tensors.items() if x in nodes}
        others = sorted((x for x in nodes - {*self.tensors.values()} if x.op is None), key=lambda x: x._order)
        self.used = [describe(x, "a Tensor") for x in others if x.requires_grad]
        self.eps = max([np.finfo(x.dtype).eps for x in (*nodes, *self.outputs) if is_float(x)], default=EPS)

    def values(self, position: int, dtype: Any) -> Callable[[Array], Array]:
        """Return the flat outputs as a function of one flat input, with all inputs in the given dtype."""
        point = self.points[position]
        others = {i: x.astype(dtype) for i, x in self.points.items() if i != position}

        def f(x: Array) -> Array:
            # Copies, so that a function that writes into its inputs does not change the point.
            fresh = {i: constant(other.copy()) for i, other in others.items()}
            try:
                outputs = self.call({**fresh, position: constant(x.reshape(point.shape).copy())})
            except (ValueError, ArithmeticError):  # the step left f's domain, as f accepts the point itself
                return np.full(self.size, np.nan)
            return np.concatenate([np.ravel(plain(y)) for y in outputs])

        return f

    def first_nonfinite(self) -> str | None:
        """Return a sentence on the op that makes the first nan or inf, or None."""
        for node in self.nodes:
            if first_nonfinite(node) is not None and all(first_nonfinite(x) is None for x in node.args):
                return f"{node.op.name} makes the first nan or inf: {spot(node)}"
        return None

    def first_nan_rule(self) -> str | None:
        """Return a sentence on the op whose rule makes the first nan or inf of a gradient, or None."""
        found: list[str] = []

        def pull(node: Tensor, g: Any) -> Any:
            pulled = pull_arrays(node, g)
            if first_nonfinite(g) is None and any(first_nonfinite(part) is not None for _, part in pulled):
                found.append(f"The rule of {node.op.name} makes the first nan or inf: {spot(node)}")
            return pulled

        self.jacobian(pull)
        return next(iter(found), None)

    def repeats(self) -> bool:
        """Return whether a second call of f gives exactly the same outputs."""
        again = [plain(x) for x in self.call({i: constant(x.copy()) for i, x in self.points.items()})]
        pairs = zip(self.outputs, again, strict=True)
        return all(np.array_equal(x._data, y, equal_nan=True) for x, y in pairs)

    def jacobian(self, pull: Pull = pull_arrays) -> dict[int, Array]:
        """Return the graph's derivatives for each input, as (entries, outputs); store the sizes of terms as `inner`."""
        columns: dict[int, list[Array]] = {i: [] for i in self.checked}
        inner = []
        for output in self.outputs:
            for unit in units(np.zeros(output.shape, output.dtype)):
                sizes = [0.0]

                def weigh(node: Tensor, g: Any, sizes: list[float] = sizes) -> None:
                    if is_float(g) and is_float(node._data):
                        sizes.append(float(np.linalg.norm(g * node._data)))

                with np.errstate(all="ignore"):
                    found = backpropagate(output, unit, weigh, pull) if output.requires_grad else {}
                inner.append(np.linalg.norm(sizes))
                for i, x in self.tensors.items():
                    columns[i].append(np.ravel(found[x]) if x in found else np.zeros(x.size))
        self.inner = np.nan_to_num(np.array(inner), posinf=0.0)
        return {i: np.array(found).reshape(self.size, self.points[i].size).T for i, found in columns.items()}

    def terms(self, graph: Mapping[int, Array]) -> dict[int, Array]:
        """Return, for each input, the size of the terms that its derivatives are sums of, (1, outputs).

        If they cancel, as for a bias before a batch normalisation, what is left of the sum is a rounding error.
        """
        rng = np.random.default_rng(0)
        other = self.jacobian(lambda node, g: pull_arrays(node, shaken(g, rng)))
        apart = {i: np.nan_to_num(np.abs(other[i] - g), posinf=0.0) for i, g in graph.items()}
        return {i: np.max(each, axis=0, initial=0)[None] / SHAKE for i, each in apart.items()}

    def measured(self, position: int) -> Measured:
        """Return the function of one input, for `estimate`; call `jacobian` first."""
        return Measured(partial(self.values, position), self.points[position].ravel(), self.eps, self.inner)


def shaken(g: Any, rng: np.random.Generator) -> Any:
    """Return a cotangent with entries changed a little, at random: sums of them then show how large their terms are."""
    if isinstance(g, Outputs):
        return Outputs(None if part is None else shaken(part, rng) for part in g)
    return g * (1 + SHAKE * rng.choice([-1.0, 1.0], g.shape) * rng.uniform(0.5, 1, g.shape))


def spot(node: Tensor) -> str:
    return format_location(node._created_at) if node._created_at else "an unknown line"


def nodes_of(outputs: list[Tensor]) -> set[Tensor]:
    """Return all nodes of the graph of some outputs, these among them."""
    return set(split_graph(outputs, lambda node: True)[0])


def not_floating(names: list[str], beside: bool) -> str:
    """Return the message that refuses inputs without floating-point numbers, and says what to write."""
    if not names:
        return "gradcheck was given a function and no inputs: write gradcheck(f, x)."
    said = (
        f"gradcheck takes derivatives of floating-point inputs, and {', '.join(names)} holds other numbers that f "
        "computes with. Write .astype(float), or 1.0 for 1, to have them checked"
    )
    return f"{said}; data is no input: write gradcheck(lambda x: f(x, {names[0]}), x)." if beside else f"{said}."


def plain(x: Any) -> Array:
    return x._data if isinstance(x, Tensor) else np.asarray(x)


def widened(x: Any) -> Array:
    """Return a copy in float64, or in its own dtype if that is wider."""
    x = plain(x)
    return np.array(x, dtype=np.promote_types(x.dtype, np.float64))
