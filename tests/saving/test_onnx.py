"""ONNX models compute what the modules and rows compute, in onnxruntime."""

import doctest
import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.ops import TABLE
from micrograd_np.ops.primitive import NonDifferentiable
from micrograd_np.saving.onnx import FORMS
from tests.ops.cases import CASES

onnx = pytest.importorskip("onnx", reason="of the extra `onnx`")
runtime = pytest.importorskip("onnxruntime", reason="of the extra `onnx`")


def run(proto, inputs):
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {x.name: value for x, value in zip(session.get_inputs(), inputs, strict=True)})


def assert_same(f, *inputs, tolerance=None):
    """f as ONNX gives what f gives: dtypes, shapes and numbers."""
    expected = f(*inputs)
    found = run(mg.export_onnx(f, *inputs), inputs)
    for ours, theirs in zip(expected if isinstance(expected, tuple) else (expected,), found, strict=True):
        ours = np.asarray(getattr(ours, "data", ours))
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        tolerance = tolerance or (1e-5 if ours.dtype == "f4" else 1e-12)
        np.testing.assert_allclose(theirs, ours, rtol=tolerance, atol=tolerance)


RNG = np.random.default_rng(0)


def attention(causal):
    layer = nn.MultiheadAttention(8, 2, batch_first=True, rng=RNG)
    return lambda x: layer(x, x, x, is_causal=causal)


def outputs(layer):
    return lambda x: layer(x)[0]


class Block(nn.Module):
    """A transformer's block on ids."""

    def __init__(self):
        self.tokens, self.places = nn.Embedding(11, 8, rng=RNG), nn.Embedding(5, 8, rng=RNG)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, rng=RNG)
        self.norms = [nn.LayerNorm(8), nn.LayerNorm(8)]
        self.mix = nn.Sequential(nn.Linear(8, 16, rng=RNG), nn.GELU(), nn.Linear(16, 8, rng=RNG))

    def forward(self, ids):
        x = self.tokens(ids) + self.places(np.arange(ids.shape[1]))
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, is_causal=True, need_weights=False)[0]
        return (x + self.mix(self.norms[1](x))) @ self.tokens.weight.T


def images(channels=2):
    return RNG.normal(size=(3, channels, 9, 8)).astype("f4")


def conv(*args, **kwargs):
    return nn.Conv2d(*args, rng=RNG, dtype="f4", **kwargs)


MODELS = {
    "perceptron": (
        nn.Sequential(nn.Linear(3, 8, rng=RNG), np.tanh, nn.Linear(8, 2, rng=RNG), nn.Softmax()),
        RNG.normal(size=(5, 3)),
    ),
    "float32": (nn.Sequential(nn.Linear(3, 8, rng=RNG, dtype="f4"), nn.ReLU()), RNG.normal(size=(5, 3)).astype("f4")),
    "sequences": (nn.Linear(3, 8, rng=RNG), RNG.normal(size=(5, 2, 3))),
    "no bias": (nn.Linear(3, 8, bias=False, rng=RNG), RNG.normal(size=(5, 2, 3))),
    "convolutions": (
        nn.Sequential(
            *(conv(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), conv(4, 6, 3, stride=(2, 1)), nn.Sigmoid()),
            *(nn.Flatten(), nn.Linear(12, 3, rng=RNG, dtype="f4"), nn.LogSoftmax()),
        ),
        images(),
    ),
    "conv": (conv(2, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=2, bias=False), images()),
    "conv1d": (nn.Conv1d(2, 4, 3, rng=RNG, dtype="f4"), RNG.normal(size=(3, 2, 8)).astype("f4")),
    "max pool": (nn.MaxPool2d(3, stride=2, padding=1), images()),
    "average pool": (nn.AvgPool2d((3, 2), stride=2, padding=1), images()),
    "batch norm": (nn.BatchNorm2d(2, dtype="f4").eval(), images()),
    "layer norm": (nn.Sequential(nn.LayerNorm((2, 4))), RNG.normal(size=(3, 2, 4))),
    "embedding": (nn.Embedding(10, 4, rng=RNG), np.array([[1, 2, 9], [0, 0, 3]])),
    "activations": (
        nn.Sequential(nn.ELU(), nn.SiLU(), nn.LeakyReLU(), nn.Softplus(), nn.LogSigmoid(), nn.GELU(), nn.GELU("tanh")),
        3 * RNG.normal(size=(5, 3)),
    ),
    "gru": (nn.GRUCell(3, 4, rng=RNG), RNG.normal(size=(5, 3))),
    "gru, sequence": (outputs(nn.GRU(3, 4, 2, bidirectional=True, rng=RNG)), RNG.normal(size=(5, 2, 3))),
    "lstm, sequence": (outputs(nn.LSTM(3, 4, rng=RNG)), RNG.normal(size=(5, 2, 3))),
    "rnn, sequence": (outputs(nn.RNN(3, 4, nonlinearity="relu", rng=RNG)), RNG.normal(size=(5, 3))),
    "lstm": (nn.Sequential(nn.LSTMCell(3, 4, rng=RNG)), RNG.normal(size=(5, 3))),
    "attention": (attention(False), RNG.normal(size=(2, 5, 8))),
    "causal attention": (attention(True), RNG.normal(size=(2, 5, 8))),
    "transformer": (Block(), np.array([[1, 2, 3], [10, 0, 5]])),
    "dropout in evaluation": (nn.Sequential(nn.Dropout(0.5)).eval(), RNG.normal(size=(5, 3))),
}


@pytest.mark.parametrize(("model", "x"), MODELS.values(), ids=MODELS)
def test_a_model_computes_the_same(model, x):
    assert_same(model, x)


LINE = np.linspace(-9, 9, 61)
FUNCTIONS = {
    "two arguments": (lambda x, y: x @ y.T - 1, (RNG.normal(size=(2, 3)), RNG.normal(size=(4, 3)))),
    "several results": (lambda x: tuple(np.split(x, (1, 2))), (RNG.normal(size=(4, 3)),)),
    "equal parts": (lambda x: tuple(np.split(x, 3, axis=-1)), (RNG.normal(size=(4, 3)),)),
    "an argument given back": (lambda x: (x, x + x), (RNG.normal(size=3),)),
    "integers and floats": (lambda x, n: (x * n, n / 2, n + 1, n.sum() > 2), (RNG.normal(size=3), np.array([1, 2, 3]))),
    "error function": (lambda x: (mg.erf(x), mg.erfc(x), mg.gelu(x)), (LINE,)),
    "error function, float32": (lambda x: (mg.erf(x), mg.erfc(x), mg.gelu(x)), (LINE.astype("f4"),)),
    "numbers keep float32": (lambda x: 2.5 * x**2 - 1 / x, (np.array([1, 2], "f4"),)),
    "comparisons": (
        lambda x, y: (x < y, x <= y, x > y, x >= y, np.equal(x, y), np.not_equal(x, y)),
        (np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])),
    ),
    "logic": (
        lambda a, b: (np.logical_and(a, b), np.logical_or(a, b), np.logical_xor(a, b), np.logical_not(a)),
        (np.array([True, True, False]), np.array([True, False, False])),
    ),
    "extremes": (lambda x: (np.argmax(x, axis=1), np.argmin(x, axis=0)), (RNG.normal(size=(4, 3)),)),
    "choice": (lambda x: np.where(x > 0, x, 0), (RNG.normal(size=(4, 3)),)),
    "nan and inf": (lambda x: (np.isnan(x), np.isinf(x)), (np.array([1, np.nan, -np.inf], "f4"),)),
    "slices": (lambda x: (x[1:, ::-2], x[-1], x[..., 0], x[None, :, -2:], x[::-1]), (RNG.normal(size=(4, 5)),)),
    "rows": (lambda x: (x[np.array([2, 0, 2])], x[1:, np.array([0, 3])]), (RNG.normal(size=(4, 5)),)),
    "variances": (lambda x: (x.var(axis=0, ddof=1), x.std(), x.var((0, 1), keepdims=True)), (RNG.normal(size=(4, 5)),)),
    "dots": (lambda x: (x[0] @ x[1], np.dot(x, x[0]), np.dot(2.0, x), np.einsum("ij,kj->ik", x, x)), (images()[0, 0],)),
}


@pytest.mark.parametrize(("f", "inputs"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_computes_the_same(f, inputs):
    assert_same(f, *inputs)


SMALL = np.array([1e-30, 1e-8, 1e-4, 0.3, 0.49, 0.51, 0.999, 0.0])
SPECIAL = np.array([*SMALL, *-SMALL, -1.0, -1.5, 5.0, 30.0, -30.0, 87.0, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("f", [np.expm1, np.log1p, mg.softplus, mg.log_sigmoid])
def test_what_is_made_for_small_numbers_keeps_their_digits(f, dtype):
    x = SPECIAL.astype(dtype)
    with np.errstate(all="ignore"):
        (found,) = run(mg.export_onnx(f, x), [x])
        np.testing.assert_allclose(found, f(x), rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_logaddexp_of_infinities(dtype):
    x, y = np.array([(x, y) for x in SPECIAL[-5:] for y in SPECIAL[-5:]], dtype).T
    with np.errstate(all="ignore"):
        assert_same(lambda x, y: np.logaddexp(x, y), x, y)


def test_a_custom_op_is_named_with_its_cure():
    @mg.custom_op(lambda g, z, x: g * 2)
    def doubled(x):
        return 2 * x

    with pytest.raises(TypeError, match=r"(?s)doubled .*export its function without @mg\.custom_op"):
        mg.export_onnx(lambda x: np.exp(doubled(x)), np.ones(3))
    with pytest.raises(TypeError) as caught:
        mg.export_onnx(np.linalg.cholesky, np.eye(3))
    assert "custom" not in str(caught.value)


@pytest.mark.parametrize("index", [True, False, (True, 0), (0, True), (None, True)], ids=repr)
def test_a_flag_as_an_index_is_refused(index):
    with pytest.raises(TypeError, match="no ONNX form here for\n  getitem"):
        mg.export_onnx(lambda x: x[index], np.ones((2, 3)))


# Several arrays as one value are no output of a model; inside, the sequences of recurrent layers have them.
PACKS = TABLE["pack"], TABLE["pack_copies"]
EXAMPLES = [case for case in CASES if (case.row.onnx or case.row.decomposition) and case.row not in PACKS]
# What these give for examples that ONNX has no nodes for.
WITHOUT = {"reshape": "order F", "flatten": "order F", "getitem": "masks, several arrays", "softmax": "two axes"}


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.name)
def test_the_examples_of_a_row(case):
    inputs = [x.astype("f4") for x in case.values]
    try:
        assert_same(lambda *values: case.outputs(list(values)), *inputs, tolerance=2e-5)
    except TypeError as error:
        assert case.row.name.removeprefix("log_") in WITHOUT, error
        assert case.row.name in str(error)


def test_every_form_belongs_to_a_row_and_is_tested():
    rows = [row for row in TABLE.values() if row.onnx]
    assert FORMS.keys() - {row.onnx for row in rows} == {"Item"}
    tested = {case.row.name for case in EXAMPLES}
    apart = [row for row in rows if isinstance(row, NonDifferentiable) or row in PACKS]
    assert not [row.name for row in rows if row.name not in tested and row not in apart]


def test_the_model_is_named_as_the_module_is(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2, rng=RNG), np.tanh)
    proto = mg.export_onnx(model, np.ones((5, 3)), path=tmp_path / "model.onnx")
    assert [tensor.name for tensor in proto.graph.initializer] == ["layers.0.weight", "layers.0.bias"]
    assert [(node.op_type, list(node.input)) for node in proto.graph.node][:2] == [
        ("Gemm", ["x", "layers.0.weight", "layers.0.bias"]),
        ("Tanh", ["gemm"]),
    ]
    assert onnx.load(tmp_path / "model.onnx") == proto
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_exporting_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(3, 2, rng=RNG))
    before = model.state_dict()
    mg.export_onnx(model, np.ones((5, 3)))
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert model[0].weight.requires_grad
    assert model[0].weight.grad is None


def test_every_op_without_a_form_is_named():
    def f(x):
        y = np.linalg.cholesky(x)
        return np.linalg.inv(y) + np.linalg.det(x) + np.exp(y)

    with pytest.raises(TypeError, match="there is no ONNX form here for") as caught:
        mg.export_onnx(f, np.eye(3))
    assert [line.split(" (test_onnx.py")[0] for line in str(caught.value).splitlines()[1:]] == [
        "  cholesky",
        "  inv",
        "  det",
    ]


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(3)], ids=repr)
def test_a_model_in_training_is_refused(layer):
    with pytest.raises(TypeError, match=r"call model\.eval\(\)"):
        mg.export_onnx(nn.Sequential(layer), np.ones((5, 3)))


def test_the_example_of_the_docstring():
    """It is left out where the docstrings' examples run, since onnx is an extra."""
    test = doctest.DocTestParser().get_doctest(mg.export_onnx.__doc__, {"np": np, "mg": mg}, "export_onnx", None, None)
    test.globs["export_onnx"] = mg.export_onnx
    for line in test.examples:
        line.options.clear()
    assert doctest.DocTestRunner().run(test).failed == 0 and len(test.examples) == 2


def test_without_the_extra_the_cure_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "micrograd-np\[onnx\]"'):
        mg.export_onnx(np.exp, np.ones(3))
