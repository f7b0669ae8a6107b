"""Random numbers that a function draws past `mg.sample` would be the same at every call of its program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType
from typing import Any

import numpy as np

from ..containers import flatten
from .trace import Trace, TraceError
from .values import GENERATOR

EMPTY = CellType()  # of a variable that has no value yet


@contextmanager
def no_hidden_draws(f: Callable[..., Any], args: Any, trace: Trace) -> Iterator[None]:
    """Refuse a run that moved on a generator in f's sight which `mg.sample` was not given."""
    found = {id(rng): (name, rng) for name, rng in generators(f, args)}
    before = {key: state(rng) for key, (_, rng) in found.items()}
    yield
    sampled = {id(value.of) for value in trace.inputs.values() if value.kind == GENERATOR}
    for key, (name, rng) in found.items():
        if key not in sampled and state(rng) != before[key]:
            raise TraceError(
                f"{name} drew numbers in the traced function {getattr(f, '__name__', 'f')}, and its program would use "
                f"the same at every call. Draw them with mg.sample({name}.random, ...), of a np.random.Generator; a "
                "program does that anew each time."
            )


def generators(f: Any, args: Any) -> Iterator[tuple[str, Any]]:
    """The generators that f can name: among its arguments, its variables and what hangs from these, and NumPy's own."""
    yield "np.random", np.random.mtrand._rand
    inner = getattr(f, "__func__", f)
    code = getattr(inner, "__code__", None)
    names = dict(getattr(f, "__globals__", {})) if code else {}
    seen = {name: names[name] for name in (code.co_names if code else ()) if name in names}
    cells = zip(code.co_freevars if code else (), getattr(inner, "__closure__", None) or (), strict=True)
    seen |= {name: cell.cell_contents for name, cell in cells if cell != EMPTY}
    seen |= {f"argument {i}": x for i, x in enumerate(flatten(args)[0])}
    seen |= {"self": getattr(f, "__self__", f)}
    for name, value in seen.items():
        if is_generator(value):
            yield name, value
        elif hasattr(value, "__dict__") and not isinstance(value, type(np)):
            yield from ((f"{name}.{part}", x) for part, x in vars(value).items() if is_generator(x))


def is_generator(x: Any) -> bool:
    return isinstance(x, np.random.Generator | np.random.RandomState)


def state(rng: Any) -> str:
    bits = rng.get_state(legacy=False) if isinstance(rng, np.random.RandomState) else rng.bit_generator.state
    return repr({key: x.tolist() if hasattr(x, "tolist") else x for key, x in flat(bits)})


def flat(bits: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, x in bits.items():
        yield from flat(x) if isinstance(x, dict) else [(key, x)]
