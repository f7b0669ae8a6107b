"""Recurrent networks: cells, which are one step from an input and a state to the next state, and whole sequences.

Weights and the order of the gates are PyTorch's. A loop over a cell, `for x in xs: h = cell(x, h)`, gives the same
numbers as RNN, LSTM or GRU of a whole sequence; their gradients are equal up to rounding, since a sequence takes the
product for a weight's gradient once, for all steps.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentTypeError, ShapeError, describe
from ..ops.dense import linear
from ..ops.layers import gru_sequence, gru_step, lstm_sequence, lstm_step, rnn_sequence, rnn_step
from ..ops.primitive import Primitive, as_array
from .init import Rng, drawn, uniform
from .layers import Dropout
from .module import Module
from .validation import check_dtype, checked_input


class Cell(Module):
    """The base class of one recurrent step: a linear map of the input and one of the state give all gates.

    Parameters
    ----------
    input_size : int
        The size of the last axis of x (..., input_size).
    hidden_size : int
        The size of the last axis of the state (..., hidden_size).
    bias : bool
        Whether the two linear maps add a vector each.
    rng : Generator, optional
        The random generator of the first weights. None: a new one.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the cell is called, if x or the state has another shape.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _gates: ClassVar[int] = 1
    _state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Rng = None, dtype: Any = float
    ) -> None:
        rows = self._gates * hidden_size

        def weight(*shape: int) -> Any:
            return drawn(self, lambda r, s: uniform(r, s, 1 / math.sqrt(hidden_size)), rng, shape, dtype)

        self.weight_ih = weight(rows, input_size)
        self.weight_hh = weight(rows, hidden_size)
        self.bias_ih = weight(rows) if bias else None
        self.bias_hh = weight(rows) if bias else None

    def _start(self, from_x: Any) -> tuple[Any, ...]:
        """The parts of the state before the first step: zeros."""
        shape, dtype = (*from_x.shape[:-1], self.weight_hh.shape[1]), self.weight_hh.dtype
        return tuple(np.zeros(shape, dtype) for _ in self._state_names)

    def _from_input(self, x: Any) -> Any:
        """The input's part of all gates, of one step or of many."""
        return linear(checked_input(self, x, self.weight_ih, self.weight_ih.shape[1]), self.weight_ih, self.bias_ih)

    def _from_state(self, h: Any) -> Any:
        """The state's part of all gates."""
        return linear(h, self.weight_hh, self.bias_hh)

    def step(self, from_x: Any, state: Any) -> Any:
        """The next state; each cell writes its own."""
        raise ArgumentTypeError(f"{type(self).__name__} has no step method: define step(self, from_x, state).")

    def forward(self, x: Any, state: Any = None) -> Any:
        from_x = self._from_input(x)
        shape = (*from_x.shape[:-1], self.weight_hh.shape[1])
        parts = self._start(from_x) if state is None else checked_state(self, self, state, shape)
        return self.step(from_x, one_or_all(parts))


def checked_state(layer: Any, cell: Cell, state: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The parts of a state as arrays; raise if their number or shape is wrong. `layer` is named in the messages."""
    names = cell._state_names
    parts = tuple(map(as_array, state if isinstance(state, tuple | list) and len(names) > 1 else (state,)))
    if len(parts) != len(names) or any(part.shape != shape for part in parts):
        needed = "one array h" if len(names) == 1 else f"a pair of arrays ({', '.join(names)})"
        given = ", ".join(describe(part, "given") for part in parts)
        raise ShapeError(f"the state of this {type(layer).__name__} must be {needed} of shape {shape}, not {given}.")
    for part in parts:
        check_dtype(layer, part, cell.weight_hh)
    return parts


class RNNCell(Cell):
    """h' = tanh(x @ weight_ih.T + h @ weight_hh.T + biases), or relu of it (Elman 1990).

    Parameters
    ----------
    input_size : int
        The size of the last axis of x (..., input_size).
    hidden_size : int
        The size of the last axis of the state h (..., hidden_size).
    bias : bool
        Whether the two linear maps add a vector each.
    nonlinearity : {'tanh', 'relu'}
        The function applied last.
    rng : Generator, optional
        The random generator of the first weights. None: a new one.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the cell is called, if x or the state has another shape.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.

    Examples
    --------
    >>> cell = RNNCell(3, 5)
    >>> h = cell(np.ones((2, 3)))
    >>> cell(np.ones((2, 3)), h).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)
        self.nonlinearity = nonlinearity

    def step(self, from_x: Any, h: Any) -> Any:
        return rnn_step(from_x, self._from_state(h), self.nonlinearity)


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Takes x and a state (h, c), gives the next (h, c). The weights hold input, forget, cell and output gate in turn.

    Examples
    --------
    >>> cell = LSTMCell(3, 5)
    >>> h, c = cell(np.ones((2, 3)))
    >>> h, c = cell(np.ones((2, 3)), (h, c))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    _gates = 4
    _state_names = ("h", "c")

    def step(self, from_x: Any, state: Any) -> Any:
        h, c = state
        return lstm_step(np.split(from_x + self._from_state(h), 4, axis=-1), c)


class GRUCell(Cell):
    """Gated recurrent unit (Cho et al. 2014; as in PyTorch, the reset gate acts after the matrix product).

    The weights hold reset, update and new gate in turn.

    Examples
    --------
    >>> GRUCell(3, 5)(np.ones((2, 3))).shape
    (2, 5)
    """

    _gates = 3

    def step(self, from_x: Any, h: Any) -> Any:
        return gru_step(np.split(from_x, 3, axis=-1), np.split(self._from_state(h), 3, axis=-1), h)


class Recurrent(Module):
    """Cells along a sequence, with PyTorch's shapes: `forward(x, state=None)` gives the outputs and the last state.

    Sequences are (L, N, input_size); with `batch_first=True` they are (N, L, input_size); a single one is
    (L, input_size). The outputs have the same axes, with hidden_size · directions at the end. The state is
    (layers · directions, N, hidden_size) also with `batch_first=True`, and a pair (h, c) of such arrays for an LSTM.

    Parameters
    ----------
    input_size : int
        The size of the last axis of x.
    hidden_size : int
        The size of the last axis of a state.
    num_layers : int
        The number of layers, each of which takes the outputs of the one below.
    bias : bool
        Whether the linear maps add a vector.
    batch_first : bool
        Whether sequences are (N, L, input_size).
    dropout : float
        The probability with which an entry that passes from one layer to the next is set to zero in training.
    bidirectional : bool
        Whether a second cell in each layer goes from the end to the beginning.
    rng : Generator, optional
        The random generator of the first weights and of the dropout. None: a new one.
    **options : object
        Passed to the cells: `dtype`, and for RNN `nonlinearity`.

    Raises
    ------
    ValueError
        When the layer is called, if x has no step, or the state has another shape.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _cell: ClassVar[type[Cell]]
    _sequence: ClassVar[Primitive]  # the op that computes all steps of such a cell at once
    _options: ClassVar[tuple[str, ...]] = ()  # attributes of the cell that this op takes as keywords

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
        rng: Rng = None,
        **options: Any,
    ) -> None:
        ways = 2 if bidirectional else 1
        sizes = [input_size] + [ways * hidden_size] * (num_layers - 1)
        self.cells = [self._cell(size, hidden_size, bias, rng=rng, **options) for size in sizes for _ in range(ways)]
        self.dropout = Dropout(dropout, rng=rng)
        self.hidden_size, self._ways, self.batch_first = hidden_size, ways, batch_first

    def _torch_path(self, path: str) -> str:
        _, cell, name = path.split(".")
        return f"{name}_l{int(cell) // self._ways}" + "_reverse" * (int(cell) % self._ways)

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        x = checked_input(self, x)
        turned = self.batch_first and x.ndim == 3
        if x.ndim not in (2, 3) or not x.shape[int(turned)]:
            raise ShapeError(
                f"{type(self).__name__} takes sequences of one step or more, (steps, batch, features), or (batch, "
                f"steps, features) with batch_first=True, or single ones (steps, features), and not {describe(x, 'x')}."
            )
        x = x.swapaxes(0, 1) if turned else x
        if state is not None:
            needed = (len(self.cells), *x.shape[1:-1], self.hidden_size)
            state = checked_state(self, self.cells[0], state, needed)
        last = []
        for layer in range(0, len(self.cells), self._ways):
            outputs = []
            for way in range(self._ways):
                begin = state and tuple(part[layer + way : layer + way + 1] for part in state)
                y, *end = self._run_along(self.cells[layer + way], x, begin, reverse=way == 1)
                outputs.append(y)
                last.append(end)
            x = np.concatenate(outputs, axis=-1) if self._ways > 1 else outputs[0]
            if layer + self._ways < len(self.cells):
                x = self.dropout(x)
        return x.swapaxes(0, 1) if turned else x, one_or_all(tuple(map(np.concatenate, zip(*last, strict=True))))

    def _run_along(self, cell: Cell, x: Any, state: Any, reverse: bool) -> tuple[Any, ...]:
        """The outputs of a cell at all steps, then each part of its last state, with a step axis of length 1."""
        from_x = cell._from_input(x)
        weights = [w for w in (cell.weight_hh, cell.bias_hh) if w is not None]
        options = {name: getattr(cell, name) for name in self._options}
        parts = state or cell._start(from_x[:1])  # [:1], not [0]: the sequence op takes a state with the step axis
        states = self._sequence(from_x, *parts, *weights, reverse=reverse, **options)[: len(parts)]
        # states[0] is h at all steps, which is the output. In reverse, the last step taken is at the beginning.
        return (states[0], *(y[:1] if reverse else y[-1:] for y in states))


def one_or_all(parts: tuple[Any, ...]) -> Any:
    """A state as its cell knows it: one array, or a tuple of them."""
    return parts[0] if len(parts) == 1 else parts


class RNN(Recurrent):
    """RNNCells along a sequence; `nonlinearity='relu'` instead of tanh.

    Examples
    --------
    >>> outputs, h = RNN(3, 5, batch_first=True)(np.ones((2, 7, 3)))
    >>> outputs.shape, h.shape
    ((2, 7, 5), (1, 2, 5))
    """

    _cell = RNNCell
    _sequence = rnn_sequence
    _options = ("nonlinearity",)


class LSTM(Recurrent):
    """LSTMCells along a sequence.

    Examples
    --------
    >>> outputs, (h, c) = LSTM(3, 5, num_layers=2, bidirectional=True)(np.ones((7, 2, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((7, 2, 10), (4, 2, 5), (4, 2, 5))
    """

    _cell = LSTMCell
    _sequence = lstm_sequence


class GRU(Recurrent):
    """GRUCells along a sequence.

    Examples
    --------
    >>> GRU(3, 5)(np.ones((7, 3)))[0].shape
    (7, 5)
    """

    _cell = GRUCell
    _sequence = gru_sequence
