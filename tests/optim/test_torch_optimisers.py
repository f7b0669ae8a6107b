"""Optimisers and schedules against torch's, step by step, on parameters of several shapes in several groups."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")

STEPS = 60
SHAPES = [(3, 2), (4,), ()]

OPTIMISERS = [
    "SGD(params, lr=0.05)",
    "SGD(params, lr=0.05, momentum=0.9)",
    "SGD(params, 0.05, 0.9, weight_decay=0.1, nesterov=True)",
    "Adam(params)",
    "Adam(params, 0.1, (0.8, 0.9), 1e-4, 0.1)",
    "AdamW(params)",
    "AdamW(params, 0.1, weight_decay=0.2)",
    "AdamW(params, 0.1, weight_decay=0.0)",
    "RMSprop(params)",
    "RMSprop(params, lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1, momentum=0.5)",
    "Adagrad(params)",
    "Adagrad(params, lr=0.1, weight_decay=0.1)",
]
GROUPS = [
    "SGD(groups, lr=0.05, momentum=0.9, weight_decay=0.1)",
    "Adam(groups, lr=0.05, weight_decay=0.1)",
    "AdamW(groups, lr=0.05, weight_decay=0.1)",
    "RMSprop(groups, lr=0.05, weight_decay=0.1)",
    "Adagrad(groups, lr=0.05, weight_decay=0.1)",
]
SCHEDULES = [
    "lr.StepLR(opt, 7)",
    "lr.StepLR(opt, step_size=1, gamma=0.9)",
    "lr.CosineAnnealingLR(opt, 20)",
    "lr.CosineAnnealingLR(opt, T_max=100, eta_min=0.01)",
    "lr.LinearLR(opt)",
    "lr.LinearLR(opt, 0.1, 0.5, total_iters=30)",
    "lr.LinearLR(opt, start_factor=0.001, total_iters=10)",
    "lr.LambdaLR(opt, lambda t: 1 / (1 + t))",
    "lr.SequentialLR(opt, [lr.LinearLR(opt, 0.1, total_iters=5), lr.CosineAnnealingLR(opt, 20)], [5])",
    "lr.SequentialLR(opt, [lr.StepLR(opt, 3), lr.LinearLR(opt), lr.StepLR(opt, 4)], [10, 20])",
]
PLATEAUS = [
    "lr.ReduceLROnPlateau(opt)",
    "lr.ReduceLROnPlateau(opt, 'min', 0.5, 2)",
    "lr.ReduceLROnPlateau(opt, 'max', factor=0.5, patience=2, threshold=0.1)",
    "lr.ReduceLROnPlateau(opt, factor=0.3, patience=1, threshold=0.05, min_lr=0.01)",
    "lr.ReduceLROnPlateau(opt, 'max', patience=1, threshold=0.2)",
]


def both(text):
    """The optimiser in both libraries, over the same first numbers."""
    rng = np.random.default_rng(0)
    begin = [rng.normal(size=shape) for shape in SHAPES]
    mine = [nn.Parameter(x) for x in begin]
    others = [torch.tensor(x, requires_grad=True) for x in begin]
    return made(optim, text, mine), mine, made(torch.optim, text, others), others


def made(library, text, params):
    groups = [{"params": params[:1], "lr": 0.2}, {"params": params[1:], "weight_decay": 0.0}]
    return eval(f"library.{text}", {"library": library, "params": params, "groups": groups})


def backward(step, params):
    """The gradients of a loss that pulls every entry to a place of its own, which moves at each step."""
    sum((((p - k - 0.1 * step) ** 2 + 1) ** 0.5).sum() for k, p in enumerate(params)).backward()


def same(mine, others, rtol=1e-12):
    for p, q in zip(mine, others, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("text", OPTIMISERS + GROUPS)
def test_every_step_is_torchs(text):
    ours, mine, theirs, others = both(text)
    for step in range(STEPS):
        for optimiser, params in ((ours, mine), (theirs, others)):
            optimiser.zero_grad()
            backward(step, params)
            optimiser.step()
        same(mine, others)
    assert all(np.abs(p.data - q).max() > 1e-3 for p, q in zip(mine, both(text)[1], strict=True))


@pytest.mark.parametrize("text", SCHEDULES)
@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("optimiser", ["SGD(groups, lr=0.05)", "AdamW(params, lr=0.1)"])
def test_every_rate_and_step_of_a_schedule_is_torchs(text, optimiser):
    ours, mine, theirs, others = both(optimiser)
    schedule = eval(text, {"lr": optim, "opt": ours})
    their_schedule = eval(text, {"lr": torch.optim.lr_scheduler, "opt": theirs})
    for step in range(STEPS):
        np.testing.assert_allclose(schedule.get_last_lr(), their_schedule.get_last_lr(), rtol=1e-12, atol=1e-16)
        for optimiser, params, scheduler in ((ours, mine, schedule), (theirs, others, their_schedule)):
            optimiser.zero_grad()
            backward(step, params)
            optimiser.step()
            scheduler.step()
        same(mine, others)


@pytest.mark.parametrize("text", PLATEAUS)
def test_a_plateau_is_noticed_when_torch_notices_it(text):
    ours, _, theirs, _ = both("SGD(groups, lr=0.05)")
    schedule = eval(text, {"lr": optim, "opt": ours})
    their_schedule = eval(text, {"lr": torch.optim.lr_scheduler, "opt": theirs})
    rng = np.random.default_rng(3)
    for step in range(STEPS):
        metric = 2 + np.cos(step / 8) + 0.1 * rng.normal()
        schedule.step(mg.Tensor(metric))
        their_schedule.step(metric)
        rates = [float(group["lr"]) for group in ours.param_groups]
        np.testing.assert_allclose(rates, [group["lr"] for group in theirs.param_groups], rtol=1e-12)
    assert rates[0] < 0.2


CLIPS = [
    "clip_grad_norm_(params, 1.0)",
    "clip_grad_norm_(params, 1e6)",
    "clip_grad_norm_(params, 0.5, 1.0)",
    "clip_grad_norm_(params, 0.5, float('inf'))",
    "clip_grad_norm_(params, 0.5, 3)",
    "clip_grad_value_(params, 0.7)",
]


@pytest.mark.parametrize("text", CLIPS)
def test_clipped_gradients_are_torchs(text):
    _, mine, _, others = both("SGD(params)")
    backward(0, mine[:2])
    backward(0, others[:2])
    ours = eval(
        text, {"clip_grad_norm_": optim.clip_grad_norm_, "clip_grad_value_": optim.clip_grad_value_, "params": mine}
    )
    theirs = eval(text, vars(torch.nn.utils) | {"params": others})
    if theirs is not None:
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
    for p, q in zip(mine[:2], others[:2], strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)
    assert mine[2].grad is None


@pytest.mark.parametrize("text", OPTIMISERS)
def test_float32_stays_float32_and_follows_torch(text):
    begin = [np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in SHAPES]
    mine = [nn.Parameter(x) for x in begin]
    others = [torch.tensor(x, requires_grad=True) for x in begin]
    ours, theirs = made(optim, text, mine), made(torch.optim, text, others)
    for step in range(10):
        for optimiser, params in ((ours, mine), (theirs, others)):
            optimiser.zero_grad()
            backward(step, params)
            optimiser.step()
    assert {tensor.dtype for state in ours.state for tensor in state.values()} <= {np.dtype(np.float32)}
    for p, q in zip(mine, others, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=2e-5, atol=2e-6)
