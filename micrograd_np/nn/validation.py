"""Checks of arguments: each error names the argument, says what it must be, and shows what it was."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, MissingFileError, MissingPackageError, ShapeError, describe
from ..core.tensor import as_ndarray
from ..cures import answering, misfit
from ..ops.convolution import LEAST, one_per_axis
from ..ops.primitive import as_array

PACKAGE = __name__.partition(".")[0] + "."
F = TypeVar("F", bound=Callable[..., Any])


class Kind(NamedTuple):
    """A kind of argument: its description for the message, its types, and the values that it may have."""

    text: str
    types: Any
    holds: Callable[[Any], bool] = lambda value: True
    error: type[Exception] = ArgumentError


def one_of(*choices: str) -> Kind:
    """The kind of an argument that is one of these strings."""
    return Kind(f"one of {', '.join(map(repr, choices))}", object, lambda x: isinstance(x, str) and x in choices)


def instance_of(cls: type) -> Kind:
    """The kind of an argument that is an instance of a class."""
    return Kind(of_class(cls), cls)


def of_class(cls: type) -> str:
    """The name of a class with its article: `an Adam`, `an SGD`, `a Linear`."""
    name = cls.__name__
    spelled = name[:2].isupper()  # as SGD: its first letter is said by its name, "ess"
    vowels = "AEFHILMNORSX" if spelled else "AEIOaeio"
    return f"{'an' if name[0] in vowels else 'a'} {name}"


def is_floating(dtype: Any) -> bool:
    """True for a dtype of floating-point numbers: other numbers have no gradients."""
    try:
        return dtype is not None and np.dtype(dtype).kind == "f"
    except TypeError:
        return False


def is_shape(value: Any) -> bool:
    """True for a size, or a tuple or list of one size or more."""
    sizes: Any = value if isinstance(value, tuple | list) and value else [value]
    return all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in sizes)


SIZE = Kind("a whole number of at least 1", Integral, lambda n: n >= 1)
COUNT = Kind("a whole number of at least 0", Integral, lambda n: n >= 0)
NUMBER = Kind("a finite number", Real, math.isfinite)
NONNEGATIVE = Kind("a number of at least 0", Real, lambda x: 0 <= x < math.inf)
POSITIVE = Kind("a number above 0", Real, lambda x: 0 < x < math.inf)
FRACTION = Kind("a number from 0 to 1", Real, lambda x: 0 <= x <= 1)
DECAY = Kind("a number of at least 0 and below 1", Real, lambda x: 0 <= x < 1)
FLAG = Kind("True or False", bool | np.bool_)
FUNCTION = Kind("a function", Callable)
AXIS = Kind("a whole number", Integral)

# The kind of an argument by its name, which means the same in all layers, schedules and functions.
KINDS: dict[str, Kind] = {
    "approximate": one_of("none", "tanh"),
    "dtype": Kind("of floating-point numbers, such as float or 'float32'", object, is_floating, ArgumentTypeError),
    "factor": Kind("a number above 0 and below 1", Real, lambda x: 0 < x < 1),
    "ignore_index": Kind("a label", Integral),
    "loss": FUNCTION._replace(text="a function, such as mg.nn.mse_loss"),
    "metrics": Kind("a dict of functions, such as metrics={'accuracy': accuracy}", Mapping),
    "nonlinearity": one_of("tanh", "relu"),
    "normalized_shape": Kind("one size or several, each a whole number of at least 1", object, is_shape),
    "norm_type": Kind("a number above 0, or inf", Real, lambda p: p > 0),
    "size": SIZE._replace(text="a number of samples of at least 1, such as size=32"),
    "reduction": one_of("mean", "sum", "none"),
    "rng": Kind("a Generator, such as rng=np.random.default_rng(seed)", np.random.Generator),
}
KINDS |= {
    name: kind
    for kind, names in (
        (SIZE, "classes embed_dim embedding_dim groups hidden_size in_channels in_features input_size num_channels"),
        (SIZE, "num_embeddings num_features num_groups num_heads num_layers out_channels out_features step_size"),
        (SIZE, "total_iters T_max"),
        (COUNT, "epochs header"),
        (NUMBER, "alpha negative_slope"),
        (NONNEGATIVE, "clip_value end_factor eps eta_min gamma max_norm min_lr start_factor threshold"),
        (POSITIVE, "beta delta test"),
        (FRACTION, "label_smoothing"),
        (DECAY, "dropout p"),
        (FLAG, "affine batch_first bias bidirectional drop_last elementwise_affine"),
        (FLAG, "nesterov quiet resume shuffle"),
        (FUNCTION, "before_step init lr_lambda on_epoch on_step"),
        (AXIS, "axis end_dim start_dim"),
    )
    for name in names.split()
}


def validate(owner: Any, /, **arguments: Any) -> None:
    """Raise TypeError or ValueError unless each argument is of the kind that its name has in KINDS."""
    for name, value in arguments.items():
        if name in LEAST:
            one_per_axis(name, value, owner._axes, name_of_owner(owner))
        else:
            require(owner, KINDS[name], **{name: value})


def checked(function: F) -> F:
    """Decorate a function or an `__init__`: each call first checks its arguments with `checked_arguments`."""
    signature = inspect.signature(function)
    is_init = function.__name__ == "__init__"

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        checked_arguments(args[0] if is_init else function.__name__, signature, args, options)
        return function(*args, **options)

    return call  # type: ignore[return-value]


class Checked:
    """A base class that checks the `__init__` of the package's subclasses.

    KINDS does not hold for the names in a user's subclass: there, only a wrong call is answered.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            check = checked if cls.__module__.startswith(PACKAGE) else answering
            cls.__init__ = check(cls.__init__)  # type: ignore[method-assign]


def checked_arguments(owner: Any, signature: inspect.Signature, args: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by name; raise unless each is its default, or what KINDS or LEAST asks of its name."""
    try:
        given = signature.bind(*args, **options).arguments
    except TypeError:
        raise misfit(name_of_owner(owner), signature, args, options) from None
    for name, value in given.items():
        # Convolutions take 'same' and 'valid' too, and look at them themselves.
        is_known = name in KINDS or (name in LEAST and not (name == "padding" and isinstance(value, str)))
        if is_known and value is not signature.parameters[name].default:
            validate(owner, **{name: value})
    return given


def require(owner: Any, kind: Kind, /, **arguments: Any) -> None:
    """Raise TypeError or ValueError unless each argument is of the kind; the owner is an object or its name."""
    for name, value in arguments.items():
        is_single = getattr(value, "shape", None) == () and not isinstance(value, kind.types)  # an array of one number
        plain = value.item() if is_single else value
        is_flag = isinstance(plain, bool | np.bool_)
        fits = isinstance(plain, kind.types) and (kind is FLAG or not is_flag)
        if not fits or not kind.holds(plain):
            error = kind.error if fits else ArgumentTypeError
            raise error(f"{name_of_owner(owner)}: {name} must be {kind.text}, not {in_words(value)}.")


def name_of_owner(owner: Any) -> str:
    """The name that an error begins with: a function's, or that of an object's class."""
    return owner if isinstance(owner, str) else type(owner).__name__


def in_words(value: Any) -> str:
    """An argument in a message: a number as it is, an array by name and shape, a class by its name."""
    if isinstance(value, bool | int | float | complex | str | None | np.generic | tuple | list | dict):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return text if len(text) <= 60 else of_class(type(value))
    if isinstance(value, type):
        return value.__name__
    return describe(value, "an array") if hasattr(value, "shape") else of_class(type(value))


def checked_input(layer: Any, x: Any, weight: Any = None, features: int | None = None, axis: int = -1) -> Any:
    """x as an array; raise unless it holds numbers, has this many features, and fits the dtype of the weight."""
    given, x = x, as_array(x)
    values = as_ndarray(x)  # to read its attributes takes a third of the time that a Tensor's take
    shape = values.shape
    if values.dtype.kind not in "biufc":
        cure = " Does the layer or function before it end in a return?" if given is None else ""
        raise ArgumentTypeError(f"{type(layer).__name__} takes an array of numbers x, not {in_words(given)}.{cure}")
    found = shape[axis] if -len(shape) <= axis < len(shape) else "no such axis"
    if features is not None and found != features:
        name, what = type(layer).__name__, "features on the last axis" if axis == -1 else f"channels on axis {axis}"
        cure = "Reshape x" if axis == -1 or shape[-1] != features else "Write np.moveaxis(x, -1, 1)"
        raise ShapeError(
            f"{name} takes {features} {what}, and {describe(x, 'x')} has {found}. {cure}, or make it for this size."
        )
    if weight is not None and values.dtype is not weight._data.dtype:
        check_dtype(layer, x, weight)
    return x


def check_dtype(layer: Any, x: Any, weight: Any) -> None:
    """Raise if NumPy would give the layer's output another dtype than its weight has."""
    if x.dtype.kind != "c" and np.result_type(x.dtype, weight.dtype) != weight.dtype:
        raise ArgumentTypeError(
            f"{describe(x, 'x')} in a {type(layer).__name__} of {weight.dtype} weights: all that follows would be "
            f"{np.result_type(x.dtype, weight.dtype)}. Write x.astype('{weight.dtype}'), or make the layer with "
            f"dtype='{x.dtype if x.dtype.kind == 'f' else 'float64'}'."
        )


def existing_file(path: Any) -> Any:
    """The path; raise if nothing is there."""
    if not os.path.exists(path):
        folder = "" if os.path.isabs(path) else f" in {os.getcwd()}"
        raise MissingFileError(f"there is no file {os.fspath(path)}{folder}.")
    return path


def import_extra(module: str, what: str, cure: str = "") -> Any:
    """A module of an optional package; raise with the command that installs it, if it is not there."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError:
        raise MissingPackageError(
            f'{what} needs the {package} package: pip install "micrograd-np[{package}]".{cure}'
        ) from None
