"""A user's forward pass in a form that can be recorded, though it fills buffers or makes numbers of its values.

In a copy of its source, `out[i] = v` puts a new array in the place of `out`, and calls of `float`, `np.array` and the
like keep their argument's gradient. Lines and names are those of the user's file. If the source is not known, the
function itself is used.
"""

from __future__ import annotations
import __future__

import ast
import copy
import linecache
import math
from collections.abc import Iterator
from functools import cache, lru_cache
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ..core.backward import unbroadcast
from ..core.containers import flatten
from ..core.errors import ArgumentError
from ..core.names import is_users_file
from ..core.tensor import Tensor
from ..ops.primitive import Primitive, as_array
from .by_hand import as_method
from .flat_function import plain

Array = Any
MOST_COPIED = 20_000_000  # entries, in the copies of a buffer that is filled: all are kept for the backward pass


def recordable(f: Any) -> Any:
    """Return a function that does the same and can be recorded; what cannot be rewritten is returned as it is."""
    if isinstance(f, MethodType):
        return MethodType(recordable(f.__func__), f.__self__)
    if not isinstance(f, FunctionType) or not is_users_file(f.__code__.co_filename):
        return f
    try:
        made: dict[str, Any] = {}
        exec(rewritten(f.__code__, f.__code__.co_filename), f.__globals__, made)
        cells = [cell.cell_contents for cell in f.__closure__ or ()]
        again = made["_make"](*cells, put, np.s_, stand_in)
    except Exception:  # its source is not known, or not one that can be compiled again
        return f
    again.__defaults__, again.__kwdefaults__ = f.__defaults__, f.__kwdefaults__
    return again


@cache
def rewritten(code: CodeType, file: str) -> CodeType:
    """Return code that defines `_make`, which takes the free variables and what is below, and returns the function.

    The file is part of the cache's key: code of the same lines in another file is equal.
    """
    make = definition_of(code, "_put", "_index", "_stand_in")
    definition = make.body[0].body[0]
    Rewriter(definition).visit(definition)
    return compile(ast.fix_missing_locations(make), code.co_filename, "exec")


def definition_of(code: CodeType, *more: str) -> Any:
    """Return the source of a function, as the tree of a function `_make` of its free variables that returns it.

    Raises
    ------
    ArgumentError, SyntaxError, StopIteration
        If the source is not known, or is not what the code was compiled from.
    """
    linecache.checkcache(code.co_filename)
    flags = code.co_flags & __future__.annotations.compiler_flag
    tree, codes = module_of("".join(linecache.getlines(code.co_filename)), flags)
    if code not in codes and not by_pytest(code):
        raise ArgumentError("the file is not what it was when it was imported")
    found = (x for x in ast.walk(tree) if isinstance(x, ast.FunctionDef) and x.name == code.co_name)
    definition = next(x for x in found if code.co_firstlineno in (x.lineno, *(d.lineno for d in x.decorator_list)))
    definition = copy.deepcopy(definition)
    definition.decorator_list = []
    make: Any = ast.parse(f"def _make({', '.join([*code.co_freevars, *more])}): return {code.co_name}")
    make.body[0].body.insert(0, definition)
    return make


@lru_cache(maxsize=16)
def module_of(source: str, flags: int) -> tuple[ast.Module, set[CodeType]]:
    """Return the syntax tree of a file, and the code of all functions in it, which is equal if its lines are."""
    tree = ast.parse(source)
    # IPython compiles each statement by itself; a call np.f(x) then is other code, as np is not known as a module.
    parts = [tree, *(ast.Module([statement], []) for statement in tree.body)]
    made = [compile(part, "", "exec", flags, dont_inherit=True) for part in parts]
    return tree, {inner for each in made for inner in codes_in(each)}


def by_pytest(code: CodeType) -> bool:
    """Return whether pytest has rewritten the `assert` statements of a function: its code is then another."""
    return any("@pytest_ar" in each.co_names for each in codes_in(code))


def codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes_in(inner)


class Rewriter(ast.NodeTransformer):
    """Replaces writes into arrays by new arrays, and calls by calls of what stands in for the function."""

    def __init__(self, definition: ast.FunctionDef) -> None:
        every = list(ast.walk(definition))
        self.own = {x.arg for x in every if isinstance(x, ast.arg)}  # variables, which may be given a new array
        self.own |= {x.id for x in every if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
        self.held = 0

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
        value = ast.BinOp(loaded(copy.deepcopy(node.target)), node.op, node.value)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], value), node))

    def target(self, x: Any, later: list[ast.stmt]) -> Any:
        """Return a target without subscripts; add the statements that write what it holds into arrays."""
        if isinstance(x, ast.Tuple | ast.List):
            x.elts = [self.target(part, later) for part in x.elts]
        base = x
        while isinstance(base, ast.Subscript | ast.Attribute):
            base = base.value
        if not isinstance(x, ast.Subscript) or getattr(base, "id", None) not in self.own:
            return x
        self.held += 1
        name = f"_held{self.held}"
        index = ast.Subscript(ast.Name("_index", ast.Load()), x.slice, ast.Load())
        value = call_of("_put", x, loaded(x.value), index, ast.Name(name, ast.Load()))
        inner: list[ast.stmt] = []
        held = self.target(loaded(x.value, ast.Store()), inner)
        later += [ast.copy_location(ast.Assign([held], value), x), *inner]
        return ast.copy_location(ast.Name(name, ast.Store()), x)


def call_of(name: str, at: ast.AST, *args: Any) -> Any:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(args), []), at)


def loaded(x: Any, context: Any = None) -> Any:
    """Return a copy of a variable, attribute or entry, to be read or, in another context, to be written."""
    again = copy.copy(x)
    again.ctx = context or ast.Load()
    return again


def put(base: Any, index: Any, value: Any) -> Any:
    """Do what `base[index] = value` does; if gradients may flow, return a new array."""
    if isinstance(value, list | tuple):
        value = as_one_tensor(value)
    if not isinstance(base, Tensor) and not (isinstance(base, np.ndarray) and isinstance(value, Tensor)):
        base[index] = value
        return base
    index = tuple(map(plain_index, index)) if isinstance(index, tuple) else plain_index(index)
    if base.size**2 > MOST_COPIED * np.size(plain(base)[index]):
        raise ArgumentError("the buffer is too large to be recorded")
    if np.shape(index) == base.shape and index.dtype == bool and np.ndim(plain(value)) == 0:
        return np.where(index, value, base)
    return written(base, value, index=index)


def plain_index(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def write(x: Array, value: Array, index: Any) -> Array:
    again = np.array(x, dtype=np.result_type(x, value))
    again[index] = value
    return again


written = Primitive(
    write,
    lambda g, z, x, value, index: write(g, np.zeros(()), index),
    lambda g, z, x, value, index: unbroadcast(g[index], value.shape),
    bind=lambda x, value, index: ((as_array(x), as_array(value)), {"index": index}),
)


# What stands in for functions that make numbers of Tensors.


def as_one_tensor(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a list of Tensors as one Tensor, anything else as np.array does."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple) and any(isinstance(leaf, Tensor) for leaf in flatten(x)[0]):
        return np.stack([as_one_tensor(part) for part in x])
    return np.array(x, *args, **kwargs)


def number_of(x: Any = 0.0) -> Any:
    return np.reshape(x, ()) if isinstance(x, Tensor) else float(x)


MATH = ("exp", "log", "sqrt", "sin", "cos", "tanh", "fabs", "pow")
STAND_INS: dict[Any, Any] = {
    **{getattr(math, name): getattr(np, name) for name in MATH},
    **dict.fromkeys((np.array, np.asarray), as_one_tensor),
    **dict.fromkeys((float, np.float64), number_of),
    np.empty: np.zeros,  # what lies in new memory may be nan or huge, and differs from run to run
    np.empty_like: np.zeros_like,
    int: lambda *x: int(*map(plain_index, x)),
}


def stand_in(f: Any) -> Any:
    """Return what is called instead of a function: the user's own functions are rewritten, too."""
    f = as_method(f)
    if isinstance(f, FunctionType | MethodType):
        return recordable(f)
    return STAND_INS.get(f, f) if getattr(f, "__hash__", None) else f
