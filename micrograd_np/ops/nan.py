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
def nansum(a: Any, axis: Any = None, *, keepdims: bool = False, initial: float = 0, where: Any = True) -> Any:
    """The sum of the entries that are not nan."""
    return np.sum(with_for_nan(0, a), axis=axis, keepdims=keepdims, **given(initial, 0, where))


@stands_for(np.nanprod)
def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False, initial: float = 1, where: Any = True) -> Any:
    """The product of the entries that are not nan."""
    return np.prod(with_for_nan(1, a), axis=axis, keepdims=keepdims, **given(initial, 1, where))


def given(initial: Any, usual: Any, where: Any) -> dict[str, Any]:
    """The keywords of a reduction that are not what they are by default."""
    return ({} if initial is usual else {"initial": initial}) | ({} if where is True else {"where": where})


@stands_for(np.nancumsum)
def nancumsum(a: Any, axis: Any = None) -> Any:
    """The running sum, in which nan counts as 0."""
    return np.cumsum(with_for_nan(0, a), axis=axis)


@stands_for(np.nancumprod)
def nancumprod(a: Any, axis: Any = None) -> Any:
    """The running product, in which nan counts as 1."""
    return np.cumprod(with_for_nan(1, a), axis=axis)


def extreme(reduce: Any, beyond: float, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """The extreme of the entries that are not nan; nan, where there is none and no `initial`."""
    found = reduce(with_for_nan(beyond, a), axis=axis, keepdims=keepdims, **given(initial, None, where))
    none = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return found if initial is not None else np.where(none, math.nan, found)


@stands_for(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The largest of the entries that are not nan."""
    return extreme(np.max, -math.inf, a, axis, keepdims, initial, where)


@stands_for(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The smallest of the entries that are not nan."""
    return extreme(np.min, math.inf, a, axis, keepdims, initial, where)


@stands_for(np.nanmean)
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """The mean of the entries that are not nan."""
    return np.mean(a, axis, keepdims=keepdims, where=np.logical_and(is_number(a), where))


@stands_for(np.nanvar)
def nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True, **rest: Any) -> Any:
    """The variance of the entries that are not nan; mean= and correction= as for np.var."""
    return np.var(a, axis, ddof=ddof, keepdims=keepdims, where=np.logical_and(is_number(a), where), **rest)


@stands_for(np.nanstd)
def nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True, **rest: Any) -> Any:
    """The standard deviation of the entries that are not nan; mean= and correction= as for np.std."""
    return np.std(a, axis, ddof=ddof, keepdims=keepdims, where=np.logical_and(is_number(a), where), **rest)
