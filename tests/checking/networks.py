"""Five networks with their derivatives by hand, in which every step may be taken wrongly on purpose.

A network records its loss on the tape and works out its gradients by hand. `hand(name, right, **slips)` takes one step:
it gives the right value, or that of the one slip that is planted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import micrograd_np as mg

Array = Any
LR = 0.1


@dataclass
class Hand:
    """The steps of one backward pass, with at most one slip: (row, kind)."""

    slip: tuple[str, str] | None = None
    rows: dict[str, Array] = field(default_factory=dict)
    offered: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, name: str, right: Array, **slips: Callable[[], Array]) -> Array:
        """A step whose result is one of the rows."""
        self.rows[name] = self.hidden(name, right, **anywhere(right), **slips)
        return self.rows[name]

    def hidden(self, name: str, right: Any, **slips: Callable[[], Any]) -> Any:
        """A step that only other rows are made from."""
        self.offered += [(name, kind) for kind in slips]
        return slips[self.slip[1]]() if self.slip and self.slip[0] == name else right


def anywhere(g: Array) -> dict[str, Callable[[], Array]]:
    """Slips that may befall any gradient."""
    found = {
        "sign": lambda: -g,
        "twice as large": lambda: 2 * g,
        "never written": lambda: np.zeros_like(g),
        "rounded to integers": lambda: g.astype(int).astype(float),
        "clipped": lambda: np.clip(g, -np.median(np.abs(g)), np.median(np.abs(g))),
        "normalised": lambda: g / np.linalg.norm(g),
        "reversed": lambda: g[::-1],
        "shifted by one": lambda: np.roll(g, 1, axis=0),
        "squared": lambda: g * g,
    }
    if g.ndim == 2 and g.shape[0] == g.shape[1]:
        found["transposed"] = lambda: g.T
    if g.ndim == 2 and 1 not in g.shape:
        found["reshaped for transposed"] = lambda: g.T.reshape(g.shape)
    return found


def product(x: Array, g: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of a weight, x.T @ g."""
    n = len(x)
    return {
        "mean for sum": lambda: x.T @ g / n,
        "last sample only": lambda: np.outer(x[-1], g[-1]),
        "first sample only": lambda: np.outer(x[0], g[0]),
        "half of the batch": lambda: x[: n // 2].T @ g[: n // 2],
        "a sample missing": lambda: x[1:].T @ g[1:],
        "a sample twice": lambda: x.T @ g + np.outer(x[1], g[1]),
        "batch averaged first": lambda: np.outer(x.mean(0), g.sum(0)),
    }


def decay(g: Array, w: Array) -> dict[str, Callable[[], Array]]:
    return {"weight decay": lambda: g + 0.01 * w, "sign decay": lambda: g + 0.01 * np.sign(w)}


def bias(g: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of a bias, g.sum(0)."""
    found = {
        "mean for sum": lambda: g.mean(0),
        "last sample only": lambda: g[-1],
        "first sample only": lambda: g[0],
    }
    if g.shape[0] == g.shape[1]:
        found["summed over the wrong axis"] = lambda: g.sum(1)
    return found


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def slope(a: Array) -> Array:
    return a * (1 - a)


def tensors(**values: Array) -> list[mg.Tensor]:
    return [mg.Tensor(value, requires_grad=True, name=name) for name, value in values.items()]


def named(**values: Any) -> None:
    """The names of values that a function's own variables would give them, were it still running."""
    for name, value in values.items():
        value.name = name


def activation(g: Array, a: Array, z: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of what a sigmoid was given."""
    return {
        "derivative left out": lambda: g,
        "derivative twice": lambda: g * slope(a) ** 2,
        "slope of the pre-activation": lambda: g * slope(z),
        "derivative at the activation": lambda: g * slope(sigmoid(a)),
        "slope of tanh": lambda: g * (1 - a * a),
        "value for derivative": lambda: g * a,
        "part of the derivative": lambda: g * (1 - a),
    }


def article_two_layers(hand: Hand, rng: np.random.Generator) -> Any:
    """The article's 2-layer network: one weight matrix, deltas that are minus gradients."""
    X = rng.normal(size=(6, 3))
    y = rng.integers(0, 2, (6, 1))
    (syn0,) = tensors(syn0=2 * rng.random((3, 1)) - 1)
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    loss = ((y - l1) ** 2).sum() / 2
    named(l1=l1)

    a1, w0 = l1.data, syn0.data
    l1_error = hand("l1_error", y - a1)
    l1_delta = hand("l1_delta", l1_error * slope(a1), **activation(l1_error, a1, X @ w0))
    hand("syn0", X.T @ l1_delta, **product(X, l1_delta), **decay(X.T @ l1_delta, w0))
    return loss


def article_three_layers(hand: Hand, rng: np.random.Generator) -> Any:
    """The article's 3-layer network, with its own batch of four and its four hidden values."""
    X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0], [1], [1], [0]])
    syn0, syn1 = tensors(syn0=2 * rng.random((3, 4)) - 1, syn1=2 * rng.random((4, 1)) - 1)
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
    loss = ((y - l2) ** 2).sum() / 2
    named(l1=l1, l2=l2)

    a1, a2, w0, w1 = l1.data, l2.data, syn0.data, syn1.data
    l2_error = hand("l2_error", y - a2)
    l2_delta = hand("l2_delta", l2_error * slope(a2), **activation(l2_error, a2, a1 @ w1))
    hand(
        "syn1",
        a1.T @ l2_delta,
        **product(a1, l2_delta),
        **decay(a1.T @ l2_delta, w1),
        pre_activation_for_activation=lambda: (X @ w0).T @ l2_delta,
        error_for_delta=lambda: a1.T @ l2_error,
    )
    l1_error = hand("l1_error", l2_delta @ w1.T, after_the_update=lambda: l2_delta @ (w1 + LR * a1.T @ l2_delta).T)
    l1_delta = hand("l1_delta", l1_error * slope(a1), **activation(l1_error, a1, X @ w0))
    hand(
        "syn0",
        X.T @ l1_delta,
        **product(X, l1_delta),
        **decay(X.T @ l1_delta, w0),
        error_for_delta=lambda: X.T @ l1_error,
    )
    return loss


def mlp(hand: Hand, rng: np.random.Generator) -> Any:
    """Two hidden layers of one size, relu and dropout, biases, and the mean of squares."""
    N, D, H = 8, 5, 6
    X, Y = rng.normal(size=(N, D)), rng.normal(size=(N, 2))
    keep = 0.75
    mask = (rng.random((N, H)) < keep) / keep
    W1, W2, W3 = tensors(W1=rng.normal(size=(D, H)), W2=rng.normal(size=(H, H)) / 2, W3=rng.normal(size=(H, 2)) / 2)
    b1, b2, b3 = tensors(b1=rng.normal(size=H), b2=rng.normal(size=H), b3=rng.normal(size=2))
    z1 = X @ W1 + b1
    a1 = mg.relu(z1)
    d1 = a1 * mask
    z2 = d1 @ W2 + b2
    a2 = np.tanh(z2)
    out = a2 @ W3 + b3
    loss = np.mean((out - Y) ** 2)
    named(z1=z1, a1=a1, d1=d1, z2=z2, a2=a2, out=out)

    v1, v2, v3 = W1.data, W2.data, W3.data
    p1, h1, p2, h2 = z1.data, d1.data, z2.data, a2.data
    dout = hand(
        "dout",
        2 * (out.data - Y) / Y.size,
        batch_for_all=lambda: 2 * (out.data - Y) / N,
        absolute_error=lambda: np.sign(out.data - Y) / Y.size,
    )
    hand("dW3", h2.T @ dout, **product(h2, dout), **decay(h2.T @ dout, v3), wrong_layer=lambda: h1.T @ dout)
    hand("db3", dout.sum(0), **bias(dout))
    da2 = hand("da2", dout @ v3.T, after_the_update=lambda: dout @ (v3 - LR * h2.T @ dout).T)
    dz2 = hand(
        "dz2",
        da2 * (1 - h2**2),
        derivative_left_out=lambda: da2,
        derivative_twice=lambda: da2 * (1 - h2**2) ** 2,
        slope_of_the_pre_activation=lambda: da2 * (1 - p2**2),
        slope_of_sigmoid=lambda: da2 * h2 * (1 - h2),
        derivative_at_the_activation=lambda: da2 * (1 - np.tanh(h2) ** 2),
        square_outside=lambda: da2 * (1 - h2) ** 2,
        wrong_layer=lambda: da2 * (1 - h1**2),
    )
    hand(
        "dW2",
        h1.T @ dz2,
        **product(h1, dz2),
        **decay(h1.T @ dz2, v2),
        pre_activation_for_activation=lambda: p1.T @ dz2,
        mask_forgotten=lambda: a1.data.T @ dz2,
        activation_gradient=lambda: h1.T @ da2,
        another_layers=lambda: h2.T @ dz2,
    )
    hand("db2", dz2.sum(0), **bias(dz2))
    dd1 = hand(
        "dd1",
        dz2 @ v2.T,
        transpose_missing=lambda: dz2 @ v2,
        after_the_update=lambda: dz2 @ (v2 - LR * h1.T @ dz2).T,
    )
    da1 = hand(
        "da1",
        dd1 * mask,
        mask_forgotten=lambda: dd1,
        mask_without_its_scale=lambda: dd1 * (mask > 0),
    )
    dz1 = hand(
        "dz1",
        da1 * (p1 > 0),
        derivative_left_out=lambda: da1,
        mask_of_the_gradient=lambda: da1 * (da1 > 0),
        mask_of_another_layer=lambda: da1 * (p2 > 0),
        value_for_derivative=lambda: da1 * a1.data,
    )
    hand("dW1", X.T @ dz1, **product(X, dz1), **decay(X.T @ dz1, v1), activation_gradient=lambda: X.T @ da1)
    hand("db1", dz1.sum(0), **bias(dz1))
    return loss


def softmax_classifier(hand: Hand, rng: np.random.Generator) -> Any:
    """A hidden layer of tanh, a softmax and its cross-entropy, and a decay of the weights in the loss."""
    N, D, H, C = 7, 4, 5, 3
    X, Y = rng.normal(size=(N, D)), np.eye(C)[rng.integers(0, C, N)]
    W1, W2, b1, b2 = tensors(
        W1=rng.normal(size=(D, H)), W2=rng.normal(size=(H, C)), b1=rng.normal(size=H), b2=rng.normal(size=C)
    )
    decays = 0.05
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    logits = a1 @ W2 + b2
    e = np.exp(logits - np.max(logits.data, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    loss = -np.sum(Y * np.log(p)) / N + decays / 2 * (np.sum(W1**2) + np.sum(W2**2))
    named(z1=z1, a1=a1, logits=logits, p=p)

    q, h, v1, v2 = p.data, a1.data, W1.data, W2.data
    g = hand(
        "dlogits",
        (q - Y) / N,
        one_hot_missing=lambda: q / N,
        softmax_missing=lambda: -Y / N,
        not_averaged=lambda: q - Y,
        softmax_slope_twice=lambda: (q - Y) * q * (1 - q) / N,
        diagonal_of_the_softmax=lambda: -Y * (1 - q) / N,
        logits_for_probabilities=lambda: (logits.data - Y) / N,
    )
    hand(
        "dW2",
        h.T @ g + decays * v2,
        decay_missing=lambda: h.T @ g,
        decay_twice=lambda: h.T @ g + 2 * decays * v2,
        pre_activation_for_activation=lambda: z1.data.T @ g + decays * v2,
    )
    hand("db2", g.sum(0), **bias(g))
    da1 = hand("da1", g @ v2.T, after_the_update=lambda: g @ (v2 - LR * (h.T @ g + decays * v2)).T)
    dz1 = hand(
        "dz1",
        da1 * (1 - h * h),
        derivative_left_out=lambda: da1,
        derivative_twice=lambda: da1 * (1 - h * h) ** 2,
        slope_of_the_pre_activation=lambda: da1 * (1 - z1.data**2),
        slope_of_sigmoid=lambda: da1 * h * (1 - h),
        value_for_derivative=lambda: da1 * h,
    )
    hand(
        "dW1",
        X.T @ dz1 + decays * v1,
        decay_missing=lambda: X.T @ dz1,
        activation_gradient=lambda: X.T @ da1 + decays * v1,
    )
    hand("db1", dz1.sum(0), **bias(dz1))
    return loss


def batch_norm(hand: Hand, rng: np.random.Generator) -> Any:
    """A linear layer, batch normalization written out, a relu and a linear output."""
    N, D, H = 8, 4, 5
    X, Y = rng.normal(size=(N, D)), rng.normal(size=(N, 2))
    W1, gamma, beta, W2 = tensors(
        W1=rng.normal(size=(D, H)), gamma=rng.uniform(0.5, 1.5, H), beta=rng.normal(size=H), W2=rng.normal(size=(H, 2))
    )
    x = X @ W1
    mean = np.mean(x, axis=0)
    centred = x - mean
    var = np.mean(centred**2, axis=0)
    std = np.sqrt(var + 1e-5)
    unit = centred / std
    y = gamma * unit + beta
    a = mg.relu(y)
    out = a @ W2
    loss = np.sum((out - Y) ** 2) / N
    named(x=x, mean=mean, var=var, std=std, unit=unit, y=y, a=a, out=out)

    u, s, c = unit.data, std.data, centred.data
    dout = hand(
        "dout", 2 * (out.data - Y) / N, half=lambda: (out.data - Y) / N, not_averaged=lambda: 2 * (out.data - Y)
    )
    hand("dW2", a.data.T @ dout, **product(a.data, dout), **decay(a.data.T @ dout, W2.data))
    da = hand("da", dout @ W2.data.T, after_the_update=lambda: dout @ (W2.data - LR * a.data.T @ dout).T)
    dy = hand(
        "dy",
        da * (y.data > 0),
        derivative_left_out=lambda: da,
        mask_of_the_gradient=lambda: da * (da > 0),
        mask_of_another_layer=lambda: da * (u > 0),
    )
    hand("dbeta", dy.sum(0), **bias(dy))
    hand(
        "dgamma",
        (dy * u).sum(0),
        **bias(dy * u),
        input_for_normalised=lambda: (dy * x.data).sum(0),
        centred_for_normalised=lambda: (dy * c).sum(0),
        output_for_normalised=lambda: (dy * y.data).sum(0),
    )
    dunit = hand("dunit", dy * gamma.data, gamma_missing=lambda: dy)
    whole = (dunit - dunit.mean(0) - u * (dunit * u).mean(0)) / s
    dx = hand(
        "dx",
        whole,
        mean_constant=lambda: (dunit - u * (dunit * u).mean(0)) / s,
        variance_constant=lambda: (dunit - dunit.mean(0)) / s,
        statistics_constant=lambda: dunit / s,
        std_missing=lambda: whole * s,
        variance_for_std=lambda: whole / s,
    )
    hand("dW1", X.T @ dx, **product(X, dx), **decay(X.T @ dx, W1.data), activation_gradient=lambda: X.T @ dunit)
    return loss


def recurrent(hand: Hand, rng: np.random.Generator) -> Any:
    """A recurrent network over five steps: the weights are used at each, and only their gradients are worked out."""
    T, N, D, H = 5, 3, 4, 6
    X, Y = rng.normal(size=(T, N, D)), rng.normal(size=(N, 2))
    Wx, Wh, b, Wy = tensors(
        Wx=rng.normal(size=(D, H)) / 2, Wh=rng.normal(size=(H, H)) / 2, b=rng.normal(size=H), Wy=rng.normal(size=(H, 2))
    )
    h = [np.zeros((N, H))]
    for t in range(T):
        h.append(np.tanh(X[t] @ Wx + h[t] @ Wh + b))
    out = h[T] @ Wy
    loss = np.sum((out - Y) ** 2) / N
    named(out=out)

    values = [h[0], *(x.data for x in h[1:])]

    def through_time(through: Array = Wh.data.T, tanh: Any = lambda a: 1 - a * a, flow: float = 1.0) -> list[Array]:
        found, dh = [], dout @ Wy.data.T
        for t in reversed(range(T)):
            dz = dh * tanh(values[t + 1])
            found.insert(0, dz)
            dh = flow * dz @ through
        return found

    dout = hand("out", 2 * (out.data - Y) / N, not_averaged=lambda: 2 * (out.data - Y))
    hand("Wy", values[T].T @ dout, **product(values[T], dout), one_step_late=lambda: values[T - 1].T @ dout)

    dz = hand.hidden(
        "dz",
        through_time(),
        derivative_left_out=lambda: through_time(tanh=np.ones_like),
        slope_of_sigmoid=lambda: through_time(tanh=slope),
        transpose_missing=lambda: through_time(through=Wh.data),
        recurrent_path_missing=lambda: through_time(flow=0.0),
        recurrent_sign=lambda: through_time(flow=-1.0),
    )

    hand(
        "Wx",
        sum(X[t].T @ dz[t] for t in range(T)),
        last_step_only=lambda: X[T - 1].T @ dz[T - 1],
        first_step_only=lambda: X[0].T @ dz[0],
        first_step_missing=lambda: sum(X[t].T @ dz[t] for t in range(1, T)),
        last_step_missing=lambda: sum(X[t].T @ dz[t] for t in range(T - 1)),
        mean_over_steps=lambda: sum(X[t].T @ dz[t] for t in range(T)) / T,
        one_step_late=lambda: sum(X[t + 1].T @ dz[t] for t in range(T - 1)),
    )
    hand(
        "Wh",
        sum(values[t].T @ dz[t] for t in range(T)),
        one_step_late=lambda: sum(values[t + 1].T @ dz[t] for t in range(T)),
        last_step_only=lambda: values[T - 1].T @ dz[T - 1],
        last_step_missing=lambda: sum(values[t].T @ dz[t] for t in range(T - 1)),
    )
    hand("b", sum(dz).sum(0), last_step_only=lambda: dz[-1].sum(0), mean_over_steps=lambda: sum(dz).sum(0) / T)
    return loss


NETWORKS = {
    "article, 2 layers": article_two_layers,
    "article, 3 layers": article_three_layers,
    "MLP": mlp,
    "softmax": softmax_classifier,
    "batch norm": batch_norm,
    "recurrent": recurrent,
}
