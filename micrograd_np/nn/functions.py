"""Functions as layers, so that they have a name and options in a model: activations, pooling and losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentTypeError, ShapeError, describe
from ..core.tensor import trace_constant
from ..ops import losses as classes
from ..ops import nn as activations
from ..ops import pooling
from ..ops.primitive import as_array, in_numpys_words
from . import losses
from .display import call_text, value_text
from .module import Module, documented_like
from .validation import COUNT, FLAG, FRACTION, NUMBER, POSITIVE, SIZE, Kind, require, require_each


class Function(Module):
    """A function of x as a layer; its other arguments are given once, when the layer is made.

    Examples
    --------
    >>> LeakyReLU(0.2)
    LeakyReLU(negative_slope=0.2)
    >>> LeakyReLU(0.2)(np.array([-1.0, 1.0]))
    array([-0.2,  1. ])
    """

    function: ClassVar[Callable[..., Any]]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = self.__signature__.bind(*args, **in_numpys_words(kwargs))
        except TypeError as error:
            raise ArgumentTypeError(f"{type(self).__name__}{self.__signature__}: {error}.") from None
        given.apply_defaults()
        self.options = given.arguments
        for name, value in self.options.items():
            kind, _ = OPTIONS[name]
            if value is self.__signature__.parameters[name].default:
                continue
            if kind in (SIZE, COUNT):
                require_each(self, kind, int(type(self).__name__[-2]), **{name: value})
            else:
                require(self, kind, **{name: value})

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs, **self.options)

    def __repr__(self) -> str:
        options = [f"{name}={value_text(value, 1, ())}" for name, value in self.options.items()]
        return call_text(type(self).__name__, options)


OPTIONS = {
    "negative_slope": (NUMBER, "float\n    The slope where x is negative."),
    "alpha": (NUMBER, "float\n    The value for x towards minus infinity is -alpha."),
    "beta": (POSITIVE, "float\n    The steepness of the bend at 0: the larger, the closer to relu."),
    "approximate": (
        Kind("'none' or 'tanh'", str, ("none", "tanh").__contains__),
        "{'none', 'tanh'}\n    Whether the normal distribution is exact, or approximated with tanh.",
    ),
    "axis": (Kind("a whole number", Integral), "int\n    The axis whose entries sum to 1."),
    "kernel_size": (SIZE, "int or tuple of int\n    The size of the window, one for all axes or one for each."),
    "stride": (SIZE, "int or tuple of int, optional\n    The distance between windows; their size without it."),
    "padding": (COUNT, "int or tuple of int\n    The entries added at both ends of each axis."),
    "dilation": (SIZE, "int or tuple of int\n    The distance between the entries of a window."),
    "count_include_pad": (FLAG, "bool\n    Whether the zeros of the padding count in the mean."),
    "ceil_mode": (FLAG, "bool\n    Whether a last window that reaches beyond the end counts."),
    "reduction": (
        Kind("one of 'mean', 'sum', 'none'", str, ("mean", "sum", "none").__contains__),
        "{'mean', 'sum', 'none'}\n    Whether the losses are averaged, summed, or given one by one.",
    ),
    "delta": (POSITIVE, "float\n    The size of an error from which on the loss grows in a straight line."),
    "weight": (Kind("", object), "(classes,), optional\n    The factor of each class."),
    "label_smoothing": (FRACTION, "float\n    The share of each target spread over all classes."),
    "ignore_index": (Kind("a label", Integral), "int, optional\n    The label of samples that are left out."),
    "pos_weight": (Kind("", object), "number or (classes,), optional\n    The factor of the loss of positives."),
}


def as_layer(name: str, function: Any, summary: str, inputs: int = 1) -> Any:
    """A layer that applies a function; the arguments besides the first, the inputs, become the layer's options."""
    signature = inspect.signature(getattr(function, "bind", function))
    options = list(signature.parameters.values())[inputs:]
    described = "".join(
        f"{option.name} : {OPTIONS[option.name][1]}\n    ".replace("\n    ", "\n        ", 1) for option in options
    )
    signature = signature.replace(parameters=options, return_annotation=inspect.Signature.empty)
    fields = {
        "function": staticmethod(function),
        "__signature__": signature,
        "__doc__": f"{summary}\n" + (described and f"\n    Parameters\n    ----------\n    {described}"),
        "__module__": __name__,
    }
    return type(name, (Function,), fields)


def tanh(x: Any) -> Any:
    return np.tanh(x)


ReLU = as_layer("ReLU", activations.relu, "max(x, 0), of each entry.")
LeakyReLU = as_layer("LeakyReLU", activations.leaky_relu, "x where it is positive, else negative_slope * x.")
ELU = as_layer("ELU", activations.elu, "x where it is positive, else alpha * (exp(x) - 1) (Clevert et al. 2016).")
GELU = as_layer("GELU", activations.gelu, "x times the normal distribution function of x (Hendrycks and Gimpel 2016).")
SiLU = as_layer("SiLU", activations.silu, "x * sigmoid(x), also called swish.")
Tanh = as_layer("Tanh", tanh, "tanh(x), of each entry.")
Sigmoid = as_layer("Sigmoid", activations.sigmoid, "1 / (1 + exp(-x)), of each entry.")
LogSigmoid = as_layer("LogSigmoid", activations.log_sigmoid, "log(sigmoid(x)), accurate for x of any size.")
Softplus = as_layer("Softplus", activations.softplus, "log(1 + exp(beta * x)) / beta, a smooth relu.")
Softmax = as_layer("Softmax", classes.softmax, "exp(x) / sum(exp(x)) along an axis: probabilities.")
LogSoftmax = as_layer("LogSoftmax", classes.log_softmax, "log(softmax(x)) along an axis, accurate for x of any size.")

MaxPool1d = as_layer("MaxPool1d", pooling.max_pool1d, "The largest entry of each window of signals (N, C, L).")
MaxPool2d = as_layer("MaxPool2d", pooling.max_pool2d, "The largest entry of each window of images (N, C, H, W).")
AvgPool1d = as_layer("AvgPool1d", pooling.avg_pool1d, "The mean of each window of signals (N, C, L).")
AvgPool2d = as_layer("AvgPool2d", pooling.avg_pool2d, "The mean of each window of images (N, C, H, W).")

MSELoss = as_layer("MSELoss", losses.mse_loss, "The mean of the squared errors of (prediction, target).", 2)
L1Loss = as_layer("L1Loss", losses.l1_loss, "The mean of the absolute errors of (prediction, target).", 2)
HuberLoss = as_layer("HuberLoss", losses.huber_loss, "Squared small errors, absolute large ones (Huber 1964).", 2)
BCELoss = as_layer("BCELoss", losses.binary_cross_entropy, "Binary cross-entropy of (probability, target).", 2)
BCEWithLogitsLoss = as_layer(
    "BCEWithLogitsLoss", losses.binary_cross_entropy_with_logits, "Binary cross-entropy of (logits, target).", 2
)
CrossEntropyLoss = as_layer("CrossEntropyLoss", losses.cross_entropy, "Cross-entropy of (logits, labels).", 2)


class AdaptivePool(Module):
    """Average pooling to a given output size: windows of about the same size cover each axis of x.

    Window i of n over L entries begins at floor(i * L / n) and ends before ceil((i + 1) * L / n), as in PyTorch.

    Parameters
    ----------
    output_size : int or tuple of int
        The number of windows, one for all axes or one for each.
    """

    axes: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        require_each(self, SIZE, self.axes, output_size=output_size)
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        x = as_array(x)
        if x.ndim != self.axes + 2 or not x.size:
            raise ShapeError(
                f"{type(self).__name__} takes x of {self.axes + 2} axes, (N, C, ...), not {describe(x, 'x')}."
            )
        counts = self.output_size if isinstance(self.output_size, tuple | list) else [self.output_size] * self.axes
        for axis, count in zip(range(-self.axes, 0), counts, strict=True):
            x = np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), window_means(x.shape[axis], count, x.dtype)), -1, axis)
        return x


def window_means(size: int, count: int, dtype: Any) -> Any:
    """Return a matrix (size, count); a row times this matrix gives the means of `count` windows over the row."""
    starts = np.arange(count) * size // count
    stops = -(-np.arange(1, count + 1) * size // count)
    places = np.arange(size)[:, None]
    inside = (places >= starts) & (places < stops)
    return trace_constant((inside / (stops - starts)).astype(dtype))


@documented_like(AdaptivePool)
class AdaptiveAvgPool1d(AdaptivePool):
    """The means of windows over signals: (N, C, L) to (N, C, output_size).

    Examples
    --------
    >>> AdaptiveAvgPool1d(2)(np.array([[[1.0, 3.0, 5.0, 7.0]]]))
    array([[[2., 6.]]])
    """

    axes = 1


@documented_like(AdaptivePool)
class AdaptiveAvgPool2d(AdaptivePool):
    """The means of windows over images: (N, C, H, W) to (N, C, *output_size).

    Examples
    --------
    >>> AdaptiveAvgPool2d(1)(np.ones((2, 3, 4, 5))).shape
    (2, 3, 1, 1)
    """

    axes = 2
