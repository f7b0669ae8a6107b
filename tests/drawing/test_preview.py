"""An array at a glance: the numbers of a tiny one, the spread of a large one, and whatever is strange in either."""

import numpy as np
import pytest

from micrograd_np.drawing.preview import LEVELS, STRANGE, STRIP, brief, preview

GRIDS = [
    (0.5, [["0.500"]]),
    (3, [["3"]]),
    (2.0, [["2"]]),
    (-0.0, [["0"]]),
    ([0.25, -1.5], [["0.25", "-1.50"]]),
    ([[1, 0], [0, 1]], [["1", "0"], ["0", "1"]]),
    ([[0.001], [12.0]], [["0.0"], ["12.0"]]),
    ([True, False], [["1", "0"]]),
    ([1.5 + 2j, -1j], [["1.50+2j", "0.00-1j"]]),
    ([1e-9, 0.0], [["1.0e-09", "0"]]),
    ([1e300], [["1.0e+300"]]),
    ([0, 1, 2, 3, 4, 5], [["0", "1", "2", "3", "4", "5"]]),
    ([float("nan"), 1.5], [["nan", "1.50"]]),
    ([float("inf"), float("-inf")], [["inf", "-inf"]]),
    ([np.float32(0.1)], [["0.100"]]),
]


@pytest.mark.parametrize(("values", "cells"), GRIDS, ids=[str(values) for values, _ in GRIDS])
def test_tiny_arrays_are_grids_of_numbers(values, cells):
    assert preview(np.array(values)).cells == cells


LINES = [
    (np.zeros((0, 3)), "empty"),
    (np.array(7.25), "7.25"),
    (np.arange(10.0), "[0 1 2 3 4 5 6 7 8 9]"),
    (np.arange(13.0), "0 … 12"),
    (np.array([0.1, -0.1]), "[0.100 -0.100]"),
    (np.arange(6.0).reshape(2, 3), "[0 1 2] [3 4 5]"),
    (np.tile([-1.25, 3.5], 7), "-1.25 … 3.50"),
    (np.array([1.0, np.nan, np.inf, np.nan]), "[1 nan inf nan]"),
    (np.array([1.0] * 10 + [np.nan, np.inf, np.nan]), "1 … 1, 2 nan, 1 inf"),
    (np.full(13, np.nan), "13 nan"),
    (np.array([3 + 4j, 0]), "[3+4j 0+0j]"),
    (np.array([3 + 4j, 0] * 7), "|·| 0 … 5"),
    (np.array([True, False]), "[1 0]"),
    (np.full(13, 1e308), "all 1.0e+308"),
    (np.full(13, np.inf), "all inf"),
    (np.array([0.0] * 10 + [-np.inf, np.inf, -np.inf]), "0 … 0, 1 inf, 2 -inf"),
    (np.tile([0.16011, 0.16012], 7), "0.160 … 0.160"),
]


@pytest.mark.parametrize(("values", "line"), LINES, ids=[line for _, line in LINES])
def test_one_line(values, line):
    assert brief(values) == line


def test_a_larger_array_is_a_strip_and_its_mean():
    seen = preview(np.arange(24.0).reshape(4, 6) - 12)
    assert seen.line == "-12 … 11, mean -0.500"
    assert seen.cells == [[""] * STRIP]
    assert seen.heat == [[-4, -4, -3, -2, -2, -1, 1, 1, 2, 3, 3, 4]]


@pytest.mark.parametrize(("mean", "shown"), [(1e-17, ", mean 0"), (1e-5, ", mean 1.0e-05")])
def test_what_rounding_leaves_of_a_mean_is_no_number(mean, shown):
    assert preview(np.tile([-1.0, 1.0], 8) + mean).line.endswith(shown)


def test_an_array_of_more_axes_is_a_strip_unless_it_has_few_numbers():
    assert preview(np.ones((1, 1, 2))).cells == [["1", "1"]]
    assert preview(np.ones((2, 2, 4))).cells == [[""] * STRIP]


def test_heat_grows_with_the_distance_from_zero_and_keeps_the_sign():
    levels = preview(np.array([-8.0, -1.0, 0.0, 8.0])).heat[0]
    assert levels == [-LEVELS, -1, 0, LEVELS]


def test_a_single_number_has_no_heat_as_there_is_nothing_to_compare_it_with():
    assert preview(np.array(5.0)).heat == [[0]]


@pytest.mark.parametrize("values", [[np.nan, 1.0], [np.inf, 0.0], [-np.inf]])
def test_what_is_no_number_stands_out(values):
    assert preview(np.array(values)).heat[0][0] == STRANGE
