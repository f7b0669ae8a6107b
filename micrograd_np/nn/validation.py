"""Checks of arguments and of data: each refusal names the argument, says what it must be, and shows what it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, MissingPackageError, ShapeError, describe
from ..ops.primitive import as_array


class Kind(NamedTuple):
    """A kind of argument: its description for the message, its types, and the values that it may have."""

    text: str
    types: Any
    holds: Callable[[Any], bool] = lambda value: True


SIZE = Kind("a whole number of at least 1", Integral, lambda n: n >= 1)
COUNT = Kind("a whole number of at least 0", Integral, lambda n: n >= 0)
NUMBER = Kind("a finite number", Real, math.isfinite)
NONNEGATIVE = Kind("a number of at least 0", Real, lambda x: 0 <= x < math.inf)
POSITIVE = Kind("a number above 0", Real, lambda x: 0 < x < math.inf)
FRACTION = Kind("a number from 0 to 1", Real, lambda x: 0 <= x <= 1)
DECAY = Kind("a number of at least 0 and below 1", Real, lambda x: 0 <= x < 1)
FLAG = Kind("True or False", bool | np.bool_)
FUNCTION = Kind("a function", Callable)


def require(owner: Any, kind: Kind, **arguments: Any) -> None:
    """Raise TypeError or ValueError unless each argument is of the kind; the owner is an object or its name."""
    owner = name_of_owner(owner)
    for name, value in arguments.items():
        plain = value.item() if getattr(value, "shape", None) == () else value
        is_flag = isinstance(plain, bool | np.bool_)
        fits = isinstance(plain, kind.types) and (kind is FLAG or not is_flag)
        if not fits or not kind.holds(plain):
            raise (ArgumentError if fits else ArgumentTypeError)(
                f"{owner}: {name} must be {kind.text}, not {in_words(value)}."
            )


def require_choice(owner: Any, choices: Any, **arguments: Any) -> None:
    """Raise ValueError unless each argument is one of the choices, which are strings."""
    for name, value in arguments.items():
        if not isinstance(value, str) or value not in choices:
            raise ArgumentError(
                f"{name_of_owner(owner)}: {name} must be one of {', '.join(map(repr, choices))}, not {in_words(value)}."
            )


def require_instance(owner: Any, cls: type, cure: str = "", **arguments: Any) -> None:
    """Raise TypeError unless each argument is an instance of the class."""
    for name, value in arguments.items():
        if not isinstance(value, cls):
            article = "an" if cls.__name__[0] in "AEIO" else "a"
            raise ArgumentTypeError(
                f"{name_of_owner(owner)}: {name} must be {article} {cls.__name__}, not {in_words(value)}."
                f"{cure and ' ' + cure}"
            )


def require_each(owner: Any, kind: Kind, count: int, **arguments: Any) -> None:
    """Raise unless each argument is of the kind, or a tuple with one for each of `count` axes."""
    for name, value in arguments.items():
        values = value if isinstance(value, tuple | list) else (value,) * count
        if len(values) != count:
            raise ArgumentError(
                f"{name_of_owner(owner)}: {name} must be one number, or one for each of the {count} axes that the "
                f"kernel moves along, not {value!r}."
            )
        for entry in values:
            require(owner, kind, **{name: entry})


def require_dtype(owner: Any, dtype: Any) -> None:
    """Raise TypeError unless the dtype is floating-point: other numbers have no gradients."""
    try:
        kind = np.dtype(dtype).kind
    except TypeError:
        kind = ""
    if kind != "f" or dtype is None:
        raise ArgumentTypeError(
            f"{name_of_owner(owner)}: dtype must be one of floating-point numbers, such as float or 'float32', not "
            f"{getattr(dtype, '__name__', repr(dtype))}."
        )


def name_of_owner(owner: Any) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__


def in_words(value: Any) -> str:
    """An argument in a message: a number as it is, an array by name and shape, other objects by their class."""
    if isinstance(value, bool | int | float | complex | str | None | np.generic | tuple | list | dict):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return text if len(text) <= 60 else f"a {type(value).__name__}"
    return describe(value, "an array") if hasattr(value, "shape") else f"a {type(value).__name__}"


def checked_input(layer: Any, x: Any, weight: Any, features: int, axis: int = -1) -> Any:
    """x as an array; raise if its features or its dtype are not those of the layer's weight."""
    x = as_array(x)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] != features:
        name, what = type(layer).__name__, "features on the last axis" if axis == -1 else f"channels on axis {axis}"
        found = x.shape[axis] if -x.ndim <= axis < x.ndim else "no such axis"
        raise ShapeError(
            f"{name} takes {features} {what}, and {describe(x, 'x')} has {found}. Reshape x, or make the {name} for "
            "inputs of this size."
        )
    check_dtype(layer, x, weight)
    return x


def check_dtype(layer: Any, x: Any, weight: Any) -> None:
    """Raise if NumPy would promote the layer's output to another dtype than that of its weight."""
    if x.dtype is weight.dtype or x.dtype.kind == "c":
        return
    if np.result_type(x.dtype, weight.dtype) != weight.dtype:
        raise ArgumentTypeError(
            f"{describe(x, 'x')} in a {type(layer).__name__} of {weight.dtype} weights: all that follows would be "
            f"{np.result_type(x.dtype, weight.dtype)}. Write x.astype('{weight.dtype}'), or make the layer with "
            f"dtype='{x.dtype if x.dtype.kind == 'f' else 'float64'}'."
        )


def checked_samples(arrays: tuple[Any, ...]) -> list[Any]:
    """The arguments as arrays of equally many samples, at least one, without nan or inf."""
    checked = [as_array(x) for x in arrays]
    names = [describe(x, f"array {i}") for i, x in enumerate(checked)]
    if not checked or not all(x.ndim for x in checked):
        raise ArgumentError("samples are the first axis of an array: give one array or more, each with an axis.")
    if len({len(x) for x in checked}) > 1:
        raise ArgumentError(f"{', '.join(names)} have different numbers of samples, the lengths of their first axes.")
    if not len(checked[0]):
        raise ArgumentError(f"{', '.join(names)}: there are no samples.")
    for x, name in zip(checked, names, strict=True):
        check_all_finite(x, name)
    return checked


def check_all_finite(x: Any, name: str) -> None:
    """Raise if nan or inf is in the data: one of them in a batch makes all weights nan."""
    if x.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if math.isfinite(x.sum()):  # the common case in one pass: a finite sum has no nan and no inf in it
            return
    wrong = np.logical_not(np.isfinite(x))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise ArgumentError(
            f"{name} holds nan or inf in {int(wrong.sum())} of {x.size} entries, the first at {where}: "
            f"{x[where]}. Leave out such samples, or fill them in with np.where(np.isfinite(x), x, value)."
        )


def checked_generator(rng: Any, what: str) -> Any:
    """The user's Generator; raise if there is none, since a hidden one could not repeat a run."""
    if not isinstance(rng, np.random.Generator):
        raise ArgumentTypeError(
            f"{what} draws from a Generator of yours, so that a run can be repeated: pass "
            f"rng=np.random.default_rng(seed), not {in_words(rng)}."
        )
    return rng


def import_extra(module: str, what: str, cure: str = "") -> Any:
    """A module of an optional package; raise with the command that installs it, if it is not there."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError:
        raise MissingPackageError(
            f'{what} needs the {package} package: pip install "micrograd-np[{package}]".{cure}'
        ) from None
