"""Backward passes as students write them for courses, right and with the slips that they make."""

import numpy as np
import pytest

from micrograd_np.checking import verify

rng = np.random.default_rng(0)
N, BLOCK, LETTERS, WIDTH = 16, 3, 9, 4
CONTEXTS, TARGETS = rng.integers(0, LETTERS, (N, BLOCK)), rng.integers(0, LETTERS, N)
LANGUAGE_MODEL = {
    "C": rng.normal(size=(LETTERS, WIDTH)),
    "W1": rng.normal(size=(BLOCK * WIDTH, 10)) / 4,
    "b1": rng.normal(size=10) / 10,
    "gain": 1 + rng.normal(size=(1, 10)) / 10,
    "W2": rng.normal(size=(10, LETTERS)) / 4,
}


def language_model(C, W1, b1, gain, W2):
    """Embeddings, a linear layer, batch normalisation, tanh and a softmax, step by step."""
    emb = C[CONTEXTS]
    embcat = emb.reshape(N, -1)
    hprebn = embcat @ W1 + b1
    mean = hprebn.sum(0, keepdims=True) / N
    diff = hprebn - mean
    var = (diff**2).sum(0, keepdims=True) / (N - 1)
    inv = (var + 1e-5) ** -0.5
    raw = diff * inv
    h = np.tanh(gain * raw)
    logits = h @ W2
    shifted = logits - logits.max(1, keepdims=True)
    counts = np.exp(shifted)
    probs = counts / counts.sum(1, keepdims=True)
    return -np.log(probs[np.arange(N), TARGETS]).mean(), (emb, embcat, diff, var, inv, raw, h, probs)


def language_model_backward(C, W1, b1, gain, W2, cache, slip=None):
    emb, embcat, diff, var, inv, raw, h, probs = cache
    dlogits = probs.copy()
    if slip == "all rows":
        dlogits[:, TARGETS] -= 1
    elif slip == "one row":
        dlogits[0, TARGETS] -= 1
    elif slip == "added":
        dlogits[np.arange(N), TARGETS] += 1
    elif slip != "no one-hot":
        dlogits[np.arange(N), TARGETS] -= 1
    dlogits /= N
    dh = dlogits @ W2.T
    dz = dh * (1 - (gain * raw if slip == "pre-activation" else h) ** 2)
    draw = dz * gain
    dvar = (diff * draw).sum(0, keepdims=True) * -0.5 * (var + 1e-5) ** -1.5
    ddiff = draw * inv
    if slip != "variance constant":
        ddiff = ddiff + 2 * diff * dvar / (N if slip == "divided by N" else N - 1)
    dhprebn = ddiff if slip == "mean constant" else ddiff - ddiff.mean(0)
    demb = (dhprebn @ W1.T).reshape(emb.shape)
    dC = np.zeros_like(C)
    if slip == "fancy +=":
        dC[CONTEXTS] += demb
    else:
        np.add.at(dC, CONTEXTS, demb)
    return {
        "dC": dC,
        "dW1": embcat.T @ dhprebn,
        "db1": dhprebn.sum(0),
        "dgain": (dz * raw).sum(0, keepdims=True),
        "dW2": h.T @ dlogits,
    }


MODEL_SLIPS = {
    "no one-hot": "softmax without the one-hot",
    "all rows": "one-hot in all rows",
    "one row": "one-hot in one row",
    "added": "one-hot added",
    "pre-activation": "derivative of the wrong value",
    "variance constant": "taken as constant",
    "mean constant": "taken as constant",
    "divided by N": "scale",
    "fancy +=": "overwritten",
}


def test_a_gradient_that_cancels_is_no_alarm():
    """A bias in front of a normalisation has the gradient zero, up to rounding, by hand and on the tape."""
    report = verify(language_model, language_model_backward, *LANGUAGE_MODEL.values())
    assert report, str(report)
    assert {row.numeric for row in report.rows} == {"OK"}


@pytest.mark.parametrize("slip", MODEL_SLIPS)
def test_a_language_model(slip):
    def backward(C, W1, b1, gain, W2, cache):
        return language_model_backward(C, W1, b1, gain, W2, cache, slip)

    report = verify(language_model, backward, *LANGUAGE_MODEL.values())
    assert MODEL_SLIPS[slip] in {cause.kind for cause in report.findings[0].causes}, str(report)
    assert len(report.findings) == 1


CHARACTERS, HIDDEN, STEPS = 4, 6, 5
INPUTS, NEXT = [0, 2, 1, 3, 2], [2, 1, 3, 2, 0]
RECURRENT = [
    rng.normal(size=(HIDDEN, CHARACTERS)) / 2,
    rng.normal(size=(HIDDEN, HIDDEN)) / 2,
    rng.normal(size=(CHARACTERS, HIDDEN)) / 2,
    rng.normal(size=(HIDDEN, 1)),
]


def recurrent(Wxh, Whh, Why, bh):
    """Column vectors, one character a step."""
    hs, ps, loss = {-1: np.zeros((HIDDEN, 1))}, {}, 0
    for t in range(STEPS):
        hs[t] = np.tanh(Wxh[:, [INPUTS[t]]] + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t])
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][NEXT[t], 0])
    return loss, (hs, ps)


def recurrent_backward(Wxh, Whh, Why, bh, cache, slip=None):
    hs, ps = cache
    dWxh, dWhh, dWhy, dbh = (np.zeros_like(w) for w in (Wxh, Whh, Why, bh))
    dnext = np.zeros((HIDDEN, 1))
    for t in reversed(range(STEPS)):
        dy = ps[t].copy()
        if slip != "no one-hot":
            dy[NEXT[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dh = np.dot(Why.T, dy) + (0 if slip == "no time" else dnext)
        slope = {"sigmoid": hs[t] * (1 - hs[t]), "no slope": 1}.get(slip, 1 - hs[t] ** 2)
        dz = dh * slope
        dbh += dz
        dWxh[:, [INPUTS[t]]] += dz
        dWhh += np.dot(dz, hs[t if slip == "this step" else t - 1].T)
        dnext = np.dot(Whh if slip == "no transpose" else Whh.T, dz)
    found = [dWxh, dWhh, dWhy, dbh]
    return [np.clip(g, -0.3, 0.3) for g in found] if slip == "clipped" else found


RECURRENT_SLIPS = {
    "no one-hot": "softmax without the one-hot",
    "no time": "missing path",
    "sigmoid": "another's derivative",
    "no slope": "derivative left out",
    "this step": "operand",
    "no transpose": "transpose",
    "clipped": "clipped",
}


@pytest.mark.parametrize("slip", [None, *RECURRENT_SLIPS])
def test_a_recurrent_network(slip):
    def backward(Wxh, Whh, Why, bh, cache):
        return recurrent_backward(Wxh, Whh, Why, bh, cache, slip)

    report = verify(recurrent, backward, *RECURRENT)
    if slip is None:
        assert report, str(report)
    else:
        assert RECURRENT_SLIPS[slip] in {cause.kind for cause in report.findings[0].causes}, str(report)


def test_float32_weights_among_float64_data():
    x, y, w = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.normal(size=(3, 2)).astype(np.float32)

    def forward(w):
        return ((x.astype(np.float32) @ w - y.astype(np.float32)) ** 2).mean()

    def backward(w):
        return x.T @ (2 * (x @ w - y)) / y.size

    assert verify(forward, backward, w)
    assert not verify(forward, lambda w: -1.01 * backward(w) + 0.01, w)
