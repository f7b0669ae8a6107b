"""The state of a PyTorch model goes into the same model here, and the outputs are the same."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .torch_comparison import close, flat

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")

MODELS = {
    "perceptron": ("Sequential(nn.Linear(4, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3)))", (2, 4)),
    "images": (
        "Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.ConvTranspose2d(4, 2, 2))",
        (2, 2, 5, 5),
    ),
    "norms": ("Sequential(nn.LayerNorm(4), nn.RMSNorm(4), nn.GroupNorm(2, 4))", (3, 4)),
    "list": ("ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])", None),
    "rnn": ("RNN(4, 3, nonlinearity='relu')", (5, 2, 4)),
    "lstm": ("LSTM(4, 3, num_layers=2, bidirectional=True)", (5, 2, 4)),
    "gru": ("GRU(4, 3, num_layers=3, bias=False, batch_first=True)", (2, 5, 4)),
    "attention": ("MultiheadAttention(4, 2)", (5, 2, 4)),
    "embedding": ("Embedding(10, 4, padding_idx=0)", int),
}


@pytest.mark.parametrize(("text", "shape"), MODELS.values(), ids=MODELS)
def test_a_state_of_torchs_names(text, shape):
    theirs = eval(f"nn.{text}", {"nn": torch.nn}).eval().double()
    ours = eval(f"nn.{text}", {"nn": nn}).eval()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    if shape is None:
        ours, theirs = (lambda x, m=m: m[1](m[0](x)) for m in (ours, theirs))
        shape = (2, 4)
    x = np.random.default_rng(0).normal(size=shape) if shape is not int else np.array([[1, 0, 9]])
    inputs = [x] * (3 if "Multihead" in text else 1)
    outputs = ours(*map(mg.Tensor, inputs)), theirs(*map(torch.tensor, inputs))
    for y, z in zip(*map(flat, outputs), strict=True):
        close(y.data, z)
