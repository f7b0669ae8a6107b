"""One step of the article's 3-layer network: by hand, on the tape, and as each peer would write it."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_np import nn
from micrograd_np import sigmoid as sigmoid_row
from micrograd_np.article.networks import FIRST_OR_SECOND, X, first_weights

from .timing import Step, Way

INPUTS, TARGETS = X.astype(float), FIRST_OR_SECOND.astype(float)
LOOP = 1000


def begin() -> list[Any]:
    return first_weights((3, 4), (4, 1))


def hand_step(X, y, syn0, syn1):
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
    l2_delta = (y - l2) * (l2 * (1 - l2))
    l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))
    syn1 += l1.T.dot(l2_delta)
    syn0 += X.T.dot(l1_delta)


def by_hand() -> Step:
    X, y, (syn0, syn1) = INPUTS, TARGETS, begin()
    return lambda: hand_step(X, y, syn0, syn1)


def loss_of(peer: Any, sigmoid: Any, X: Any, y: Any, syn0: Any, syn1: Any) -> Any:
    error = y - sigmoid(peer.dot(sigmoid(peer.dot(X, syn0)), syn1))
    return peer.vdot(error, error) / 2


def eager() -> Step:
    import micrograd_np as mg

    X, y = mg.Tensor(INPUTS), mg.Tensor(TARGETS)
    syn0, syn1 = (mg.Tensor(w, requires_grad=True) for w in begin())

    def step():
        nonlocal syn0, syn1
        loss = loss_of(mg, mg.sigmoid, X, y, syn0, syn1)
        loss.backward()
        syn1 -= syn1.grad
        syn0 -= syn0.grad
        syn1.zero_grad()
        syn0.zero_grad()
        return loss

    return step


def own_lines(X, y, syn0, syn1):
    """The article's lines as they stand, on Tensors, by way of NumPy's own functions."""
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
    return 0.5 * ((y - l2) ** 2).sum()


def natural(X, y, syn0, syn1):
    """The same with the package's sigmoid."""
    l2 = sigmoid_row(np.dot(sigmoid_row(np.dot(X, syn0)), syn1))
    return 0.5 * ((y - l2) ** 2).sum()


def with_loss(name: str) -> Any:
    """A loss of `nn`, and an operator for the products."""

    def forward(X, y, syn0, syn1):
        return getattr(nn, name)(sigmoid_row(sigmoid_row(X @ syn0) @ syn1), y)

    return forward


def updated_by_hand(forward: Any) -> Step:
    """A step as people write it: data in plain arrays, any loss, an update in place."""
    import micrograd_np as mg

    X, y = INPUTS, TARGETS
    syn0, syn1 = (mg.Tensor(w, requires_grad=True) for w in begin())

    def step():
        nonlocal syn0, syn1
        loss = forward(X, y, syn0, syn1)
        loss.backward()
        syn1 -= syn1.grad
        syn0 -= syn0.grad
        syn1.zero_grad()
        syn0.zero_grad()
        return loss

    return step


def calls_alone() -> Step:
    """The NumPy calls of the eager step, one after another, without a tape that records them and finds the rules."""
    X, y, (syn0, syn1) = INPUTS, TARGETS, begin()
    sigmoid, start = sigmoid_row.kernel, np.ones(())

    def step():
        l1 = sigmoid(np.dot(X, syn0))
        l2 = sigmoid(np.dot(l1, syn1))
        error = y - l2
        loss = np.vdot(error, error) / 2
        d_vdot = start / 2
        d_l2 = -(d_vdot * error + d_vdot * error)
        d_z2 = d_l2 * (l2 * (1 - l2))
        d_l1 = d_z2.dot(syn1.T)
        d_syn1 = l1.T.dot(d_z2)
        d_syn0 = X.T.dot(d_l1 * (l1 * (1 - l1)))
        np.subtract(syn1, d_syn1, syn1)
        np.subtract(syn0, d_syn0, syn0)
        return loss

    return step


def seeded() -> Step:
    """The error itself is what the backward pass starts with, as in the article; there is no loss."""
    import micrograd_np as mg

    X, y = mg.Tensor(INPUTS), mg.Tensor(TARGETS)
    syn0, syn1 = (mg.Tensor(w, requires_grad=True) for w in begin())

    def step():
        nonlocal syn0, syn1
        l2 = mg.sigmoid(mg.dot(mg.sigmoid(mg.dot(X, syn0)), syn1))
        l2.backward(y - l2.detach())
        syn1 += syn1.grad
        syn0 += syn0.grad
        syn1.zero_grad()
        syn0.zero_grad()

    return step


def updated_by_sgd() -> Step:
    """The same, with an optimiser."""
    import micrograd_np as mg

    forward = with_loss("half_squared_error")
    syn0, syn1 = (mg.Tensor(w, requires_grad=True) for w in begin())
    optimiser = mg.optim.SGD([syn0, syn1], lr=1.0)

    def step():
        optimiser.zero_grad()
        loss = forward(INPUTS, TARGETS, syn0, syn1)
        loss.backward()
        optimiser.step()
        return loss

    return step


def layers(optimiser: str) -> Step:
    """The network from layers, with biases."""
    import micrograd_np as mg

    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Sigmoid(), nn.Linear(4, 1, rng=rng), nn.Sigmoid())
    update = getattr(mg.optim, optimiser)(model.parameters(), lr=0.01)

    def step():
        update.zero_grad()
        loss = nn.half_squared_error(model(INPUTS), TARGETS)
        loss.backward()
        update.step()
        return loss

    return step


def torch_layers(optimiser: str) -> Step:
    import torch

    torch.set_num_threads(1)
    X, y, part = torch.tensor(INPUTS), torch.tensor(TARGETS), torch.nn
    model = part.Sequential(part.Linear(3, 4), part.Sigmoid(), part.Linear(4, 1), part.Sigmoid()).double()
    update = getattr(torch.optim, optimiser)(model.parameters(), lr=0.01)

    def step():
        update.zero_grad()
        loss = 0.5 * ((y - model(X)) ** 2).sum()
        loss.backward()
        update.step()
        return loss

    return step


def optimised() -> Step:
    """The same network with a loss and an optimiser of the package."""
    import micrograd_np as mg

    X, y = mg.Tensor(INPUTS), mg.Tensor(TARGETS)
    syn0, syn1 = (mg.Tensor(w, requires_grad=True) for w in begin())
    optimiser = mg.optim.SGD([syn1, syn0], lr=1.0)

    def step():
        optimiser.zero_grad()
        loss = mg.nn.half_squared_error(mg.sigmoid(mg.dot(mg.sigmoid(mg.dot(X, syn0)), syn1)), y)
        loss.backward()
        optimiser.step()
        return loss

    return step


def compiled_optimised() -> Any:
    from micrograd_np import compile

    return compile(optimised())


def optimised_loop() -> Step:
    step = compiled_optimised()
    return lambda: step.loop(LOOP)


def traced() -> Any:
    from micrograd_np import trace

    return trace(eager())()


def text_of_traced() -> Step:
    """The printed text alone, on the program's arrays."""
    program = traced()
    arrays = program.arrays()
    return lambda: program.function(**arrays)


def compiled(**backend: str) -> Any:
    from micrograd_np import compile

    return compile(eager(), **backend)


def compiled_loop(**backend: str) -> Step:
    step = compiled(**backend)
    return lambda: step.loop(LOOP)


def torch() -> Step:
    import torch

    torch.set_num_threads(1)
    X, y = torch.tensor(INPUTS), torch.tensor(TARGETS)
    syn0, syn1 = (torch.tensor(w, requires_grad=True) for w in begin())

    def step():
        error = y - torch.sigmoid(torch.mm(torch.sigmoid(torch.mm(X, syn0)), syn1))
        loss = (error * error).sum() / 2
        loss.backward()
        with torch.no_grad():
            syn1.sub_(syn1.grad)
            syn0.sub_(syn0.grad)
        syn1.grad = syn0.grad = None
        return loss

    return step


def autograd() -> Step:
    import autograd
    import autograd.numpy as anp

    def loss(syn0, syn1):
        error = TARGETS - sigmoid(anp.dot(sigmoid(anp.dot(INPUTS, syn0)), syn1))
        return anp.sum(error * error) / 2

    def sigmoid(x):
        return 1 / (1 + anp.exp(-x))

    both = autograd.value_and_grad(loss, (0, 1))
    syn0, syn1 = begin()

    def step():
        nonlocal syn0, syn1
        value, (d_syn0, d_syn1) = both(syn0, syn1)
        syn1 -= d_syn1
        syn0 -= d_syn0
        return value

    return step


def mygrad() -> Step:
    import mygrad
    from mygrad.nnet.activations import sigmoid

    syn0, syn1 = map(mygrad.tensor, begin())

    def step():
        error = TARGETS - sigmoid(mygrad.matmul(sigmoid(mygrad.matmul(INPUTS, syn0)), syn1))
        loss = (error * error).sum() / 2
        loss.backward()
        syn1.data[...] -= syn1.grad
        syn0.data[...] -= syn0.grad
        return loss

    return step


def scalars() -> Step:
    """micrograd has no exponential; this one is written as its own operations are."""
    from micrograd.engine import Value

    def sigmoid(x):
        out = Value(1 / (1 + np.exp(-x.data)), (x,), "sigmoid")

        def _backward():
            x.grad += out.data * (1 - out.data) * out.grad

        out._backward = _backward
        return out

    def layer(rows, w):
        columns = list(zip(*w, strict=True))
        return [[sigmoid(sum(a * b for a, b in zip(row, column, strict=True))) for column in columns] for row in rows]

    syn0, syn1 = ([[Value(float(x)) for x in row] for row in w] for w in begin())
    all_weights = [value for row in (*syn0, *syn1) for value in row]

    def step():
        errors = [
            out - float(t) for (out,), (t,) in zip(layer(layer(INPUTS.tolist(), syn0), syn1), TARGETS, strict=True)
        ]
        loss = sum(e * e for e in errors) * 0.5
        loss.backward()
        for w in all_weights:
            w.data -= w.grad
            w.grad = 0
        return loss

    return step


def jax_step() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(w):
        return loss_of(jax.numpy, jax.nn.sigmoid, INPUTS, TARGETS, *w)

    def step(w):
        value, gradient = jax.value_and_grad(loss)(w)
        return value, tuple(x - g for x, g in zip(w, gradient, strict=True))

    return jax, step


def jax_calls(jit: bool = True) -> Step:
    jax, step = jax_step()
    made, w = jax.jit(step) if jit else step, tuple(map(jax.numpy.asarray, begin()))

    def call():
        nonlocal w
        value, w = made(w)
        return value.block_until_ready()

    return call


def jax_loop() -> Step:
    jax, step = jax_step()
    w = tuple(map(jax.numpy.asarray, begin()))
    loop = jax.jit(lambda w: jax.lax.fori_loop(0, LOOP, lambda i, w: step(w)[1], w))
    return lambda: jax.block_until_ready(loop(w))


def numba_loop() -> Step:
    import numba

    step = numba.njit(hand_step)

    @numba.njit
    def loop(X, y, syn0, syn1, steps):
        for _ in range(steps):
            step(X, y, syn0, syn1)

    syn0, syn1 = begin()
    return lambda: loop(INPUTS, TARGETS, syn0, syn1, LOOP)


WAYS: dict[str, Way] = {
    "by hand": (by_hand, 1),
    "eager": (eager, 1),
    "half_squared_error": (lambda: updated_by_hand(with_loss("half_squared_error")), 1),
    "mse_loss": (lambda: updated_by_hand(with_loss("mse_loss")), 1),
    "natural": (lambda: updated_by_hand(natural), 1),
    "own lines": (lambda: updated_by_hand(own_lines), 1),
    "SGD": (updated_by_sgd, 1),
    "layers, SGD": (lambda: layers("SGD"), 1),
    "layers, Adam": (lambda: layers("Adam"), 1),
    "torch, layers, SGD": (lambda: torch_layers("SGD"), 1),
    "torch, layers, Adam": (lambda: torch_layers("Adam"), 1),
    "calls alone": (calls_alone, 1),
    "eager, seeded": (seeded, 1),
    "compiled": (compiled, 1),
    "compiled loop": (compiled_loop, LOOP),
    "optimiser": (optimised, 1),
    "optimiser, compiled": (compiled_optimised, 1),
    "optimiser, compiled loop": (optimised_loop, LOOP),
    "traced": (traced, 1),
    "text": (text_of_traced, 1),
    "compiled loop, numba": (lambda: compiled_loop(backend="numba"), LOOP),
    "torch": (torch, 1),
    "autograd": (autograd, 1),
    "mygrad": (mygrad, 1),
    "micrograd": (scalars, 1),
    "jax.jit": (jax_calls, 1),
    "jax": (lambda: jax_calls(jit=False), 1),
    "jax loop": (jax_loop, LOOP),
    "numba loop by hand": (numba_loop, LOOP),
}
