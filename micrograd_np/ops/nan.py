"""Reductions of the entries that are not nan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .composed import stands_for


def with_for_nan(value: float, a: Any) -> Any:
    return np.where(np.isnan(a), value, a)


def is_number(a: Any) -> Any:
    return np.logical_not(np.isnan(a))


@stands_for(np.nansum)
def nansum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The sum of the entries that are not nan."""
    return np.sum(with_for_nan(0, a), axis=axis, keepdims=keepdims)


@stands_for(np.nanprod)
def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The product of the entries that are not nan."""
    return np.prod(with_for_nan(1, a), axis=axis, keepdims=keepdims)


@stands_for(np.nancumsum)
def nancumsum(a: Any, axis: Any = None) -> Any:
    """The running sum, in which nan counts as 0."""
    return np.cumsum(with_for_nan(0, a), axis=axis)


@stands_for(np.nancumprod)
def nancumprod(a: Any, axis: Any = None) -> Any:
    """The running product, in which nan counts as 1."""
    return np.cumprod(with_for_nan(1, a), axis=axis)


@stands_for(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest of the entries that are not nan."""
    none = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(none, math.nan, np.max(with_for_nan(-math.inf, a), axis=axis, keepdims=keepdims))


@stands_for(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest of the entries that are not nan."""
    none = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(none, math.nan, np.min(with_for_nan(math.inf, a), axis=axis, keepdims=keepdims))


@stands_for(np.nanmean)
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The mean of the entries that are not nan."""
    return np.mean(a, axis, keepdims=keepdims, where=is_number(a))


@stands_for(np.nanvar)
def nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """The variance of the entries that are not nan."""
    return np.var(a, axis, ddof=ddof, keepdims=keepdims, where=is_number(a))


@stands_for(np.nanstd)
def nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """The standard deviation of the entries that are not nan."""
    return np.std(a, axis, ddof=ddof, keepdims=keepdims, where=is_number(a))
