"""Rules as formulas: a rule runs on arrays that record each operation. And the docstrings of rows, made from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..core.containers import flatten, map_leaves
from ..core.errors import ArgumentTypeError
from ..core.versions import METADATA, innermost
from ..ops import BY_FUNCTION, namespace
from ..ops.primitive import Drawn, Elementwise, Example, NonDifferentiable, Primitive, Variadic
from .phrases import Phrase, defaults, formula, function_call, literal, short, shortened

MAX_LENGTH = 90


class Recorder(NDArrayOperatorsMixin):
    """An array with the formula that it was computed by: each operation on it computes and writes the formula."""

    def __init__(self, value: Any, phrase: Phrase) -> None:
        self.value = value
        self.phrase = phrase

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        value = getattr(ufunc, method)(*unwrap(inputs), **unwrap(kwargs))
        phrases, op = [short(x) for x in inputs], BY_FUNCTION.get(ufunc)
        if method != "__call__" or not isinstance(op, Primitive):
            name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            return wrap(value, function_call(name, phrases, kwargs, {}))
        if ufunc is np.power and phrases[1].text == "1":
            return wrap(value, phrases[0])
        return wrap(value, formula(op, phrases, kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        value = function(*unwrap(args), **unwrap(kwargs))
        op: Any = BY_FUNCTION.get(function)
        if function in (np.broadcast_to, np.reshape) and value.shape == args[0].shape:
            return args[0]
        if function is np.swapaxes and args[1:] == (-1, -2):
            return wrap(value, short(args[0]).transposed("T" if value.ndim == 2 else "mT"))
        if getattr(op, "sign", None) or getattr(op, "formula", None):
            args, params = op.bind(*args, **kwargs)
            return wrap(value, formula(op, [short(x) for x in args], params))
        return wrap(value, function_call(function.__name__, [short(x) for x in args], kwargs, defaults(function)))

    def __row__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run a row of the table: `dispatch.apply` calls this where an argument has it."""
        value = op.kernel(*map(unwrap, args), **unwrap(params))
        if op.function is np.reshape and value.shape == args[0].shape:
            return args[0]
        return wrap(value, formula(op, [short(x) for x in args], params))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.value, name)
        if name in METADATA or name.startswith("__"):
            return found
        if not callable(found):
            attribute = self.phrase.transposed if name in ("T", "mT") else self.phrase.attribute
            return wrap(found, attribute(name))
        return lambda *args, **kwargs: self.method(name, args, kwargs)

    def method(self, name: str, args: Any, kwargs: Any) -> Any:
        value = getattr(self.value, name)(*unwrap(args), **unwrap(kwargs))
        if (name == "reshape" and value.shape == self.value.shape) or kwargs.get("axis") == ():
            return self
        call = function_call(name, [short(x) for x in args], kwargs, {})
        return wrap(value, self.phrase.attribute(call.text))

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        return wrap(self.value[unwrap(index)], self.phrase.subscript(parts, short))

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise ArgumentTypeError("operations on a plain NumPy array cannot be recorded")

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


def unwrap(value: Any) -> Any:
    """Return an argument, or a container of arguments, with plain arrays."""
    return map_leaves(lambda x: x.value if isinstance(x, Recorder) else x, value)


def wrap(value: Any, phrase: Phrase) -> Any:
    """Return an array, or a container of arrays, as recorders; what is no array stays as it is."""
    if isinstance(value, list | tuple):
        parts = [wrap(part, phrase.subscript(i, short)) for i, part in enumerate(value)]
        return getattr(value, "_make", type(value))(parts)
    if not hasattr(value, "dtype"):
        return value
    return Recorder(value, phrase._replace(text=shortened(phrase.text, MAX_LENGTH)))


def argument_names(rule: Any, count: int) -> list[str]:
    """Return the names that a rule's own signature gives its arguments, which follow g and z: x, y, ..."""
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
    g_name: str = "g",
) -> tuple[Any, str]:
    """Return the result of a rule and its formula.

    `names` are the names of z and of the arguments; for None, the rule's own name is used. `g` may be None: then it is
    ones. If the rule cannot be
    written as a formula, the formula is empty. If the rule fails on these arguments, the result is None as well.
    """
    own = ["z", *argument_names(rule, len(values))]
    words = [name or Phrase(letter) for name, letter in zip(names, own, strict=True)]
    if g is None:
        g = tuple(map(np.ones_like, z)) if isinstance(z, tuple) else np.ones_like(z)
    try:
        result = rule(wrap(g, Phrase(g_name)), wrap(z, words[0]), *map(wrap, values, words[1:]), **params)
        text = only_output(result) or short(result).text
        says_g = re.search(rf"(?<!\w){re.escape(g_name)}(?!\w)", text)
        return unwrap(result), text if says_g or "…" not in text else ""
    except Exception:  # the rule leaves NumPy's protocols, or is wrong
        with suppress(Exception):
            return rule(g, z, *values, **params), ""
        return None, ""


def only_output(result: Any) -> str:
    """Return `g to [1]` if a rule returns something for only one of several outputs, else an empty text."""
    given = [(i, part) for i, part in enumerate(result) if part is not None] if isinstance(result, tuple) else []
    return f"{short(given[0][1]).text} to [{given[0][0]}]" if len(given) == 1 and len(result) > 1 else ""


def docstring(row: Primitive) -> str:
    """Return a row's docstring: a summary, a line for each rule, and a doctest from the row's examples."""
    parts = [first_sentence(row)]
    case = first_case(row)
    if isinstance(row, NonDifferentiable):
        parts += ["It has no derivative; the result is a plain array."]
    elif case is not None:
        parts += [derivative_lines(row, case), doctest(row, case)]
    return "\n\n".join(part for part in parts if part) + "\n"


def first_sentence(row: Primitive) -> str:
    """Return the first sentence of the function's own docstring, after the signature that ufuncs put there."""
    paragraphs = (getattr(row.function, "__doc__", None) or f"{row.name}.").strip().split("\n\n")
    if "(" in paragraphs[0].split(" ")[0] and len(paragraphs) > 1:
        paragraphs = paragraphs[1:]
    return " ".join(paragraphs[0].split())


def first_case(row: Primitive) -> Example | None:
    """Return the row's first example that can be written as source, with random arrays."""
    plain = [Example((Drawn(2),) * len(row.rules), {})] if isinstance(row, Elementwise) else []
    for case in row.examples or plain:
        if not any(map(callable, flatten([case.args, case.kwargs])[0])):
            return Example(tuple(random_array(x, row.domain, seed) for seed, x in enumerate(case.args)), case.kwargs)
    return None


def random_array(x: Any, domain: tuple[float, float], seed: int) -> Any:
    """Return an example's argument with random numbers of two decimals in place of each `Drawn`."""
    if isinstance(x, list | tuple):
        return type(x)(random_array(part, domain, seed + 10 * i) for i, part in enumerate(x))
    if not isinstance(x, Drawn):
        return x
    low, high = x.domain or domain
    array = np.random.default_rng(seed).uniform(low, high, x.shape)
    return np.asarray(np.round(array if x.through is None else x.through(array), 2))


def derivative_lines(row: Primitive, case: Example) -> str:
    """Return a line for each rule, such as `dx = g * z` for exp."""
    arrays, params = row.bind(*case.args, **case.kwargs)
    z = row.kernel(*arrays, **params)
    rules = [row.rules[0]] if isinstance(row, Variadic) else row.rules
    lines = []
    for position, rule in enumerate(rules):
        if rule is not None:
            names = argument_names(rule, len(arrays))
            with np.errstate(all="ignore"):
                text = read_rule(rule, None, z, list(arrays), params, [None] * (1 + len(arrays)))[1]
            lines.append(f"    d{names[position]} = {text or '…'}")
    if not lines:
        return "No gradient passes."
    return "With g, the cotangent of the result z, the cotangents of the arguments are:\n\n" + "\n".join(lines)


def doctest(row: Primitive, case: Example) -> str:
    """Return an example as users call it; nothing for a row that they do not see."""
    where = namespace(row.name)
    if where is None:
        return ""
    listed = [literal(x).text for x in case.args] + [f"{key}={literal(x).text}" for key, x in case.kwargs.items()]
    call = f"{where}.{row.name}({', '.join(listed)})"
    result = row(*case.args, **case.kwargs)
    head = "Examples\n--------\n"
    if getattr(result, "ndim", 0) > 2:
        return f"{head}>>> {call}.shape\n{result.shape}"
    return f"{head}>>> {call}\n{result!r}"
