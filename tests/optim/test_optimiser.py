"""Optimisers as things: groups, options that can be set, states that can be kept, and what they say of bad input."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

EVERY = [
    lambda params: optim.SGD(params, 0.1, momentum=0.9),
    lambda params: optim.Adam(params, 0.1),
    lambda params: optim.AdamW(params, 0.1),
    lambda params: optim.RMSprop(params, 0.1, momentum=0.5),
    lambda params: optim.Adagrad(params, 0.1),
]


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng))


def train(model, optimiser, steps, schedule=None):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8, 3))
    for _ in range(steps):
        optimiser.zero_grad()
        nn.mse_loss(model(x), x[:, :1]).backward()
        optimiser.step()
        if schedule:
            schedule.step()


@pytest.mark.parametrize("make", EVERY)
def test_a_kept_state_goes_on_bit_for_bit(make):
    model, again = network(), network()
    optimiser, fresh = make(model.named_parameters()), make(again.parameters())
    schedule, later = [optim.CosineAnnealingLR(each, 20, eta_min=0.01) for each in (optimiser, fresh)]
    train(model, optimiser, 7, schedule)
    kept = copy.deepcopy([part.state_dict() for part in (model, optimiser, schedule)])
    train(model, optimiser, 5, schedule)
    for part, state in zip((again, fresh, later), kept, strict=True):
        part.load_state_dict(state)
    train(again, fresh, 5, later)
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        assert np.array_equal(p.data, q.data)
    assert optimiser.lr == fresh.lr != 0.1


COPIES = [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_a_copy_of_model_and_optimiser_goes_on_bit_for_bit(make, copied):
    model = network()
    body, head = model[0], model[2]
    optimiser = make([{"params": body.named_parameters(), "lr": 0.05}, {"params": head.parameters(), "lr": 0.1}])
    schedule = optim.CosineAnnealingLR(optimiser, 20, eta_min=0.01)
    train(model, optimiser, 5, schedule)
    again, other, later = copied((model, optimiser, schedule))
    assert later.optimiser is other
    assert all(p is q for p, q in zip(again.parameters(), other._parameters, strict=True))
    listed = [p for group in other.param_groups for p in group["params"]]
    assert all(p is q for p, q in zip(listed, other._parameters, strict=True))
    train(model, optimiser, 5, schedule)
    stopped = [p.data.copy() for p in again.parameters()]
    train(again, other, 5, later)
    for p, q, old in zip(model.parameters(), again.parameters(), stopped, strict=True):
        assert np.array_equal(p.data, q.data)
        assert not np.array_equal(old, q.data)
    assert [float(group["lr"]) for group in other.param_groups] == [
        float(group["lr"]) for group in optimiser.param_groups
    ]
    assert other._names == optimiser._names
    assert [group.initial_lr for group in other.param_groups] == [0.05, 0.1]


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_a_copied_group_still_knows_its_options(copied):
    group = copied(optim.SGD([nn.Parameter([1.0])], lr=0.5)).param_groups[0]
    group["lr"] = 0.25
    assert float(group["lr"]) == 0.25
    with pytest.raises(KeyError, match="no option 'rate' to set"):
        group["rate"] = 1.0
    with pytest.raises(ValueError, match="momentum was 0 when the optimiser was made"):
        group["momentum"] = 0.9


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold", [0, 1e-3, 1.0])
@pytest.mark.parametrize("first", [-10.0, 0.0, 10.0])
def test_a_figure_that_is_no_better_never_counts_as_better(mode, threshold, first):
    sign = 1 if mode == "max" else -1
    schedule = optim.ReduceLROnPlateau(optim.SGD([nn.Parameter(1.0)], lr=1.0), mode, threshold=threshold)
    for figure in (first, first - sign * 1e-4, first - sign * 9, first):
        schedule.step(figure)
    assert (schedule.best, schedule.bad_steps) == (first, 3)
    schedule.step(first + sign * 25)
    assert schedule.bad_steps == 0


def test_a_plateau_goes_on_from_a_kept_state():
    def made():
        return optim.ReduceLROnPlateau(optim.SGD([nn.Parameter(1.0)], lr=1.0), patience=2)

    whole, first, second = made(), made(), made()
    losses = [3.0, 2.0, 2.0, 2.5, 2.0, 2.0, 1.9, 2.0, 2.0, 2.0, 2.0]
    for loss in losses[:5]:
        first.step(loss)
    second.load_state_dict(first.state_dict())
    second.optimiser.load_state_dict(first.optimiser.state_dict())
    for loss in losses[5:]:
        second.step(loss)
    for loss in losses:
        whole.step(loss)
    assert second.optimiser.lr == whole.optimiser.lr < 0.2


def test_a_state_is_a_copy_and_loading_one_shares_nothing():
    p = nn.Parameter([1.0])
    optimiser = optim.SGD([p], lr=1.0, momentum=0.5)
    state = optimiser.state_dict()
    p.grad = [1.0]
    optimiser.step()
    assert state["state.0.velocity"] == 0
    optimiser.load_state_dict(state)
    optimiser.step()
    assert state["state.0.velocity"] == 0


def test_a_state_that_does_not_fit_changes_nothing_and_says_all():
    optimiser = optim.SGD([nn.Parameter([1.0, 2.0])], lr=0.5, momentum=0.9)
    state = optimiser.state_dict()
    state["groups.0.lr"] = np.array(7.0)
    state["state.0.velocity"] = np.zeros(3)
    state["extra"] = state.pop("groups.0.momentum")
    with pytest.raises(
        ValueError, match=r"(?s)nothing was changed.*missing: groups.0.momentum.*velocity: \(3,\).*unknown"
    ):
        optimiser.load_state_dict(state)
    assert optimiser.lr == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_groups_have_options_of_their_own(dtype):
    a, b = nn.Parameter([1.0], dtype=dtype), nn.Parameter([1.0], dtype=dtype)
    optimiser = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [("bias", b)]}], lr=0.1)
    a.grad = b.grad = [1.0]
    optimiser.step()
    assert np.allclose([*a.data, *b.data], [0.0, 0.9])
    optimiser.param_groups[0]["lr"] = 0.5
    optimiser.param_groups[1]["lr"] *= 2
    optimiser.step()
    assert np.allclose([*a.data, *b.data], [-0.5, 0.7])
    optimiser.lr = 0.01
    assert [float(group["lr"]) for group in optimiser.param_groups] == [0.01, 0.01]
    with pytest.raises(KeyError, match=r"no option 'rate' to set; there are .*lr"):
        optimiser.param_groups[0]["rate"] = 1.0
    with pytest.raises(ValueError, match="momentum was 0 when the optimiser was made"):
        optimiser.param_groups[0]["momentum"] = 0.9


def test_a_group_takes_parameters_that_can_be_read_once():
    layer = nn.Linear(3, 2)
    optimiser = optim.SGD([{"params": layer.named_parameters()}], lr=0.1)
    assert [id(p) for p in optimiser._parameters] == [id(p) for p in layer.parameters()]
    assert optimiser._names == ["weight", "bias"]


def test_setting_a_rate_writes_into_the_tensor_that_holds_it():
    optimiser = optim.Adam([nn.Parameter([1.0])])
    held = optimiser.param_groups[0].get("lr")
    optim.StepLR(optimiser, 1, 0.5).step()
    assert optimiser.param_groups[0].get("lr") is held
    assert held.item() == 0.0005


def test_a_text_has_the_options_that_are_on():
    w = [nn.Parameter([1.0])]
    assert repr(optim.SGD(w, 0.1)) == "SGD(1 parameters, 1 numbers, lr=0.1)"
    said = "SGD(1 parameters, 1 numbers, lr=0.1, momentum=0.9, nesterov=True)"
    assert repr(optim.SGD(w, 0.1, 0.9, nesterov=True)) == said


def test_a_rate_reads_as_a_float():
    optimiser = optim.Adam([nn.Parameter([1.0])], lr=0.01)
    assert repr(optimiser.param_groups[0]["lr"]) == "0.01"


def test_frozen_parameters_are_left_alone():
    model = network()
    model[0].freeze()
    before = model.state_dict()
    train(model, optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1), 2)
    changed = [name for name, value in model.state_dict().items() if not np.array_equal(value, before[name])]
    assert changed == ["layers.2.weight", "layers.2.bias"]


def test_a_parameter_frozen_after_backward_is_left_alone():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimiser = optim.SGD([p, q], lr=1.0)
    p.grad = q.grad = [0.5]
    p.requires_grad = False
    optimiser.step()
    assert [p.data, q.data] == [1.0, 0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_options_come_in_the_dtype_of_the_parameter(dtype):
    class NonDifferentiable(optim.Optimiser):
        def update(self, p, g, state, lr):
            assert {lr.dtype, g.dtype, (lr * g).dtype} == {np.dtype(dtype)}
            p -= lr * g

    p, other = nn.Parameter([1.0], dtype=dtype), nn.Parameter([1.0], dtype=dtype)
    p.grad = other.grad = [0.5]
    NonDifferentiable([p, other], lr=0.5).step()
    assert p.data == other.data == 0.75


def test_a_step_is_not_recorded_and_takes_gradients_that_are_tensors():
    p = mg.Tensor([2.0], requires_grad=True)
    (p**3).sum().backward(create_graph=True)
    optim.SGD([p], lr=0.5).step()
    assert p.is_leaf
    assert p.data == 2 - 0.5 * 12


def test_an_optimiser_of_ones_own():
    class Signs(optim.Optimiser):
        def update(self, p, g, state, lr):
            p -= lr * np.sign(g)

    p = nn.Parameter([1.0, -1.0])
    p.grad = [0.3, -0.7]
    Signs([p], lr=0.25).step()
    assert np.array_equal(p.data, [0.75, -0.75])
    with pytest.raises(TypeError, match="Optimiser has no update method"):
        optim.Optimiser([p], lr=1.0).step()


def test_trimming_leaves_out_what_is_small():
    p, untouched = nn.Parameter([1.0, 2.0, 3.0, 4.0]), nn.Parameter([1.0])
    p.grad = [0.5, -0.1, 0.1, -2.0]
    optim.trim_deltas([p, untouched], 0.2)
    assert np.array_equal(p.grad, [0.5, 0.0, 0.0, -2.0])
    assert untouched.grad is None
    optim.trim_deltas(p, 0.5)
    assert np.array_equal(p.grad, [0.5, 0.0, 0.0, -2.0])
    with pytest.raises(ValueError, match="threshold must be a number of at least 0, not -1"):
        optim.trim_deltas(p, -1)


def test_clipping_gives_the_norm_and_keeps_the_dtype():
    p = nn.Parameter([0.0, 0.0], dtype=np.float32)
    p.grad = [3.0, 4.0]
    assert float(optim.clip_grad_norm_(p, 10.0)) == 5.0
    assert np.array_equal(p.grad, [3.0, 4.0])
    optim.clip_grad_norm_(p, 1.0)
    assert p.grad.dtype == np.float32
    assert np.allclose(p.grad, [0.6, 0.8])
    assert optim.clip_grad_norm_([], 1.0) == 0


@pytest.mark.parametrize(
    ("values", "dtype"), [([3e200, 4e200], float), ([3e-200, 4e-200], float), ([3e30, 4e30], "f4")]
)
def test_clipping_by_norm_neither_overflows_nor_underflows(values, dtype):
    p = nn.Parameter([0.0, 0.0], dtype=dtype)
    p.grad = values
    size = np.hypot(*values)
    assert np.isclose(float(optim.clip_grad_norm_(p, size / 10)), size, rtol=1e-6)
    if size > 1:
        assert np.allclose(p.grad / (size / 10), [0.6, 0.8], rtol=1e-5)


def test_clipping_float16_by_norm_keeps_its_dtype():
    p = nn.Parameter([0.0] * 1000, dtype=np.float16)
    p.grad = np.full(1000, 600.0)
    assert np.isclose(float(optim.clip_grad_norm_(p, 1.0)), 600 * np.sqrt(1000), rtol=1e-3)
    assert p.grad.dtype == np.float16
    assert np.allclose(p.grad, 1 / np.sqrt(1000), rtol=1e-3)


SHAPES = [(3,), (), (2, 4), (5000,), (1, 1), (0, 2), (7,)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [*EVERY, lambda params: optim.SGD(params, 0.1)])
def test_small_parameters_are_updated_to_the_same_bits_together_as_alone(make, dtype):
    """Each keeps its own count of steps: one of them misses some, and one is laid out in another order."""
    rng = np.random.default_rng(0)
    together = [nn.Parameter(rng.normal(size=shape), dtype=dtype) for shape in SHAPES]
    together[2] = nn.Parameter(np.asfortranarray(together[2].data), dtype=dtype)
    alone = [nn.Parameter(p.data, dtype=dtype) for p in together]
    one, each = make(together), [make([p]) for p in alone]
    for step in range(6):
        together[0].requires_grad = alone[0].requires_grad = step not in (1, 2)
        for p, q in zip(together, alone, strict=True):
            p.grad = q.grad = rng.normal(size=p.shape)
        one.step()
        for optimiser, q in zip(each, alone, strict=True):
            if q.requires_grad:
                optimiser.step()
    for i, (p, q) in enumerate(zip(together, alone, strict=True)):
        assert np.array_equal(p.data, q.data), SHAPES[i]
        for name, value in one.state[i].items():
            assert np.array_equal(value.data, each[i].state[0][name].data), (SHAPES[i], name)


LARGE = [((9001,), "C"), ((130, 100), "F"), ((2, 8192), "C"), ((30, 20, 20), "A")]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("make", [*EVERY, lambda params: optim.SGD(params, 0.1)])
def test_large_parameters_are_updated_in_blocks_to_the_same_bits_as_in_small_ones(make, dtype):
    """In memory that is laid out in any order; each state keeps its count of steps."""
    rng = np.random.default_rng(0)
    for shape, order in LARGE:
        values = rng.normal(size=shape).astype(dtype)
        values = values.swapaxes(0, 1) if order == "A" else np.asarray(values, order=order)
        large = nn.Parameter(values)
        small = [nn.Parameter(part) for part in np.array_split(values.ravel(), 5)]
        one, each = make([large]), make(small)
        for _ in range(3):
            g = rng.normal(size=values.shape)
            large.grad = g
            for p, part in zip(small, np.array_split(g.ravel(), 5), strict=True):
                p.grad = part
            one.step()
            each.step()
        assert np.array_equal(large.data.ravel(), np.concatenate([p.data for p in small]))
        assert all(x.data == 3 for name, x in one.state[0].items() if name == "steps")


def test_a_state_that_is_replaced_is_the_one_that_steps_change():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0, 2.0])
    optimiser = optim.SGD([p, q], lr=1.0, momentum=0.5)
    p.grad, q.grad = [1.0], [1.0, 1.0]
    optimiser.step()
    mine = optimiser.state[1]["velocity"] = mg.Tensor([4.0, 8.0])
    optimiser.step()
    assert np.array_equal(mine.data, [3.0, 5.0])
    assert np.array_equal(q.data, [-3.0, -4.0])
    assert np.array_equal(optimiser.state[0]["velocity"].data, [1.5])


def test_a_state_in_another_order_than_its_parameter():
    p = nn.Parameter(np.ones((100, 90), order="F"))
    optimiser = optim.SGD([p], lr=1.0, momentum=0.5)
    mine = optimiser.state[0]["velocity"] = mg.Tensor(np.ones((100, 90)))
    p.grad = np.ones((100, 90))
    optimiser.step()
    assert np.all(mine.data == 1.5)
    assert np.all(p.data == -0.5)


def test_a_shallow_copy_shares_its_states():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimiser = optim.SGD([p, q], lr=1.0, momentum=0.5)
    p.grad, q.grad = [1.0], [1.0]
    again = copy.copy(optimiser)
    for each in (optimiser, again, optimiser):
        each.step()
    assert np.array_equal(p.data, [1 - 1 - 1.5 - 1.75])
    assert optimiser.state[0]["velocity"].data == 1.75


def test_a_write_into_a_state_that_a_graph_reads_is_seen():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimiser = optim.SGD([p, q], lr=1.0, momentum=0.5)
    p.grad, q.grad = [1.0], [1.0]
    w = mg.Tensor([2.0], requires_grad=True)
    loss = (w * optimiser.state[1]["velocity"]).sum()
    optimiser.step()
    with pytest.raises(RuntimeError, match="was written to after multiply had used it"):
        loss.backward()


def test_an_optimiser_of_ones_own_gets_each_parameter_alone():
    class Normalised(optim.Optimiser):
        def update(self, p, g, state, lr):
            p -= lr * g / np.linalg.norm(g)

    p, q = nn.Parameter([0.0, 0.0]), nn.Parameter([0.0])
    p.grad, q.grad = [3.0, 4.0], [2.0]
    Normalised([p, q], lr=1.0).step()
    assert np.allclose([*p.data, *q.data], [-0.6, -0.8, -1.0])


PUBLIC = set("load_state_dict lr param_groups state state_dict step update zero_grad".split())


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_completion_shows_what_a_user_calls(kind):
    shown = {name for name in dir(kind([nn.Parameter([1.0])])) if name[0] != "_"}
    assert shown - set(inspect.signature(kind).parameters) == PUBLIC - {"lr"}


ADAPTIVE = {"Adam": optim.Adam, "AdamW": optim.AdamW, "RMSprop": optim.RMSprop, "Adagrad": optim.Adagrad}


@pytest.mark.parametrize("optimiser", ADAPTIVE.values(), ids=ADAPTIVE)
@pytest.mark.parametrize("shapes", [[(3, 2)], [(3,), (2, 2)], [(70, 70)]], ids=["one", "several", "large"])
@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_float16_is_updated_in_float32_and_rounded(optimiser, shapes, way):
    """In float16 eps is 0, and so is the square of a gradient of 1e-4: a step would divide 0 by 0."""
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape).astype(np.float16) for shape in shapes]
    slopes = [(1e-4 * rng.integers(0, 3, shape)).astype(np.float16) for shape in shapes]
    found = {}
    for dtype in (np.float16, np.float32):
        parameters = [mg.Tensor(x.astype(dtype), requires_grad=True) for x in starts]
        given = optimiser(parameters, lr=0.01)

        def step(given=given, parameters=parameters, dtype=dtype):
            given.zero_grad()
            sum((p * g.astype(dtype)).sum() for p, g in zip(parameters, slopes, strict=True)).backward()
            given.step()

        run = step if way == "eager" else mg.compile(step)
        for _ in range(4):
            run()
        found[dtype] = [p.data for p in parameters]
    for start, half, exact in zip(starts, found[np.float16], found[np.float32], strict=True):
        assert half.dtype == np.float16
        spacing = np.spacing(np.maximum(np.abs(start), np.abs(half))).astype(float)
        assert np.all(np.abs(half - exact) <= 8 * 0.51 * spacing)  # each of the four steps rounds once, AdamW twice
