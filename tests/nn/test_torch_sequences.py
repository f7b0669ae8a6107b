"""Recurrent layers give torch's outputs, states and gradients, with torch's weights in their cells."""

import numpy as np
import pytest

from micrograd_np import nn

from .torch_comparison import close, compare, flat, made

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")

LAYERS = [
    ("RNN(3, 4)", [(5, 2, 3)]),
    ("RNN(3, 4, 2, nonlinearity='relu')", [(5, 2, 3), (2, 2, 4)]),
    ("RNN(3, 4, bias=False, batch_first=True)", [(2, 5, 3)]),
    ("LSTM(3, 4)", [(5, 2, 3)]),
    ("LSTM(3, 4, 2, bidirectional=True)", [(5, 2, 3), [(4, 2, 4), (4, 2, 4)]]),
    ("LSTM(3, 4, batch_first=True, bidirectional=True)", [(2, 5, 3)]),
    ("LSTM(3, 4)", [(5, 3), [(1, 4), (1, 4)]]),
    ("GRU(3, 4, 3)", [(5, 2, 3), (3, 2, 4)]),
    ("GRU(3, 4, 2, batch_first=True, bidirectional=True)", [(2, 5, 3), (4, 2, 4)]),
    ("GRU(3, 4, bidirectional=True)", [(1, 3)]),
    ("RNN(3, 4)", [(5, 0, 3)]),
    ("GRU(3, 4, 2, bidirectional=True)", [(5, 0, 3)]),
    ("LSTM(3, 4, batch_first=True)", [(0, 5, 3)]),
]


def cells(theirs):
    """Torch's weights by the names of our cells: weight_ih_l1_reverse is cells.3.weight_ih of a layer with two ways."""
    ways = 2 if theirs.bidirectional else 1
    named = {}
    for name, value in theirs.named_parameters():
        kind, _, rest = name.rpartition("_l")
        layer, _, reverse = rest.partition("_")
        named[f"cells.{int(layer) * ways + bool(reverse)}.{kind}"] = value
    return named


@pytest.mark.parametrize(("text", "shapes"), LAYERS, ids=[text for text, _ in LAYERS])
def test_values_and_gradients_are_torchs(text, shapes, monkeypatch):
    torch.manual_seed(0)
    theirs = eval(f"torch.nn.{text}", {"torch": torch}).double()
    ours = eval(f"nn.{text}", {"nn": nn})
    named = cells(theirs)
    ours.load_state_dict({name: value.detach().numpy() for name, value in named.items()})
    monkeypatch.setattr(theirs, "named_parameters", lambda: named.items())
    arrays = made(lambda shape: np.random.default_rng(0).normal(size=shape), shapes)
    compare(ours, theirs, arrays)
    for y, z in zip(flat(ours(*arrays)), flat(theirs(*made(torch.tensor, arrays))), strict=True):
        close(y.data, z)
