"""The words of reports: what is said of a mistake is true of the user's code, and in the user's own names."""

import numpy as np
import pytest

from micrograd_np.checking import verify

rng = np.random.default_rng(0)
Q, S, X, W = rng.normal(size=4), rng.normal(size=(4, 4)), rng.normal(size=(6, 4)), rng.normal(size=(4, 3))


def diffusion(u0, k):
    D = (np.eye(4, k=1) - np.eye(4))[:-1]
    M = np.eye(4) + 0.3 * D.T @ np.diag(k) @ D
    u = [u0]
    for _ in range(3):
        u.append(np.linalg.solve(M, u[-1]))
    loss = 0.5 * np.sum(u[-1] ** 2)
    g, dk = u[-1], np.zeros(3)
    for i in reversed(range(3)):
        g = np.linalg.solve(M.T, g)
        dk -= 0.3 * (D @ g) * (D @ u[i])  # right would be u[i + 1]
    return loss, g, dk


def rates(w, x, counts):
    log_rate = x @ w
    rate = np.exp(log_rate)
    return np.sum(rate - counts * log_rate), x.T @ (log_rate - counts)


def exponential(w, x):
    risk = np.exp(x @ w - 0.5)
    return np.log(np.sum(risk)), x.T @ (np.ones(len(x)) / np.sum(risk))


def direction(q, s):
    norm = np.linalg.norm(q)
    u = q / norm
    loss = u @ s @ u
    return loss, {"q": (s + s.T) @ u / norm}


def decayed(w, x):
    z = x @ w
    return np.sum(np.tanh(z)) + 0.1 * np.sum(w**2), x.T @ (1 - np.tanh(z) ** 2)


def filtered(a, c, ys):
    m, loss, steps = 0.5, 0.0, []
    for y in ys:
        mp = a * m
        v = y - c * mp
        loss = loss + v**2
        steps.append((m, mp, v))
        m = mp + 0.4 * v
    da = dc = dm = 0.0
    for m, mp, v in reversed(steps):
        dv = 0.4 * dm + 2 * v
        dc -= dv * mp
        dmp = dm - c * dv
        da += dmp * m
        dm = dmp  # right would be dmp * a
    return loss, da, dc


def weighted(x):
    pos, neg = 0.4 * np.tanh(x), 0.6 * np.sin(x)
    return np.sum(pos * pos + neg), 0.32 * np.tanh(x) * (1 - np.tanh(x) ** 2) + 0.4 * np.cos(x)


def affine(w, b, x):
    z = np.tanh(x @ w + b)
    return np.sum(z), x.T @ (1 - z**2), (1 - z**2).mean(axis=0)


def unknown(w, x):
    return np.sum(np.tanh(x @ w)), x.T @ np.cosh(x @ w) + 1.7


WORDS = {
    "the result of a step": (diffusion, (Q, np.ones(3)), ["the result of the step"], ["the the"]),
    "the derivative of exp": (
        rates,
        (Q, X, np.arange(6.0)),
        ["log_rate stands where rate belongs, as the derivative of exp"],
        ["belongs to a ="],
    ),
    "exp is no activation": (exponential, (Q, X), ["the derivative of exp is left out"], ["activation"]),
    "a norm is no regularisation": (direction, (Q, S), ["its use in norm is missing"], ["regularisation"]),
    "a regularisation": (decayed, (W, X), ["the gradient of the regularisation term `w**2`"], []),
    "variables of a loop": (filtered, (np.array(0.7), np.array(1.3), Q), ["in mp, each of the"], ["steps["]),
    "two constants": (weighted, (X[:, :3],), ["the gradient of neg is 0.6667 times"], ["axis"]),
    "an axis": (affine, (W, W[0], X), ["it is averaged over axis 0, not summed"], ["batch"]),
    "no cause": (unknown, (W, X), ["the cause is not recognised"], ["The cause is not recognised"]),
}


@pytest.mark.parametrize("what", WORDS)
def test_what_is_said(what):
    function, data, says, never = WORDS[what]
    report = verify(function, *data)
    assert report.verdict == "WRONG"
    assert all(text in report.headline() for text in says), str(report)
    assert not any(text in str(report) for text in never), str(report)
