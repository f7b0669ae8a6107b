"""The ways to call a backward pass: what each parameter is given, by its name, or by position where no name tells."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

# Names for the gradient that a backward pass starts from, besides dout, dh, grad_h, ...
SEEDS = ("g", "gradient", "upstream", "delta", "error", "cotangent")
GRADIENT = re.compile(r"(d|grad|delta|upstream)_?(\w*)$", re.I)
NO_SEEDS = ("data", "debug", "decay", "degree", "depth", "dim", "dims", "dist", "dropout", "dt", "dtype")
CACHES = ("cache", "caches", "context", "ctx", "memory", "saved")
OUTPUTS = ("a", "h", "out", "output", "p", "probs", "result", "s", "y", "y_hat", "yhat")
MOST_WAYS = 4

Argument = tuple[str, int]  # "seed", "inputs", "cache" or "outputs", and which; the seed ALL is all of them in one
Known = dict[str, list[Argument]]  # the arguments that there are, by kind
ALL = -1


class Way(NamedTuple):
    """One way to call backward: the argument of each parameter, and how many entries of a result are outputs."""

    arguments: tuple[Argument, ...]
    outputs: int

    @property
    def seeded(self) -> bool:
        """Return whether backward is given the gradient of an output."""
        return any(kind == "seed" for kind, _ in self.arguments)


def is_seed(name: str) -> bool:
    return name.lower() in SEEDS or bool(GRADIENT.match(name))


def seed_names(names: Sequence[str], own: Sequence[str]) -> list[str]:
    """Return the parameters that are gradients of outputs: the first ones, or if these are none, any others."""
    asks = [name not in own and is_seed(name) for name in names]
    first = next((i for i, seed in enumerate(asks) if not seed), len(names))
    others = [name for name, seed in zip(names, asks, strict=True) if seed and name.lower() not in NO_SEEDS]
    return list(names[:first]) or others


def arguments_of(inputs: int, outputs: int, cache: int) -> Known:
    """Return the arguments that there are, for these numbers of values."""
    counts = {"inputs": inputs, "outputs": outputs, "seed": outputs, "cache": cache}
    return {kind: [(kind, i) for i in range(count)] for kind, count in counts.items()}


def ways(names: Sequence[str], own: Sequence[str], known: Known, scalar: bool) -> list[Way]:
    """Return the ways to call backward, the likeliest first; `names` and `own` are its and forward's parameters.

    Of one scalar output, backward may take no gradient.
    """
    outputs = len(known["outputs"])
    if not names:
        return [Way((), outputs)]
    wanted = seed_names(names, own)
    readings = [wanted] if wanted[:1] in ([], [names[0]]) else [wanted, []]
    if known["cache"] and scalar:  # d in backward(x, d) may be a distance
        readings.reverse()
    found: list[Way] = []
    for seeded in readings:
        seeds = [("seed", ALL)] if outputs > 1 and len(seeded) == 1 else known["seed"]
        given = dict(zip(seeded, seeds, strict=False))
        named = by_name(names, own, given, known)
        every = [{**named, **rest} for rest in remaining(names, named, seeds, known, scalar)]
        # Also without what the names say.
        every += [{**given, **rest} for rest in remaining(names, given, seeds, known, scalar)[:1]]
        found += [Way(tuple(way[name] for name in names), outputs) for way in every]
    return found


def by_name(names: Sequence[str], own: Sequence[str], given: dict[str, Argument], known: Known) -> dict[str, Argument]:
    """Return what the parameters are given whose names are those of inputs, with `given`, which others are given."""
    own = own[: len(known["inputs"])]
    found = {name: ("inputs", own.index(name)) for name in names if name in own} | given
    lower = [name.lower() for name in own]
    for name in names:  # W for w
        if name not in found and lower.count(name.lower()) == 1 and not is_output(name, given):
            like = ("inputs", lower.index(name.lower()))
            found |= {name: like} if like not in found.values() else {}
    return found


def remaining(
    names: Sequence[str], given: dict[str, Argument], seeds: Sequence[Argument], known: Known, scalar: bool
) -> list[dict[str, Argument]]:
    """Return what the parameters may be given that no name tells, the likeliest first."""
    rest = [name for name in names if name not in given]
    if not rest:
        return [{}]
    left = [each for each in known["inputs"] if each not in given.values()]
    kept, made = known["cache"], known["outputs"]
    if len(kept) == len(rest) and all(name.lower() in CACHES for name in rest):
        return [dict(zip(rest, kept, strict=True))]
    tells = all(is_output(name, given) for name in rest)
    unseeded = [name for name in names if given.get(name, ("", 0))[0] != "seed"]
    in_place = [kept[unseeded.index(name)] for name in rest] if len(kept) == len(unseeded) else []
    choices = [in_place, *([made] if tells and not kept else []), kept, left, [*left, *kept]]
    choices += [made] if tells or not (left or kept) else []
    if not any(kind == "seed" for kind, _ in given.values()):
        first = [[*seeds, *kept], [*seeds, *left], [*seeds, *left, *kept], list(seeds)]
        choices = [*choices, *first] if scalar or kept else [*first, *choices]
    return [dict(zip(rest, choice, strict=True)) for choice in choices if len(choice) == len(rest)]


def is_output(name: str, given: dict[str, Argument]) -> bool:
    """Return whether a parameter's name says that it is an output, as out, or as z in backward(dz, z)."""
    seeds = [GRADIENT.match(seed) for seed, (kind, _) in given.items() if kind == "seed"]
    return name.lower() in (*OUTPUTS, *(match[2].lower() for match in seeds if match))


@lru_cache(maxsize=16)
def returned_names(function: Any) -> list[str]:
    """Return the names in the tuple that a function returns, as in `return dx, dw`; "" for other expressions."""
    with suppress(Exception):  # its source is not known
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        tuples = [x.value for x in ast.walk(tree) if isinstance(x, ast.Return) and isinstance(x.value, ast.Tuple)]
        return [getattr(x, "id", "") for x in tuples[-1].elts]
    return []
