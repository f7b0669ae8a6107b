"""Every row that has a loop spelling, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg
from micrograd_np.ops import TABLE
from micrograd_np.program.numba_backend import jitted, loops
from micrograd_np.program.numba_loops import formula_of
from tests.program.numba_backend.looped import both, check, drawn, in_numba, in_python

LABELS = np.array([3, 0, 1])


@both
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_every_formula(made, dtype, rtol):
    own = {
        "astype": lambda x: x.astype(np.float32),
        "where": lambda x: np.where(x > 1, x, 0.5),
    }
    inputs = {"arccosh": 1, "arctanh": -0.6, "arccos": -1, "arcsin": -1}

    def all_of_them(x, y):
        found = []
        for name, row in TABLE.items():
            if not formula_of(row):
                continue
            if isinstance(row.function, np.ufunc) and "d" not in "".join(row.function.types):
                found.append(row(*[np.floor(abs(z) * 3).astype(int) for z in (x, y)][: row.function.nin]))
            elif name == "ldexp":
                found.append(row(x, np.floor(abs(y) * 3).astype(int)))
            elif name in own:
                found.append(own[name](x))
            elif getattr(row.function, "nin", 1) == 2:
                found += [row(x, y), row(x, 1.5), row(2, y)]
            else:
                found.append(row((x - 0.5) / 1.6 if name in inputs and inputs[name] < 0 else x + inputs.get(name, 0)))
        return found

    check(made, all_of_them, drawn(3, 4, dtype=dtype), drawn(4, dtype=dtype), rtol=rtol)


CASES = {
    "a row against a column": lambda x, y: x[:, :1] * y[0] + 1,
    "a number of another dtype": lambda x, y: x * np.float32(0.1) + y.astype(np.float32),
    "integers and floats": lambda x, y: np.arange(4) * x + (y > 1),
    "sums": lambda x, y: (np.sum(x), np.sum(x, 0), np.sum(x, 1, keepdims=True), np.sum(x > 1), np.mean(x, (0, 1))),
    "extremes": lambda x, y: (np.max(x, 0), np.min(x), np.max(x > 1, 1), np.min(x > 1, 0), np.prod(x, -1)),
    "a sum of what is computed for it alone": lambda x, y: np.sum(np.exp(x - y) * x, axis=0),
    "a sum of a transpose": lambda x, y: np.sum(np.exp(x).T, axis=0) + np.mean(x.T, 1, keepdims=True),
    "products": lambda x, y: (x @ y.T, x.T @ y[:, 0], x[0] @ y[0], np.dot(x[0], y.T), np.vdot(x, y), np.inner(x, y)),
    "outer products": lambda x, y: np.outer(x, y),
    "vdot of two shapes": lambda x, y: np.vdot(x.T, np.reshape(y, (2, 6))),
    "stacks": lambda x, y: np.matmul(x[None] * np.ones((2, 1, 1)), np.reshape(y, (4, 3))),
    "views": lambda x, y: (x.T, x.T * 2, np.swapaxes(x, 0, 1), np.expand_dims(x, 1), x[None, :, 0], np.squeeze(x[:1])),
    "slices": lambda x, y: (x[1:, ::-2], x[..., -1], x[2], x[-1, 1:3] * 2, np.flip(y, 1) + 0),
    "other shapes": lambda x, y: (np.reshape(x, (2, 6)) * 2, np.reshape(x.T, (6, 2)) + 1, np.ravel(x), x.flatten()),
    "broadcasts": lambda x, y: (np.broadcast_to(x[:, :1], (2, 3, 4)), np.broadcast_to(x[0, 0], (2, 2))),
    "constants": lambda x, y: (x + np.linspace(0, 1, 4), x * np.full((3, 4), 2.0), x @ np.eye(4)),
    "what was given": lambda x, y: (x, x, y.T),
    "no entries": lambda x, y: (x[:0] * 2, np.sum(x[:0], 0)),
    "chosen rows": lambda x, y: (x[np.array([2, 0, -1])], x[:, np.array([[1, 3]])] * 2, y[np.array([0, 2]), 1]),
    "chosen apart": lambda x, y: x[None][0, :, np.array([1, 1])] + x[np.array([[0], [2]]), np.array([1, 0, 3])],
    "chosen in two places": lambda x, y: np.reshape(x, (3, 2, 1, 2))[:, np.array([0, 1]), :, np.array([1, 0])],
    "joined": lambda x, y: (np.concatenate([x, y[:1] * 2, x]), np.stack([x, y], -1), np.hstack([x.T, y.T])),
    "softmax": lambda x, y: (mg.softmax(x), mg.log_softmax(y, axis=0), mg.logsumexp(x, axis=1), mg.softmax(y, (0, 1))),
    "gelu": lambda x, y: mg.value_and_grad(lambda x: np.sum(mg.gelu(x - y)))(x),
    "gelu, tanh": lambda x, y: mg.value_and_grad(lambda x: np.sum(mg.gelu(x - y, approximate="tanh")))(x),
    "erf": lambda x, y: (mg.erf(x), mg.erfc(y)),
    "spreads": lambda x, y: (np.var(x, 0), np.std(y, ddof=1), np.var(x, axis=1, keepdims=True)),
    "cross entropy": lambda x, y: (mg.cross_entropy(x, LABELS), mg.cross_entropy(x, y, reduction="none")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_case(case):
    check(in_python, CASES[case], drawn(3, 4), drawn(3, 4))


def test_a_long_chain():
    def chain(x):
        for _ in range(1000):
            x = np.tanh(x) + 1
        return x, np.sum(x * 2)

    check(in_python, chain, drawn(3, 4))


@pytest.mark.slow
@in_numba
def test_all_cases_in_one_program():
    check(jitted, lambda x, y: [case(x, y) for case in CASES.values()], drawn(3, 4), drawn(3, 4))


@both
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_large_products_are_left_to_blas(made, order, dtype, rtol):
    def step(x, y):
        return (
            np.tanh(x) @ y.T,
            x.astype(np.float32) @ y.astype(np.float64).T,
            x[:, ::2] @ y[:, ::2].T,
            x @ y[0],
            np.dot(x[0], y.T),
        )

    program = mg.trace(step)(drawn(40, 60), drawn(50, 60))
    assert loops(program.simple).count("np.dot") >= 2
    check(made, step, *[np.asarray(drawn(*s, dtype=dtype), order=order) for s in ((40, 60), (50, 60))], rtol=rtol)


@both
def test_gradients_of_what_is_chosen(made):
    w = mg.Tensor(drawn(5, 4), requires_grad=True)

    def step(ids, labels):
        rows = mg.embedding(ids, w)
        loss = mg.cross_entropy(rows @ w.T, labels) + np.sum(np.exp(w[1:3, ::2])) + np.sum(w[ids, 1:] * w[0, 1:])
        loss.backward()
        return loss

    check(made, step, np.array([0, 2, 2]), np.array([4, 0, 1]))


@both
@pytest.mark.parametrize("ids", [[5, 0], [-6, 0]])
def test_an_index_out_of_bounds_is_an_error(made, ids):
    run = made(mg.trace(lambda x, i: x[i])(drawn(5, 2), np.array([0, 1])).simple)
    with pytest.raises(IndexError, match="5 entries"):
        run(1, drawn(5, 2), np.array(ids))


@both
@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_an_error(made, label):
    run = made(mg.trace(lambda x, labels: mg.cross_entropy(x, labels))(drawn(2, 3), np.array([0, 1])).simple)
    with pytest.raises(IndexError, match="3 entries"):
        run(1, drawn(2, 3), np.array([label, 0]))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_broadcasts_of_any_shapes(data):
    shape = data.draw(st.lists(st.integers(1, 3), max_size=4))
    narrow = [data.draw(st.sampled_from([1, size])) for size in shape]
    x, y = drawn(*shape), drawn(*narrow[data.draw(st.integers(0, len(shape))) :])
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    keepdims = data.draw(st.booleans())

    def step(x, y):
        z = np.exp(x * y) - y
        return z.T, np.sum(z * z, axis=axis, keepdims=keepdims), np.max(z, axis=axis, keepdims=keepdims) + y.ndim

    check(in_python, step, x, y)


MOVES = {
    "transpose": lambda x, k: np.transpose(x, np.roll(np.arange(x.ndim), k)),
    "swapaxes": lambda x, k: np.swapaxes(x, 0, k % x.ndim),
    "flip": lambda x, k: np.flip(x, k % x.ndim),
    "slice": lambda x, k: x[(slice(None),) * (k % x.ndim) + (slice(None, None, -2 if k % 2 else 2),)],
    "start": lambda x, k: x[..., k % x.shape[-1] :],
    "entry": lambda x, k: x[k % len(x)] if x.ndim > 1 else x,
    "new axis": lambda x, k: np.expand_dims(x, k % (x.ndim + 1)),
    "broadcast": lambda x, k: np.broadcast_to(x, (2, *x.shape)) if x.ndim < 5 else x,
    "merge": lambda x, k: np.reshape(x, (-1, *x.shape[2:])) if x.ndim > 1 else x,
    "split": lambda x, k: np.reshape(x, (2, -1, *x.shape[1:])) if len(x) % 2 == 0 else x,
    "flatten": lambda x, k: x.flatten(),
    "diagonal": lambda x, k: np.einsum("ii...->i...", x) if x.ndim > 1 and x.shape[0] == x.shape[1] else x,
}


@settings(max_examples=60, deadline=None)
@given(moves=st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 5)), min_size=1, max_size=5))
def test_views_of_views(moves):
    def step(x):
        for move, k in moves:
            x = MOVES[move](x, k)
        return x, np.exp(x) + 1

    check(in_python, step, drawn(4, 3, 4))


def test_names_that_the_loops_use_themselves():
    def step(range, math):
        return np.sum(range * mg.erf(math), axis=0)

    check(in_python, step, drawn(3, 4), drawn(3, 4))
