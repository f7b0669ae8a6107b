"""Loaded whole or not at all, and training goes on to the last bit."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

SUFFIXES = (".npz", ".safetensors")


class Run:
    """A training with all that can make a difference: dropout, batch norm, Adam, a schedule, shuffled batches."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        drops = np.random.Generator(np.random.SFC64(seed))
        self.model = nn.Sequential(
            *(nn.Linear(4, 8, rng=self.rng), nn.BatchNorm1d(8), np.tanh, nn.Dropout(0.3, rng=drops)),
            *(nn.Linear(8, 8, rng=self.rng, dtype="f8"), nn.Dropout(0.1), nn.Linear(8, 1, rng=self.rng)),
        )
        self.optimiser = optim.Adam(self.model.parameters(), lr=0.01, weight_decay=1e-3)
        self.schedule = optim.CosineAnnealingLR(self.optimiser, 20)
        self.step = 0

    def state(self):
        parts = ("model", "optimiser", "schedule", "rng", "step")
        return {name: getattr(self, name) for name in parts}

    def train(self, steps):
        data = np.random.default_rng(7)
        X, y = data.normal(size=(64, 4)), data.normal(size=(64, 1))
        losses = []
        for _ in range(steps):
            batch = self.rng.permutation(64)[:16]
            self.optimiser.zero_grad()
            loss = nn.mse_loss(self.model(X[batch]), y[batch])
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            self.step += 1
            losses.append(loss.item())
        return losses


def bits(run):
    state = {**run.model.state_dict(), **run.optimiser.state_dict(), **run.schedule.state_dict()}
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in state.items()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_training_goes_on_to_the_last_bit(suffix, tmp_path):
    path = tmp_path / f"run{suffix}"
    first = Run(seed=0)
    first.train(10)
    mg.save(path, first.state())
    losses = first.train(10)

    second = Run(seed=1)
    second.train(3)
    state = mg.load(path, into=second.state())
    assert (state["step"], state["model"]) == (10, second.model)
    assert second.train(10) == losses
    assert bits(second) == bits(first)


def parts():
    rng = np.random.default_rng(0)
    return {
        "model": nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Dropout(0.5, rng=rng)),
        "tensor": mg.Tensor([1.0, 2.0], requires_grad=True),
        "array": np.zeros((2, 2), "f4"),
        "rng": np.random.default_rng(1),
        "list": [np.zeros(2), {"step": 3}],
        "pair": (np.ones(1), "note"),
    }


def frozen(value):
    """Every number of a state, as text."""
    with np.printoptions(threshold=10**6, floatmode="unique"):
        loaded = {**value, "model": value["model"].state_dict(), "rng": value["rng"].bit_generator.state}
        return repr((loaded, value["model"][1].rng.bit_generator.state))


def changed():
    state = parts()
    state["model"][0].weight.data += 1
    state["model"][1].rng.random()
    state["tensor"].data = [5.0, 6.0]
    state["array"][...] = 2
    state["rng"].random()
    state["list"][1]["step"] = 4
    state["pair"] = (np.zeros(1), "other")
    return state


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_everything_is_written_where_it_is(suffix, tmp_path):
    path = tmp_path / f"parts{suffix}"
    mg.save(path, changed())
    ours = parts()
    held = [ours["tensor"], ours["array"], ours["rng"], ours["list"], ours["list"][0], ours["model"]]
    assert mg.load(path, into=ours) is ours
    assert frozen(ours) == frozen(changed())
    assert [id(x) for x in held] == [
        id(x) for x in (ours["tensor"], ours["array"], ours["rng"], ours["list"], ours["list"][0], ours["model"])
    ]
    assert ours["tensor"].requires_grad


def test_all_that_does_not_fit_is_said_at_once_and_nothing_is_changed(tmp_path):
    path = tmp_path / "parts.npz"
    mg.save(path, changed())
    ours = parts()
    ours["model"] = nn.Sequential(nn.Linear(2, 4, dtype="f4"), nn.Dropout(0.5), nn.Linear(4, 1, bias=False))
    ours["tensor"] = mg.Tensor([[1.0, 2.0]])
    ours["array"] = ours["array"].astype("f8")
    ours["rng"] = np.random.Generator(np.random.SFC64(0))
    ours["list"].append(1)
    ours["more"] = ours.pop("pair")
    before = frozen(ours)
    with pytest.raises(mg.LoadError) as caught:
        mg.load(path, into=ours)
    assert str(caught.value).splitlines() == [
        f"{path} does not fit; nothing was changed.",
        "  array: (2, 2) float32 given, (2, 2) float64 needed",
        "  missing: list.2",
        "  missing: model.layers.2.weight",
        "  missing: more",
        "  model.layers.0.bias: (3,) float64 given, (4,) float32 needed",
        "  model.layers.0.weight: (3, 2) float64 given, (4, 2) float32 needed",
        "  rng: a PCG64 generator given, a SFC64 generator needed",
        "  tensor: (2,) float64 given, (1, 2) float64 needed",
        "  unknown: pair",
    ]
    assert frozen(ours) == before


class Stubborn:
    """Says yes to a state and then does not take it."""

    def state_dict(self):
        return {"a": np.zeros(2)}

    def load_state_dict(self, state):
        raise KeyboardInterrupt


def test_what_fails_in_the_middle_is_undone(tmp_path):
    path = tmp_path / "parts.npz"
    mg.save(path, changed() | {"z": Stubborn()})
    ours = parts() | {"z": np.zeros(2)}
    before = frozen(ours)
    target = ours | {"z": Stubborn()}
    with pytest.raises(KeyboardInterrupt):
        mg.load(path, into=target)
    assert frozen({name: target[name] for name in ours} | {"z": np.zeros(2)}) == before


@pytest.mark.parametrize("order", ["abc", "cba", "bac"])
def test_what_refuses_does_not_keep_the_rest_from_being_undone(order, tmp_path):
    def target():
        ours = {"a": [np.zeros(2), 1], "b": nn.Linear(2, 1), "c": (np.zeros(3), {"step": 1})}
        ours["b"].weight.data[...] = 0
        return {name: ours[name] for name in order}

    new = {"a": [np.ones(2), 2], "b": nn.Linear(2, 1), "c": (np.ones(3), {"step": 2})}
    mg.save(tmp_path / "state.npz", new)
    ours = target()
    ours["b"].weight.data.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        mg.load(tmp_path / "state.npz", into=ours)
    assert [x.sum() for x in (ours["a"][0], ours["b"].weight.data, ours["c"][0])] == [0, 0, 0]
    assert (ours["a"][1], ours["c"][1]) == (1, {"step": 1})


def test_a_bare_state_dict_fits_a_model_and_leaves_its_generators(tmp_path):
    mg.save(tmp_path / "weights.npz", changed()["model"].state_dict())
    model = parts()["model"]
    drawn = model[1].rng.bit_generator.state
    mg.load(tmp_path / "weights.npz", into=model)
    assert np.array_equal(model[0].weight.data, changed()["model"][0].weight.data)
    assert model[1].rng.bit_generator.state == drawn


def test_a_models_file_fits_its_own_state_dict(tmp_path):
    mg.save(tmp_path / "model.npz", changed()["model"])
    model = parts()["model"]
    state = mg.load(tmp_path / "model.npz", into=model.state_dict())
    model.load_state_dict(state)
    assert np.array_equal(model[0].weight.data, changed()["model"][0].weight.data)


def test_one_thing_into_one_thing(tmp_path):
    path = tmp_path / "one.npz"
    mg.save(path, np.array([3.0, 4.0], ">f8"))
    w = mg.Tensor([0.0, 0.0], requires_grad=True)
    assert mg.load(path, into=w) is w
    assert np.array_equal(w.data, [3.0, 4.0])
    assert w.dtype == "f8"
    with pytest.raises(mg.LoadError, match=r"the state: \(2,\) float64 given, a dict of 2 needed"):
        mg.load(path, into=nn.Linear(2, 1))


def test_a_write_is_seen_by_a_graph_that_needs_the_old_values(tmp_path):
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    mg.save(tmp_path / "w.npz", w)
    loss = (w * w).sum()
    mg.load(tmp_path / "w.npz", into=w)
    with pytest.raises(RuntimeError, match="was written to after multiply had used it"):
        loss.backward()


PLAIN = [
    ("text", 3, "a number given, a text needed"),
    (3, "text", "a text given, a number needed"),
    (True, 1, "a number given, True or False needed"),
    (1.0, None, "None given, a number needed"),
    ("text", True, "True or False given, a text needed"),
    ("text", np.ones(2), r"\(2,\) float64 given, a text needed"),
    (np.ones(2), 3, r"a number given, \(2,\) float64 needed"),
    ({"a": 1}, 3, "a number given, a dict of 1 needed"),
]


@pytest.mark.parametrize(("ours", "given", "says"), PLAIN)
def test_a_plain_value_takes_the_place_of_its_kind_only(ours, given, says, tmp_path):
    mg.save(tmp_path / "state.npz", {"x": given})
    with pytest.raises(mg.LoadError, match=f"x: {says}"):
        mg.load(tmp_path / "state.npz", into={"x": ours})


CONTAINERS = [
    ([0, 0], {0: 7, 1: 8}, "a dict of 2 given, a list needed"),
    ((np.zeros(2),), {0: np.ones(2)}, "a dict of 1 given, a tuple needed"),
    ({0: 0, 1: 0}, [1, 2], "a list given, a dict of 2 needed"),
    ({}, (), "a tuple given, a dict of 0 needed"),
]


@pytest.mark.parametrize(("ours", "given", "says"), CONTAINERS)
def test_a_dict_of_numbered_keys_is_no_list(ours, given, says, tmp_path):
    mg.save(tmp_path / "state.npz", {"x": given})
    with pytest.raises(mg.LoadError, match=f"x: {says}"):
        mg.load(tmp_path / "state.npz", into={"x": ours})


def test_a_list_and_a_tuple_take_each_others_place(tmp_path):
    mg.save(tmp_path / "state.npz", {"x": (1, 2), "y": [3]})
    assert mg.load(tmp_path / "state.npz", into={"x": [0, 0], "y": (0,)}) == {"x": [1, 2], "y": (3,)}


def test_a_read_only_array_is_refused_before_anything_is_changed(tmp_path):
    mg.save(tmp_path / "state.npz", {"b": np.ones(2), "a": np.ones(2)})
    ours = {"a": np.zeros(2), "b": np.zeros(2)}
    ours["a"].flags.writeable = False
    with pytest.raises(mg.LoadError, match=r"nothing was changed\.\n  a: the array to load into is read-only"):
        mg.load(tmp_path / "state.npz", into=ours)
    assert not ours["b"].any()


@pytest.mark.parametrize(("ours", "given"), [(1, 2), (1, 2.5), (0.5, 3), ("a", "b"), (True, False), (None, 3)])
def test_a_plain_value_of_the_same_kind_is_taken(ours, given, tmp_path):
    mg.save(tmp_path / "state.npz", {"x": given})
    assert mg.load(tmp_path / "state.npz", into={"x": ours}) == {"x": given}


def test_keys_that_a_terminal_would_obey_are_written_out(tmp_path):
    mg.save(tmp_path / "state.npz", {"\x1b[31mred": 1, "\u202ekey": [2]})
    with pytest.raises(mg.LoadError) as caught:
        mg.load(tmp_path / "state.npz", into={"a": 1})
    assert "unknown: \\x1b[31mred" in str(caught.value)
    assert "unknown: \\u202ekey" in str(caught.value)
    with pytest.raises(TypeError, match=r"^\\x1b is a set"):
        mg.save(tmp_path / "state.npz", {"\x1b": {1}})


@pytest.mark.parametrize("ours", [lambda w: optim.SGD(w), lambda w: optim.SGD(w, momentum=0.9)])
def test_of_another_optimiser_the_reason_comes_first(ours, tmp_path):
    w, path = [nn.Parameter([1.0])], tmp_path / "adam.npz"
    mg.save(path, {"optimiser": optim.Adam(w)})
    with pytest.raises(mg.LoadError) as caught:
        mg.load(path, into={"optimiser": ours(w)})
    first, *names = str(caught.value).splitlines()
    assert first.endswith(
        "does not fit: it is of another optimiser, or of one with other options; nothing was changed."
    )
    assert "  unknown: optimiser.groups.0.beta1" in names
