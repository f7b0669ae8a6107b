"""Functions as layers, so that they have a name and options in a model: activations and pooling."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ops import classes, neural, pooling
from .display import call
from .module import Module


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
    signature: ClassVar[inspect.Signature]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{self.signature}: {error}.") from None
        given.apply_defaults()
        self.options = given.arguments

    def forward(self, x: Any) -> Any:
        return self.function(x, **self.options)

    def __repr__(self) -> str:
        return call(type(self).__name__, [f"{name}={value!r}" for name, value in self.options.items()])


def layer(name: str, function: Any) -> type[Function]:
    """A layer that applies a function; what the function takes besides x are the layer's options."""
    signature = inspect.signature(getattr(function, "bind", function))
    options = list(signature.parameters.values())[1:]
    fields = {
        "function": staticmethod(function),
        "signature": signature.replace(parameters=options, return_annotation=inspect.Signature.empty),
        "__doc__": f"`{getattr(function, '__name__', None) or function.name}` as a layer.",
        "__module__": __name__,
    }
    return type(name, (Function,), fields)


def tanh(x: Any) -> Any:
    return np.tanh(x)


ReLU = layer("ReLU", neural.relu)
LeakyReLU = layer("LeakyReLU", neural.leaky_relu)
ELU = layer("ELU", neural.elu)
GELU = layer("GELU", neural.gelu)
SiLU = layer("SiLU", neural.silu)
Tanh = layer("Tanh", tanh)
Sigmoid = layer("Sigmoid", neural.sigmoid)
LogSigmoid = layer("LogSigmoid", neural.log_sigmoid)
Softplus = layer("Softplus", neural.softplus)
Softmax = layer("Softmax", classes.softmax)
LogSoftmax = layer("LogSoftmax", classes.log_softmax)

MaxPool1d = layer("MaxPool1d", pooling.max_pool1d)
MaxPool2d = layer("MaxPool2d", pooling.max_pool2d)
AvgPool1d = layer("AvgPool1d", pooling.avg_pool1d)
AvgPool2d = layer("AvgPool2d", pooling.avg_pool2d)
