"""Run a function once under a trace, and return the steps that it took."""

from __future__ import annotations

import functools
import inspect
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.containers import flatten, has_dtype, walk_paths
from ..core.context import Mode, tracing
from ..core.errors import ArgumentTypeError, TraceError
from ..core.tensor import Tensor, constant
from ..random import generator_state
from .ir import ARGUMENT, CONSTANT, GRADIENT, RESULT, TENSOR, Steps, Value, new
from .outside import Outside
from .scalars import Scalar, StandIn, here
from .trace import LASTING, Trace, is_array, kept, memory_owner

GLOBAL_GENERATORS = [("np.random", np.random.mtrand._rand), ("random", random._inst)]
PLAIN = (Tensor, np.generic, int, float, complex, str, bytes, type(None), type, np.dtype)  # results besides arrays


def record(
    f: Any, args: Any, kwargs: Any, decompose: bool = True, outside: Any = None, moving: Any = (), undo: Any = None
) -> tuple[Any, Steps]:
    """Return the result of f, and the steps that it took.

    Parameters
    ----------
    f : callable
    args, kwargs
    decompose : bool
        Whether rows are spelled out as others, where they can be.
    outside : Outside, optional
        What f can reach; given by `mg.compile`, which runs f itself from then on where a program cannot be made. Then
        no value gets the name of the user's variable: to watch them takes as long as all the rest.
    moving : container of int
        The places of those float arguments that are inputs of the program, and no constants.
    undo : list of callable, optional
        Gets what puts back everything that f changes and that `outside` does not put back.
    """
    from ..core.names import watch

    if tracing():
        raise TraceError(f"a program is being written down already: {here()}. Call the plain function there.")
    if inspect.isgeneratorfunction(f) or inspect.iscoroutinefunction(f):
        raise TraceError(f"{f.__name__} only begins when it is called: give the function that computes what it yields.")
    named = outside is None
    tracer = Trace(decompose, named, undo)
    leaves, rebuild = flatten((args, kwargs))
    outside = outside or Outside(f, [*args, *kwargs.values()], strict=False)
    tracer.owners = outside.owners
    generators = [*GLOBAL_GENERATORS, *outside.generators]
    if undo is not None:
        undo += [put_back for x in leaves for put_back in kept(x)]
        undo += [functools.partial(put_mode, module, module.training) for module in outside.modules]
        undo += [generator_state(rng)[1] for _, rng in generators]
        for _, rng in generators:  # so that setting a state that it has already, as a seed does, is seen
            getattr(rng, "random_raw", getattr(rng, "random", None))()  # type: ignore[misc]
    tracer.generators = {id(rng): (path, rng, generator_state(rng)[0]) for path, rng in generators}
    modes = [module.training for module in outside.modules]
    given = [constant(np.array(x)) if i in moving else own_argument(x) for i, x in enumerate(leaves)]
    for position, x in enumerate(given):
        if isinstance(x, Tensor) and x not in tracer.values:
            tracer.values[x] = new(ARGUMENT, position, x._data)
            if not isinstance(leaves[position], Tensor):
                tracer.plain[x] = isinstance(leaves[position], np.generic)
    arguments = list(tracer.values.values())
    given = [Scalar.of(x, tracer) if i in moving else x for i, x in enumerate(given)]
    args, kwargs = rebuild(given)
    before = by_path(named_arguments(f, args, kwargs))
    marked = marks(given)
    name_arguments(before, tracer.values)
    with Mode(watch=tracer, trace=tracer):
        try:
            result, names = watch(functools.partial(f, *args, **kwargs)) if named else (f(*args, **kwargs), None)
            for drawn in tracer.generators.values():
                tracer.check_draw(*drawn)
            if tracer.refused:
                raise tracer.refused
            returned, rebuild_result = flatten(result)
            returned = [x.tensor if type(x) is Scalar else x for x in returned]
            if any(is_array(x) and id(memory_owner(x)) in tracer.owners for x in returned):
                tracer.spoil("it returns the memory of an array that it did not make. Return a copy.")
            if named or not tracer.spoiled:  # else f itself runs, and it may do both
                check_unchanged(f, before, by_path(named_arguments(f, args, kwargs)), tracer)
                if marked != marks(given):
                    what = f"{called_f(f)} sets what an argument is besides its values"
                    tracer.refuse_unless_eager(f"{what}. Set it before.")
                check_results(f, returned, tracer)
            ends = [tracer.end(x) if isinstance(x, Tensor) else x.copy("K") if is_array(x) else x for x in returned]
            if tracer.strict:
                tracer.check_modules(outside.modules)
        finally:
            gradients = tracer.finish()
    if names is not None:
        name_values(tracer, names)
    writes = [(at, tracer.values[x]) for x, at in tracer.targets.items() if at.kind in LASTING]
    owners = Counter(id(memory_owner(leaves[x.of])) for x in arguments)
    for target in (at for at, _ in writes if at.kind == ARGUMENT and owners[id(memory_owner(leaves[at.of]))] > 1):
        tracer.refuse_unless_eager(f"{target.name} is written to, and another argument shows that memory. Give a copy.")
    name = getattr(f, "__name__", "step")
    name = name if name.isidentifier() else "function"
    steps = Steps(name, tracer.steps, arguments, ends, rebuild_result, writes, gradients, spoiled=tracer.spoiled)
    steps.met = {x: g is not None for x, g in tracer.met.items() if x._order < tracer.start}
    steps.modules, steps.updates = list(tracer.modules.values()), tracer.updates
    steps.finite = [update.gradient for update in tracer.updates]
    steps.modes = [(m, m.training) for m, mode in zip(outside.modules, modes, strict=True) if m.training is not mode]
    return result, steps


def parameters_of(f: Any) -> Iterator[inspect.Parameter]:
    """The parameters of a function that tells them."""
    with suppress(TypeError, ValueError):
        yield from inspect.signature(f).parameters.values()


def named_arguments(f: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return each argument under its parameter's name, or its number."""
    parameters = list(parameters_of(f))
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    more = range(len(names), len(args))
    names += [f"{rest}[{i - len(names)}]" if rest else f"argument {i}" for i in more]
    given = dict(zip(names, args, strict=False))
    for name in given.keys() & kwargs.keys():
        raise ArgumentTypeError(f"{called_f(f)} was given {name} twice: by its place and by its name. Give it once.")
    return {**given, **kwargs}


def by_path(named: dict[str, Any]) -> dict[str, Any]:
    """Return the leaves of arguments and the types of the containers around them, by path."""
    found = (walked for name, tree in named.items() for walked in walk_paths(tree, name))
    return {path: x if is_leaf else type(x) for path, x, is_leaf in found}


def name_arguments(leaves: dict[str, Any], values: dict[Any, Value]) -> None:
    """Give arguments the names that the function has for them."""
    for path, x in leaves.items():
        tensor = x.tensor if type(x) is Scalar else x
        if isinstance(tensor, Tensor):
            values[tensor].name = values[tensor].name or tensor.name or path


def own_argument(x: Any) -> Any:
    """An argument as a Tensor that is nobody else's: f may know the same one under another name, of which no later call
    speaks. One that wants a gradient has to be itself."""
    if not has_dtype(x) or (isinstance(x, Tensor) and x._requires_grad):
        return x
    own = x.detach() if isinstance(x, Tensor) else constant(np.asarray(x))
    own.name, own.__class__ = getattr(x, "name", None), StandIn
    return own


def marks(given: list[Any]) -> list[Any]:
    """Return what Tensors that are not themselves are besides their values, which a program would not set."""
    return [(x._requires_grad, x._grad is None, x.name) for x in given if type(x) is StandIn]


def name_values(tracer: Trace, names: Any) -> None:
    """Give values the names that the user's frames gave them."""
    for value in tracer.inputs.values():
        name = names(value.of)
        value.name = f"d_{name}" if name and value.kind == GRADIENT else name
    for tensor, value in tracer.values.items():
        value = tracer.targets.get(tensor, value)
        if value.kind != CONSTANT:
            value.name = value.name or names(tensor)
    for value, module in tracer.outputs.items():
        if value.kind == RESULT and names.modules.get(id(module), ("", ""))[1]:
            value.name = value.name or names.in_module(id(module))


def check_unchanged(f: Any, before: dict[str, Any], after: dict[str, Any], tracer: Trace) -> None:
    """Refuse a function that changes a container that it was given: its program has only what is in it."""
    changed = [path for path in before | after if before.get(path, f) is not after.get(path, f)]
    if changed:
        what = f"{called_f(f)} changed {changed[0]} in a container that it was given, which its program would not do"
        cure = "Return what it makes and keep it outside, or hold it in a Tensor and write to that."
        tracer.refuse_unless_eager(f"{what}. {cure}")


def check_results(f: Callable[..., Any], returned: list[Any], tracer: Trace) -> None:
    """Refuse to return what a program makes no new one of."""
    owners = {id(memory_owner(x)) for x, value in tracer.values.items() if value.kind in (ARGUMENT, TENSOR, RESULT)}
    for x in returned:
        of_numbers = isinstance(x, np.ndarray) and x.dtype.kind in "biufc"
        if of_numbers and id(memory_owner(x)) in owners:
            what = f"{called_f(f)} returned the array {x.shape} inside a Tensor, which its program would return again"
            raise TraceError(f"{what} and again. Return the Tensor, or its .detach().")
        if not isinstance(x, PLAIN) and not of_numbers:
            what = f"{called_f(f)} returned an object of type {type(x).__name__}, and its program would return that one"
            cure = "Return Tensors, arrays, numbers, strings or None, in containers; make the rest outside."
            raise TraceError(f"{what} again. {cure}")


def called_f(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


def put_mode(module: Any, mode: bool) -> None:
    """Set a module's train mode; one that has it from its class keeps it from there."""
    if module.training is not mode:
        module.training = mode
