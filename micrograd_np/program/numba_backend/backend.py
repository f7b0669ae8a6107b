"""A program as loops over single numbers, which numba makes machine code of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentTypeError, MissingPackageError, describe
from ...core.names import format_location
from ...ops import TABLE
from ..codegen import FIXED
from ..ir import RESULT, Step, Steps, Value, draws
from ..simplify import simplified
from .decompositions import fits_blas, lowered
from .nests import REDUCTIONS, Plan, formula_of, view_of
from .text import Text

KINDS = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")))


class Machine:
    """As `Emitted`, to the last bits but one: numba adds up in another order."""

    exact = False

    def __init__(self, program: Steps) -> None:
        self.inputs = program.inputs()
        self.fixed = [x for x in self.inputs if x.kind in FIXED]
        self.given = [x for x in self.inputs if x.kind not in FIXED]
        self.run = jitted(program)
        results = [x.kind == RESULT for x in program.result if isinstance(x, Value)]
        self.ends = [*results, *(True for _, g in program.gradients if g is not None)]

    def frame(self, fixed: list[Any]) -> Any:
        """(step, loop): one call, and n - 1 of them, with these arrays for those that stay; how many are left."""

        def run(n: int, given: Any) -> Any:
            arrays = dict(zip([*self.fixed, *self.given], [*fixed, *given], strict=True))
            return self.run(n, *[arrays[x] for x in self.inputs])

        def step(*given: Any) -> Any:
            left, *ends = run(1, given)
            if left:
                raise FloatingPointError
            return tuple(x for x, is_end in zip(ends, self.ends, strict=True) if is_end)

        return step, lambda n, *given: run(n - 1, given)[0] + 1


def loops(program: Steps) -> str:
    """The source of `run(n, ...)`, which does the program's step n times in place.

    Its parameters after n are the program's inputs. It returns how many steps are left, of which the first would have
    written a nan or inf, and fresh arrays: the values that the last step returned, then the gradients that it left.
    """
    simple = simplified(lowered(program))
    refuse_unspelled(simple)
    return Text(Plan(simple), program.inputs()).text()


def jitted(program: Steps) -> Callable[..., tuple[Any, ...]]:
    """The loops as machine code, which other threads run beside. Its last bits are not those of NumPy."""
    try:
        import numba  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise MissingPackageError("backend='numba' needs numba: pip install 'micrograd-np[numba]'.") from None
    return numba.njit(compiled(loops(program)), nogil=True, error_model="numpy")  # type: ignore[no-any-return]


def compiled(text: str) -> Callable[..., tuple[Any, ...]]:
    """The function `run` of a text, in plain Python."""
    names: dict[str, Any] = {"math": math, "np": np}
    exec(text, names)
    return names["run"]  # type: ignore[no-any-return]


def refuse_unspelled(program: Steps) -> None:
    """One error for all rows that have no loops."""
    lines: dict[str, None] = {}
    for step in program.steps:
        if reason := unspelled(step):
            where = f": {format_location(step.where)}" if step.where else ""
            lines[f"{step.op.name.strip('_')} ({reason}){where}"] = None
    for x in program.inputs():
        if x.dtype is not None and x.dtype not in KINDS:
            lines[f"{describe(x, 'an input')} ({x.dtype} numbers)"] = None
    if lines:
        raise ArgumentTypeError(
            "backend='numba' has no loops for:\n  " + "\n  ".join(lines) + "\nbackend='numpy' runs every program."
        )


def unspelled(step: Step) -> str | None:
    """Why a step has no loops."""
    if draws(step.op):
        return "a NumPy Generator draws, which loops cannot ask"
    if step.output.shape is None or step.output.dtype not in KINDS:
        return f"{step.output.dtype} numbers" if step.output.dtype else "several outputs"
    if step.op in REDUCTIONS or formula_of(step.op) or fits_blas(step) or view_of(step):
        return None
    if step.op in (TABLE["getitem"], TABLE["scatter"]) and all(x.dtype.kind in "iu" for x in step.inputs[1:]):
        return None
    return None if step.op is TABLE["concatenate"] and step.params["axis"] is not None else "no loop spelling"
