"""The same line of code in both libraries: torch's weights go in as they are; values, gradients and buffers agree."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .torch_comparison import close, compare, flat, made

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")

# What is written after `nn.`, and the shapes of what it is called with; a list is a tuple of arrays.
LAYERS = [
    ("Linear(4, 3)", [(2, 5, 4)]),
    ("Linear(4, 3, bias=False)", [(5, 4)]),
    ("Linear(4, 3)", [(0, 4)]),
    ("Flatten()", [(2, 3, 4)]),
    ("Conv1d(3, 4, 3)", [(2, 3, 7)]),
    ("Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)", [(2, 4, 9)]),
    ("Conv2d(3, 4, 3, bias=False)", [(2, 3, 5, 6)]),
    ("Conv2d(2, 4, (3, 2), (2, 1), (1, 0), 1, 2)", [(2, 2, 6, 5)]),
    ("Conv1d(3, 4, 3, padding='same')", [(2, 3, 7)]),
    ("Conv1d(3, 4, 4, padding='same', dilation=3)", [(2, 3, 7)]),
    ("Conv2d(2, 4, (3, 2), padding='same', dilation=(2, 1))", [(2, 2, 6, 5)]),
    ("Conv2d(2, 4, 3, 2, padding='valid')", [(2, 2, 6, 5)]),
    ("MaxPool1d(3, 2, 1)", [(2, 3, 8)]),
    ("MaxPool2d(2)", [(2, 3, 5, 4)]),
    ("MaxPool2d((3, 2), stride=1, padding=1, dilation=1)", [(2, 2, 5, 4)]),
    ("AvgPool1d(2)", [(2, 3, 6)]),
    ("AvgPool2d(3, 2, 1)", [(2, 2, 5, 6)]),
    ("AvgPool2d(3, 2, 1, count_include_pad=False)", [(2, 2, 5, 6)]),
    ("BatchNorm1d(3)", [(4, 3)]),
    ("BatchNorm1d(3, momentum=None)", [(4, 3, 2)]),
    ("BatchNorm1d(3, 1e-3, 0.3, affine=False)", [(4, 3, 2)]),
    ("BatchNorm2d(3)", [(2, 3, 2, 4)]),
    ("LayerNorm(4)", [(2, 3, 4)]),
    ("LayerNorm((3, 4), eps=1e-3)", [(2, 3, 4)]),
    ("LayerNorm(4, elementwise_affine=False)", [(3, 4)]),
    ("LayerNorm(4, bias=False)", [(3, 4)]),
    ("RNNCell(3, 4)", [(2, 3)]),
    ("RNNCell(3, 4, False, 'relu')", [(2, 3), (2, 4)]),
    ("LSTMCell(3, 4)", [(2, 3)]),
    ("LSTMCell(3, 4)", [(2, 3), [(2, 4), (2, 4)]]),
    ("LSTMCell(3, 4, bias=False)", [(3,), [(4,), (4,)]]),
    ("GRUCell(3, 4)", [(2, 3)]),
    ("GRUCell(3, 4)", [(2, 3), (2, 4)]),
    ("MultiheadAttention(6, 2)", [(4, 2, 6), (5, 2, 6), (5, 2, 6)]),
    ("MultiheadAttention(6, 3, bias=False, batch_first=True)", [(2, 4, 6), (2, 5, 6), (2, 5, 6)]),
    ("MultiheadAttention(6, 1)", [(4, 6), (3, 6), (3, 6)]),
    ("ReLU()", [(3, 4)]),
    ("LeakyReLU(0.2)", [(3, 4)]),
    ("LeakyReLU()", [(3, 4)]),
    ("ELU(alpha=0.5)", [(3, 4)]),
    ("SiLU()", [(3, 4)]),
    ("Tanh()", [(3, 4)]),
    ("Sigmoid()", [(3, 4)]),
    ("LogSigmoid()", [(3, 4)]),
    ("Softplus(2.0)", [(3, 4)]),
    ("Softmax(-1)", [(3, 4)]),
    ("Softmax(0)", [(3, 4)]),
    ("LogSoftmax(1)", [(3, 4)]),
]


def pair(text):
    """The layer in both libraries, with torch's weights, moved away from where layers begin."""
    torch.manual_seed(0)
    theirs = eval(text, {"nn": torch.nn}).double()
    with torch.no_grad():
        for p in theirs.parameters():
            p += 0.1 * torch.randn_like(p)
    ours = eval(text, {"nn": nn})
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch says that it copies
@pytest.mark.parametrize(("text", "shapes"), LAYERS, ids=[text for text, _ in LAYERS])
def test_values_gradients_and_buffers_are_torchs(text, shapes):
    ours, theirs = pair(f"nn.{text}")
    rng = np.random.default_rng(0)
    arrays = made(lambda shape: rng.normal(size=shape), shapes)
    for _ in range(2):
        ours.zero_grad()
        theirs.zero_grad()
        compare(ours, theirs, arrays)
    buffers = dict(theirs.named_buffers())
    for name, value in ours.state_dict().items():
        if name in buffers:
            close(value, buffers[name])
    with mg.no_grad():
        outputs = ours.eval()(*made(mg.Tensor, arrays)), theirs.eval()(*made(torch.tensor, arrays))
        for y, z in zip(*map(flat, outputs), strict=True):
            close(y.data, z)


@pytest.mark.parametrize("approximate", [(), ("none",), ("tanh",)])
def test_gelu(approximate):
    compare(nn.GELU(*approximate), torch.nn.GELU(*approximate), [np.random.default_rng(0).normal(size=(3, 4))])


def test_embedding():
    ours, theirs = pair("nn.Embedding(5, 3)")
    ids = np.array([[4, 0], [0, 0]])
    y, z = ours(ids), theirs(torch.tensor(ids))
    (y * y).sum().backward()
    (z * z).sum().backward()
    close(y.data, z)
    close(ours.weight.grad, theirs.weight.grad)


ADDED = np.random.default_rng(2).normal(size=(4, 4))
LATER = np.triu(np.ones((4, 4)), 1) > 0
MASKS = [
    ({"attn_mask": ADDED}, ADDED),
    ({"attn_mask": ADDED > 0.5}, ADDED > 0.5),
    ({"is_causal": True}, LATER),
    ({"is_causal": True, "attn_mask": np.eye(4, k=-1) > 0}, LATER | (np.eye(4, k=-1) > 0)),
]


@pytest.mark.parametrize(("ours_given", "theirs_given"), MASKS, ids=["added", "forbidden", "causal", "both"])
def test_masked_attention(ours_given, theirs_given):
    ours, theirs = pair("nn.MultiheadAttention(6, 2, batch_first=True)")
    x = np.random.default_rng(0).normal(size=(2, 4, 6))

    def attend(layer, x):
        given = ours_given if layer is ours else {"attn_mask": torch.tensor(theirs_given)}
        return layer(x, x, x, **given)

    compare(ours, theirs, [x], attend)


@pytest.mark.slow
def test_a_network_trains_as_torchs_does():
    layers = "Conv2d(1, 3, 3)", "BatchNorm2d(3)", "ReLU()", "MaxPool2d(2)", "Flatten()", "Linear(12, 3)"
    both = [pair(f"nn.{text}") for text in layers]
    ours, theirs = nn.Sequential(*[a for a, _ in both]), torch.nn.Sequential(*[b for _, b in both])
    mine, others = mg.optim.Adam(ours.parameters()), torch.optim.Adam(theirs.parameters())
    rng = np.random.default_rng(0)
    for _ in range(10):
        x, labels = rng.normal(size=(4, 1, 6, 6)), rng.integers(3, size=4)
        mine.zero_grad()
        others.zero_grad()
        loss = nn.cross_entropy(ours(x), labels)
        their_loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        close(loss.data, their_loss)
        loss.backward()
        their_loss.backward()
        mine.step()
        others.step()
    for p, q in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(p, q.numpy(), rtol=1e-9, atol=1e-10)
