"""Lines in a pipe, a bar on a terminal, nothing if quiet; and rich is imported for the bar alone."""

import contextlib
import io
import re
import subprocess
import sys

import pytest

from micrograd_np.training import loop

from .examples import accuracy, fitted

SCRIPT = """
import sys
import numpy as np
import micrograd_np as mg
from micrograd_np import nn, optim

rng = np.random.default_rng(0)
model = nn.Linear(2, 1, rng=rng)
mg.fit(model, nn.mse_loss, optim.SGD(model.parameters()), (np.eye(2), np.ones((2, 1))), epochs=2, rng=rng)
print([name for name in sys.modules if name.split('.')[0] == 'rich'])
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines(capsys):
    history = fitted(3, metrics={"accuracy": accuracy}, quiet=False)[2]
    pairs = zip(history["loss"], history["accuracy"], strict=True)
    wanted = [f"epoch {i}/3  loss {loss:.4g}  accuracy {hits:.4g}" for i, (loss, hits) in enumerate(pairs, start=1)]
    assert capsys.readouterr().out.splitlines() == wanted


@pytest.mark.parametrize(
    ("epochs", "said"),
    [(1, [1]), (20, list(range(1, 21))), (45, [1, *range(3, 46, 3)]), (50, [1, *range(3, 49, 3), 50])],
)
def test_a_long_training_does_not_fill_the_page(epochs, said, capsys):
    fitted(epochs, size=50, quiet=False)
    lines = capsys.readouterr().out.splitlines()
    assert [int(re.match(r"epoch (\d+)/", line)[1]) for line in lines] == said


def test_the_last_epoch_and_why_it_is_the_last_are_printed(capsys):
    history = fitted(100, size=50, quiet=False, on_epoch=lambda run: run.epoch == 3)[2]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [f"epoch 3/100  loss {history['loss'][2]:.4g}", "Ended by on_epoch after epoch 3."]
    assert len(lines) == 3


def test_quiet_is_quiet(capsys):
    fitted(2)
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    history = fitted(3, quiet=False)[2]
    shown = out.getvalue()
    assert "epoch 3/3" in shown
    assert f"loss {history['loss'][-1]:.4g}" in shown
    assert "\x1b[" in shown


def test_the_bar_moves_with_the_steps(monkeypatch):
    seen = []

    @contextlib.contextmanager
    def recorded(epochs, quiet):
        yield lambda done, figures: seen.append(done), lambda done, figures: seen.append(-done)

    monkeypatch.setattr(loop, "progress", recorded)
    fitted(2)
    assert seen == [0, 0, 0, 0, -1, 1.25, 1.5, 1.75, 2, -2]


def test_rich_is_not_imported_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
