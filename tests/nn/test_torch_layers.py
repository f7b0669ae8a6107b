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
    ("BatchNorm1d(3)", [(4, 3)]),
    ("BatchNorm1d(3, momentum=None)", [(4, 3, 2)]),
    ("BatchNorm1d(3, 1e-3, 0.3, affine=False)", [(4, 3, 2)]),
    ("BatchNorm2d(3)", [(2, 3, 2, 4)]),
    ("LayerNorm(4)", [(2, 3, 4)]),
    ("LayerNorm((3, 4), eps=1e-3)", [(2, 3, 4)]),
    ("LayerNorm(4, elementwise_affine=False)", [(3, 4)]),
    ("LayerNorm(4, bias=False)", [(3, 4)]),
    ("RMSNorm(4)", [(2, 3, 4)]),
    ("RMSNorm((3, 4), eps=1e-3, elementwise_affine=False)", [(2, 3, 4)]),
    ("GroupNorm(2, 4)", [(3, 4, 5)]),
    ("GroupNorm(4, 4, eps=1e-2)", [(2, 4, 3, 2)]),
    ("GroupNorm(1, 4, affine=False)", [(3, 4)]),
    ("ConvTranspose1d(3, 4, 3)", [(2, 3, 5)]),
    ("ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2)", [(2, 4, 5)]),
    ("ConvTranspose2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 0), 2, False)", [(2, 2, 4, 5)]),
    ("ConvTranspose2d(2, 3, 2, stride=2, output_padding=1)", [(2, 2, 4, 3)]),
    ("AdaptiveAvgPool1d(3)", [(2, 3, 7)]),
    ("AdaptiveAvgPool1d(5)", [(2, 3, 3)]),
    ("AdaptiveAvgPool2d(1)", [(2, 3, 4, 5)]),
    ("AdaptiveAvgPool2d((2, 3))", [(2, 3, 5, 7)]),
    ("AdaptiveAvgPool1d(2)", [(0, 3, 4)]),
    ("Conv1d(3, 4, 3, padding=1)", [(0, 3, 7)]),
    ("ConvTranspose1d(3, 4, 3)", [(0, 3, 5)]),
    ("MaxPool2d(2)", [(0, 3, 4, 4)]),
    ("LayerNorm(4)", [(0, 4)]),
    ("GroupNorm(2, 4)", [(0, 4, 3)]),
    ("Identity()", [(2, 3)]),
    ("Flatten()", [(2, 3, 4)]),
    ("Flatten(0, 1)", [(2, 3, 4)]),
    ("Flatten(start_dim=-2)", [(2, 3, 4)]),
    ("MSELoss()", [(2, 3), (2, 3)]),
    ("MSELoss(reduction='none')", [(2, 3), (2, 3)]),
    ("L1Loss(reduction='sum')", [(2, 3), (2, 3)]),
    ("HuberLoss(delta=0.5)", [(2, 3), (2, 3)]),
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
    ("MultiheadAttention(6, 2)", [(4, 0, 6), (5, 0, 6), (5, 0, 6)]),
    ("MultiheadAttention(6, 2)", [(0, 2, 6), (5, 2, 6), (5, 2, 6)]),
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


@pytest.mark.parametrize("padding", [0, -2])
def test_embedding_with_a_row_for_padding(padding):
    ours, theirs = pair(f"nn.Embedding(5, 3, padding_idx={padding})")
    assert (nn.Embedding(5, 3, padding).weight.data[padding] == 0).all()
    ids = np.array([[4, 0, 3], [0, 0, 3]])
    y, z = ours(ids), theirs(torch.tensor(ids))
    (y * y).sum().backward()
    (z * z).sum().backward()
    close(y.data, z)
    close(ours.weight.grad, theirs.weight.grad)
    assert (ours.weight.grad[padding] == 0).all()


CLASSES = [
    {},
    {"weight": [1.0, 2.0, 0.5]},
    {"label_smoothing": 0.1},
    {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.2},
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", CLASSES)
@pytest.mark.parametrize("ignored", [None, 2, -100])
def test_cross_entropy_with_ignored_labels(reduction, options, ignored):
    labels = np.array([0, 2, 1, 2, 2])
    labels = np.where(labels == 2, -100, labels) if ignored == -100 else labels
    weight = options.get("weight")
    more = {} if ignored is None else {"ignore_index": ignored}
    options = {**options, **more, "reduction": reduction}
    ours = nn.CrossEntropyLoss(**options | {"weight": weight and np.array(weight)})
    theirs = torch.nn.CrossEntropyLoss(**options | {"weight": weight and torch.tensor(weight, dtype=torch.float64)})

    def loss(layer, x):
        return layer(x, labels if layer is ours else torch.tensor(labels))

    compare(ours, theirs, [np.random.default_rng(0).normal(size=(5, 3))], loss)


def test_binary_cross_entropy_of_probabilities():
    p, t = np.random.default_rng(0).random((2, 3, 4))
    compare(
        nn.BCELoss(), torch.nn.BCELoss(), [p], lambda f, x: f(x, t if isinstance(x, mg.Tensor) else torch.tensor(t))
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_binary_cross_entropy_of_logits(reduction):
    ours, theirs = pair(f"nn.BCEWithLogitsLoss(reduction='{reduction}')")
    rng = np.random.default_rng(0)
    compare(ours, theirs, [30 * rng.normal(size=(2, 3)), rng.random((2, 3))])  # of the targets' gradient, too


PADDING = np.array([[False, False, True, True], [False, True, False, False]])


@pytest.mark.parametrize("more", [{}, {"attn_mask": np.eye(4, k=2) > 0}])
def test_attention_with_padding(more):
    ours, theirs = pair("nn.MultiheadAttention(6, 2, batch_first=True)")

    def attend(layer, x):
        masks = {"key_padding_mask": PADDING, **more}
        given = masks if layer is ours else {name: torch.tensor(mask) for name, mask in masks.items()}
        return layer(x, x, x, **given)

    compare(ours, theirs, [np.random.default_rng(0).normal(size=(2, 4, 6))], attend)


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
