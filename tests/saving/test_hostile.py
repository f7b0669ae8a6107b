"""Files that somebody made to harm: refused before they cost memory, run code or reach another file."""

import io
import json
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

import micrograd_np as mg
from tests.saving.damaged import forge, members, pack, small_state


@pytest.fixture
def path(tmp_path):
    mg.save(tmp_path / "state.npz", small_state())
    return tmp_path / "state.npz"


def refused(path, says):
    target = small_state()
    with pytest.raises(mg.LoadError, match=says):
        mg.load(path, into=target)
    assert repr(target) == repr(small_state())


def npy(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return file.getvalue()


def test_a_zip_bomb_is_not_inflated(path):
    contents = members(path) | {"w.npy": npy(np.zeros(10_000_000))}
    pack(path, contents.items(), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    refused(path, "it is compressed")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_sizes_beyond_the_file_are_not_believed(path):
    content = path.read_bytes()
    start = content.index(b"PK\1\2") + 20
    huge = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(content[:start] + huge + content[start + 8 :])
    refused(path, "it says it holds more than its size on disk")


def test_a_member_that_ends_before_its_array(path):
    content = path.read_bytes()
    part = members(path)["w.npy"][:130]
    start = content.index(b"w.npy", content.index(b"PK\1\2")) - 30
    path.write_bytes(content[:start] + struct.pack("<II", zlib.crc32(part), len(part)) + content[start + 8 :])
    refused(path, "it is compressed")


def shape(size):
    return lambda manifest: manifest["arrays"]["w"].update(shape=size)


@pytest.mark.parametrize("size", [[2**40], [1], [], [3], [2, 2**62]])
def test_a_manifest_with_another_shape(size, path):
    forge(path, shape(size))
    refused(path, "w is .2,. float64, and its manifest says")


def test_header_and_manifest_with_a_shape_that_the_bytes_do_not_have(path):
    header = npy(np.zeros(2)).replace(b"(2,), }      ", b"(2000000,), }")
    forge(path, shape([2_000_000]), lambda contents: contents.update({"w.npy": header}))
    refused(path, "w has not the size that its shape needs")


@pytest.mark.parametrize("size", [[-2], [2.0], [True], "2", [[2]]])
def test_a_shape_that_is_none(size, path):
    forge(path, shape(size))
    refused(path, "w cannot have shape")


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def test_pickled_objects_are_not_opened(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pickled = npy(np.array([Harm(), Harm()]), allow_pickle=True)
    honest = path.read_bytes()
    for dtype in ("<f8", "|O", "object", "O8", "<f8,O"):
        path.write_bytes(honest)
        forge(
            path,
            lambda manifest: manifest["arrays"]["w"].update(dtype=dtype),  # noqa: B023
            lambda contents: contents.update({"w.npy": pickled}),
        )
        refused(path, r"w is \(2,\) object" if dtype == "<f8" else "w cannot have dtype")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "C:\\evil", "", "nul\0"])
def test_names_that_lead_out_of_the_folder(name, path):
    forge(
        path,
        lambda manifest: manifest["arrays"].update({name: manifest["arrays"].pop("w")}),
        lambda contents: contents.update({f"{name}.npy": contents.pop("w.npy")}),
    )
    refused(path, "is no name of an array")


def test_two_members_of_one_name(path):
    contents = list(members(path).items())
    with pytest.warns(UserWarning, match="Duplicate name"):
        pack(path, [*contents, ("w.npy", npy(np.zeros(2)))])
    refused(path, "two of its members have one name")


def test_members_missing_and_added(path):
    honest = path.read_bytes()
    for change in (lambda contents: contents.pop("w.npy"), lambda contents: contents.update({"v.npy": b""})):
        path.write_bytes(honest)
        forge(path, files=change)
        refused(path, "it holds other arrays than its manifest lists")


def test_other_numbers_in_a_proper_file(path):
    forge(path, files=lambda contents: contents.update({"w.npy": npy(np.array([1.5, -2.5]))}))
    refused(path, "w is damaged: the checksum differs")


def test_a_changed_manifest_without_its_checksum(path):
    contents = members(path)
    contents["manifest.json"] = contents["manifest.json"].replace(b"0.125", b"0.126")
    pack(path, contents.items())
    refused(path, "its manifest is damaged")


def test_a_newer_version(path):
    forge(path, lambda manifest: manifest.update(version=2))
    refused(path, "written as version 2, and this library reads version 1. Upgrade it")


@pytest.mark.parametrize("name", ["default_rng", "test", "Generator", 7, None])
def test_a_generator_of_no_kind_is_not_made(name, path):
    state = {"generator": {"dict": [["bit_generator", name]]}}
    forge(path, lambda manifest: manifest.update(state=state))
    refused(path, f"there is no generator {name!r}")


def nested(depth):
    node = 1
    for _ in range(depth):
        node = [node]
    return node


STATES = [
    *({"boom": 1}, {"array": "no"}, {"array": 1}, {}, {"array": "w", "tuple": []}, {"dict": [["a"]]}),
    *({"dict": [[[1], 2]]}, {"dict": 7}, {"tuple": 3}, {"float": "x"}, {"complex": []}, {"object": [1, 2]}),
    *({"generator": 1}, {"tensor": ["w"]}),
    *({"generator": {"dict": [["bit_generator", "PCG64"], ["state", -1]]}}, {"parameter": ["n", True, None]}),
    *({"tensor": [["w"], True, None]}, nested(700)),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: repr(state)[:60])
def test_a_state_that_makes_no_sense(state, path):
    forge(path, lambda manifest: manifest.update(state=state))
    refused(path, "[Nn]othing was changed")  # some Pythons read JSON of any depth; then it does not fit


TEXTS = [b"", b"[]", b"null", b"{}", b"[" * 100_000, b'{"format": "micrograd_np"}', b"\xff", b"9" * 5000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:40])
def test_a_manifest_that_is_none(text, path):
    pack(path, (members(path) | {"manifest.json": text}).items())
    refused(path, "Nothing was changed")


def forge_safetensors(path, change):
    """Change the header of a .safetensors file, its manifest sealed again."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])


HEADERS = {
    "another dtype": (lambda header: header["w"].update(dtype="I64"), r"w is not \(2,\) float64"),
    "another shape": (lambda header: header["w"].update(shape=[2, 1]), r"w is not \(2,\) float64"),
    "another name": (lambda header: header.update(v=header.pop("w")), "other arrays than its manifest lists"),
    "too large": (lambda header: header["w"].update(shape=[2**40]), "is damaged"),
    "beyond the end": (lambda header: header["w"].update(data_offsets=[0, 2**40]), "is damaged"),
    "overlapping": (lambda header: header["n"].update(data_offsets=header["w"]["data_offsets"]), "is damaged"),
    "no manifest": (lambda header: header.pop("__metadata__"), "no manifest"),
}


@pytest.mark.parametrize(("change", "says"), HEADERS.values(), ids=HEADERS)
def test_a_safetensors_header_that_lies(change, says, tmp_path):
    mg.save(tmp_path / "state.safetensors", small_state())
    forge_safetensors(tmp_path / "state.safetensors", change)
    refused(tmp_path / "state.safetensors", says)
