"""Pooling against loops over the windows; ties, padding, and what is said to wrong sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg

from .exactly import check, function, whole
from .functions import check_derivatives, drawn


def by_loops(reduce, x, kernel, stride, padding, dilation, fill):
    """Each window cut out of the padded image, and reduced on its own."""
    (up, left), (rows, columns) = padding, kernel
    wide = np.pad(x, ((0, 0), (0, 0), (up, up), (left, left)), constant_values=fill)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    starts = [range(0, n - r + 1, s) for n, r, s in zip(wide.shape[2:], reach, stride, strict=True)]
    z = np.zeros((*x.shape[:2], len(starts[0]), len(starts[1])))
    for i, top in enumerate(starts[0]):
        for j, side in enumerate(starts[1]):
            window = wide[:, :, top : top + reach[0] : dilation[0], side : side + reach[1] : dilation[1]]
            assert window.shape[2:] == (rows, columns)
            z[:, :, i, j] = reduce(window, axis=(2, 3))
    return z


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def poolings(draw):
    """x, and the kernel, stride, padding and dilation that it is pooled with."""
    kernel, stride, dilation = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(1, 2))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, r // 2)) for r in reach)
    size = [max(1, r - 2 * p) + draw(st.integers(0, 3)) for r, p in zip(reach, padding, strict=True)]
    return whole((draw(st.integers(0, 2)), 2, *size)) - 50, kernel, stride, padding, dilation


@settings(deadline=None)
@given(poolings())
def test_max_pool2d_is_what_the_loops_say(case):
    np.testing.assert_array_equal(mg.max_pool2d(*case), by_loops(np.max, *case, fill=-np.inf))


@settings(deadline=None)
@given(poolings())
def test_avg_pool2d_is_what_the_loops_say(case):
    x, kernel, stride, padding, dilation = case
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    how = (reach, stride, padding)
    np.testing.assert_allclose(mg.avg_pool2d(x, *how), by_loops(np.mean, x, *how, (1, 1), fill=0.0), rtol=1e-13)


EXACT = [
    ([(2, 2, 7)], "mg.max_pool1d(x, 3, 2, padding=1)"),
    ([(1, 2, 9)], "mg.max_pool1d(x, 2, dilation=3)"),
    ([(2, 1, 4, 6)], "mg.max_pool2d(x, 2)"),
    ([(1, 2, 5, 4)], "mg.max_pool2d(x, (3, 2), 1, (1, 0))"),
    ([(2, 2, 8)], "mg.avg_pool1d(x, 4, 2)"),
    ([(2, 1, 4, 6)], "mg.avg_pool2d(x, 2, padding=1)"),
    ([(2, 1, 4, 6)], "mg.avg_pool2d(x, (2, 4), 1)"),
]


@pytest.mark.parametrize(("shapes", "expression"), EXACT)
def test_gradients_are_exact(shapes, expression):
    check(function(expression), *[whole(shape) for shape in shapes])


@pytest.mark.parametrize("pool", [mg.max_pool2d, mg.avg_pool2d])
def test_overlapping_windows_in_second_order(pool):
    check_derivatives(lambda x: np.tanh(pool(np.exp(x), 3, 2, 1)), drawn(1, 2, 4, 5))


def test_the_largest_of_a_window_share_equally():
    x = np.array([[[3.0, 3.0, 1.0, 2.0, 2.0, 2.0]]])
    np.testing.assert_array_equal(mg.grad(lambda x: mg.max_pool1d(x, 3).sum())(x)[0, 0], [0.5, 0.5, 0, *[1 / 3] * 3])


@pytest.mark.parametrize("how", [(2, 2, 0), (3, 1, 1)])
def test_whatever_the_order_in_memory(how):
    x = whole((3, 2, 4, 6))
    z, pullback = mg.vjp(lambda x: mg.max_pool2d(x, *how), x)
    other_z, other_pullback = mg.vjp(lambda x: mg.max_pool2d(x, *how), np.asfortranarray(x))
    np.testing.assert_array_equal(other_z, z)
    for y in (whole(z.shape), np.asfortranarray(whole(z.shape))):
        np.testing.assert_array_equal(other_pullback(y)[0], pullback(y)[0])


def test_padding_is_never_the_largest():
    np.testing.assert_array_equal(mg.max_pool1d([[[-5.0, -7.0]]], 2, padding=1), [[[-5.0, -7.0]]])


def test_float32_throughout():
    x = mg.Tensor(drawn(1, 1, 4, 4), dtype=np.float32, requires_grad=True)
    for pool in (mg.max_pool2d, mg.avg_pool2d):
        z = pool(x, 2, 1, 1)
        z.sum().backward()
        assert z.dtype == x.grad.dtype == np.float32


WRONG = [
    (lambda: mg.max_pool2d(np.zeros((3, 8, 8)), 2), r"x \(N, C, H, W\), not .*\(3, 8, 8\).*x\[None\]"),
    (lambda: mg.avg_pool1d(np.zeros((8,)), 2), r"x \(N, C, L\), not"),
    (lambda: mg.avg_pool2d(np.zeros((1, 1, 8, 8)), 3, padding=2), "padding=2 is more than half of kernel_size=3"),
    (lambda: mg.max_pool2d(np.zeros((1, 1, 8, 8)), 2, padding=2), "padding=2 is more than half of kernel_size=2"),
    (lambda: mg.avg_pool2d(np.zeros((1, 1, 8, 8)), 9), r"kernel of \(9, 9\) entries.*does not fit into \(8, 8\)"),
    (lambda: mg.max_pool2d(np.zeros((1, 1, 8, 8)), 0), "at least 1"),
    (lambda: mg.max_pool1d(np.zeros((1, 1, 8)), 2, stride=0), "stride must be a whole number of at least 1, not 0"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_sizes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_padding_is_named_as_it_is_given():
    with pytest.raises(ValueError, match="padding=2 is more than half of kernel_size=3"):
        mg.nn.functional.max_pool1d(np.ones((1, 1, 8)), 3, padding=2)
    with pytest.raises(ValueError, match="kernel_size must be"):
        mg.nn.functional.max_pool2d(np.ones((1, 1, 8, 8)), 0)
