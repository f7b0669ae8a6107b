"""Right code that must pass, wrong code that must not, and causes that must not be named, whatever the data."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import verify

rng = np.random.default_rng(5)
X = np.random.default_rng(6).normal(size=(4, 3))


def whole(r, *shape):
    """Whole numbers: many sums of their products are exactly 0, which is where a relu has its kink."""
    return np.round(1.5 * r.normal(size=shape))


# Right code.


def residual(x, W1, W2):
    h = np.maximum(0, x @ W1)
    out = np.maximum(0, h @ W2 + x)
    return out, (x, W1, W2, h, out)


def residual_backward(dout, cache):
    x, W1, W2, h, out = cache
    dz = dout * (out > 0)
    dh = dz @ W2.T * (h > 0)
    return dh @ W1.T + dz, x.T @ dh, h.T @ dz


def residual_backward_upwards(dout, cache):
    """The other slope at each kink of the second layer, and none of the first."""
    x, W1, W2, h, _ = cache
    dz = dout * (h @ W2 + x >= 0)
    dh = dz @ W2.T * (h > 0)
    return dh @ W1.T + dz, x.T @ dh, h.T @ dz


@pytest.mark.parametrize("backward", [residual_backward, residual_backward_upwards])
@pytest.mark.parametrize("seed", range(6))
def test_two_layers_with_kinks(backward, seed):
    r = np.random.default_rng(seed)
    report = verify(residual, backward, whole(r, 5, 4), whole(r, 4, 6), whole(r, 6, 4))
    assert report.verdict == "OK", str(report)


def test_a_wrong_gradient_beside_kinks_stays_wrong():
    def backward(dout, cache):
        dx, dW1, dW2 = residual_backward(dout, cache)
        return dx, 1.5 * dW1, dW2

    r = np.random.default_rng(0)
    assert not verify(residual, backward, whole(r, 5, 4), whole(r, 4, 6), whole(r, 6, 4))


def relu_network(W1, b1, W2, X, y):
    """A loss and its gradients, with zeros written where the pre-activation is not positive."""
    z = X.dot(W1) + b1
    h = np.maximum(0, z)
    s = h.dot(W2)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(X))
    d = p.copy()
    d[rows, y] -= 1
    d /= len(X)
    dh = d.dot(W2.T)
    dh[z <= 0] = 0
    return -np.log(p[rows, y]).mean(), {"W2": h.T.dot(d), "W1": X.T.dot(dh), "b1": dh.sum(axis=0)}


@pytest.mark.parametrize("seed", range(6))
def test_a_loss_and_its_gradients_with_kinks(seed):
    r = np.random.default_rng(seed)
    report = verify(relu_network, whole(r, 5, 7), whole(r, 7), whole(r, 7, 3), whole(r, 8, 5), r.integers(0, 3, 8))
    assert report, str(report)


def softmax_in_loops(W, X, y):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(len(X)):
        s = X[i].dot(W)
        p = np.exp(s - np.max(s))
        p /= p.sum()
        loss += -np.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    return loss / len(X) + 0.05 * np.sum(W**2), dW / len(X) + 0.1 * W


def hinge_in_loops(W, X, y):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(len(X)):
        s = X[i].dot(W)
        for j in range(W.shape[1]):
            margin = s[j] - s[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / len(X), dW / len(X)


@pytest.mark.parametrize("f", [softmax_in_loops, hinge_in_loops])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(4))
def test_loops_on_small_numbers(f, scale, dtype, seed):
    r = np.random.default_rng(seed)
    W, X = ((scale * r.normal(size=shape)).astype(dtype) for shape in ((4, 3), (7, 4)))
    report = verify(f, W, X, r.integers(0, 3, 7))
    assert report, str(report)


def skip_grams(V, U, pairs, negatives):
    """The loss -log(1 - s) for s near 1 is a staircase: its steps are 1e-16 / (1 - s)."""
    loss, dV, dU = 0.0, np.zeros_like(V), np.zeros_like(U)
    for (c, o), others in zip(pairs, negatives, strict=True):
        s = 1 / (1 + np.exp(-V[c] @ U[o]))
        loss -= np.log(s)
        dV[c] += (s - 1) * U[o]
        dU[o] += (s - 1) * V[c]
        for k in others:
            s = 1 / (1 + np.exp(-V[c] @ U[k]))
            loss -= np.log(1 - s)
            dV[c] += s * U[k]
            dU[k] += s * V[c]
    return loss, dV, dU


@pytest.mark.parametrize("seed", range(6))
def test_a_loss_that_is_a_staircase(seed):
    r = np.random.default_rng(seed)
    report = verify(skip_grams, whole(r, 5, 3), whole(r, 5, 3), [(0, 2), (1, 0), (1, 4)], [[1, 3], [3, 3], [2, 0]])
    assert report, str(report)


def saturated(z, double=1):
    loss, g = 0.0, np.zeros_like(z)
    for i in range(len(z)):
        s = 1 / (1 + np.exp(-z[i]))
        loss -= np.log(1 - s)
        g[i] += s * (double if i == 0 else 1)
    return loss, g


@pytest.mark.parametrize("z", [*range(3, 31, 3)])
def test_differences_are_as_exact_as_the_loss(z):
    """At z = 30 differences of the loss are off by 1e-3: to agree with them is not enough for an OK."""
    x = np.array([z, 0.3, -1.2, 2.0])
    assert verify(saturated, x).verdict == ("OK" if z < 30 else "TOO COARSE")
    assert not verify(lambda x: saturated(x, 2), x)


@pytest.mark.parametrize("z", [20, 24, 27, 30])
def test_a_tape_that_has_lost_digits_accuses_nobody(z):
    """The tape's own slope of log(1 - s) is off by 1e-3 at z = 30; the hand, which cancels 1 - s, is exact."""

    def whole(z):
        s = 1 / (1 + np.exp(-z))
        return -np.log(1 - s).sum(), s

    def graph(times):
        t = mg.Tensor([z, 0.3, -1.2, 2.0], requires_grad=True, name="t")
        loss, s = whole(t)
        return verify(loss, {t: times * s.data})

    x = np.array([z, 0.3, -1.2, 2.0])
    assert verify(whole, x).verdict == ("OK" if z < 30 else "TOO COARSE")
    assert verify(lambda x: (whole(x)[0], whole(x)[1] * np.array([2, 1, 1, 1])), x).verdict == "WRONG"
    assert graph(1).verdict == ("OK" if z < 27 else "TOO COARSE")
    assert graph(np.array([2, 1, 1, 1])).verdict == "WRONG"


@pytest.mark.parametrize("z", [33, 35, 36.5])
@pytest.mark.parametrize("double", [1, 2])
def test_numbers_that_are_too_coarse_cannot_tell(z, double):
    """1 - s has no digit left, so that differences are 0, or a jump."""
    report = verify(lambda z: saturated(z, double), np.array([z, 0.3, -1.2, 2.0]))
    assert report.verdict == "TOO COARSE"
    assert not report
    assert "numbers alone cannot tell: at z[0] (1 of 4 entries) the output jumps by" in str(report)
    assert "left open" in {row.status for row in report.rows}


def test_a_wrong_entry_beside_one_that_is_too_coarse_is_wrong():
    def f(z):
        loss, g = saturated(z)
        return loss, g * np.array([1, 1, 1.5, 1])

    assert verify(f, np.array([35, 0.3, -1.2, 2.0])).verdict == "WRONG"


@pytest.mark.parametrize(("factor", "verdict"), [(1, "TOO COARSE"), (2, "WRONG")])
def test_the_end_of_a_domain_gives_no_slope(factor, verdict):
    def roots(x):
        with np.errstate(all="ignore"):
            return float(np.sqrt(x).sum()), np.where(x > 0, factor / (2 * np.sqrt(x)), 0)

    report = verify(roots, np.array([0.0, 1.0, 2.0]))
    assert report.verdict == verdict
    assert ("no step gives a slope" in str(report)) == (factor == 1)


def test_a_function_with_one_jump_nearby_is_not_too_coarse():
    def f(x):
        return float(np.sum(np.where(x > 0.3, 3 * x + 1, 2 * x))), np.full(3, 2.5)

    assert verify(f, np.array([0.31, 1.0, 2.0])).verdict == "WRONG"


def chain(E, T):
    """On whole numbers the score may be 0; then the loss is log Z, whose gradient is another one."""
    a = E[0]
    for e in E[1:]:
        a = np.log(np.sum(np.exp(a[:, None] + T), axis=0)) + e
    log_z = np.log(np.sum(np.exp(a)))
    score = E[0, 0] + E[1, 1] + T[0, 1]
    loss = log_z - score
    dE, dT = np.zeros_like(E), np.zeros_like(T)
    p = np.exp(E[0][:, None] + T + E[1] - log_z)
    dE[0] += p.sum(axis=1)
    dE[1] += p.sum(axis=0)
    dT += p
    dE[0, 0] -= 1
    dE[1, 1] -= 1
    dT[0, 1] -= 1
    return loss, dE, dT


def test_a_part_that_equals_the_loss_is_not_taken_for_it():
    E, T = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    E[0, 0], E[1, 1], T[0, 1] = 1.0, -2.0, 1.0
    report = verify(chain, E, T)
    assert report, str(report)


def smoothing(x, target):
    """The gradient is that of x, and the target has its shape."""
    d = x[1:] - x[:-1]
    g = x - target
    g[1:] += 0.3 * d / np.sqrt(d * d + 0.01)
    g[:-1] -= 0.3 * d / np.sqrt(d * d + 0.01)
    return 0.5 * np.sum((x - target) ** 2) + 0.3 * np.sum(np.sqrt(d * d + 0.01)), g


@pytest.mark.parametrize("swap", [False, True])
def test_one_gradient_that_fits_two_inputs(swap):
    f = (lambda target, x: smoothing(x, target)) if swap else smoothing
    report = verify(f, rng.normal(size=7), rng.normal(size=7))
    assert report, str(report)
    assert "fits several inputs, and is taken for the gradient of x" in str(report)
    assert not verify(lambda x, target: (smoothing(x, target)[0], 2 * x), rng.normal(size=7), rng.normal(size=7))


def adaline(w, X, y):
    """A gradient in a plain list, as in a first course."""
    grad, loss = [0.0] * len(w), 0.0
    for xi, yi in zip(X, y, strict=True):
        e = sum(wj * xj for wj, xj in zip(w, xi, strict=True)) - yi
        loss += 0.5 * e * e
        for j in range(len(w)):
            grad[j] += e * xi[j]
    return loss, grad


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("as_given", [np.asarray, np.ndarray.tolist])
def test_a_gradient_in_a_list(n, as_given):
    w, X, y = (as_given(rng.normal(size=shape)) for shape in (n, (6, n), 6))
    report = verify(adaline, w, X, y)
    assert report, str(report)


# Wrong code.


def unit(x):
    n = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / n, (x / n, n)


def test_a_cotangent_is_not_the_users_data():
    """The gradient of x / |x| along x is zero, so that a cotangent that equals x would show no mistake."""
    x = np.random.default_rng(0).normal(size=(4, 5))
    report = verify(unit, lambda dout, cache: dout - cache[0] * (cache[0] * dout).sum(axis=1, keepdims=True), x)
    assert not report
    assert report.findings[0].causes, str(report)


class Linear:
    def __init__(self, name, factor):
        self.w, self.name, self.factor = rng.normal(size=(3, 4)), name, factor

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dout):
        setattr(self, self.name, self.factor * self.x.T @ dout)
        return dout @ self.w.T


@pytest.mark.parametrize("name", ["dw", "dW", "gradW", "grad_w", "w_grad", "dw_"])
def test_stored_gradients_are_found_by_their_names(name):
    for factor in (1, 2):
        layer = Linear(name, factor)
        assert bool(verify(layer.forward, layer.backward, rng.normal(size=(5, 3)))) == (factor == 1)


def test_a_weight_without_a_gradient_is_mentioned():
    layer = Linear("found", 2)
    assert "No gradient was found for w" in str(verify(layer.forward, layer.backward, rng.normal(size=(5, 3))))


class Updated(Linear):
    def backward(self, dout):
        self.dw = self.x.T @ dout
        self.w = self.w - 0.1 * self.dw
        return dout @ self.w.T


def test_an_update_inside_backward_is_named_first():
    layer = Updated("dw", 1)
    report = verify(layer.forward, layer.backward, rng.normal(size=(5, 3)))
    assert str(report).startswith("verify: WRONG at x: w had been updated already, by 0.1 times the gradient"), report


# Causes.


def test_causes_that_agree_on_any_data_are_one():
    report = verify(lambda x, b: x + b, lambda dout, x, b: (dout, dout.mean(axis=0)), rng.normal(size=(5, 3)), X[0])
    (cause,) = report.findings[0].causes
    assert str(report).startswith("verify: WRONG at b: it is averaged over axis 0, not summed, in "), report
    assert "the gradient of b is 1/5 (5 is axis 0 of x) times what it should be" in [other.says for other in cause.same]
    assert f"The same in other words: {cause.same[0].says}." in str(report)


ONES = np.array([[1.0, -1, 1], [-1, -1, 1]])


def test_the_first_line_names_no_cause_if_several_fit_this_data():
    x, dout = mg.Tensor(ONES, requires_grad=True, name="x"), rng.normal(size=ONES.shape)
    report = verify(x**3, {"x": dout * ONES}, gradient=dout)
    causes = report.findings[0].causes
    assert {"x itself stands for the derivative", "the power itself stands for its derivative"} <= {
        cause.says.split(",")[0] for cause in causes
    }
    assert str(report).startswith(f"verify: WRONG at x: {len(causes)} causes give these numbers (listed below)"), report
    assert not any(cause.says in str(report).splitlines()[0] for cause in causes)


def test_functions_run_on_other_data_where_this_data_does_not_tell():
    report = verify(lambda x: x**3, lambda dout, x: dout * x, ONES)
    assert str(report).startswith("verify: WRONG at x: x itself stands for the derivative, in "), report


def test_a_cause_that_other_data_refutes_is_not_named():
    w, x = np.array([0.4, -0.3]), np.array([[1.0, 2.0], [2.0, -1.0], [0.5, 0.3]])

    def loss(w):
        return np.minimum(x @ w, 0.1 * np.ones(3)).sum()

    def backward(w):  # the mask has two values, and those of other arrays agree with it by chance
        return x.T @ (np.abs(x @ w) < 0.45)

    report = verify(loss, backward, w)
    assert not report
    assert not report.findings[0].causes, report


def steps(x, U, W, b):
    h, hs = np.ones((2, 4)) / 3, []
    for t in range(4):
        hs.append(h)
        h = np.tanh(x[t] @ U + h @ W + b)
    hs.append(h)
    return np.stack(hs[1:]), (x, U, W, hs)


def steps_but_the_first(dhs, cache):
    x, U, W, hs = cache
    later = np.zeros((2, 4))
    dx, dU, dW, db = np.zeros_like(x), np.zeros_like(U), np.zeros_like(W), np.zeros(4)
    for t in (3, 2, 1):
        da = (dhs[t] + later) * (1 - hs[t + 1] ** 2)
        dx[t], later = da @ U.T, da @ W.T
        dU, dW, db = dU + x[t].T @ da, dW + hs[t].T @ da, db + da.sum(axis=0)
    return dx, dU, dW, db


@pytest.mark.parametrize("seed", range(4))
def test_zeros_are_not_rounded_numbers(seed):
    r = np.random.default_rng(seed)
    shapes = (4, 2, 3), (3, 4), (4, 4), (4,)
    report = verify(steps, steps_but_the_first, *(r.normal(size=shape) for shape in shapes))
    assert not report
    assert "rounded" not in str(report)


def test_a_sign_that_never_changes_is_no_derivative():
    report = verify(lambda x: np.tanh(x).sum(), lambda x: -np.ones_like(x), -np.abs(X))
    assert [cause.kind for cause in report.findings[0].causes] == ["derivative left out"], report


def ranking(s, pos, neg):
    loss, ds = 0.0, np.zeros_like(s)
    for i, j in zip(pos, neg, strict=True):
        d = s[i] - s[j]
        loss += float(np.log(1 + np.exp(-d)))
        g = -1 / (1 + np.exp(d))
        ds[i] = g
        ds[j] -= g
    return loss, ds


def spread_norm(x):
    n = np.linalg.norm(x, axis=1, keepdims=True)
    return x / n, (x, n)


def wrong_norm(dout, cache):
    x, n = cache
    return dout / n + x * (x * dout).sum(axis=1, keepdims=True) / n**3


def centres(C, X):
    d = np.exp(-((X[:, None] - C) ** 2).sum(-1))
    dC = np.zeros_like(C)
    for k in range(len(C) - 1):
        dC[k] = -2 * (d[:, k, None] * (C[k] - X)).sum(0)
    return d.sum(), dC


def groups(x):
    mean, std = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True)
    return (x - mean) / std, ((x - mean) / std, std)


def of_another_size(dout, cache):
    u, std = cache
    return (dout - 2 * dout.mean((1, 2), keepdims=True) - 2 * u * (dout * u).mean((1, 2), keepdims=True)) / std


CAUSES = {
    "one entry at its largest is not clipped": ([ranking, rng.normal(size=6), [0, 2, 2, 5], [1, 1, 3, 0]], "", "clip"),
    "a norm has no largest entry": ([spread_norm, wrong_norm, X], "sign", "smallest|largest|pooling|mask"),
    "rows are no samples": ([centres, X, rng.normal(size=(7, 3))], "row 3 of C is zero: never written", "sample|1/1"),
    "another N": ([groups, of_another_size, rng.normal(size=(3, 4, 5))], "they divide by another N", "stands where"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_causes(name):
    given, says, unsaid = CAUSES[name]
    report = verify(*given)
    assert not report
    assert says in str(report), str(report)
    assert not any(word in str(report) for word in unsaid.split("|")), str(report)


S = np.array([[2.0, 0.5, 0.1], [0.5, 1.5, -0.3], [0.1, -0.3, 1.0]])
V, DATA = np.array([0.3, -0.8, 0.5]), np.random.default_rng(3).normal(size=(7, 3))
SENTENCES = {
    "the gradient of the regularisation term `w * w` (": (
        lambda w: (np.tanh(DATA @ w) ** 2).sum() + 0.3 * np.sum(w * w),
        lambda w: DATA.T @ (2 * np.tanh(DATA @ w) * (1 - np.tanh(DATA @ w) ** 2)),
    ),
    "w is used 2 times, and its use in `w @ S` (": (  # the two uses of w in w @ S @ w send the same
        lambda w: np.sum(np.tanh(DATA @ w)) / (w @ S @ w),
        lambda w: DATA.T @ (1 - np.tanh(DATA @ w) ** 2) / (w @ S @ w),
    ),
    "the exponent 2 is missing as a factor, in `w * w`": (
        lambda w: np.sum(np.tanh(DATA @ w)) + np.sum(w * w),
        lambda w: DATA.T @ (1 - np.tanh(DATA @ w) ** 2) + w,
    ),
    "the gradient of w has the opposite sign.": (  # a square has no sign of its exponent
        lambda w: (((V @ V - DATA @ w) / 3) ** 2).sum(),
        lambda w: DATA.T @ (V @ V - DATA @ w) * 2 / 9,
    ),
}


@pytest.mark.parametrize("says", SENTENCES)
def test_the_first_line_has_the_words_that_say_most(says):
    report = verify(*SENTENCES[says], V, strict=True)
    assert str(report).startswith(f"verify: WRONG at w: {says}"), report
