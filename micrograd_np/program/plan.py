"""Where each value of a program lives: in memory of its own, in a buffer that is used again, or as a view."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from ..ops import TABLE
from ..ops.primitive import Elementwise
from .simplify import draws
from .values import ARRAY, CONSTANT, TENSOR, Step, Steps, Value

PRODUCTS = (TABLE["dot"], TABLE["matmul"])
REDUCTIONS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}
SINGLE = (np.dtype("f4"), np.dtype("f8"))
FIXED = (TENSOR, ARRAY, CONSTANT)  # whose memory is the same at every call


class Plan:
    """The buffers of a program, which step writes into which, and which views stand still.

    Attributes
    ----------
    buffers : list of Value
        For each buffer, a value that it has the shape, dtype and strides of.
    out : dict
        Value to the number of the buffer that its step writes into.
    still : set of Value
        Views of memory that is the same at every call.
    """

    def __init__(self, program: Steps) -> None:
        self.program = program
        self.made = {step.output: step for step in program.steps}
        self.prototypes: dict[Value, Any] = {}  # arrays laid out as the values are
        self.buffers: list[Value] = []
        self.out: dict[Value, int] = {}
        self.still: set[Value] = set()
        self.free: dict[Any, list[int]] = defaultdict(list)
        ends = [*program.result, *(g for _, g in program.gradients)]
        self.seen = {self.root(x) for x in ends if isinstance(x, Value)}  # what the caller is given, and keeps
        self.last = self.last_uses()
        for position, step in enumerate(program.steps):
            self.place(position, step)

    def root(self, x: Value) -> Value:
        """The value whose memory a view shows."""
        while x in self.made and self.made[x].op.views:
            x = self.made[x].inputs[0]
        return x

    def last_uses(self) -> dict[Value, int]:
        """The last step that looks at each memory; what is written in the end lives to the end."""
        last: dict[Value, int] = {}
        for position, step in enumerate(self.program.steps):
            for x in (step.output, *step.inputs):
                if isinstance(x, Value):
                    last[self.root(x)] = position
        for _, value in self.program.writes:
            last[self.root(value)] = len(self.program.steps)
        return last

    def place(self, position: int, step: Step) -> None:
        value = step.output
        roots = dict.fromkeys(self.root(x) for x in step.inputs if isinstance(x, Value))
        dying = [x for x in roots if self.last.get(x) == position and x in self.out]
        if step.op.views:
            source, *others = step.inputs
            alone = isinstance(source, Value) and not any(isinstance(x, Value) for x in others)
            if alone and not step.op.checks and self.stands(source) and self.is_view(step):
                self.still.add(value)
        elif self.takes_out(step) and value not in self.seen:
            elementwise = isinstance(step.op, Elementwise)
            if elementwise:  # may write over what it reads, entry by entry
                self.release(dying)
                dying = []
            self.out[value] = self.buffer(value)
        self.release(dying)

    def release(self, values: list[Value]) -> None:
        for x in values:
            self.free[layout(x)].append(self.out[x])

    def buffer(self, value: Value) -> int:
        free = self.free[layout(value)]
        if free:
            return free.pop()
        self.buffers.append(value)
        return len(self.buffers) - 1

    def stands(self, x: Value) -> bool:
        """Whether a value's array is the same object at every call."""
        return x.kind in FIXED or x in self.out or x in self.still

    def lies_flat(self, x: Value) -> bool:
        """Whether a value is several numbers in one piece of memory, which is the same at every call."""
        several = bool(x.shape) and math.prod(x.shape) > 1
        return x.dtype in SINGLE and several and self.stands(x) and contiguous(x) and not self.is_spread(x)

    def is_product_of_matrices(self, step: Step) -> bool:
        """Whether BLAS reads both where they lie: `x.dot` then gives the bits of `np.matmul`, in less time."""
        same = {x.dtype for x in (*step.inputs, step.output) if isinstance(x, Value)} == {step.output.dtype}
        flat = all(len(x.shape or ()) == 2 and (contiguous(x) or contiguous(x, -1)) for x in step.inputs)
        return same and flat and contiguous(step.output) and not any(map(self.is_spread, step.inputs))

    def is_spread(self, x: Value) -> bool:
        """Whether a value shows a broadcast, whose strides are 0 where those that the trace saw need not be."""
        while x in self.made and self.made[x].op.views:
            if self.made[x].op.name == "broadcast_to":
                return True
            x = self.made[x].inputs[0]
        return False

    def is_view(self, step: Step) -> bool:
        source = self.prototype(step.inputs[0])
        view = step.op.kernel(source, *step.inputs[1:], **step.params)
        self.prototypes[step.output] = view
        return np.shares_memory(view, source)

    def prototype(self, x: Value) -> Any:
        if x not in self.prototypes:
            self.prototypes[x] = laid_out(x)
        return self.prototypes[x]

    def takes_out(self, step: Step) -> bool:
        """Whether the step's function writes into an array that it is given."""
        op, value = step.op, step.output
        if not value.shape or draws(op) or self.read_in_place(value):
            return False
        if isinstance(op.kernel, np.ufunc) and op.kernel.signature is None:
            return True
        if op.name in REDUCTIONS:
            return True
        return op in PRODUCTS and self.is_product_of_matrices(step)

    def read_in_place(self, value: Value) -> bool:
        return 0 in (value.strides or ()) and value.shape != ()


def layout(x: Value) -> Any:
    return (x.shape, x.dtype, x.strides)


def contiguous(x: Value, way: int = 1) -> bool:
    """Whether an array lies in memory in one piece, row after row, or with way=-1 column after column."""
    expected, size = [], x.dtype.itemsize
    for length in (x.shape or ())[::-way]:
        expected.append(size)
        size *= length
    return bool(x.strides == tuple(expected[::-way]))


def laid_out(x: Value) -> Any:
    """An array of a value's shape, dtype and order in memory."""
    shape, strides = x.shape or (), x.strides or ()
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    data = np.empty([shape[axis] for axis in order], x.dtype)
    return data.transpose(np.argsort(order)) if shape else data
