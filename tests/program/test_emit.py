"""The text of a compiled program changes no bit, whatever the arrays' dtype, order and size."""

import numpy as np
import pytest

import micrograd_np as mg

from .bits import same

RNG = np.random.default_rng(0)
DTYPES = ["f2", "f4", "f8", "i4", "c16", "?", ">f8"]
LAYOUTS = {
    "a number": lambda dtype: RNG.normal(size=()).astype(dtype),
    "one": lambda dtype: RNG.normal(size=(1,)).astype(dtype),
    "none": lambda dtype: np.zeros((0, 2), dtype),
    "rows": lambda dtype: RNG.normal(size=(3, 2)).astype(dtype),
    "columns": lambda dtype: np.asfortranarray(RNG.normal(size=(3, 2)).astype(dtype)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("order", ["K", "C"])
def test_what_is_written(make, dtype, order):
    start = make(dtype)
    w, v = mg.Tensor(start), mg.Tensor(start)
    assert w.data.flags.f_contiguous == start.flags.f_contiguous

    def write(w, x):
        w.assign(w.data * x)

    compiled = mg.compile(lambda x: write(w, x))
    for _ in range(5):
        x = np.array(make(dtype), order=order)
        compiled(x)
        write(v, x)
        assert same(w, v)


def test_a_view_sees_what_is_written():
    w = mg.Tensor(np.ones((2, 3)))
    shown = w.detach().T

    @mg.compile
    def double():
        w.assign(w.data * 2)

    for count in range(1, 6):
        double()
        assert shown.data[2, 1] == w.data[1, 2] == 2**count


def mean_of_squares(x):
    loss = np.vdot(x, x) / 2
    return loss, loss / 3, -(loss * 0.1 - 7) + loss


def extremes(x):
    top = np.max(x)
    return top - np.min(x), top / 0.3, 1 / top, top * np.float32(0.1), np.sum(x) + top


NUMBERS = [mean_of_squares, extremes, lambda x: np.vdot(x, -x), lambda x: np.vdot(x, x[::-1]) * 2]


@pytest.mark.parametrize("f", NUMBERS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_arithmetic_of_numbers(f, dtype):
    for size in (1, 2, 3, 17, 100):
        compiled = mg.compile(lambda x: f(x * 1))
        for scale in (1, 1, 1, 0, -0.0, 3):
            x = RNG.normal(size=size).astype(dtype) * np.asarray(scale, dtype)
            with np.errstate(all="ignore"):
                assert same(compiled(x), f(mg.Tensor(x) * 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 2, 17])
def test_a_product_of_flat_arrays(dtype, size):
    square = mg.compile(lambda x, y: np.vdot(x * 2, y * 2))
    for start in (0, 0, 0, 1, -0.0):
        x, y = np.full(size, start, dtype), RNG.normal(size=size).astype(dtype)
        if dtype == "c16":
            y += 1j
        for a, b in ((x, y), (y, y[::-1]), (y, y)):
            assert same(square(a, b), np.vdot(a * 2, b * 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(), (1,), (7, 40)])
def test_gelu_and_its_slope_share_one_exponential(shape, dtype):
    def step(x):
        return mg.value_and_grad(lambda x: mg.gelu(x * 1, approximate="tanh").sum())(x)

    compiled = mg.compile(step)
    for seed in range(5):
        x = np.asarray(40 * np.random.default_rng(seed).normal(size=shape), dtype)
        assert same(compiled(x), step(x))
    (program,) = compiled.programs
    assert [each.op.name for each in program.simple.steps].count("exp") == 1
