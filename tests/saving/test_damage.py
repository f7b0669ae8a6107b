"""A damaged file gives the same numbers or a LoadError: never other numbers, never another exception."""

from collections import Counter

import numpy as np
import pytest

import micrograd_np as mg
from tests.saving.damaged import outcome, same, small_state

SUFFIXES = (".npz", ".safetensors")


@pytest.fixture(params=SUFFIXES)
def path(request, tmp_path):
    mg.save(tmp_path / f"state{request.param}", small_state())
    return tmp_path / f"state{request.param}"


def test_the_judge_sees_a_bit(path):
    changed = small_state()
    changed["w"][0] = np.nextafter(1.5, 2)
    assert same(mg.load(path), small_state())
    assert not same(mg.load(path), changed)


def test_cut_off_at_every_byte(path):
    whole = path.read_bytes()
    outcomes = Counter()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        outcomes[outcome(path)] += 1
    assert outcomes == {"refused": len(whole)}


@pytest.mark.slow
@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF], ids=hex)
def test_flipped_at_every_byte(path, flip):
    whole = bytearray(path.read_bytes())
    outcomes = Counter()
    for i in range(len(whole)):
        whole[i] ^= flip
        path.write_bytes(whole)
        outcomes[outcome(path)] += 1
        whole[i] ^= flip
    assert outcomes["other"] == 0
    assert outcomes["refused"] > 0.8 * len(whole)


@pytest.mark.slow
def test_a_byte_put_in_and_taken_out(path):
    whole = path.read_bytes()
    outcomes = Counter()
    for i in range(len(whole)):
        for changed in (whole[:i] + b"\0" + whole[i:], whole[:i] + whole[i + 1 :]):
            path.write_bytes(changed)
            outcomes[outcome(path)] += 1
    assert outcomes["other"] == 0
    assert outcomes["refused"] > 1.8 * len(whole)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 4096, b"PK\5\6" + b"\0" * 18, b"\x80\x04N."], ids=repr)
def test_a_file_of_something_else(content, path):
    path.write_bytes(content)
    with pytest.raises(mg.LoadError, match=r"mg\.save.*Nothing was changed"):
        mg.load(path)


def test_a_zip_inside_a_zip_is_never_taken_for_it(tmp_path):
    path = tmp_path / "state.npz"
    mg.save(path, small_state())
    inside = path.read_bytes()
    mg.save(path, small_state() | {"w": np.frombuffer(inside, "u1")})
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(inside) + len(inside)])  # a zip is found by its end
    with pytest.raises(mg.LoadError, match="does not begin with its first member"):
        mg.load(path)


def test_plain_files_of_other_libraries_are_told_from_damaged_ones(tmp_path):
    from safetensors.numpy import save_file

    np.savez(tmp_path / "a.npz", w=np.ones(2))
    save_file({"w": np.ones(2)}, tmp_path / "a.safetensors")
    for suffix, reader in ((".npz", "np.load"), (".safetensors", "safetensors.numpy.load_file")):
        with pytest.raises(mg.LoadError, match=f"no manifest, so mg.save did not write it; {reader} reads"):
            mg.load(tmp_path / f"a{suffix}")
