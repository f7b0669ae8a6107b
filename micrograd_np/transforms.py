"""Derivatives of functions: vjp, grad, jacobian, ...; and `gradients`, for a graph that already exists.

The derivative of a function is a function again, so that derivatives nest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .core.backward import Pull, backpropagate, pull_arrays, pull_tensors
from .core.containers import flatten, has_dtype, map_leaves
from .core.context import CURRENT, Mode, tracing
from .core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from .core.tensor import Tensor, as_tensor, borrowed, constant, cotangent, seed, trace_constant
from .core.versions import expose
from .cures import answering
from .ops.primitive import Outputs, as_array
from .ops.shape import alias, pack

Function = Callable[..., Any]


def gradients(output: Tensor, tensors: Sequence[Tensor], gradient: Any = None, *, create_graph: bool = False) -> Any:
    """Return a list of the gradients of `output` with respect to tensors of its graph; `.grad` is not touched.

    Parameters
    ----------
    output : Tensor
        A scalar, unless `gradient` is given.
    tensors : sequence of Tensor
        Leaves or intermediates.
    gradient : array_like, optional
        The cotangent of `output`, of its shape.
    create_graph : bool
        Whether the gradients are Tensors, to be differentiated again.

    Raises
    ------
    ValueError
        If `output` was not made from one of the tensors.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> gradients(h.sum(), [x, h])
    [array([2., 4.]), array([1., 1.])]
    """
    if not isinstance(tensors, list | tuple):
        raise ArgumentTypeError("gradients(output, tensors) takes a list of tensors: write [w] for one.")
    g = seed(output, gradient)
    as_tensors = create_graph or tracing()
    if as_tensors:
        g = gradient if isinstance(gradient, Tensor) else as_tensor(g)
    with Mode(recording=create_graph):
        found = collect(output, g, tensors, pull_tensors if as_tensors else pull_arrays)
    for position, tensor in enumerate(tensors):
        if tensor not in found:
            raise ArgumentError(
                f"{describe(output, 'the output')} was not made from {describe(tensor, f'tensor {position}')}: no path "
                "of recorded ops leads there, so it has no gradient. Check that it was used, with requires_grad=True, "
                "and not through .data, .detach() or mg.no_grad()."
            )
    return [found[tensor] for tensor in tensors]


def collect(output: Tensor, g: Any, wanted: Sequence[Tensor], pull: Pull) -> dict[Any, Any]:
    """Return the cotangents of those wanted tensors that a backward pass from `output` reaches."""
    chosen = set(wanted)
    found: dict[Tensor, Any] = {}

    def visit(node: Tensor, g: Any) -> None:
        if node in chosen:
            found[node] = g

    found |= backpropagate(output, g, visit, pull)
    return {tensor: np.asarray(g) if isinstance(g, np.generic) else g for tensor, g in found.items()}


@answering
def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return the output of f and its pullback, which maps a cotangent of the output to those of the arguments.

    The cotangent of a value is the gradient of a later scalar with respect to it. f is called on aliases of its
    arguments, so that other derivatives of the same tensors are not affected. The results are arrays; they are Tensors
    if an argument is one, or if f uses another Tensor that requires a gradient. The cotangent of an argument that f
    does not use is zeros.

    Parameters
    ----------
    f : callable
        It takes and returns arrays, or nested dicts, lists, tuples and dataclasses of arrays.
    *primals
        The arguments, floating-point.
    has_aux : bool
        Whether f returns (output, auxiliary); the auxiliary is then returned last, unchanged.

    Raises
    ------
    TypeError
        If an argument is not floating-point, or f does not return what `has_aux` says.

    Examples
    --------
    >>> y, pullback = vjp(lambda x: np.sin(x), np.array([0.0, 1.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (array([1.        , 0.54030231]),)
    """
    leaves, rebuild = flatten(primals)
    recording = CURRENT.get().recording
    outer = [recording and wants_gradient(x) for x in leaves]  # whether another derivative is taken with respect to it
    with Mode(recording=True):
        starts = [x if wanted else own_leaf(f, x) for x, wanted in zip(leaves, outer, strict=True)]
        aliases = [alias(x) for x in starts]
        try:
            result = f(*rebuild(aliases))
        except TypeError as error:
            if any(isinstance(x, list | tuple) for x in primals) and not any(map(has_dtype, leaves)):
                error.add_note("f was given a list or tuple of numbers. If it takes an array, write np.array([...]).")
            raise
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            got = f"{len(result)} values" if isinstance(result, tuple) else f"a {type(result).__name__}"
            raise ArgumentTypeError(f"has_aux=True: {title(f)} has to return (output, auxiliary), and returned {got}.")
        output, *aux = result if has_aux else (result,)
        outputs, rebuild_output = flatten(output)
        outputs = [x if isinstance(x, Tensor) else constant(as_array(x)) for x in outputs]
        check_outputs(f, outputs)
        node = pack(*outputs)
    # Where the backward pass ends: at a leaf of our own, or at the alias of a tensor that an outer derivative is taken
    # with respect to. Beyond an alias begins the graph of the outer derivative, which the pass must not enter.
    ends = [x if wanted else start for x, start, wanted in zip(aliases, starts, outer, strict=True)]
    stops = set(ends)
    # The results have a graph only if something outside can be differentiated through it.
    nested = recording and (any(outer) or uses_others(node, stops))
    for end in ends:
        if end.op is None:  # f has run: ops that come later must not record a leaf of our own
            end._requires_grad = False
    gives_tensors = tracing() or any(isinstance(x, Tensor) for x in leaves)

    def returned(x: Any) -> Any:
        if nested or not isinstance(x, Tensor):
            return x
        return x.detach() if gives_tensors else expose(x)

    def pullback(gradient: Any) -> Any:
        given, _ = flatten(gradient)
        check_count("the cotangent", len(given), "the output", len(outputs))
        pairs = zip(outputs, given, strict=True)
        parts = [g if isinstance(g, Tensor) else as_tensor(cotangent(x, g)) for x, g in pairs]
        records = nested or (CURRENT.get().recording and any(g._requires_grad for g in parts))
        as_tensors = records or tracing()
        pull = pull_tensors if as_tensors else pull_arrays
        with Mode(recording=records):
            found = collect(
                node,
                Outputs(parts if as_tensors else [g._data for g in parts]),
                ends,
                lambda node, g: [] if node in stops else pull(node, g),
            )
        gradients = [found[x] if x in found else trace_constant(np.zeros_like(x._data)) for x in ends]
        if as_tensors or gives_tensors:
            gradients = [as_tensor(g) for g in gradients]
        return rebuild(gradients)

    return (rebuild_output([returned(x) for x in outputs]), pullback, *[map_leaves(returned, x) for x in aux])


def wants_gradient(x: Any) -> bool:
    """Return True for a Tensor that requires a gradient."""
    return isinstance(x, Tensor) and x._requires_grad


def own_leaf(f: Function, x: Any) -> Tensor:
    """Return a new leaf on an argument's memory, so that other derivatives of the argument are not affected."""
    dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    if dtype.kind in "biu":
        cure = "Convert it with .astype(float)" if has_dtype(x) else f"Write {float(x)}"
        raise ArgumentTypeError(
            f"{title(f)} is differentiated with respect to {describe(x, 'an argument')}, which holds no "
            f"floating-point numbers. {cure}, or choose other arguments with argnums=."
        )
    leaf = x.detach() if isinstance(x, Tensor) else borrowed(as_array(x))
    leaf.requires_grad = True
    return leaf


def uses_others(output: Tensor, leaves: set[Tensor]) -> bool:
    """Return whether the graph of `output` has a leaf besides these that requires a gradient."""
    _, outside = split_graph([output], lambda node: bool(node._parents))
    return any(x._requires_grad and x not in leaves for x in outside)


def split_graph(outputs: Iterable[Tensor], is_inside: Callable[[Tensor], bool]) -> tuple[list[Tensor], list[Tensor]]:
    """Walk back from outputs through nodes that are inside; return these, and the first nodes outside."""
    inside: dict[Tensor, None] = {}
    outside: dict[Tensor, None] = {}
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if not is_inside(node):
            outside[node] = None
        elif node not in inside:
            inside[node] = None
            pending.extend(x for x, _ in node._parents)
    return list(inside), list(outside)


def restrict(f: Function, argnums: int | Sequence[int], args: Sequence[Any], kwargs: Any) -> tuple[Function, list[Any]]:
    """Return f as a function of only the chosen arguments, and these arguments."""
    numbers: list[Any] = [argnums] if is_single(argnums) else list(argnums)  # type: ignore[arg-type]
    if wrong := [number for number in numbers if not -len(args) <= number < len(args)]:
        raise ArgumentError(f"argnums={wrong[0]} names no argument: the call has {len(args)} positional ones.")
    numbers = [number % len(args) for number in numbers]
    if len(set(numbers)) < len(numbers):
        raise ArgumentError(f"argnums={argnums} names an argument twice.")

    @functools.wraps(f)
    def restricted(*chosen: Any) -> Any:
        replaced = dict(zip(numbers, chosen, strict=True))
        return f(*[replaced.get(number, x) for number, x in enumerate(args)], **kwargs)

    return restricted, [args[number] for number in numbers]


def is_single(argnums: Any) -> bool:
    """Return whether one argument is chosen, so that its gradient is returned without a tuple."""
    return isinstance(argnums, int | np.integer)


@answering
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes f's scalar value and its gradient: (value, gradient).

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int
        The positions of the arguments to differentiate with respect to; several give a tuple of gradients.
    has_aux : bool
        Whether f returns (value, auxiliary); the result is then ((value, auxiliary), gradient).

    Raises
    ------
    ValueError
        If f's value is not a scalar.

    Examples
    --------
    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    """
    check_function("value_and_grad", f, argnums)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args, kwargs)
        value, pullback, *aux = vjp(restricted, *chosen, has_aux=has_aux)
        if getattr(value, "size", None) != 1:
            raise ShapeError(
                f"grad needs a function with a scalar value, and {title(f)} returned "
                f"{getattr(value, 'shape', type(value).__name__)}. Reduce it, say with .sum(), or use mg.jacobian or "
                "mg.vjp."
            )
        found = pullback(trace_constant(np.ones(value.shape, value.dtype)))
        gradient = found[0] if is_single(argnums) else found
        return ((value, *aux) if has_aux else value), gradient

    return transformed


@answering
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of the scalar function f.

    Parameters and errors are those of `value_and_grad`; with `has_aux` the result is (gradient, auxiliary).

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    array(12.)
    >>> grad(grad(lambda x: x**3))(2.0)
    array(12.)
    """
    check_function("grad", f, argnums)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_grad(f, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


@answering
def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that computes all first derivatives of f, of shape `output.shape + argument.shape`.

    It calls the pullback once for each entry of the output. Containers of outputs give containers of such arrays.

    Examples
    --------
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_function("jacobian", f, argnums)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args, kwargs)
        value, pullback = vjp(restricted, *chosen)
        outputs, rebuild = flatten(value)
        inputs, rebuild_inputs = flatten(chosen)
        zeros = [np.zeros(x.shape, x.dtype) for x in outputs]
        no_cotangents = list(map(trace_constant, zeros))

        def jacobian_of_output(position: int) -> Any:
            rows = []
            for unit in units(zeros[position]):
                cotangents = list(no_cotangents)
                cotangents[position] = trace_constant(unit)
                rows.append(flatten(pullback(rebuild(cotangents)))[0])
            blocks = []
            for k, x in enumerate(inputs):
                shape = zeros[position].shape + as_array(x).shape
                blocks.append(np.reshape(np.stack([row[k] for row in rows]), shape) if rows else np.zeros(shape))
            rebuilt = rebuild_inputs(blocks)
            return rebuilt[0] if is_single(argnums) else tuple(rebuilt)

        return rebuild([jacobian_of_output(position) for position in range(len(outputs))])

    return transformed


def units(zeros: Any) -> Iterator[Any]:
    """Yield, for each entry of a shape, the array with 1 there and 0 elsewhere."""
    for index in np.ndindex(zeros.shape):
        unit = zeros.copy()
        unit[index] = 1
        yield unit


@answering
def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that computes all second derivatives of f: `argument.shape + argument.shape` for a scalar.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_function("hessian", f, argnums)
    return jacobian(jacobian(f, argnums), argnums)


@answering
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the output of f, and its directional derivative along the tangents.

    The pullback u -> Jᵀ u is linear in u, so that its own pullback, at the tangents t, is J t.

    Parameters
    ----------
    f : callable
    primals, tangents : sequences
        The arguments, and a direction for each, of the same shapes.

    Examples
    --------
    >>> jvp(np.sin, (np.array([0.0, 1.0]),), (np.array([1.0, 2.0]),))
    (array([0.        , 0.84147098]), array([1.        , 1.08060461]))
    """
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        raise ArgumentTypeError("jvp takes a tuple of arguments and one of tangents. Write mg.jvp(f, (x,), (v,)).")
    check_count("tangents", len(tangents), "primals", len(primals))
    for t, x in zip(flatten(tuple(tangents))[0], flatten(tuple(primals))[0], strict=False):
        if np.shape(t) != np.shape(x):
            raise ShapeError(f"a tangent has shape {np.shape(t)}, and needs its argument's, {np.shape(x)}.")
    output, pullback = vjp(f, *primals)
    _, push = vjp(pullback, map_leaves(lambda x: trace_constant(np.zeros(x.shape, x.dtype)), output))
    (tangent,) = push(tuple(tangents))
    return output, tangent


@answering
def hvp(f: Function, argnums: int = 0) -> Function:
    """Return the function (*args, v) that computes the hessian of the scalar f times v, without the hessian itself.

    Examples
    --------
    >>> hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    check_function("hvp", f, argnums)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args[:-1], kwargs)
        _, pullback = vjp(grad(restricted), *chosen)
        return pullback(args[-1])[0]  # the hessian is symmetric, so vᵀ H is H v

    return transformed


def check_count(what: str, count: int, whose: str, expected: int) -> None:
    """Raise unless there are as many parts as expected."""
    if count != expected:
        raise ArgumentError(f"{what} has {count} parts, and {whose} has {expected}: give one for each.")


def check_outputs(f: Any, outputs: list[Any]) -> None:
    """Raise for an output that holds no numbers, such as None."""
    for x in outputs:
        if x.dtype.kind not in "biufc":
            raise ArgumentTypeError(
                f"{title(f)} returned {x.data.item() if x.size == 1 else x.data!r}, and only numbers have a "
                "derivative. Is a `return` missing?"
            )


def title(f: Any) -> str:
    """Return what messages call a function."""
    return str(getattr(f, "__name__", "f"))


def check_function(name: str, f: Any, argnums: Any) -> None:
    """Raise for a value in the place of the function that computes it, and for arguments in that of positions."""
    if hasattr(f, "backward") or not callable(f):
        raise ArgumentTypeError(
            f"mg.{name} takes a function, and {describe(f, 'f')} is a value. Write mg.{name}(f)(x), with f = lambda x: "
            "... giving that value; mg.gradients(loss, [x]) gives the gradient of the value itself."
        )
    if not (is_single(argnums) or (isinstance(argnums, tuple | list | range) and all(map(is_single, argnums)))):
        raise ArgumentTypeError(
            f"the second argument of mg.{name}, argnums, counts arguments: 0, or (0, 1). It was given "
            f"{describe(argnums, 'an array')}. Write mg.{name}(f)(x) for the derivative at x."
        )
