"""Layers that every network has: linear maps, embeddings, dropout, activations, and one after the other."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from ..core.context import current_context, enter_call, leave_call
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from ..ops.dense import elu, gelu, leaky_relu, linear, log_sigmoid, relu, sigmoid, silu, softplus
from ..ops.losses import embedding, log_softmax, softmax
from ..ops.primitive import in_numpys_words
from ..random import sample
from .init import Initialiser, Rng, drawn, zeros
from .module import Module
from .validation import Kind, checked_arguments, checked_input, instance_of, require

MODULE = instance_of(Module)
LAYER = Kind("a module or a function (write *layers to give those of a list)", Callable)


class Sequential(Module):
    """Modules and functions, one after the other.

    Parameters
    ----------
    *layers : callable
        Modules, or functions of one array such as `np.tanh`; each is called with the result of the one before.

    Raises
    ------
    TypeError
        If a layer cannot be called.

    Examples
    --------
    >>> Sequential(Linear(3, 4), np.tanh, Linear(4, 1))(np.ones((2, 3))).shape
    (2, 1)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for layer in layers:
            require(self, LAYER, **{"a layer": layer})
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x) if isinstance(layer, Module) else self._by_function(layer, x)
        return x

    def _by_function(self, layer: Callable[[Any], Any], x: Any) -> Any:
        """Call a function of the user's, whose ops have their own lines."""
        context = current_context()
        inside = enter_call(context, context.scope, None)
        try:
            return layer(x)
        finally:
            leave_call(context, inside)

    def _torch_path(self, path: str) -> str:
        return path.removeprefix("layers.")

    def __getitem__(self, index: Any) -> Any:
        layers = self.layers[index]
        return Sequential(*layers) if isinstance(index, slice) else layers

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)


class ModuleList(Module):
    """Modules in a list, for a `forward` that calls them as it likes; their paths are `0`, `1`, ... .

    Parameters
    ----------
    modules : iterable of Module
        The first entries.

    Raises
    ------
    TypeError
        If an entry is no Module.

    Examples
    --------
    >>> layers = ModuleList(Linear(2, 2) for _ in range(3))
    >>> layers.append(Linear(2, 1))
    >>> len(layers), [name for name, _ in layers[-1].named_parameters()]
    (4, ['weight', 'bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def _entries(self) -> list[Any]:
        """The modules, which are attributes named 0, 1, ... ."""
        return [module for name, module in vars(self).items() if name.isdigit()]

    def append(self, module: Module) -> None:
        """Add a module at the end.

        Parameters
        ----------
        module : Module
            The new last entry.
        """
        require(self, MODULE, module=module)
        setattr(self, str(len(self)), module)

    def extend(self, modules: Iterable[Module]) -> None:
        """Add modules at the end.

        Parameters
        ----------
        modules : iterable of Module
            The new last entries.
        """
        for module in modules:
            self.append(module)

    def __getitem__(self, index: Any) -> Any:
        entries = self._entries()[index]
        return ModuleList(entries) if isinstance(index, slice) else entries

    def __setitem__(self, index: int, module: Module) -> None:
        require(self, MODULE, module=module)
        setattr(self, str(range(len(self))[index]), module)

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries())


class ModuleDict(Module):
    """Modules by name, for a `forward` that calls them as it likes; their paths are the names.

    Parameters
    ----------
    modules : dict of Module
        The first entries.

    Raises
    ------
    TypeError
        If an entry is no Module.
    ValueError
        If a name is no string or empty, has a dot, or is that of a method.

    Examples
    --------
    >>> heads = ModuleDict({"left": Linear(2, 1), "right": Linear(2, 3)})
    >>> heads["right"](np.ones((1, 2))).shape, "left" in heads
    ((1, 3), True)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        modules = {} if modules is None else modules
        require(self, instance_of(Mapping), modules=modules)
        for name, module in modules.items():
            self[name] = module

    def __getitem__(self, name: str) -> Any:
        return dict(self.items())[name]

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not name or hasattr(type(self), name) or "." in name:
            raise ArgumentError(
                f"ModuleDict: {name!r} cannot be the name of an entry. Take a string without a dot that is no "
                "attribute of a ModuleDict."
            )
        require(self, MODULE, **{name: module})
        setattr(self, name, module)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.items()]

    def values(self) -> list[Any]:
        """The modules."""
        return [module for _, module in self.items()]

    def items(self) -> list[tuple[str, Any]]:
        """(name, module) of each entry."""
        return [(name, module) for name, module in vars(self).items() if isinstance(module, Module)]


class Identity(Module):
    """A placeholder in a model: it returns x unchanged.

    Examples
    --------
    >>> Identity()(3.0)
    3.0
    """

    def forward(self, x: Any) -> Any:
        return x


class Linear(Module):
    """A linear map, x @ weight.T + bias; the weight is (out_features, in_features), as in PyTorch.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last axis of input and output.
    bias : bool
        Whether a vector is added; it begins as zeros.
    rng : Generator, optional
        The random generator of the first weights. None: a new one.
    init : callable, optional
        A function of (rng, shape) that returns the first weights, such as `nn.init.he_normal`. None:
        `nn.init.fan_in_uniform`.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if the last axis of x is not of size in_features.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.

    Examples
    --------
    >>> Linear(3, 2, rng=np.random.default_rng(0))
    Linear(weight=Parameter(2, 3), bias=Parameter(2,))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Rng = None,
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        self.weight = drawn(self, init, rng, (out_features, in_features), dtype)
        self.bias = drawn(self, zeros, rng, (out_features,), dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(checked_input(self, x, self.weight, self.weight._data.shape[1]), self.weight, self.bias)


class Embedding(Module):
    """A row of the weight for each id: ids (...) to vectors (..., embedding_dim).

    Parameters
    ----------
    num_embeddings : int
        The count of ids, which are 0 to num_embeddings - 1.
    embedding_dim : int
        The size of a vector.
    padding_idx : int, optional
        The id whose row begins as zeros and gets no gradient: that of padding. A negative one counts from the end.
    rng : Generator, optional
        The random generator of the first weights, which are normal numbers. None: a new one.
    dtype : dtype
        The floating-point dtype of the weight.

    Raises
    ------
    IndexError
        When the layer is called, if an id lies outside.
    TypeError
        If ids are no integers.

    Examples
    --------
    >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        shape = (num_embeddings, embedding_dim)
        self.weight = drawn(self, lambda rng, shape: rng.normal(size=shape), rng, shape, dtype)
        if padding_idx is not None:
            if padding_idx not in range(-num_embeddings, num_embeddings):
                raise ArgumentError(
                    f"Embedding: padding_idx must be an id from {-num_embeddings} to {num_embeddings - 1}, or None, "
                    f"not {padding_idx!r}."
                )
            padding_idx = int(padding_idx) % num_embeddings
            self.weight[padding_idx] = 0
        self.padding_idx = padding_idx

    def forward(self, ids: Any) -> Any:
        y = embedding(ids, self.weight)
        if self.padding_idx is None:
            return y
        return np.where(np.equal(ids, self.padding_idx)[..., None], y.detach(), y)  # the same values, no gradient


class Dropout(Module):
    """In training, entries are set to zero with probability p and the rest divided by 1 - p; in evaluation, x itself.

    Parameters
    ----------
    p : float
        The probability, at least 0 and below 1 (Srivastava et al. 2014).
    rng : Generator, optional
        The random generator. None: a new one.

    Examples
    --------
    >>> Dropout(0.5, rng=np.random.default_rng(0))(np.ones(4))
    array([2., 0., 0., 0.])
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = p
        self.rng = np.random.default_rng(rng)  # a Generator that is given is used itself

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x)
        if not self.training or self.p == 0:
            return x
        draws: Any = sample(self.rng.random, np.shape(x))
        return np.where(draws >= self.p, x / (1 - self.p), 0)


class Flatten(Module):
    """Some axes as one: (N, ...) to (N, features), if not told which.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of these axes; negative ones count from the end.

    Raises
    ------
    ValueError
        When the layer is called, if x does not have these axes.

    Examples
    --------
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x)
        start, end = (n + x.ndim if n < 0 else n for n in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.ndim and not start == x.ndim == 1:  # (N,) becomes (N, 1)
            raise ShapeError(
                f"Flatten joins the axes {self.start_dim} to {self.end_dim}, and {describe(x, 'x')} does not have them."
            )
        return x.reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


# Functions as layers, so that they have a name and options in a model.


class Function(Module):
    """The base of layers that apply a function; its arguments besides the inputs are given when the layer is made."""

    _function: ClassVar[Callable[..., Any]]
    _axes: ClassVar[int]  # the number of axes over which the windows of a pooling move
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
        cls._options = tuple(signature.parameters)[inputs:]
        cls._axes = axes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if any(getattr(x, "shape", ()) for x in args):
            name = type(self).__name__
            raise ArgumentTypeError(f"{name} is made first and called then: {name}()(x).")
        given = checked_arguments(self, self.__signature__, args, in_numpys_words(kwargs))
        for name, parameter in self.__signature__.parameters.items():
            setattr(self, name, given.get(name, parameter.default))

    def forward(self, *inputs: Any) -> Any:
        if inputs and inputs[0] is None:
            checked_input(self, None)
        return self._function(*inputs, **{x: getattr(self, x) for x in self._options} if self._options else {})


class ReLU(Function):
    """max(x, 0), of each entry.

    Examples
    --------
    >>> ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    _function = staticmethod(relu)


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

    _function = staticmethod(leaky_relu)


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

    _function = staticmethod(elu)


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

    _function = staticmethod(gelu)


class SiLU(Function):
    """x * sigmoid(x), also called swish (Elfwing et al. 2018).

    Examples
    --------
    >>> SiLU()(np.array([-1.0, 2.0])).round(3)
    array([-0.269,  1.762])
    """

    _function = staticmethod(silu)


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

    _function = staticmethod(sigmoid)


class LogSigmoid(Function):
    """log(sigmoid(x)), accurate for x of any size.

    Examples
    --------
    >>> LogSigmoid()(np.array([-1000.0, 0.0])).round(3)
    array([-1.00e+03, -6.93e-01])
    """

    _function = staticmethod(log_sigmoid)


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

    _function = staticmethod(softplus)


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

    _function = staticmethod(softmax)


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

    _function = staticmethod(log_softmax)
