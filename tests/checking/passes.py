"""Backward passes by hand as people write them, right and with one slip each, from formulas of courses and papers.

A pass has inputs, a forward and a backward function, and for each slip the words that a right cause has (a pattern).
`pick(slip, right, name=wrong)` is the right value, or the wrong one under the slip's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
PASSES: list[Pass] = []


@dataclass
class Pass:
    """A backward pass: `build(slip)` gives (forward, backward), `slips` the pattern of each slip's cause."""

    name: str
    inputs: Callable[[Any], tuple[Any, ...]]
    build: Callable[[str], tuple[Any, Any]]
    slips: dict[str, str]


def passes(inputs: Callable[[Any], tuple[Any, ...]], **slips: str) -> Callable[[Any], Any]:
    def add(build: Callable[[str], tuple[Any, Any]]) -> Any:
        PASSES.append(Pass(build.__name__.replace("_", " "), inputs, build, slips))
        return build

    return add


def pick(slip: str, right: Any, **wrong: Any) -> Any:
    return wrong.get(slip, right)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(s: Array, axis: int = -1) -> Array:
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def turned(m: Array) -> Array:
    return np.swapaxes(m, -1, -2)


# Layers: the output's gradient is given.


@passes(
    lambda r: (r.normal(size=(5, 2, 3)), r.normal(size=(6, 4)), r.normal(size=4)),
    db_averaged="averaged|1/5", dw_turned="transposed", dw_over_n="1/5", db_all="summed over axis",
    dx_order="reshaped",
)  # fmt: skip
def affine_layer(slip):
    def forward(x, w, b):
        return x.reshape(len(x), -1) @ w + b, (x, w, b)

    def backward(dout, cache):
        x, w, _ = cache
        flat = x.reshape(len(x), -1)
        dx = pick(slip, (dout @ w.T).reshape(x.shape), dx_order=(dout @ w.T).reshape(5, 3, 2).transpose(0, 2, 1))
        dw = pick(slip, flat.T @ dout, dw_turned=dout.T @ flat, dw_over_n=flat.T @ dout / 5)
        return dx, dw, pick(slip, dout.sum(0), db_averaged=dout.mean(0), db_all=np.full(4, dout.sum()))

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 6)),),
    relu_mask="0 times|relu|missing|left out", swapped="other's side|other way round", hundredth="0.1 times|twice",
)  # fmt: skip
def leaky_relu(slip):
    high, low = pick(slip, (1, 0.1), relu_mask=(1, 0), swapped=(0.1, 1), hundredth=(1, 0.01))
    return lambda x: np.where(x > 0, x, 0.1 * x), lambda dout, x: dout * np.where(x > 0, high, low)


@passes(
    lambda r: (r.normal(size=(5, 6)),),
    cube="exponent 3", inner="inner derivative", root="left out", first_term="only its use|use in .* is missing",
)  # fmt: skip
def gelu_tanh(slip):
    c = np.sqrt(2 / np.pi)

    def backward(dout, x):
        t = np.tanh(c * (x + 0.044715 * x**3))
        du = pick(slip, c * (1 + 0.134145 * x**2), cube=c * (1 + 0.044715 * x**2), inner=1, root=1 + 0.134145 * x**2)
        return dout * pick(slip, 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du, first_term=0.5 * (1 + t))

    return lambda x: 0.5 * x * (1 + np.tanh(c * (x + 0.044715 * x**3))), backward


@passes(
    lambda r: (r.normal(size=(5, 6)),),
    sigmoid_alone="derivative of sigmoid", second="use in .* is missing", first="use in .* is missing",
)  # fmt: skip
def swish(slip):
    def backward(dout, x):
        s = sigmoid(x)
        whole = s + x * s * (1 - s)
        return dout * pick(slip, whole, sigmoid_alone=s * (1 - s), second=x * s * (1 - s), first=s)

    return lambda x: x * sigmoid(x), backward


@passes(
    lambda r: (2 * r.normal(size=(7, 4)) + 1, r.normal(size=4), r.normal(size=4)),
    n_missing="N is missing", variance="variance|var", no_xhat="not multiplied in", whole="7", raw="input stands",
    std="standard deviation", mean="mean is taken",
)  # fmt: skip
def batch_norm_closed(slip):
    def forward(x, gamma, beta):
        std = np.sqrt(x.var(axis=0) + 1e-5)
        xhat = (x - x.mean(axis=0)) / std
        return gamma * xhat + beta, (x, xhat, std, gamma)

    def backward(dout, cache):
        x, xhat, std, gamma = cache
        n, d = len(x), dout * gamma
        total = (d * xhat).sum(0)
        spread = pick(slip, xhat * total, variance=0, no_xhat=total, raw=x * total)
        dx = pick(slip, n * d, n_missing=d) - pick(slip, d.sum(0), mean=0) - spread
        dx = dx / (n * pick(slip, std, std=std**2))
        return pick(slip, dx, whole=n * dx), (dout * xhat).sum(0), dout.sum(0)

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 5)), r.normal(size=5), r.normal(size=5)),
    axis="wrong axis", sums="1/N is missing", variance="variance|var", gamma="gamma", beta="averaged|1/6",
)  # fmt: skip
def layer_norm(slip):
    def forward(x, gamma, beta):
        mean, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
        xhat = (x - mean) / np.sqrt(var + 1e-6)
        return gamma * xhat + beta, (xhat, np.sqrt(var + 1e-6), gamma)

    def backward(dout, cache):
        xhat, std, gamma = cache
        d = pick(slip, dout * gamma, gamma=dout)
        k = pick(slip, 1, axis=0)
        mean = pick(slip, np.mean, sums=np.sum)
        spread = pick(slip, xhat * mean(d * xhat, k, keepdims=True), variance=0)
        dx = (d - mean(d, k, keepdims=True) - spread) / std
        return dx, (dout * xhat).sum(0), pick(slip, dout.sum(0), beta=dout.mean(0))

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 6)),),
    unscaled="0.6|scale|factor", none="left out", twice="twice", inverted="other way round",
)  # fmt: skip
def dropout(slip):
    mask = (np.random.default_rng(9).random((5, 6)) < 0.6) / 0.6
    used = pick(slip, mask, unscaled=mask > 0, none=1, twice=mask * mask, inverted=(mask == 0) / 0.6)
    return lambda x: x * mask, lambda dout, x: dout * used


@passes(
    lambda r: (r.normal(size=(2, 3, 4, 6)),),
    average="evenly", everywhere="every entry", smallest="smallest",
)  # fmt: skip
def max_pool_2x2(slip):
    def forward(x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=3).max(axis=4), x

    def backward(dout, x):
        dx = np.zeros_like(x)
        for i, j, p, q in np.ndindex(dout.shape):
            at = np.s_[i, j, 2 * p : 2 * p + 2, 2 * q : 2 * q + 2]
            window = x[at]
            share = pick(slip, window == window.max(), average=0.25, everywhere=1, smallest=window == window.min())
            dx[at] += share * dout[i, j, p, q]
        return dx

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 2, 5, 5)), r.normal(size=(3, 2, 3, 3)), r.normal(size=3)),
    flipped="flipped", overwritten="assigned|overwrit|last gradient", bias="averaged|1/|0.0556", dw_over_n="1/2",
)  # fmt: skip
def convolution_in_loops(slip):
    def forward(x, w, b):
        out = np.zeros((len(x), len(w), 3, 3))
        for i in range(3):
            for j in range(3):
                out[:, :, i, j] = np.tensordot(x[:, :, i : i + 3, j : j + 3], w, axes=((1, 2, 3), (1, 2, 3))) + b
        return out, (x, w, b)

    def backward(dout, cache):
        x, w, _ = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        kernel = pick(slip, w, flipped=w[:, :, ::-1, ::-1])
        for i in range(3):
            for j in range(3):
                at = np.s_[:, :, i : i + 3, j : j + 3]
                part = np.tensordot(dout[:, :, i, j], kernel, axes=(1, 0))
                dx[at] = part if slip == "overwritten" else dx[at] + part
                dw += np.tensordot(dout[:, :, i, j], x[at], axes=(0, 0))
        return dx, pick(slip, dw, dw_over_n=dw / 2), pick(slip, dout.sum((0, 2, 3)), bias=dout.mean((0, 2, 3)))

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 2, 5, 5)), r.normal(size=(3, 2, 3, 3))),
    flipped="flipped", overwritten="assigned|overwrit", stride="shifted",
)  # fmt: skip
def convolution_recorded(slip):
    def forward(x, w):
        rows = []
        for i in range(3):
            rows.append(
                np.stack([np.einsum("ncij,fcij->nf", x[:, :, i : i + 3, j : j + 3], w) for j in range(3)], axis=-1)
            )
        return np.stack(rows, axis=2), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        kernel = pick(slip, w, flipped=w[:, :, ::-1, ::-1])
        for i in range(3):
            for j in range(3):
                at = np.s_[:, :, i : i + 3, j : j + 3]
                part = np.einsum("nf,fcij->ncij", dout[:, :, i, j], kernel)
                dx[at] = part if slip == "overwritten" else dx[at] + part
                dw += np.einsum("nf,ncij->fcij", dout[:, :, i, j], x[at])
        return pick(slip, dx, stride=np.roll(dx, 1, axis=3)), dw

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 4)), r.normal(size=(3, 5)), r.normal(size=(3, 5)),
               0.5 * r.normal(size=(4, 20)), 0.5 * r.normal(size=(5, 20)), r.normal(size=20)),
    no_tanh="left out", of_cell="stands where|given", output="nc stands", forget="nc stands|pc", as_sigmoid="sigmoid",
    no_slope="left out", gates="blocks", cell_lost="output nc|no gradient comes|is missing",
)  # fmt: skip
def lstm_step(slip):
    def forward(x, ph, pc, wx, wh, b):
        a = x @ wx + ph @ wh + b
        i, f, o, g = sigmoid(a[:, :5]), sigmoid(a[:, 5:10]), sigmoid(a[:, 10:15]), np.tanh(a[:, 15:])
        nc = f * pc + i * g
        nh = o * np.tanh(nc)
        return nh, nc, (x, ph, pc, wx, wh, i, f, o, g, nc)

    def backward(dnh, dnc, cache):
        x, ph, pc, wx, wh, i, f, o, g, nc = cache
        t = np.tanh(nc)
        dc = pick(slip, dnc, cell_lost=0) + dnh * o * pick(slip, 1 - t * t, no_tanh=1, of_cell=1 - nc * nc)
        df = dc * pick(slip, pc, forget=nc)
        do = dnh * pick(slip, t, output=nc)
        parts = [
            dc * g * i * (1 - i),
            df * pick(slip, f * (1 - f), no_slope=1),
            do * o * (1 - o),
            dc * i * pick(slip, 1 - g * g, as_sigmoid=g * (1 - g)),
        ]
        da = np.hstack(parts if slip != "gates" else [parts[k] for k in (1, 0, 2, 3)])
        return da @ wx.T, da @ wh.T, dc * f, x.T @ da, ph.T @ da, da.sum(0)

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 4, 6)), r.normal(size=(6, 5)), r.normal(size=(6, 5)), r.normal(size=(6, 3))),
    a_turned="transposed", diagonal="diagonal", axis="wrong axis", constant="constant", unscaled="left out",
    twice="twice", dk_turned="transposed", values="is missing",
)  # fmt: skip
def self_attention(slip):
    def forward(x, wq, wk, wv):
        q, k, v = x @ wq, x @ wk, x @ wv
        a = softmax(q @ turned(k) / np.sqrt(5))
        return a @ v, (x, wq, wk, wv, q, k, v, a)

    def backward(dout, cache):
        x, wq, wk, wv, q, k, v, a = cache
        dv = pick(slip, turned(a), a_turned=a) @ dout
        da = dout @ turned(v)
        axis = pick(slip, -1, axis=-2)
        ds = a * (da - (da * a).sum(axis=axis, keepdims=True))
        ds = pick(slip, ds, diagonal=da * a * (1 - a), constant=a * da) / pick(slip, np.sqrt(5), unscaled=1, twice=5)
        dq, dk = ds @ k, pick(slip, turned(ds), dk_turned=ds) @ q
        dx = dq @ wq.T + dk @ wk.T + pick(slip, dv @ wv.T, values=0)
        flat = [m.reshape(-1, m.shape[-1]) for m in (x, dq, dk, dv)]
        return dx, flat[0].T @ flat[1], flat[0].T @ flat[2], flat[0].T @ flat[3]

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 3)), np.array([0, 2, 2, 5, 1, 2])),
    overwritten="overwrit|keep the last", counts="divided by", first="use|first|only|samples",
)  # fmt: skip
def embedding_of_words(slip):
    def forward(table, words):
        return table[words], (table, words)

    def backward(dout, cache):
        table, words = cache
        d = np.zeros_like(table)
        if slip == "overwritten":
            d[words] += dout
        else:
            np.add.at(d, words, pick(slip, dout, first=dout * (np.arange(6) == 0)[:, None]))
        return pick(slip, d, counts=d / np.maximum(np.bincount(words, minlength=6), 1)[:, None])

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 5)), r.normal(size=(5, 5)), r.normal(size=(5, 5))),
    skip_lost="is missing", mask="other way round|1 minus", late="stands where|derivative", w2="left out|missing",
)  # fmt: skip
def residual_block(slip):
    def forward(x, w1, w2):
        z = x @ w1
        h = np.maximum(z, 0)
        return x + h @ w2, (x, w1, w2, z, h)

    def backward(dout, cache):
        x, w1, w2, z, h = cache
        dh = pick(slip, dout @ w2.T, w2=dout)
        dz = dh * pick(slip, z > 0, mask=z <= 0, late=x > 0)
        return dz @ w1.T + pick(slip, dout, skip_lost=0), x.T @ dz, h.T @ dout

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 4)), r.normal(size=(3, 5)), r.normal(size=(4, 5)) / 2, r.normal(size=(5, 5)) / 2,
               r.normal(size=(4, 5)) / 2, r.normal(size=(5, 5)) / 2),
    carry="missing|counts", slope="left out", candidate="is missing", sign="sign",
)  # fmt: skip
def gru_like_step(slip):
    def forward(x, h, wz, uz, wn, un):
        z = sigmoid(x @ wz + h @ uz)
        n = np.tanh(x @ wn + h @ un)
        return (1 - z) * n + z * h, (x, h, wz, uz, wn, un, z, n)

    def backward(dout, cache):
        x, h, wz, uz, wn, un, z, n = cache
        dz = dout * pick(slip, h - n, candidate=h, sign=h + n) * pick(slip, z * (1 - z), slope=1)
        dn = dout * (1 - z) * (1 - n * n)
        dh = dz @ uz.T + dn @ un.T + pick(slip, dout * z, carry=0)
        return dz @ wz.T + dn @ wn.T, dh, x.T @ dz, h.T @ dz, x.T @ dn, h.T @ dn

    return forward, backward


# Losses: their scale and sign are open, unless some rows are right.


@passes(
    lambda r: (r.normal(size=(5, 4)), r.normal(size=(9, 5)), r.integers(0, 4, 9)),
    margins="activation itself|itself", no_right="missing", right_sign="sign", not_averaged="9|left out",
    decay="1/2|missing|0.5",
)  # fmt: skip
def svm_with_decay(slip):
    def forward(W, X, y):
        s = X @ W
        right = s[np.arange(len(X)), y][:, None]
        margins = np.maximum(0, s - right + 1) * (np.arange(4) != y[:, None])
        return margins.sum() / len(X) + 0.3 * np.sum(W * W), margins

    def backward(W, X, y, margins):
        counts = pick(slip, (margins > 0) * 1.0, margins=margins.copy())
        counts[np.arange(9), y] = pick(slip, -1, no_right=0, right_sign=1) * counts.sum(1)
        return X.T @ counts / pick(slip, 9, not_averaged=1) + pick(slip, 0.6, decay=0.3) * W

    return forward, backward


@passes(
    lambda r: (r.normal(size=4), r.normal(size=(9, 4)), (r.random(9) < 0.5) * 1.0),
    not_averaged="9", slope_besides="twice", positives="missing", decay_twice="2 times|twice",
    decay_over_n="1/9|counts",
)  # fmt: skip
def logistic_regression(slip):
    def forward(w, X, y):
        p = sigmoid(X @ w)
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean() + 0.15 * np.sum(w**2), p

    def backward(w, X, y, p):
        e = pick(
            slip, (p - y) / 9, not_averaged=p - y, slope_besides=(p - y) * p * (1 - p) / 9, positives=(p - 1) * y / 9
        )
        return {"w": X.T @ e + pick(slip, 0.3, decay_twice=0.6, decay_over_n=0.3 / 9) * w}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 2)), r.normal(size=(12, 2))),
    means="number of its own|divided", every="summed over axis|spread|every|mask", half="", sign="",
)  # fmt: skip
def k_means(slip):
    def forward(centres, X):
        d = ((X[:, None] - centres[None]) ** 2).sum(-1)
        return d.min(1).sum(), d

    def backward(centres, X, d):
        one = np.eye(3)[d.argmin(1)]
        if slip == "every":
            one = np.ones_like(one)
        g = 2 * (one.sum(0)[:, None] * centres - one.T @ X)
        counts = np.maximum(one.sum(0), 1)[:, None]
        return {"centres": pick(slip, g, means=g / counts, half=g / 2, sign=-g)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 3)), r.normal(size=3), r.normal(size=5), r.normal(size=(7, 5))),
    encoder="missing", decoder="missing", slope="left out", averaged="averaged",
)  # fmt: skip
def tied_autoencoder(slip):
    def forward(W, b, c, X):
        h = sigmoid(X @ W + b)
        out = h @ W.T + c
        return ((out - X) ** 2).sum() / len(X), (h, out)

    def backward(W, b, c, X, cache):
        h, out = cache
        dout = 2 * (out - X) / len(X)
        dz = dout @ W * pick(slip, h * (1 - h), slope=1)
        first, second = X.T @ dz, dout.T @ h
        dW = pick(slip, first + second, encoder=first, decoder=second, averaged=(first + second) / 2)
        return {"W": dW, "b": dz.sum(0), "c": dout.sum(0)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 3)), r.normal(size=(5, 3)), r.normal(size=(6, 5))),
    mask="known is left out|left out", twice="2|counts twice|left out", decay_sign="sign", late="updated already",
)  # fmt: skip
def matrix_factorisation(slip):
    known = np.random.default_rng(6).random((6, 5)) < 0.6

    def forward(U, V, ratings):
        error = known * (ratings - U @ V.T)
        return 0.5 * (error**2).sum() + 0.05 * ((U**2).sum() + (V**2).sum()), error

    def backward(U, V, ratings, error):
        e = pick(slip, error, mask=ratings - U @ V.T, twice=2 * error)
        decay = pick(slip, 0.1, decay_sign=-0.1)
        dU = -e @ V + decay * U
        return {"U": dU, "V": -e.T @ pick(slip, U, late=U - 0.1 * dU) + decay * V}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 3)), r.normal(size=(6, 3))),
    constant="no gradient|constant|missing", exchanged="is the gradient of",
)  # fmt: skip
def cosine_distance(slip):
    def forward(u, v):
        nu, nv = np.sqrt((u * u).sum(1, keepdims=True)), np.sqrt((v * v).sum(1, keepdims=True))
        c = (u * v).sum(1, keepdims=True) / (nu * nv)
        return (1 - c).mean(), (nu, nv, c)

    def backward(u, v, cache):
        nu, nv, c = cache
        k = pick(slip, 1, constant=0)
        du, dv = -(v / (nu * nv) - k * c * u / nu**2) / 6, -(u / (nu * nv) - k * c * v / nv**2) / 6
        return pick(slip, (du, dv), exchanged=(dv, du))

    return forward, backward


# Further passes, from the formulas of papers and textbooks.


@passes(
    lambda r: (r.normal(size=(7, 4)), r.normal(size=(7, 4)), np.array([0, 3, 3, 5]), np.array([1, 2, 6, 0]),
               r.integers(0, 7, (4, 3))),
    negatives="missing|no gradient", positive_sign="1 minus|left out|derivative",
    one_negative="use|sample|only|alone|missing",
)  # fmt: skip
def skip_gram_negative_sampling(slip):
    def forward(V, U, centre, context, negative):
        v, u, n = V[centre], U[context], U[negative]
        good = sigmoid((v * u).sum(1))
        bad = sigmoid(-(v[:, None] * n).sum(2))
        return -np.log(good).sum() - np.log(bad).sum(), (v, u, n, good, bad)

    def backward(V, U, centre, context, negative, cache):
        v, u, n, good, bad = cache
        a = pick(slip, good - 1, positive_sign=good)[:, None]
        b = (1 - bad)[:, :, None]
        if slip == "one_negative":
            b = b * (np.arange(3) == 0)[:, None]
        dV, dU = np.zeros_like(V), np.zeros_like(U)
        np.add.at(dV, centre, a * u + pick(slip, (b * n).sum(1), negatives=0))
        np.add.at(dU, context, a * v)
        np.add.at(dU, negative, b * v[:, None])
        return {"V": dV, "U": dU}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 2)), 0.3 * r.normal(size=3), r.normal(size=3), 2 * r.normal(size=(10, 2))),
    mu_precision="left out|missing|twice", sigma_dims="counts|times|missing",
    mix="missing|softmax|constant|no gradient", means="number of its own|1/",
)  # fmt: skip
def gaussian_mixture(slip):
    def forward(mu, logs, mix, X):
        d = ((X[:, None] - mu) ** 2).sum(2)
        logp = np.log(softmax(mix)) - 2 * logs - 0.5 * d * np.exp(-2 * logs)
        top = logp.max(1, keepdims=True)
        total = np.log(np.exp(logp - top).sum(1)) + top[:, 0]
        return -total.sum(), (d, logp)

    def backward(mu, logs, mix, X, cache):
        d, logp = cache
        resp = softmax(logp)
        precision = np.exp(-2 * logs)
        weight = resp * pick(slip, precision, mu_precision=1)
        dmu = weight.sum(0)[:, None] * mu - weight.T @ X
        dmu = pick(slip, dmu, means=dmu / np.array([2, 3, 5])[:, None])
        dlogs = -(resp * (d * precision - pick(slip, 2, sigma_dims=1))).sum(0)
        dmix = -(resp.sum(0) - pick(slip, len(X), mix=0) * softmax(mix))
        return {"mu": dmu, "logs": dlogs, "mix": dmix}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(3, 3)), r.normal(size=(3, 4)), r.normal(size=3), np.array([0, 2, 1, 3, 3, 0])),
    last_step="only the last|use|missing|constant|no gradient", emission_first="missing|use",
    not_normalised="softmax|sum|constant|missing|left out",
)  # fmt: skip
def hidden_markov_model(slip):
    def forward(A, B, start, seen):
        a, b, s = softmax(A), softmax(B), softmax(start)
        alpha = s * b[:, seen[0]]
        alphas = [alpha]
        for o in seen[1:]:
            alpha = (alpha @ a) * b[:, o]
            alphas.append(alpha)
        return -np.log(alpha.sum()), (a, b, s, alphas)

    def backward(A, B, start, seen, cache):
        a, b, s, alphas = cache
        beta = np.ones(3) / alphas[-1].sum()
        da, db = np.zeros((3, 3)), np.zeros((3, 4))
        for t in range(len(seen) - 1, 0, -1):
            through = beta * b[:, seen[t]]
            if slip != "last_step" or t == len(seen) - 1:
                da += np.outer(alphas[t - 1], through)
            db[:, seen[t]] += beta * (alphas[t - 1] @ a)
            beta = a @ through
        if slip != "emission_first":
            db[:, seen[0]] += beta * s
        ds = beta * b[:, seen[0]]
        centre = pick(slip, 1, not_normalised=0)

        def of_softmax(p, g):
            return -p * (g - centre * (p * g).sum(-1, keepdims=True))

        return {"A": of_softmax(a, da), "B": of_softmax(b, db), "start": of_softmax(s, ds)}

    return forward, backward


@passes(
    lambda r: (0.5 + 0.1 * r.random(3), r.normal(size=8), r.normal(size=8)),
    trace_half="counts|times|missing|scale", sign="sign|counts", distance="missing|left out|twice|exponent|times",
)  # fmt: skip
def gaussian_process_length_scales(slip):
    def kernel(scale, x, z):
        d = (x[:, None] - x) ** 2
        return d, scale[0] * np.exp(-0.5 * d / scale[1] ** 2) + (scale[2] + 0.1) * np.eye(8)

    def forward(scale, x, y):
        K = kernel(scale, x, y)[1]
        return 0.5 * y @ np.linalg.inv(K) @ y + 0.5 * np.log(np.linalg.det(K))

    def backward(scale, x, y):
        d, K = kernel(scale, x, y)
        inverse = np.linalg.inv(K)
        a = inverse @ y
        G = 0.5 * (pick(slip, 1, trace_half=2) * inverse - pick(slip, 1, sign=-1) * np.outer(a, a))
        part = np.exp(-0.5 * d / scale[1] ** 2)
        dl = scale[0] * part * d / scale[1] ** pick(slip, 3, distance=2)
        return {"scale": np.array([(G * part).sum(), (G * dl).sum(), np.trace(G)])}

    return forward, backward


@passes(
    lambda r: (np.array([0.8, 0.3]), np.array([0.5, 0.4]), r.normal(size=(9, 2))),
    gain_sign="", carry="missing|no gradient|use", half="",
)  # fmt: skip
def exponential_filter(slip):
    def forward(a, b, y):
        m, loss, seen = 0.0 * y[0], 0.0, []
        for t in range(9):
            e = y[t] - m
            loss = loss + 0.5 * (e * e).sum()
            seen.append((m, e))
            m = a * m + b * y[t]
        return loss, seen

    def backward(a, b, y, seen):
        da, db, dm = np.zeros(2), np.zeros(2), np.zeros(2)
        for t in range(8, -1, -1):
            m, e = seen[t]
            da, db = da + dm * m, db + dm * y[t]
            dm = pick(slip, dm * a, carry=0) - e
        k = pick(slip, 1, gain_sign=-1, half=0.5)
        return {"a": k * da, "b": k * db}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 4)), r.normal(size=(6, 4)), r.normal(size=(6, 3))),
    half="", log_var="missing|use|counts|no gradient", exp_missing="left out|missing|exp", kl_sign="sign",
    noise="left out|missing|operand",
)  # fmt: skip
def variational_autoencoder_terms(slip):
    noise = np.random.default_rng(3).normal(size=(6, 4))
    out = np.random.default_rng(4).normal(size=(4, 3))

    def forward(mu, logv, target):
        z = mu + np.exp(0.5 * logv) * noise
        e = z @ out - target
        return 0.5 * (e**2).sum() + 0.5 * (np.exp(logv) + mu**2 - 1 - logv).sum(), e

    def backward(mu, logv, target, e):
        dz = e @ out.T
        k = pick(slip, 1, half=0.5)
        dmu = dz + pick(slip, 1, kl_sign=-1) * mu
        spread = dz * pick(slip, noise, noise=1) * 0.5 * np.exp(0.5 * logv)
        prior = 0.5 * (pick(slip, np.exp(logv), exp_missing=1) - 1)
        return {"mu": k * dmu, "logv": k * (spread + pick(slip, prior, log_var=0))}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 3)), r.normal(size=3), r.normal(size=(12, 5)), r.integers(0, 3, 12)),
    labels="one-hot|y", twice="derivative in it already", all_rows="every row|all labels", not_averaged="",
    bias="averaged|1/12",
)  # fmt: skip
def softmax_regression(slip):
    def forward(W, b, X, y):
        p = softmax(X @ W + b)
        return -np.log(p[np.arange(12), y]).mean(), p

    def backward(W, b, X, y, p):
        d = p.copy()
        if slip == "all_rows":
            d[:, y] -= 1
        elif slip != "labels":
            d[np.arange(12), y] -= 1
        d = pick(slip, d, twice=d * p * (1 - p)) / pick(slip, 12, not_averaged=1)
        return {"W": X.T @ d, "b": pick(slip, d.sum(0), bias=d.mean(0))}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 6)), r.normal(size=(6, 6)) / 2, r.normal(size=(6, 2)),
               r.normal(size=(5, 3, 4)), r.normal(size=(3, 2))),
    this_step="step after|stands where|result", slope="1-a|another|part", last="no gradient|use|missing|only",
    transposed="transpose",
)  # fmt: skip
def recurrent_network(slip):
    def forward(Wx, Wh, Wy, X, target):
        h, hs = np.zeros((3, 6)), [np.zeros((3, 6))]
        for t in range(5):
            h = np.tanh(X[t] @ Wx + h @ Wh)
            hs.append(h)
        e = h @ Wy - target
        return 0.5 * (e * e).sum(), (hs, e)

    def backward(Wx, Wh, Wy, X, target, cache):
        hs, e = cache
        dWx, dWh, dWy = np.zeros_like(Wx), np.zeros_like(Wh), hs[-1].T @ e
        dh = e @ Wy.T
        for t in range(4, -1, -1):
            h = hs[t + 1]
            dz = dh * pick(slip, 1 - h * h, slope=1 - h)
            dWx += X[t].T @ dz
            dWh += hs[pick(slip, t, this_step=t + 1)].T @ dz
            dh = dz @ pick(slip, Wh.T, transposed=Wh) * pick(slip, 1, last=0)
        return {"Wx": dWx, "Wh": dWh, "Wy": dWy}

    return forward, backward


@passes(
    lambda r: (r.normal(size=5), r.normal(size=(5, 3)), r.normal(size=(8, 5))),
    pairs="missing|counts|use|constant", square="missing|use|exponent|counts|stands",
    linear="left out|stands|missing|averaged|axis|value",
)  # fmt: skip
def factorisation_machine(slip):
    target = np.random.default_rng(5).normal(size=8)

    def forward(w, V, X):
        s = X @ V
        p = X @ w + 0.5 * ((s**2).sum(1) - ((X**2) @ (V**2)).sum(1))
        return 0.5 * ((p - target) ** 2).sum(), (s, p)

    def backward(w, V, X, cache):
        s, p = cache
        e = p - target
        dw = pick(slip, X.T @ e, linear=np.full(5, e.sum()))
        dV = X.T @ (e[:, None] * s) - pick(slip, (X**2).T @ e, square=X.T @ e)[:, None] * V * pick(slip, 1, pairs=0)
        return {"w": dw, "V": dV}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(6, 4)), r.normal(size=(6, 4)), r.normal(size=(6, 4))),
    negative_sign="sign", mask="left out|derivative|missing", two="",
)  # fmt: skip
def triplet_loss(slip):
    def forward(a, p, n):
        m = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1.0
        return np.maximum(m, 0).sum(), m

    def backward(a, p, n, m):
        k = pick(slip, 2, two=1) * pick(slip, (m > 0) * 1.0, mask=np.ones(6))[:, None]
        dn = k * (a - n)
        return {"a": k * (n - p), "p": -k * (a - p), "n": pick(slip, dn, negative_sign=-dn)}

    return forward, backward


@passes(
    lambda r: (r.normal(size=4) / 3, r.normal(size=(10, 4)), r.integers(0, 5, 10) * 1.0),
    exponential="exp|left out|derivative|missing", counts="missing|use|left out|no gradient", offset="left out of",
)  # fmt: skip
def poisson_regression(slip):
    def forward(w, X, y):
        eta = X @ w + 0.7
        return (np.exp(eta) - y * eta).sum()

    def backward(w, X, y):
        eta = X @ w + pick(slip, 0.7, offset=0)
        rate = pick(slip, np.exp(eta), exponential=1)
        return {"w": X.T @ (rate - pick(slip, y, counts=0))}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 3)), 0.3 * np.ones(3), r.normal(size=(6, 5)), r.normal(size=(6, 3))),
    bias_left="b is left out", cube="exponent 3|counts", dw_row="row 2|part",
)  # fmt: skip
def residual_and_cubes(slip):
    def forward(w, b, x, y):
        e = x @ w + b - y
        return (e**2).sum() + 0.1 * (w**3).sum()

    def backward(w, b, x, y):
        e = x @ w + pick(slip, b, bias_left=0) - y
        dw = 2 * x.T @ e + pick(slip, 0.3, cube=0.1) * w**2
        if slip == "dw_row":
            dw[2] *= 3
        return {"w": dw, "b": 2 * e.sum(0)}

    return forward, backward


@passes(
    lambda r: (2 * r.normal(size=(7, 4)) + 1, r.normal(size=4), r.normal(size=4)),
    root="left out|stands", n_of_mean="1/N|7", n_of_variance="1/N|7", gain="stands where xhat",
    mean_lost="mean is taken",
)  # fmt: skip
def batch_norm_in_stages(slip):
    def forward(x, gamma, beta):
        mean = x.mean(0)
        centred = x - mean
        var = (centred**2).mean(0)
        inverse = 1 / np.sqrt(var + 1e-5)
        xhat = centred * inverse
        return gamma * xhat + beta, (centred, inverse, xhat, gamma)

    def backward(dout, cache):
        centred, inverse, xhat, gamma = cache
        d = dout * gamma
        factor = pick(slip, -0.5 * inverse**3, root=-0.5 * inverse**2, n_of_variance=-3.5 * inverse**3)
        dvar = factor * (d * centred).sum(0)
        dcentred = d * inverse + 2 * centred * dvar / 7
        dmean = -dcentred.sum(0)
        dx = dcentred + pick(slip, dmean / 7, n_of_mean=dmean, mean_lost=0)
        return dx, (dout * pick(slip, xhat, gain=centred)).sum(0), dout.sum(0)

    return forward, backward


@passes(
    lambda r: (r.normal(size=(2, 3, 4, 4)), r.normal(size=3), r.normal(size=3)),
    sums="1/N is missing", axes="wrong axis", gain_left="left out",
)  # fmt: skip
def batch_norm_of_images(slip):
    def forward(x, gamma, beta):
        mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        std = np.sqrt(var + 1e-5)
        xhat = (x - mean) / std
        return gamma[:, None, None] * xhat + beta[:, None, None], (xhat, std, gamma)

    def backward(dout, cache):
        xhat, std, gamma = cache
        d = dout * pick(slip, gamma[:, None, None], gain_left=1)
        k = pick(slip, (0, 2, 3), axes=(0,))
        mean = pick(slip, np.mean, sums=np.sum)
        dx = (d - mean(d, k, keepdims=True) - xhat * mean(d * xhat, k, keepdims=True)) / std
        return dx, (dout * xhat).sum((0, 2, 3)), dout.sum((0, 2, 3))

    return forward, backward


@passes(
    lambda r: (r.normal(size=(4, 6)), r.normal(size=(6, 6)), r.normal(size=(6, 6)), r.normal(size=(6, 6))),
    width="0.7071", heads="reshaped", ds_turned="transposed",
)  # fmt: skip
def attention_of_two_causal_heads(slip):
    seen = np.tril(np.ones((4, 4))) > 0

    def split(m):
        return m.reshape(4, 2, 3).transpose(1, 0, 2)

    def joined(m):
        return m.transpose(1, 0, 2).reshape(4, 6)

    def forward(x, wq, wk, wv):
        q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
        a = softmax(np.where(seen, q @ turned(k) / np.sqrt(3), -1e9))
        return joined(a @ v), (x, wq, wk, wv, q, k, v, a)

    def backward(dout, cache):
        x, wq, wk, wv, q, k, v, a = cache
        g = split(dout)
        dv, da = turned(a) @ g, g @ turned(v)
        ds = a * (da - (da * a).sum(-1, keepdims=True)) / np.sqrt(pick(slip, 3, width=6))
        dq, dk = joined(ds @ k), joined(pick(slip, turned(ds), ds_turned=ds) @ q)
        dx = dq @ wq.T + dk @ wk.T + joined(dv) @ wv.T
        return dx, x.T @ dq, x.T @ dk, x.T @ pick(slip, joined(dv), heads=dv.reshape(4, 6))

    return forward, backward


@passes(
    lambda r: (r.normal(size=(7, 5)), r.normal(size=(5, 7)), np.array([1, 2, 4]), np.array([0, 3, 6])),
    one_hot="one-hot", averaged="1/3", first_lost="number 0|second half",
)  # fmt: skip
def word_vectors_with_a_full_softmax(slip):
    def forward(V, U, centre, context):
        h = V[centre]
        p = softmax(h @ U)
        return -np.log(p[np.arange(3), context]).sum(), (h, p)

    def backward(V, U, centre, context, cache):
        h, p = cache
        d = p - pick(slip, np.eye(7)[context], one_hot=0)
        dV = np.zeros_like(V)
        np.add.at(dV, centre, d @ U.T / pick(slip, 1, averaged=3))
        return {"V": dV, "U": h.T @ pick(slip, d, first_lost=d * (np.arange(3) > 0)[:, None])}

    return forward, backward


@passes(
    lambda r: (r.normal(size=(5, 4)), r.normal(size=(4, 3)), np.eye(3)[[0, 1, 2, 0, 1]]),
    double="evaluated at a", slope="left out", sums="", half="",
)  # fmt: skip
def sigmoid_outputs_with_square_errors(slip):
    def forward(X, W, Y):
        a = sigmoid(X @ W)
        return ((a - Y) ** 2).mean(), a

    def backward(X, W, Y, a):
        s = pick(slip, a * (1 - a), double=sigmoid(a) * (1 - sigmoid(a)), slope=1)
        return {"W": X.T @ (2 * (a - Y) * s / 15) * pick(slip, 1, sums=15, half=0.5)}

    return forward, backward
