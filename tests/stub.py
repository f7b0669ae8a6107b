"""Writes micrograd_np/__init__.pyi from the table, for type checkers and editors: `python -m tests.stub`."""

import inspect
from pathlib import Path

import micrograd_np as mg
from micrograd_np.ops import FUNCTIONS
from micrograd_np.ops.primitive import Elementwise, MultiOutput, NonDifferentiable, Primitive

BINARY = "add sub mul truediv pow mod floordiv".split()
UNARY = "neg pos abs".split()
COMPARISONS = "lt le eq ne gt ge invert".split()
LOGIC = "and or xor lshift rshift".split()
METHODS = [name for name, f in vars(mg.Tensor).items() if name in FUNCTIONS and callable(f)]

PATH = Path(mg.__file__).with_suffix(".pyi")

HEAD = '''"""What a loop binds at import, declared for type checkers and editors. Made by `python -m tests.stub`."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from .core import tensor as _graph
{imports}

Operand = Any

__version__: str

class Tensor(_graph.Tensor):
{methods}

{functions}
'''


def parameters(function):
    """The parameters as a stub spells them: names, stars and defaults."""
    if isinstance(function, Elementwise):
        return ", ".join([f"{name}: Operand" for name in "xyzuv"[: len(function.rules)]] + ["/"])
    signature = inspect.signature((function.extended or function.bind) if isinstance(function, Primitive) else function)
    parts = []
    starred = False
    for p in signature.parameters.values():
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{star}{p.name.lstrip('_')}: Any{default}")
    return ", ".join(parts)


def result(function):
    if isinstance(function, NonDifferentiable):
        return "Any"
    return "tuple[Tensor, ...]" if isinstance(function, MultiOutput) else "Tensor"


def method_parameters(function):
    first, *rest = parameters(function).split(", ")
    return ", ".join(["self", *rest]) if not first.startswith("*") else f"self, {first}"


def methods():
    yield from (f"def __{symbol}__(self, other: Operand) -> Tensor: ..." for symbol in [*BINARY, "matmul"])
    yield from (f"def __r{symbol}__(self, other: Operand) -> Tensor: ..." for symbol in [*BINARY, "matmul"])
    yield from (f"def __{symbol}__(self, other: Operand) -> NDArray[Any]: ..." for symbol in LOGIC)
    yield from (f"def __r{symbol}__(self, other: Operand) -> NDArray[Any]: ..." for symbol in LOGIC)
    yield from (
        f"def __{symbol}__(self, other: Operand) -> tuple[Tensor, Tensor]: ..." for symbol in ("divmod", "rdivmod")
    )
    yield from (f"def __i{symbol}__(self, other: Operand) -> Tensor: ..." for symbol in BINARY)
    yield from (f"def __{symbol}__(self) -> Tensor: ..." for symbol in UNARY)
    yield "def __invert__(self) -> NDArray[Any]: ..."
    ordered = [symbol for symbol in COMPARISONS if symbol not in ("eq", "ne", "invert")]
    yield from (f"def __{symbol}__(self, other: Operand) -> NDArray[Any]: ..." for symbol in ordered)
    yield from (
        f"def __{symbol}__(self, other: object) -> NDArray[Any]: ...  # type: ignore[override]"
        for symbol in ("eq", "ne")
    )
    yield "def __getitem__(self, index: Any) -> Tensor: ..."
    yield "def __setitem__(self, index: Any, value: Operand) -> None: ..."
    yield "def __iter__(self) -> Iterator[Tensor]: ..."
    yield from (
        f"def __{name}__(self) -> {kind}: ..." for name, kind in {"len": "int", "float": "float", "int": "int"}.items()
    )
    yield from ("def numpy(self) -> NDArray[Any]: ...", "def item(self) -> Any: ...")
    yield "def assign(self, values: Operand) -> Tensor: ..."
    yield from (f"@property\n    def {name}(self) -> Tensor: ..." for name in ("T", "mT"))
    for name in METHODS:
        yield f"def {name}({method_parameters(FUNCTIONS[name])}) -> {result(FUNCTIONS[name])}: ..."


def functions():
    for name, function in sorted(FUNCTIONS.items()):
        if getattr(mg, name, None) is function:
            yield f"def {name}({parameters(function)}) -> {result(function)}: ..."


def imports():
    for name in mg.__all__:
        value = getattr(mg, name)
        if inspect.ismodule(value):
            yield f"from . import {name} as {name}"
        elif name not in FUNCTIONS and name != "Tensor":
            module = value.__module__.removeprefix("micrograd_np") or ".core.errors"  # exceptions show the public name
            yield f"from {module} import {name} as {name}"


def stub():
    return HEAD.format(
        imports="\n".join(sorted(imports())),
        methods="\n".join(f"    {line}" for line in methods()),
        functions="\n".join(functions()),
    )


if __name__ == "__main__":
    PATH.write_text(stub(), encoding="utf-8")
