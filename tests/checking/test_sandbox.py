"""The sandbox of edited functions: what can be copied, and what does not exist there."""

import functools
import itertools
import subprocess
import threading
from collections import namedtuple
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking.sandbox import Library, Sandbox, UncopiedError

A = np.arange(3.0)
LOG, Pair = [], namedtuple("Pair", "x y")


class Text(str):
    def save(self):
        LOG.append(self)


class vectorize:  # noqa: N801  the name of a class of NumPy's
    def __init__(self):
        LOG.append("made")


class Point(NamedTuple):
    x: float

    def save(self):
        LOG.append(self)


class Plain:
    scale = A

    def __init__(self):
        self.w, self.lock = A.copy(), threading.Lock()

    @property
    def doubled(self):
        return 2 * self.w

    def log(self):
        LOG.append(self.w)


def inner_write(x):
    def write():
        x.tofile("x.bin")

    return write


UNKNOWN = [Path, subprocess.run, threading.Lock(), LOG.append, np.save, np.memmap, np.random.rand, open, Text("a")]
UNKNOWN += [inner_write, Point, Point(1.0), itertools.count, itertools.cycle, np.array([{}], dtype=object)]


@pytest.mark.parametrize("x", UNKNOWN, ids=lambda x: getattr(x, "__name__", type(x).__name__))
def test_what_may_do_more_than_compute_is_not_copied(x):
    with pytest.raises(UncopiedError):
        Sandbox()(x)


KNOWN = [
    3,
    2.5,
    "text",
    None,
    np.exp,
    np.float64(2),
    np.einsum,
    np.linalg.norm,
    mg.sigmoid,
    Pair,
    functools.partial(max, 3),
]


@pytest.mark.parametrize("x", KNOWN, ids=lambda x: getattr(x, "__name__", type(x).__name__))
def test_what_computes_is_copied(x):
    made = Sandbox()(x)
    assert made is x or made(1) == x(1)


def test_an_array_is_a_view_that_cannot_be_written_to():
    made = Sandbox()([A])[0]
    assert np.shares_memory(made, A)
    with pytest.raises(ValueError, match="read-only"):
        made += 1
    assert A.flags.writeable


def test_a_class_is_copied_with_its_functions_and_without_what_is_unknown():
    LOG.clear()
    original, sandbox = Plain(), Sandbox()
    made = sandbox(original)
    made.log()
    assert not LOG
    assert isinstance(made, sandbox(Plain)) and not isinstance(made, Plain)
    assert not hasattr(made, "lock")
    np.testing.assert_array_equal(made.doubled, original.doubled)
    assert sandbox(vectorize) is not vectorize


def test_what_was_copied_has_one_copy():
    sandbox = Sandbox()
    held = {"a": A, "b": [A]}
    made = sandbox(held)
    assert made["a"] is made["b"][0]
    assert sandbox(made) is made


@pytest.mark.parametrize("name", ["save", "memmap", "random", "load", "f2py", "__builtins__"])
def test_a_library_shows_only_what_computes(name):
    with pytest.raises(AttributeError):
        getattr(Library(np), name)
    assert Library(np).linalg.norm is np.linalg.norm


@pytest.mark.parametrize("name", ["ndarray", "floating", "unwrap", "s_", "r_", "c_"])
def test_a_library_shows_what_computes(name):
    assert getattr(Library(np), name) is getattr(np, name)
