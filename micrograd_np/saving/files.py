"""`save` and `load`: a state to a file and back."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from ..core.errors import ArgumentError
from . import manifest, npz, safetensors
from .atomic import replacing
from .errors import reading
from .into import put_into
from .state import decode, encode

Path = str | os.PathLike[str]
FORMATS: dict[str, ModuleType] = {".npz": npz, ".safetensors": safetensors}


def save(path: Path, state: Any) -> None:
    """Write a state to a file, which takes the place of an older one only when it is whole.

    Parameters
    ----------
    path : str or path
        Ends in .npz, which NumPy reads, or .safetensors, which other frameworks read.
    state : module, optimiser, or nested dict, list or tuple
        Of these and of Tensors, arrays, Generators, numbers, strings, booleans and None.

    Raises
    ------
    TypeError
        If there is something else in the state; it is named.
    OSError
        If the file cannot be written. The older one is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", {"epoch": 3, "losses": (0.5, 0.25)})
    ...     load(f"{folder}/run.npz")
    {'epoch': 3, 'losses': (0.5, 0.25)}
    """
    form = form_of(path)
    arrays: dict[str, Any] = {}
    text = manifest.write(encode(state, (), arrays), arrays)
    with replacing(path) as file:
        form.write(file, text, arrays)


def load(path: Path, into: Any = None) -> Any:
    """The state in a file that `save` wrote; modules and optimisers as their state_dict.

    Parameters
    ----------
    path : str or path
    into : module, optimiser, Tensor, array, Generator, or nested dict, list or tuple of them, optional
        Takes the state, generators of a module's dropout included, and is returned. All of it is loaded, or nothing.

    Raises
    ------
    LoadError
        If the file is damaged, foreign, or does not fit: then every mismatch is listed. A ValueError.
    OSError
        If the file cannot be opened.
    """
    form = form_of(path)
    with open(path, "rb") as file, reading(path):
        known, arrays = form.read(file)
        manifest.check_arrays(known, arrays)
        state = decode(known.state, arrays)
    return state if into is None else put_into(into, state, path)


def form_of(path: Path) -> ModuleType:
    """How a file is written, by its suffix."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in FORMATS:
        raise ArgumentError(f"{path}: a state is saved as {' or '.join(FORMATS)}.")
    return FORMATS[suffix]
