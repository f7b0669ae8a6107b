"""Five models and their training step, written once: our layers and PyTorch's go by the same names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .timing import Step, Way

CONTEXT, WIDTH, HEADS, VOCABULARY = 64, 64, 4, 65


def ours() -> Any:
    import micrograd_np as mg

    return SimpleNamespace(
        name="micrograd_np",
        nn=mg.nn,
        optim=mg.optim,
        float32=np.float32,
        tensor=mg.Tensor,
        cross_entropy=mg.nn.cross_entropy,
        relu=mg.relu,
        float64=np.float64,
        gelu=lambda x: mg.gelu(x, approximate="tanh"),
    )


def torch() -> Any:
    import torch

    torch.set_num_threads(1)
    return SimpleNamespace(
        name="torch",
        nn=torch.nn,
        optim=torch.optim,
        float32=torch.float32,
        tensor=torch.tensor,
        cross_entropy=torch.nn.functional.cross_entropy,
        relu=torch.relu,
        float64=torch.float64,
        gelu=lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    )


def mlp(peer: Any) -> Any:
    nn, dtype = peer.nn, peer.float32
    return nn.Sequential(
        nn.Linear(784, 512, dtype=dtype),
        nn.ReLU(),
        nn.Linear(512, 512, dtype=dtype),
        nn.ReLU(),
        nn.Linear(512, 10, dtype=dtype),
    )


def convnet(peer: Any) -> Any:
    nn, dtype = peer.nn, peer.float32
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10, dtype=dtype),
    )


def transformer(peer: Any) -> Any:
    """Ids of characters (N, CONTEXT) to scores of the next one, two blocks of attention and a hidden layer."""
    nn, dtype = peer.nn, peer.float32
    causal = None if peer.name == "micrograd_np" else nn.Transformer.generate_square_subsequent_mask(CONTEXT)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = nn.LayerNorm(WIDTH, dtype=dtype)
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dtype=dtype)
            self.norm2 = nn.LayerNorm(WIDTH, dtype=dtype)
            self.wide = nn.Linear(WIDTH, 4 * WIDTH, dtype=dtype)
            self.narrow = nn.Linear(4 * WIDTH, WIDTH, dtype=dtype)

        def forward(self, x):
            y = self.norm1(x)
            x = x + self.attention(y, y, y, attn_mask=causal, is_causal=True, need_weights=False)[0]
            return x + self.narrow(peer.gelu(self.wide(self.norm2(x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.characters = nn.Embedding(VOCABULARY, WIDTH, dtype=dtype)
            self.places = nn.Embedding(CONTEXT, WIDTH, dtype=dtype)
            self.blocks = nn.Sequential(Block(), Block())
            self.norm = nn.LayerNorm(WIDTH, dtype=dtype)
            self.scores = nn.Linear(WIDTH, VOCABULARY, dtype=dtype)

        def forward(self, ids):
            x = self.characters(ids) + self.places.weight
            return self.scores(self.norm(self.blocks(x))).reshape(-1, VOCABULARY)

    return Transformer()


def gru(peer: Any) -> Any:
    """Sequences (N, 20, 8) to scores of three classes."""
    nn, dtype = peer.nn, peer.float32

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(8, 16, batch_first=True, dtype=dtype)
            self.scores = nn.Linear(16, 3, dtype=dtype)

        def forward(self, x):
            return self.scores(self.gru(x)[0][:, -1])

    return Classifier()


RNG = np.random.default_rng(0)
DIGITS = RNG.random((256, 784), dtype=np.float32)
IMAGES = RNG.random((64, 1, 28, 28), dtype=np.float32)
TEXT = RNG.integers(0, VOCABULARY, (16, CONTEXT))
DATA = {
    mlp: (DIGITS, RNG.integers(0, 10, 256)),
    convnet: (IMAGES, RNG.integers(0, 10, 64)),
    gru: (RNG.random((16, 20, 8), dtype=np.float32), RNG.integers(0, 3, 16)),
    transformer: (TEXT, RNG.integers(0, VOCABULARY, 16 * CONTEXT)),
}


def training(model: Any, peer: Any, **backward: bool) -> Step:
    """One step of training: forward, loss, backward, update."""
    network = model(peer)
    optimiser = (peer.optim.SGD if model in (mlp, convnet) else peer.optim.Adam)(network.parameters(), lr=1e-3)
    x, labels = map(peer.tensor, DATA[model])

    def step():
        optimiser.zero_grad()
        loss = peer.cross_entropy(network(x), labels)
        loss.backward(**backward)
        optimiser.step()
        return loss

    return step


def compiled(model: Any) -> Step:
    from micrograd_np import compile

    return compile(training(model, ours()))


def products() -> Step:
    """The matrix products of the MLP's step and nothing else, each into an array that is there already."""
    x, hidden, scores = DIGITS, np.ones((256, 512), np.float32), np.ones((256, 10), np.float32)
    w0, w1, w2 = (np.ones(shape, np.float32) for shape in ((512, 784), (512, 512), (10, 512)))
    pairs = [(x, w0.T), (hidden, w1.T), (hidden, w2.T)]  # forward
    pairs += [(scores.T, hidden), (hidden.T, hidden), (hidden.T, x)]  # weights
    pairs += [(scores, w2), (hidden, w1)]  # inputs
    calls = [(a, b, np.matmul(a, b)) for a, b in pairs]

    def step():
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return step


# micrograd's demo: two moons, a network 2-16-16-1 with relu, the hinge loss and a penalty, all 100 points in a step.


def moons() -> tuple[Any, Any]:
    """Points (100, 2) and their labels, -1 or 1."""
    angle, rng = np.linspace(0, np.pi, 50), np.random.default_rng(0)
    outer, inner = np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    return np.concatenate([outer, inner]) + rng.normal(0, 0.1, (100, 2)), np.repeat([-1.0, 1.0], 50)[:, None]


def demo(peer: Any, dtype: Any) -> Step:
    nn = peer.nn
    sizes = [nn.Linear(*size, dtype=dtype) for size in ((2, 16), (16, 16), (16, 1))]
    network = nn.Sequential(sizes[0], nn.ReLU(), sizes[1], nn.ReLU(), sizes[2])
    optimiser = peer.optim.SGD(network.parameters(), lr=0.05)
    x, y = map(peer.tensor, moons())

    def step():
        optimiser.zero_grad()
        hinge = peer.relu(1 - y * network(x)).mean()
        loss = hinge + 1e-4 * sum((p * p).sum() for p in network.parameters())
        loss.backward()
        optimiser.step()
        return loss

    return step


def torch_demo() -> Step:
    peer = torch()
    return demo(peer, peer.float64)


def micrograd_demo() -> Step:
    from micrograd.nn import MLP

    points, labels = moons()
    network = MLP(2, [16, 16, 1])

    def step():
        scores = [network(row) for row in points.tolist()]
        losses = [(1 + -y * score).relu() for y, score in zip(labels.ravel().tolist(), scores, strict=True)]
        loss = sum(losses) * (1 / len(losses)) + 1e-4 * sum(p * p for p in network.parameters())
        network.zero_grad()
        loss.backward()
        for p in network.parameters():
            p.data -= 0.05 * p.grad
        return loss

    return step


def ways(model: Any) -> dict[str, Way]:
    return {
        "eager": (lambda: training(model, ours()), 1),
        "eager, forgetting": (lambda: training(model, ours(), retain_graph=False), 1),
        "compiled": (lambda: compiled(model), 1),
        "torch": (lambda: training(model, torch()), 1),
    }


MLP: dict[str, Way] = {"products": (products, 1), **ways(mlp)}
CONVNET = ways(convnet)
TRANSFORMER = ways(transformer)
GRU = ways(gru)
MOONS: dict[str, Way] = {
    "eager": (lambda: demo(ours(), np.float64), 1),
    "torch": (torch_demo, 1),
    "micrograd": (micrograd_demo, 1),
}
