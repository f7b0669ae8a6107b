"""Convolutions against loops that do what the definition says; transposes, parts, every order; wrong sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg
from micrograd_np.ops import convolution

from .exactly import check, function, whole
from .functions import check_derivatives, drawn


def by_loops(x, w, bias, stride, padding, dilation, groups):
    """A convolution of images, one product at a time."""
    (n, _, height, width), (outs, ins, rows, columns) = x.shape, w.shape
    up, left = padding
    out_height = (height + 2 * up - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    out_width = (width + 2 * left - dilation[1] * (columns - 1) - 1) // stride[1] + 1
    z = np.zeros((n, outs, out_height, out_width))
    for image, o, i, j in np.ndindex(z.shape):
        z[image, o, i, j] = bias[o]
        first = o // (outs // groups) * ins
        for channel, a, b in np.ndindex(ins, rows, columns):
            row = i * stride[0] + a * dilation[0] - up
            column = j * stride[1] + b * dilation[1] - left
            if 0 <= row < height and 0 <= column < width:
                z[image, o, i, j] += w[o, channel, a, b] * x[image, first + channel, row, column]
    return z


def transposed_size(*each):
    return [(n - 1) * s + k - 2 * p + more for n, k, s, p, more in zip(*each, strict=True)]


def transposed_by_loops(x, w, bias, stride, padding, output_padding, groups):
    """Each entry of x lays down a kernel, one product at a time."""
    (n, c, height, width), (_, outs, rows, columns) = x.shape, w.shape
    size = transposed_size((height, width), (rows, columns), stride, padding, output_padding)
    z = np.zeros((n, outs * groups, *size)) + np.reshape(bias, (-1, 1, 1))
    for image, channel, i, j in np.ndindex(x.shape):
        first = channel // (c // groups) * outs
        for o, a, b in np.ndindex(outs, rows, columns):
            row = i * stride[0] + a - padding[0]
            column = j * stride[1] + b - padding[1]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                z[image, first + o, row, column] += x[image, channel, i, j] * w[channel, o, a, b]
    return z


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw):
    """x, weight, bias and how they are convolved; all numbers whole, so that sums have no rounding."""
    groups, kernel, dilation, padding = draw(st.integers(1, 3)), draw(pairs(1, 3)), draw(pairs(1, 2)), draw(pairs(0, 2))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [n + draw(st.integers(0, 3)) for n in least]
    ins, outs = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    x, w = whole((draw(st.integers(0, 2)), ins * groups, *size)), whole((outs, ins, *kernel))
    return x, w, whole((outs,)), draw(pairs(1, 3)), padding, dilation, groups


@settings(deadline=None)
@given(convolutions())
def test_conv2d_is_what_the_loops_say(case):
    x, w, bias, *how = case
    z = mg.conv2d(x, w, bias, *how)
    np.testing.assert_array_equal(z, by_loops(x, w, bias, *how))


@settings(deadline=None)
@given(convolutions(), pairs(0, 2))
def test_conv_transpose2d_is_what_the_loops_say(case, more):
    x, w, _, stride, padding, _, groups = case
    y = whole((len(x), len(w), *mg.conv2d(x, w, None, stride, padding, 1, groups).shape[2:]))
    bias = whole((w.shape[1] * groups,))
    more = tuple(min(m, s - 1) for m, s in zip(more, stride, strict=True))
    arguments = (y, w, bias, stride, padding, more, groups)
    if min(transposed_size(y.shape[2:], w.shape[2:], stride, padding, more)) > 0:
        np.testing.assert_array_equal(mg.conv_transpose2d(*arguments), transposed_by_loops(*arguments))
    else:
        with pytest.raises(ValueError, match="removes the whole result of"):
            mg.conv_transpose2d(*arguments)


@settings(deadline=None)
@given(convolutions())
def test_transposes(case):
    """⟨conv(x, w), y⟩ is one number, however it is reached."""
    x, w, _, stride, padding, dilation, groups = case
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    z = convolution.conv(x, w, **how)
    y = whole(z.shape) + 1
    number = np.sum(z * y)
    assert np.sum(x * convolution.conv_input(y, w, shape=x.shape[2:], **how)) == number
    assert np.sum(w * convolution.conv_weight(x, y, kernel=w.shape[2:], **how)) == number


# Shapes of x, w and bias, and what is done with them.
EXACT = [
    ([(2, 2, 5), (3, 2, 3), (3,)], "mg.conv1d(x, y, z, padding=1)"),
    ([(1, 2, 7), (4, 1, 2)], "mg.conv1d(x, y, stride=2, dilation=2, groups=2)"),
    ([(2, 2, 4, 3), (1, 2, 2, 2), (1,)], "mg.conv2d(x, y, z, padding=(1, 0))"),
    ([(1, 2, 4, 5), (2, 1, 3, 2)], "mg.conv2d(x, y, stride=(2, 1), padding=1, dilation=(1, 2), groups=2)"),
    ([(1, 2, 5), (2, 2, 4)], "mg.conv1d(x, y, padding='same', dilation=3)"),
    ([(1, 1, 2, 2, 3), (2, 1, 2, 1, 2)], "conv(x, y, padding=(0, 1, 0))"),
    ([(1, 2, 3), (2, 2, 3), (2,)], "mg.conv_transpose1d(x, y, z, stride=2, padding=1, output_padding=1)"),
    ([(1, 2, 2, 3), (2, 1, 2, 2), (2,)], "mg.conv_transpose2d(x, y, z, stride=(1, 2), groups=2)"),
]


@pytest.mark.parametrize(("shapes", "expression"), EXACT)
def test_gradients_are_exact(shapes, expression):
    check(function(expression, conv=convolution.conv), *[whole(shape) for shape in shapes])


@pytest.mark.parametrize("part", [0, 1])
def test_second_order_mixes_input_and_kernel(part):
    """The derivative in w of the derivative in x: a nonlinear function of both at once."""
    x, w = drawn(1, 2, 4, 3), drawn(2, 1, 2, 2)

    def f(moved):
        images, kernel = (moved, w) if part == 0 else (x, moved)
        both = mg.conv2d(images * images, mg.conv2d(kernel, kernel[:1]) + kernel, padding=1, groups=2)
        return np.tanh(both)

    check_derivatives(f, (x, w)[part])


def test_one_kernel_of_one_row_is_numpys_correlate():
    x, w = drawn(9), drawn(4)
    ours = mg.conv1d(x[None, None], w[None, None], padding=3)[0, 0]
    np.testing.assert_allclose(ours, np.correlate(x, w, "full"), rtol=1e-13)


@pytest.mark.parametrize("cache", [1, 1700])
@pytest.mark.parametrize("stride", [1, 2])
def test_however_many_rows_at_a_time(monkeypatch, cache, stride):
    """1700 numbers are the windows in 3 of the 4 rows, 1 is less than those in one."""
    x, w = mg.Tensor(whole((5, 4, 4, 6)), requires_grad=True), mg.Tensor(whole((2, 2, 3, 3)), requires_grad=True)

    def run():
        z = mg.conv2d(x, w, padding=1, groups=2, stride=stride)
        return [z.data, *[g.data for g in mg.gradients(np.sum(z * z), [x, w])]]

    at_once = run()
    monkeypatch.setattr(convolution, "CACHE", cache)
    for ours, theirs in zip(run(), at_once, strict=True):
        np.testing.assert_array_equal(ours, theirs)


HOW = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


def test_whatever_the_order_in_memory():
    how = HOW | {"padding": (1, 1)}
    x, w, y = whole((3, 4, 5, 6)), whole((2, 4, 3, 3)), whole((3, 2, 5, 6))
    last_first = [np.asfortranarray(each) for each in (x, w, y)]
    for f in (
        lambda x, w, y: mg.conv2d(x, w, padding=1),
        lambda x, w, y: convolution.conv_input(y, w, shape=x.shape[2:], **how),
        lambda x, w, y: convolution.conv_weight(x, y, kernel=w.shape[2:], **how),
    ):
        np.testing.assert_array_equal(f(*last_first), f(x, w, y))


def test_float32_throughout_and_the_larger_dtype_of_two():
    x, w = drawn(2, 1, 5, 5).astype(np.float32), mg.Tensor(drawn(1, 1, 2, 2), dtype=np.float32, requires_grad=True)
    z = mg.conv2d(x, w, np.ones(1, np.float32))
    z.sum().backward()
    assert z.dtype == w.grad.dtype == np.float32
    assert mg.conv2d(x, w, np.ones(1)).dtype == mg.conv2d(drawn(2, 1, 5, 5), w).dtype == np.float64


Y = np.zeros((2, 4, 5, 5))
X, W = mg.Tensor(np.zeros((2, 3, 8, 8)), name="x"), mg.Tensor(np.zeros((4, 3, 3, 3)), name="w")
WRONG = [
    (lambda: mg.conv2d(X.data[0], W), r"conv2d takes x \(N, C, H, W\).*\(3, 8, 8\).*w \(4, 3, 3, 3\).*x\[None\]"),
    (lambda: mg.conv1d(X, W), r"conv1d takes x \(N, C, L\)"),
    (
        lambda: mg.conv2d(X, mg.Tensor(np.zeros((4, 2, 3, 3)))),
        r"conv2d with .* takes 2 channels on axis 1, and x \(2, 3, 8, 8\) float64 has 3",
    ),
    (lambda: mg.conv2d(X, W, groups=3), "groups=3 does not divide"),
    (lambda: mg.conv2d(X, W, groups=0), "groups=0 does not divide"),
    (lambda: mg.conv2d(X, W, groups=2), "groups=2 takes 6 channels"),
    (
        lambda: mg.conv2d(X, W, np.zeros(3)),
        r"bias \(3,\) float64 needs the shape \(4,\)",
    ),
    (lambda: mg.conv2d(X, W, stride=0), "stride must be a whole number of at least 1, not 0"),
    (
        lambda: mg.conv2d(X, W, stride=(1, 2, 3)),
        r"stride must be one number, or one for each of the 2 axes .* not \(1, 2, 3\)",
    ),
    (lambda: mg.conv2d(X, W, padding=1.5), "padding must be a whole number of at least 0, not 1.5"),
    (lambda: mg.conv2d(X, W, padding="some"), "conv2d: padding must be .*, 'same' or 'valid', not 'some'"),
    (lambda: mg.conv2d(X, W, stride=2, padding="same"), "conv2d: padding='same' needs a stride of 1"),
    (lambda: mg.conv2d(X, W, dilation=4), r"kernel of \(3, 3\) entries, dilation \(4, 4\), does not fit into \(8, 8\)"),
    (lambda: mg.conv_transpose2d(np.zeros((2, 4, 8, 8)), W, np.ones(1)), r"bias \(1,\) float64 needs the shape \(3,\)"),
    (lambda: mg.conv_transpose2d(X, W), r"conv_transpose2d with .* takes 4 channels on axis 1, and .* has 3"),
    (
        lambda: mg.conv_transpose2d(np.zeros((2, 4, 8, 8)), W, output_padding=1),
        r"output_padding=\(1, 1\) must be below the stride \(1, 1\)",
    ),
    (lambda: convolution.conv_input(Y, W, shape=(8, 8), **HOW), r"\(6, 6\) windows in \(8, 8\).*not \(5, 5\)"),
    (lambda: convolution.conv_weight(X, Y, kernel=(3, 3), **HOW), r"\(6, 6\) windows in \(8, 8\).*not \(5, 5\)"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_sizes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
