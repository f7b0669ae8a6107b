"""Every row of the table proves its own rules, on the calls that the table itself describes."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

import micrograd_np as mg

from .cases import CASES, ROWS, cases
from .checks import check_first_order, check_second_order, cotangents_of, gradients, leaves, pull_back

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_that_cannot_be_tested_cannot_be_added(row):
    assert cases(row), f"{row.name} has rules and no example that draws an array: give it examples=[example(D(3, 4))]"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: mg.sigmoid(), r"sigmoid\(\) missing 1 required positional argument: 'x'"),
        (lambda t: mg.add(t), r"add\(\) missing 1 required positional argument: 'y'"),
        (lambda t: mg.exp(t, t), "exp: takes 1 arguments, not 2"),
        (lambda t: mg.add(t, t, t), "add: takes 2 arguments, not 3"),
        (lambda t: mg.add(t, t, out=t), "add: out= is not supported on Tensors. Results are new tensors"),
        (lambda t: mg.exp(t, dtype=float), "exp: dtype= is not supported on Tensors"),
        (lambda t: mg.sum(t, foo=1), "^sum: got an unexpected keyword argument 'foo'"),
        (lambda t: t.sum(0, 1, 2), "^sum: takes from 1 to 2 positional arguments but 4 were given"),
        (lambda t: mg.sigmoid(t, foo=1), "^sigmoid: got an unexpected keyword argument 'foo'"),
        (lambda t: mg.cumsum(t, foo=1), "^cumsum: got an unexpected keyword argument 'foo'"),
        (lambda t: mg.transpose(t, foo=1), "^transpose: got an unexpected keyword argument 'foo'"),
        (lambda t: mg.split(t), "^split: missing 1 required positional argument: 'indices_or_sections'"),
        (lambda t: mg.einsum(), "^einsum: missing 1 required positional argument: 'subscripts'"),
        (lambda t: mg.reshape(t), "^reshape: missing 1 required positional argument: 'shape'"),
    ],
)
def test_a_call_that_does_not_fit_a_row_says_so_in_its_name(call, message):
    with pytest.raises(TypeError, match=message):
        call(mg.Tensor([1.0, 2.0]))


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: MASKED * t,
        lambda t: t * MASKED,
        lambda t: MASKED + t,
        lambda t: np.add(MASKED, t),
        lambda t: MASKED @ t,
        lambda t: t.dot(MASKED),
        lambda t: MASKED - t,
        lambda t: np.where(t > 0, t, MASKED),
        lambda t: np.stack([t, MASKED]),
        lambda t: t.__iadd__(MASKED),
        lambda t: MASKED.copy().__iadd__(t),
        lambda t: mg.Tensor(MASKED),
        lambda t: t.assign(MASKED),
    ],
)
def test_a_masked_array_beside_a_tensor_is_refused(call):
    with pytest.raises(TypeError, match=r"would lose its mask.*x\.filled"):
        call(mg.Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize(
    "call",
    [
        lambda t, m: t * m,
        lambda t, m: m * t,
        lambda t, m: m @ t,
        lambda t, m: np.add(m, t),
        lambda t, m: mg.Tensor(m),
        lambda t, m: t.assign(m),
    ],
)
def test_a_matrix_with_a_product_of_its_own_is_refused(call):
    with pytest.raises(TypeError, match=r"np\.matrix .* np\.asarray"):
        call(mg.Tensor(np.ones((2, 2)), requires_grad=True), np.matrix([[1.0, 2.0], [3.0, 4.0]]))


def test_a_refusal_of_numpys_that_is_not_about_shapes_stays():
    with pytest.raises(ValueError, match="negative integer powers") as caught:
        mg.Tensor([1, 2, 3]) ** -1
    assert "astype(float)" in caught.value.__notes__[0]


def test_a_row_shows_its_parameters():
    assert list(inspect.signature(mg.sum).parameters) == ["a", "axis", "keepdims", "initial", "where"]


@each_case
def test_first_order(case):
    check_first_order(case)


@each_case
def test_second_order(case):
    check_second_order(case)


@pytest.mark.parametrize("case", [case for case in CASES if len(case.inputs) > 1], ids=lambda case: case.name)
def test_rules_read_arrays_and_tensors_together(case):
    """A second derivative in one argument, when the others are plain arrays: a rule then reads both kinds."""
    for place, number in itertools.product(range(len(case.inputs)), range(len(case.outputs(case.values)))):
        mixed, tensors = list(case.values), leaves(case.values)
        mixed[place] = leaves(case.values)[place]
        z, same = case.outputs(mixed)[number], case.outputs(tensors)[number]
        if isinstance(z, mg.Tensor) and z.requires_grad:
            z.backward(np.ones(z.shape, z.dtype), create_graph=True)
            same.backward(np.ones(z.shape, z.dtype))
            np.testing.assert_array_equal(mixed[place].grad.detach().data, tensors[place].grad)


@pytest.mark.parametrize("case", [case for case in CASES if case.row.examples], ids=lambda case: case.name)
def test_other_sizes(case):
    for other in case.resized():
        check_first_order(other)
        check_second_order(other)


def with_gaps(x):
    """The same numbers in every second place of a larger array, backwards."""
    spaced = np.zeros(tuple(2 * size for size in x.shape))[(..., *[slice(None, None, -2)] * x.ndim)]
    spaced[...] = x
    return spaced


LAYOUTS = {"transposed": lambda x: x.T.copy().T, "with gaps": with_gaps}


def gradient_of(case, values):
    """Inputs, cotangents and gradients of the row itself, at values of whatever layout and dtype."""
    inputs = leaves(values)
    outputs = case.outputs(inputs)
    pull_back(outputs, cotangents_of(outputs, case))
    return gradients(inputs)


@each_case
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_does_not_matter(case, layout):
    laid_out = gradient_of(case, [LAYOUTS[layout](x) for x in case.values])
    for ours, theirs in zip(laid_out, gradient_of(case, case.values), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13 * np.max(np.abs(theirs), initial=1))


@each_case
def test_float32_stays_float32(case):
    exact = gradient_of(case, case.values)
    halves = gradient_of(case, [x.astype(np.float32) for x in case.values])
    for x, ours, theirs in zip(case.values, halves, exact, strict=True):
        assert (ours.shape, ours.dtype) == (x.shape, np.float32)
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.max(np.abs(theirs), initial=1))
