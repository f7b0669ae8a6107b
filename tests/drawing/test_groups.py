"""Modules and scopes are frames, and fold."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw
from tests.drawing.scenes import node, scene, weight


def test_scopes_are_remembered():
    w = weight(2)
    with mg.scope("outer"):
        with mg.scope("inner"):
            h = w * 2
        out = h + 1
    drawn = scene(out)
    assert (node(drawn, "h").scope, node(drawn, "out").scope) == (("outer", "inner"), ("outer",))


def test_a_weight_is_drawn_in_the_scope_of_all_its_uses():
    w, v, X = weight(2), weight(2), np.ones(2)
    with mg.scope("one"):
        a = X * w
        b = a * v
    out = b * v
    drawn = scene(out)
    assert [node(drawn, name).scope for name in ("w", "v", "X")] == [("one",), (), ()]


class Layer(mg.nn.Module):
    def __init__(self):
        self.weight = mg.nn.Parameter(np.ones(2))

    def forward(self, x):
        with mg.scope("inside"):
            return x * self.weight


class Model(mg.nn.Module):
    def __init__(self):
        self.layers = [Layer(), Layer()]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x + 1


def test_modules_are_groups():
    model = Model()

    def loss(x):
        with mg.scope("around"):
            return np.sum(model(x))

    around = ("around", "model: Model")
    assert [(each.title or each.text, each.scope) for each in draw(loss, np.ones(2)).scene.nodes] == [
        ("x", ()),
        ("layers.0.weight", (*around, "layers.0: Layer", "inside")),
        ("x * layers.0.weight", (*around, "layers.0: Layer", "inside")),
        ("layers.1.weight", (*around, "layers.1: Layer", "inside")),
        ("x_2", (*around, "layers.1: Layer", "inside")),
        ("x_2 + 1", around),
        ("sum(x_2 + 1)", ("around",)),
    ]


def test_what_a_module_is_given_stays_outside_of_it():
    layer, x = Layer(), weight(2)
    drawn = scene(layer(x) * 2)
    assert node(drawn, "x").scope == ()
    assert node(drawn, "weight").scope[:1] == ("layer: Layer",)


def test_each_run_of_a_module_is_a_group():
    layer, x = Layer(), weight(2)
    out = layer(layer(x)) * 2
    groups = [each.scope[:1] for each in draw(out).scene.nodes if each.kind == "operation"]
    assert groups == [("layer: Layer",), ("layer: Layer, run 2",)]


def test_a_module_that_fails_leaves_no_scope_behind():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        Model()(np.ones(3))
    assert (weight(2) * 2).scope == ()


def test_a_model_that_is_gone_leaves_no_group():
    out = Model()(weight(2))
    assert {each.scope for each in draw(out).scene.nodes if each.kind == "operation"} == {("inside",)}


def test_a_module_folds_by_its_path():
    model = Model()
    drawn = draw(model, np.ones(2), fold=["layers.0"]).scene
    assert [each.text for each in drawn.nodes if each.kind == "fold"] == []
    drawn = draw(lambda x: model(np.exp(x)), weight(2), fold=["model"]).scene
    assert [each.text for each in drawn.nodes if each.kind == "fold"] == ["model: Model"]


def test_a_module_with_one_box_has_no_frame_but_a_scope_of_the_users_has():
    model = mg.nn.Sequential(mg.nn.Tanh(), mg.nn.Linear(2, 2, rng=np.random.default_rng(0)))
    with mg.scope("mine"):
        h = np.exp(weight(1, 2))
    out = model(h)
    scopes = {each.op: each.scope for each in draw(out).scene.nodes if each.op}
    assert scopes["exp"] == ("mine",)
    assert scopes["tanh"] == ("model: Sequential",)
    assert scopes["linear"] == ("model: Sequential", "layers.1: Linear")
