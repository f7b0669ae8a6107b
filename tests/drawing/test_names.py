"""A user who names nothing sees their own names; and looking never changes what runs."""

import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.core import names as naming
from micrograd_np.core.names import WIDTH, Names, inside, watch
from micrograd_np.drawing import draw


def names(picture):
    return {node.name for node in picture.scene.nodes if node.name}


def by_name(picture):
    return {node.name: node for node in picture.scene.nodes}


def leaf(*shape):
    return mg.Tensor(np.ones(shape), requires_grad=True)


def nonlin(x):
    return 1 / (1 + np.exp(-x))


def test_variables_of_the_callers_frame():
    syn0 = leaf(3, 1)
    X = np.ones((4, 3))
    l1 = nonlin(np.dot(X, syn0))
    assert names(draw(l1)) == {"syn0", "X", "l1"}


def test_variables_of_a_function_that_has_returned():
    def network(X, syn0, syn1):
        l1 = nonlin(np.dot(X, syn0))
        l2 = nonlin(np.dot(l1, syn1))
        return np.sum(l2)

    picture = draw(network, np.ones((4, 3)), leaf(3, 4), leaf(4, 1))
    assert names(picture) == {"X", "syn0", "syn1", "l1", "l2"}
    assert by_name(picture)["l1"].text == "1 / (1 + exp(-(X @ syn0)))"


def test_the_outermost_name_wins():
    def inner(a):
        b = a * 2
        return b + 0

    def outer(w):
        doubled = inner(w)
        return doubled + 1

    weight = leaf()
    assert names(draw(outer, weight)) == {"weight", "doubled", "b"}


def test_an_inner_functions_own_name_gives_way_to_its_callers():
    def inner(a):
        product = a * 2
        assert product.shape == ()
        return product

    def outer(w):
        doubled = inner(w)
        return doubled + 1

    assert "doubled" in names(draw(outer, leaf()))


def test_what_an_inner_function_calls_a_result_that_it_was_given_is_not_its_name():
    def outer(w):
        return nonlin(w * 2)

    assert "x" not in names(draw(outer, leaf()))


def test_what_an_inner_function_calls_a_leaf_is_better_than_no_name():
    def inner(syn0):
        return syn0 * 2

    assert names(draw(lambda *args: inner(*args), leaf())) == {"syn0"}


def test_an_explicit_name_comes_first():
    w = mg.Tensor(1.0, requires_grad=True, name="θ")
    assert names(draw(w * 2)) == {"θ"}


class Net:
    def __init__(self):
        self.layers = [leaf(2, 2), leaf(2, 2)]
        self.extra = {"bias": leaf(2)}

    def __call__(self, x):
        for w in self.layers:
            x = np.tanh(np.dot(x, w) + self.extra["bias"])
        return x


def test_paths_through_a_users_own_object():
    net = Net()
    assert {"net.layers[0]", "net.extra['bias']"} <= names(draw(net(np.ones((1, 2)))))


class Module:
    def __init__(self):
        self.weight = leaf(2)

    def named_parameters(self):
        return [("layers.0.weight", self.weight)]

    def __call__(self, x):
        return x * self.weight


def test_module_paths_come_before_variables():
    model = Module()
    w = model.weight
    assert names(draw(model, np.ones(2))) == {"layers.0.weight", "x"}
    assert w.name is None


def test_modules_in_a_list_have_its_name():
    layers = [Module(), Module()]
    out = layers[1](layers[0](np.ones(2)))
    assert names(draw(out)) == {"layers[0].layers.0.weight", "layers[1].layers.0.weight", "out"}


def test_a_path_that_two_models_share_has_the_name_of_each_before_it():
    generator, critic = Module(), Module()
    assert names(draw(critic(generator(np.ones(2))))) == {"generator.layers.0.weight", "critic.layers.0.weight"}


def test_lists_of_data_are_not_searched():
    data = [leaf() for _ in range(WIDTH + 1)]
    assert list(inside("data", data)) == []
    assert len(list(inside("data", data[:WIDTH]))) == WIDTH


def test_a_cycle_of_lists_ends():
    endless = []
    endless.append(endless)
    assert list(inside("endless", endless)) == []


def test_private_variables_are_no_names():
    _w = leaf()
    assert names(draw(_w * 1.0)) == set()


def test_properties_are_not_run():
    class Loud:
        @property
        def weight(self):
            raise AssertionError("a picture ran a property")

    loud = Loud()
    assert names(draw(leaf() * 2)) == set()
    assert loud.__dict__ == {}


def test_what_is_watched_computes_the_same_and_the_profiler_before_is_back():
    calls = []

    def profiler(frame, event, _):
        calls.append(event)

    def f(x):
        return nonlin(x) * 3

    x = np.linspace(-1, 1, 5)
    sys.setprofile(profiler)
    try:
        result, _ = watch(lambda: f(x))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    np.testing.assert_array_equal(result, f(x))


def test_an_error_in_the_function_is_the_users_and_the_profiler_is_gone():
    def broken():
        raise KeyError("theirs")

    before = sys.getprofile()
    with pytest.raises(KeyError, match="theirs"):
        draw(broken)
    assert sys.getprofile() is before


def test_names_stay_with_the_values_that_had_them():
    found = Names()
    found.add_variables([("gone", np.ones(3))])
    assert all(found(np.ones(3)) is None for _ in range(100))


def test_the_articles_networks_have_names_where_the_package_is_installed_among_libraries(monkeypatch):
    folder = "/usr/lib/python3/site-packages/micrograd_np/"
    monkeypatch.setattr(naming, "ENGINE", folder)
    monkeypatch.setattr(naming, "ARTICLE", folder + "article/")
    assert naming.is_users_file.__wrapped__(folder + "article/tape.py")
    assert not naming.is_users_file.__wrapped__(folder + "core/tensor.py")


def test_what_a_compiled_function_is_made_of_gives_no_names():
    @mg.compile
    def step(x):
        return np.sum(x * x)

    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    assert [node.name for node in draw(step, w).scene.nodes] == ["w", None, None]


def test_values_that_two_functions_call_alike_are_told_apart():
    def layer(x):
        x = x * 2
        return np.tanh(x)

    def network(x):
        x = np.exp(x)
        return layer(x)

    drawn = draw(network, mg.Tensor([1.0, 2.0], requires_grad=True)).scene
    assert [node.name for node in drawn.nodes] == [None, "x", "x_2", None]
    assert [node.text for node in drawn.nodes][2:] == ["x * 2", "tanh(x_2)"]


def test_names_that_were_given_stay_as_they_are():
    a, b = (mg.Tensor([value], requires_grad=True, name="w") for value in (1.0, 2.0))
    assert [node.name for node in draw(a * b).scene.nodes] == ["w", "w", None]


def test_a_loop_numbers_what_a_line_binds_each_time():
    w, h = leaf(2), leaf(2)
    for _ in range(3):
        h = np.tanh(h * w + 0.1)
    h = h.sum()
    texts = [node.text for node in draw(h).scene.nodes if node.name and node.op]
    assert [node.name for node in draw(h).scene.nodes if node.name and node.op] == ["h_1", "h_2", "h_3", "h_4"]
    assert texts[-1] == "sum(h_3)"


def test_values_have_the_names_of_lines_whose_function_is_over():
    def layer(x, w):
        scores = x @ w
        low, high = np.split(scores, 2)
        shifted: mg.Tensor = low + 1.0
        shifted *= high
        return np.exp(both := low - high), shifted + both

    def total():
        made = layer(leaf(2, 2), leaf(2, 2))
        return made[0].sum() + made[1].sum()

    loss = total()
    assert {"scores", "low", "high", "shifted_1", "shifted_2", "both", "loss"} <= names(draw(loss))


def test_what_one_call_makes_in_turns_is_bound_once():
    w = leaf(2)
    total = sum([w * 1.0, w * 2.0, w * 3.0])
    loss = total * 2
    assert {name for name in names(draw(loss)) if name.startswith("total")} == {"total"}


def test_a_graph_has_the_same_names_whatever_else_is_alive():
    def picture():
        model = nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)), nn.Tanh())
        out = model(np.ones((1, 2)))
        loss = (out * out).sum()
        alone = draw(loss).text
        other = nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)), nn.Tanh())
        elsewhere = {"loss": np.exp(other(np.ones((1, 2)))), "params": list(model.parameters())}
        assert elsewhere
        return alone, draw(loss).text

    model = nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)))
    unrelated = model(np.ones((1, 2)))
    alone, among_others = picture()
    assert alone == among_others
    assert "model." not in alone
    assert unrelated is not None


def test_a_view_of_an_array_without_axes_has_a_name_or_none():
    a = np.array(2.0)
    assert str(mg.trace(lambda x: x * a[...])(leaf(2)))


def test_a_generated_name_is_not_that_of_a_module():
    class Net(mg.nn.Module):
        def __init__(self):
            self.c1 = mg.nn.Linear(3, 2, rng=np.random.default_rng(0))

        def forward(self, x):
            return self.c1(x)

    net = Net()
    loss = net(np.ones((4, 3))).sum()
    assert "c2 @ c1.weight.T + c1.bias" in mg.draw(loss).text
