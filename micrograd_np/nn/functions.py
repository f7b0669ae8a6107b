"""Functions as layers, so that they have a name and options in a model: activations and pooling."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentTypeError
from ..ops import activations, pooling
from ..ops import nn as classes
from ..ops.primitive import in_numpys_words
from .display import call_text
from .module import Module
from .validation import COUNT, FLAG, NUMBER, POSITIVE, SIZE, Kind, require, require_each


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
            if kind in (SIZE, COUNT):
                if value is not None or self.__signature__.parameters[name].default is not None:
                    require_each(self, kind, int(type(self).__name__[-2]), **{name: value})
            else:
                require(self, kind, **{name: value})

    def forward(self, x: Any) -> Any:
        return self.function(x, **self.options)

    def __repr__(self) -> str:
        return call_text(type(self).__name__, [f"{name}={value!r}" for name, value in self.options.items()])


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
}


def as_layer(name: str, function: Any, summary: str) -> Any:
    """A layer that applies a function; the arguments besides x become the layer's options."""
    signature = inspect.signature(getattr(function, "bind", function))
    options = list(signature.parameters.values())[1:]
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
