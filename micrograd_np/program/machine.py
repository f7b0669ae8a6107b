"""A program as machine code: the loops of numba behind the same two calls as the text for NumPy."""

from __future__ import annotations

from functools import partial
from typing import Any

from .loops import jitted
from .plan import FIXED
from .values import RESULT, Steps, Value


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
        """(step, loop): one call, and n - 1 of them, on these arrays for those that stay the same."""

        def run(n: int, *given: Any) -> Any:
            arrays = dict(zip([*self.fixed, *self.given], [*fixed, *given], strict=True))
            ends = self.run(n, *[arrays[x] for x in self.inputs])
            return tuple(x for x, is_end in zip(ends, self.ends, strict=True) if is_end)

        def loop(n: int, *given: Any) -> int:
            run(n - 1, *given)
            return 1

        return partial(run, 1), loop
