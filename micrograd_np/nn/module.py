"""Modules: a model is an object whose attributes are its parameters, its buffers and its parts."""

from __future__ import annotations

import copy
import textwrap
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import cures
from ..core.context import current_context, enter_call, leave_call, no_grad, tracing
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.names import caller_location, printable
from ..core.tensor import Tensor
from ..expressions.layout import Listing, aligned
from ..ops.primitive import as_array
from .validation import checked

PACKAGE = __name__.partition(".")[0] + "."


class Parameter(Tensor):
    """A leaf that training changes: a Tensor with `requires_grad=True`.

    Parameters
    ----------
    data : array_like
        The initial values: floating-point numbers, which are copied.
    name : str, optional
        The name for errors and pictures; without it, the path in the module, such as `layers.0.weight`.
    dtype : dtype, optional
        The dtype of the values; that of `data` without it.

    Examples
    --------
    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    @cures.answering
    def __init__(self, data: Any, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(data, requires_grad=True, name=name, dtype=dtype)


class Call(weakref.ref):  # type: ignore[type-arg]
    """One call of a module, in the scope of the ops that it runs: pictures draw each call as a group."""

    __slots__ = ()
    # Two calls of one module are two calls: a weak reference alone would be equal to another of the same module.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Module:
    """The base class of layers and models: write `forward`, set attributes, call it.

    Parameters, buffers and modules are found in the attributes, and in lists, tuples and dicts of them; there is no
    `super().__init__()` to remember. A part that is found twice counts once, under its first path.

    - A `Parameter` is a parameter; so is a leaf `Tensor(..., requires_grad=True)`, frozen later or not.
    - Any other leaf Tensor is a buffer, such as a running mean: part of the state, not trained.
    - A Tensor that is assigned while a module is called, such as `self.h = h` in `forward`, is neither, unless the
      attribute was a parameter or a buffer before; nor is the result of an op.

    Examples
    --------
    >>> import numpy as np
    >>> class Scale(Module):
    ...     def __init__(self, size):
    ...         self.weight = Parameter(np.ones(size))
    ...
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> [name for name, _ in Scale(3).named_parameters()]
    ['weight']
    """

    training: bool = True
    # _transient: names of attributes whose plain Tensors are not state. _trained: paths of plain Tensors that are
    # parameters. Both sets are replaced, never changed, so that a shallow copy of a module keeps its own.
    _transient: frozenset[str] = frozenset()
    _trained: frozenset[str] = frozenset()
    _is_ours = False  # the class is part of this package, so its forward holds no line of the user's

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._is_ours = cls.__module__.startswith(PACKAGE)
        if cls._is_ours and "__init__" in vars(cls):
            cls.__init__ = checked(cls.__init__)  # type: ignore[method-assign]
        if cls._is_ours and "Parameters\n" not in (cls.__doc__ or ""):
            document_like(cls, cls.__mro__[1])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = current_context()
        where = (context.where or caller_location()) if self._is_ours else None
        inside = enter_call(context, (*context.scope, Call(self)), where)
        try:
            output = self.forward(*args, **kwargs) if kwargs else self.forward(*args)
        finally:
            leave_call(context, inside)
        if context.trace is not None:
            context.trace.ran(self, output)
        return output

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Tensor | None):
            raise ArgumentTypeError(
                f"{type(self).__name__}.{name} is a Parameter, and {type(value).__name__} in its place would not be "
                f"trained. Write .{name}.data = values for other numbers, or .{name} = nn.Parameter(values)."
            )
        if isinstance(value, Tensor | dict | list | tuple):
            self._note(name, value)
        super().__setattr__(name, value)

    def _note(self, name: str, value: Any) -> None:
        """Remember the role of a Tensor, or of a container of Tensors, that an attribute is about to get."""
        is_parameter = isinstance(value, Parameter) or (
            isinstance(value, Tensor) and value.requires_grad and value.is_leaf
        )
        computed = self._is_running() or (isinstance(value, Tensor) and not value.is_leaf)
        if computed and not isinstance(value, Parameter):
            if not any(walk(vars(self).get(name))):
                super().__setattr__("_transient", self._transient | {name})
        else:
            if name in self._transient:
                super().__setattr__("_transient", self._transient - {name})
            if is_parameter and name not in self._trained:
                super().__setattr__("_trained", self._trained | {name})

    def _is_running(self) -> bool:
        """True during a call of this module, or of a module that contains it."""
        running = [entry() for entry in current_context().scope if isinstance(entry, Call)]  # their modules
        # A module that `forward` creates has no parent yet. Tensors that its constructor sets are its state.
        # The first test is for speed: most often the module runs itself, and nothing has to be walked.
        return any(part is self for part in running) or any(part is self for x in running for _, part, _ in walk(x))

    def _role(self, path: str, tensor: Tensor) -> type[Tensor] | None:
        """Return the role of the Tensor at a path: Parameter, or Tensor for a buffer, or None.

        A leaf that needs a gradient is remembered as a parameter, also for the time after it is frozen.
        """
        if isinstance(tensor, Parameter):
            return Parameter
        name, *below = path.split(".", 1)
        if name in self._transient or (below and not tensor.is_leaf):
            return None
        if path not in self._trained and tensor.requires_grad and tensor.is_leaf:
            super().__setattr__("_trained", self._trained | {path})
        return Parameter if path in self._trained else Tensor

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; each module writes its own.

        Parameters
        ----------
        *args, **kwargs : object
            The arguments that the module was called with.
        """
        raise ArgumentTypeError(
            f"{type(self).__name__} has no forward method: define forward(self, x) to say what it computes."
        )

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module, whose path is empty, and of all its parts."""
        return ((path, part) for path, part, _ in walk(self) if isinstance(part, Module))

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of parameters and buffers."""
        return ((path, part) for path, part, role in walk(self) if role in (Parameter, Tensor))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """(path, parameter), such as `layers.0.weight`."""
        return ((path, part) for path, part, role in walk(self) if role is Parameter)

    def modules(self) -> list[Module]:
        """This module and all its parts."""
        return [module for _, module in self.named_modules()]

    def parameters(self) -> list[Tensor]:
        """The parameters of this module and of all its parts."""
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self) -> int:
        """The count of numbers that training changes; frozen parameters are not counted."""
        return sum(parameter.size for parameter in self.parameters() if parameter.requires_grad)

    def train(self, mode: bool = True) -> Module:
        """Switch this module and its parts to training or evaluation; returns the module.

        Parameters
        ----------
        mode : bool
            True for training, False for evaluation.
        """
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: dropout passes everything, batch norm uses its running statistics."""
        return self.train(False)

    def freeze(self, frozen: bool = True) -> Module:
        """Exclude the parameters from training, or include them again; returns the module.

        Parameters
        ----------
        frozen : bool
            False lets them train again.
        """
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Let the parameters train, or freeze them; returns the module. `freeze` is the opposite.

        Parameters
        ----------
        requires_grad : bool
            False freezes them.
        """
        return self.freeze(not requires_grad)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the parameters' gradients.

        Parameters
        ----------
        set_to_none : bool
            True sets each `.grad` to None; False fills those that exist with zeros.
        """
        clear_gradients(self.parameters(), set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Copies of the parameters' and buffers' values, by path."""
        return {path: tensor.data.copy() for path, tensor in self.named_tensors()}

    def _torch_path(self, path: str) -> str:
        """The name that PyTorch has for the state at a path of this module."""
        return path

    @cures.answering
    def load_state_dict(self, state: Any) -> None:
        """Write values by path into parameters and buffers: all of them, or none and an error that lists each mismatch.

        Parameters
        ----------
        state : dict of arrays
            The dict that `state_dict` returned; or that of the same model in PyTorch, under PyTorch's names.

        Raises
        ------
        ValueError
            If names are missing or unknown, or shapes or dtypes differ; nothing has been written then.
        """
        if not isinstance(state, dict):
            kind = type(state).__name__
            raise ArgumentTypeError(f"load_state_dict takes the dict that state_dict gave, not a {kind}.")
        paths = {name: path for path, name in torch_names(self).items()}
        state = {paths.get(name, name): values for name, values in state.items()}
        load(type(self).__name__, dict(self.named_tensors()), state)

    def summary(self, *input_shapes: Any, dtype: Any = None) -> str:
        """A table of the parts: path, layer, shape of the output, parameters; for input of these shapes.

        Parameters
        ----------
        *input_shapes : tuple of int, or array
            One for each argument of `forward`, the batch included; or an input itself.
        dtype : dtype, optional
            The dtype of the input; the first parameter's without it. `int` for ids.
        """
        return Listing(summary_table(self, input_shapes, dtype))

    def __repr__(self) -> str:
        return value_text(self)

    _default_repr = __repr__  # value_text compares with it: a class with another __repr__ is shown by that one


def clear_gradients(parameters: list[Tensor], set_to_none: bool) -> None:
    """Set gradients to None, or those that are there to zeros."""
    if set_to_none and not tracing():  # a trace has to record the write, which only `.grad = ...` does
        for p in parameters:
            p._grad = None
        return
    for p in parameters:
        p.grad = None if set_to_none or p.grad is None else np.zeros(p.shape, p.dtype)


def document_like(cls: type, base: type) -> None:
    """Put the base's section on parameters, if it has one, into the docstring of a class, before its examples."""
    _, head, parameters = (base.__doc__ or "").partition("Parameters\n")
    if head:
        summary, _, examples = (cls.__doc__ or "").partition("Examples\n")
        parameters = parameters.partition("Examples\n")[0].rstrip()
        cls.__doc__ = f"{summary}{head}{parameters}\n\n    Examples\n{examples}"


def walk(root: Any, also: type = Module) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, part, role) of a module's tensors and modules, in the order in which they were set, each once.

    The role of a Tensor is Parameter, or Tensor for a buffer. Instances of `also` are found too, with their class as
    their role. The walk is a loop, not a recursion: only memory limits how deep models may be nested.
    """
    seen: set[int] = set()
    # Path and value; the innermost module that holds it, and the path from there.
    stack: list[tuple[str, Any, Any, str]] = [("", root, None, "")]
    while stack:
        path, value, owner, local = stack.pop()
        if not isinstance(value, (Tensor, Module, also, dict, list, tuple)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            role = owner._role(local, value) if owner is not None else Tensor
            if role:
                yield path, value, role
            continue
        parts: Any
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, list | tuple):
            parts = enumerate(value)
        else:
            yield path, value, type(value)
            owner, local = value, ""
            parts = vars(value).items() if isinstance(value, Module) else ()
        for key, child in reversed(list(parts)):
            stack.append((f"{path}.{key}" if path else str(key), child, owner, f"{local}.{key}" if local else str(key)))


@no_grad()
def load(owner: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write a state into tensors of the same names, shapes and dtypes; or write nothing and raise with what differs."""
    given = {name: as_array(values) for name, values in state.items()}
    if wrong := sorted(mismatches(tensors, given)):
        raise ArgumentError("\n  ".join([f"this state does not fit {owner}; nothing was changed.", *wrong]))
    for name, tensor in tensors.items():
        tensor.data = given[name]


# Values of one kind may replace each other. Where ours is None, any value may be loaded.
PLAIN: dict[str, Any] = {"True or False": bool, "a number": (int, float, complex), "a text": str, "None": type(None)}


def mismatches(
    ours: Any, given: Any, at: tuple[Any, ...] = (), opened: Callable[[Any, Any], Any] = lambda value, other: value
) -> Iterator[str]:
    """Yield lines on what is missing, unknown, of another kind, shape or dtype, or read-only.

    `opened(value, other)` returns the parts of an object that has a state, by name, and any other value as it is;
    `other` is what the value is compared with.
    """
    mine, theirs = opened(ours, given), opened(given, ours)
    if isinstance(mine, list | tuple) and isinstance(theirs, list | tuple):
        mine, theirs = dict(enumerate(mine)), dict(enumerate(theirs))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        yield from (f"missing: {dotted((*at, key))}" for key in mine.keys() - theirs.keys())
        yield from (f"unknown: {dotted((*at, key))}" for key in theirs.keys() - mine.keys())
        for key in mine.keys() & theirs.keys():
            yield from mismatches(mine[key], theirs[key], (*at, key), opened)
    elif mine is not None and kind_of(mine) != kind_of(theirs):
        yield f"{dotted(at)}: {kind_of(theirs)} given, {kind_of(mine)} needed"
    elif isinstance(mine, np.ndarray) and not mine.flags.writeable:
        yield f"{dotted(at)}: the array to load into is read-only; give a copy of it"


def kind_of(value: Any) -> str:
    """The kind of a value, as an error names it."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return f"{value.shape} {value.dtype.newbyteorder('=')}"
    if isinstance(value, np.random.Generator):
        return f"a {type(value.bit_generator).__name__} generator"
    if isinstance(value, dict):
        return f"a {type(value).__name__} of {len(value)}"
    return next((name for name, kinds in PLAIN.items() if isinstance(value, kinds)), f"a {type(value).__name__}")


def dotted(at: tuple[Any, ...]) -> str:
    """A place in a state, for a message."""
    return printable(".".join(map(str, at))) or "the state"


cures.install(Module, "Module")


def torch_names(model: Any) -> dict[str, str]:
    """Return the name in PyTorch of each parameter and buffer, by its path here.

    Most are the same. A module whose parts have other names in PyTorch gives them in `_torch_path`, as Sequential does.
    """
    modules = sorted(model.named_modules(), key=lambda entry: len(entry[0]), reverse=True)
    names = {}
    for path, _ in model.named_tensors():
        name = path
        # The innermost module first: the part of the name before it is then still a path of ours.
        for place, module in modules:
            head = f"{place}." if place else ""
            if path.startswith(head):
                name = head + module._torch_path(name[len(head) :])
        names[path] = name
    return names


# Modules as text: one line or several indented ones, and a table with the shapes of the outputs.

WIDTH = 100
DEEPEST = 20  # levels of nesting that are shown; a much deeper text would exceed Python's recursion limit


def call_text(name: str, parts: list[str], brackets: str = "()") -> str:
    """Return a name and its parts in brackets: all on one line if they fit, else each part on its own line."""
    line = f"{name}{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines = textwrap.indent(",\n".join(parts), "    ")
    return f"{name}{brackets[0]}\n{lines},\n{brackets[1]}"


def value_text(value: Any, around: tuple[Any, ...] = ()) -> str:
    """An attribute as text, such as `Linear(weight=Parameter(2, 3), bias=None)`; one that contains itself is `...`.

    Of a module, all attributes are shown except private ones, generators and `training`.
    """
    if any(value is each for each in around):
        return "..."
    inside = (*around, value)
    if isinstance(value, Tensor | np.ndarray):
        return f"{type(value).__name__}{value.shape}"
    if isinstance(value, list):
        return call_text("", [value_text(part, inside) for part in value], "[]")
    if isinstance(value, dict):
        entries = [f"{printable(str(key))}: {value_text(part, inside)}" for key, part in value.items()]
        return call_text("", entries, "{}")
    # A part that is no module, or a module with a text of its own.
    if around and type(value).__repr__ is not getattr(type(value), "_default_repr", None):
        return getattr(value, "__name__", None) or getattr(value, "name", None) or repr(value)
    if sum(isinstance(each, Module) for each in around) >= DEEPEST:
        return f"{type(value).__name__}(...)"
    shown = {name: part for name, part in vars(value).items() if name[0] != "_" and name != "training"}
    parts = [(name, part) for name, part in shown.items() if not isinstance(part, np.random.Generator)]
    return call_text(type(value).__name__, [f"{name}={value_text(part, inside)}" for name, part in parts])


def summary_table(model: Any, input_shapes: tuple[Any, ...], dtype: Any) -> str:
    """One row for each part, with the parameters that are not those of its own parts, and the sum."""
    dtype = dtype or next((parameter.dtype for parameter in model.parameters()), float)
    shapes = output_shapes(model, [x if hasattr(x, "shape") else np.zeros(x, dtype) for x in input_shapes])
    modules = dict(model.named_modules())
    counts: Counter[str] = Counter()
    for path, parameter in model.named_parameters():
        while path not in modules:
            path = path.rpartition(".")[0]
        counts[path] += parameter.size
    rows: list[tuple[str, ...]] = [("path", "layer", "output shape", "parameters")]
    for path, module in modules.items():
        rows.append((printable(path), type(module).__name__, shapes.get(path, "-"), f"{counts[path]:,}"))
    total = counts.total()
    rows.append(("total", "", "", f"{total:,}"))
    if frozen := total - model.num_parameters():
        rows.append(("frozen", "", "", f"{frozen:,}"))
    return "\n".join(aligned(rows, "<<<>"))


@no_grad()
def output_shapes(model: Any, inputs: list[Any]) -> dict[str, str]:
    """Run a copy of the model in evaluation mode; return the output shape of each part, by path."""
    model = copy.deepcopy(model).eval()
    shapes: dict[str, str] = {}

    def watched(path: str, forward: Any, *args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        shapes[path] = shape_text(output)
        return output

    for path, module in model.named_modules():
        module.forward = partial(watched, path, module.forward)
    model(*inputs)
    return shapes


def shape_text(output: Any) -> str:
    """The shape of an output, or those of several."""
    if isinstance(output, tuple | list):
        return ", ".join(map(shape_text, output))
    return str(getattr(output, "shape", "-"))
