"""The cost of `verify`. The least processor time counts: other work on the machine does not."""

import os
import subprocess
import sys
import time

import pytest

from micrograd_np.checking import verify


def test_cost_on_the_articles_network(article, capsys):
    loss, rows = article
    wrong = {**rows, "l1_delta": rows["l1_error"]}
    right, found = fastest(lambda: verify(loss, rows)), fastest(lambda: verify(loss, wrong))
    with capsys.disabled():
        print(f"\nverify on the article's network: {right * 1e3:.0f} ms, {found * 1e3:.0f} ms with a mistake.")
    assert verify(loss, rows)
    assert [finding.row.label for finding in verify(loss, wrong).findings] == ["l1_delta"]


PERCEPTRON = """
import time
import numpy as np
import micrograd_np as mg

rng = np.random.default_rng(0)
x, labels = rng.normal(size=(64, 300)), np.eye(100)[rng.integers(0, 100, 64)]
W1, W2 = mg.Tensor(rng.normal(size=(300, 250)) / 17, True), mg.Tensor(rng.normal(size=(250, 100)) / 16, True)
h = np.tanh(x @ W1)
scores = h @ W2
e = np.exp(scores - np.max(scores.data, axis=1, keepdims=True))
p = e / np.sum(e, axis=1, keepdims=True)
loss = -np.sum(labels * np.log(p)) / 64
dscores = p.data / 64  # the one-hot is missing
dh = dscores @ W2.data.T
rows = {"W2": h.data.T @ dscores, "W1": x.T @ (dh * (1 - h.data**2))}
start = time.process_time()
report = mg.verify(loss, rows)
seconds = time.process_time() - start
assert {cause.kind for cause in report.findings[0].causes} == {"softmax without the one-hot"}, str(report)
assert {row.numeric for row in report.rows} == {"OK"}
print(W1.size + W2.size, seconds)
"""


@pytest.mark.slow
def test_cost_on_a_hundred_thousand_parameters(capsys):
    """In a process with one BLAS thread, since threads that wait for each other count as work."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", PERCEPTRON], env=env, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    count, seconds = found.stdout.split()
    with capsys.disabled():
        print(f"\nverify on {int(count):,} parameters: {float(seconds):.1f} s with a mistake.")


def fastest(f, rounds=5):
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        f()
        seconds.append(time.process_time() - start)
    return min(seconds)
