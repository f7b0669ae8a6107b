"""Six networks with their derivatives by hand: those of `perceptrons`, and three with more on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

import micrograd_np as mg

from .hands import LR, Array, Hand, bias, decay, named, product, slope, tensors
from .perceptrons import article_three_layers, article_two_layers, mlp


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
