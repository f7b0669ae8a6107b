"""State of PyTorch models: files of arrays under PyTorch's names, and these names for the parts of a module."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from .validation import existing_file, import_extra


def torch_names(model: Any) -> dict[str, str]:
    """Return the name in PyTorch of each parameter and buffer, by its path here.

    Most are the same. A module whose parts have other names in PyTorch gives them in `_torch_path`, as Sequential does.
    """
    modules = sorted(model.named_modules(), key=lambda entry: len(entry[0]), reverse=True)
    names = {}
    for path, _ in model.named_tensors():
        name = path
        # The innermost module first: the part of the name before it is then still a path of ours.
        for place, module in modules:
            head = f"{place}." if place else ""
            if path.startswith(head):
                name = head + module._torch_path(name[len(head) :])
        names[path] = name
    return names


def read_state(path: str | os.PathLike[str], model: Any) -> dict[str, Any]:
    """The arrays of a .safetensors or .npz file by the paths of the model, in the model's floating-point dtypes."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in (".npz", ".safetensors"):
        raise ArgumentError(f"{path}: load_state_dict reads .safetensors and .npz. In PyTorch, save one of these.")
    existing_file(path)
    if suffix == ".safetensors":
        library = import_extra("safetensors", "a .safetensors file")
        with library.safe_open(os.fspath(path), framework="np") as file:
            ours = "micrograd_np" in (file.metadata() or {})
            names = file.keys()
            state = {name: file.get_tensor(name) for name in names}
    else:
        with np.load(path, allow_pickle=False) as archive:
            ours = "manifest.json" in archive.files
            state = {} if ours else dict(archive)
    if ours:
        raise ArgumentError(f"{path} was written by mg.save: write mg.load({str(path)!r}, into=model).")
    paths = {name: path for path, name in torch_names(model).items()}
    tensors = dict(model.named_tensors())
    found = {paths.get(name, name): array for name, array in state.items()}
    for name in found.keys() & tensors.keys():
        if found[name].dtype.kind == "f" == tensors[name].dtype.kind:
            found[name] = found[name].astype(tensors[name].dtype)
    return found
