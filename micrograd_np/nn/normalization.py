"""Normalization as layers: over the batch, with running averages for evaluation; and over each sample."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..core.context import no_grad
from ..core.errors import ArgumentError, ShapeError, describe
from ..core.tensor import Tensor
from ..ops.calls import in_single
from ..ops.layers import along_channels, batch_norm, floating, last_axes, layer_norm
from .module import Module, Parameter
from .validation import FRACTION, checked_input, require


class BatchNorm(Module):
    """The base of BatchNorm1d and BatchNorm2d (Ioffe and Szegedy 2015).

    The layer shifts and scales the entries of each channel to mean 0 and variance 1; then it multiplies by a weight and
    adds a bias. In training, mean and variance are those of the batch; the layer also keeps running averages of them as
    buffers. In evaluation, it uses these averages.

    Parameters
    ----------
    num_features : int
        The number of channels C of x (N, C, ...).
    eps : float
        Added to the variance.
    momentum : float or None
        How much of a batch goes into the running averages: new = (1 - momentum) * old + momentum * batch. None: they
        are the averages over all batches.
    affine : bool
        Whether there are a weight, which begins as ones, and a bias, which begins as zeros.
    dtype : dtype
        The floating-point dtype of the parameters; that of the running averages is float32 or larger.

    Raises
    ------
    ValueError
        When the layer is called, if x has other channels or axes; in training, if a channel has fewer than two entries.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _ndims: ClassVar[tuple[int, ...]]  # the numbers of axes that x may have; the subclasses set it

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        dtype: Any = float,
    ) -> None:
        if momentum is not None:
            require(self, FRACTION, momentum=momentum)
        self.weight: Any = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias: Any = Parameter(np.zeros(num_features), dtype=dtype) if affine else None
        statistics_dtype = np.result_type(dtype, np.float32)  # float16 ends at 65504, and the square of 256 is 65536
        self.running_mean: Any = Tensor(np.zeros(num_features), dtype=statistics_dtype)
        self.running_var: Any = Tensor(np.ones(num_features), dtype=statistics_dtype)
        self.num_batches_tracked: Any = Tensor(0)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Any) -> Any:
        weight = self.running_mean if self.weight is None else self.weight  # the running mean tells the dtype, too
        x = checked_input(self, x, weight, self.running_mean.size, axis=1)
        if x.ndim not in self._ndims:
            listed = " or ".join(map(str, self._ndims))
            raise ShapeError(f"{type(self).__name__} takes x of {listed} axes, (N, C, ...), not {describe(x, 'x')}.")
        if self.training:
            y, mean, var = batch_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
            self._track(mean, var, x.size // mean.size)
            return y
        return self._with_running_statistics(x)

    @no_grad()
    def _track(self, mean: Any, var: Any, count: int) -> None:
        """Update the running mean and variance with a batch's, whose channels have `count` entries each.

        The batch's variance is divided by count, and the running one, as in PyTorch, estimates that of all data: there
        the divisor is count - 1.
        """
        self.num_batches_tracked += 1
        rate = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean += rate * (mean - self.running_mean)
        self.running_var += rate * (var * (count / (count - 1)) - self.running_var)

    @in_single
    def _with_running_statistics(self, x: Any) -> Any:
        """Normalize with the running mean and variance, then use weight and bias: one product and one sum in all."""
        scale = 1 / np.sqrt(self.running_var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -self.running_mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        return x * along_channels(scale, x.ndim) + along_channels(shift, x.ndim)


class BatchNorm1d(BatchNorm):
    """Batch normalization of features (N, C) or signals (N, C, L).

    Examples
    --------
    >>> BatchNorm1d(2, eps=0)(np.array([[1.0, 10.0], [3.0, 30.0]])).data
    array([[-1., -1.],
           [ 1.,  1.]])
    """

    _ndims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalization of images (N, C, H, W).

    Examples
    --------
    >>> BatchNorm2d(3)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _ndims = (4,)


class LayerNorm(Module):
    """Layer normalization (Ba et al. 2016).

    The layer shifts and scales the entries of each sample to mean 0 and variance 1; then it multiplies by a weight and
    adds a bias.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The last sizes of x: the axes over which mean and variance are taken.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether there is a weight of that shape, which begins as ones.
    bias : bool
        Whether there is a bias beside the weight; it begins as zeros.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if the shape of x does not end in normalized_shape.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.

    Examples
    --------
    >>> LayerNorm(2, eps=0)(np.array([[1.0, 3.0], [10.0, 30.0]])).data
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = float,
    ) -> None:
        self.normalized_shape, self.eps = normalized_shape, eps
        self.weight: Any = Parameter(np.ones(normalized_shape), dtype=dtype) if elementwise_affine else None
        self.bias: Any = Parameter(np.zeros(normalized_shape), dtype=dtype) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return layer_norm(checked_input(self, x, self.weight), self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Root mean square normalization (Zhang and Sennrich 2019).

    The layer divides the entries of each sample by the root of their mean square, and multiplies by a weight.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The last sizes of x: the axes over which the mean is taken.
    eps : float, optional
        Added to the mean square. None: `np.finfo(x.dtype).eps`, and for float16 that of float32, in which float16 is
        computed.
    elementwise_affine : bool
        Whether there is a weight of that shape, which begins as ones.
    dtype : dtype
        The floating-point dtype of the weight.

    Raises
    ------
    ValueError
        When the layer is called, if the shape of x does not end in normalized_shape.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.

    Examples
    --------
    >>> RMSNorm(2, eps=0)(np.array([[3.0, 3.0]])).data
    array([[1., 1.]])
    """

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, *, dtype: Any = float
    ) -> None:
        self.normalized_shape, self.eps = normalized_shape, eps
        self.weight: Any = Parameter(np.ones(normalized_shape), dtype=dtype) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        x = floating(checked_input(self, x, self.weight))
        return rms_norm(x, self.weight, last_axes(x, self.normalized_shape), self.eps)


@in_single
def rms_norm(x: Any, weight: Any, axes: tuple[int, ...], eps: float | None) -> Any:
    """Divide x by the root of its mean square over some axes, and multiply by a weight."""
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    y = x * (1 / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + eps))
    return y if weight is None else y * weight


class GroupNorm(Module):
    """Group normalization (Wu and He 2018).

    The layer shifts and scales the entries of each group of channels to mean 0 and variance 1; then it multiplies each
    channel by a weight and adds a bias.

    Parameters
    ----------
    num_groups : int
        The number of groups, a divisor of num_channels; 1 takes all channels together, num_channels each alone.
    num_channels : int
        The number of channels C of x (N, C, ...).
    eps : float
        Added to the variance.
    affine : bool
        Whether each channel has a weight, which begins as 1, and a bias, which begins as 0.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        If num_groups does not divide num_channels; when the layer is called, if axis 1 of x is of another size.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.

    Examples
    --------
    >>> GroupNorm(1, 2, eps=0)(np.array([[1.0, 3.0]])).data
    array([[-1.,  1.]])
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = float
    ) -> None:
        if num_channels % num_groups:
            raise ArgumentError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}.")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight: Any = Parameter(np.ones(num_channels), dtype=dtype) if affine else None
        self.bias: Any = Parameter(np.zeros(num_channels), dtype=dtype) if affine else None

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x, self.weight, self.num_channels, axis=1)
        return group_norm(x, self.weight, self.bias, self.num_groups, self.eps)


@in_single
def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """Normalize each group of channels of each sample, then multiply each channel by its weight and add its bias."""
    size = math.prod(x.shape[1:]) // groups
    y = layer_norm(x.reshape(x.shape[0], groups, size), size, eps=eps).reshape(x.shape)
    return y if weight is None else y * along_channels(weight, x.ndim) + along_channels(bias, x.ndim)
