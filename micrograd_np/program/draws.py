"""Random numbers that a function draws past `mg.sample` would be the same at every call of its program."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.containers import flatten
from .surroundings import reached
from .trace import Trace, TraceError
from .values import GENERATOR


@contextmanager
def no_hidden_draws(f: Callable[..., Any], args: Any, trace: Trace) -> Iterator[None]:
    """Refuse a run that moved on a generator in f's sight other than by `mg.sample`."""
    found = {id(rng): (name, rng, state(rng)) for name, rng in generators(f, args)}
    twins = {key: copy.deepcopy(rng) for key, (_, rng, _) in found.items() if isinstance(rng, np.random.Generator)}
    yield
    for step in trace.steps:
        for twin in [twins[id(x.of)] for x in step.inputs if is_drawn_from(x) and id(x.of) in twins]:
            args, kwargs = copy.deepcopy((step.params["args"], step.params["kwargs"]))
            getattr(twin, step.params["method"])(*args, **kwargs)
    for key, (name, rng, before) in found.items():
        if state(rng) != (state(twins[key]) if key in twins else before):
            raise TraceError(
                f"{name} drew numbers in the traced function {getattr(f, '__name__', 'f')}, and its program would use "
                f"the same at every call. Draw them with mg.sample({name}.random, ...), of a np.random.Generator; a "
                "program does that anew each time."
            )


def is_drawn_from(x: Any) -> bool:
    return getattr(x, "kind", None) == GENERATOR


def generators(f: Any, args: Any) -> Iterator[tuple[str, Any]]:
    """The generators that f can reach, NumPy's own, and Python's."""
    yield "np.random", np.random.mtrand._rand
    yield "random", random._inst
    yield from ((x.path, x.value) for x in reached(f, flatten(args)[0]).places if is_generator(x.value))


def is_generator(x: Any) -> bool:
    python = isinstance(x, random.Random) and not isinstance(x, random.SystemRandom)
    return python or isinstance(x, np.random.Generator | np.random.RandomState)


def state(rng: Any) -> Any:
    """All that decides what is drawn next."""
    if isinstance(rng, random.Random):
        return rng.getstate()
    if isinstance(rng, np.random.RandomState):
        return list(flat(rng.get_state(legacy=False)))
    bits = rng.bit_generator
    return [*flat(bits.state), getattr(getattr(bits, "seed_seq", None), "n_children_spawned", 0)]


def flat(bits: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, x in bits.items():
        yield from flat(x) if isinstance(x, dict) else [(key, x.tolist() if hasattr(x, "tolist") else x)]
