"""Cells: one step of a recurrent network, from an input and a state to the next state.

A sequence is a loop: `for x in xs: h = cell(x, h)`; RNN, LSTM and GRU take a whole one. Weights and the order of the
gates are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..ops.linear import linear
from ..ops.neural import relu, sigmoid
from .checks import fitting
from .init import generator, uniform
from .module import Module, Parameter


class Cell(Module):
    """A linear map of the input and one of the state, each with a part for every gate.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    rng : Generator, optional
    dtype : dtype
    """

    gates: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = float,
    ) -> None:
        rng = generator(rng)
        rows = self.gates * hidden_size

        def drawn(*shape: int) -> Any:
            return Parameter(uniform(rng, shape, 1 / math.sqrt(hidden_size)), dtype=dtype)

        self.weight_ih = drawn(rows, input_size)
        self.weight_hh = drawn(rows, hidden_size)
        self.bias_ih = drawn(rows) if bias else None
        self.bias_hh = drawn(rows) if bias else None

    def start(self, from_x: Any) -> Any:
        """The state before the first step: zeros."""
        return np.zeros((*from_x.shape[:-1], self.weight_hh.shape[1]), self.weight_hh.dtype)

    def from_input(self, x: Any) -> Any:
        """What inputs give to all gates, of one step or of many."""
        return linear(fitting(self, x, self.weight_ih, self.weight_ih.shape[1]), self.weight_ih, self.bias_ih)

    def from_state(self, h: Any) -> Any:
        """What a state gives to all gates."""
        return linear(fitting(self, h, self.weight_hh, self.weight_hh.shape[1]), self.weight_hh, self.bias_hh)

    def step(self, from_x: Any, state: Any) -> Any:
        """The next state; each cell writes its own."""
        raise TypeError(f"{type(self).__name__} has no step method: define step(self, from_x, state).")

    def forward(self, x: Any, state: Any = None) -> Any:
        from_x = self.from_input(x)
        return self.step(from_x, self.start(from_x) if state is None else state)


class RNNCell(Cell):
    """h' = tanh(x @ weight_ih.T + h @ weight_hh.T + biases), or relu of it (Elman 1990).

    Examples
    --------
    >>> cell = RNNCell(3, 5)
    >>> h = cell(np.ones((2, 3)))
    >>> cell(np.ones((2, 3)), h).shape
    (2, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity={nonlinearity!r} is neither 'tanh' nor 'relu'.")
        super().__init__(input_size, hidden_size, bias, **options)
        self.nonlinearity = nonlinearity

    def step(self, from_x: Any, h: Any) -> Any:
        z = from_x + self.from_state(h)
        return np.tanh(z) if self.nonlinearity == "tanh" else relu(z)


class LSTMCell(Cell):
    """A memory c that gates write to and read from (Hochreiter and Schmidhuber 1997; with Gers' forget gate, 2000).

    Takes x and a state (h, c), gives the next (h, c). The weights hold input, forget, cell and output gate in turn.

    Examples
    --------
    >>> cell = LSTMCell(3, 5)
    >>> h, c = cell(np.ones((2, 3)))
    >>> h, c = cell(np.ones((2, 3)), (h, c))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    gates = 4

    def start(self, from_x: Any) -> Any:
        return super().start(from_x), super().start(from_x)

    def step(self, from_x: Any, state: Any) -> Any:
        h, c = state
        write, keep, value, read = np.split(from_x + self.from_state(h), 4, axis=-1)
        c = sigmoid(keep) * c + sigmoid(write) * np.tanh(value)
        return sigmoid(read) * np.tanh(c), c


class GRUCell(Cell):
    """A state that gates reset and update (Cho et al. 2014, with the reset after the product, as PyTorch has it).

    The weights hold reset, update and new gate in turn.

    Examples
    --------
    >>> GRUCell(3, 5)(np.ones((2, 3))).shape
    (2, 5)
    """

    gates = 3

    def step(self, from_x: Any, h: Any) -> Any:
        x_reset, x_update, x_new = np.split(from_x, 3, axis=-1)
        h_reset, h_update, h_new = np.split(self.from_state(h), 3, axis=-1)
        update = sigmoid(x_update + h_update)
        new = np.tanh(x_new + sigmoid(x_reset + h_reset) * h_new)
        return new + update * (h - new)
