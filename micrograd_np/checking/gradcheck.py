"""`gradcheck`: compare the derivatives of a graph with finite differences; a verdict for each input."""

from __future__ import annotations

import copy
import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.backward import Rule, fitted
from ..core.containers import flatten
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.names import name_of
from ..core.tensor import Tensor
from ..core.versions import as_used
from ..cures import answering
from ..transforms import grad
from .comparison import (
    INDEPENDENT,
    KINK,
    NON_FINITE,
    NONDETERMINISTIC,
    OK,
    WRONG,
    Comparison,
    compare,
    signed,
    tolerances,
)
from .finite_differences import UnitVectors, measured
from .flat_function import Problem, is_float, spot
from .report import Entry, GradcheckReport, Judged, number

Array = Any
Function = Callable[..., Any]

RTOL = 1e-5
ROUNDED = 100  # a difference of this many rounding errors is no mistake where large terms cancel


@answering
def gradcheck(
    f: Function,
    *inputs: Any,
    rtol: float = RTOL,
    order: int = 1,
) -> GradcheckReport:
    """Compare the derivatives that f's graph gives with finite differences of f's values.

    Errors are relative to max(|entry|, 1e-6 of the input's largest entry). bool(report) is True for OK and KINK.

    Parameters
    ----------
    f : callable
        A function of arrays or containers of arrays, which returns arrays or containers of arrays; or a module, whose
        parameters are checked, too.
    *inputs : array_like, Tensor, or containers of these
        The floating-point ones are checked, in float64; the others are passed on.
    rtol : float
    order : {1, 2}
        2 checks the second derivatives too.

    Raises
    ------
    TypeError
        If no input holds floating-point numbers, or f computes with an input that holds other numbers.

    Examples
    --------
    >>> import numpy as np
    >>> gradcheck(lambda x: (x * np.sin(x)).sum(), np.array([1.0, 2.0])).verdict
    'OK'
    """
    if not callable(f) or isinstance(f, Tensor):
        raise ArgumentTypeError(f"gradcheck takes a function and its inputs, gradcheck(f, x), not {type(f).__name__}.")
    if inputs and callable(inputs[0]) and not isinstance(inputs[0], Tensor):
        raise ArgumentTypeError("gradcheck takes one function. For a backward pass by hand write mg.verify(f, g, x).")
    if order not in (1, 2):
        raise ArgumentError(f"order={order}: gradcheck knows first and second derivatives, order=1 and order=2.")
    if hasattr(f, "named_parameters"):
        f, inputs = with_parameters(f, inputs)
    report = check(f, f, inputs, rtol)
    if order == 2 and report.verdict == OK:
        weighted = report.outputs > 1
        report = check(derivative(f), f, inputs, rtol).as_second_order()
        report.weighted = weighted
    elif order == 2 and report.verdict == KINK:
        report.suspects.append("Second derivatives were not checked: there are none at a kink.")
    return report


def of_op(op: Function, *inputs: Any, rtol: float = RTOL, order: int = 1, **params: Any) -> GradcheckReport:
    """Return `gradcheck` of a custom op, with values for its keyword-only parameters."""
    return gradcheck(functools.partial(op, **params) if params else op, *inputs, rtol=rtol, order=order)


def with_parameters(module: Any, inputs: tuple[Any, ...]) -> tuple[Function, tuple[Any, ...]]:
    """Return a function of a module's parameters and inputs, and the tuple of both; the module is not changed."""
    known = dict(module.named_parameters())
    # Results of an earlier call, such as self.h, belong to a graph, and deepcopy would refuse them.
    held = (x for part in module.modules() for x in flatten(vars(part))[0])
    former = {id(x): x.detach() for x in held if isinstance(x, Tensor) and x.op is not None}

    def f(parameters: Mapping[str, Any], *given: Any) -> Any:
        replaced = former | {id(x): parameters[name] for name, x in known.items()}
        return copy.deepcopy(module, replaced)(*given)  # deepcopy takes these in place of the originals

    own = inspect.signature(module.forward).parameters.values()
    first = inspect.Parameter("parameters", inspect.Parameter.POSITIONAL_ONLY)
    f.__signature__ = inspect.Signature([first, *own])  # type: ignore[attr-defined]
    f.__name__ = type(module).__name__
    return f, ({name: Tensor(tensor._data, name=name) for name, tensor in known.items()}, *inputs)


def check(f: Function, called: Function, inputs: Any, rtol: float) -> GradcheckReport:
    """Compare f's derivatives with finite differences. `called` is the user's function: f, or f is its gradient."""
    problem = Problem(f, inputs, called)
    if not problem.repeats():
        blank = [Judged(problem.names[i], x.shape, NONDETERMINISTIC, 0) for i, x in problem.points.items()]
        return GradcheckReport(blank, rtol)
    jacobian = problem.jacobian()
    found = [check_input(problem, i, jacobian[i], rtol) for i in problem.checked]
    if any(x.verdict == WRONG for x in found):
        # Where large terms cancel, a rounding error is left that looks wrong: compare again and allow for it.
        least = {i: ROUNDED * problem.eps * terms for i, terms in problem.terms(jacobian).items()}
        found = [
            check_input(problem, i, jacobian[i], rtol, least[i]) if x.verdict == WRONG else x
            for i, x in zip(problem.checked, found, strict=True)
        ]
    report = GradcheckReport(found, rtol, passed_on=[problem.names[i] for i in problem.passed_on], outputs=problem.size)
    report.used = problem.used
    if report.verdict == NON_FINITE and (where := problem.first_nonfinite()):
        report.suspects = [where]
    if report.verdict == WRONG:
        report.suspects = suspects(problem.nodes, RTOL) or suspects(problem.nodes, min(rtol, RTOL))
    if not all(np.isfinite(graph).all() for graph in jacobian.values()) and (where := problem.first_nan_rule()):
        report.suspects = [where]
    if faults := nonlinear(problem.nodes):
        report.suspects = faults
        for judged in report.inputs:
            judged.verdict = WRONG
    return report


def nonlinear(nodes: Sequence[Tensor]) -> list[str]:
    """Return sentences on ops with a rule b that is not linear: b(-4 g) must be exactly -4 b(g) (4 is 2**2)."""
    found: list[str] = []
    seen: dict[Any, int] = defaultdict(int)
    for node in nodes:
        seen[node.op] += 1
        if seen[node.op] > ENOUGH or not is_float(node._data):
            continue
        g = signed(np.random.default_rng(0), node.shape).astype(node._data.dtype)
        for position, rule in rules_of(node):
            if not is_float(node._values[position]):
                continue  # the argument holds all outputs of an op that has several
            with np.errstate(all="ignore"):
                first, times = (rule(k * g, node._data, *node._values, **node.params) for k in (1, -4))
            if hasattr(first, "dtype") and not np.allclose(times, -4 * first, 1e-4, equal_nan=True):
                found.append(
                    f"{of_rule(node, position)} is not linear in the cotangent g: for -4 g it does not give -4 times "
                    "as much. A mask made from g, as in g > 0, or abs(g), has no place in a rule."
                )
    return list(dict.fromkeys(found))


SHOWN = 5  # derivatives of an input, at most


def check_input(problem: Problem, i: int, graph: Array, rtol: float, least: Any = 0.0) -> Judged:
    """Return the result for one input."""
    what, symmetric = problem.measured(i), False
    held = compare(what, UnitVectors(what.x, range(what.x.size)), graph, tolerances(graph, rtol, least))
    if held.verdict == WRONG and reads_one_triangle(problem, i):
        # f takes the input to be symmetric: compare in symmetric directions only, where both entries of a pair move.
        units = np.eye(what.x.size).reshape(-1, *problem.points[i].shape)
        directions = [(unit + unit.T).ravel() / 2 for unit in units]
        both = np.array(directions) @ graph
        again = compare(what, directions, both, tolerances(both, rtol, least))
        symmetric = again.verdict != WRONG
        held = again if symmetric else held
    graph, found, shape = held.graph, held.found, problem.points[i].shape
    recorded = i in problem.reached
    if not recorded and held.verdict != WRONG:
        return Judged(problem.names[i], shape, INDEPENDENT, graph.size)
    with np.errstate(all="ignore"):
        errors = np.abs(graph - found.value) / (held.allowed / rtol)
    shown = [entry(shape, row, k, held) for row, k in worst(held.where, errors)]
    off, error = int(held.where.sum()), float(np.max(errors, initial=0, where=np.isfinite(errors)))
    return Judged(problem.names[i], shape, held.verdict, graph.size, off, shown, error, not recorded, symmetric)


def reads_one_triangle(problem: Problem, i: int) -> bool:
    """Return whether an input is a symmetric matrix of which f reads one triangle only, as cholesky does."""
    x = problem.points[i]
    if x.ndim != 2 or x.shape != x.shape[::-1] or x.size < 2 or not np.array_equal(x, x.T):
        return False
    f, noise = problem.values(i, x.dtype), 1e-3 * np.abs(x).max() * np.random.default_rng(0).normal(size=x.shape)
    middle = f(x.ravel())
    reads = [not np.array_equal(f((x + part).ravel()), middle) for part in (np.triu(noise, 1), np.tril(noise, -1))]
    return sum(reads) == 1


def worst(where: Array, errors: Array) -> list[tuple[int, int]]:
    """Return row and column of the derivatives to show, the worst first."""
    rows, columns = np.nonzero(where)
    order = np.argsort(-np.nan_to_num(errors[rows, columns], nan=np.inf), kind="stable")[:SHOWN]
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def entry(shape: tuple[int, ...], row: int, k: int, held: Comparison) -> Entry:
    """Return the numbers of one derivative for the report: of output k with respect to an entry of the input."""
    index, found = tuple(map(int, np.unravel_index(row, shape))), held.found
    numbers = [float(x[row, k]) for x in (held.graph, found.value, found.uncertainty, found.left, found.right)]
    return Entry(index, k if held.graph.shape[1] > 1 else None, *numbers)


def derivative(f: Function) -> Function:
    """Return the function that gives the gradients of the sum of f's outputs, each times a random number.

    Its derivatives are f's second derivatives.
    """

    def gradients(*inputs: Any) -> Any:
        leaves, rebuild = flatten(inputs)
        floats = {i: x for i, x in enumerate(leaves) if is_float(x)}

        def of_floats(*chosen: Any) -> Any:
            replaced = dict(zip(floats, chosen, strict=True))
            outputs, _ = flatten(f(*rebuild([replaced.get(i, x) for i, x in enumerate(leaves)])))
            return sum(np.sum(y * weights(y)) for y in outputs)

        return grad(of_floats, range(len(floats)))(*floats.values())

    return gradients


def weights(y: Any) -> Array:
    """Return the cotangent of an output: 1 for a scalar, else random numbers of both signs."""
    return signed(np.random.default_rng(0), np.shape(y)) if np.size(y) > 1 else np.ones(np.shape(y))


ENOUGH = 3  # faults that are shown; and nodes of each op that `nonlinear` checks
LARGE = 400  # entries of an argument: of more, so many are chosen at random


def suspects(nodes: Sequence[Tensor], rtol: float) -> list[str]:
    """Return sentences on what is wrong with single ops, in the order of the graph; at most ENOUGH."""
    faults = (check_rule(node, position, rule, rtol) for node in nodes for position, rule in rules_of(node))
    found: dict[str, None] = {}
    for fault in filter(None, faults):
        found[fault] = None
        if len(found) == ENOUGH:
            break
    return list(found)


def rules_of(node: Tensor) -> Iterator[tuple[int, Rule]]:
    """Yield the argument positions that a gradient is passed to, each with its rule."""
    edges = iter(node._parents)  # (parent, rule) for these positions only, in the same order
    for position, x in enumerate(node.args):
        if isinstance(x, Tensor) and x.requires_grad and node.op.rules[position] is not None:
            yield position, fitted(next(edges)[1], position, node.op.broadcasts)


def check_rule(node: Tensor, position: int, rule: Rule, rtol: float) -> str | None:
    """Return a sentence on what is wrong with one rule of a recorded op, or None."""
    z, values = as_used(node)
    x = values[position]
    if any(getattr(data, "dtype", None) is None or data.dtype.kind != "f" for data in (x, z)) or not x.size:
        return None  # several outputs in one, or nothing to differentiate
    rng = np.random.default_rng(0)
    g = signed(rng, z.shape).astype(z.dtype)
    with np.errstate(all="ignore"):
        cotangent = rule(g, z, *values, **node.params)
    where = of_rule(node, position)
    if cotangent.shape != x.shape:
        return f"{where} gives shape {cotangent.shape}."

    def f(moved: Array) -> Array:
        return np.sum(node.op.kernel(*values[:position], moved, *values[position + 1 :], **node.params) * g)

    entries = np.arange(x.size) if x.size <= LARGE else rng.choice(x.size, LARGE, replace=False)
    graph = np.ravel(cotangent)[entries, None]
    eps = float(max(np.finfo(value.dtype).eps for value in (x, z)))
    what = measured(f, x, eps, np.sum(np.abs(g * z)))
    held = compare(what, UnitVectors(what.x, entries.tolist()), graph, tolerances(graph, rtol))
    if held.verdict != WRONG:
        return None
    row = int(np.argmax(np.where(held.where, np.abs(graph - held.found.value), -1)))
    index = list(map(int, np.unravel_index(entries[row], x.shape)))
    return (
        f"{where} gives {number(graph[row, 0])} at {index or 'its one entry'}, and finite differences give "
        f"{number(held.found.value[row, 0])} (with a random cotangent)."
    )


def of_rule(node: Tensor, position: int) -> str:
    """Return the beginning of a sentence on the rule for one argument of a recorded op."""
    x = node.args[position]
    signature = getattr(node.op, "signature", None)
    parameter = list(signature.parameters)[position] if signature else f"argument {position}"
    name = name_of(x)
    argument = f"{parameter} ({f'{name}, ' if name and name != parameter else ''}shape {x.shape})"
    return f"{node.op.name} is where it goes wrong: {spot(node)}\n  its rule for {argument}"
