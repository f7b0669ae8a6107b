"""Compare a layer with torch's: outputs, and the gradients of inputs and parameters.

This module imports without torch, so that the tests that need it can be collected, and skip, where it is missing.
"""

import numpy as np

import micrograd_np as mg


def made(f, spec):
    return [made(f, part) for part in spec] if isinstance(spec, list) else f(spec)


def flat(tree):
    return [leaf for part in tree for leaf in flat(part)] if isinstance(tree, tuple | list) else [tree]


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-11, atol=1e-12)


def compare(ours, theirs, arrays, call=lambda layer, *inputs: layer(*inputs)):
    """Outputs, and the gradients of a weighted sum of them in inputs and parameters."""
    import torch

    my_inputs = made(lambda x: mg.Tensor(x, requires_grad=True), arrays)
    their_inputs = made(lambda x: torch.tensor(x, requires_grad=True), arrays)
    mine = [y for y in flat(call(ours, *my_inputs)) if y is not None]
    others = [y for y in flat(call(theirs, *their_inputs)) if y is not None]
    assert len(mine) == len(others)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=y.shape) for y in mine]
    sum((y * w).sum() for y, w in zip(mine, weights, strict=True)).backward()
    sum((y * torch.tensor(w)).sum() for y, w in zip(others, weights, strict=True)).backward()
    for y, z in zip(mine, others, strict=True):
        close(y.data, z)
    for x, z in zip(flat(my_inputs), flat(their_inputs), strict=True):
        close(x.grad, z.grad)
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, p in ours.named_parameters():
        close(p.grad, gradients[name])
