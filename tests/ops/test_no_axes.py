"""Arrays without axes: what NumPy takes as an axis of them is taken, and the gradient has no axes either."""

import inspect

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.ops import BY_FUNCTION

AXES = [None, 0, -1, (), (0,), (-1,), 1, -2, (0, 0)]

# Calls of functions that take more than the array and an axis.
CALLS = {
    "append": lambda f, x, axis: f(x, x, axis=axis),
    "argpartition": lambda f, x, axis: f(x, 0, axis=axis),
    "array_split": lambda f, x, axis: f(x, 1, axis=axis),
    "compress": lambda f, x, axis: f([True], x, axis=axis),
    "concatenate": lambda f, x, axis: f([x, x], axis=axis),
    "cross": lambda f, x, axis: f(x, x, axis=axis),
    "delete": lambda f, x, axis: f(x, 0, axis=axis),
    "partition": lambda f, x, axis: f(x, 0, axis=axis),
    "percentile": lambda f, x, axis: f(x, 30, axis=axis),
    "quantile": lambda f, x, axis: f(x, 0.3, axis=axis),
    "repeat": lambda f, x, axis: f(x, 2, axis=axis),
    "roll": lambda f, x, axis: f(x, 1, axis=axis),
    "rollaxis": lambda f, x, axis: f(x, axis),
    "split": lambda f, x, axis: f(x, 1, axis=axis),
    "stack": lambda f, x, axis: f([x, x], axis=axis),
    "take": lambda f, x, axis: f(x, 0, axis=axis),
    "take_along_axis": lambda f, x, axis: f(x, np.array(0), axis=axis),
    "vecdot": lambda f, x, axis: f(x, x, axis=axis),
}
OWN = {mg.logsumexp: np.max, mg.softmax: np.max, mg.log_softmax: np.max}  # accept what np.max accepts


def takes_axis(f):
    try:
        return "axis" in inspect.signature(f).parameters
    except ValueError:
        return False


NUMPYS = [f for f in BY_FUNCTION if getattr(f, "__module__", "numpy").startswith("numpy") and takes_axis(f)]
try:
    np.size(np.array(0.7), axis=0)
except np.exceptions.AxisError:
    pass
except IndexError:  # before NumPy 2.4, np.size of a plain array has no better words than these for a wrong axis
    NUMPYS.remove(np.size)
FUNCTIONS = sorted({f.__name__: f for f in NUMPYS}.items())


def shapes(z):
    return [np.shape(part) for part in z] if isinstance(z, tuple | list) else np.shape(z)


def call(f, x, axis):
    return CALLS.get(getattr(f, "__name__", ""), lambda f, x, axis: f(x, axis=axis))(f, x, axis)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("f", [*(f for _, f in FUNCTIONS), *OWN], ids=lambda f: getattr(f, "__name__", None) or f.name)
def test_what_numpy_takes_is_taken_and_the_rest_refused_in_words(f, axis):
    t = mg.Tensor(0.7, requires_grad=True, name="t")
    try:
        expected = shapes(call(OWN.get(f, f), np.array(0.7), axis))
    except Exception:
        with pytest.raises((ValueError, TypeError, IndexError)) as caught:
            call(f, t, axis)
        assert str(caught.value) not in ("tuple index out of range", "list index out of range")
        return
    z = call(f, t, axis)
    assert shapes(z) == expected
    first = z[0] if isinstance(z, tuple | list) else z
    if isinstance(first, mg.Tensor) and first.requires_grad:
        first.sum().backward(create_graph=True)
        assert t.grad.shape == ()
        assert np.isfinite(t.grad.data)


CASES = [
    (np.sum, 1),
    (np.prod, 1),
    (np.max, 1),
    (np.ptp, 0),
    (np.cumsum, 1),
    (np.cumprod, 1),
    (np.nansum, 1),
    (np.nanmean, 1),
    (mg.logsumexp, 1),
    (mg.softmax, 0),
    (mg.log_softmax, 0),
]


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize(("f", "slope"), CASES)
def test_gradients(f, slope, axis):
    t = mg.Tensor(2.0, requires_grad=True)
    f(t, axis=axis).sum().backward()
    assert (t.grad.shape, float(t.grad)) == ((), slope)
