"""Optimisers refuse bad parameters and options, missing gradients, nan and rates that diverge, and say why."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng))


W = nn.Parameter([1.0])
BAD_PARAMETERS = [
    (lambda: optim.SGD([], lr=1), ValueError, "SGD was given no parameters: pass model.parameters()"),
    (
        lambda: optim.SGD(network(), lr=1),
        TypeError,
        "must be a list of tensors, .*, not a Sequential",
    ),
    (lambda: optim.SGD(W, lr=1), TypeError, r"list of tensors, such as model.parameters\(\) or \[w\], not W"),
    (
        lambda: optim.SGD([W * 2], lr=1),
        TypeError,
        "leaf Tensors, and one of them is the result of multiply",
    ),
    (lambda: optim.SGD([np.ones(3)], lr=1), TypeError, r"is a ndarray\. Write mg\.Tensor\(.* requires_grad=True"),
    (lambda: optim.SGD([W, W], lr=1), ValueError, "W was given to SGD twice, as number 0 and number 1"),
    (lambda: optim.SGD([("w", W), ("tied", W)], lr=1), ValueError, "tied was given to SGD twice"),
    (lambda: optim.SGD([{"params": [W]}, {"params": [W]}], lr=1), ValueError, "twice"),
    (lambda: optim.SGD([{"params": [W], "alpha": 1}], lr=1), TypeError, "SGD has no argument 'alpha'. Write lr="),
    (lambda: optim.SGD([{"params": [W]}, W], lr=1), TypeError, "groups are dicts"),
    (lambda: optim.SGD([{"lr": 1}], lr=1), TypeError, "groups are dicts"),
    (
        lambda: optim.ReduceLROnPlateau(optim.SGD([W]), factor=1.5),
        ValueError,
        "factor must be a number above 0 and below 1, not 1.5",
    ),
    (lambda: optim.ReduceLROnPlateau(optim.SGD([W]), "low"), ValueError, "mode must be one of 'min', 'max', not 'low'"),
    (lambda: optim.SGD([W], lr=np.nan), ValueError, "SGD: lr must be a number of at least 0, not nan"),
    (lambda: setattr(optim.SGD([W]), "lr", np.inf), ValueError, "SGD: lr must be a number of at least 0, not inf"),
    (lambda: optim.SequentialLR(optim.SGD([W]), [], [3]), ValueError, "takes schedules of this optimiser, one or more"),
    (lambda: optim.SequentialLR(optim.SGD([W]), [], []), ValueError, "takes schedules of this optimiser, one or more"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD_PARAMETERS)
def test_bad_parameters_and_options(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_module_shared_by_two_models_is_given_twice():
    body = nn.Linear(3, 4)
    one, two = nn.Sequential(body, nn.Linear(4, 1)), nn.Sequential(body, nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"weight was given to Adam twice.*Give what is shared once"):
        optim.Adam([*one.parameters(), *two.parameters()])


def test_a_step_before_backward():
    for each in (network(), network().freeze()):
        with pytest.raises(RuntimeError, match=r"no parameter that may change has a gradient: call loss.backward\(\)"):
            optim.SGD(each.parameters(), lr=1).step()


def test_parameters_without_a_gradient_are_named_and_nothing_is_changed():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    before = model.state_dict()
    optimiser = optim.SGD(model.parameters(), lr=1)
    model[0](np.ones((1, 3))).sum().backward()
    with pytest.raises(RuntimeError, match=r"no gradient reached layers.1.weight, layers.1.bias\. Was it used"):
        optimiser.step()
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    named = optim.SGD(([("head", model[1].weight), ("body", model[0].weight)]), lr=1)
    with pytest.raises(RuntimeError, match="no gradient reached head"):
        named.step()


def test_a_gradient_that_is_nan_is_named_and_nothing_is_changed():
    model = network()
    optimiser = optim.SGD(model.parameters(), lr=0.125)
    x = np.ones((2, 3))
    x[0, 0] = np.nan
    nn.mse_loss(model(x), np.ones((2, 1))).backward()
    before = model.state_dict()
    with pytest.raises(
        FloatingPointError, match=r"layers.0.weight has a nan or inf, and nothing .* rate \(0.125\) is too high"
    ):
        optimiser.step()
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=2.5), lambda p: optim.SGD(p, lr=2.5, momentum=0.9)])
def test_a_rate_that_diverges_is_said_before_there_is_a_nan(make, dtype):
    p = nn.Parameter([1.0], dtype=dtype)
    optimiser = make([p])
    with pytest.raises(FloatingPointError, match=r"learning rate \(2.5\) is too high: lower it"):
        for _ in range(3000):
            optimiser.zero_grad()
            with np.errstate(over="ignore"):
                (p * p).sum().backward()
            optimiser.step()
    assert np.isfinite(p.data).all()


BEYOND = [
    lambda p: optim.Adam(p, 0.1),
    lambda p: optim.AdamW(p, 0.1),
    lambda p: optim.RMSprop(p, 0.1),
    lambda p: optim.Adagrad(p, 0.1),
]


@pytest.mark.parametrize("make", BEYOND)
@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_a_state_that_would_be_infinite_is_said(make, way):
    b, w = (nn.Parameter([1.0, 2.0], dtype=np.float32) for _ in range(2))
    optimiser = make([b, w])

    def step(x):
        optimiser.zero_grad()
        ((w * x).sum() + b.sum()).backward()
        optimiser.step()

    step = mg.compile(step) if way == "compiled" else step
    small, large = np.full(2, 0.5, np.float32), np.full(2, 2e19, np.float32)
    for _ in range(3):
        step(small)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"step of b, w went beyond"):
        step(large)


def test_a_step_that_fails_says_that_some_have_been_changed():
    small, large, last = nn.Parameter([1.0]), nn.Parameter(np.ones(5000)), nn.Parameter(np.ones(5000))
    optimiser = optim.Adam([small, large, last], eps=0)
    small.grad, large.grad, last.grad = [1.0], np.ones(5000), np.zeros(5000)
    with pytest.raises(FloatingPointError, match=r"the step of last went beyond .* some may have been changed"):
        optimiser.step()
    assert small.data != 1
    assert large.data[0] != 1
    assert np.isfinite(last.data).all()


def test_a_step_that_divides_by_zero_is_said():
    p = nn.Parameter([1.0], dtype=np.float32)
    optimiser = optim.RMSprop([p], lr=0.1, eps=0)
    p.grad = [1e-30]
    with pytest.raises(FloatingPointError, match="divide by zero"):
        optimiser.step()
