"""Modules: attributes are the registration; found once, switched, frozen, kept, told as text."""

import contextlib
import copy
import pickle

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim
from micrograd_np.core.errors import format_location


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng), nn.BatchNorm1d(4), np.tanh, nn.Dropout(0.5, rng=rng), nn.Linear(4, 1)
    )


def test_a_layer_of_ones_own_in_ten_lines():
    class Quadratic(nn.Module):
        def __init__(self, size):
            self.a, self.b = nn.Parameter(np.zeros(size)), nn.Parameter(np.zeros(size))

        def forward(self, x):
            return self.a * x * x + self.b * x

    x = np.random.default_rng(0).normal(size=(20, 2))
    layer = Quadratic(2)
    optimiser = optim.SGD(layer.parameters(), lr=0.3)
    for _ in range(200):
        layer.zero_grad()
        nn.mse_loss(layer(x), 3 * x * x - x).backward()
        optimiser.step()
    assert np.allclose([layer.a.data, layer.b.data], [[3, 3], [-1, -1]])


def test_a_layer_may_be_called_without_forward():
    class Twice(nn.Module):
        def __call__(self, x):
            return 2 * x

    assert np.array_equal(nn.Sequential(Twice())(np.ones(2)), [2, 2])
    with pytest.raises(TypeError, match=r"Module has no forward method: define forward\(self, x\)"):
        nn.Module()(1.0)


def line_of(tensor):
    return format_location(tensor._created_at).split("# ")[-1]


def doubled(x):
    return x * 2  # in the function


class Triple(nn.Module):
    def forward(self, x):
        return nn.ReLU()(x) * 3  # in the module


class OtherReLU(nn.ReLU):
    def forward(self, x):
        return x * 4  # in the layer's heir


def test_an_op_in_a_layer_has_the_users_line_that_is_nearest():
    model = nn.Sequential(nn.Linear(2, 2), doubled, nn.Sequential(Triple(), nn.ReLU()), OtherReLU(), np.tanh)
    z, lines = model(np.ones((1, 2))), []  # the call
    while z.op is not None:
        lines.append(line_of(z))
        z = z.args[0] if isinstance(z.args[0], mg.Tensor) else z.args[1]
    assert lines == [
        *("the call", "in the layer's heir", "the call", "in the module", "in the module", "in the function"),
        "the call",
    ]


def test_an_op_after_a_call_in_which_a_mode_was_entered_has_its_own_line():
    def suspended():
        with mg.scope("open"):
            yield

    def function(x):
        next(steps)
        return x * 2  # in the function

    steps = suspended()
    z = nn.Sequential(function, nn.ReLU())(mg.Tensor([1.0], requires_grad=True))  # the call
    after = z * 2  # afterwards
    assert [line_of(x) for x in (z.args[0], z, after)] == ["in the function", "the call", "afterwards"]
    assert after.scope[-1] == "open"
    steps.close()
    assert (z * 2).scope == ()


def test_gradients_are_cleared_or_set_to_zero():
    model = nn.Linear(2, 1)
    for owner in (model, optim.SGD(model.parameters())):
        model(np.ones((1, 2))).sum().backward()
        owner.zero_grad(set_to_none=False)
        assert [p.grad.tolist() for p in model.parameters()] == [[[0.0, 0.0]], [0.0]]
        owner.zero_grad()
        assert [p.grad for p in model.parameters()] == [None, None]
        owner.zero_grad(set_to_none=False)
        assert [p.grad for p in model.parameters()] == [None, None]


def test_requires_grad_():
    model = nn.Linear(2, 1)
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert model.requires_grad_().weight.requires_grad


def test_a_list_of_modules():
    rng = np.random.default_rng(0)
    layers = nn.ModuleList([nn.Linear(2, 3, rng=rng), nn.Linear(3, 1, rng=rng)])
    model = nn.Module()
    model.layers = layers
    assert names(model.named_parameters()) == [f"layers.{i}.{name}" for i in (0, 1) for name in ("weight", "bias")]
    layers.extend([nn.Identity()])
    assert len(layers) == 3
    assert list(layers) == [layers[0], layers[1], layers[-1]]
    assert isinstance(layers[:2], nn.ModuleList)
    assert list(layers[:2]) == [layers[0], layers[1]]
    layers[-1] = nn.Flatten()
    assert isinstance(layers[2], nn.Flatten)
    with pytest.raises(IndexError):
        layers[3]
    with pytest.raises(IndexError):
        layers[3] = nn.Flatten()
    assert repr(layers[2:]) == "ModuleList(0=Flatten(start_dim=1, end_dim=-1))"


def test_a_dict_of_modules():
    heads = nn.ModuleDict({"a": nn.Identity(), "b": nn.Linear(2, 1)})
    assert heads.keys() == ["a", "b"] == list(heads)
    assert heads.values() == [heads["a"], heads["b"]]
    assert names(heads.named_parameters()) == ["b.weight", "b.bias"]
    heads["a"] = nn.Flatten()
    assert len(heads) == 2
    assert "c" not in heads
    with pytest.raises(KeyError):
        heads["c"]
    names_of_arguments = ["kind", "owner", "name", "value", "path"]
    assert list(nn.ModuleDict(dict.fromkeys(names_of_arguments, nn.Identity()))) == names_of_arguments
    for name in ("", 3, "train"):
        with pytest.raises(ValueError, match=f"{name!r} cannot be the name of an entry"):
            heads[name] = nn.Identity()


class Parts(nn.Module):
    """Parts wherever they can be: an attribute, a list in a dict, a tuple, a module that refers back."""

    def __init__(self):
        self.scale = nn.Parameter([1.0, 2.0])
        self.count = mg.Tensor(3)
        self.heads = {"left": [nn.Linear(2, 1), nn.Linear(2, 1, bias=False)], "right": (nn.Parameter([0.0]),)}
        self.same = self.heads["left"][0]
        self.tied = self.scale
        self.child = nn.Flatten()
        self.child.parent = self
        self.itself = [self]
        self.itself.append(self.itself)
        self.note, self.table = "no part", np.ones(3)


def test_parts_are_found_each_once_under_their_first_path():
    parts = Parts()
    assert [path for path, _ in parts.named_parameters()] == [
        *("scale", "heads.left.0.weight", "heads.left.0.bias", "heads.left.1.weight", "heads.right.0")
    ]
    assert [path for path, _ in parts.named_modules()] == ["", "heads.left.0", "heads.left.1", "child"]
    assert [path for path, tensor in parts.named_tensors() if not tensor.requires_grad] == ["count"]
    assert parts.num_parameters() == 2 + 3 + 2 + 1
    assert parts.parameters()[0] is parts.scale
    assert parts.modules()[0] is parts


def test_a_parameter_used_twice_gets_both_gradients_and_is_changed_once():
    layer = nn.Linear(2, 2, bias=False)
    model = nn.Sequential(layer, layer)
    weight, x = layer.weight.data.copy(), np.array([[1.0, 2.0]])
    model(x).sum().backward()
    ones = np.ones((1, 2))
    assert np.allclose(layer.weight.grad, ones.T @ (x @ weight.T) + (ones @ weight).T @ x)
    optim.SGD(model.parameters(), lr=1.0).step()
    assert np.array_equal(layer.weight.data, weight - layer.weight.grad)


def test_train_and_eval_reach_every_part():
    model = network()
    assert all(part.training for part in model.modules())
    assert model.eval() is model
    assert not any(part.training for part in model.modules())
    assert model.train()[1].training
    assert nn.Linear(1, 1).training


def test_freezing_a_part():
    model = network()
    everything = model.num_parameters()
    assert model[0].freeze() is model[0]
    assert model.num_parameters() == everything - 16
    x = np.random.default_rng(0).normal(size=(5, 3))
    model(x).sum().backward()
    assert model[0].weight.grad is None
    assert model[4].weight.grad is not None
    assert model[0].freeze(False).weight.requires_grad


def test_zero_grad():
    model = network()
    model(np.random.default_rng(0).normal(size=(5, 3))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_state_goes_to_another_model_of_the_kind():
    x = np.random.default_rng(0).normal(size=(5, 3))
    one, two = network(), network()
    one(x)
    state = one.state_dict()
    two.load_state_dict(state)
    assert list(state)[:5] == [
        f"layers.{path}" for path in ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean")
    ]
    assert np.array_equal(one.eval()(x).data, two.eval()(x).data)
    state["layers.0.weight"] += 1
    assert np.array_equal(one(x).data, two(x).data)


def test_a_state_may_hold_tensors():
    one, two = nn.Linear(2, 1), nn.Linear(2, 1)
    two.load_state_dict(dict(one.named_tensors()))
    assert np.array_equal(one.weight.data, two.weight.data)
    assert two.weight.requires_grad


def test_a_state_that_does_not_fit_changes_nothing_and_says_all():
    model = network()
    before, state = model.state_dict(), network().state_dict()
    state["layers.0.weight"] = np.zeros((3, 4))
    state["layers.4.bias"] = state["layers.4.bias"].astype(np.float32)
    state["body.weight"] = state.pop("layers.4.weight")
    state[3] = np.ones(2)
    with pytest.raises(ValueError, match="this state does not fit Sequential; nothing was changed") as caught:
        model.load_state_dict(state)
    assert str(caught.value).splitlines()[1:] == [
        "  layers.0.weight: (3, 4) float64 given, (4, 3) float64 needed",
        "  layers.4.bias: (1,) float32 given, (1,) float64 needed",
        "  missing: layers.4.weight",
        "  unknown: 3",
        "  unknown: body.weight",
    ]
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


REPRS = [
    (nn.Linear(3, 2, bias=False), "Linear(weight=Parameter(2, 3), bias=None)"),
    (nn.Dropout(0.1), "Dropout(p=0.1)"),
    (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=None, padding=0, dilation=1)"),
    (nn.Softmax(), "Softmax(axis=-1)"),
    (nn.Sequential(nn.ReLU(), np.tanh), "Sequential(layers=[ReLU(), tanh])"),
    (nn.Sequential(), "Sequential(layers=[])"),
]


@pytest.mark.parametrize(("module", "text"), REPRS)
def test_a_module_says_what_it_is(module, text):
    assert repr(module) == text


def test_nested_modules_are_indented():
    model = nn.Sequential(nn.Linear(100, 50), nn.Sequential(nn.ReLU(), nn.Linear(50, 10)), np.tanh)
    assert repr(model).splitlines() == [
        "Sequential(",
        "    layers=[",
        "        Linear(weight=Parameter(50, 100), bias=Parameter(50,)),",
        "        Sequential(layers=[ReLU(), Linear(weight=Parameter(10, 50), bias=Parameter(10,))]),",
        "        tanh,",
        "    ],",
        ")",
    ]


def test_a_module_that_refers_to_itself_has_a_text():
    assert "child=Flatten(start_dim=1, end_dim=-1, parent=...)" in repr(Parts())
    assert "itself=[..., ...]" in repr(Parts())
    assert "table=ndarray(3,)" in repr(Parts())


def test_a_text_of_ones_own_may_use_the_modules():
    class Named(nn.Sequential):
        def __repr__(self):
            return f"<{super().__repr__()}>"

    assert repr(Named(Named())) == "<Named(layers=[<Named(layers=[])>])>"


def test_the_summary_is_a_table():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 1000))
    model[1].freeze()
    assert [line.rstrip() for line in model.summary((2, 1, 8, 8)).splitlines()] == [
        "path      layer        output shape  parameters",
        "          Sequential   (2, 1000)              0",
        "layers.0  Conv2d       (2, 4, 6, 6)          40",
        "layers.1  BatchNorm2d  (2, 4, 6, 6)           8",
        "layers.2  MaxPool2d    (2, 4, 3, 3)           0",
        "layers.3  Flatten      (2, 36)                0",
        "layers.4  Linear       (2, 1000)         37,000",
        "total                                    37,048",
        "frozen                                        8",
    ]


def test_the_summary_leaves_the_model_as_it_was():
    model = network()
    model[3].eval()
    attributes = [dict(vars(part)) for part in model.modules()]
    state, drawn = model.state_dict(), model[3].rng.bit_generator.state
    model.summary((2, 3))
    with pytest.raises(ValueError, match="Linear takes 3 features"):
        model.summary((2, 5))
    assert [dict(vars(part)) for part in model.modules()] == attributes
    assert all(np.array_equal(value, state[name]) for name, value in model.state_dict().items())
    assert model[3].rng.bit_generator.state == drawn


def test_the_summary_of_ids_several_inputs_outputs_and_shared_parts():
    layer = nn.Linear(4, 4)
    model = nn.Sequential(nn.Embedding(10, 4), layer, layer)
    assert model.summary((2, 3), dtype=int).split()[-2:] == ["total", "60"]
    assert "(2, 5), (2, 5)" in nn.LSTMCell(3, 5).summary((2, 3))
    assert "(2, 5)" in nn.GRUCell(3, 5).summary((2, 3), (2, 5))
    unused = nn.Sequential(nn.ReLU())
    unused.spare = nn.Linear(1, 1)
    assert unused.summary((2,)).split()[-6:] == ["spare", "Linear", "-", "2", "total", "2"]


class Scale(nn.Module):
    """A weight as the README makes one, a buffer, and a list of both."""

    def __init__(self):
        self.w = mg.Tensor([1.0, 2.0], requires_grad=True)
        self.mean = mg.Tensor([0.0, 0.0])
        self.more = [mg.Tensor([3.0], requires_grad=True), mg.Tensor([4.0])]
        self.tied = self.w

    def forward(self, x):
        return x * self.w * self.more[0] + self.mean


def names(found):
    return [name for name, _ in found]


def test_a_leaf_with_requires_grad_is_a_parameter_and_is_trained():
    model = Scale()
    assert names(model.named_parameters()) == ["w", "more.0"]
    assert names(model.named_tensors()) == ["w", "mean", "more.0", "more.1"]
    assert model.num_parameters() == 3
    model(np.ones((1, 2))).sum().backward()
    optim.SGD(model.parameters(), lr=0.5).step()
    assert model.w.data.tolist() == [-0.5, 0.5]
    assert model.more[0].data.tolist() == [1.5]


@pytest.mark.parametrize("freeze", [lambda m: m.freeze(), lambda m: setattr(m.w, "requires_grad", False)])
@pytest.mark.parametrize("copied", [lambda m: m, copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_frozen_parameter_is_still_one(freeze, copied):
    model = Scale()
    freeze(model)
    model = copied(model)
    assert "w" in names(model.named_parameters())
    assert "mean" not in names(model.named_parameters())
    model.freeze(False)
    assert model.w.requires_grad
    assert not model.mean.requires_grad


def test_requires_grad_may_be_set_later():
    model = Scale()
    model.mean.requires_grad = True
    assert names(model.named_parameters()) == ["w", "mean", "more.0"]
    model.mean.requires_grad = False
    assert names(model.named_parameters()) == ["w", "mean", "more.0"]


class Remembers(nn.Module):
    """A forward that keeps what it computes, in attributes, in lists, in its parts, and statistics in buffers."""

    def __init__(self):
        self.layer = nn.Linear(2, 2)
        self.hidden = None
        self.seen = []
        self.average = mg.Tensor(np.zeros(2))

    def forward(self, x):
        self.input = mg.Tensor(x, requires_grad=True)
        self.hidden = np.tanh(self.layer(self.input))
        self.seen = [self.hidden, mg.Tensor(x)]
        self.layer.output = self.hidden.detach()
        self.average = 0.9 * self.average + 0.1 * self.hidden
        return self.hidden


@pytest.mark.parametrize("around", [contextlib.nullcontext, mg.no_grad])
def test_what_is_assigned_during_a_call_is_no_state_unless_it_was_before(around):
    model, fresh = Remembers(), Remembers()
    with around():
        nn.Sequential(model)(np.ones((3, 2)))
        model.average = model.average[0]
    assert names(model.named_parameters()) == ["layer.weight", "layer.bias"]
    assert list(model.state_dict()) == ["layer.weight", "layer.bias", "average"]
    fresh.load_state_dict(model.state_dict())
    assert np.array_equal(fresh.average.data, model.average.data)


def test_a_result_assigned_outside_a_call_is_no_state():
    model = nn.Linear(2, 2)
    model.last = model(np.ones((1, 2)))
    assert list(model.state_dict()) == ["weight", "bias"]
    model.last = mg.Tensor([1.0])
    assert list(model.state_dict()) == ["weight", "bias", "last"]


def test_an_update_by_hand_that_makes_a_result_is_refused_by_the_optimiser():
    model = Scale()
    model.w = model.w - 0.1 * np.ones(2)
    with pytest.raises(TypeError, match="leaf Tensors, and w is the result of subtract"):
        optim.SGD(model.named_parameters())


class Lazy(nn.Module):
    def forward(self, x):
        if not hasattr(self, "layers"):
            self.layers = nn.Sequential(nn.Linear(x.shape[1], 2), nn.BatchNorm1d(2), Scale())
            self.scale = nn.Parameter(np.ones(2))
        return self.layers(x) * self.scale


def test_parts_and_parameters_may_be_made_by_the_first_call():
    model = Lazy()
    model(np.random.default_rng(0).normal(size=(5, 3)))
    state = [*("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked")]
    state += ["2.w", "2.mean", "2.more.0", "2.more.1"]
    assert list(model.state_dict()) == [*(f"layers.layers.{name}" for name in state), "scale"]


def nested(depth):
    model = nn.Linear(2, 2)
    for _ in range(depth):
        model = nn.Sequential(model)
    return model


def test_a_thousand_nested_modules():
    model = nested(1000)
    path = "layers.0." * 1000
    assert list(model.state_dict()) == [f"{path}weight", f"{path}bias"]
    assert len(model.modules()) == 1001
    assert not any(part.training for part in model.eval().modules())
    model.load_state_dict(model.state_dict())
    assert repr(model).count("Sequential") == repr(nested(20)).count("Sequential") + 1
    assert "Sequential(...)" in repr(model)
    with pytest.raises(RecursionError):
        model(np.ones((1, 2)))
    with pytest.raises(RecursionError):
        model.summary((1, 2))
    assert nested(100)(np.ones((1, 2))).shape == (1, 2)


def test_names_that_a_terminal_would_obey_are_written_out():
    model = nn.Module()
    model.heads = {"\x1b[31mred\u202e": nn.Parameter([1.0])}
    with pytest.raises(ValueError, match=r"missing: heads.\\x1b\[31mred\\u202e"):
        model.load_state_dict({})
    assert "\x1b" not in repr(model) + model.summary.__doc__
    with pytest.raises(ValueError, match=r"unknown: \\x07"):
        nn.Flatten().load_state_dict({"\a": 1})


@pytest.mark.parametrize("values", [np.zeros((1, 2)), [1.0, 2.0], 3.0])
def test_an_array_does_not_take_the_place_of_a_parameter(values):
    layer = nn.Linear(2, 1)
    with pytest.raises(
        TypeError, match=r"Linear.weight is a Parameter, and .* in its place would not be trained. Write"
    ):
        layer.weight = values
    layer.weight, layer.bias = nn.Parameter(np.ones((1, 2))), None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_a_summary_takes_shapes_or_inputs():
    model = nn.Sequential(nn.Linear(3, 2, rng=np.random.default_rng(0)))
    assert str(model.summary(np.ones((4, 3)))) == str(model.summary((4, 3)))


def test_a_module_of_length_0_has_its_own_parameters():
    empty = nn.Sequential()
    empty.scale = nn.Parameter(np.ones(2))
    assert [name for name, _ in empty.named_parameters()] == ["scale"]
