"""`save` and `load`: a state to a file and back, into existing objects if wanted; each whole or not at all.

In between, a nested state is JSON and named arrays, which `formats` writes and reads.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, count
from typing import IO, Any
from urllib.parse import quote

import numpy as np

from ..core.context import no_grad
from ..core.errors import ArgumentError, ArgumentTypeError, FileError, LoadError, describe
from ..core.tensor import Tensor
from ..nn.module import Module, Parameter, dotted, mismatches, walk
from ..nn.validation import existing_file
from .formats import check_digests, format_of, reading, write_manifest


def save(path: str | os.PathLike[str], state: Any) -> None:
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
    _, write = format_of(path)
    arrays: dict[str, Any] = {}
    text = write_manifest(encode(state, (), arrays), arrays)
    with replacing(path) as file:
        write(file, text, arrays)


def load(path: str | os.PathLike[str], into: Any = None) -> Any:
    """The state in a file that `save` wrote; modules and optimisers as their state_dict.

    Parameters
    ----------
    path : str or path
        The file, a .npz or .safetensors.
    into : module, optimiser, Tensor, array, Generator, or nested dict, list or tuple of them, optional
        Takes the state, generators of a module's dropout included, and is returned. All of it is loaded, or nothing.

    Raises
    ------
    LoadError
        If the file is damaged, foreign, or does not fit: then every mismatch is listed. A ValueError.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> import micrograd_np as mg
    >>> model, other = mg.nn.Linear(2, 1), mg.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.npz", model)
    ...     load(f"{folder}/model.npz", into=other) is other
    True
    >>> bool((other.weight.data == model.weight.data).all())
    True
    """
    read, _ = format_of(path)
    with open(existing_file(path), "rb") as file, reading(path):
        manifest, arrays = read(file)
        check_digests(manifest, arrays)
        state = decode(manifest.state, arrays)
    return state if into is None else put_into(into, state, path)


@contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """Give a file to write, which replaces the one at the path at the end; after a failure the old one is whole."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".saving-{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except OSError as error:
        raise FileError(
            error.errno, f"cannot save ({error.strerror}); what was there before is whole", target
        ) from error
    finally:
        with suppress(OSError):  # it is not there, or the file system lets nothing be changed, as the error above says
            os.unlink(beside)
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Put a folder's list of names on disk, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:  # Windows opens no folders, and one may write to a folder without reading it
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@no_grad()
def put_into(ours: Any, given: Any, path: Any) -> Any:
    """Write the state in a file into modules, optimisers, Tensors, arrays and Generators; returns what holds it."""
    wrong = sorted(mismatches(ours, given, opened=opened))
    if wrong:
        other = any("groups." in line and not line.endswith("needed") for line in wrong)
        cause = ": it is of another optimiser, or of one with other options" if other else ""
        raise LoadError("\n  ".join([f"{path} does not fit{cause}; nothing was changed.", *wrong]))
    before = state_copy(ours)
    try:
        return put_values(ours, given, put_value)
    except BaseException:
        put_values(ours, before, put_back)
        raise


def opened(value: Any, other: Any) -> Any:
    """The parts of a value, by name. A bare state_dict holds no generators, and none are asked for."""
    if hasattr(value, "load_state_dict"):
        value = state_of(value)
    if isinstance(value, State):
        bare = isinstance(other, dict) and not isinstance(other, State)
        return dict(value) if bare else {**value, **value.generators}
    return value


def put_values(ours: Any, given: Any, put: Callable[[Any, Any], Any]) -> Any:
    """Put values that fit in their places; numbers and strings, which have none, are returned."""
    if isinstance(ours, dict):
        ours.update({key: put_values(ours[key], value, put) for key, value in given.items()})
    elif isinstance(ours, list | tuple):
        parts = [put_values(mine, theirs, put) for mine, theirs in zip(ours, given, strict=True)]
        if isinstance(ours, tuple):
            return tuple(parts)
        ours[:] = parts
    else:
        return put(ours, given)
    return ours


def put_value(ours: Any, given: Any) -> Any:
    """Put a value that is no container in its place."""
    if hasattr(ours, "load_state_dict"):
        if isinstance(given, State):
            put_values(state_of(ours).generators, given.generators, put_value)
        ours.load_state_dict(dict(given))
    elif isinstance(ours, Tensor):
        ours.data = given
    elif isinstance(ours, np.ndarray):
        ours[...] = given
    elif isinstance(ours, np.random.Generator):
        ours.bit_generator.state = given.bit_generator.state
    else:
        return given
    return ours


def put_back(ours: Any, before: Any) -> Any:
    """Undo a load of a part: one that refuses its old values refused the new ones, too."""
    with suppress(Exception):
        return put_value(ours, before)
    return ours


def state_copy(value: Any) -> Any:
    """The state of a value, in memory of its own."""
    arrays: dict[str, Any] = {}
    node = encode(value, (), arrays)
    return decode(node, {name: array.copy() for name, array in arrays.items()})


# A nested state as JSON and named arrays, and back.

Arrays = dict[str, Any]
Path = tuple[Any, ...]

DEEPEST = 100
KINDS = "biufcSUmM"  # NumPy's letters for numbers, booleans, text of one length, and times
GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


class State(dict[Any, Any]):
    """The `state_dict` of an object, and beside it the generators that its parts draw from, by path."""

    generators: dict[str, np.random.Generator]

    def __init__(self, state: dict[Any, Any], generators: dict[str, np.random.Generator]) -> None:
        super().__init__(state)
        self.generators = generators


def state_of(thing: Any) -> State:
    """The State of a module, an optimiser or a schedule."""
    parts = walk(thing, np.random.Generator) if isinstance(thing, Module) else ()
    # `walk` yields modules, too.
    generators = {path: part for path, part, _ in parts if isinstance(part, np.random.Generator)}
    return State(thing.state_dict(), generators)


def encode(value: Any, at: Path, arrays: Arrays) -> Any:
    """Return the JSON of a value; its arrays are put into `arrays`, under names made from their place."""
    if len(at) > DEEPEST:
        raise ArgumentError(f"{dotted(at[:3])}… is nested more than {DEEPEST} deep. Does the state contain itself?")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) is complex:
        return {"complex": repr(value)}
    if type(value) is list:
        return [encode(x, (*at, i), arrays) for i, x in enumerate(value)]
    if type(value) is tuple:
        return {"tuple": encode(list(value), at, arrays)}
    if hasattr(value, "state_dict"):
        value = state_of(value)
    if isinstance(value, State):
        return {"object": [encode(dict(value), at, arrays), encode(value.generators, at, arrays)]}
    if isinstance(value, dict):  # an OrderedDict or defaultdict comes back as a dict
        return {"dict": [[key_of(key, at), encode(x, (*at, key), arrays)] for key, x in value.items()]}
    if isinstance(value, Tensor):
        if value.op is not None:
            raise ArgumentTypeError(
                f"{dotted(at)} is {describe(value, 'a tensor')}, made by {value.op.name}, and a file keeps no graph. "
                "Save .detach() of it, or .item()."
            )
        what = "parameter" if isinstance(value, Parameter) else "tensor"
        return {what: [put_aside(value.data, at, arrays), value.requires_grad, value.name]}
    if isinstance(value, np.generic):
        return {"scalar": put_aside(np.asarray(value), at, arrays)}
    if type(value) in (np.ndarray, np.memmap):
        return {"array": put_aside(value, at, arrays)}
    if isinstance(value, np.random.Generator) and type(value.bit_generator).__name__ in GENERATORS:
        return {"generator": encode(value.bit_generator.state, at, arrays)}
    raise ArgumentTypeError(
        f"{dotted(at)} is a {type(value).__name__}, which cannot be saved. A state is made of modules, optimisers, "
        "Tensors, arrays, Generators, numbers, strings, booleans, None, and dicts, lists and tuples of them."
    )


def decode(node: Any, arrays: Arrays) -> Any:
    """The value that a JSON node stands for."""
    if isinstance(node, list):
        return [decode(x, arrays) for x in node]
    if not isinstance(node, dict):
        return node
    [(what, content)] = node.items()
    return DECODERS[what](content, arrays)


def decode_generator(node: Any, arrays: Arrays) -> np.random.Generator:
    """A Generator of one of NumPy's kinds."""
    state = decode(node, arrays)
    if state["bit_generator"] not in GENERATORS:
        raise ArgumentError(f"there is no generator {state['bit_generator']!r}")
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


def decode_tensor(cls: type[Tensor], content: Any, arrays: Arrays) -> Tensor:
    """A Tensor or a Parameter, frozen or not."""
    array, requires_grad, name = content
    tensor = cls(arrays[array], name=name)
    tensor.requires_grad = requires_grad  # set here, as the constructor of Parameter takes no such argument
    return tensor


DECODERS: dict[str, Callable[[Any, Arrays], Any]] = {
    "array": lambda name, arrays: arrays[name],
    "scalar": lambda name, arrays: arrays[name][()],
    "float": lambda text, _: float(text),
    "complex": lambda text, _: complex(text),
    "tuple": lambda nodes, arrays: tuple(decode(nodes, arrays)),
    "dict": lambda pairs, arrays: {key: decode(node, arrays) for key, node in pairs},
    "object": lambda nodes, arrays: State(*decode(nodes, arrays)),
    "generator": decode_generator,
    "tensor": partial(decode_tensor, Tensor),
    "parameter": partial(decode_tensor, Parameter),
}


def key_of(key: Any, at: Path) -> Any:
    """A key of a dict; raise if JSON would not give it back."""
    if type(key) not in (str, int):
        raise ArgumentTypeError(f"{dotted(at)} has the key {key!r}; what is saved has strings or integers as keys.")
    return key


def put_aside(array: Any, at: Path, arrays: Arrays) -> str:
    """Put an array aside under a name of its own, fit for a file on any system."""
    if array.dtype.kind not in KINDS:
        raise ArgumentTypeError(
            f"{dotted(at)} has dtype {array.dtype}, which cannot be saved: an array of numbers, booleans, strings or "
            "times can. Save structured arrays field by field."
        )
    whole = quote(".".join(map(str, at)), safe="")[:200] or "array"
    names = chain([whole], (f"{whole}~{number}" for number in count(2)))
    name = next(name for name in names if name not in arrays and name != "__metadata__")  # reserved by safetensors
    arrays[name] = array
    return name
