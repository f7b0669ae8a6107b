"""Normalization as layers: over the batch, with running statistics for evaluation; and over each sample."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.context import no_grad
from ..core.dispatch import single
from ..core.errors import ShapeError, describe
from ..core.tensor import Tensor
from ..ops.half import is_half, rounded
from ..ops.nn import batch_norm, layer_norm
from .module import Module, Parameter, documented_like
from .validation import FLAG, FRACTION, NONNEGATIVE, SIZE, check_dtype, checked_input, require, require_dtype


class BatchNorm(Module):
    """The entries of each channel with mean 0 and variance 1, times a weight, plus a bias (Ioffe and Szegedy 2015).

    In training mean and variance are the batch's, in evaluation the running ones, which training keeps as buffers.

    Parameters
    ----------
    num_features : int
        The number of channels C of x (N, C, ...).
    eps : float
        Added to the variance.
    momentum : float or None
        The share of the batch's statistics in the next running ones; with None these are plain averages.
    affine : bool
        Whether there are a weight, which begins as ones, and a bias, which begins as zeros.
    dtype : dtype
        The floating-point dtype of parameters and running statistics.
    """

    axes: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        dtype: Any = float,
    ) -> None:
        require(self, SIZE, num_features=num_features)
        require(self, NONNEGATIVE, eps=eps)
        if momentum is not None:
            require(self, FRACTION, momentum=momentum)
        require(self, FLAG, affine=affine)
        require_dtype(self, dtype)
        self.weight: Any = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias: Any = Parameter(np.zeros(num_features), dtype=dtype) if affine else None
        wide = np.result_type(dtype, np.float32)  # the square of 256 is more than float16 holds
        self.running_mean: Any = Tensor(np.zeros(num_features), dtype=wide)
        self.running_var: Any = Tensor(np.ones(num_features), dtype=wide)
        self.num_batches_tracked: Any = Tensor(0)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Any) -> Any:
        if np.ndim(x) not in self.axes:
            listed = " or ".join(map(str, self.axes))
            raise ShapeError(f"{type(self).__name__} takes x of {listed} axes, (N, C, ...), not {describe(x, 'x')}.")
        weight = self.running_mean if self.weight is None else self.weight
        x = checked_input(self, x, weight, self.running_mean.size, axis=1)
        if self.training:
            y, mean, var = batch_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
            self._track(mean, var, x.size // mean.size)
            return y
        y = self._with_running_statistics(single(x))
        return rounded(y) if is_half([x]) else y

    @no_grad()
    def _track(self, mean: Any, var: Any, count: int) -> None:
        """Move the running statistics towards a batch's; the variance as that of a sample of the population."""
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean)
        self.running_var += share * (var * (count / (count - 1)) - self.running_var)

    def _with_running_statistics(self, x: Any) -> Any:
        scale = 1 / np.sqrt(self.running_var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -self.running_mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        channels = (-1, *[1] * (x.ndim - 2))
        return x * np.reshape(scale, channels) + np.reshape(shift, channels)


@documented_like(BatchNorm)
class BatchNorm1d(BatchNorm):
    """Batch normalization of features (N, C) or signals (N, C, L).

    Examples
    --------
    >>> BatchNorm1d(2, eps=0)(np.array([[1.0, 10.0], [3.0, 30.0]])).data
    array([[-1., -1.],
           [ 1.,  1.]])
    """

    axes = (2, 3)


@documented_like(BatchNorm)
class BatchNorm2d(BatchNorm):
    """Batch normalization of images (N, C, H, W).

    Examples
    --------
    >>> BatchNorm2d(3)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    axes = (4,)


class LayerNorm(Module):
    """The entries of each sample with mean 0 and variance 1, times a weight, plus a bias (Ba et al. 2016).

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
        for size in normalized_shape if isinstance(normalized_shape, tuple | list) else [normalized_shape]:
            require(self, SIZE, normalized_shape=size)
        require(self, NONNEGATIVE, eps=eps)
        require(self, FLAG, elementwise_affine=elementwise_affine, bias=bias)
        require_dtype(self, dtype)
        self.normalized_shape = normalized_shape
        self.weight: Any = Parameter(np.ones(normalized_shape), dtype=dtype) if elementwise_affine else None
        self.bias: Any = Parameter(np.zeros(normalized_shape), dtype=dtype) if elementwise_affine and bias else None
        self.eps = eps

    def forward(self, x: Any) -> Any:
        if self.weight is not None:
            check_dtype(self, x, self.weight)
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
