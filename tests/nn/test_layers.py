"""Layers against plain loops over single numbers, and their gradients against differences."""

import math
import re

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

rng = np.random.default_rng(0)


def draw(*shape):
    return rng.normal(size=shape)


def values(layer):
    return [tensor.data for tensor in layer.parameters()]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def affine(row, weight, bias):
    return [sum(w * x for w, x in zip(weights, row, strict=True)) + b for weights, b in zip(weight, bias, strict=True)]


def linear(layer, x):
    return [affine(row, *values(layer)) for row in x]


def embedding(layer, ids):
    return [[list(layer.weight.data[i]) for i in row] for row in ids]


def conv1d(layer, x):
    weight, bias = values(layer)
    images, _, size = x.shape
    outs, ins, kernel = weight.shape
    steps = (size + 2 * layer.padding - layer.dilation * (kernel - 1) - 1) // layer.stride + 1
    z = np.zeros((images, outs, steps))
    for n, o, t, c, k in np.ndindex(images, outs, steps, ins, kernel):
        place = t * layer.stride + k * layer.dilation - layer.padding
        channel = o // (outs // layer.groups) * ins + c
        if 0 <= place < size:
            z[n, o, t] += weight[o, c, k] * x[n, channel, place]
    return z + bias[:, None]


def conv2d(layer, x):
    weight, bias = values(layer)
    height, width = x.shape[2] - weight.shape[2] + 1, x.shape[3] - weight.shape[3] + 1
    z = np.zeros((len(x), len(weight), height, width))
    for n, o, i, j, c, k, m in np.ndindex(*z.shape, *weight.shape[1:]):
        z[n, o, i, j] += weight[o, c, k, m] * x[n, c, i + k, j + m]
    return z + bias[:, None, None]


def pool2d(reduce):
    def pooled(layer, x):
        z = np.zeros((*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2))
        for n, c, i, j in np.ndindex(z.shape):
            z[n, c, i, j] = reduce([x[n, c, 2 * i + k, 2 * j + m] for k in (0, 1) for m in (0, 1)])
        return z

    return pooled


def pool1d(reduce):
    def pooled(layer, x):
        steps = range((x.shape[2] - 3) // 2 + 1)
        return [[[reduce([row[2 * t + k] for k in range(3)]) for t in steps] for row in channels] for channels in x]

    return pooled


def standard(numbers, eps):
    mean = sum(numbers) / len(numbers)
    var = sum((x - mean) ** 2 for x in numbers) / len(numbers)
    return [(x - mean) / math.sqrt(var + eps) for x in numbers]


def batch_norm(layer, x):
    weight, bias = values(layer)
    z = np.zeros_like(x)
    for c in range(x.shape[1]):
        z[:, c] = np.reshape(standard(x[:, c].ravel().tolist(), layer.eps), x[:, c].shape) * weight[c] + bias[c]
    return z


def layer_norm(layer, x):
    weight, bias = values(layer)
    return [[w * y + b for w, y, b in zip(weight, standard(row.tolist(), layer.eps), bias, strict=True)] for row in x]


def maps(layer, x, h):
    """The parts that input and state give to each gate, a list of gates for both."""
    w_x, w_h, b_x, b_h = values(layer)
    from_x, from_h = affine(x, w_x, b_x), affine(h, w_h, b_h)
    size = len(h)
    return [[both[i : i + size] for i in range(0, len(both), size)] for both in (from_x, from_h)]


def rnn(layer, x, h):
    z = []
    for row, state in zip(x, h, strict=True):
        (from_x,), (from_h,) = maps(layer, row, state)
        z.append([math.tanh(a + b) for a, b in zip(from_x, from_h, strict=True)])
    return z


def lstm(layer, x, state):
    hs, cs = [], []
    for row, h, c in zip(x, *state, strict=True):
        gates = np.add(*maps(layer, row, h))
        new = [sigmoid(f) * old + sigmoid(i) * math.tanh(g) for i, f, g, old in zip(*gates[:3], c, strict=True)]
        cs.append(new)
        hs.append([sigmoid(o) * math.tanh(value) for o, value in zip(gates[3], new, strict=True)])
    return hs, cs


def gru(layer, x, h):
    z = []
    for row, state in zip(x, h, strict=True):
        from_x, from_h = maps(layer, row, state)
        new = []
        for i, old in enumerate(state):
            reset, update = sigmoid(from_x[0][i] + from_h[0][i]), sigmoid(from_x[1][i] + from_h[1][i])
            fresh = math.tanh(from_x[2][i] + reset * from_h[2][i])
            new.append((1 - update) * fresh + update * old)
        z.append(new)
    return z


def causal_attention(layer, x, *_, **__):
    """Each place takes the mean of the values up to it, weighted by exp(query . key / sqrt(size))."""
    weight, bias, out_weight, out_bias = values(layer)
    length, width = x.shape[1:]
    size = width // layer.num_heads
    z, mean_weights = np.zeros_like(x), np.zeros((len(x), length, length))
    for n in range(len(x)):
        projected = np.array([affine(row, weight, bias) for row in x[n]])
        q, k, v = projected[:, :width], projected[:, width : 2 * width], projected[:, 2 * width :]
        seen = np.zeros((length, width))
        for head in range(layer.num_heads):
            part = slice(head * size, (head + 1) * size)
            for i in range(length):
                scores = [math.exp(sum(q[i, part] * k[j, part]) / math.sqrt(size)) for j in range(i + 1)]
                for j, score in enumerate(scores):
                    share = score / sum(scores)
                    seen[i, part] += share * v[j, part]
                    mean_weights[n, i, j] += share / layer.num_heads
        z[n] = [affine(row, out_weight, out_bias) for row in seen]
    return z, mean_weights


X = draw(2, 3, 6)
CASES = [
    ("linear", nn.Linear(4, 3), linear, [draw(5, 4)]),
    ("conv1d", nn.Conv1d(3, 2, 3), conv1d, [draw(2, 3, 6)]),
    ("conv1d, all options", nn.Conv1d(4, 6, 2, 2, 1, 3, 2), conv1d, [draw(2, 4, 7)]),
    ("conv2d", nn.Conv2d(2, 3, (2, 3)), conv2d, [draw(2, 2, 4, 5)]),
    ("max_pool1d", nn.MaxPool1d(3, 2), pool1d(max), [draw(2, 2, 8)]),
    ("max_pool2d", nn.MaxPool2d(2), pool2d(max), [draw(2, 2, 4, 6)]),
    ("avg_pool1d", nn.AvgPool1d(3, 2), pool1d(np.mean), [draw(2, 2, 8)]),
    ("avg_pool2d", nn.AvgPool2d(2), pool2d(np.mean), [draw(2, 2, 4, 6)]),
    ("batch_norm1d", nn.BatchNorm1d(3), batch_norm, [draw(4, 3)]),
    ("batch_norm1d, signals", nn.BatchNorm1d(3, eps=0.1), batch_norm, [draw(2, 3, 4)]),
    ("batch_norm2d", nn.BatchNorm2d(3), batch_norm, [draw(2, 3, 2, 2)]),
    ("layer_norm", nn.LayerNorm(5), layer_norm, [draw(3, 5)]),
    ("rnn", nn.RNNCell(3, 4), rnn, [draw(2, 3), draw(2, 4)]),
    ("lstm", nn.LSTMCell(3, 4), lstm, [draw(2, 3), (draw(2, 4), draw(2, 4))]),
    ("gru", nn.GRUCell(3, 4), gru, [draw(2, 3), draw(2, 4)]),
    ("attention", nn.MultiheadAttention(6, 2, batch_first=True), causal_attention, [X, X, X]),
]
IDS = [name for name, *_ in CASES]
OPTIONS = {"attention": {"is_causal": True}}


@pytest.fixture(params=CASES, ids=IDS)
def case(request):
    """A layer with weights of any size, its loop, and its inputs and options."""
    name, layer, loop, inputs = request.param
    for parameter in layer.parameters():
        parameter.data = draw(*parameter.shape)
    return layer, loop, inputs, OPTIONS.get(name, {})


def outputs(layer, inputs, options):
    given = layer(*inputs, **options)
    return given if isinstance(given, tuple) else (given,)


def test_values_are_those_of_the_loop(case):
    layer, loop, inputs, options = case
    expected = loop(layer, *inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for y, z in zip(outputs(layer, inputs, options), expected, strict=True):
        np.testing.assert_allclose(y.data if isinstance(y, mg.Tensor) else y, z, rtol=1e-12, atol=1e-13)


def test_gradients_are_the_differences(case):
    layer, _, inputs, options = case
    weights = [draw(*y.shape) for y in outputs(layer, inputs, options)]

    def loss(*inputs):
        return sum((y * w).sum() for y, w in zip(outputs(layer, inputs, options), weights, strict=True))

    def check(array, gradient):
        direction = draw(*array.shape)
        start = array.copy()
        array[...] = start + 1e-6 * direction
        above = loss(*inputs)
        array[...] = start - 1e-6 * direction
        below = loss(*inputs)
        array[...] = start
        assert np.isclose(np.sum(gradient * direction), (above.item() - below.item()) / 2e-6, rtol=1e-6, atol=1e-7)

    x = mg.Tensor(inputs[0], requires_grad=True)
    layer.zero_grad()
    loss(*[x if each is inputs[0] else each for each in inputs]).backward()
    check(inputs[0], x.grad)
    for parameter in layer.parameters():
        check(parameter.data, parameter.grad)


def test_embedding_takes_rows_and_gives_their_gradients_back():
    layer = nn.Embedding(5, 3)
    ids = np.array([[4, 0], [0, 0]])
    y = layer(ids)
    assert np.array_equal(y.data, embedding(layer, ids))
    y.sum().backward()
    assert np.array_equal(layer.weight.grad, np.outer([3, 0, 0, 0, 1], np.ones(3)))


def test_dropout_keeps_the_mean_and_is_drawn_anew_from_the_generator():
    layer = nn.Dropout(0.25, rng=np.random.default_rng(0))
    x = mg.Tensor(np.ones((100, 100)), requires_grad=True)
    y, again = layer(x), layer(x)
    assert set(np.unique(y.data)) == {0.0, 1 / 0.75}
    assert abs(y.data.mean() - 1) < 0.02
    assert not np.array_equal(y.data, again.data)
    assert np.array_equal(y.data, nn.Dropout(0.25, rng=np.random.default_rng(0))(x).data)
    y.sum().backward()
    assert np.array_equal(x.grad, y.data)
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x


def test_dropout_takes_a_list_as_other_layers_do():
    layer = nn.Dropout(0.5, rng=np.random.default_rng(0))
    assert layer([1.0, 2.0]).tolist() in ([0, 0], [2, 0], [0, 4], [2, 4])
    assert layer.eval()([1.0, 2.0]).tolist() == [1, 2]
    with pytest.raises(TypeError, match="Dropout takes an array of numbers x, not None"):
        layer(None)


def test_running_statistics_are_those_of_the_batches():
    x = draw(5, 3, 2)
    layer, average = nn.BatchNorm1d(3, momentum=0.25), nn.BatchNorm1d(3, momentum=None)
    mean, var = x.mean((0, 2)), x.var((0, 2), ddof=1)
    layer(x)
    assert np.allclose(layer.running_mean.data, 0.25 * mean)
    assert np.allclose(layer.running_var.data, 0.75 + 0.25 * var)
    average(x)
    average(3 * x)
    assert np.allclose(average.running_mean.data, 2 * mean)
    assert np.allclose(average.running_var.data, 5 * var)
    assert average.num_batches_tracked.item() == 2
    average.eval()
    assert np.allclose(average(x).data, (x - 2 * mean[:, None]) / np.sqrt(5 * var[:, None] + 1e-5))
    assert average.num_batches_tracked.item() == 2


def test_running_statistics_pass_no_gradient_and_hold_no_graph():
    layer = nn.BatchNorm1d(3)
    x = mg.Tensor(draw(5, 3), requires_grad=True)
    layer(x)
    assert layer.running_mean.is_leaf
    assert not layer.running_mean.requires_grad


def test_causal_attention_cannot_see_what_comes_later():
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = draw(1, 5, 4)
    changed = x.copy()
    changed[0, 3:] = 9.0
    before, after = [layer(each, each, each, is_causal=True)[0].data for each in (x, changed)]
    assert np.array_equal(before[0, :3], after[0, :3])
    assert not np.allclose(before[0, 3:], after[0, 3:])


def test_attention_weights_are_dropped_in_training_only_and_given_if_wanted():
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True, rng=np.random.default_rng(0))
    x = draw(2, 5, 4)
    assert not np.array_equal(layer(x, x, x)[0].data, layer(x, x, x)[0].data)
    layer.eval()
    assert np.array_equal(layer(x, x, x)[0].data, layer(x, x, x)[0].data)
    assert np.allclose(layer(x, x, x)[1].data.sum(-1), 1)
    assert layer(x, x, x, need_weights=False)[1] is None


def test_sequential_is_a_sequence_of_modules_and_functions():
    layers = nn.Linear(3, 2), np.tanh
    model = nn.Sequential(*layers)
    assert len(model) == 2
    assert tuple(model) == layers
    assert model[-1] is np.tanh
    x = draw(4, 3)
    assert np.array_equal(model(x).data, np.tanh(layers[0](x).data))
    assert np.array_equal(model[:1](x).data, layers[0](x).data)


WEIGHTED = [
    lambda dtype: (nn.Linear(4, 3, dtype=dtype), (2, 4)),
    lambda dtype: (nn.Conv1d(4, 3, 2, dtype=dtype), (2, 4, 5)),
    lambda dtype: (nn.Conv2d(4, 3, 2, dtype=dtype), (2, 4, 5, 5)),
    lambda dtype: (nn.BatchNorm1d(4, dtype=dtype), (2, 4)),
    lambda dtype: (nn.BatchNorm1d(4, dtype=dtype).eval(), (2, 4)),
    lambda dtype: (nn.LayerNorm(4, dtype=dtype), (2, 4)),
    lambda dtype: (nn.RNNCell(4, 3, dtype=dtype), (2, 4)),
    lambda dtype: (nn.LSTMCell(4, 3, dtype=dtype), (2, 4)),
    lambda dtype: (nn.GRUCell(4, 3, dtype=dtype), (2, 4)),
]


@pytest.mark.parametrize("make", WEIGHTED)
def test_float32_stays_float32(make):
    layer, shape = make(np.float32)
    x = mg.Tensor(draw(*shape), dtype=np.float32, requires_grad=True)
    ys = outputs(layer, [x], {})
    assert {y.dtype for y in ys} == {np.dtype(np.float32)}
    sum(y.sum() for y in ys).backward()
    assert {each.grad.dtype for each in (x, *layer.parameters())} == {np.dtype(np.float32)}
    assert {tensor.dtype for _, tensor in layer.named_tensors()} <= {np.dtype(np.float32), np.dtype(np.int64)}


NORMS = [
    lambda dtype: nn.LayerNorm(6, dtype=dtype),
    lambda dtype: nn.RMSNorm(6, dtype=dtype),
    lambda dtype: nn.GroupNorm(5, 5, dtype=dtype),
    lambda dtype: nn.BatchNorm1d(5, dtype=dtype),
    lambda dtype: nn.BatchNorm1d(5, dtype=dtype).eval(),
]


@pytest.mark.parametrize("make", NORMS)
def test_a_norm_layer_computes_float16_in_float32_and_rounds_once(make):
    half, whole = make(np.float16), make(np.float32)
    x = mg.Tensor(draw(4, 5, 6), dtype=np.float16, requires_grad=True)
    wide = mg.Tensor(x.data, dtype=np.float32, requires_grad=True)
    for p, q in zip(half.parameters(), whole.parameters(), strict=True):
        p.data = draw(*p.shape).astype(np.float16)
        q.data = p.data.astype(np.float32)
    y, z = half(x), whole(wide)
    g = draw(*y.shape).astype(np.float16)
    y.backward(g)
    z.backward(g.astype(np.float32))
    for rounded, exact in ((y.data, z.data), (x.grad, wide.grad)):
        np.testing.assert_array_equal(rounded, exact.astype(np.float16))


@pytest.mark.parametrize("make", NORMS[:-1])
@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
def test_a_norm_layer_says_how_to_give_it_integers(make, dtype):
    x = draw(4, 5, 6).astype(dtype)
    with pytest.raises(TypeError, match=rf"x \(.*\) {x.dtype} cannot hold\. Write x\.astype\(float\)"):
        make(float)(x)
    make(float)(x.astype(float))


@pytest.mark.parametrize("make", WEIGHTED)
def test_an_input_that_would_turn_everything_into_another_dtype_is_refused(make):
    layer, shape = make(np.float32)
    with pytest.raises(TypeError, match=rf"x {re.escape(str(shape))} float64 in a .* of float32 weights"):
        layer(mg.Tensor(draw(*shape), name="x"))
    with pytest.raises(TypeError, match=r"Write x.astype\('float32'\), or make the layer with dtype='float64'"):
        layer(np.ones(shape, int))
    layer, shape = make(np.float64)
    assert outputs(layer, [draw(*shape).astype(np.float32)], {})[0].dtype == np.float64


def test_attention_refuses_and_keeps_dtypes_too():
    layer = nn.MultiheadAttention(4, 2, dtype=np.float32)
    x = draw(3, 4)
    with pytest.raises(TypeError, match="MultiheadAttention of float32 weights"):
        layer(x, x, x)
    x = x.astype(np.float32)
    assert layer(x, x, x, is_causal=True)[0].dtype == np.float32


FEW = draw(2, 3)
BAD = [
    (lambda: nn.Linear(4, 1)(FEW), r"Linear takes 4 features on the last axis, and FEW \(2, 3\) float64"),
    (lambda: nn.Linear(4, 1)(np.float64(3.0)), "takes 4 features"),
    (
        lambda: nn.Conv1d(4, 1, 3)(FEW[None]),
        r"conv1d with weight \(1, 4, 3\) float64 and groups=1 takes 4 channels on axis 1",
    ),
    (lambda: nn.Conv2d(3, 1, 1)(FEW), "conv2d takes x"),
    (
        lambda: nn.Conv1d(2, 4, 3, padding="same")(FEW),
        r"conv1d takes x \(N, C, L\).* Add a missing axis .* x\[None\]",
    ),
    (
        lambda: nn.AdaptiveAvgPool1d(2)(FEW),
        r"AdaptiveAvgPool1d takes x \(N, C, L\) .* x\[None\]",
    ),
    (lambda: nn.AdaptiveAvgPool1d(2)(FEW[None, :, :0]), "with entries to take the mean of"),
    (lambda: nn.Conv2d(3, 4, 1, groups=2), "groups=2 must divide in_channels=3 and out_channels=4"),
    (lambda: nn.Conv2d(3, 4, (1, 2, 3)), "kernel"),
    (lambda: nn.Conv2d(3, 4, 3, (1, 2), "same"), r"padding='same' needs a stride of 1, not \(1, 2\)"),
    (lambda: nn.Conv1d(3, 4, 3, padding="some"), "Conv1d: padding must be .*, 'same' or 'valid', not 'some'"),
    (lambda: nn.MaxPool2d(), r"MaxPool2d: missing a required argument: 'kernel_size'"),
    (lambda: nn.ReLU(3), "ReLU: too many positional arguments. It has none"),
    (lambda: nn.BatchNorm1d(2)(FEW), "BatchNorm1d takes 2 channels on axis 1"),
    (lambda: nn.BatchNorm2d(3)(FEW), "BatchNorm2d takes x of 4 axes"),
    (lambda: nn.BatchNorm1d(3)(FEW[:1]), "two entries a channel or more"),
    (lambda: nn.LayerNorm(4)(FEW), "normalized_shape=4"),
    (lambda: nn.Dropout(1.0), "Dropout: p must be a number of at least 0 and below 1, not 1.0"),
    (lambda: nn.Embedding(3, 2)(np.array([0, 3])), "ids count from 0 to 2"),
    (lambda: nn.RNNCell(4, 2)(FEW), "RNNCell takes 4 features"),
    (
        lambda: nn.RNNCell(3, 2)(FEW, FEW),
        r"state of this RNNCell must be one array h of shape \(2, 2\), not FEW \(2, 3\)",
    ),
    (lambda: nn.RNNCell(3, 2, nonlinearity="sin"), "nonlinearity must be one of 'tanh', 'relu', not 'sin'"),
    (lambda: nn.MultiheadAttention(5, 2), "num_heads=2 does not divide embed_dim=5"),
    (lambda: nn.MultiheadAttention(4, 2)(FEW, FEW, FEW), "takes 4 features"),
    (
        lambda: nn.MultiheadAttention(3, 1)(FEW, FEW, FEW, np.ones((2, 3))),
        r"attn_mask.*must have shape \(queries, keys\) = \(2, 2\)",
    ),
    (lambda: nn.MultiheadAttention(3, 1)(FEW, FEW, FEW, np.ones((2, 2), bool)), "may attend to no key"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        call()


def test_completion_of_a_layer_shows_its_arguments_parameters_and_methods():
    layers = {nn.ReLU(): set(), nn.GELU(): {"approximate"}, nn.AdaptiveAvgPool1d(2): {"output_size"}}
    layers |= {nn.Conv2d(1, 1, 1): {"weight", "bias", "stride", "padding", "dilation", "groups"}}
    for layer, names in layers.items():
        assert {name for name in set(dir(layer)) - set(dir(nn.Module())) if name[0] != "_"} == names


MISUSED = {
    "nn.ReLU(X)": r"ReLU is made first and called then: ReLU\(\)\(x\)",
    "nn.LeakyReLU(inplace=True)": "LeakyReLU has no argument 'inplace'. Leave it out",
    "nn.ReLU().load_state_dict({}, strict=False)": r"Of a part, give {\*\*model.state_dict\(\), \*\*part}",
    "nn.MaxPool2d(2, return_indices=True)": "MaxPool2d has no argument .* kernel_size, stride, padding, dilation",
    "nn.Sequential([nn.ReLU()])": r"a module or a function \(write \*layers to give those of a list\), not \[ReLU",
    "nn.Flatten()(3.0)": r"Flatten joins the axes 1 to -1, and x \(\) float64 does not have them",
    "nn.Flatten(2, 1)(np.ones((2, 3, 4)))": "Flatten joins the axes 2 to 1",
}


@pytest.mark.parametrize(("code", "message"), MISUSED.items(), ids=MISUSED)
def test_a_misuse_is_answered_in_words(code, message):
    with pytest.raises((TypeError, ValueError), match=message):
        eval(code, {"nn": nn, "np": np, "X": np.ones((2, 3))})


CALLED = [nn.Linear(2, 1), nn.Conv1d(1, 1, 1), nn.LayerNorm(2), nn.RMSNorm(2), nn.GroupNorm(1, 2), nn.BatchNorm1d(2)]
CALLED += [
    nn.ReLU(),
    nn.Softmax(),
    nn.MaxPool2d(2),
    nn.AdaptiveAvgPool1d(2),
    nn.Flatten(),
    nn.LSTM(2, 3),
    nn.GRUCell(2, 3),
]


@pytest.mark.parametrize("layer", CALLED, ids=lambda layer: type(layer).__name__)
def test_a_function_that_forgot_its_return_is_suspected(layer):
    message = (
        f"{type(layer).__name__} takes an array of numbers x, not None. Does the layer or function before it end in a"
    )
    with pytest.raises(TypeError, match=message):
        nn.Sequential(lambda x: None, layer)(np.ones((2, 2)))
