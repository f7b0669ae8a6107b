"""The numba backend: a program becomes loops over single numbers, which numba compiles to machine code.

Only `compile` imports this file, and only for backend="numba".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, describe
from ..core.names import format_location
from ..ops import TABLE
from .codegen import FIXED
from .ir import CONSTANT, RESULT, Step, Steps, Value, draws
from .numba_loops import REDUCTIONS, Plan, Text, formula_of, view_of
from .record import record
from .simplify import simplified

# The dtypes that the loops compute with.
KINDS = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")))


class Machine:
    """A program as machine code, used like `codegen.Emitted`; the last bits differ, as numba sums in another order."""

    exact = False

    def __init__(self, program: Steps) -> None:
        self.inputs = program.inputs()
        self.fixed = [x for x in self.inputs if x.kind in FIXED]
        self.given = [x for x in self.inputs if x.kind not in FIXED]
        self.run = jitted(program)
        results = [x.kind == RESULT for x in program.result if isinstance(x, Value)]
        self.ends = [*results, *(True for _, g in program.gradients if g is not None)]

    def frame(self, fixed: list[Any]) -> Any:
        """Return (step, loop) on the arrays that stay the same.

        `step(*given)` does one call. `loop(n, *given)` does n - 1 calls and returns how many of the n are left: 1, or
        more if a check failed.
        """

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
    """Return the source of `run(n, ...)`, which runs the program n times in place.

    Its parameters after n are the program's inputs. It returns how many runs are left, as the next one would have
    written a nan or inf; then new arrays: the results of the last run, and the gradients that it left.
    """
    simple = simplified(lowered(program))
    refuse_unspelled(simple)
    return Text(Plan(simple), program.inputs()).text()


def jitted(program: Steps) -> Callable[..., tuple[Any, ...]]:
    """Return the loops as machine code, which runs without the GIL; its last bits are not those of NumPy."""
    import numba  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return numba.njit(compiled(loops(program)), nogil=True, error_model="numpy")  # type: ignore[no-any-return]


def compiled(text: str) -> Callable[..., tuple[Any, ...]]:
    """Return the function `run` of a text, in plain Python."""
    names: dict[str, Any] = {"math": math, "np": np}
    exec(text, names)
    return names["run"]  # type: ignore[no-any-return]


def refuse_unspelled(program: Steps) -> None:
    """Raise one error that names all rows without loops, if there are any."""
    lines: dict[str, None] = {}
    for step in program.steps:
        if reason := unspelled(step):
            where = f": {format_location(step.where)}" if step.where else ""
            lines[f"{step.op.name.strip('_')} ({reason}){where}"] = None
    for x in program.inputs():
        if x.dtype is not None and x.dtype not in KINDS:
            lines[f"{describe(x, 'an input')} ({x.dtype} numbers)"] = None
    if lines:
        listed = "\n  ".join(lines)
        raise ArgumentTypeError(f"backend='numba' has no loops for:\n  {listed}\nbackend='numpy' runs every program.")


def unspelled(step: Step) -> str | None:
    """Return why a step has no loops; None if it has."""
    if draws(step.op):
        return "a NumPy Generator draws, which loops cannot ask"
    if step.output.shape is None or step.output.dtype not in KINDS:
        return f"{step.output.dtype} numbers" if step.output.dtype else "several outputs"
    if step.op in REDUCTIONS or formula_of(step.op) or fits_blas(step) or view_of(step):
        return None
    if step.op in (TABLE["getitem"], TABLE["scatter"]) and all(x.dtype.kind in "iu" for x in step.inputs[1:]):
        return None
    return None if step.op is TABLE["concatenate"] and step.params["axis"] is not None else "no loop spelling"


BLAS = 2000  # multiplications from which on a call of BLAS is faster than loops


def lowered(program: Steps) -> Steps:
    """Return the program with each row replaced by its simpler parts, if it has any; a few last bits may differ."""
    return replace(program, steps=[part for step in program.steps for part in parts_of(step)])


def parts_of(step: Step) -> Iterator[Step]:
    """Yield the simpler steps that a step consists of; the last one makes its output."""
    decomposition = step.op.decomposition or PRODUCTS.get(step.op)
    if not decomposition or step.output.shape is None or fits_blas(step):
        yield step
        return
    # The decomposition is recorded on zeros: only shapes and dtypes count.
    zeros = tuple(np.zeros(x.shape, x.dtype) for x in step.inputs)
    parts = record(lambda *arrays: decomposition(*arrays, **step.params), zeros, {})[1]
    (result,) = parts.result
    if (result.kind, result.dtype) != (RESULT, step.output.dtype):  # it returns an argument, or another dtype
        yield step
        return
    # In place of the values of that record: those of the program.
    values = dict(zip([*parts.arguments, result], [*step.inputs, step.output], strict=True))
    values |= {x: Value(CONSTANT, x.of, x.shape, x.dtype, x.strides) for x in parts.inputs() if x not in values}
    for part in parts.steps:
        inputs = tuple(values.get(x, x) if isinstance(x, Value) else x for x in part.inputs)
        output = values.get(part.output, part.output)
        yield from parts_of(part._replace(inputs=inputs, output=output, where=step.where))


def fits_blas(step: Step) -> bool:
    """Return True for a product of two matrices, or of a matrix and a vector, that is large."""
    if step.op not in (TABLE["dot"], TABLE["matmul"]):
        return False
    x, y = (x.shape for x in step.inputs)
    fits = sorted([len(x), len(y)]) in ([1, 2], [2, 2]) and step.output.dtype.kind == "f"
    return fits and math.prod(x) * math.prod(y[1:]) >= BLAS


def _dot(x: Any, y: Any) -> Any:
    """Write np.dot as a sum over the last axis of x and the second-to-last axis of y, or y's only axis."""
    if y.ndim == 1:
        return np.sum(x * y, axis=-1)
    return np.sum(np.reshape(x, (*x.shape[:-1], *[1] * (y.ndim - 2), x.shape[-1], 1)) * y, axis=-2)


def _matmul(x: Any, y: Any) -> Any:
    """Write np.matmul as a sum, as for dot, but of matrices at equal places in both stacks."""
    if x.ndim < 2 or y.ndim < 2:
        return _dot(x, y)
    return np.sum(np.expand_dims(x, -1) * np.expand_dims(y, -3), axis=-2)


PRODUCTS: dict[Any, Callable[[Any, Any], Any]] = {
    TABLE["dot"]: _dot,
    TABLE["matmul"]: _matmul,
    TABLE["vecdot"]: lambda x, y: np.sum(x * y, axis=-1),
    TABLE["vdot"]: lambda x, y: np.sum(x * np.reshape(y, x.shape)),
}
