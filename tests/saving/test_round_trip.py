"""A saved state comes back bit for bit, and other readers see the same numbers."""

import hashlib
import json
import math
import zipfile

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

SUFFIXES = (".npz", ".safetensors")
SIGNALLING = np.array([0x7FF4000000000001, 0xFFF8000000000002], "u8").view("f8")  # two nans of unusual bits
ARRAYS = {
    "0-d": np.array(2.5),
    "empty": np.zeros((3, 0, 2)),
    "float16": np.array([1, 65504, -0.0], "f2"),
    "float32": np.linspace(0, 1, 7, dtype="f4"),
    "nan": np.concatenate([SIGNALLING, [np.inf, -0.0]]),
    "big-endian": np.array([1.5, -2.25], ">f8"),
    "big-endian int": np.array([[1, 2**40]], ">i8"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(24.0).reshape(4, 6)[::-2, 1::2],
    "broadcast": np.broadcast_to(np.array([1.0, 2.0]), (3, 2)),
    "transposed": np.arange(24, dtype="i2").reshape(2, 3, 4).transpose(1, 0, 2),
    "bool": np.array([[True, False]]),
    "int8": np.array([-128, 127], "i1"),
    "uint64": np.array([2**64 - 1], "u8"),
}
ONLY_NPZ = {
    "text": np.array(["setosa", "é"]),
    "bytes": np.array([b"ab", b"c"]),
    "time": np.array(["2020-01-01"], "M8[D]"),
    "complex64": np.array([1 + 2j, -0.0 - 3j], "c8"),
    "complex": np.array(1j),
    "complex fortran": np.asfortranarray(np.arange(4).reshape(2, 2) * 1j),
    "big-endian complex": np.array([[1 + 2j]], ">c16"),
    "longdouble": np.array([1.5], np.longdouble),
}


def bits(array):
    return type(array), array.shape, array.dtype.str, array.tobytes()


def saved(state, folder, suffix):
    path = folder / f"state{suffix}"
    mg.save(path, state)
    return mg.load(path)


CASES = [(suffix, name, array) for suffix in SUFFIXES for name, array in ARRAYS.items()]
CASES += [(".npz", name, array) for name, array in ONLY_NPZ.items()]


@pytest.mark.parametrize(("suffix", "name", "array"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_an_array_comes_back_bit_for_bit(suffix, name, array, tmp_path):
    back = saved(array, tmp_path, suffix)
    assert bits(back) == bits(array)
    assert back.flags.writeable
    assert back.flags.owndata
    if array.flags.f_contiguous or array.flags.c_contiguous:
        assert back.flags.f_contiguous == array.flags.f_contiguous


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_arrays_in_one_file_and_other_readers_see_them(suffix, tmp_path):
    back = saved(ARRAYS, tmp_path, suffix)
    assert list(back) == list(ARRAYS)
    assert all(bits(back[name]) == bits(array) for name, array in ARRAYS.items())
    if suffix == ".npz":
        with np.load(tmp_path / "state.npz", allow_pickle=False) as read:
            assert all(bits(read[name.replace(" ", "%20")]) == bits(array) for name, array in ARRAYS.items())


def test_torch_reads_the_weights(tmp_path):
    torch = pytest.importorskip("torch", reason="a peer, of the extra `peers`")
    from safetensors.torch import load_file

    # Small whole numbers: every product and sum is exact, so that no choice of kernels shows in the last bits.
    model = nn.Sequential(nn.Linear(3, 2, dtype="f4"), mg.relu, nn.Linear(2, 1, dtype="f4"))
    draws = np.random.default_rng(0)
    for p in model.parameters():
        p.data = draws.integers(-4, 5, p.shape).astype("f4")
    mg.save(tmp_path / "model.safetensors", model)
    peer = torch.nn.Module()
    peer.layers = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    peer.load_state_dict(load_file(tmp_path / "model.safetensors"))
    x = draws.integers(-9, 10, (8, 3)).astype("f4")
    theirs = peer.layers(torch.from_numpy(x)).detach().numpy()
    assert np.unique(theirs).size > 4
    np.testing.assert_array_equal(model(x).data, theirs)


VALUES = [
    *(None, True, False, 0, -1, 2**200, 0.1, -0.0, 5e-324, 1.5, "", "é\ud800\0", [], {}, (), [[], [()]]),
    *({"a": {"b": [1, (2.5, "x")]}}, {1: "one", -2: "two", "1": "text"}, {"array": "no array", "dict": []}),
    *(1 + 2j, complex(-0.0, 1.5), np.float32(0.1), np.int8(-3), np.bool_(True)),
    *(math.inf, -math.inf, {"a.b": 1, "a": {"b": 2}}),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_come_back_of_the_same_type(value, suffix, tmp_path):
    back = saved(value, tmp_path, suffix)
    assert back == value
    assert repr(back) == repr(value)
    assert type(back) is type(value)


def test_names_that_meet_names_that_are_no_file_names_and_long_ones(tmp_path):
    keys = ["a.b", "a/b", "../../etc/passwd", "C:\\x", "nul\0", "é", "__metadata__", "manifest.json", "", "x" * 70_000]
    state = {"a": {"b": np.array(-1.0)}} | {key: np.array(float(i)) for i, key in enumerate(keys)}
    for suffix in SUFFIXES:
        assert saved(state, tmp_path, suffix) == state
    with zipfile.ZipFile(tmp_path / "state.npz") as archive:
        assert not any(set("/\\:\0") & set(name) for name in archive.namelist())


def test_tensors_come_back_as_tensors(tmp_path):
    frozen = nn.Parameter([1.0])
    frozen.requires_grad = False
    state = [mg.Tensor([1.0, 2.0], requires_grad=True, name="w"), mg.Tensor(3), nn.Parameter([0.5]), frozen]
    back = saved(state, tmp_path, ".npz")
    for ours, theirs in zip(state, back, strict=True):
        assert type(ours) is type(theirs)
        assert bits(ours.data) == bits(theirs.data)
        assert (ours.name, ours.requires_grad) == (theirs.name, theirs.requires_grad)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_a_generator_goes_on_where_it_stood(kind, suffix, tmp_path):
    rng, again = (np.random.Generator(getattr(np.random, kind)(seed)) for seed in (3, 4))
    rng.integers(10, size=3, dtype=np.int32)  # half a word stays for the next draw
    by_object, by_state = saved([rng, rng.bit_generator.state], tmp_path, suffix)
    again.bit_generator.state = by_state
    drawn = rng.integers(1000, size=9, dtype=np.int32)
    assert np.array_equal(by_object.integers(1000, size=9, dtype=np.int32), drawn)
    assert np.array_equal(again.integers(1000, size=9, dtype=np.int32), drawn)


def test_a_model_and_an_optimiser_come_back_as_their_state_dict(tmp_path):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    optimiser = optim.Adam(model.parameters())
    for thing in (model, optimiser):
        back, kept = saved(thing, tmp_path, ".npz"), thing.state_dict()
        assert list(back) == list(kept)
        assert all(bits(back[name]) == bits(kept[name]) for name in kept)
        thing.load_state_dict(back)
    twice = saved(saved(model, tmp_path, ".npz"), tmp_path, ".npz")
    assert list(twice.generators) == ["layers.2.rng"]


def test_the_manifest_is_a_text_that_can_be_read(tmp_path):
    mg.save(tmp_path / "state.npz", {"w": np.array([[1.0, 2.0]], "f4"), "step": 7})
    with zipfile.ZipFile(tmp_path / "state.npz") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.namelist() == ["manifest.json", "w.npy"]
    assert manifest["state"] == {"dict": [["w", {"array": "w"}], ["step", 7]]}
    assert manifest["arrays"]["w"] == {
        "shape": [1, 2],
        "dtype": "<f4",
        "fortran_order": False,
        "sha256": hashlib.sha256(b"\0\0\x80\x3f\0\0\0\x40").hexdigest(),
    }


def test_the_same_state_makes_the_same_file(tmp_path):
    for suffix in SUFFIXES:
        paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
        for path in paths:
            mg.save(path, ARRAYS)
        assert paths[0].read_bytes() == paths[1].read_bytes()
