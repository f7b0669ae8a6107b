"""Numeric slopes: what the error bar says is true, over functions for which no single step size is right."""

import numpy as np
import pytest

from micrograd_np.checking.finite_differences import BASE, EPS, Measured, UnitVectors, estimate, slopes

# A function of one number, where, and its derivative there.
SMOOTH = {
    "exp": (np.exp, 1.0, np.e),
    "exp far out": (np.exp, 50.0, np.exp(50)),
    "log near its pole": (np.log, 1e-8, 1e8),
    "log of a large number": (np.log, 1e8, 1e-8),
    "sine": (np.sin, 1.0, np.cos(1)),
    "a fast sine": (lambda x: np.sin(3e4 * x), 0.3, 3e4 * np.cos(9e3)),
    "a sine with the step as its period": (lambda x: np.sin(2 * np.pi * x / BASE) * BASE, 0.0, 2 * np.pi),
    "cube": (lambda x: x**3, 0.0, 0.0),
    "a small term on a large one": (lambda x: 1e6 + np.sin(x), 1.0, np.cos(1)),
    "a bump": (lambda x: np.exp(-((x / 1e-4) ** 2)), 1e-4, -2e4 / np.e),
    "a corner nearby": (lambda x: np.maximum(x, 0), 1e-7, 1.0),
    "a corner at the first step": (lambda x: np.abs(x - 2.0**-10), 0.0, -1.0),
}


def at(f, x):
    point = np.array([x])
    what = Measured(lambda dtype: f, point, EPS)
    return estimate(what, list(UnitVectors(point, [0])), lambda found: 1e-9 * abs(found.value))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_error_is_within_the_bar_and_the_bar_is_small(name):
    f, x, derivative = SMOOTH[name]
    found = at(f, x)
    error, bar = abs(float(found.value[0, 0]) - derivative), float(found.bar[0, 0])
    assert error <= bar + 2e-16 * abs(derivative) + 1e-100
    assert bar <= 1e-5 * abs(derivative) + 1e-9
    assert not found.kinked.any()


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("step", [2.0**-4, 2.0**-10, 2.0**-16, 2.0**-22])
def test_at_each_step_the_bar_holds(name, step):
    f, x, derivative = SMOOTH[name]
    with np.errstate(all="ignore"):
        found = slopes(f, np.array([x]), [np.ones(1)], step, EPS)
    assert np.isinf(found.bar) or abs(found.value - derivative) <= found.bar


KINKS = {
    "abs": (np.abs, 0.0, -1.0, 1.0),
    "relu": (lambda x: np.maximum(x, 0), 0.0, 0.0, 1.0),
    "a slight corner": (lambda x: x + 1e-6 * np.abs(x), 0.0, 1 - 1e-6, 1 + 1e-6),
    "a corner in a curve": (lambda x: np.where(x > 1, np.exp(x), np.e + 2 * np.sin(x - 1)), 1.0, 2.0, np.e),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_kink_shows_its_two_slopes(name):
    f, x, left, right = KINKS[name]
    found = at(f, x)
    assert found.kinked.all()
    np.testing.assert_allclose([found.left[0, 0], found.right[0, 0]], [left, right], rtol=1e-9, atol=1e-9)
    low, high = found.bounds
    assert low <= left + 1e-12 and right <= high + 1e-12


@pytest.mark.parametrize("f", [np.sqrt, np.cbrt])
def test_where_there_is_no_slope_the_bar_says_so(f):
    assert np.isinf(at(f, 0.0).uncertainty).all()


def test_noise_widens_the_bar():
    rng = np.random.default_rng(0)
    noisy = [slopes(lambda x: x + 1e-7 * rng.normal(), np.ones(1), [np.ones(1)], 2.0**-10, EPS) for _ in range(300)]
    errors = np.array([abs(float(found.value[0, 0]) - 1) for found in noisy])
    bars = np.array([float(found.bar[0, 0]) for found in noisy])
    assert errors.max() > 1e-4
    assert np.mean(errors > bars) < 0.1
