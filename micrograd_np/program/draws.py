"""Random numbers that a function draws past `mg.sample` would be the same at every call of its program."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .trace import Trace, TraceError
from .values import GENERATOR


@contextmanager
def no_hidden_draws(name: str, generators: list[tuple[str, Any]], trace: Trace) -> Iterator[None]:
    """Refuse a run that moved on a generator in the function's sight other than by `mg.sample`."""
    known = [("np.random", np.random.mtrand._rand), ("random", random._inst), *generators]
    found = {id(rng): (path, rng, state(rng)) for path, rng in known}
    twins = {key: copy.deepcopy(rng) for key, (_, rng, _) in found.items() if isinstance(rng, np.random.Generator)}
    yield
    for step in trace.steps:
        for twin in [twins[id(x.of)] for x in step.inputs if is_drawn_from(x) and id(x.of) in twins]:
            args, kwargs = copy.deepcopy((step.params["args"], step.params["kwargs"]))
            getattr(twin, step.params["method"])(*args, **kwargs)
    for key, (path, rng, before) in found.items():
        if state(rng) != (state(twins[key]) if key in twins else before):
            raise TraceError(
                f"{path} drew numbers in the traced function {name}, and its program would use the same at every call. "
                f"Draw them with mg.sample({path}.random, ...), of a np.random.Generator; a program does that anew "
                "each time."
            )


def is_drawn_from(x: Any) -> bool:
    return getattr(x, "kind", None) == GENERATOR


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
