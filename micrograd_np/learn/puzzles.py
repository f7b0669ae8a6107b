"""Find the mistake: a backward pass in plain NumPy with one wrong line, drawn at random, in three levels."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import ArgumentError

# The right code of each level. Below a line stand its slips: "#| " the wrong line, " -- " and the mistake.
LEVEL_1 = """
def forward(X, y, syn0):
    l1 = 1 / (1 + np.exp(-(X @ syn0)))
    return 0.5 * np.sum((y - l1) ** 2)


def backward(X, y, syn0):
    l1 = 1 / (1 + np.exp(-(X @ syn0)))
    l1_error = l1 - y
    l1_delta = l1_error * l1 * (1 - l1)
#| l1_delta = l1_error * (X @ syn0) * (1 - X @ syn0) -- the slope is taken of the value before the sigmoid
#| l1_delta = l1_error -- the slope of the sigmoid is left out
#| l1_delta = l1_error * l1 -- the slope lacks its factor 1 - l1
#| l1_delta = l1_error * (1 - l1**2) -- this is the slope of tanh, and l1 is a sigmoid
    return {"dsyn0": X.T @ l1_delta}
#| return {"dsyn0": X.T @ l1_error} -- it is made from l1_error, not l1_delta
"""
LEVEL_2 = """
def forward(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    p = h @ W2 + b2
    return np.mean((p - y) ** 2)


def backward(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    p = h @ W2 + b2
    dp = 2 * (p - y) / p.size
#| dp = 2 * np.sign(p - y) / p.size -- this is the slope of |p - y|, not of its square
    dW2 = h.T @ dp
#| dW2 = np.maximum(h, 0).T @ dp -- h is a tanh, and its negative values count too
    db2 = dp.sum(axis=0)
#| db2 = dp.mean(axis=0) -- the shares of a bias add; this averages them
    dh = dp @ W2.T
#| dh = (p - y) @ W2.T -- it is made from p - y, and the loss's 2 / size is lost
    dz = dh * (1 - h**2)
#| dz = dh * (1 - h) -- the slope of tanh lacks its square
#| dz = dh -- the slope of tanh is left out
#| dz = dh * h * (1 - h) -- this is the slope of a sigmoid, and h is a tanh
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
#| db1 = dh.sum(axis=0) -- it is made from dh, and b1 stands before the tanh
    return {"dW2": dW2, "db2": db2, "dW1": dW1, "db1": db1}
"""
LEVEL_3 = """
def forward(X, labels, W1, gamma, W2):
    z = X @ W1
    n = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    h = np.maximum(gamma * n, 0)
    s = h @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(X)), labels]))


def backward(X, labels, W1, gamma, W2):
    z = X @ W1
    std = np.sqrt(z.var(axis=0) + 1e-5)
    n = (z - z.mean(axis=0)) / std
    h = np.maximum(gamma * n, 0)
    s = h @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    ds = e / e.sum(axis=1, keepdims=True)
    ds[np.arange(len(X)), labels] -= 1
#| ds[:, labels] -= 1 -- 1 is subtracted in the columns of all labels, in every row
    ds = ds / len(X)
    dW2 = h.T @ ds
#| dW2 = n.T @ ds -- the second layer was given h, the value after the relu
    dh = ds @ W2.T
    dm = dh * (h > 0)
#| dm = dh * (n > 0) -- the mask belongs to gamma * n, the value before the relu
#| dm = dh -- the relu's mask is left out
    dgamma = (dm * n).sum(axis=0)
#| dgamma = (dm * z).sum(axis=0) -- gamma multiplies n, not z
    dn = dm * gamma
#| dn = dm -- gamma is left out
    dz = (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)) / std
#| dz = (dn - n * (dn * n).mean(axis=0)) / std -- the term through the mean is missing
#| dz = (dn - dn.mean(axis=0)) / std -- the term through the deviation is missing
    dW1 = X.T @ dz
    return {"dW2": dW2, "dgamma": dgamma, "dW1": dW1}
"""
LEVELS = {1: LEVEL_1, 2: LEVEL_2, 3: LEVEL_3}
NUMBERS = itertools.count(1)  # each puzzle is a file of its own, so that a report quotes its lines


def draw_inputs(level: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Return inputs for the code of a level."""
    if level == 1:
        return rng.normal(size=(5, 3)), rng.uniform(size=(5, 1)), rng.normal(size=(3, 1))
    if level == 2:
        shapes = ((6, 3), (6, 2), (3, 4), (4,), (4, 2), (2,))
        return tuple(rng.normal(size=shape) for shape in shapes)
    gamma = rng.uniform(0.5, 1.5, size=5) * rng.choice([-1, 1], size=5)
    return rng.normal(size=(8, 3)), rng.integers(0, 4, size=8), rng.normal(size=(3, 5)), gamma, rng.normal(size=(5, 4))


def code_and_slips(text: str) -> tuple[list[str], list[tuple[int, str, str]]]:
    """Return the lines of a level's code, and its slips: the position of a line, the wrong line, the mistake."""
    lines: list[str] = []
    slips = []
    for line in text.strip("\n").splitlines():
        if line.startswith("#| "):
            wrong, _, mistake = line.removeprefix("#| ").partition(" -- ")
            slips.append((len(lines) - 1, wrong, mistake))
        else:
            lines.append(line)
    return lines, slips


@dataclass(frozen=True)
class Puzzle:
    """A backward pass with one wrong line.

    Attributes
    ----------
    forward, backward : callable
        The code as two functions of `*inputs`, for `mg.verify(puzzle.forward, puzzle.backward, *puzzle.inputs)`.
    inputs : tuple of arrays
        Data on which the mistake shows.
    source : str
        The code, its lines numbered.
    """

    level: int
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: tuple[Any, ...]
    source: str
    _line: int
    _mistake: str
    _right: str

    def guess(self, line: int) -> str:
        """Return whether the mistake is in this line of the source, and what it is."""
        count = len(self.source.splitlines())
        if not isinstance(line, int) or not 1 <= line <= count:
            return f"There is no line {line!r}: give a number from 1 to {count}."
        if line == self._line:
            return f"Right: {self._mistake}. The line should read: {self._right}"
        return f"Line {line} was not changed. Look further {'down' if line < self._line else 'up'}."

    def __repr__(self) -> str:
        return self.source


def puzzle(level: int = 1, seed: int | None = None) -> Puzzle:
    """Return a backward pass with one planted mistake.

    Parameters
    ----------
    level : int
        1 (one layer), 2 (two layers with biases) or 3 (batch norm, relu, softmax).
    seed : int, optional
        The same seed gives the same puzzle.

    Raises
    ------
    ValueError
        If there is no such level.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> p = puzzle(level=1, seed=2)
    >>> bool(mg.verify(p.forward, p.backward, *p.inputs))
    False
    """
    if level not in LEVELS:
        raise ArgumentError(f"level={level!r}: there are the levels 1, 2 and 3.")
    rng = np.random.default_rng(seed)
    lines, slips = code_and_slips(LEVELS[level])
    at, wrong, mistake = slips[int(rng.integers(len(slips)))]
    right = lines[at].strip()
    lines[at] = lines[at].replace(right, wrong)
    text = "\n".join(lines) + "\n"
    name = f"puzzle_{next(NUMBERS)}"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"np": np}
    exec(compile(text, name, "exec"), scope)
    numbered = "\n".join(f"{i:2}  {line}" for i, line in enumerate(lines, 1))
    return Puzzle(level, scope["forward"], scope["backward"], draw_inputs(level, rng), numbered, at + 1, mistake, right)
