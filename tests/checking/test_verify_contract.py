"""The promises of `verify`: conventions only where they are open, kinks, linearity, and people's code as it stands."""

import inspect
import math

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import verify

from .layers import Layer

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), np.zeros(3)


# Factors.

MASK = np.random.RandomState(1).rand(6, 4) > 0.5
FACTORS = {
    "the 2 of a square": (lambda x: x**2, lambda g, x: g * x),
    "minus": (lambda x: -x, lambda g, x: g),
    "1/n of a mean": (lambda x: x.mean(axis=1), lambda g, x: np.broadcast_to(g[:, None], x.shape)),
    "1/(1-p) of dropout": (lambda x: x * MASK / 0.5, lambda g, x: g * MASK),
    "0.37": (np.tanh, lambda g, x: 0.37 * g * (1 - np.tanh(x) ** 2)),
}


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_is_wrong_where_the_cotangent_is_given(name):
    report = verify(*FACTORS[name], X)
    assert not report
    assert report.findings[0].causes, str(report)
    with pytest.raises(AssertionError):
        mg.testing.assert_gradients(*FACTORS[name], X)


def loss(w):
    return np.sum(np.tanh(w) ** 2)


def gradient(w):
    return 2 * np.tanh(w) * (1 - np.tanh(w) ** 2)


@pytest.mark.parametrize(
    ("factor", "says", "named"),
    [
        (-1, "minus the gradient", "sign"),
        (0.5, "1/2 times", "factor 1/2"),
        (12, "12", "factor 12"),
        (1 / 12, "1/12", "factor 1/12"),
    ],
)
def test_a_factor_that_a_loss_leaves_open_is_a_convention(factor, says, named):
    report = verify(loss, lambda w: factor * gradient(w), W)
    assert report.verdict == "OK"
    assert str(report).splitlines()[0] == f"verify: OK, 1 gradient by hand, right up to the {named}"
    assert says in str(report)
    assert not verify(loss, lambda w: factor * gradient(w), W, strict=True)
    assert verify(loss, lambda w: factor * gradient(w), W, factor=factor)
    assert not verify(loss, gradient, W, factor=factor)


def test_any_other_common_factor_is_a_status_of_its_own():
    report = verify(loss, lambda w: -0.1 * gradient(w), W)
    assert report.verdict == "RIGHT UP TO A FACTOR"
    assert report
    assert "right up to the factor -0.1" in str(report)
    assert not verify(loss, lambda w: -0.1 * gradient(w), W, strict=True)


@pytest.mark.parametrize("w", [np.array(0.5), np.array([0.5]), np.full(4, 0.5)])
@pytest.mark.parametrize("factor", [2, 3, -1, 0.37])
def test_a_number_proves_no_factor(w, factor):
    assert verify(loss, gradient, w)
    assert not verify(loss, lambda w: factor * gradient(w), w)


def test_a_wrong_scalar_does_not_blame_a_right_row():
    def line(m, c, x, y):
        return ((m * x + c - y) ** 2).mean()

    def backward(m, c, x, y):
        e = m * x + c - y
        return {"m": 2 * (e * x).mean() / 6, "c": 2 * e.mean()}

    report = verify(line, backward, np.array(0.5), np.array(0.1), rng.normal(size=6), rng.normal(size=6))
    assert [finding.row.label for finding in report.findings] == ["m"]


@pytest.mark.parametrize("bit", [0, 1e-16, -3e-16])
def test_a_last_bit_does_not_matter(bit):
    report = verify(lambda w, b: loss(w) + loss(b), lambda w, b: ((1 + bit) * -gradient(w), -gradient(b)), W, W[0])
    assert report.verdict == "OK"


# Linearity.


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda g, x: g * (x > 0) * (g > 0), "a mask, clip or power is made from dout"),
        (lambda g, x: abs(g) * (x > 0), "its sign is lost"),
        (lambda g, x: g * (x > 0) + 0.1 * x, "something is added that does not depend on dout"),
        (lambda g, x: (x > 0) * 1.0, "it does not use it"),
    ],
)
def test_a_backward_pass_that_is_not_linear(backward, says):
    report = verify(lambda x: np.maximum(x, 0), backward, X)
    assert not report
    assert str(report).startswith("verify: WRONG: <lambda>(-4 * dout) is not -4 * <lambda>(dout) (in x): ")
    assert says in str(report)


# Kinks: XNOR data, and biases that are zero.

POINTS, LABELS = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[1], [0], [0], [1.0]])
LAYERS = rng.normal(size=(2, 5)), np.zeros(5), rng.normal(size=(5, 1))
RELUS = {
    "maximum": lambda z: np.maximum(z, 0),
    "where": lambda z: np.where(z > 0, z, 0.0),
    "a mask": lambda z: z * (z > 0),
    "clip": lambda z: np.clip(z, 0, 100),
}
CHOICES = {"0": lambda z: z > 0, "1": lambda z: z >= 0, "a half": lambda z: (z > 0) + 0.5 * (z == 0)}


def network(relu):
    def forward(W1, b1, W2):
        z = POINTS @ W1 + b1
        h = relu(z)
        o = h @ W2
        return 0.5 * ((o - LABELS) ** 2).sum(), (z, h, o)

    return forward


def network_backward(slope):
    def backward(W1, b1, W2, cache):
        z, h, o = cache
        dz = (o - LABELS) @ W2.T * slope(z)
        return POINTS.T @ dz, dz.sum(0), h.T @ (o - LABELS)

    return backward


@pytest.mark.parametrize("relu", RELUS)
@pytest.mark.parametrize("choice", CHOICES)
def test_any_choice_at_a_kink_is_right(relu, choice):
    report = verify(network(RELUS[relu]), network_backward(CHOICES[choice]), *LAYERS)
    assert report, str(report)


@pytest.mark.parametrize("relu", RELUS)
def test_a_slip_beside_kinks_is_still_wrong(relu):
    report = verify(network(RELUS[relu]), network_backward(lambda z: 1.0), *LAYERS)
    assert report.verdict == "WRONG"
    assert report.findings[0].causes


@pytest.mark.parametrize("choose", [lambda x: x == x.max(), lambda x: np.arange(4) == x.argmax()])
def test_ties_of_a_maximum(choose):
    x = np.array([1.0, 3.0, 3.0, 2.0])
    shared = choose(x) / choose(x).sum()
    assert verify(lambda x: x.max() ** 2, lambda x: 2 * x.max() * shared, x)
    assert not verify(lambda x: x.max() ** 2, lambda x: 2 * x.max() * (x == 2.0), x)


def test_a_maximum_whose_ties_all_get_the_gradient_is_left_open():
    x = np.array([1.0, 3.0, 3.0, 2.0])
    report = verify(lambda g: g.max() ** 2, lambda x: 2 * x.max() * (x == x.max()), x, strict=True)
    assert report.verdict == "AT A KINK"
    assert "entries lie on a kink" in str(report)


# Masks between an activation and its delta.


@pytest.mark.parametrize("slope_of", ["activation", "masked"])
def test_a_mask_behind_an_activation(slope_of):
    mask = (rng.random((6, 3)) < 0.5) / 0.5
    w = mg.Tensor(W, requires_grad=True, name="w")
    z = X @ w
    l1 = 1 / (1 + np.exp(-z))
    l1 *= mask
    output = ((l1 - 1) ** 2).sum()
    a = 1 / (1 + np.exp(-(X @ W)))
    s = a if slope_of == "activation" else a * mask
    delta = 2 * (a * mask - 1) * mask * s * (1 - s)
    report = verify(output, {"l1_delta": delta, "w": X.T @ delta})
    assert bool(report) == (slope_of == "activation"), str(report)
    if not report:
        assert [finding.row.label for finding in report.findings] == ["l1_delta"]
        assert "a*(1-a) is given l1" in str(report)


# Code that cannot be recorded, and other ways to write things.


def in_place(x, w):
    h = x @ w
    h[h < 0] = 0
    return h, (x, w, h)


def in_place_backward(dout, cache):
    x, w, h = cache
    d = dout * (h > 0)
    return d @ w.T, x.T @ d


def outputs_of_a_dict(x):
    return {"double": 2 * x, "total": np.sum(x)}


def two(x, h, c):
    n = np.tanh(x + h) * c
    return n, n * c, (x, h, c, n)


def two_backward(dn, dm, cache):
    x, h, c, n = cache
    t = np.tanh(x + h)
    d = dn + dm * c
    return d * c * (1 - t * t), d * c * (1 - t * t), d * t + dm * n


WRITTEN = {
    "in place": (in_place, in_place_backward, X, W),
    "math": (lambda x: math.exp(float(x)), lambda x: math.exp(x), 0.3),
    "a list": (lambda w: sum(v * v for v in w), lambda w: [2 * v for v in w], [1.0, 2.0, 3.0]),
    "an array of numbers": (lambda a, b: np.sum(np.array([a, b]) ** 2), lambda a, b: (2 * a, 2 * b), 1.5, 2.5),
    "reduce": (lambda x: np.add.reduce(x * x, axis=None), lambda x: 2 * x, X),
    "a dict of outputs": (outputs_of_a_dict, lambda g: 2 * g["double"] + g["total"], X),
    "two outputs": (two, two_backward, X, X + 1, X - 1),
    "an input that is not used": (lambda x, y: (x * x).sum(), lambda x, y: (2 * x, 0 * y), X, X),
    "a boolean mask": (lambda x: (x * (x > 0.5)).sum(), lambda x: 1.0 * (x > 0.5), X),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_ways_to_write_it(way):
    forward, backward, *inputs = WRITTEN[way]
    report = verify(forward, backward, *inputs)
    assert report, str(report)


@pytest.mark.parametrize("way", ["in place", "a list", "reduce", "a dict of outputs", "two outputs", "a boolean mask"])
def test_ways_to_write_it_wrongly(way):
    forward, backward, *inputs = WRITTEN[way]

    def off(*given):
        found = backward(*given)
        first = np.array(found if way == "a list" or not isinstance(found, tuple) else found[0])
        first[(-1,) * first.ndim] *= 1.5
        first[(0,) * first.ndim] += 0.5 * (first[(0,) * first.ndim] == 0)
        first[(-1,) * first.ndim] += 0.5 * (first[(-1,) * first.ndim] == 0)
        return first if not isinstance(found, tuple) else (first, *found[1:])

    off.__signature__ = inspect.signature(backward)
    assert not verify(forward, off, *inputs)


class Averaged(Layer):
    def backward(self, dout):
        found = super().backward(dout)
        self.dW /= len(self.x)
        return found


def test_a_class_is_checked_with_its_parameters_and_left_alone():
    layer = Layer(W)
    report = verify(layer.forward, layer.backward, X)
    assert report
    assert {row.label for row in report.rows} == {"x", "W", "b"}
    assert set(vars(layer)) == {"W", "b"}
    layer = Averaged(W)
    report = verify(layer.forward, layer.backward, X)
    assert [finding.row.label for finding in report.findings] == ["W"]
    assert "1/6 (6 is axis 0 of x)" in str(report)


def softmax_loss(W, X, y, reg):
    total, dW = 0.0, np.zeros_like(W)
    for i in range(len(X)):
        s = X[i].dot(W)
        s -= s.max()
        p = np.exp(s) / np.sum(np.exp(s))
        total += -np.log(p[y[i]])
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    return total / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


def softmax_loss_of_all(W, X, y):
    s = X.dot(W)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(X))
    value = -np.log(p[rows, y]).mean()
    d = p.copy()
    d[rows, y] -= 1
    return value, X.T.dot(d)


def test_one_function_of_loss_and_gradients():
    y = np.array([0, 1, 2, 0, 1, 2])
    assert verify(softmax_loss, W, X, y, 0.1)
    report = verify(softmax_loss_of_all, W, X, y)
    assert not report
    assert "the gradient of W is 6 (6 is axis 0 of X" in str(report)


def test_gradients_that_the_tape_has_as_nan():
    def forward(v):
        return np.sqrt((v * v).sum(axis=1)).sum()

    def backward(v):
        n = np.sqrt((v * v).sum(axis=1, keepdims=True))
        return np.where(n > 0, v / np.where(n > 0, n, 1), 0)

    report = verify(forward, backward, np.array([[0.0, 0.0], [1, 2], [3, 4]]))
    assert report, str(report)
    assert "is nan or inf in 2 of 6 entries, so it is compared with numbers" in str(report)


def test_ops_with_several_outputs_in_the_graph():
    a = mg.Tensor(rng.normal(size=(3, 3)), True, name="a")
    assert verify((np.linalg.svd(a)[1] ** 2).sum(), {"a": 2 * a.data})
    assert not verify((np.linalg.svd(a)[1] ** 2).sum(), {"a": a.data + 1})
    assert not verify(np.linalg.slogdet(a)[1], {"a": np.linalg.inv(a.data)})
    assert not verify(sum((p**2).sum() for p in np.split(a, 3)), {"a": 2 * a.data + np.eye(3)})


def test_a_ufunc_as_an_op():
    op = mg.custom_op(lambda g, z, x: g * z)(np.exp)
    v = mg.Tensor(rng.normal(size=4), True, name="v")
    assert verify(op(v).sum(), {"v": np.exp(v.data)})
    assert not verify(op(v).sum(), {"v": v.data})


def test_lines_of_ones_own_run_without_a_graph():
    w = mg.Tensor(W, True, name="W")
    z = X @ w
    h = np.maximum(z, 0)
    output = 0.5 * (h**2).sum()
    with mg.no_grad():
        d = 1.0 * h
        d[z <= 0] = 0
        dW = X.T @ d
    assert verify(output, {"z": d, "W": dW})


@pytest.mark.slow
def test_the_search_for_causes_has_a_budget():
    x, w = rng.normal(size=(4, 3, 8, 8)), rng.normal(size=(2, 3, 3, 3))

    def forward(x, w):
        parts = [
            np.tensordot(x[:, :, i : i + 3, j : j + 3], w, ((1, 2, 3), (1, 2, 3))) for i in range(6) for j in range(6)
        ]
        return np.stack(parts, axis=-1), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for k, (i, j) in enumerate(np.ndindex(6, 6)):
            at = np.s_[:, :, i : i + 3, j : j + 3]
            dx[at] += np.tensordot(dout[:, :, k], w, (1, 0))
            dw += np.tensordot(dout[:, :, k], x[at], (0, 0))
        return dx, dw * (1 + 0.1 * np.sin(np.arange(dw.size)).reshape(dw.shape))

    report = verify(forward, backward, x, w)
    assert [finding.row.label for finding in report.findings] == ["w"]
    assert "w is off in" in str(report)
    assert "your values divided by the right ones give between 0.9 and 1.1" in str(report)


# Where the tape is no judge.


def test_a_maximum_does_not_round():
    def pool_backward(dout, x):
        return dout * x.max(axis=1)[:, None] * (x == x.max(axis=1)[:, None])

    report = verify(lambda x: x.max(axis=1, keepdims=True), pool_backward, X)
    assert report.verdict == "WRONG", report


def test_a_forgotten_dout_is_seen_where_the_tape_has_nan():
    def forward(x):
        a = np.full(3, -np.inf)
        a[0] = x[0]
        for t in range(1, 3):
            a[t] = np.logaddexp(a[t - 1], x[t])
        return a[2]

    def backward(dout, x):
        e = np.exp(x - x.max())
        return e / e.sum()

    x = np.array([0.3, -0.7, 1.2])
    assert "it does not use it" in str(verify(forward, backward, x))
    assert verify(forward, lambda dout, x: dout * backward(dout, x), x)


def test_a_wrong_gradient_where_the_tape_has_nan():
    def both(w, x):
        with np.errstate(over="ignore"):
            s = 1 / (1 + np.exp(-x * w))
        return np.sum(s) + np.sum(np.tanh(w)), 2 * (s * (1 - s) * x + 1 - np.tanh(w) ** 2)

    report = verify(both, np.array([0.3, -0.2, 0.7]), np.array([-3000.0, 2.0, 1.0]))
    assert report.verdict == "WRONG", report


def test_a_domain_that_ends_near_the_point():
    def price(s, t):
        return math.log(s) * math.erf(t)

    def gradients(factor):
        return lambda s, t: (factor / s * math.erf(t), math.log(s) * 2 / math.sqrt(math.pi) * math.exp(-t * t))

    assert verify(price, gradients(1), 100.0, 0.2)
    assert not verify(price, gradients(2), 100.0, 0.2)


# The factors that a loss leaves open are numbers of terms that it adds.


def two_layers(loss, hand_factor):
    x, y = np.random.default_rng(1).normal(size=(8, 5)), np.random.default_rng(2).normal(size=(8, 3))

    def forward(U, V):
        return loss(np.tanh(x @ U) @ V - y) + 0.1 * np.sum(U * U)

    def backward(U, V):
        h, k = np.tanh(x @ U), {sum_of_squares: 1, mean_of_squares: 1 / y.size, loop_of_squares: 1}[loss]
        d = 2 * k * (h @ V - y)
        return hand_factor * (x.T @ (d @ V.T * (1 - h * h)) + 0.2 * U), hand_factor * (h.T @ d)

    r = np.random.default_rng(4)
    return verify(forward, backward, r.normal(size=(5, 4)), r.normal(size=(4, 3)))


def sum_of_squares(e):
    return np.sum(e**2)


def mean_of_squares(e):
    return np.mean(e**2)


def loop_of_squares(e):
    total = 0
    for each in e:
        total = total + each @ each
    return total


R, U, V = (np.random.default_rng(8).normal(size=shape) for shape in ((5, 6), (5, 2), (6, 2)))
ERROR = R - U @ V.T


@pytest.mark.parametrize(
    ("hand", "says"),
    [
        ({"dU": ERROR @ V + 0.2 * U, "dV": ERROR.T @ U - 0.2 * V}, "regularisation term `u**2`"),
        ({"dU": ERROR @ V - 0.2 * U, "dV": ERROR.T @ U}, "regularisation term `v**2`"),
    ],
)
def test_rows_are_judged_by_the_convention_that_most_rows_have(hand, says):
    u, v = mg.Tensor(U, requires_grad=True), mg.Tensor(V, requires_grad=True)
    loss = 0.5 * ((R - u @ v.T) ** 2).sum() + 0.1 * (u**2).sum() + 0.1 * (v**2).sum()
    report = verify(loss, hand)
    assert sorted(row.status for row in report.rows) == ["right", "wrong"]
    assert says in report.headline()
    assert sum("minus the gradient" in said for said in report.sentences()) == 1


@pytest.mark.parametrize(
    ("loss", "factor", "verdict"),
    [
        (sum_of_squares, 1 / 8, "OK"),
        (sum_of_squares, 1 / 24, "OK"),
        (mean_of_squares, 24, "OK"),
        (mean_of_squares, 8, "OK"),
        (loop_of_squares, 1 / 8, "OK"),
        (sum_of_squares, 1 / 5, "RIGHT UP TO A FACTOR"),  # the inputs, which no loss adds
        (sum_of_squares, 5, "RIGHT UP TO A FACTOR"),  # nor the weights, whose squares are a penalty
        (mean_of_squares, 1 / 8, "RIGHT UP TO A FACTOR"),  # a mean of the mean
    ],
)
def test_a_count_that_the_loss_does_not_add_is_no_convention(loss, factor, verdict):
    assert two_layers(loss, factor).verdict == verdict


def softmax_behind_relu(w, x, t):
    """The loss and its gradient; p - t is its slope only because the rows of t sum to 1."""
    s = np.maximum(x @ w, 0)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    # Slope 1 at relu's kink: another choice than the tape's, so that the inputs are moved off it.
    return -(t * np.log(p)).sum() / len(x), x.T @ ((p - t) / len(x) * (x @ w >= 0))


def test_labels_stay_what_they_are_where_inputs_are_moved_off_a_kink():
    rng = np.random.default_rng(3)
    x, w, t = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    w[:, 1] = 0  # a kink: relu(0)
    assert verify(softmax_behind_relu, w, x, t)
    assert verify(softmax_behind_relu, 0 * w, x, t)
    assert not verify(lambda w, x, t: (softmax_behind_relu(w, x, t)[0], -softmax_behind_relu(w, x, t)[1] / 2), w, x, t)


def test_what_is_left_out_of_abs_is_its_derivative():
    """Not its operand, nor one of the others whose sign is 1: of equal sentences, the first keeps its place."""
    report = mg.verify(
        lambda x: np.sum(np.abs(x) * np.arange(5.0)), lambda x: np.arange(5.0), np.array([1.0, -2, 3, -1, 2])
    )
    assert "the derivative is left out, in `np.abs(x)`" in str(report).splitlines()[0]
