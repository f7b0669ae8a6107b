"""Ops of your own: a function, one derivative rule for each argument, and checks at each call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .anomaly import all_finite, first_nonfinite
from .core.backward import Rule
from .core.errors import ArgumentTypeError, NonFiniteError, ShapeError
from .core.names import caller_location, format_location
from .core.tensor import Tensor
from .core.versions import innermost
from .ops.primitive import Bound, Primitive, as_array, remembered


def custom_op(*rules: Rule | None, broadcasts: bool = False) -> Callable[[Callable[..., Any]], CustomOp]:
    """A decorator that turns a function of arrays into an op with derivatives.

    Parameters
    ----------
    *rules : callable or None
        One for each positional argument of the function: `rule(g, z, x, y, ..., **params)`, where z is the output and
        g its cotangent (the gradient of the loss with respect to z). It returns the cotangent of its argument, of the
        argument's shape. None where there is no derivative. Written with NumPy functions and operators, a rule can be
        differentiated again.
    broadcasts : bool
        Whether the arguments broadcast; the engine then sums the cotangents back to their shapes.

    Raises
    ------
    TypeError, ValueError, FloatingPointError
        When the function or a rule breaks the contract: count, shape, dtype, finiteness.

    Examples
    --------
    >>> @custom_op(lambda g, z, x, *, power: g * power * x ** (power - 1))
    ... def raised(x, *, power):
    ...     return x**power
    >>> t = Tensor([1.0, 2.0], requires_grad=True)
    >>> raised(t, power=3).sum().backward()
    >>> t.grad
    array([ 3., 12.])
    """

    if any(isinstance(rule, type) for rule in rules):
        raise ArgumentTypeError("custom_op takes rules, not a class: write @mg.custom_op(lambda g, z, x: ...) above f.")

    def decorate(function: Callable[..., Any]) -> CustomOp:
        if not callable(function):  # `@custom_op` without a rule: rules[0] is the decorated function
            name = getattr(rules[0], "__name__", "f") if rules else "f"
            cure = f"write @mg.custom_op(lambda g, z, x: ...) above def {name}"
            raise ArgumentTypeError(f"custom_op takes a rule for each array argument first: {cure}.")
        return CustomOp(function, rules, broadcasts)

    return decorate


class CustomOp(Primitive):
    """A user's row: positional parameters are arrays, keyword-only parameters are metadata."""

    widens = False  # no float32 for float16: a rule is given the dtypes that its function was given

    def __init__(self, function: Callable[..., Any], rules: tuple[Rule | None, ...], broadcasts: bool) -> None:
        self.signature = (
            ufunc_signature(function.nin) if isinstance(function, np.ufunc) else inspect.signature(function)
        )
        parameters = self.signature.parameters.values()
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        metadata = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        check_rules(function.__name__, rules, names, metadata)
        checked = [
            None if rule is None else with_checks(rule, function.__name__, i, name, broadcasts)
            for i, (rule, name) in enumerate(zip(rules, names, strict=True))
        ]
        super().__init__(
            function,
            *checked,
            kernel=functools.partial(checked_forward, function),
            bind=remembered(functools.partial(bind_signature, self.signature)),
            broadcasts=broadcasts,
        )
        functools.update_wrapper(self, function)

    gradcheck: Callable[..., Any]  # `mg.gradcheck` of this op; the package sets it


def ufunc_signature(count: int) -> inspect.Signature:
    """The signature of a ufunc as an op: its arrays, without `out`, `where` and the other keywords."""
    names = ("x", "y", "z")[:count]
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names])


def bind_signature(signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> Bound:
    """Positional arguments as arrays, keyword-only ones as metadata."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return tuple(map(as_array, bound.args)), bound.kwargs


def checked_forward(function: Callable[..., Any], /, *arrays: Any, **params: Any) -> Any:
    """Call the user's function; raise if it returns no array, or nan or inf for finite arguments."""
    z = function(*map(read_only, arrays), **params)
    if isinstance(z, int | float):
        z = np.asarray(z)
    if isinstance(z, Tensor) or not hasattr(z, "dtype"):
        raise ArgumentTypeError(
            f"{function.__name__} returned {type(z).__name__}, and a custom op returns an array. A function that is "
            "written with Tensors or ops of the table needs no custom_op: call it as it is."
        )
    if any(np.may_share_memory(z, x) for x in arrays):
        z = z.copy()  # a write to the argument would change the result unnoticed
    index = first_nonfinite(z)
    if index is not None and all_finite(arrays):
        raise NonFiniteError(f"{function.__name__} returned {z[index]} at index {index} for finite arguments.")
    return z


def read_only(x: Any) -> Any:
    """The same array, to which a function or rule cannot write by mistake."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x


def with_checks(rule: Rule, name: str, position: int, parameter: str, broadcasts: bool) -> Rule:
    """The same rule, whose result is checked."""
    what = f"the rule of {name} for {parameter}"

    @functools.wraps(rule)
    def checked_rule(g: Any, z: Any, /, *args: Any, **params: Any) -> Any:
        cotangent = rule(*map(read_only, (g, z, *args)), **params)  # g may be the cotangent of other values, too
        check_cotangent(what, parameter, cotangent, z if broadcasts else args[position])
        index = first_nonfinite(cotangent)
        if index is not None and all_finite((g, z, *args)):
            raise NonFiniteError(f"{what} returned a nan or inf at index {index}, from finite values.")
        return cotangent

    return checked_rule


def check_rules(op: str, rules: tuple[Rule | None, ...], names: list[str], metadata: list[str]) -> None:
    """Raise unless there is one rule, or None, for each array argument, and it can be called."""
    if len(rules) != len(names):
        raise ArgumentTypeError(
            f"{op} has {len(names)} array arguments ({', '.join(names)}) and was given {len(rules)} rules. Give one "
            "rule for each, None where there is no derivative; make what is not an array keyword-only, after *."
        )
    for rule, name in zip(rules, names, strict=True):
        if rule is None:
            continue
        if not callable(rule):
            raise ArgumentTypeError(f"the rule of {op} for {name} is {rule!r}; a rule is a function, or None.")
        try:
            inspect.signature(rule).bind("g", "z", *names, **dict.fromkeys(metadata))
        except ValueError:
            continue  # functions written in C may have no signature
        except TypeError as error:
            code = getattr(innermost(rule), "__code__", None)
            where = format_location((code, 0)) if code else format_location(caller_location())
            called_as = ", ".join(["g", "z", *names, *(f"{key}=..." for key in metadata)])
            raise ArgumentTypeError(
                f"the rule of {op} for {name} cannot be called as rule({called_as}): {error}.\n  {where}\n"
                "A rule takes the cotangent g, the output z, every array argument, and the metadata by keyword."
            ) from None


def check_cotangent(what: str, parameter: str, cotangent: Any, like: Any) -> None:
    """Raise if a user's rule did not return a gradient of its argument: an array of floats of that shape."""
    kind = getattr(cotangent, "dtype", type(cotangent).__name__)
    if getattr(kind, "kind", "") != "f":
        raise ArgumentTypeError(f"{what} returned {kind}; a gradient is floating-point, of shape {like.shape}.")
    if cotangent.shape != like.shape:
        raise ShapeError(
            f"{what} returned shape {cotangent.shape}, and {parameter} has {like.shape}: one number for each entry. If "
            "the op broadcasts its arguments, say custom_op(..., broadcasts=True) and return the output's shape."
        )
