"""A nested state as JSON and named arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import chain, count
from typing import Any
from urllib.parse import quote

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, describe
from ..core.names import printable
from ..core.tensor import Tensor
from ..nn.module import Module, Parameter, walk

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
        check_leaf(value, at)
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


def check_leaf(value: Tensor, at: Path) -> None:
    """Raise for a Tensor with a graph."""
    if value.op is not None:
        raise ArgumentTypeError(
            f"{dotted(at)} is {describe(value, 'a tensor')}, made by {value.op.name}, and a file keeps no graph. Save "
            ".detach() of it, or .item()."
        )


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


def dotted(at: Path) -> str:
    """A place in a state, for a message."""
    return printable(".".join(map(str, at))) or "the state"
