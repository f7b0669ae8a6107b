"""At the edges of what they take, functions give NumPy's own values, dtypes and signs of zero."""

import warnings

import numpy as np
import pytest

import micrograd_np as mg

INF, NAN = np.inf, np.nan
SAME = {
    "modf of inf": (np.modf, np.array([INF, -INF, 1.5, -2.5, -0.0])),
    "a masked mean of float16": (
        lambda a: np.mean(a, where=np.array([True, True])),
        np.array([60000, 60000], np.float16),
    ),
    "a running sum of nothing": (lambda a: np.cumsum(a), np.array([])),
    "no degree of freedom": (lambda a: np.nanvar(a, axis=1, ddof=1), np.array([[1, NAN], [1, 2]])),
    "no deviation": (lambda a: np.nanstd(a, axis=1, ddof=2), np.array([[1, NAN], [1, 2]])),
    "a percentile between infinities": (lambda a: np.percentile(a, 30), np.array([[1, INF], [-INF, 3]])),
    "a percentile nearer to the upper entry": (lambda a: np.percentile(a, 61), np.array([0.1, 0.7, 0.2, 0.6])),
    "nanmax of large integers": (np.nanmax, np.array([2**53 + 1, 3])),
    "nanmin of large integers": (lambda a: np.nanmin(a, axis=0), np.array([[2**53 + 1, 3], [2**60, 5]])),
    "points of fewer axes": (
        lambda y: np.trapezoid(y, np.arange(12.0).reshape(3, 4) ** 2, axis=-1),
        np.arange(24.0).reshape(2, 3, 4),
    ),
    "points along the first axis": (
        lambda y: np.trapezoid(y, np.array([[0.0, 1.0], [1.0, 4.0], [3.0, 5.0]]), axis=0),
        np.arange(6.0).reshape(3, 2),
    ),
    "differences of truths": (np.diff, np.array([True, False, False])),
    "truths clipped": (lambda a: np.clip(a, None, 1), np.array([True, False, False])),
}


@pytest.mark.parametrize("case", SAME)
def test_as_numpy(case):
    f, a = SAME[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = f(a)
    given = f(mg.Tensor(a))  # without a warning
    for ours, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (given, wanted)), strict=True):
        values = np.asarray(ours)
        assert values.dtype == np.asarray(theirs).dtype
        np.testing.assert_array_equal(values, theirs)
        assert np.array_equal(np.signbit(values), np.signbit(theirs))


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="np.cumulative_sum is new in NumPy 2.1")
def test_a_running_sum_of_nothing_has_its_initial_value():
    for a, axis in ((np.array([]), 0), (np.ones((2, 0), np.float32), 1)):
        ours = np.cumulative_sum(mg.Tensor(a), axis=axis, include_initial=True)
        theirs = np.cumulative_sum(a, axis=axis, include_initial=True)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.data, theirs)


def test_the_logarithm_of_a_sum_with_inf_does_not_warn():
    assert mg.logsumexp(mg.Tensor([INF, 1000.0])).item() == INF


def test_a_negative_choice_is_refused_as_by_numpy():
    choices = [mg.Tensor([1.0, 2.0]), mg.Tensor([3.0, 4.0])]
    with pytest.raises(ValueError, match="counts the choices from 0"):
        np.choose([-1, 0], choices)


@pytest.mark.parametrize("options", [{"kernel_size": 2, "padding": 1}, {"kernel_size": 3, "padding": 1}])
def test_images_of_integers_are_pooled_as_those_of_floats(options):
    x = np.arange(-8, 8).reshape(1, 1, 4, 4)
    ours, floats = (mg.nn.functional.max_pool2d(mg.Tensor(y), **options) for y in (x, x.astype(float)))
    assert ours.dtype == x.dtype
    assert np.array_equal(ours.data, floats.data)


def test_what_is_clipped_nowhere_stays():  # NumPy refuses it before 2.1
    assert np.array_equal(np.clip(mg.Tensor([1.0, 2.0]), None, None).data, [1, 2])
