"""Recurrent layers: cells that go along a whole sequence, in one direction or both, one above the other."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.errors import called
from ..ops.primitive import as_array
from .init import generator
from .layers import Dropout
from .module import Module
from .recurrent import Cell, GRUCell, LSTMCell, RNNCell


class Recurrent(Module):
    """Cells along a sequence, with PyTorch's shapes: `forward(x, state=None)` gives the outputs and the last state.

    Sequences are (L, N, input_size), or with `batch_first=True` (N, L, input_size), or single ones (L, input_size). The
    outputs have the same axes, the last of `hidden_size`, or twice that for both directions. A state is
    (layers · directions, N, hidden_size), batch_first or not; that of an LSTM is a pair (h, c).

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    bias : bool
    batch_first : bool
    dropout : float
        Of what passes from one layer to the next.
    bidirectional : bool
        Whether a second cell in each layer goes from the end to the beginning.
    rng : Generator, optional
    **options
        What the cell takes besides, such as dtype.
    """

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        rng: np.random.Generator | None = None,
        **options: Any,
    ) -> None:
        rng = generator(rng)
        ways = 2 if bidirectional else 1
        sizes = [input_size] + [ways * hidden_size] * (num_layers - 1)
        self.cells = [self.cell(size, hidden_size, bias, rng=rng, **options) for size in sizes for _ in range(ways)]
        self.dropout = Dropout(dropout, rng=rng)
        self.hidden_size, self.ways, self.batch_first = hidden_size, ways, batch_first

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        x = as_array(x)
        turned = self.batch_first and x.ndim == 3
        x = x.swapaxes(0, 1) if turned else x
        self.check(x, state)
        last = []
        for layer in range(0, len(self.cells), self.ways):
            outputs = []
            for way in range(self.ways):
                begin = None if state is None else taken(state, layer + way)
                y, end = along(self.cells[layer + way], x, begin, reverse=way == 1)
                outputs.append(y)
                last.append(end)
            x = np.concatenate(outputs, axis=-1) if self.ways > 1 else outputs[0]
            if layer + self.ways < len(self.cells):
                x = self.dropout(x)
        return x.swapaxes(0, 1) if turned else x, joined(last)

    def check(self, x: Any, state: Any) -> None:
        """Refuse what is no sequence, and states of other shapes than the sequence needs."""
        name = type(self).__name__
        if x.ndim not in (2, 3) or not len(x):
            raise ValueError(f"{name} takes sequences (steps, batch, features), and not {called(x, 'x')}.")
        needed = (len(self.cells), *x.shape[1:-1], self.hidden_size)
        for part in state if isinstance(state, tuple | list) else [state]:
            if part is not None and part.shape != needed:
                raise ValueError(f"{called(part, 'the state')} of this {name} needs the shape {needed}.")


def along(cell: Cell, x: Any, state: Any, reverse: bool) -> tuple[Any, Any]:
    """The outputs at all steps, and the last state; a step keeps its axis, of length 1."""
    steps = np.split(cell.from_input(x), len(x))
    state = cell.start(steps[0]) if state is None else state
    outputs = []
    for step in reversed(steps) if reverse else steps:
        state = cell.step(step, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return np.concatenate(outputs[::-1] if reverse else outputs), state


def taken(state: Any, i: int) -> Any:
    """The state of one cell."""
    return tuple(part[i : i + 1] for part in state) if isinstance(state, tuple | list) else state[i : i + 1]


def joined(states: list[Any]) -> Any:
    """The states of all cells as one."""
    if isinstance(states[0], tuple):
        return tuple(np.concatenate(parts) for parts in zip(*states, strict=True))
    return np.concatenate(states)


class RNN(Recurrent):
    """RNNCells along a sequence; `nonlinearity='relu'` instead of tanh.

    Examples
    --------
    >>> outputs, h = RNN(3, 5, batch_first=True)(np.ones((2, 7, 3)))
    >>> outputs.shape, h.shape
    ((2, 7, 5), (1, 2, 5))
    """

    cell = RNNCell


class LSTM(Recurrent):
    """LSTMCells along a sequence.

    Examples
    --------
    >>> outputs, (h, c) = LSTM(3, 5, num_layers=2, bidirectional=True)(np.ones((7, 2, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((7, 2, 10), (4, 2, 5), (4, 2, 5))
    """

    cell = LSTMCell


class GRU(Recurrent):
    """GRUCells along a sequence.

    Examples
    --------
    >>> GRU(3, 5)(np.ones((7, 3)))[0].shape
    (7, 5)
    """

    cell = GRUCell
