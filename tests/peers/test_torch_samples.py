"""PyTorch's own sample inputs, translated to NumPy calls: the same values and gradients, or a clear error."""

from collections import Counter

import numpy as np
import pytest

import micrograd_np as mg
from tests.peers.torch_calls import CALLS

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 and expecttest (extra peers)")
pytest.importorskip("expecttest", reason="needs torch==2.13.0 and expecttest (extra peers)")
pytestmark = pytest.mark.filterwarnings("ignore")

# What of torch's answer NumPy's call gives: values without their indices, vectors up to sign.
THEIRS = {
    "max": lambda out: out if isinstance(out, torch.Tensor) else out[0],
    "min": lambda out: out if isinstance(out, torch.Tensor) else out[0],
    "sort": lambda out: out[0],
    "msort": lambda out: out,
    "topk": lambda out: out[0],
    "linalg.eigh": lambda out: (out[0], out[1].abs()),
    "linalg.svd": lambda out: (out[0].abs(), out[1], out[2].abs()),
}


def op_infos():
    from torch.testing._internal.common_methods_invocations import op_db

    return [op for op in op_db if op.name in CALLS and torch.float64 in op.dtypes and op.supports_autograd]


def mapped(f, tree):
    """The sample with f of each tensor."""
    if isinstance(tree, torch.Tensor):
        return f(tree)
    if isinstance(tree, list | tuple):
        return [mapped(f, part) for part in tree]
    return {key: mapped(f, part) for key, part in tree.items()} if isinstance(tree, dict) else tree


def flat(tree):
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in flat(part)]
    return [leaf for part in tree.values() for leaf in flat(part)] if isinstance(tree, dict) else [tree]


def call(op, tree):
    (x, *args), kwargs = tree
    return flat(CALLS[op.name](x, *args, **kwargs))


def agree(ours, theirs):
    return len(ours) == len(theirs) and all(
        np.shape(a) == tuple(b.shape) and np.allclose(np.asarray(a), b.numpy(), rtol=1e-7, atol=1e-9, equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def outcome(op, sample):
    """right, wrong, refused (a clear error), or untranslatable: NumPy itself has no call with torch's answer."""
    tree = [[sample.input, *sample.args], sample.kwargs]
    arrays = mapped(lambda t: t.detach().numpy(), tree)
    theirs = flat(THEIRS.get(op.name, lambda out: out)(op(sample.input, *sample.args, **sample.kwargs)))
    theirs = [t for t in theirs if isinstance(t, torch.Tensor)]
    try:
        by_numpy = [np.asarray(y) for y in call(op, arrays)]
    except Exception:
        return "untranslatable"
    if not agree(by_numpy, [t.detach() for t in theirs]):
        return "untranslatable"

    inputs = []

    def ours(t):
        if not t.requires_grad:
            return t.numpy()
        inputs.append((mg.Tensor(t.detach().numpy(), requires_grad=True), t))
        return inputs[-1][0]

    tensors = mapped(ours, tree)
    try:
        outputs = call(op, tensors)
        if not agree([y.data if isinstance(y, mg.Tensor) else y for y in outputs], [t.detach() for t in theirs]):
            return "wrong values"
        rng = np.random.default_rng(0)
        pairs = [(y, t) for y, t in zip(outputs, theirs, strict=True) if t.requires_grad]
        cotangents = [rng.normal(size=tuple(t.shape)) for _, t in pairs]
        expected = torch.autograd.grad(
            [t for _, t in pairs],
            [t for _, t in inputs],
            [torch.from_numpy(np.asarray(g)) for g in cotangents],
            allow_unused=True,
        )
        for (y, _), g in zip(pairs, cotangents, strict=True):
            if isinstance(y, mg.Tensor) and y.requires_grad:
                y.backward(g)
    except (TypeError, ValueError, IndexError, RuntimeError, np.linalg.LinAlgError) as error:
        return f"refused: {type(error).__name__}: {error}"
    for (x, t), gradient in zip(inputs, expected, strict=True):
        found = np.zeros(x.shape) if x.grad is None else x.grad
        wanted = np.zeros(t.shape) if gradient is None else gradient.numpy(force=True)
        if not np.allclose(found, wanted, rtol=1e-6, atol=1e-8, equal_nan=True):
            return f"wrong gradient: {found.ravel()[:4]} for {wanted.ravel()[:4]}"
    return "right"


def samples(op):
    return op.sample_inputs("cpu", torch.float64, requires_grad=True)


TALLY = Counter()


@pytest.mark.parametrize("op", op_infos(), ids=lambda op: f"{op.name} {op.variant_test_name}".strip())
def test_samples(op):
    found = Counter(outcome(op, sample) for sample in samples(op))
    TALLY.update({kind.split(":")[0]: count for kind, count in found.items()})
    wrong = [kind for kind in found if kind.startswith("wrong")]
    assert not wrong, f"{op.name}: {wrong}"


def test_the_tally(capsys):
    with capsys.disabled():
        print("\nPyTorch's samples:", dict(TALLY))
    assert TALLY["right"] >= 1800
