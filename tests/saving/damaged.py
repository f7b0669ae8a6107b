"""Files as an accident or an attacker makes them."""

import hashlib
import json
import zipfile

import numpy as np

import micrograd_np as mg


def small_state():
    """A state of a few numbers of every kind, for a file of few bytes."""
    return {"w": np.array([1.5, -2.25]), "n": np.asfortranarray([[1, 2], [3, 4]], "i1"), "rate": 0.125, "tag": "a"}


def same(one, other):
    """True if two small states are the same to the last bit."""
    arrays = [(x.dtype, x.shape, x.tobytes()) for state in (one, other) for x in (state["w"], state["n"])]
    plain = [repr((list(state), state["rate"], state["tag"])) for state in (one, other)]
    return arrays[:2] == arrays[2:] and plain[0] == plain[1]


def outcome(path):
    """The outcome of loading: the same numbers, a refusal, or other numbers."""
    try:
        return "same" if same(mg.load(path), small_state()) else "other"
    except mg.LoadError:
        return "refused"


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, contents, compress=zipfile.ZIP_STORED):
    """A zip of (name, bytes) pairs."""
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in contents:
            archive.writestr(name, content)


def seal(manifest):
    """The manifest with a checksum that fits: no accident, somebody meant it."""
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps(body | {"sha256": digest})


def forge(path, change=lambda manifest: None, files=lambda contents: None):
    """Change the manifest and the members of a file, and seal it again."""
    contents = members(path)
    manifest = json.loads(contents["manifest.json"])
    change(manifest)
    contents["manifest.json"] = seal(manifest)
    files(contents)
    pack(path, contents.items())
