"""The shipped data are the published ones, and their license lies beside them."""

import sys
from importlib.resources import files

import numpy as np
import pytest

import micrograd_np as mg

# As the repository and Fisher's paper state them.
COUNTS = {"digits": [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], "iris": [50, 50, 50]}
MEANS = {"digits": 4.884165 / 16, "iris": (5.843 + 3.057 + 3.758 + 1.199) / 4}


@pytest.mark.parametrize(("name", "shape"), [("digits", (1797, 64)), ("iris", (150, 4))])
def test_the_numbers_are_the_published_ones(name, shape):
    X, y = getattr(mg.data, name)()
    assert X.shape == shape
    assert X.dtype == np.float64
    assert y.dtype == int
    assert np.bincount(y).tolist() == COUNTS[name]
    assert X.mean() == pytest.approx(MEANS[name], abs=5e-4)


def test_digits_are_from_0_to_1_in_sixteenths():
    X, _ = mg.data.digits()
    assert X.min() == 0
    assert X.max() == 1
    assert np.array_equal(X * 16, np.round(X * 16))


def test_the_two_flowers_are_as_in_fishers_paper():
    X, _ = mg.data.iris()
    assert X[[34, 37]].tolist() == [[4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1]]


@pytest.mark.parametrize(("name", "scale"), [("digits", 16), ("iris", 1)])
def test_they_equal_scikit_learns(name, scale):
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn (extra peers)")
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    ours, labels = getattr(mg.data, name)()
    assert np.array_equal(ours * scale, X)
    assert np.array_equal(labels, y)


def test_each_file_is_named_in_the_license():
    folder = files("micrograd_np.data") / "files"
    said = (folder / "LICENSE.txt").read_text(encoding="utf-8")
    names = {path.name for path in folder.iterdir()} - {"LICENSE.txt"}
    assert names == {"digits.csv.gz", "iris.csv"}
    assert all(name in said for name in names)
    assert "Creative Commons Attribution 4.0 International Public License" in said


def test_two_readings_share_no_memory():
    first, _ = mg.data.iris()
    first[:] = 0
    assert mg.data.iris()[0].any()


def test_data_are_imported_when_they_are_asked_for():
    import subprocess

    code = "import sys, micrograd_np as mg; print('micrograd_np.data' in sys.modules); mg.data.iris()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
