"""Each example runs in a short form, prints its figures, and would fail here if it did not learn."""

import contextlib
import functools
import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from micrograd_np.data import readers

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
PAGE = ROOT / "docs" / "examples.md"
SHORT = {
    "01_two_layers": {},
    "02_three_layers": {"steps": 10_001},
    "03_alpha": {"steps": 500, "alphas": (0.01, 10, 1000)},
    "04_bias_units": {"steps": 800},
    "05_mini_batches": {"passes": 800},
    "06_delta_trimming": {"steps": 600, "thresholds": (0, 1e-4, 1e-2)},
    "07_layer_sizes": {"steps": 1000, "hidden": ((1,), (4,), (16,), (4, 4))},
    "08_regularization": {"steps": 700, "decays": (0, 0.01)},
    "09_dropout": {"steps": 700, "shares": (0, 0.5)},
    "10_momentum": {"steps": 300},
    "11_batch_normalization": {"steps": 500, "scales": (1, 100), "seeds": (0,)},
    "12_correlations": {},
    "custom_op": {"steps": 300},
    "digits": {"epochs": 3, "seeds": (0,)},
    "fashion": {"epochs": 2, "images": 600},
    "fit_curve": {"repeats": 40},
    "gpt": {"steps": 40, "length": 20},
    "newton": {"steps": 40},
}


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def ran(name):
    """The results of an example in its short form, and the text that it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        found = load(name).main(**SHORT[name])
    return found, out.getvalue()


def found(name):
    return ran(name)[0]


def printed(name):
    return ran(name)[1]


needs_fashion = pytest.mark.skipif(
    not Path(readers.FASHION_MNIST).is_dir(),
    reason="Fashion-MNIST is not on this machine: apt install dataset-fashion-mnist",
)
NAMES = [pytest.param(name, marks=needs_fashion) if name == "fashion" else name for name in SHORT]


def test_every_example_is_run():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_prints_its_figures(name):
    assert any(character.isdigit() for character in printed(name))


@pytest.mark.parametrize("name", SHORT)
def test_it_stands_on_the_page_of_examples(name):
    assert f"`{name}.py`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in SHORT if not SHORT[name]])
def test_the_page_shows_what_a_whole_run_prints(name):
    assert f"```text\n{printed(name).rstrip()}\n```" in PAGE.read_text(encoding="utf-8")


def test_two_layers_find_the_first_column():
    l1, syn0 = found("01_two_layers")
    assert np.abs(l1 - [[0], [0], [1], [1]]).max() < 0.01
    assert np.argmax(syn0) == 0
    assert "l1_error is -l1.grad to the last bit: True" in printed("01_two_layers")


def test_three_layers_print_the_articles_errors():
    assert printed("02_three_layers").startswith("Error:0.496410031903\nError:0.00858452565325\n")


def test_an_alpha_between_too_small_and_too_large_learns():
    slow, right, wild = (np.median(errors) for errors in found("03_alpha").values())
    assert right < 0.05
    assert min(slow, wild) > 0.45


def test_two_layers_need_a_bias_unit():
    errors = found("04_bias_units")
    assert errors["2 layers, with"] < 0.05
    assert errors["2 layers, without"] >= 0.125  # ½ off in one of four rows
    assert errors["3 layers, with"] < 0.1


def test_every_batch_size_learns_about_as_much_from_a_pass():
    errors = {key: np.median(errors) for key, errors in found("05_mini_batches").items()}
    assert max(errors[size, 800] for size in (1, 2, 4)) < 0.1
    assert errors[1, 200] > 0.3  # as many steps, of a quarter of the passes


def test_delta_trimming_stops_a_network_when_everything_is_trimmed():
    (free, none), (trimmed, few), (stopped, most) = found("06_delta_trimming").values()
    assert (none, 0 < few < 0.5, most > 0.9) == (0, True, True)
    assert np.median(free) < 0.1
    assert np.median(trimmed) < 0.1
    assert np.median(stopped) > 0.4


def test_one_hidden_unit_is_too_few():
    one, *enough = (np.median(errors) for errors in found("07_layer_sizes").values())
    assert one > 0.3
    assert max(enough) < 0.1


def test_weight_decay_is_worse_at_what_was_seen_and_better_at_what_was_not():
    (large, seen, unseen), (small, seen_with, unseen_with) = found("08_regularization").values()
    assert small < large
    assert seen < seen_with < 0.15
    assert unseen_with < unseen < 0.2


def test_dropout_is_worse_at_what_was_seen_and_better_at_what_was_not():
    (four, seen, unseen), (four_with, seen_with, unseen_with) = found("09_dropout").values()
    assert four < four_with
    assert seen < seen_with < 0.15
    assert unseen_with < unseen < 0.2


def test_momentum_is_a_larger_alpha():
    ends = {name: np.median(errors[-1]) for name, errors in found("10_momentum").items()}
    assert ends["alpha 1, momentum 0.9"] < 0.05 < 0.2 < ends["alpha 1"]
    assert ends["alpha 0.1, momentum 0.9"] == pytest.approx(ends["alpha 1"], rel=0.2)


def test_with_batch_normalization_the_inputs_units_do_not_matter():
    (ones, ones_with), (hundreds, hundreds_with) = found("11_batch_normalization").values()
    assert max(ones, ones_with, hundreds_with) < 0.15
    assert hundreds > 0.3
    assert hundreds_with == pytest.approx(ones_with, rel=0.01)


def test_training_makes_more_of_the_hidden_layers_correlations():
    before, after, error = found("12_correlations")
    assert np.abs(before).max() < 0.1 < 0.4 < np.abs(after).max()
    assert error < 0.02


def test_the_wrong_op_is_found_and_the_mended_one_learns():
    (wrong, right), losses = found("custom_op")
    assert (wrong.verdict, right.verdict) == ("WRONG", "OK")
    assert losses[-1] < losses[0] / 2


def test_digits_are_told():
    assert found("digits")[0] > 0.93


@needs_fashion
def test_clothes_are_told():
    history = found("fashion")
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.5


def test_without_the_clothes_it_says_where_they_are(tmp_path):
    command = [sys.executable, FOLDER / "fashion.py", tmp_path]
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{tmp_path} has no file train-images")
    assert "Traceback" not in ended.stderr


def test_the_oscillation_is_as_close_to_the_truth_as_its_errors_say():
    p, errors, shares = found("fit_curve")
    truth = load("fit_curve").TRUTH
    assert (np.abs(p - truth) < 3 * errors).all()
    assert (errors < 0.1).all()
    assert shares.mean() == pytest.approx(0.68, abs=0.08)


def test_the_gpt_learns_which_characters_follow():
    losses, unseen = found("gpt")
    assert np.mean(losses[-5:]) < 0.65 * losses[0]
    assert unseen < 0.65 * losses[0]


def test_newton_arrives_where_descent_has_not():
    newtons, descents, w = found("newton")
    assert newtons[-1] < 1e-12
    assert len(newtons) < 15
    assert len(descents) == 40
    assert 1e-3 < descents[-1] < descents[0] / 10
    assert np.isfinite(w).all()
