"""Random graphs have PyTorch's values and gradients, and every fourth its second derivatives, up to rounding."""

import numpy as np
import pytest

import micrograd_np as mg
from tests.peers.random_graphs import draw_graph, run

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")
pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = range(20_000)
BLOCK = 500


def loss_of(values, cos, arange, arctan):
    """A number that depends on every value, by weights that differ."""
    return sum((arctan(x) * cos(arange(x) + k).reshape(x.shape)).sum() for k, x in enumerate(values))


def directional(gradients, cos, arange):
    """A number that depends on every entry of the gradients, to be differentiated again."""
    return sum((g * cos(arange(g) + 1).reshape(g.shape)).sum() for g in gradients)


def ours(inputs, graph, order):
    leaves = [mg.Tensor(x, requires_grad=True) for x in inputs]
    values = run(leaves, graph, "ours")

    def arange(x):
        return np.arange(float(x.size))

    loss = loss_of(values, np.cos, arange, np.arctan)
    loss.backward(create_graph=order == 2)
    found = [x.grad for x in leaves]
    if order == 2:
        found += mg.gradients(directional(found, np.cos, arange), leaves)
    return [[x.data if isinstance(x, mg.Tensor) else x for x in each] for each in ((*values, loss), found)]


def theirs(inputs, graph, order):
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    values = run(leaves, graph, "theirs")

    def arange(x):
        return torch.arange(float(x.numel()), dtype=torch.float64)

    loss = loss_of(values, torch.cos, arange, torch.arctan)
    found = list(torch.autograd.grad(loss, leaves, create_graph=order == 2))
    if order == 2:
        found += torch.autograd.grad(directional(found, torch.cos, arange), leaves)
    return [[x.detach().numpy() for x in each] for each in ((*values, loss), found)]


def difference(seed, move=0):
    """The difference beyond rounding in the graph of a seed, or None; its inputs moved by a thousandth times `move`.

    How far rounding may go is measured: it is what torch's own numbers change when the inputs' last bits are changed.
    """
    inputs, graph = draw_graph(seed, torch)
    rng = np.random.default_rng(seed)
    inputs = [(x + move * 1e-3 * rng.normal(size=x.shape)).astype(x.dtype) for x in inputs]
    last_bits = [np.finfo(x.dtype).eps * (-1.0) ** np.arange(x.size).reshape(x.shape) for x in inputs]
    nearby = [(x * (1 + bits)).astype(x.dtype) for x, bits in zip(inputs, last_bits, strict=True)]
    order = 2 if seed % 4 == 0 else 1
    mine, others, rounded = ours(inputs, graph, order), theirs(inputs, graph, order), theirs(nearby, graph, order)
    single = any(x.dtype == np.float32 for x in others[0])
    for what, *found in zip(("value", "gradient"), mine, others, rounded, strict=True):
        for k, (x, y, z) in enumerate(zip(*found, strict=True)):
            if x.shape != y.shape or x.dtype != y.dtype:
                return f"{what} {k} is {x.shape} {x.dtype}, torch's {y.shape} {y.dtype}: {told(graph)}"
            allowed = (1e-4 if single else 1e-10) * np.max(np.abs(y), initial=1.0) + 100 * np.abs(y - z)
            if not np.all(np.abs(x - y) <= allowed):
                return f"{what} {k}: {x.ravel()[:5]} and torch's {y.ravel()[:5]}: {told(graph)}"
    return None


def told(graph):
    return ", ".join(f"{step.name}{step.places}" for step in graph)


def blocks(seeds):
    return [
        pytest.param(range(start, start + BLOCK), marks=() if start < 2_000 else pytest.mark.slow, id=str(start))
        for start in seeds[::BLOCK]
    ]


@pytest.mark.parametrize("seeds", blocks(SEEDS))
def test_values_and_gradients_are_torchs(seeds):
    """A quarter of the graphs begin with multiples of a half, and so meet kinks and ties.

    Derivatives are conventions there, and the libraries may differ, but not once the inputs are moved a little.
    """
    differing = [seed for seed in seeds if difference(seed)]
    wrong = {seed: found for seed in differing if (found := difference(seed, 1)) and difference(seed, -2)}
    assert not wrong, "\n".join(f"seed {seed}: {found}" for seed, found in wrong.items())
    assert len(differing) <= len(seeds) / 50
