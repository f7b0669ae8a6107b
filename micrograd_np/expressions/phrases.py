"""Pieces of formulas: text with the precedence of its outermost operator; numbers, arrays and calls of ops.

A call of an op is written twice: for a reader (`formula`), and as NumPy source that runs (`spelled`).
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from ..custom import CustomOp
from ..ops.indexing import join_index, placed, scattered

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)
ARITHMETIC = {"**": POWER, "*": PRODUCT, "@": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "+": SUM, "-": SUM}
Params = dict[str, Any]
PRECEDENCE = ARITHMETIC | {"<<": SHIFT, ">>": SHIFT, "&": AND, "^": XOR, "|": OR}


class Phrase(NamedTuple):
    """Text with the precedence of its outermost operator."""

    text: str
    precedence: int = ATOM

    def within(self, precedence: int) -> str:
        """Return the text, in brackets if it binds less tightly than its surroundings."""
        return self.text if self.precedence >= precedence else f"({self.text})"

    def attribute(self, name: str) -> Phrase:
        return Phrase(f"{self.within(ATOM)}.{name}")

    def method(self, name: str, *listed: str) -> Phrase:
        return Phrase(f"{self.within(ATOM)}.{name}({', '.join(listed)})")

    def subscript(self, index: Any, literal: Callable[[Any], Phrase]) -> Phrase:
        parts = index if isinstance(index, tuple) else (index,)
        return Phrase(f"{self.within(ATOM)}[{', '.join(literal(part).text for part in parts) or '()'}]")

    def transposed(self, attribute: str = "T") -> Phrase:
        """Return `x.T`; of `x.T`, `x`."""
        text, suffix = self.within(ATOM), f".{attribute}"
        return Phrase(text.removesuffix(suffix) if text.endswith(suffix) else text + suffix)

    def infix(self, operator: str, right: Phrase) -> Phrase:
        precedence = PRECEDENCE.get(operator, COMPARISON)
        if operator == "**":
            return Phrase(f"{self.within(POWER + 1)}**{right.within(POWER)}", POWER)
        of_left = precedence + 1 if precedence == COMPARISON else precedence  # a < b < c differs from (a < b) < c
        return Phrase(f"{self.within(of_left)} {operator} {right.within(precedence + 1)}", precedence)

    def prefix(self, operator: str) -> Phrase:
        return Phrase(operator + self.within(UNARY), UNARY)


NOTHING = Phrase("")


def operation(operator: str, args: list[Phrase]) -> Phrase:
    """Return a formula with an operator before its one operand, or between its two."""
    return args[0].infix(operator, args[1]) if len(args) == 2 else args[0].prefix(operator)


def call(name: str, *listed: str) -> Phrase:
    return Phrase(f"{name}({', '.join(listed)})")


def literal(value: Any) -> Phrase:
    """Write a number, slice, dtype, container or array as Python source that makes the same value."""
    return write_value(value, exact_leaf)


def short(value: Any) -> Phrase:
    """Write a value for a reader: numbers of four digits, no `np.`, and … for an array."""
    return write_value(value, short_leaf)


def write_value(value: Any, leaf: Callable[[Any], Phrase]) -> Phrase:
    """Write a slice or a container, which `literal` and `short` write alike; `leaf` writes what is in it."""
    if isinstance(value, Phrase):
        return value
    if isinstance(value, slice):
        ends = [value.start, value.stop] if value.step is None else [value.start, value.stop, value.step]
        return Phrase(":".join("" if end is None else str(end) for end in ends))
    if value is Ellipsis:
        return Phrase("...")
    if isinstance(value, list | tuple):
        inner = ", ".join(write_value(part, leaf).text for part in value)
        if isinstance(value, list):
            return Phrase(f"[{inner}]")
        return Phrase(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, dict):
        return Phrase("{" + ", ".join(f"{key!r}: {write_value(part, leaf).text}" for key, part in value.items()) + "}")
    return leaf(value)


def exact_leaf(value: Any) -> Phrase:
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        name = np.dtype(value).name
        return Phrase(f"np.{name}" if hasattr(np, name) and name != "bool" else repr(np.dtype(value).str))
    if isinstance(value, np.ndarray):
        return array_literal(value)
    if isinstance(value, np.generic):
        return Phrase(f"np.{value.dtype.name}({number_literal(value.item()).text})")
    return number_literal(value)


def short_leaf(value: Any) -> Phrase:
    if hasattr(value, "phrase"):  # of a Recorder
        return value.phrase  # type: ignore[no-any-return]
    if isinstance(value, np.dtype | type):
        return Phrase(np.dtype(value).name)
    if hasattr(value, "dtype"):
        if value.ndim:
            return Phrase("…")
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return Phrase(text, UNARY if text.startswith("-") else ATOM)


def number_literal(value: Any) -> Phrase:
    text = repr(value)
    if isinstance(value, str) and '"' not in text:
        text = f'"{text[1:-1]}"'
    if isinstance(value, float):
        text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)
    if isinstance(value, complex) and not (np.isfinite(value) and repr(eval(text)) == text):
        text = f"complex({number_literal(value.real).text}, {number_literal(value.imag).text})"  # -1j has a real -0.0
    return Phrase(text, UNARY if text.startswith("-") else ATOM)


def shape_literal(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def array_literal(data: Any) -> Phrase:
    """Return the shortest call of NumPy that makes an array, else one with all its numbers."""
    known = constructor(data)
    return call(*known) if known else Phrase(f"np.array({literal(data.tolist()).text}{dtype_argument(data)})")


def dtype_argument(data: Any) -> str:
    """Return `, np.float32`; nothing for the dtypes that NumPy gives to Python's numbers."""
    return "" if data.dtype in (float, int, bool) else f", {literal(data.dtype).text}"


def constructor(data: Any) -> tuple[str, str] | None:
    """Return NumPy's function for equal numbers, a diagonal, a triangle or a range, with its arguments; else None."""
    kind = literal(data.dtype).text if data.dtype != bool else "bool"
    dtype = dtype_argument(data)
    if not data.size:
        return "np.zeros", shape_literal(data.shape) + dtype
    if any(n > 1 and not step for n, step in zip(data.shape, data.strides, strict=True)):
        # Keep the zero strides: BLAS adds up a broadcast number in another order, so the last bits would differ.
        part = data[tuple(slice(None) if step else slice(1) for step in data.strides)]
        if part.size > 1:
            return "np.broadcast_to", f"{array_literal(part).text}, {data.shape}"
        one = number_literal(part.item()).text
        return "np.broadcast_to", f"{one if not dtype else f'{kind}({one})'}, {data.shape}"
    first = data.flat[0].item()
    if data.ndim and data.tobytes() == data.flat[0].tobytes() * data.size:
        if repr(first) in ("0.0", "1.0"):
            return "np.zeros" if first == 0 else "np.ones", shape_literal(data.shape) + dtype
        return "np.full", f"{shape_literal(data.shape)}, {number_literal(first).text}{dtype}"
    if data.ndim == 2 and min(data.shape) > 1 and data.dtype.kind in "bif":
        rows, columns = data.shape
        dtype = "" if data.dtype == float else f", dtype={kind}"
        if same_bits(data, np.eye(rows, columns, dtype=data.dtype)):
            return "np.eye", (str(rows) if rows == columns else f"{rows}, {columns}") + dtype
        for k in (0, -1):
            if same_bits(data, np.tri(rows, columns, k, dtype=data.dtype)):
                return "np.tri", f"{rows}, {columns}, {k}{dtype}"
    if data.ndim == 1 and data.size > 4 and data.dtype == int and same_bits(data, np.arange(first, first + data.size)):
        return "np.arange", str(data.size) if first == 0 else f"{first}, {first + data.size}"
    return None


def same_bits(x: Any, y: Any) -> bool:
    return (x.shape, x.dtype) == (y.shape, y.dtype) and x.tobytes() == y.tobytes()


BEFORE_ARRAYS = ("subscripts",)  # parameters that are written without their names
AFTER_ARRAYS = ("indices_or_sections", "shape")
OMITTED = ("dtype", "order", "like", "optimize")  # parameters that a formula never has
# Defaults of a window's parameters, which its functions give no default. Its size is always written.
WINDOW_DEFAULTS = {"kernel": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def formula(op: Any, args: list[Phrase], params: Params) -> Phrase:
    """Write a call of an op for a reader, given how its arguments are written."""
    if op.sign and 0 < len(args) <= 2:
        return operation(op.sign, args)
    if op.formula and args:
        return op.formula(args, params, short)  # type: ignore[no-any-return]
    before, after = ([short(params[key]) for key in keys if key in params] for keys in (BEFORE_ARRAYS, AFTER_ARRAYS))
    named = {key: value for key, value in params.items() if key not in BEFORE_ARRAYS + AFTER_ARRAYS}
    known = WINDOW_DEFAULTS | defaults(op.function, op.bind)
    return function_call(op.name.lstrip("_"), [*before, *args, *after], named, known)


def function_call(name: str, args: list[Phrase], params: Params, known: Mapping[str, Any]) -> Phrase:
    """Write a call by name, without the parameters that have the known defaults."""
    written = {key: value for key, value in params.items() if key not in OMITTED}
    return call(name, *(part.text for part in args), *keywords(written, known, short))


def keywords(
    params: Params, known: Mapping[str, Any], write: Callable[[Any], Phrase], required: Any = None, unpack: bool = True
) -> list[str]:
    """Return parameters as keywords, without those that have the known defaults.

    `required` is compared with a parameter that has no default. With `unpack`, a size that is the same for all axes of
    a window, and a single axis, are written as numbers.
    """
    listed = []
    for key, value in params.items():
        if unpack and isinstance(value, tuple) and (key in WINDOW_DEFAULTS or (key == "axis" and len(value) == 1)):
            value = value[0] if len(set(value)) == 1 else value
        if not is_default(value, known.get(key, required)):
            listed.append(f"{key}={write(value).text}")
    return listed


def is_default(value: Any, default: Any) -> bool:
    """Return whether a parameter need not be written. None and False say nothing, unless the default is another."""
    if value is None or value is False:
        return default is None or default is False or type(default).__name__ == "_NoValueType"
    return not isinstance(value, np.ndarray) and bool(value == default)


@functools.cache
def defaults(*functions: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of some functions' parameters, those of a later function first."""
    found: dict[str, Any] = {}
    for function in functions:
        with suppress(TypeError, ValueError):  # a ufunc has no signature
            known = inspect.signature(function).parameters.values()
            found |= {each.name: each.default for each in known if each.default is not each.empty}
    return found


BRACKETS = re.compile(r"[(\[]((?:[^()\[\]]|[(\[]…[)\]])+)[)\]]")  # innermost brackets: `(a, g(…))` in `f(a, g(…))`
NESTING = {"(": 1, "[": 1, ")": -1, "]": -1}


def shortened(text: str, width: int) -> str:
    """Cut a text to a width: replace the last arguments in the innermost brackets by …, then go outwards."""
    while len(text) > width:
        places = [found for found in BRACKETS.finditer(text) if found[1] != "…"]
        if not places:
            words = text[: width - 2].rpartition(", ")[0]
            if words:
                return f"{words}, …"
            words = text[: width - 1].rpartition(" ")[0]
            return f"{words} …" if len(words) > width // 2 else text[: width - 1] + "…"
        depths = list(accumulate(NESTING.get(letter, 0) for letter in text))
        deepest = max(places, key=lambda found: depths[found.start()])
        words = deepest[1].removesuffix(", …").rpartition(", ")[0]
        inner = f"{words}, …" if words else "…"
        text = text[: deepest.start() + 1] + inner + text[deepest.end() - 1 :]
    return text


# NumPy source of one step: an operator, a method, a call, or a call of the row's own kernel.


def dot(args: list[Phrase], params: Params) -> Phrase:
    left, right = args
    return left.method("dot", right.text) if left.precedence == ATOM else call("np.dot", left.text, right.text)


def scatter(args: list[Phrase], params: Params) -> Phrase:
    parts, is_single = params["index"], len(args) == 1
    index = ", ".join(literal(part).text for part in join_index(parts, tuple(args[1:])))
    if len(parts) == 1 and not is_single:
        index += ","
    if any(isinstance(part, slice) for part in parts):
        index = f"np.s_[{index}]"
    elif not is_single or len(parts) > 1:
        index = f"({index})"
    return call("placed" if is_single else "scattered", args[0].text, index, literal(params["shape"]).text)


def concatenate(args: list[Phrase], params: Params) -> Phrase:
    return call("np.concatenate", f"[{', '.join(x.text for x in args)}]", *exact_keywords(np.concatenate, params))


def einsum(args: list[Phrase], params: Params) -> Phrase:
    optimize = [f"optimize={literal(params['optimize']).text}"] if params["optimize"] is not False else []
    return call("np.einsum", literal(params["subscripts"]).text, *[x.text for x in args], *optimize)


def draw(args: list[Phrase], params: Params) -> Phrase:
    listed = [literal(x).text for x in params["args"]]
    listed += [f"{key}={literal(value).text}" for key, value in params["kwargs"].items()]
    drawn = args[0].method(params["method"], *listed)
    return call("np.asarray", drawn.text) if params["number"] else drawn


def split(args: list[Phrase], params: Params) -> Phrase:
    cut = call("np.split", args[0].text, *[literal(params[key]).text for key in ("indices_or_sections", "axis")])
    return Phrase(f"[piece.copy() for piece in {cut.text}]")


OWN = {function.__name__: function for function in (dot, scatter, concatenate, einsum, split, draw)}


def spelled(op: Any, args: list[Phrase], params: Params) -> Phrase:
    """A step, given how its inputs are written."""
    if op.spelling:
        return OWN[op.spelling](args, params)
    if op.sign and len(args) <= 2:
        return operation(op.sign, args)
    if has_method(op):
        return op.formula(args, params, literal)  # type: ignore[no-any-return]
    listed = [x.text for x in args]
    return call(function_name(op), *listed, *exact_keywords(kernel_of(op), params))


def function_name(op: Any) -> str:
    """`np.exp`, `np.linalg.inv`; for a kernel of ours its own name."""
    kernel = kernel_of(op)
    if not is_numpys(kernel):
        return str(kernel.__name__)
    module = getattr(kernel, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{kernel.__name__}"


def kernel_of(op: Any, inputs: int = 1) -> Any:
    """The function that computes; for several outputs, that which gives them as a tuple."""
    if op.spelling == "scatter":
        return scattered if inputs > 1 else placed  # an index of arrays may name an entry twice
    return op.function if isinstance(op, CustomOp) else inspect.unwrap(op.kernel, stop=is_numpys)


def is_numpys(kernel: Any) -> bool:
    return isinstance(kernel, np.ufunc) or str(getattr(kernel, "__module__", "")).split(".")[0] == "numpy"


def exact_keywords(function: Any, params: Params) -> list[str]:
    """Return parameters as keywords of source, without those that have the function's defaults."""
    return keywords(params, defaults(function), literal, inspect.Parameter.empty, unpack=is_numpys(function))


def has_method(op: Any) -> bool:
    """Return whether a row's formula serves as Python source: the row has a formula and no decomposition."""
    return op.formula is not None and op.decomposition is None


def needs_kernel(op: Any) -> bool:
    """Return whether a step calls a function of this package, which must then be printed with the source."""
    return op.spelling == "scatter" or not (op.spelling or has_method(op) or is_numpys(kernel_of(op)))
