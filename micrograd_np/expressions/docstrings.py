"""A row's docstring: what NumPy says of the function, the derivative as its rule has it, and an example that runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import namespace
from ..ops.primitive import Drawn, Elementwise, Example, NonDifferentiable, Primitive, Variadic
from .rules import letters, read


def docstring(row: Primitive) -> str:
    """The summary, one line a rule, and one doctest from the row's examples."""
    parts = [summary(row)]
    case = first_case(row)
    if isinstance(row, NonDifferentiable):
        parts += ["It has no derivative; the result is a plain array."]
    elif case is not None:
        parts += [derivatives(row, case), doctest(row, case)]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(row: Primitive) -> str:
    """The first sentence of the function's own docstring, after the signature that ufuncs put there."""
    paragraphs = (getattr(row.function, "__doc__", None) or f"{row.name}.").strip().split("\n\n")
    if "(" in paragraphs[0].split(" ")[0] and len(paragraphs) > 1:
        paragraphs = paragraphs[1:]
    return " ".join(paragraphs[0].split())


def first_case(row: Primitive) -> Example | None:
    """The row's first example that can be written down, its arrays drawn."""
    if isinstance(row, Elementwise) and not row.examples:
        return Example(tuple(drawn(Drawn(2), row.domain, seed) for seed in range(len(row.rules))), {})
    for case in row.examples:
        if all(writable(x) for x in (*case.args, *case.kwargs.values())):
            return Example(tuple(drawn(x, row.domain, seed) for seed, x in enumerate(case.args)), case.kwargs)
    return None


def writable(x: Any) -> bool:
    return all(map(writable, x)) if isinstance(x, list | tuple) else not callable(x)


def drawn(x: Any, domain: tuple[float, float], seed: int) -> Any:
    """A drawn array of two digits, so that it can be read."""
    if isinstance(x, list | tuple):
        return type(x)(drawn(part, domain, seed + 10 * i) for i, part in enumerate(x))
    if not isinstance(x, Drawn):
        return x
    low, high = x.domain or domain
    array = np.random.default_rng(seed).uniform(low, high, x.shape)
    return np.asarray(np.round(array if x.through is None else x.through(array), 2))


def derivatives(row: Primitive, case: Example) -> str:
    """`g * z` for exp: what each rule does to g, read off the rule by running it."""
    arrays, params = row.bind(*case.args, **case.kwargs)
    z = row.kernel(*arrays, **params)
    g = tuple(map(np.ones_like, z)) if isinstance(z, tuple) else np.ones_like(z)
    rules = list(enumerate(row.rules)) if not isinstance(row, Variadic) else [(0, row.rules[0])]
    lines = []
    for position, rule in rules:
        if rule is not None:
            names = letters(rule, len(arrays))
            with np.errstate(all="ignore"):
                said = read(rule, g, z, list(arrays), params, [None] * (1 + len(arrays)))[1]
            lines.append(f"    d{names[position]} = {said or '…'}")
    if not lines:
        return "No gradient passes."
    return "The cotangent g of the result z is pulled back to the arguments:\n\n" + "\n".join(lines)


def doctest(row: Primitive, case: Example) -> str:
    """The case as users call it; nothing for a row that they do not see."""
    where = namespace(row.name)
    if where is None:
        return ""
    arguments = [*map(spelled, case.args), *(f"{key}={spelled(value)}" for key, value in case.kwargs.items())]
    call = f"{where}.{row.name}({', '.join(arguments)})"
    result = row(*case.args, **case.kwargs)
    head = "Examples\n--------\n"
    if getattr(result, "ndim", 0) > 2:
        return f"{head}>>> {call}.shape\n{result.shape}"
    return f"{head}>>> {call}\n{result!r}"


def spelled(x: Any) -> str:
    """A value as one would type it."""
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()})"
    if isinstance(x, list | tuple):
        inner = ", ".join(map(spelled, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' if len(x) == 1 else ''})"
    return f"np.{np.dtype(x).name}" if isinstance(x, np.dtype | type) else repr(x)
