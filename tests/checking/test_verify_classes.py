"""The forms in which classes store their parameters and gradients: each must be found, or said not to be checked."""

from typing import NamedTuple

import numpy as np
import pytest

from micrograd_np.checking import verify

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)


class Linear:
    """A linear layer; `mean` is the slip of a class: its bias gradient is averaged."""

    def __init__(self, mean=False):
        self.over = np.mean if mean else np.sum
        self.begin(W.copy(), B.copy())

    def forward(self, x):
        self.x = x
        w, b = self.parameters()
        return x @ w + b

    def backward(self, dout):
        w, _ = self.parameters()
        self.keep(self.x.T @ dout, self.over(dout, axis=0))
        return dout @ w.T


class InLists(Linear):
    def begin(self, w, b):
        self.params, self.grads = [w, b], [np.zeros_like(w), np.zeros_like(b)]

    def parameters(self):
        return self.params

    def keep(self, dw, db):
        self.grads[0][...], self.grads[1][...] = dw, db


class InNewLists(InLists):
    def begin(self, w, b):
        self.params, self.grads = [w, b], []

    def keep(self, dw, db):
        self.grads = [dw, db]


class InTuples(InLists):
    def begin(self, w, b):
        self.params, self.grads = (w, b), (None, None)

    def keep(self, dw, db):
        self.grads = dw, db


class Parameters(NamedTuple):
    w: np.ndarray
    b: np.ndarray


class InNamedTuples(InTuples):
    def begin(self, w, b):
        self.params, self.grads = Parameters(w, b), None

    def keep(self, dw, db):
        self.grads = Parameters(dw, db)


class InNamedTupleAndList(InNamedTuples):
    def keep(self, dw, db):
        self.grads = [dw, db]


class InNamedLists(InLists):
    def begin(self, w, b):
        self.weights, self.biases, self.weight_grads, self.dbiases = [w], [b], [0], [0]
        self.dweights = [np.zeros_like(w)]

    def parameters(self):
        return self.weights[0], self.biases[0]

    def keep(self, dw, db):
        self.dweights[0], self.dbiases[0] = dw, db


class InDictOfLists(InLists):
    def begin(self, w, b):
        self.layers = [{"params": [w, b], "grads": None}]

    def parameters(self):
        return self.layers[0]["params"]

    def keep(self, dw, db):
        self.layers[0]["grads"] = [dw, db]


class Param:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Objects(Linear):
    def begin(self, w, b):
        self.w, self.b = Param(w), Param(b)

    def parameters(self):
        return self.w.data, self.b.data

    def keep(self, dw, db):
        self.w.grad += dw
        self.b.grad += db


class ListOfObjects(Objects):
    def begin(self, w, b):
        super().begin(w, b)
        self.parts = [self.w, self.b]


class Network:
    """A network whose lists hold the arrays of its layers."""

    def __init__(self, mean=False):
        self.layers = [InLists(mean)]
        self.params = [x for layer in self.layers for x in layer.params]
        self.grads = [x for layer in self.layers for x in layer.grads]

    def forward(self, x):
        return self.layers[0].forward(x)

    def backward(self, dout):
        return self.layers[0].backward(dout)


FORMS = [
    InLists,
    InNewLists,
    InTuples,
    InNamedTuples,
    InNamedTupleAndList,
    InNamedLists,
    InDictOfLists,
    Objects,
    ListOfObjects,
    Network,
]


@pytest.mark.parametrize("form", FORMS)
def test_parameters_in_lists_and_objects_are_checked(form):
    right, wrong = form(), form(mean=True)
    report = verify(right.forward, right.backward, X)
    assert report.verdict == "OK", str(report)
    assert len(report.rows) == 3
    assert "No gradient was found" not in str(report)
    report = verify(wrong.forward, wrong.backward, X)
    assert report.verdict == "WRONG"
    assert "it is averaged" in report.headline()


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_that_ran_before_is_right(form):
    """Gradients that are added to what an earlier pass left are those of one pass."""
    layer = form()
    layer.backward(layer.forward(X))
    report = verify(layer.forward, layer.backward, X)
    assert report.verdict == "OK", str(report)


class Slotted:
    """A layer without a `__dict__`, whose forward returns nothing."""

    __slots__ = ("dw", "out", "slip", "w", "x")

    def __init__(self, slip):
        self.w, self.slip = W.copy(), slip

    def forward(self, x):
        self.x, self.out = x, np.tanh(x @ self.w)

    def backward(self, dout):
        dz = dout * (1 - self.out if self.slip else 1 - self.out**2)
        self.dw = self.x.T @ dz
        return dz @ self.w.T


def test_a_class_with_slots_is_checked():
    right, wrong = Slotted(slip=False), Slotted(slip=True)
    assert str(verify(right.forward, right.backward, X)).startswith("verify: OK, 2 gradients by hand, right")
    assert "(1-a is left)" in verify(wrong.forward, wrong.backward, X).headline()


class Reversed(InLists):
    """Its gradients are in the order of the backward pass, so their places in the list say nothing."""

    def keep(self, dw, db):
        self.grads = [db, dw]


class Updated(InLists):
    def begin(self, w, b):
        self.w, self.b = w, b

    def parameters(self):
        return self.w, self.b

    def keep(self, dw, db):
        self.w, self.b = self.w - 0.1 * dw, self.b - 0.1 * db


class OddlyNamed(Updated):
    def keep(self, dw, db):
        self.first, self.second = dw, db


@pytest.mark.parametrize(
    ("form", "names", "written"),
    [
        (Reversed, "params[0], params[1]", "grads[0], grads[1]"),
        (Updated, "w, b", "w, b"),
        (OddlyNamed, "w, b", "first, second"),
    ],
)
def test_stored_gradients_that_belong_to_no_parameter_are_said_first(form, names, written):
    layer = form()
    report = verify(layer.forward, layer.backward, X)
    assert report.headline() == f"verify: OK, 1 gradient by hand, right; not checked: {names}"
    assert f"backward writes {written}, which no name makes the gradient of" in str(report)


class Statistics(InLists):
    """A list of running values has the shapes of the gradients, and is none of their parameters."""

    def begin(self, w, b):
        super().begin(w, b)
        self.running = [np.zeros_like(w), np.ones_like(b)]


def test_a_list_of_other_values_has_no_gradient():
    layer = Statistics()
    report = verify(layer.forward, layer.backward, X)
    assert report.verdict == "OK"
    assert [row.label for row in report.rows] == ["params[1]", "x", "params[0]"]
    assert report.headline() == "verify: OK, 3 gradients by hand, right"


class ShortNames:
    """A layer whose parameters and gradients are in dicts of one letter."""

    def __init__(self, slip):
        self.p = {"w": np.arange(6.0).reshape(3, 2) / 7, "b": np.ones(2) / 3}
        self.g, self.slip = {}, slip

    def forward(self, x):
        self.x = x
        return x @ self.p["w"] + self.p["b"]

    def backward(self, dout):
        self.g["w"] = self.x.T @ dout
        self.g["b"] = dout.mean(axis=0) if self.slip else dout.sum(axis=0)
        return dout @ self.p["w"].T


@pytest.mark.parametrize("slip", [False, True])
def test_gradients_in_a_dict_g_belong_to_those_in_a_dict_p(slip):
    layer = ShortNames(slip)
    report = verify(layer.forward, layer.backward, np.random.default_rng(0).normal(size=(5, 3)))
    assert bool(report) is not slip
    assert len(report.rows) == 3


class WithDicts:
    """Parameters, gradients and what an optimiser keeps, in dicts with the same names."""

    def __init__(self, *, filled, velocity, anew):
        self.params = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
        zeros = {name: np.zeros_like(x) for name, x in self.params.items()}
        self.grads, self.anew = dict(zeros) if filled else {}, anew
        if velocity:
            self.velocity = dict(zeros)

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        if self.anew:
            self.grads = {"W": self.x.T @ dout, "b": dout.sum(axis=0)}
        else:
            self.grads["W"] = self.x.T @ dout
            self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("velocity", [False, True])
@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("ran", [False, True])
def test_a_dict_of_gradients_that_is_full_is_no_dict_of_parameters(filled, velocity, anew, ran):
    layer, x = WithDicts(filled=filled, velocity=velocity, anew=anew), rng.normal(size=(5, 3))
    if ran:
        layer.forward(x)
        layer.backward(np.ones((5, 4)))
    report = verify(layer.forward, layer.backward, x)
    assert report, str(report)
    assert sorted(row.label for row in report.rows) == ["params['W']", "params['b']", "x"]


class GradientsFirst:
    """The dict of gradients comes before the parameters, whose dict has a name of one's own."""

    def __init__(self):
        self.grads = {"W": np.zeros((3, 4))}
        self.mine = {"W": rng.normal(size=(3, 4))}

    def forward(self, x):
        self.x = x
        return x @ self.mine["W"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        return dout @ self.mine["W"].T


def test_gradients_have_no_gradients():
    layer = GradientsFirst()
    report = verify(layer.forward, layer.backward, rng.normal(size=(5, 3)))
    assert report, str(report)
    assert sorted(row.label for row in report.rows) == ["mine['W']", "x"]
