"""Rules as formulas, read by running them on arrays that write down each operation; and docstrings of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..core.errors import ArgumentTypeError
from ..core.versions import METADATA, innermost
from ..ops import BY_FUNCTION, namespace
from ..ops.primitive import Drawn, Elementwise, Example, NonDifferentiable, Primitive, Variadic
from .phrases import Phrase, formula, function_call, short, shortened, signed

LONGEST = 90


class Written(NDArrayOperatorsMixin):
    """An array that writes down what is done to it, while it is done."""

    def __init__(self, value: Any, phrase: Phrase) -> None:
        self.value = value
        self.phrase = phrase

    def __array_ufunc__(self, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
        value = getattr(ufunc, how)(*map(without_pen, inputs), **without_pen(kwargs))
        op = BY_FUNCTION.get(ufunc)
        if ufunc is np.power and short(inputs[1]).text == "1":
            return pair(value, short(inputs[0]))
        if how == "__call__" and hasattr(op, "sign"):
            return pair(value, formula(op, [short(x) for x in inputs], kwargs))
        return pair(value, function_call(ufunc.__name__, [short(x) for x in inputs], kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        value = function(*without_pen(args), **without_pen(kwargs))
        op = BY_FUNCTION.get(function)
        phrases = [short(x) for x in args]
        if getattr(op, "sign", None) and len(args) == 2:
            return pair(value, signed(op.sign, phrases))  # type: ignore[union-attr]
        if function in (np.broadcast_to, np.reshape) and value.shape == args[0].shape:
            return args[0]
        if function is np.swapaxes and args[1:] == (-1, -2):
            return pair(value, phrases[0].transposed("T" if value.ndim == 2 else "mT"))
        if getattr(op, "formula", None):
            arrays, params = op.bind(*args, **kwargs)  # type: ignore[union-attr]
            return pair(value, formula(op, [short(x) for x in arrays], params))
        return pair(value, function_call(function.__name__, phrases, kwargs))

    def __row__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        value = op.kernel(*map(without_pen, args), **without_pen(params))
        if op.function is np.reshape and value.shape == args[0].shape:
            return args[0]
        return pair(value, formula(op, [short(x) for x in args], params))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.value, name)
        if name in METADATA or name.startswith("__"):
            return found
        if not callable(found):
            return pair(found, self.phrase.transposed(name) if name in ("T", "mT") else self.phrase.attribute(name))
        return lambda *args, **kwargs: self.method(name, args, kwargs)

    def method(self, name: str, args: Any, kwargs: Any) -> Any:
        if name in ("dot", "transpose"):
            return getattr(np, name)(self, *args)
        value = getattr(self.value, name)(*without_pen(args), **without_pen(kwargs))
        if (name == "reshape" and value.shape == self.value.shape) or kwargs.get("axis") == ():
            return self
        written = function_call(name, [short(x) for x in args], kwargs)
        return pair(value, self.phrase.attribute(written.text))

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        return pair(self.value[without_pen(index)], self.phrase.subscript(parts, short))

    def __setitem__(self, index: Any, values: Any) -> None:
        self.value[without_pen(index)] = without_pen(values)
        self.phrase = function_call("put", [self.phrase, short(index), short(values)], {})

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise ArgumentTypeError("what is done to a bare array cannot be written down")

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


def without_pen(value: Any) -> Any:
    """Arguments without the pen."""
    if isinstance(value, Written):
        return value.value
    if isinstance(value, tuple):
        return tuple(map(without_pen, value))
    if isinstance(value, list):
        return list(map(without_pen, value))
    if isinstance(value, dict):
        return {key: without_pen(part) for key, part in value.items()}
    return value


def pair(value: Any, phrase: Phrase) -> Any:
    if isinstance(value, list | tuple):
        parts = [pair(part, phrase.subscript(i, short)) for i, part in enumerate(value)]
        return getattr(value, "_make", type(value))(parts)
    return Written(
        value, phrase if len(phrase.text) <= LONGEST else Phrase(shortened(phrase.text, LONGEST), phrase.rank)
    )


def letters(rule: Any, count: int) -> list[str]:
    """Return the names that a rule's own signature gives its arguments: x, y, ..."""
    code = getattr(innermost(rule), "__code__", None)
    named = list(code.co_varnames[2 : code.co_argcount])[:count] if code else []
    return named + [f"x{i}" for i in range(len(named), count)]


def read_rule(
    rule: Any,
    g: Any,
    z: Any,
    values: Sequence[Any],
    params: dict[str, Any],
    names: Sequence[Phrase | None],
    of_g: str = "g",
) -> tuple[Any, str]:
    """Return the result of a rule and its formula; `names` are the names of z and the arguments, `of_g` is that of g.

    If the rule cannot be written as a formula, the formula is empty. If the rule fails on these arguments, the result
    is None as well.
    """
    own = ["z", *letters(rule, len(values))]
    words = [name or Phrase(letter) for name, letter in zip(names, own, strict=True)]
    try:
        result = rule(pen(g, Phrase(of_g)), pen(z, words[0]), *map(pen, values, words[1:]), **params)
        said = of_one(result) or short(result).text
        return without_pen(result), said if re.search(rf"\b{of_g}\b", said) or "…" not in said else ""
    except Exception:
        with suppress(Exception):
            return rule(g, z, *values, **params), ""
        return None, ""


def of_one(result: Any) -> str:
    """Return what goes to the one of several outputs that gets something: `g to [1]`."""
    given = [(i, part) for i, part in enumerate(result) if part is not None] if isinstance(result, tuple) else []
    return f"{short(given[0][1]).text} to [{given[0][0]}]" if len(given) == 1 and len(result) > 1 else ""


def pen(value: Any, phrase: Phrase) -> Any:
    if isinstance(value, tuple):
        parts = enumerate(value)
        return type(value)(None if part is None else pen(part, phrase.subscript(i, short)) for i, part in parts)
    if hasattr(value, "dtype"):
        return Written(value, phrase)
    return value


def docstring(row: Primitive) -> str:
    """The summary, one line a rule, and one doctest from the row's examples."""
    parts = [first_sentence(row)]
    case = first_case(row)
    if isinstance(row, NonDifferentiable):
        parts += ["It has no derivative; the result is a plain array."]
    elif case is not None:
        parts += [derivative_lines(row, case), doctest(row, case)]
    return "\n\n".join(part for part in parts if part) + "\n"


def first_sentence(row: Primitive) -> str:
    """The first sentence of the function's own docstring, after the signature that ufuncs put there."""
    paragraphs = (getattr(row.function, "__doc__", None) or f"{row.name}.").strip().split("\n\n")
    if "(" in paragraphs[0].split(" ")[0] and len(paragraphs) > 1:
        paragraphs = paragraphs[1:]
    return " ".join(paragraphs[0].split())


def first_case(row: Primitive) -> Example | None:
    """The row's first example that can be written down, its arrays drawn."""
    if isinstance(row, Elementwise) and not row.examples:
        return Example(tuple(drawn_array(Drawn(2), row.domain, seed) for seed in range(len(row.rules))), {})
    for case in row.examples:
        if all(writable(x) for x in (*case.args, *case.kwargs.values())):
            return Example(tuple(drawn_array(x, row.domain, seed) for seed, x in enumerate(case.args)), case.kwargs)
    return None


def writable(x: Any) -> bool:
    return all(map(writable, x)) if isinstance(x, list | tuple) else not callable(x)


def drawn_array(x: Any, domain: tuple[float, float], seed: int) -> Any:
    """A drawn array of two digits, so that it can be read."""
    if isinstance(x, list | tuple):
        return type(x)(drawn_array(part, domain, seed + 10 * i) for i, part in enumerate(x))
    if not isinstance(x, Drawn):
        return x
    low, high = x.domain or domain
    array = np.random.default_rng(seed).uniform(low, high, x.shape)
    return np.asarray(np.round(array if x.through is None else x.through(array), 2))


def derivative_lines(row: Primitive, case: Example) -> str:
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
                said = read_rule(rule, g, z, list(arrays), params, [None] * (1 + len(arrays)))[1]
            lines.append(f"    d{names[position]} = {said or '…'}")
    if not lines:
        return "No gradient passes."
    return "The cotangent g of the result z is pulled back to the arguments:\n\n" + "\n".join(lines)


def doctest(row: Primitive, case: Example) -> str:
    """The case as users call it; nothing for a row that they do not see."""
    where = namespace(row.name)
    if where is None:
        return ""
    arguments = [*map(as_typed, case.args), *(f"{key}={as_typed(value)}" for key, value in case.kwargs.items())]
    call = f"{where}.{row.name}({', '.join(arguments)})"
    result = row(*case.args, **case.kwargs)
    head = "Examples\n--------\n"
    if getattr(result, "ndim", 0) > 2:
        return f"{head}>>> {call}.shape\n{result.shape}"
    return f"{head}>>> {call}\n{result!r}"


def as_typed(x: Any) -> str:
    """A value as one would type it."""
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()})"
    if isinstance(x, list | tuple):
        inner = ", ".join(map(as_typed, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' if len(x) == 1 else ''})"
    return f"np.{np.dtype(x).name}" if isinstance(x, np.dtype | type) else repr(x)
