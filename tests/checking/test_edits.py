"""Each kind of edit, in a small backward pass that needs it."""

import inspect
import linecache

import numpy as np
import pytest

import micrograd_np as mg

rng = np.random.default_rng(11)
X, V, Y = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
WEIGHTS, POSITIVE = rng.uniform(0.3, 2, 5), rng.uniform(0.5, 2, 5)
KNOWN = np.array([True, False, True, True, False])
TABLE, IDS = rng.normal(size=(4, 2)), np.array([2, 0, 2, 3, 0])


def weighted_error(w, x, y, c):
    r = x @ w - y
    dr = 2 * c * r / c.sum()
    return np.sum(c * r**2) / c.sum(), x.T @ dr


def slopes(x, y):
    q = y / x
    dx = -2 * q * q / x
    dy = 2 * q * y / (x * y)
    return np.sum(q**2), dx, dy


def echo(x):
    y = np.tanh(x) * 2
    y[1:] = y[1:] + np.tanh(x)[:-1] ** 2
    h, dh = np.tanh(x), 2 * 2 * y
    dh[:-1] += 2 * y[1:] * 2 * h[:-1]
    return np.sum(y**2), dh * (1 - h**2)


def of_known(w, x, y, known):
    r = (x @ w - y) * known
    dr = 2 * (x @ w - y) * known
    return np.sum(r**2), x.T @ dr


def ridge(w, x, y, l2=0.3):
    r = x @ w - y
    grad = 2 * x.T @ r
    grad[1:] += l2 * w[1:]
    return np.sum(r**2) + 0.5 * l2 * np.sum(w[1:] ** 2), grad


def embedded(table, ids):
    z = table[ids]
    grad = np.zeros_like(table)
    np.add.at(grad, ids, np.cos(z))
    return np.sum(np.sin(z)), grad


def polynomial(ws, x):
    hs = [x, x**2, x**3]
    s = sum(hs[k] @ ws[k] for k in range(3))
    return np.sum(s**2), np.stack([hs[k].T @ (2 * s) for k in range(3)])


def far_apart(x, y):
    d = x - y
    alpha = 1 + x @ x
    dalpha = np.sum(d**2)
    dx = 2 * d * alpha + 2 * dalpha * x
    return np.sum(d**2) * alpha, dx


def margin(u, items, i, j):
    x = u @ items[i] - u @ items[j]
    du = 2 * x * (items[i] - items[j])
    return x**2, du


def two_columns(w, x):
    raw = x @ w
    draw = np.empty_like(raw)
    draw[:, 0] = np.cos(raw[:, 0])
    draw[:, 1] = 3 * raw[:, 1] ** 2
    return np.sum(np.sin(raw[:, 0])) + np.sum(raw[:, 1] ** 3), x.T @ draw


def sizes(x):
    return np.sum(np.abs(x) ** 3), 3 * x**2 * np.sign(x)


def softplus_of(x):
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    a = np.log1p(np.exp(x))
    da = 2 * a * sigmoid(a**2)
    return np.sum(np.log1p(np.exp(a**2))), da * sigmoid(x)


def moments(w, x):
    g = x.T @ np.tanh(x @ w)
    dg = 2 * g
    return g @ g, x.T @ (x @ dg * (1 - np.tanh(x @ w) ** 2))


def times(a, b, angle):
    c, s = np.cos(angle), np.sin(angle)
    u, v = a * c - b * s, a * s + b * c
    du, dv = 2 * u, 4 * v**3
    return np.sum(u**2 + v**4), du * c + dv * s, dv * c - du * s


def lines(f, x):
    z = x @ f
    dz = np.cos(z)
    dz[:, :2] += 2 * z[:, :2]
    return np.sum(z[:, :2] ** 2) + np.sum(np.sin(z)), x.T @ dz


def stack(ws, x):
    h, inputs, outputs = x, [], []
    for w in ws:
        inputs.append(h)
        h = np.tanh(h @ w)
        outputs.append(h)
    d, grads = 2 * h, np.empty_like(ws)
    for i in reversed(range(len(ws))):
        da = d * (1 - outputs[i] ** 2)
        grads[i] = inputs[i].T @ da
        d = da @ ws[i].T
    return np.sum(h**2), grads


def gate(x, w):
    a = x @ w
    kept = {"a": a**3, "h": np.arctan(a), "slope": 1 / (1 + a**2)}
    loss = np.sum(kept["h"])
    return loss, {"w": x.T @ kept["slope"]}


def two_gates(a, b):
    p, q = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    return np.sum(p**2 + q**3), {"a": 2 * p * p * (1 - p), "b": 3 * q**2 * q * (1 - q)}


def heat_map(x):
    e = np.exp(x)
    p = e / e.sum(axis=(1, 2), keepdims=True)
    dp = 2 * p
    return np.sum(p**2), p * (dp - (p * dp).sum(axis=(1, 2), keepdims=True))


def weighted_choices(x, weights, chosen):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    dx = p * weights[:, None]
    dx[np.arange(len(x)), chosen] -= weights
    return -np.sum(weights * np.log(p[np.arange(len(x)), chosen])), dx


def two_products(a, b):
    y = np.einsum("ij,jk->ik", a, b)
    return np.sum(y**2), np.einsum("ik,jk->ij", 2 * y, b), np.einsum("ij,ik->jk", a, 2 * y)


def silu(x):
    s = 1 / (1 + np.exp(-x))
    return np.sum(x * s), s * (1 + x * (1 - s))


def chain(ws, x):
    h, hs, zs = x, [], []
    for w in ws:
        hs.append(h)
        zs.append(h * w)
        h = np.tanh(zs[-1])
    d, grads = 2 * h, np.empty_like(ws)
    for i in reversed(range(len(ws))):
        dz = d * (1 - np.tanh(zs[i]) ** 2)
        grads[i] = np.sum(dz * hs[i])
        d = dz * ws[i]
    return np.sum(h**2), grads


CASES = {
    "letters of an einsum": (two_products, (X.T @ X, X[:3]), "ij,ik->jk", "ij,ik->ik", "'ij,ik->jk'"),
    "the derivative of silu": (silu, (X,), "s * (1 + x * (1 - s))", "s * (1 - s)", "1 + x * (1 - s)"),
    "an entry of a list": (chain, (WEIGHTS[:3], Y), "np.tanh(zs[i])", "np.tanh(hs[i])", "zs[i]"),
    "an entry that is never read": (stack, (X.T @ X / 9 * np.ones((2, 1, 1)), X), "inputs[i].T", "x.T"),
    "a key that is never read": (gate, (X, V), 'kept["slope"]', 'kept["a"]', "kept['slope']"),
    "a value wherever it stands in a term": (
        *(two_gates, (V, Y[:3])),
        *("3 * q**2 * q * (1 - q)", "3 * q**2 * p * (1 - p)", "q * (1 - q)"),
    ),
    "two axes": (
        *(heat_map, (rng.normal(size=(2, 3, 4)),)),
        *("(p * dp).sum(axis=(1, 2)", "(p * dp).sum(axis=2", "axis=(1, 2)"),
    ),
    "an array for the number that is subtracted": (
        *(weighted_choices, (rng.normal(size=(5, 3)), WEIGHTS, np.array([0, 2, 1, 1, 0]))),
        *("-= weights", "-= 1"),
    ),
    "a couple of values": (times, (V, Y[:3], X[0]), "dv * c - du * s", "dv * a - du * b"),
    "a slice of the code": (lines, (X.T @ X, X), "dz[:, :2] += 2 * z[:, :2]", "dz += 2 * z"),
    "a sum as divisor": (weighted_error, (V, X, Y, WEIGHTS), "c * r / c.sum()", "c * r / len(r)", "/ np.sum(c)"),
    "two values exchanged": (
        slopes,
        (POSITIVE, Y),
        "2 * q * y / (x * y)",
        "2 * q * x / (x * y)",
        "2 * q * y / (y * x)",
    ),
    "two slices exchanged": (echo, (V,), "dh[:-1] += 2 * y[1:] * 2 * h[:-1]", "dh[1:] += 2 * y[:-1] * 2 * h[1:]"),
    "a mask": (of_known, (V, X, Y, KNOWN), "- y) * known\n    return", "- y)\n    return", "(x @ w - y) * known"),
    "weights without the bias": (ridge, (V, X, Y), "grad[1:] += l2 * w[1:]", "grad += l2 * w"),
    "indices that occur twice": (embedded, (TABLE, IDS), "np.add.at(grad, ids, np.cos(z))", "grad[ids] = np.cos(z)"),
    "a step for a number": (
        *(polynomial, (rng.normal(size=(3, 3, 2)), X)),
        *("hs[k].T @ (2 * s)", "hs[1].T @ (2 * s)"),
    ),
    "what is never used": (far_apart, (V, Y[:3]), "2 * d * alpha + 2 * dalpha * x", "2 * d * alpha"),
    "a difference of entries": (margin, (V, X, 2, 1), "(items[i] - items[j])", "items[i]"),
    "columns of a buffer": (two_columns, (X[:, :2].T @ X[:, :2], X[:, :2]), "= 3 * raw", "= -3 * raw", "= 3 * raw"),
    "the sign": (sizes, (POSITIVE,), "np.sign(x)", "np.abs(x)"),
    "a function of the code": (softplus_of, (V,), "da * sigmoid(x)", "da", "* sigmoid(x)"),
    "a factor": (moments, (V, X), "dg = 2 * g", "dg = g"),
}


def with_mistake(function, right, wrong, path):
    """Return a function of a file in which the right text is replaced by a wrong one, once, from the end."""
    before, found, after = inspect.getsource(function).rpartition(right)
    assert found
    path.write_text(f"{before}{wrong}{after}")
    made = {"np": np}
    exec(compile(path.read_text(), str(path), "exec"), made)
    linecache.checkcache(str(path))
    return made[function.__name__]


@pytest.mark.parametrize("case", CASES)
def test_an_edit_is_found(case, tmp_path):
    function, inputs, right, wrong, *shown = CASES[case]
    assert mg.verify(function, *inputs)
    line = str(mg.verify(with_mistake(function, right, wrong, tmp_path / "mine.py"), *inputs)).splitlines()[0]
    assert (shown or [right])[0] in line.partition(" should be ")[2]
