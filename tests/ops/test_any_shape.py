"""Shapes and axes that nobody thought of: rows that broadcast, on what broadcasts; reductions, over whatever axes."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes, valid_tuple_axes

from micrograd_np.ops.primitive import Drawn, Elementwise, example

from .cases import ROWS, Case, cases, runs
from .checks import check_first_order, check_second_order

BROADCASTING = [row for row in ROWS if isinstance(row, Elementwise) and len(row.rules) > 1 and all(row.rules)]
REDUCTIONS = [row for row in ROWS if "keepdims" in inspect.signature(row.bind).parameters]

drawn = settings(max_examples=15, deadline=None, derandomize=True)


def check(case):
    assume(runs(case))
    check_first_order(case)
    check_second_order(case)


@pytest.mark.parametrize("row", BROADCASTING, ids=lambda row: row.name)
@drawn
@given(data=st.data())
def test_what_broadcasts(row, data):
    count = len(row.rules)
    shapes = data.draw(mutually_broadcastable_shapes(num_shapes=count, min_side=0, max_side=3, max_dims=3))
    slots = [
        Drawn(*shape, domain=slot.domain) for shape, slot in zip(shapes.input_shapes, cases(row)[0].slots, strict=True)
    ]
    check(Case(row, example(*slots), f"{row.name} of {shapes.input_shapes}"))


@pytest.mark.parametrize("row", REDUCTIONS, ids=lambda row: row.name)
@drawn
@given(data=st.data())
def test_over_any_axes(row, data):
    shape = data.draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    axis = data.draw(st.one_of(st.sampled_from([None, *range(-len(shape), len(shape))]), valid_tuple_axes(len(shape))))
    keepdims = data.draw(st.booleans())
    check(Case(row, example(Drawn(*shape), axis=axis, keepdims=keepdims), f"{row.name} of {shape}"))
