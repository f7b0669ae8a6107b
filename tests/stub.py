"""Writes the stubs that type checkers and editors read, from the table and the public classes: `python -m tests.stub`.

A Tensor is declared as a kind of `np.object_`: then `a @ t` and `np.exp(t)` are Any for a checker, and `np.sum(t)` a
Tensor. Declared with `__array__`, all of these would be ndarrays, and `.backward()` on them an error.
"""

import ast
import inspect
import re
import textwrap
from pathlib import Path

import micrograd_np as mg
from micrograd_np import data, nn, optim
from micrograd_np.ops import FUNCTIONS
from micrograd_np.ops.primitive import Elementwise, MultiOutput, NonDifferentiable, Primitive

BINARY = "add sub mul truediv pow mod floordiv".split()
UNARY = "neg pos abs".split()
COMPARISONS = "lt le eq ne gt ge invert".split()
LOGIC = "and or xor lshift rshift".split()
METHODS = [name for name, f in vars(mg.Tensor).items() if name in FUNCTIONS and callable(f)]

PACKAGE = Path(mg.__file__).parent

HEAD = '''"""Declarations for type checkers and editors. Made by `python -m tests.stub`."""

# mypy: disable-error-code="misc, override, overload-cannot-match"
# pyright: reportGeneralTypeIssues=false, reportIncompatibleMethodOverride=false
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, TypeVarTuple, Unpack, overload

import numpy as np
from numpy.typing import NDArray

'''

MAIN = """{imports}
from .checking.report import GradcheckReport
from .nn import Module
from .optim import Optimiser
from .training.run import History

__version__: str
Operand = Any
_P = ParamSpec("_P")
_R = TypeVar("_R")

class Tensor(np.object_):
    def __new__(
        cls, data: Any, requires_grad: bool = ..., *, name: str | None = ..., dtype: Any = ...
    ) -> Tensor: ...
    name: str | None
    requires_grad: bool
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def is_leaf(self) -> bool: ...
    @property
    def data(self) -> NDArray[Any]: ...
    @data.setter
    def data(self, values: Any) -> None: ...
    @property
    def grad(self) -> NDArray[Any]: ...
    @grad.setter
    def grad(self, gradient: Any) -> None: ...
    def backward(self, gradient: Any = ..., *, retain_graph: bool = ..., create_graph: bool = ...) -> None: ...
    def detach(self) -> Tensor: ...
    def zero_grad(self) -> None: ...
{methods}

class _CustomOp:
    def __call__(self, *args: Any, **kwargs: Any) -> Tensor: ...
    def gradcheck(self, *inputs: Any, **options: Any) -> GradcheckReport: ...

class Compiled(Generic[_P, _R]):
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any: ...

@overload
def grad(f: Callable[..., Any], argnums: int = ..., has_aux: Literal[False] = ...) -> Callable[..., NDArray[Any]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Sequence[int], has_aux: Literal[False] = ...
) -> Callable[..., tuple[NDArray[Any], ...]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = ..., *, has_aux: bool
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def gradients(
    output: Tensor, tensors: Sequence[Tensor], gradient: Any = ..., *, create_graph: Literal[False] = ...
) -> list[NDArray[Any]]: ...
@overload
def gradients(
    output: Tensor, tensors: Sequence[Tensor], gradient: Any = ..., *, create_graph: bool
) -> list[Tensor]: ...
@overload
def compile(function: Callable[_P, _R], backend: str = ...) -> Compiled[_P, _R]: ...
@overload
def compile(
    function: None = ..., backend: str = ...
) -> Callable[[Callable[_P, _R]], Compiled[_P, _R]]: ...
{functions}
"""

# What a function returns, where its own annotation says less.
RETURNS = {
    "value_and_grad": "Callable[..., tuple[NDArray[Any], Any]]",
    **dict.fromkeys(("hessian", "hvp", "jacobian"), "Callable[..., NDArray[Any]]"),
    "vjp": "tuple[Any, Callable[..., Any]]",
    "custom_op": "Callable[[Callable[..., Any]], _CustomOp]",
    "trace": "Callable[..., Program]",
    "verify": "VerifyReport",
    "checkpoint": "Callable[_P, _R]",
    "no_grad": None,
}
WRITTEN = ("Tensor", "Compiled", "compile", "grad", "gradients")
TAKES = {("checkpoint", "f"): "Callable[_P, _R]"}
KNOWN = set(
    """
    Any Callable Collection Concatenate Generic GradcheckReport History Iterable Iterator Literal Mapping Module NDArray
    None Optimiser Parameter Picture Program Sequence Tensor VerifyReport bool bytes dict float int list np os set str
    tuple Schedule Unpack _CustomOp _P _R random Generator PathLike dtype
    """.split()
)
ALIASES = {"Path": "str | os.PathLike[str]", "Function": "Callable[..., Any]"}
ALIASES |= {"Params": "Iterable[Any]", "Pair": "tuple[float, float]", "Rng": "np.random.Generator | None"}


def parameters(function):
    """The parameters as a stub spells them: names, stars and defaults."""
    if isinstance(function, Elementwise):
        return ", ".join([f"{name}: Operand" for name in "xyzuv"[: len(function.rules)]] + ["/"])
    try:
        signature = inspect.signature(source_of_signature(function))
    except ValueError:
        return "*args: Any, **kwargs: Any"
    parts = []
    starred = False
    for p in signature.parameters.values():
        if p.name == "out":
            continue
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{star}{p.name.lstrip('_')}: Any{default}")
    return ", ".join(parts)


def source_of_signature(function):
    """A row's own signature; NumPy's for a row without derivative, which passes on all that it is given."""
    if isinstance(function, NonDifferentiable) and "bind" not in vars(function):
        return function.function
    return function.bind if isinstance(function, Primitive) else function


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
    yield from (f"def __{symbol}__(self, other: object) -> NDArray[Any]: ..." for symbol in ("eq", "ne"))
    yield "def __hash__(self) -> int: ..."
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
    for name in mg.__all__:
        value = getattr(mg, name)
        if name in WRITTEN or (name in FUNCTIONS and value is FUNCTIONS[name]):
            continue
        if inspect.isfunction(value):
            yield declared(name, value, RETURNS.get(name))
    for name, function in sorted(FUNCTIONS.items()):
        if getattr(mg, name, None) is function:
            yield f"def {name}({parameters(function)}) -> {result(function)}: ..."


def imports():
    for name in mg.__all__:
        value = getattr(mg, name)
        if inspect.ismodule(value):
            yield f"from . import {name} as {name}"
        elif inspect.isclass(value) and name not in WRITTEN:
            module = value.__module__.removeprefix("micrograd_np") or ".core.errors"  # exceptions show the public name
            yield f"from {module} import {name} as {name}"
    yield "from .checking.verify_report import VerifyReport"


def stub():
    return HEAD + MAIN.format(
        imports="\n".join(sorted(imports())),
        methods="\n".join(f"    {line}" for line in methods()),
        functions="\n".join(functions()),
    )


# Public classes of nn and optim, of their own signatures.


def annotated(kind):
    """An annotation in names that the stub knows; Any for the others."""
    text = "Any" if kind is inspect.Parameter.empty else kind if isinstance(kind, str) else "Any"
    text = re.sub(rf"\b({'|'.join(ALIASES)})\b", lambda found: ALIASES[found[0]], text)
    return "Any" if set(re.findall(r"[A-Za-z_]\w*", text)) - KNOWN else text


def declared(name, function, result=None, method=False):
    """A `def` of a function's own signature."""
    signature = inspect.signature(function)
    parts, starred = [], False
    for p in signature.parameters.values():
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        kind = TAKES.get((name, p.name)) or annotated(p.annotation)
        default = "" if p.default is p.empty else " = ..."
        parts.append("self" if method and p.name == "self" else f"{star}{p.name}: {kind}{default}")
    return f"def {name}({', '.join(parts)}) -> {result or annotated(signature.return_annotation)}: ..."


# What a call of a layer returns, where it is not one Tensor.
PAIRS = ("Recurrent", "RNN", "GRU", "LSTM", "MultiheadAttention")
CALLS = dict.fromkeys(PAIRS, "tuple[Tensor, Any]") | {"LSTMCell": "tuple[Tensor, Tensor]"}
HIDDEN = ("forward", "training", "update", "rate")

SEQUENTIAL = """class Sequential(Module, Generic[Unpack[_Layers]]):
    def __init__(self, *layers: Unpack[_Layers]) -> None: ...
    def __call__(self, x: Any) -> Tensor: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
{items}
    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential[Unpack[tuple[Any, ...]]]: ...
"""
ITEM = """    @overload
    def __getitem__(
        self: Sequential[{before}_Layer, Unpack[tuple[Any, ...]]], index: Literal[{place}]
    ) -> _Layer: ..."""


def sequential():
    """The layer at each of the first places has the type that it was given with."""
    items = [ITEM.format(before="Any, " * place, place=place) for place in range(12)]
    return SEQUENTIAL.format(items="\n".join(items))


def assignments(function):
    """The attributes that a constructor sets on self, each with its value, as text."""
    for node in ast.walk(function):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        for target in targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
            for one, value in pairs:
                if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "self":
                    yield one.attr, ast.unparse(value)


def attributes(cls):
    """The public attributes that a constructor sets, and their types: Parameter, Tensor, or that of the argument."""
    function = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__))).body[0]
    kinds = {x.arg: ast.unparse(x.annotation) for x in [*function.args.args, *function.args.kwonlyargs] if x.annotation}
    for name, text in assignments(function):
        kind = "Parameter" if re.search(r"Parameter\(|drawn\(", text) else "Tensor" if "Tensor(" in text else None
        if not name.startswith("_"):
            yield name, annotated(kind or kinds.get(text, "Any"))


def class_stub(cls, public):
    bases = [base.__name__ for base in cls.__mro__[1:] if base.__name__ in public][:1]
    lines = []
    if "__init__" in vars(cls) or not bases or bases == ["Module"]:
        taken = declared("__init__", cls, "None").replace("(", "(self, ", 1).replace("(self, )", "(self)")
        lines.append(taken)
    if "__signature__" in vars(cls):  # a layer of a function, whose options are attributes
        lines += [f"{name}: {annotated(p.annotation)}" for name, p in cls.__signature__.parameters.items()]
    elif issubclass(cls, nn.Module) and hasattr(cls.__init__, "__code__"):
        lines += [f"{name}: {kind}" for name, kind in dict(attributes(cls)).items()]
    if cls.__name__ == "Module":
        lines += ["training: bool", "def __call__(self, *args: Any, **kwargs: Any) -> Any: ..."]
    elif issubclass(cls, nn.Module):
        lines.append(declared("__call__", cls.forward, CALLS.get(cls.__name__, "Tensor"), method=True))
    for name, value in vars(cls).items():
        if name.startswith("_") or name in HIDDEN:
            continue
        if isinstance(value, property):
            lines += ["@property", f"def {name}(self) -> {'float' if name == 'lr' else 'Any'}: ..."]
            lines += [f"@{name}.setter", f"def {name}(self, value: Any) -> None: ..."] if value.fset else []
        elif inspect.isfunction(value):
            returned = "_Self" if name in ("train", "eval", "freeze", "requires_grad_") else None
            lines.append(declared(name, value, returned, method=True))
    if cls is optim.Optimiser:
        lines.append("param_groups: list[dict[str, Any]]")
    body = "\n".join(f"    {line}" for line in lines) or "    ..."
    return f"class {cls.__name__}{f'({bases[0]})' if bases else ''}:\n{body}\n"


def room(module, head):
    """The stub of a room: its classes, bases first, and its functions."""
    public = {name: getattr(module, name) for name in module.__all__}
    classes = [x for x in public.values() if inspect.isclass(x)]
    bases = {base for x in classes for base in x.__mro__ if base.__module__.startswith(module.__name__)}
    classes += sorted((x for x in bases - set(classes) if x.__name__ != "Function"), key=lambda x: x.__name__)
    names = {x.__name__ for x in classes}
    parts = [head]
    for cls in sorted(classes, key=lambda x: (len(x.__mro__), x.__name__)):
        if cls is nn.Parameter:
            taken = "cls, data: Any, *, name: str | None = ..., dtype: Any = ..."
            parts.append(f"class Parameter(Tensor):\n    def __new__({taken}) -> Parameter: ...\n")
        else:
            parts.append(sequential() if cls is nn.Sequential else class_stub(cls, names))
    for name, value in sorted(public.items()):
        if inspect.isfunction(value):
            unsaid = annotated(inspect.signature(value).return_annotation) == "Any"
            parts.append(declared(name, value, "Tensor" if module is nn and unsaid else None))
        elif inspect.ismodule(value):
            parts.append(f"from . import {name} as {name}")
    return "\n".join(parts) + "\n"


NN = """from .. import Tensor

_Self = TypeVar("_Self")
_Layer = TypeVar("_Layer")
_Layers = TypeVarTuple("_Layers")
"""


def nn_stub():
    made = room(nn, HEAD + NN)
    return re.sub(r"def (\w+)\(self(.*) -> _Self: ...", r"def \1(self: _Self\2 -> _Self: ...", made)


def optim_stub():
    return room(optim, HEAD + "from .. import Tensor\n")


def linalg_stub():
    lines = [f"def {name}({parameters(f)}) -> {result(f)}: ..." for name, f in sorted(mg.linalg.FUNCTIONS.items())]
    return HEAD + "from . import Tensor\n\nOperand = Any\n" + "\n".join(lines) + "\n"


def functional_stub():
    """The names of nn.functional, from where they are declared."""
    module = nn.functional
    lines = [f"from {'.' if name in nn.__all__ else '..'} import {name} as {name}" for name in module.__all__]
    return "\n".join([f'"""{module.__doc__.splitlines()[0]}"""', "", *lines]) + "\n"


def data_stub():
    """The names of data, from the modules that define them."""
    lines = [f"from .{getattr(data, x).__module__.rpartition('.')[2]} import {x} as {x}" for x in data.__all__]
    return "\n".join([f'"""{data.__doc__}"""', "", *lines]) + "\n"


STUBS = {
    PACKAGE / "__init__.pyi": stub,
    PACKAGE / "nn" / "__init__.pyi": nn_stub,
    PACKAGE / "nn" / "functional.pyi": functional_stub,
    PACKAGE / "data" / "__init__.pyi": data_stub,
    PACKAGE / "optim" / "__init__.pyi": optim_stub,
    PACKAGE / "linalg.pyi": linalg_stub,
}

if __name__ == "__main__":
    for path, made in STUBS.items():
        path.write_text(made(), encoding="utf-8")
