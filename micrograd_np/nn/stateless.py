"""Functions as layers, so that they have a name and options in a model: activations and losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentTypeError
from ..ops import dense as activations
from ..ops import losses as classes
from ..ops.primitive import in_numpys_words
from . import losses
from .module import Module
from .validation import checked_input, validate


class Function(Module):
    """The base of layers that apply a function; its arguments besides the inputs are given when the layer is made."""

    _function: ClassVar[Callable[..., Any]]
    _axes: ClassVar[int]  # the number of axes over which the windows of a pooling move
    _inputs: ClassVar[tuple[str, ...]]  # the names of the arguments that the layer is called with
    _options: ClassVar[tuple[str, ...]]  # the names of the arguments that are given when the layer is made
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, inputs: int = 1, axes: int = 1) -> None:
        """The layer's signature is the function's, without its first arguments, the inputs."""
        super().__init_subclass__()
        if "_function" not in vars(cls):  # a user's subclass of one of these layers
            return
        signature = inspect.signature(getattr(cls._function, "bind", cls._function))
        options = list(signature.parameters.values())[inputs:]
        cls.__signature__ = signature.replace(parameters=options, return_annotation=inspect.Signature.empty)
        cls._inputs = tuple(signature.parameters)[:inputs]
        cls._options = tuple(signature.parameters)[inputs:]
        cls._axes = axes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = self.__signature__.bind(*args, **in_numpys_words(kwargs))
        except TypeError as error:
            name, cure = type(self).__name__, ""
            if "inplace" in kwargs:
                cure = " Leave inplace out: each op gives a new array."
            elif any(hasattr(x, "dtype") for x in args):
                cure = f" A layer is made first and called then: {name}()(x)."
            taken = [p.replace(annotation=p.empty) for p in self.__signature__.parameters.values()]
            raise ArgumentTypeError(f"{name}{inspect.Signature(taken)}: {error}.{cure}") from None
        known = self.__signature__.parameters
        validate(self, **{name: x for name, x in given.arguments.items() if x is not known[name].default})
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)

    def forward(self, *inputs: Any) -> Any:
        if inputs and inputs[0] is None:
            checked_input(self, None)
        if len(inputs) != len(self._inputs):
            raise ArgumentTypeError(
                f"{type(self).__name__} is called with ({', '.join(self._inputs)}), not with {len(inputs)} arguments."
            )
        return self._function(*inputs, **{x: getattr(self, x) for x in self._options} if self._options else {})


class ReLU(Function):
    """max(x, 0), of each entry.

    Examples
    --------
    >>> ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    _function = staticmethod(activations.relu)


class LeakyReLU(Function):
    """x where it is positive, else negative_slope * x (Maas et al. 2013).

    Parameters
    ----------
    negative_slope : float
        The slope where x is negative.

    Examples
    --------
    >>> LeakyReLU(0.2)(np.array([-1.0, 2.0]))
    array([-0.2,  2. ])
    """

    _function = staticmethod(activations.leaky_relu)


class ELU(Function):
    """x where it is positive, else alpha * (exp(x) - 1) (Clevert et al. 2016).

    Parameters
    ----------
    alpha : float
        The value for x towards minus infinity is -alpha.

    Examples
    --------
    >>> ELU()(np.array([-1.0, 2.0])).round(3)
    array([-0.632,  2.   ])
    """

    _function = staticmethod(activations.elu)


class GELU(Function):
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016).

    Parameters
    ----------
    approximate : {'none', 'tanh'}
        Whether the normal distribution is exact, or approximated with tanh.

    Examples
    --------
    >>> GELU()(np.array([-1.0, 2.0])).round(3)
    array([-0.159,  1.954])
    """

    _function = staticmethod(activations.gelu)


class SiLU(Function):
    """x * sigmoid(x), also called swish (Elfwing et al. 2018).

    Examples
    --------
    >>> SiLU()(np.array([-1.0, 2.0])).round(3)
    array([-0.269,  1.762])
    """

    _function = staticmethod(activations.silu)


class Tanh(Function):
    """tanh(x), of each entry.

    Examples
    --------
    >>> Tanh()(np.array([-1.0, 2.0])).round(3)
    array([-0.762,  0.964])
    """

    _function = staticmethod(lambda x: np.tanh(x))


class Sigmoid(Function):
    """1 / (1 + exp(-x)), of each entry.

    Examples
    --------
    >>> Sigmoid()(np.array([-1.0, 2.0])).round(3)
    array([0.269, 0.881])
    """

    _function = staticmethod(activations.sigmoid)


class LogSigmoid(Function):
    """log(sigmoid(x)), accurate for x of any size.

    Examples
    --------
    >>> LogSigmoid()(np.array([-1000.0, 0.0])).round(3)
    array([-1.00e+03, -6.93e-01])
    """

    _function = staticmethod(activations.log_sigmoid)


class Softplus(Function):
    """log(1 + exp(beta * x)) / beta, a smooth relu (Dugas et al. 2001).

    Parameters
    ----------
    beta : float
        The steepness of the bend at 0, above 0: the larger, the closer to relu.

    Examples
    --------
    >>> Softplus()(np.array([-1.0, 2.0])).round(3)
    array([0.313, 2.127])
    """

    _function = staticmethod(activations.softplus)


class Softmax(Function):
    """exp(x) / sum(exp(x)) along an axis: probabilities.

    Parameters
    ----------
    axis : int
        The axis whose entries sum to 1.

    Examples
    --------
    >>> Softmax()(np.array([0.0, np.log(3.0)]))
    array([0.25, 0.75])
    """

    _function = staticmethod(classes.softmax)


class LogSoftmax(Function):
    """log(softmax(x)) along an axis, accurate for x of any size.

    Parameters
    ----------
    axis : int
        The axis along which the softmax sums to 1.

    Examples
    --------
    >>> LogSoftmax()(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """

    _function = staticmethod(classes.log_softmax)


class MSELoss(Function, inputs=2):
    """The mean of the squared errors of (prediction, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    _function = staticmethod(losses.mse_loss)


class L1Loss(Function, inputs=2):
    """The mean of the absolute errors of (prediction, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(L1Loss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

    _function = staticmethod(losses.l1_loss)


class HuberLoss(Function, inputs=2):
    """Half the squares of small errors, and large ones in a straight line (Huber 1964).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    delta : float
        The size of an error, above 0, from which on the loss grows in a straight line.

    Examples
    --------
    >>> float(HuberLoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    0.75
    """

    _function = staticmethod(losses.huber_loss)


class BCELoss(Function, inputs=2):
    """Binary cross-entropy of (probability, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(BCELoss()(np.array([0.5]), np.array([1.0])).round(3))
    0.693
    """

    _function = staticmethod(losses.binary_cross_entropy)


class BCEWithLogitsLoss(Function, inputs=2):
    """Binary cross-entropy of (logits, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    pos_weight : number or (classes,), optional
        The factor of the loss of positives.

    Examples
    --------
    >>> float(BCEWithLogitsLoss()(np.array([0.0]), np.array([1.0])).round(3))
    0.693
    """

    _function = staticmethod(losses.binary_cross_entropy_with_logits)


class CrossEntropyLoss(Function, inputs=2):
    """Cross-entropy of (logits, labels): -log softmax(logits)[label].

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    weight : (classes,), optional
        The factor of each class; the mean is then the weighted one.
    label_smoothing : float
        The share of each target spread over all classes, from 0 to 1 (Szegedy et al. 2016).
    ignore_index : int, optional
        The label of samples that are left out.

    Examples
    --------
    >>> float(CrossEntropyLoss()(np.zeros((1, 2)), np.array([1])).round(3))
    0.693
    """

    _function = staticmethod(losses.cross_entropy)
