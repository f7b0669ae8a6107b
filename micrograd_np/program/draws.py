"""Random numbers that a function draws past `mg.sample` would be the same at every call of its program."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..containers import flatten
from .surroundings import reached
from .trace import Trace, TraceError
from .values import GENERATOR


@contextmanager
def no_hidden_draws(f: Callable[..., Any], args: Any, trace: Trace) -> Iterator[None]:
    """Refuse a run that moved on a generator in f's sight other than by `mg.sample`."""
    found = {id(rng): (name, rng, state(rng), copy.deepcopy(rng)) for name, rng in generators(f, args)}
    yield
    for name, rng, before, twin in found.values():
        sampled = [step.params for step in trace.steps if [id(x.of) for x in drawn_from(step)] == [id(rng)]]
        for params in copy.deepcopy(sampled):
            getattr(twin, params["method"])(*params["args"], **params["kwargs"])
        if state(rng) != (state(twin) if sampled else before):
            raise TraceError(
                f"{name} drew numbers in the traced function {getattr(f, '__name__', 'f')}, and its program would use "
                f"the same at every call. Draw them with mg.sample({name}.random, ...), of a np.random.Generator; a "
                "program does that anew each time."
            )


def drawn_from(step: Any) -> list[Any]:
    return [x for x in step.inputs if getattr(x, "kind", None) == GENERATOR]


def generators(f: Any, args: Any) -> Iterator[tuple[str, Any]]:
    """The generators that f can reach, NumPy's own, and Python's."""
    yield "np.random", np.random.mtrand._rand
    yield "random", random._inst
    yield from ((x.path, x.value) for x in reached(f, flatten(args)[0]).places if is_generator(x.value))


def is_generator(x: Any) -> bool:
    python = isinstance(x, random.Random) and not isinstance(x, random.SystemRandom)
    return python or isinstance(x, np.random.Generator | np.random.RandomState)


def state(rng: Any) -> str:
    if isinstance(rng, random.Random):
        return repr(rng.getstate())
    if isinstance(rng, np.random.RandomState):
        return repr(list(flat(rng.get_state(legacy=False))))
    bits = rng.bit_generator
    return repr([*flat(bits.state), getattr(bits.seed_seq, "n_children_spawned", 0)])


def flat(bits: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, x in bits.items():
        yield from flat(x) if isinstance(x, dict) else [(key, x.tolist() if hasattr(x, "tolist") else x)]
