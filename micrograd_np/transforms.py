"""Functions of functions: a derivative is a function again, and may be given to any of these."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .core.containers import flatten, map_leaves
from .core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from .core.tensor import trace_constant
from .ops.primitive import as_array
from .pullback import Function, check_count, vjp


def restrict(f: Function, argnums: int | Sequence[int], args: Sequence[Any], kwargs: Any) -> tuple[Function, list[Any]]:
    """f as a function of the chosen arguments alone, and these."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    check_argnums(numbers, len(args))
    numbers = [number % len(args) for number in numbers]

    def restricted(*chosen: Any) -> Any:
        replaced = dict(zip(numbers, chosen, strict=True))
        return f(*[replaced.get(number, x) for number, x in enumerate(args)], **kwargs)

    return restricted, [args[number] for number in numbers]


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns f's scalar value and its gradient: (value, gradient).

    Parameters
    ----------
    f : callable
    argnums : int or sequence of int
        Which arguments; several give a tuple of gradients.
    has_aux : bool
        Whether f returns (value, auxiliary); the result is then ((value, auxiliary), gradient).

    Raises
    ------
    ValueError
        If f's value is no scalar.

    Examples
    --------
    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    """
    check_function("value_and_grad", f)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args, kwargs)
        value, pullback, *aux = vjp(restricted, *chosen, has_aux=has_aux)
        check_scalar_value(f, value)
        found = pullback(trace_constant(np.ones(value.shape, value.dtype)))
        return (value, *aux) if has_aux else value, found[0] if isinstance(argnums, int) else found

    return transformed


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns the gradient of the scalar function f.

    Parameters and errors are those of `value_and_grad`; with `has_aux` the result is (gradient, auxiliary).

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    array(12.)
    >>> grad(grad(lambda x: x**3))(2.0)
    array(12.)
    """
    check_function("grad", f)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_grad(f, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns all first derivatives of f, of shape `output.shape + argument.shape`.

    One pullback for each entry of the output. Containers of outputs give containers of such arrays.

    Examples
    --------
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_function("jacobian", f)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args, kwargs)
        value, pullback = vjp(restricted, *chosen)
        outputs, rebuild = flatten(value)
        zeros = [np.zeros(x.shape, x.dtype) for x in outputs]
        known = list(map(trace_constant, zeros))

        def rows_of(position: int) -> Any:
            rows = []
            for unit in units(zeros[position]):
                rows.append(
                    flatten(pullback(rebuild([*known[:position], trace_constant(unit), *known[position + 1 :]])))[0]
                )
            inputs, rebuild_inputs = flatten(chosen)
            shapes = [(*zeros[position].shape, *as_array(x).shape) for x in inputs]
            blocks = [stacked([row[k] for row in rows], shape) for k, shape in enumerate(shapes)]
            rebuilt = rebuild_inputs(blocks)
            return rebuilt[0] if isinstance(argnums, int) else tuple(rebuilt)

        return rebuild([rows_of(position) for position in range(len(outputs))])

    return transformed


def units(zeros: Any) -> Iterator[Any]:
    """The unit arrays of a shape, entry by entry."""
    for index in np.ndindex(zeros.shape):
        unit = zeros.copy()
        unit[index] = 1
        yield unit


def stacked(rows: Sequence[Any], shape: tuple[int, ...]) -> Any:
    return np.reshape(np.stack(rows), shape) if rows else np.zeros(shape)


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns all second derivatives of f, of shape `argument.shape + argument.shape` for a scalar.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_function("hessian", f)
    return jacobian(jacobian(f, argnums), argnums)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The output of f, and its directional derivative along the tangents.

    A pullback is linear in its cotangent; its own pullback is the directional derivative.

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
    check_count("tangents", len(tangents), "primals", len(primals))
    output, pullback = vjp(f, *primals)
    _, push = vjp(pullback, map_leaves(lambda x: trace_constant(np.zeros(x.shape, x.dtype)), output))
    (tangent,) = push(tuple(tangents))
    return output, tangent


def hvp(f: Function, argnums: int = 0) -> Function:
    """The function (*args, v) that returns the hessian of the scalar function f times v, without the hessian.

    Examples
    --------
    >>> hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    check_function("hvp", f)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        restricted, chosen = restrict(f, argnums, args[:-1], kwargs)
        _, pullback = vjp(grad(restricted), *chosen)
        return pullback(args[-1])[0]  # the hessian is symmetric, so pulling v back is pushing it forward

    return transformed


def check_argnums(numbers: list[int], count: int) -> None:
    if len({number % max(count, 1) for number in numbers}) < len(numbers):
        raise ArgumentError(f"argnums={tuple(numbers)} names an argument twice.")
    wrong = [number for number in numbers if not -count <= number < count]
    if wrong:
        raise ArgumentError(
            f"argnums={wrong[0]} names no argument: the function was called with {count} positional ones."
        )


def check_scalar_value(f: Any, value: Any) -> None:
    if getattr(value, "size", None) != 1:
        shape = getattr(value, "shape", type(value).__name__)
        raise ShapeError(
            f"grad needs a function with a scalar value, and {getattr(f, '__name__', 'f')} returned {shape}. Reduce "
            "it, say with .sum(), or use mg.jacobian or mg.vjp."
        )


def check_function(name: str, f: Any) -> None:
    """Refuse a value where the function that computes it belongs."""
    if hasattr(f, "backward"):
        cure = f"Write mg.{name}(f)(x), with f = lambda x: ... giving that value"
        if "grad" in name:
            cure += "; or mg.gradients(loss, [x]) for the gradient of the value itself"
        raise ArgumentTypeError(f"mg.{name} takes a function, and {describe(f, 'this tensor')} is a value. {cure}.")
    if not callable(f):
        raise ArgumentTypeError(f"mg.{name} takes a function, such as lambda x: (x * x).sum(), not {describe(f, 'f')}.")
