"""What is said of data that no model can learn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import called
from ..ops.primitive import as_array


def samples(arrays: tuple[Any, ...]) -> list[Any]:
    """The arguments as arrays that have one number of samples, which is not 0, and hold numbers only."""
    checked = [as_array(x) for x in arrays]
    names = [called(x, f"array {i}") for i, x in enumerate(arrays)]
    if not checked or not all(x.ndim for x in checked):
        raise ValueError("samples are the first axis of an array: give one array or more, each with an axis.")
    if len({len(x) for x in checked}) > 1:
        raise ValueError(f"{', '.join(names)} have different numbers of samples, the lengths of their first axes.")
    if not len(checked[0]):
        raise ValueError(f"{', '.join(names)}: there are no samples.")
    for x, name in zip(checked, names, strict=True):
        check_finite(x, name)
    return checked


def check_finite(x: Any, name: str) -> None:
    """Refuse nan and inf: one of them in a batch makes all weights nan."""
    if x.dtype.kind != "f" or finite_sum(x):
        return
    wrong = np.logical_not(np.isfinite(x))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(
            f"{name} holds nan or inf in {int(wrong.sum())} of {x.size} entries, the first at {where}: "
            f"{x[where]}. Leave out such samples, or fill them in with np.where(np.isfinite(x), x, value)."
        )


def finite_sum(x: Any) -> bool:
    """A quick look: a finite sum has no nan and no inf in it."""
    with np.errstate(all="ignore"):
        return math.isfinite(x.sum())


def generator(rng: Any, what: str) -> Any:
    """The user's Generator; refuses to draw from a hidden one."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{what} draws from a Generator of yours, so that a run can be repeated: pass "
            "rng=np.random.default_rng(seed)."
        )
    return rng
