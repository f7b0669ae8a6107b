"""The calls of a user's functions by `verify`, the gradients it finds, and what it says of those it does not find."""

import numpy as np
import pytest

from micrograd_np.checking import verify

from .layers import Layer

rng = np.random.default_rng(0)
X, W, S, R = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))


def tanh(x):
    return np.tanh(x)


def tanh_kept(x):
    a = np.tanh(x)
    return a, a


def linear(x, w):
    return x @ w


def linear_kept(x, w):
    return x @ w, (x, w)


def linear_flat(x, w):
    return x @ w, x, w


def in_tuple(x):
    return np.tanh(x), np.sin(x)


def in_list(x):
    return [np.tanh(x), np.sin(x)]


def coupling(x, s):
    return (x * np.exp(s), s.sum(axis=1)), (x, s)


def slopes(x):
    return 1 - np.tanh(x) ** 2


def by_both(dout, x):
    return dout[0] * slopes(x) + dout[1] * np.cos(x)


def coupled(dy, d, cache):
    x, s = cache
    return dy * np.exp(s), dy * x * np.exp(s) + d[:, None]


def products(dout, x, w):
    return dout @ w.T, x.T @ dout


# The signatures of right code: parameters in any order, the output for the input, names of other letters.
CALLS = {
    "(x, dout)": (tanh, lambda x, dout: dout * slopes(x), X),
    "(x, grad)": (tanh, lambda x, grad: grad * slopes(x), X),
    "(y, dy)": (tanh, lambda y, dy: dy * (1 - y**2), X),
    "(dy, y)": (tanh, lambda dy, y: dy * (1 - y**2), X),
    "(dz, z)": (tanh, lambda dz, z: dz * (1 - z**2), X),
    "(dA, Z)": (tanh, lambda dA, Z: dA * slopes(Z), X),
    "(dout, a)": (tanh, lambda dout, a: dout * (1 - a**2), X),
    "(grad_output, output)": (tanh, lambda grad_output, output: grad_output * (1 - output**2), X),
    "(dout, cache)": (tanh_kept, lambda dout, cache: dout * (1 - cache**2), X),
    "(cache, dout)": (tanh_kept, lambda cache, dout: dout * (1 - cache**2), X),
    "(dout, x), and x is the cache": (tanh_kept, lambda dout, x: dout * (1 - x**2), X),
    "(cache, dout), a tuple": (linear_kept, lambda cache, dout: products(dout, *cache), X, W),
    "(c, g), a tuple": (linear_kept, lambda c, g: products(g, *c), X, W),
    "(dout, *inputs)": (linear, lambda dout, *inputs: products(dout, *inputs), X, W),
    "(dout, *cache)": (linear_flat, lambda dout, *cache: products(dout, *cache), X, W),
    "(*inputs) of a loss": (lambda x: np.sum(x**2), lambda *inputs: 2 * inputs[0], X),
    "(x, w, dout)": (linear, lambda x, w, dout: products(dout, x, w), S, R),
    "(w, dout, x)": (linear, lambda w, dout, x: products(dout, x, w), S, R),
    "(dout, w, x)": (linear, lambda dout, w, x: products(dout, x, w), S, R),
    "(dz, W, A)": (linear, lambda dz, W, A: products(dz, A, W), X, W),
    "(dout, x) of two": (in_tuple, by_both, X),
    "(d1, d2, x)": (in_tuple, lambda d1, d2, x: by_both((d1, d2), x), X),
    "(dout, x) of two in a list": (in_list, by_both, X),
    "(d1, d2, x) of a list": (in_list, lambda d1, d2, x: by_both((d1, d2), x), X),
    "((y, z), cache)": (coupling, coupled, X, X + 1),
    "((y, z), cache) with one dout": (coupling, lambda dout, cache: coupled(*dout, cache), X, X + 1),
}


@pytest.mark.parametrize("call", CALLS)
def test_parameters_are_given_what_their_names_say(call):
    report = verify(*CALLS[call])
    assert report, str(report)


def test_an_input_is_no_output_where_its_name_says_so():
    assert not verify(tanh, lambda dout, x: dout * (1 - x**2), X)
    assert not verify(linear, lambda dout, x, w: (dout @ x.T, w.T @ dout), S, R)


def test_a_report_says_how_backward_was_called_if_that_was_a_guess():
    report = verify(tanh, lambda dout, a: dout * (1 - a**3), X)
    assert "<lambda> was called as <lambda>(dout=dout, a=the output)." in report.sentences()


def test_an_error_of_backward_says_how_it_was_called():
    with pytest.raises(IndexError) as error:
        verify(tanh, lambda dout, x: dout[99], X)
    assert "It was called as <lambda>(dout=dout, x=x)" in error.value.__notes__[0]


class Transposed(Layer):
    def __init__(self):
        self.W, self.b = W.copy(), np.zeros(2)

    def backward(self, dout):
        self.dW, self.db = dout.T @ self.x, dout.sum(axis=0)
        return dout @ self.W.T


class OverRows(Layer):
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=1)
        return dout @ self.W.T


class OverAll(Layer):
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum()
        return dout @ self.W.T


class InDicts:
    def __init__(self):
        self.params, self.grads = {"W": W.copy()}, {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"]

    def backward(self, dout):
        self.grads = {"W": dout.T @ self.x}
        return dout @ self.params["W"].T


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Transposed(), "W has shape (2, 3) and should have (3, 2)"),
        (OverRows(S), "b has shape (4,) and should have (3,)"),
        (OverAll(S), "b has shape () and should have (3,)"),
        (InDicts(), "params['W'] has shape (2, 3) and should have (3, 2)"),
    ],
)
def test_a_stored_gradient_of_another_shape_is_wrong(layer, says):
    report = verify(layer.forward, layer.backward, X)
    assert not report
    assert says in report.headline()


class Grid:
    """The step `dx` is no gradient of the grid `x`."""

    def __init__(self):
        self.x, self.dx, self.k = np.linspace(0, 1, 5), 0.25, np.array([0.5, 2.0])

    def forward(self, u):
        self.u = u
        return self.k[0] * u * self.x + self.k[1]

    def backward(self, dout):
        self.dk = np.array([np.sum(dout * self.u * self.x), dout.sum()])
        return dout * self.k[0] * self.x


def test_a_number_that_backward_does_not_store_is_no_gradient():
    grid = Grid()
    report = verify(grid.forward, grid.backward, np.arange(1.0, 6.0))
    assert report, str(report)


class Times:
    """`dt` is no gradient of `t`, although it is stored beside it and has its shape: forward reads it."""

    def __init__(self, factor=1):
        self.w, self.t, self.dt, self.factor = W[:, 0].copy(), np.linspace(0, 1, 3), np.full(3, 0.3), factor

    def forward(self, x):
        self.x, self.h = x, np.tanh(self.w * x + self.t)
        return self.h * self.dt

    def backward(self, dout):
        d = dout * self.dt * (1 - self.h**2)
        self.dw = d * self.x
        return d * self.w * self.factor


@pytest.mark.parametrize("factor", [1, 2])
def test_an_array_that_forward_reads_is_no_gradient(factor):
    times = Times(factor)
    report = verify(times.forward, times.backward, np.array([0.5, -1.0, 2.0]))
    assert bool(report) == (factor == 1), str(report)
    assert {row.label for row in report.rows} == {"x", "w"}
    assert "No gradient was found for t, dt" in str(report)
    np.testing.assert_array_equal(times.dt, 0.3)


def test_a_layer_that_ran_on_other_data_before_is_right():
    layer = Layer(S)
    layer.backward(layer.forward(np.ones((7, 3))))
    assert verify(layer.forward, layer.backward, X)


class Silent(Layer):
    def backward(self, dout):
        super().backward(dout)


def test_what_is_not_checked_is_said():
    report = verify(linear, lambda dout, x, w: dout @ w.T, X, W)
    assert report
    assert "Not checked: w, of which no gradient was given." in str(report)
    report = verify(linear, lambda dout, x, w: (dout @ w.T, None), X, W)
    assert "Not checked: w, of which no gradient was given." in str(report)
    layer = Silent(S)
    assert "Not checked: x, of which no gradient was given." in str(verify(layer.forward, layer.backward, X))
    integers = np.array([[1, 2], [3, 4], [5, 6]])
    report = verify(linear, lambda dout, x, w: (dout @ w.T, x.T @ dout), X, integers)
    assert "Not checked: w, which holds no floating-point numbers: .astype(float)." in str(report)


def test_integers_have_no_gradients():
    with pytest.raises(TypeError, match="compares gradients of floating-point inputs, and <lambda> has none"):
        verify(lambda i: X[i].sum(), lambda g, i: g * i, np.arange(3))


def factors(u, v, data):
    e = data - u @ v.T
    return 0.5 * np.sum(e**2), -e.T @ u, -e @ v


def test_gradients_that_are_exchanged_are_those_of_the_inputs_with_their_shapes():
    report = verify(factors, rng.normal(size=(4, 2)), rng.normal(size=(5, 2)), rng.normal(size=(4, 5)))
    assert [row.label for row in report.rows if row.status == "wrong shape"] == ["u", "v"]
    assert "u has shape (5, 2) and should have (4, 2), that of its value: it is the gradient of v" in report.headline()
    assert "u is the gradient of v" in str(verify(factors, S, R, S + R))


def squares(p, t):
    return np.mean((t - p) ** 2), 2 * (t - p) / t.size


def test_a_wrong_sign_is_not_the_gradient_of_another_input():
    report = verify(squares, X, X + rng.normal(size=X.shape))
    assert not report
    assert [finding.row.label for finding in report.findings] == ["p"]
    assert "What was returned fits several inputs, and is taken for the gradient of p." in str(report)
    assert verify(lambda t, p: squares(p=t, t=p), X, X + rng.normal(size=X.shape))


def fit(Y, target, weight, slip=False):
    e = np.tanh(Y) - target
    slope = 1 - np.tanh(Y) if slip else 1 - np.tanh(Y) ** 2
    return np.sum(weight * e**2), 2 * weight * e * slope


@pytest.mark.parametrize("shape", [(3, 3), (4, 2)])
def test_one_gradient_of_inputs_of_one_shape_is_that_of_the_first(shape):
    data = [rng.normal(size=shape), rng.normal(size=shape), rng.uniform(1, 2, size=shape)]
    assert verify(fit, *data)
    report = verify(lambda Y, target, weight: fit(Y, target, weight, True), *data)
    assert report.headline().startswith("verify: WRONG at Y: a factor of the derivative is missing (1-a is left)")
    report = verify(lambda y, target: (np.sum((y - target) ** 2), 2 * (target - y)), *data[:2])
    assert report.headline().startswith("verify: WRONG at y: ")
    report = verify(lambda x, w: (np.sum(np.sin(x * w)), w**2), *data[:2])
    assert report.headline().startswith("verify: WRONG at w: ")


def least_squares(w, b, x, y):
    r = x @ w + b - y
    return 0.5 * r @ r, x.T @ r, r.sum()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
@pytest.mark.parametrize("bias", [np.array(0.3), np.ones(1)])
def test_the_loss_may_be_returned_after_the_gradients(order, bias):
    def ordered(w, b, x, y, slip=1):
        loss, dw, db = least_squares(w, b, x, y)
        found = loss, slip * dw, np.reshape(db, np.shape(b))
        return tuple(found[i] for i in order)

    data = np.ones(3), bias, X, X[:, 0] + 1
    assert verify(ordered, *data)
    assert verify(ordered, *data).verdict == "OK"
    assert verify(lambda w, b, x, y: ordered(w, b, x, y, 2), *data).verdict == "WRONG"


def test_the_loss_may_follow_a_dict_of_gradients_or_one_gradient():
    assert verify(lambda w: (2 * w, np.sum(w**2)), X)
    assert not verify(lambda w: (3 * w, np.sum(w**2)), X)
    assert verify(lambda w, v: ({"w": v, "v": w}, np.sum(w * v)), X, X + 1)
    assert verify(lambda w, v: ((v, w), np.sum(w * v)), X, X + 1)
    assert verify(lambda w, lam: (2 * lam * w, lam * np.sum(w**2)), X, 0.5)


class Shared:
    """A network whose dict of parameters holds the arrays of its layers, as books have it."""

    def __init__(self, factor=1):
        self.params = {"W1": S.copy(), "b1": np.zeros(S.shape[1])}
        self.first, self.factor = Layer(S), factor
        self.first.W, self.first.b = self.params["W1"], self.params["b1"]

    def forward(self, x):
        return self.first.forward(x)

    def backward(self, dout):
        dx = self.first.backward(dout)
        self.grads = {"W1": self.factor * self.first.dW, "b1": self.first.db}
        return dx


def test_an_array_that_two_names_lead_to_is_one():
    right, wrong = Shared(), Shared(1.5)
    report = verify(right.forward, right.backward, X)
    assert report, report
    assert len(report.rows) == 3
    assert "WRONG at params['W1']" in str(verify(wrong.forward, wrong.backward, X))


class Classes:
    """A layer of a book: softmax and cross-entropy in one, whose backward begins with dout=1."""

    def __init__(self, mean):
        self.mean = mean

    def forward(self, z):
        p = np.exp(z)
        self.p = p / p.sum(axis=1, keepdims=True)
        return -np.log(self.p[:, 0]).mean()

    def backward(self, dout=1):
        d = self.p - np.eye(self.p.shape[1])[0]
        return dout * (d / len(d) if self.mean else d)


def test_a_gradient_of_the_output_that_is_1_by_default_is_given():
    right, wrong = Classes(True), Classes(False)
    assert verify(right.forward, right.backward, X)
    assert verify(wrong.forward, wrong.backward, X).verdict == "WRONG"


class Normalised:
    """A layer norm whose scale is ones, as in each new layer."""

    def __init__(self, scaled):
        self.gamma, self.beta, self.scaled = np.ones(3), np.zeros(3), scaled

    def forward(self, x):
        self.r = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.h = (x - x.mean(axis=1, keepdims=True)) * self.r
        return self.gamma * self.h + self.beta

    def backward(self, d):
        self.dgamma, self.dbeta = (d * self.h).sum(axis=0), d.sum(axis=0)
        d = d * self.gamma if self.scaled else d
        return self.r * (d - d.mean(axis=1, keepdims=True) - self.h * (d * self.h).mean(axis=1, keepdims=True))


def test_a_scale_of_ones_hides_no_mistake():
    right, wrong = Normalised(True), Normalised(False)
    assert verify(right.forward, right.backward, X)
    report = verify(wrong.forward, wrong.backward, X)
    assert report.verdict == "WRONG"
    assert "On these inputs your gradients are right, because gamma and beta hold one number everywhere." in str(report)
    assert np.array_equal(wrong.gamma, np.ones(3))


def test_equal_probabilities_keep_their_sum():
    """Backward may rely on it: the slope of log(p.sum()) is 1 where the sum is 1."""
    t = np.array([1.0, 0.0, 2.0, 1.0])

    def forward(p):
        return -(t * np.log(p / p.sum())).sum()

    assert verify(forward, lambda p: -t / p + t.sum(), np.full(4, 0.25))


def test_a_parameter_that_is_none_by_default_is_filled_by_its_name():
    def backward(dout, x=None, scale=2.0):
        return scale * dout * x

    assert verify(lambda x: x**2, backward, np.array([1.0, 2.0, 5.0]))


def test_complex_inputs_are_refused():
    with pytest.raises(TypeError, match="complex numbers"):
        verify(lambda z: np.abs(z), lambda dout, z: dout * z, np.array([1.0 + 2j, 3.0]))


def test_a_list_where_arrays_belong_has_a_cure():
    with pytest.raises(TypeError) as raised:
        verify(lambda x: (x**2).sum(), lambda x: 2 * x, [1.0, 2.0])
    assert "give np.array([...])" in raised.value.__notes__[0]
