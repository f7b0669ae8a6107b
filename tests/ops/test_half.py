"""float16: every rule against the same rule in float64, at all magnitudes, and counts that float16 cannot hold."""

import warnings

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.ops.layers import Sequence
from micrograd_np.ops.primitive import Elementwise

from .cases import CASES, ROWS
from .checks import leaves, pull_back

HALF, DOUBLE = np.float16, np.float64


def assert_rounded_once(ours, theirs, scale=0.0, units=0.52):
    """Wrong by half a unit in the last place, plus what float32 loses where numbers of this size cancel."""
    assert ours.dtype == HALF
    known = np.abs(theirs) < 65_504
    spacing = np.spacing(np.abs(theirs[known]).astype(HALF)).astype(DOUBLE)
    assert np.all(np.abs(ours[known] - theirs[known]) <= units * spacing + 2e-7 * scale)
    beyond = np.abs(theirs) > 65_600
    np.testing.assert_array_equal(ours[beyond], np.copysign(np.inf, theirs[beyond]))


sizes = np.concatenate([[0], np.geomspace(6e-8, 6e4, 61)]).astype(HALF)
LINE = np.concatenate([-sizes[::-1], sizes])
ELEMENTWISE = [row for row in ROWS if isinstance(row, Elementwise) and len(row.rules) < 3]

# Powers of negative numbers are nan or not by the last bit of the exponent; near a zero of sinc digits cancel, and
# NumPy's own value of it is nan from 20,850 on; x and its logaddexp with y cancel.
ELSEWHERE = {"power": (0, 6e4), "float_power": (0, 6e4), "sinc": (-100, 100), "logaddexp": (-100, 100)}


def inputs_of(row):
    low, high = ELSEWHERE.get(row.name, (-6e4, 6e4))
    line = LINE[(low <= LINE) & (high >= LINE)]
    if len(row.rules) == 1:
        return [line]
    return [x.ravel() for x in np.meshgrid(line[::4], line[::4])]


def results(row, inputs, dtype, g):
    """The value and the gradients of a row, at inputs of a dtype."""
    tensors = [mg.Tensor(x.astype(dtype), requires_grad=True) if rule else x.astype(int) for x, rule in
               zip(inputs, row.rules, strict=True)]  # fmt: skip
    z = row(*tensors)
    z.backward(np.full(z.shape, g, HALF).astype(z.dtype))
    return z.data, [x.grad for x in tensors if isinstance(x, mg.Tensor)]


@pytest.mark.parametrize("g", [1, 0.01, -300])
@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_a_row_at_all_magnitudes(row, g):
    inputs = inputs_of(row)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value, gradients = results(row, inputs, HALF, g)
        exact, expected = results(row, inputs, DOUBLE, g)
        for ours, theirs in zip(gradients, expected, strict=True):
            assert_rounded_once(ours, theirs, abs(g))
        if row.function in vars(np).values():
            numpys = row.function(*[x if rule else x.astype(int) for x, rule in zip(inputs, row.rules, strict=True)])
            np.testing.assert_array_equal(value, numpys)
        else:
            assert_rounded_once(value, exact, 1)


def gradient_of(case, values):
    inputs = leaves(values)
    outputs = case.outputs(inputs)[:1]  # others walk back on their own, and each walk rounds
    rng = np.random.default_rng(0)
    pull_back(outputs, [rng.uniform(0.5, 2, z.shape).astype(HALF).astype(z.dtype) for z in outputs])
    return [x.grad for x in inputs]


OTHERS = [c for c in CASES if not isinstance(c.row, Elementwise) and c.row.name != "apart"]  # a part of linalg's rules


# With inputs of ±300 all gates of a sequence are closed: what is left of a gradient is the rounding of 1 - tanh².
SCALED = [(c, scale) for c in OTHERS for scale in (1, 300, 1e-3) if scale < 300 or not isinstance(c.row, Sequence)]


@pytest.mark.parametrize(("case", "scale"), SCALED, ids=lambda x: getattr(x, "name", x))
def test_a_case(case, scale):
    values = [(scale * x).astype(HALF) for x in case.values]
    try:
        with np.errstate(all="ignore"):
            ours = gradient_of(case, values)
    except (TypeError, np.linalg.LinAlgError) as error:  # numbers that are equal in float16 may be so refused
        assert "float16 is unsupported in linalg" in str(error) or "are equal" in str(error)
        return
    for found, exact in zip(ours, gradient_of(case, [x.astype(DOUBLE) for x in values]), strict=True):
        if found is not None:
            assert_rounded_once(found, exact, 100 * np.max(np.abs(exact), initial=0))


MANY = (263, 257)  # 67,591 entries, and float16 ends at 65,504
COUNTED = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "var": np.var,
    "std": np.std,
    "average": np.average,
    "nanmean": np.nanmean,
    "nanmax": np.nanmax,
    "nanstd": np.nanstd,
    "ptp": np.ptp,
    "softmax": lambda x: mg.softmax(x, axis=(0, 1))[0, 0] * 1000,
    "logsumexp": mg.logsumexp,
    "mse_loss": lambda x: nn.mse_loss(x, x.data * 0),
    "l1_loss": lambda x: nn.l1_loss(x, x.data * 0),
    "huber_loss": lambda x: nn.huber_loss(x, x.data * 0),
    "bce": lambda x: nn.binary_cross_entropy_with_logits(x, x.data > 1),
    "cross_entropy": lambda x: nn.cross_entropy(np.reshape(x, (-1, 1)) * np.array([1, 0], HALF), [0] * x.size),
    "cross_entropy, weighted": lambda x: nn.cross_entropy(
        np.reshape(x, (-1, 1)) * np.array([1, 0], HALF), [0] * x.size, weight=np.array([1, 2], HALF)
    ),
    "layer_norm": lambda x: mg.layer_norm(x, MANY)[0, 0],
    "bias": lambda b: np.sum((np.zeros((70_000, 1), HALF) + b[:1, 0]) * 0.5),
    "bias of linear": lambda w: np.sum(mg.linear(np.zeros((70_000, 1), HALF), w[:1, :1], w[0, :1]).astype("f4")) / 2,
}


@pytest.mark.parametrize("f", COUNTED.values(), ids=COUNTED)
@pytest.mark.parametrize("equal", [False, True])
def test_more_entries_than_float16_can_count(f, equal):
    x = np.full(MANY, 1 / 64, HALF) if equal else (np.arange(1, 67_592) % 97 / 3200).reshape(MANY).astype(HALF)
    ours, exact = mg.Tensor(x, requires_grad=True), mg.Tensor(x, requires_grad=True, dtype=DOUBLE)
    f(ours).backward()
    f(exact).backward()
    assert_rounded_once(ours.grad, exact.grad, 1e-3 * np.abs(exact.grad).max(), units=2)  # of some, each step rounds


LARGE = np.array([[300, -300, 0, 100], [-300, 300, 200, 60_000]], HALF)


@pytest.mark.parametrize("layer", [nn.LayerNorm(4, dtype=HALF), nn.BatchNorm1d(4, dtype=HALF)], ids=repr)
def test_a_norm_layer_of_large_numbers(layer):
    ours, exact = mg.Tensor(LARGE, requires_grad=True), mg.Tensor(LARGE, requires_grad=True, dtype=DOUBLE)
    twin = type(layer)(4)
    y, z = layer(ours), twin(exact)
    assert_rounded_once(y.data, z.data)
    g = np.array([[1, 2, 3, 4], [3, 1, 4, 1]], HALF)
    y.backward(g)
    z.backward(g.astype(DOUBLE))
    assert_rounded_once(ours.grad, exact.grad, 1e-3)
    if isinstance(layer, nn.BatchNorm1d):
        np.testing.assert_allclose(layer.running_var.data, twin.running_var.data, rtol=1e-3)
        assert_rounded_once(layer.eval()(LARGE).data, twin.eval()(LARGE.astype(DOUBLE)).data, 5e3)


LOSSES = [nn.half_squared_error, nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.binary_cross_entropy_with_logits]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_a_loss_rounds_once(loss):
    x = np.array([300, -200, 1e-3, 11, -11, 0.3], HALF) / (4 if loss is nn.half_squared_error else 1)
    t = np.array([0, 1, 1, 0, 1, 1], HALF)
    ours, exact = mg.Tensor(x, requires_grad=True), mg.Tensor(x, requires_grad=True, dtype=DOUBLE)
    value, right = loss(ours, t), loss(exact, t.astype(DOUBLE))
    assert_rounded_once(value.data, right.data)
    value.backward()
    right.backward()
    assert_rounded_once(ours.grad, exact.grad, 1)


PROGRAMS = {
    "activations": lambda x: sum(f(x) for f in (mg.sigmoid, mg.silu, mg.gelu, mg.softplus, mg.elu, np.tanh, np.arctan)),
    "norms": lambda x: mg.softmax(mg.layer_norm(x, 4)) + mg.log_softmax(x, axis=0),
    "means": lambda x: np.mean(x, 0) + np.max(x) / 7 + np.std(x, 1)[:, None] + mg.logsumexp(x),
    "losses": lambda x: nn.cross_entropy(x, [1, 2]) + nn.mse_loss(x, np.zeros((2, 4), HALF)),
    "batch norm": lambda x: mg.batch_norm(x)[0],
}


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS)
def test_the_printed_program_gives_the_bits_of_the_tape(f):
    def step(x):
        y = f(x)
        (y * (y * 0 + 3)).sum().backward()
        return y

    x = np.array([[3, -12, 0.1, 50], [-3, 1, 7, 20]], HALF)
    eager, traced = mg.Tensor(x, requires_grad=True), mg.Tensor(x, requires_grad=True)
    expected = step(eager)
    program = mg.trace(step)(traced)
    names = {}
    exec(str(program), names)
    found, gradient = names["step"](*[x if given.kind == "argument" else given.of for given in program.inputs])
    for ours, theirs in ((found, expected.data), (gradient, eager.grad), (traced.grad, eager.grad)):
        assert ours.dtype == theirs.dtype == HALF
        assert ours.tobytes() == theirs.tobytes()


def slope(f):
    return mg.grad(lambda x: f(x).sum())


@pytest.mark.parametrize("f", [mg.sigmoid, mg.gelu, np.tanh, np.arctan, np.cbrt], ids=repr)
def test_the_second_derivative_is_right_too(f):
    x = np.array([-20, -8, -1, 0.5, 3, 300], HALF)
    ours, exact = (slope(slope(f))(x.astype(kind)) for kind in (HALF, DOUBLE))
    assert_rounded_once(ours, exact, 5)


def test_the_gradient_that_a_hook_is_shown_keeps_its_dtype():
    seen = []
    x = mg.Tensor(np.ones(3, HALF), requires_grad=True)
    mg.hook(x, lambda g: seen.append(g.dtype)).sum().backward()
    assert seen == [HALF]


def test_a_custom_rule_is_given_what_its_function_was_given():
    seen = []

    @mg.custom_op(lambda g, z, x: seen.append((g.dtype, z.dtype, x.dtype)) or g * 2 * x)
    def squared(x):
        return x * x

    squared(mg.Tensor(np.ones(3, HALF), requires_grad=True)).sum().backward()
    assert seen == [(HALF, HALF, HALF)]


def test_a_value_that_is_needed_again_may_not_change():
    x = mg.Tensor(np.ones(3, HALF), requires_grad=True)
    y = np.tanh(x)
    with mg.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="written to after tanh"):
        y.sum().backward()
