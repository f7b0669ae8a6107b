"""Modules: attributes are the registration; found once, switched, frozen, kept, told as text."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim


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
    with pytest.raises(ValueError, match="this state does not fit Sequential; nothing was changed") as caught:
        model.load_state_dict(state)
    assert str(caught.value).splitlines()[1:] == [
        "  layers.0.weight: (3, 4) float64 given, (4, 3) float64 needed",
        "  layers.4.bias: (1,) float32 given, (1,) float64 needed",
        "  missing: layers.4.weight",
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
    assert "child=Flatten(parent=...)" in repr(Parts())
    assert "itself=[..., ...]" in repr(Parts())
    assert "table=ndarray(3,)" in repr(Parts())


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
