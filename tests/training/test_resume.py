"""A training that was cut off and taken up again ends with the same bits as one that was not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

from .examples import STEPS, X, Y, accuracy, fitted, network, same

OPTIMISERS = {
    "SGD": lambda model: optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda model: optim.Adam(model.parameters(), lr=0.01),
    "AdamW": lambda model: optim.AdamW(model.parameters(), lr=0.01),
    "RMSprop": lambda model: optim.RMSprop(model.parameters(), lr=0.01, momentum=0.5),
    "Adagrad": lambda model: optim.Adagrad(model.parameters(), lr=0.05),
}
SCHEDULES = {
    "none": None,
    "cosine": lambda optimiser: optim.CosineAnnealingLR(optimiser, T_max=5),
    "plateau": lambda optimiser: optim.ReduceLROnPlateau(optimiser, factor=0.5, patience=0, threshold=0.5),
}


@pytest.mark.parametrize("scheduled", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_resume_gives_the_same_bits(make, scheduled, tmp_path):
    options = {"scheduled": scheduled, "validation": (X, Y), "patience": 4}
    whole = fitted(5, make, **options)
    path = tmp_path / "run.npz"
    fitted(2, make, checkpoint=path, **options)
    fitted(4, make, checkpoint=path, resume=True, **options)
    resumed = fitted(5, make, checkpoint=path, resume=True, **options)
    assert same(whole[0], resumed[0])
    assert same(whole[1], resumed[1])
    assert whole[2] == resumed[2]
    assert whole[2].ended == resumed[2].ended


KILLED = """
import os, signal, sys
from tests.training.examples import STEPS, fitted

def kill(run):
    if run.step == 2 * STEPS + 2:
        os.kill(os.getpid(), signal.SIGKILL)

fitted(4, checkpoint=sys.argv[1], on_step=kill)
"""


def test_a_run_that_was_killed_in_the_middle_of_an_epoch(tmp_path):
    path = tmp_path / "run.npz"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=root, check=False).returncode < 0
    assert mg.load(path)["epoch"] == 2
    resumed, whole = fitted(4, checkpoint=path, resume=True), fitted(4)
    assert same(resumed[0], whole[0])
    assert resumed[2] == whole[2]


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64])
def test_whatever_generator_draws(bits, tmp_path):
    path = tmp_path / "run.npz"
    whole = fitted(3, rng=np.random.Generator(bits(3)))
    fitted(1, rng=np.random.Generator(bits(3)), checkpoint=path)
    resumed = fitted(3, rng=np.random.Generator(bits(8)), checkpoint=path, resume=True)
    assert same(whole[0], resumed[0])


def test_a_checkpoint_of_each_epoch_is_one_line(tmp_path):
    fitted(3, on_epoch=lambda run: run.save(tmp_path / f"{run.epoch}.npz"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.npz", "2.npz", "3.npz"]
    resumed = fitted(3, checkpoint=tmp_path / "2.npz", resume=True)
    assert same(resumed[0], fitted(3)[0])


def test_steps_and_epochs_are_counted_on(tmp_path):
    path, counts = tmp_path / "run.npz", []
    fitted(2, checkpoint=path)
    fitted(3, checkpoint=path, resume=True, on_epoch=lambda run: counts.append((run.epoch, run.step)))
    assert counts == [(3, 3 * STEPS)]


def test_a_run_that_patience_ended_stays_ended(tmp_path):
    path = tmp_path / "run.npz"
    still = {"make": lambda model: optim.SGD(model.parameters(), lr=1e-12), "patience": 1, "checkpoint": path}
    first = fitted(500, **still)
    again = fitted(900, **still, resume=True)
    assert len(again[2]["loss"]) == len(first[2]["loss"]) < 500
    assert again[2].ended == first[2].ended
    assert same(first[0], again[0])


def test_a_metric_that_came_later_stands_at_its_epochs(tmp_path):
    path = tmp_path / "run.npz"
    fitted(2, checkpoint=path)
    more = {"metrics": {"accuracy": accuracy}}
    history = fitted(3, checkpoint=path, resume=True, **more)[2]
    assert np.isnan(history["accuracy"]).tolist() == [True, True, False]
    assert [line.split()[2] for line in repr(history).splitlines()[:3]] == ["accuracy", "nan", "nan"]
    without = fitted(4, checkpoint=path, resume=True)[2]
    assert np.isnan(without["accuracy"]).tolist() == [True, True, False, True]


def test_resume_without_a_checkpoint_is_refused():
    with pytest.raises(ValueError, match="resume=True goes on from a file: pass its path as checkpoint="):
        fitted(2, resume=True)


def test_without_a_file_resume_begins(tmp_path):
    assert same(fitted(2)[0], fitted(2, checkpoint=tmp_path / "run.npz", resume=True)[0])


def test_without_resume_a_checkpoint_is_begun_anew(tmp_path):
    path = tmp_path / "run.npz"
    fitted(3, checkpoint=path)
    history = fitted(2, checkpoint=path)[2]
    assert len(history["loss"]) == 2
    assert mg.load(path)["epoch"] == 2


def other_runs():
    wide = nn.Sequential(nn.Linear(3, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.3), nn.Linear(9, 2))
    yield wide, optim.Adam(wide.parameters()), r"layers\.0\.weight: \(8, 3\) float64 given, \(9, 3\) float64 needed"
    model = network()[0]
    yield model, optim.SGD(model.parameters(), momentum=0.9), r"missing: optimiser\.groups\.0\.momentum"


@pytest.mark.parametrize(("model", "optimiser", "message"), list(other_runs()), ids=["model", "optimiser"])
def test_a_checkpoint_of_another_run_changes_nothing(model, optimiser, message, tmp_path):
    path = tmp_path / "run.npz"
    fitted(1, checkpoint=path)
    before = model.state_dict(), optimiser.state_dict()
    options = {"epochs": 2, "rng": np.random.default_rng(0), "checkpoint": path, "resume": True, "quiet": True}
    with pytest.raises(mg.LoadError, match=message):
        mg.fit(model, nn.cross_entropy, optimiser, (X, Y), **options)
    for old, new in zip(before, (model.state_dict(), optimiser.state_dict()), strict=True):
        assert all(np.array_equal(old[name], new[name]) for name in old)


def test_what_is_no_run_is_said(tmp_path):
    path = tmp_path / "run.npz"
    mg.save(path, {"epoch": 3})
    with pytest.raises(mg.LoadError, match="missing: model"):
        fitted(2, checkpoint=path, resume=True)
