"""A user's forward pass in a form that can be recorded, though it fills buffers or makes numbers of its values.

In a copy of its source, `out[i] = v` puts a new array in the place of `out`, and calls of `float`, `np.array` and the
like keep their argument's gradient. Lines and names are those of the user's file. If the source is not known, the
function itself is used.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from functools import cache
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ..core.containers import flatten
from ..core.names import is_own_code
from ..core.tensor import Tensor
from ..ops.primitive import Bound, Primitive, as_array
from .calling import as_method
from .flat_function import plain

Array = Any
MOST_WRITTEN = 20_000_000  # entries, in all copies of buffers: they are kept for the backward pass


def recordable(f: Any) -> Any:
    """Return a function that does the same and can be recorded; what cannot be rewritten is returned as it is."""
    if isinstance(f, MethodType):
        return MethodType(recordable(f.__func__), f.__self__)
    if not isinstance(f, FunctionType) or not is_own_code(f.__code__.co_filename):
        return f
    try:
        made: dict[str, Any] = {}
        exec(rewritten(f.__code__), f.__globals__, made)
        cells = [cell.cell_contents for cell in f.__closure__ or ()]
        again = made["_make"](*cells, put, stand_in)
    except Exception:  # its source is not known, or not one that can be compiled again
        return f
    again.__defaults__, again.__kwdefaults__ = f.__defaults__, f.__kwdefaults__
    return again


@cache
def rewritten(code: CodeType) -> CodeType:
    """Return code that defines `_make(*free variables, _put, _stand_in)`, which returns the rewritten function."""
    lines, start = inspect.getsourcelines(code)
    inside = lines[0][:1].isspace()
    tree: Any = ast.parse("if 1:\n" * inside + "".join(lines))
    ast.increment_lineno(tree, start - 1 - inside)
    definition = tree.body[0].body[0] if inside else tree.body[0]
    definition.decorator_list = []
    make: Any = ast.parse(f"def _make({', '.join([*code.co_freevars, '_put', '_stand_in'])}): return {code.co_name}")
    make.body[0].body.insert(0, Rewriter().visit(definition))
    return compile(ast.fix_missing_locations(make), code.co_filename, "exec")


class Rewriter(ast.NodeTransformer):
    """Replaces writes into arrays by new arrays, and calls by calls of what stands in for the function."""

    def __init__(self) -> None:
        self.own: set[str] = set()  # variables of the function, which may be given a new array
        self.held = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        outer, self.own = self.own, {x.arg for x in ast.walk(node.args) if isinstance(x, ast.arg)}
        self.own |= {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
        self.generic_visit(node)
        self.own = outer
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        node.func = call_of("_stand_in", node.func, node.func)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        later: list[ast.stmt] = []
        node.targets = [self.target(x, later) for x in node.targets]
        return [node, *later]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        value = ast.copy_location(ast.BinOp(loaded(node.target), node.op, node.value), node)
        later: list[ast.stmt] = []
        return [ast.copy_location(ast.Assign([self.target(node.target, later)], value), node), *later]

    def target(self, x: Any, later: list[ast.stmt]) -> Any:
        """Return a target without subscripts; add the statements that write what it holds into arrays."""
        if isinstance(x, ast.Tuple | ast.List):
            x.elts = [self.target(part, later) for part in x.elts]
        if not isinstance(x, ast.Subscript) or not self.can_be_given(x.value):
            return x
        self.held += 1
        name = f"_held{self.held}"
        value = call_of("_put", x, loaded(x.value), index_of(x.slice), ast.Name(name, ast.Load()))
        base = self.target(stored(x.value), inner := [])
        later += [ast.copy_location(ast.Assign([base], value), x), *inner]
        return ast.copy_location(ast.Name(name, ast.Store()), x)

    def can_be_given(self, x: Any) -> bool:
        """Return whether a variable, attribute or entry may be given a new array."""
        while isinstance(x, ast.Subscript | ast.Attribute):
            x = x.value
        return isinstance(x, ast.Name) and (x.id in self.own)


def call_of(name: str, at: ast.AST, *args: Any) -> Any:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(args), []), at)


def loaded(x: Any) -> Any:
    return as_context(x, ast.Load())


def stored(x: Any) -> Any:
    return as_context(x, ast.Store())


def as_context(x: Any, context: Any) -> Any:
    """Return a copy of a variable, attribute or entry, to be read or to be written."""
    fields = {name: value for name, value in ast.iter_fields(x) if name != "ctx"}
    return ast.copy_location(type(x)(**fields, ctx=context), x)


def index_of(x: Any) -> Any:
    """Return an index as an argument: slices as calls."""
    if isinstance(x, ast.Tuple):
        return ast.copy_location(ast.Tuple([index_of(part) for part in x.elts], ast.Load()), x)
    if isinstance(x, ast.Slice):
        return call_of("slice", x, *(part or ast.Constant(None) for part in (x.lower, x.upper, x.step)))
    return x


def put(base: Any, index: Any, value: Any) -> Any:
    """Do what `base[index] = value` does; if gradients may flow, return a new array."""
    value = array_of(value)
    if not isinstance(base, Tensor) and not (isinstance(base, np.ndarray) and isinstance(value, Tensor)):
        base[index] = value
        return base
    index = tuple(map(plain_index, index)) if isinstance(index, tuple) else plain_index(index)
    if np.shape(index) == base.shape and index.dtype == bool and np.ndim(plain(value)) == 0:
        return np.where(index, value, base)
    return written(base, value, index=index)


def plain_index(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def bind_written(x: Any, value: Any, index: Any) -> Bound:
    return (as_array(x), as_array(value)), {"index": index}


def write(x: Array, value: Array, index: Any) -> Array:
    again = np.array(x, dtype=np.result_type(x, value))
    again[index] = value
    return again


def written_value(g: Array, z: Array, x: Array, value: Array, index: Any) -> Array:
    part = g[index]
    extra = np.ndim(part) - np.ndim(value)
    part = np.sum(part, axis=tuple(range(extra)))
    spread = tuple(i for i, n in enumerate(np.shape(value)) if n == 1 != part.shape[i])
    return np.sum(part, axis=spread, keepdims=True)


written = Primitive(
    write,
    lambda g, z, x, value, index: write(g, np.zeros(()), index),
    written_value,
    bind=bind_written,
)


# What stands in for functions that make numbers of Tensors.


def array_of(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a list of Tensors as one Tensor, anything else as np.array does."""
    if isinstance(x, list | tuple) and any(isinstance(leaf, Tensor) for leaf in flatten(x)[0]):
        return np.stack([array_of(part) if isinstance(part, list | tuple) else part for part in x])
    return x


def as_array_of(x: Any, *args: Any, **kwargs: Any) -> Any:
    found = array_of(x)
    return found if isinstance(found, Tensor) else np.array(x, *args, **kwargs)


def number_of(x: Any = 0.0) -> Any:
    return x.reshape(()) if isinstance(x, Tensor) else float(x)


STAND_INS: dict[Any, Any] = {
    float: number_of,
    int: lambda *x: int(*map(plain_index, x)),
    np.array: as_array_of,
    np.asarray: as_array_of,
    np.float64: number_of,
    **{getattr(math, name): getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "fabs", "pow")},
}


def stand_in(f: Any) -> Callable[..., Any]:
    """Return what is called instead of a function: the user's own functions are rewritten, too."""
    f = as_method(f)
    if isinstance(f, FunctionType | MethodType):
        return recordable(f)
    return STAND_INS.get(f, f) if getattr(f, "__hash__", None) else f
