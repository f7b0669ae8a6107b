"""The article's networks and a multilayer perceptron, with slips to be planted."""

from __future__ import annotations

from typing import Any

import numpy as np

import micrograd_np as mg

from .hands import LR, Hand, activation, bias, decay, named, product, slope, tensors


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
