"""An object that cannot be saved is named, with its place, and nothing is written."""

import numpy as np
import pytest

import micrograd_np as mg


def recorded():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    return (w * w).sum()


def circle():
    state = {}
    state["itself"] = [state]
    return state


REFUSED = [
    ({"a": [0, {1, 2}]}, TypeError, "a.1 is a set, which cannot be saved"),
    ({"model": print}, TypeError, "model is a builtin_function_or_method"),
    (b"raw", TypeError, "the state is a bytes"),
    ({"rng": np.random.RandomState(0)}, TypeError, "rng is a RandomState"),
    ({"m": np.ma.masked_array([1.0], [True])}, TypeError, "m is a MaskedArray"),
    ({"names": np.array([None, "a"])}, TypeError, "names has dtype object"),
    ({"r": np.zeros(2, [("x", "f8")])}, TypeError, "field by field"),
    ({"loss": recorded()}, TypeError, r"loss is .*made by sum, and a file keeps no graph.*\.detach\(\)"),
    ({(1, 2): 3}, TypeError, r"the key \(1, 2\); what is saved has strings or integers"),
    ({"a": {None: 3}}, TypeError, "a has the key None"),
    (circle(), ValueError, r"itself.0.itself… is nested more than 100 deep. Does the state contain itself\?"),
]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(("state", "error", "says"), REFUSED, ids=[says for *_, says in REFUSED])
def test_what_cannot_be_saved_is_named(state, error, says, suffix, tmp_path):
    with pytest.raises(error, match=says):
        mg.save(tmp_path / f"state{suffix}", state)
    assert not list(tmp_path.iterdir())


def test_what_safetensors_does_not_hold(tmp_path):
    with pytest.raises(TypeError, match=r"labels has dtype <U1, which .safetensors does not hold. Save it as .npz"):
        mg.save(tmp_path / "state.safetensors", {"labels": np.array(["a"])})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["state", "state.pt", "state.npz.bak", ".npz"])
def test_the_suffix_says_the_format(path, tmp_path):
    for act in (lambda path: mg.save(path, {}), mg.load):
        with pytest.raises(ValueError, match=r"a state is saved as .npz or .safetensors"):
            act(tmp_path / path)


def test_the_path_comes_first(tmp_path):
    model = mg.nn.Linear(2, 1)
    for act in (lambda: mg.save(model, "a.npz"), lambda: mg.load(model), lambda: mg.load(model, "a.npz")):
        with pytest.raises(TypeError, match=r"comes first, and a Linear was given: write mg\.save\(path, state\)"):
            act()


def test_a_file_that_is_not_there_or_is_a_folder_is_an_os_error(tmp_path):
    with pytest.raises(mg.MissingFileError, match="there is no file"):
        mg.load(tmp_path / "none.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError, match=r"folder\.npz"):
        mg.load(tmp_path / "folder.npz")
    with pytest.raises(OSError, match=r"cannot save"):
        mg.save(tmp_path / "folder.npz", {})
    with pytest.raises(OSError, match=r"cannot save"):
        mg.save(tmp_path / "no folder" / "state.npz", {})
    assert [path.name for path in tmp_path.iterdir()] == ["folder.npz"]
    assert issubclass(mg.LoadError, ValueError)


def test_without_the_extra_the_cure_is_said(tmp_path, monkeypatch):
    mg.save(tmp_path / "state.safetensors", {})
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for act in (lambda path: mg.save(path, {}), mg.load):
        with pytest.raises(ImportError, match=r'pip install "micrograd-np\[safetensors\]"'):
            act(tmp_path / "state.safetensors")
