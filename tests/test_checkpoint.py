"""Recomputed values give the same gradients, to the same tensors."""

import numpy as np
import pytest

import micrograd_np as mg


def setup():
    rng = np.random.default_rng(0)
    return mg.Tensor(rng.normal(size=(4, 3)), True), mg.Tensor(rng.normal(size=(3, 2)), True, name="w")


def both(f):
    """The gradients of x and w, kept and recomputed."""
    found = []
    for wrap in (lambda f: f, mg.checkpoint):
        x, w = setup()
        result = wrap(lambda x: f(x, w))(x)  # noqa: B023
        total = sum(part.sum() for part in result) if isinstance(result, tuple) else result.sum()
        total.backward()
        found.append((total.data, x.grad, w.grad))
    return found


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: np.tanh(x @ w) * 2,
        lambda x, w: (np.tanh(x @ w), x * 2),
        lambda x, w: mg.checkpoint(lambda y: np.exp(y @ w))(x) * w.sum(),
    ],
)
def test_the_same_gradients_for_arguments_and_for_what_the_function_closes_over(f):
    kept, recomputed = both(f)
    for a, b in zip(kept, recomputed, strict=True):
        assert np.array_equal(a, b)


def test_intermediates_are_computed_twice_and_kept_never():
    x, w = setup()
    calls = []

    def f(x):
        calls.append(1)
        return np.tanh(x @ w)

    y = mg.checkpoint(f)(x)
    assert [a.op.name for a in y.args] == ["checkpoint"]
    y.sum().backward()
    assert len(calls) == 2


def test_second_derivatives():
    f = lambda x: np.tanh(x * x).sum()  # noqa: E731
    x = np.array([0.5, 1.0])
    assert np.allclose(mg.hessian(mg.checkpoint(f))(x), mg.hessian(f)(x), rtol=1e-14)


def test_under_no_grad_and_without_gradients_it_is_the_function():
    x, w = setup()
    with mg.no_grad():
        assert not mg.checkpoint(lambda x: x @ w)(x).requires_grad
    assert mg.checkpoint(lambda x: x * 2)(3.0) == 6.0


def test_a_weight_written_to_before_backward_is_refused():
    x, w = setup()
    y = mg.checkpoint(lambda x: np.tanh(x @ w))(x).sum()
    w += 1
    with pytest.raises(RuntimeError, match=r"w \(3, 2\) .* written to after a checkpoint had used it"):
        y.backward()


def test_a_hook_sees_and_changes_a_gradient():
    seen = []
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    mg.hook(mg.hook(x, lambda g: 3 * g), seen.append).sum().backward()
    assert np.array_equal(seen[0], [1, 1])
    assert np.array_equal(x.grad, [3, 3])
    with pytest.raises(ValueError, match="what the hook returned has shape"):
        mg.hook(x, lambda g: np.ones(3)).sum().backward()


def dropped(rng):
    drop = mg.nn.Dropout(0.5, rng=rng)
    return lambda x: drop(x) * x


def noisy(rng):
    return lambda x: x * rng.normal(size=x.shape)


def hidden_by_zeros(rng):
    drop = mg.nn.Dropout(0.5, rng=rng)
    w = mg.Tensor(np.zeros((3, 2)), requires_grad=True)
    return lambda x: drop(x) @ w


@pytest.mark.parametrize(
    ("draws", "line"),
    [(dropped, "drop(x) * x"), (noisy, "x * rng.normal(size=x.shape)"), (hidden_by_zeros, "drop(x) @ w")],
)
def test_a_function_that_draws_anew_is_refused(draws, line):
    y = mg.checkpoint(draws(np.random.default_rng(0)))(setup()[0])
    with pytest.raises(RuntimeError, match="did not compute the same when it ran again") as caught:
        y.sum().backward()
    assert f"return lambda x: {line}" in str(caught.value)
    assert "draw outside and pass the mask" in str(caught.value)


def test_a_frozen_weight_written_to_before_backward_is_refused():
    x, w = setup()
    w.requires_grad = False
    y = mg.checkpoint(lambda x: np.tanh(x @ w))(x).sum()
    w += 1
    with pytest.raises(RuntimeError, match=r"(?s)did not compute the same .* np\.tanh\(x @ w\)"):
        y.backward()


def test_values_that_are_nan_are_the_same_again():
    x = mg.Tensor([-1.0, 4.0], requires_grad=True)
    with np.errstate(invalid="ignore"):
        mg.checkpoint(np.sqrt)(x).sum().backward()
    assert x.grad[1] == 0.25


def test_a_tensor_of_the_functions_own_is_written_each_time():
    def f(x):
        scale = mg.Tensor([1.0, 1.0])
        scale += 1
        scale[0] = 5
        scale.assign(scale * 2)
        return x * scale

    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    mg.checkpoint(f)(x).sum().backward()
    assert np.array_equal(x.grad, [10, 4])


def test_what_needs_no_gradient_is_returned_as_it_is():
    x, _ = setup()
    loss, best, word = mg.checkpoint(lambda x: ((x * x).sum(), np.argmax(x), "done"))(x)
    assert loss.requires_grad
    assert not getattr(best, "requires_grad", False)
    assert word == "done"
    loss.backward()
    assert np.array_equal(x.grad, 2 * x.data)


def test_a_constant_beside_the_result_stays_a_constant():
    x, _ = setup()
    mask, y = mg.checkpoint(lambda x: (mg.Tensor(np.ones(3)), x * 2))(x)
    assert not mask.requires_grad
    y.sum().backward()
    assert np.array_equal(x.grad, np.full((4, 3), 2.0))
