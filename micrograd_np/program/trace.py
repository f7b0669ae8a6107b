"""Watch a function run: every op that it calls becomes a step of a program."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.backward import Pull
from ..core.containers import flatten, has_dtype
from ..core.context import no_grad
from ..core.dispatch import apply, single
from ..core.errors import TraceError, describe
from ..core.names import caller_location
from ..core.tensor import Tensor, as_ndarray, constant
from ..core.versions import Memory, copy_with_strides, memory_of, next_id
from ..expressions.phrases import constructor, is_numpys, kernel_of, same_bits
from ..ops import TABLE
from ..ops.calls import is_half, rounded
from ..ops.primitive import NonDifferentiable, as_array, item
from ..ops.shape import alias, hook
from ..random import generator_state
from .bytecode import operator_at
from .ir import ARGUMENT, ARRAY, CONSTANT, GENERATOR, GRADIENT, RESULT, TENSOR, Step, Update, Value, new
from .scalars import Scalar, StandIn, here

Undo = Callable[[], Any]
LASTING = (ARGUMENT, TENSOR)  # kinds of values that exist before the function runs and after it
SAME = (alias, hook)  # ops whose result holds the same value as their argument
# Ops whose in-place form, such as `x &= y`, writes into an array but makes a new Tensor.
REBOUND = [TABLE[name] for name in "bitwise_and bitwise_or bitwise_xor left_shift right_shift matmul".split()]
COPIES = (TABLE["split"], TABLE["conjugate"])  # they copy a Tensor; NumPy's give views of an array
astype = TABLE["astype"]


# NumPy 2.0 takes a number of a class of the user's for one of Python's; newer versions make an array of it.
MAKES_ARRAYS = (np.ones(1, np.float32) * type("Whole", (int,), {})(1)).dtype == np.float64
LISTED = 64  # a program's text lists the entries of a constant up to this many; a larger one is an input
CURE = (
    "Choose with mg.where instead of if, keep numbers as Tensors, or do it outside: before the call, and give the "
    "result as an argument, or after it."
)
CURES = {
    "a copy by copy or pickle": "Write t.copy().",
    "the hash": "Look it up before the call, and give what was found as an argument.",
    "an index": "Write mg.take(array, index, axis=0) for array[index].",
    "conversion to an array": (
        "Leave it out, for arguments are Tensors here; or convert before, and give the array. If v[:] = values writes "
        "into an array of yours, hold that in a Tensor and write v.assign(values)."
    ),
    "t[index] = values": (
        "Write t.assign(values) for all of a Tensor; for a part of it np.where(chosen, values, t), or t + "
        "mg.scatter(values, index, shape=t.shape)."
    ),
}


class Trace:
    """A watcher of ops: it makes a step of each, and remembers which value each tensor holds now."""

    def __init__(self, decompose: bool = True, strict: bool = True, undo: list[Undo] | None = None) -> None:
        self.decompose = decompose  # whether an op with a decomposition is recorded as its parts
        self.strict = strict  # whether a use of concrete values raises; if not, the run goes on but gives no program
        self.undo = undo  # a list that collects functions which restore the Tensors used in this run; None: not wanted
        self.owners: set[int] = set()  # ids of the memory owners of arrays that existed before the function ran
        self.generators: dict[int, tuple[str, Any, Any]] = {}  # path, generator, and the state that `mg.sample` left
        self.kept: list[Any] = []  # arrays kept alive, so that no other object gets their ids
        self.spoiled: str | None = None  # why no program is made of this run; its results are right
        self.refused: TraceError | None = None  # raised again at the end, if the function caught it
        self.steps: list[Step] = []
        self.rules = 0  # how many backward rules run now, one inside the other
        self.start = next_id()
        self.settings = settings()
        self.values: dict[Tensor, Value] = {}
        self.inputs: dict[tuple[str, int], Value] = {}
        self.targets: dict[Tensor, Value] = {}  # each written tensor, and the value that it was before the first write
        self.whole: dict[Tensor, Tensor] = {}  # an alias of a whole tensor, and that tensor: a write to one is to both
        self.written: dict[Memory, Tensor] = {}  # each written memory, and the tensor that the write went through
        self.touched: set[Tensor] = set()  # tensors whose .grad the function itself set or cleared
        self.met: dict[Tensor, Tensor | None] = {}  # the .grad of tensors before the run, if the function read it
        self.modules: dict[int, Any] = {}  # the modules that ran, by id
        self.updates: list[Update] = []  # the optimiser updates that ran, in order
        self.update = 0  # the number of the update that is running, from 1 on; 0 outside of all
        self.outputs: dict[Value, Any] = {}  # an output, and the innermost module that returned it
        # Tensors that are no Tensors without a trace: True for a NumPy number, False for an array, None if unknown
        self.plain: dict[Tensor, bool | None] = {}
        self.view_memory = set[Memory]()  # memory of arrays that are views without a trace, and copies in it

    # Hooks: the engine calls them after each event.

    def made(self, node: Tensor, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        """Make a step of an op that ran."""
        args = tuple(map(self.seen, args))
        node.args = args if node._parents else ()
        if isinstance(op, NonDifferentiable) or all(isinstance(x, StandIn) or self.is_plain(x) for x in args):
            node.__class__ = StandIn
        if isinstance(op, NonDifferentiable) or all(map(self.is_plain, args)):
            self.plain[node] = gives_number(op, params) if node.shape == () else False
            self.check_number(node, op)
            if op in COPIES or (op is item and args[0]._memory in self.view_memory):
                node._memory = memory_of(args[0])
                self.view_memory.add(node._memory)
        if op in SAME:
            self.same(node, args[0])
        elif op.single and is_half(args):
            with no_grad():
                self.same(node, rounded(apply(op, tuple(map(single, detached(args))), params)))
        elif op.decomposition and op.exact and self.decompose:
            with no_grad():
                self.same(node, op.decomposition(*detached(args), **params))
                self.values[node].kind_of = op.name
        else:
            if op.shaped_by_data and any(getattr(x, "dtype", None) == np.dtype(bool) for x in args[1:]):
                self.refuse_shape(op)
            self.values[node] = self.step(op, tuple(map(self.value, args)), params, node._data)

    def seen(self, x: Any) -> Any:
        """Return a raw array as a Tensor, so that a rule that reads it is seen too."""
        if not is_array(x):
            return x
        tensor = constant(x)
        self.values[tensor] = self.value(x)
        self.plain[tensor] = False
        return tensor

    def is_plain(self, x: Any) -> bool:
        """Return True if, without a trace, this would be a NumPy array or a number, and no Tensor."""
        return not isinstance(x, Tensor) or x in self.plain

    def is_number(self, x: Tensor) -> bool:
        """Return True if x stands for a NumPy number: then `x += 1` makes a new number, and does not write into x."""
        known = self.plain.get(x, False)
        if known is None:
            where = here()
            self.spoil(f"{describe(x, 'a tensor')} may be a number, which NumPy makes anew: {where}. Write x = x + y.")
        return bool(known)

    def check_number(self, node: Tensor, op: Any) -> None:
        """Make no program where NumPy rounds numbers unlike arrays, or where `x &= y` would write into an array."""
        where = caller_location()
        if node.shape == () and (op is TABLE["power"] or (node.dtype.kind == "c" and op.sign in ("*", "/"))):
            self.spoil(f"NumPy computes {op.name} of single numbers to other bits: {here()}. Give a Tensor instead.")
        elif op in REBOUND and node.shape and operator_at(where)[-1:] == "=":
            self.spoil(f"{op.name} writes into an array: {here()}. Write x = x & y for x &= y.")

    def reading(self, pull: Pull) -> Pull:
        """Wrap a backward rule, so that the cotangents that it gets are known and can be named after their node."""

        def watched(node: Tensor, g: Any) -> Any:
            self.cotangent(node, g)
            self.rules += 1
            try:
                return pull(node, g)
            finally:
                self.rules -= 1

        return watched

    def same(self, tensor: Tensor, other: Any) -> None:
        """Note that `tensor` is an alias of `other`: both hold the same value."""
        self.values[tensor] = self.value(other)
        if tensor.op is None and isinstance(other, Tensor) and tensor._data is other._data:
            self.whole[tensor] = self.whole.get(other, other)

    def copied(self, tensor: Tensor, data: Any) -> None:
        """Note that a Tensor was made of an array, which the program reads at each call, or of numbers: a constant."""
        if isinstance(data, np.ndarray | Tensor):
            self.values[tensor] = self.step(astype, (self.value(data),), {"dtype": tensor._data.dtype}, tensor._data)
        else:
            self.fixed(tensor)

    def shown(self, tensor: Tensor) -> Tensor:
        """Return what stands for the array that `.data` gives."""
        shown = tensor.detach()
        shown.__class__ = StandIn
        return shown

    def fixed(self, tensor: Tensor) -> None:
        """Keep the values of a Tensor as a constant: they are the same at each call."""
        self.values[tensor] = new(CONSTANT, tensor._data.copy(), tensor._data)

    def wrote(self, tensor: Tensor, values: Any) -> None:
        """Note that values were written into the memory of a tensor; from now on it stands for a new value."""
        tensor = self.whole.get(tensor, tensor)
        target = self.value(tensor)
        if memory_of(tensor) in self.view_memory:
            self.spoil(f"it writes to an array and has views of it by np.split: {here()}.")
        if tensor not in self.targets:
            self.check_whole(tensor, target)
        value = self.value(values)
        shape, dtype = tensor._data.shape, tensor._data.dtype
        if not isinstance(value, Value):
            value = new(CONSTANT, np.full(shape, value, dtype))
        if value.dtype != dtype:
            value = self.step(astype, (value,), {"dtype": dtype}, np.empty(shape, dtype))
        elif value.kind not in (RESULT, CONSTANT):  # an input may be written to itself: the old values are copied
            value = self.step(TABLE["copy"], (value,), {}, np.empty(shape, dtype))
        self.targets.setdefault(tensor, target)
        self.values[tensor] = value
        self.written[memory_of(tensor)] = tensor

    def gradient(self, tensor: Tensor) -> Any:
        """Return the current `.grad` of a tensor; one from before the run becomes an input of the program."""
        if isinstance(tensor._grad, Tensor):
            self.cotangent(tensor, tensor._grad, final=True)
        if tensor in self.touched or isinstance(tensor._grad, Tensor):
            return tensor._grad
        if tensor not in self.met:
            self.met[tensor] = None if tensor._grad is None else constant(tensor._grad)
            if tensor._grad is not None:
                self.value(tensor)
                self.values[self.met[tensor]] = self.input(GRADIENT, tensor, tensor._grad)  # type: ignore[index]
        return self.met[tensor]

    def set_gradient(self, tensor: Tensor) -> None:
        """Note that the function itself set or forgot a `.grad`."""
        self.value(tensor)
        self.touched.add(tensor)

    @contextmanager
    def updating(self, name: str, p: Tensor, gradient: Any, state: dict[str, Tensor]) -> Iterator[None]:
        """Record the steps of one optimiser update of the parameter p; `state` holds its buffers by name."""
        held = {kind: self.value(x) for kind, x in state.items()}
        self.updates.append(Update(name, self.value(p), self.value(gradient), held))
        self.update = len(self.updates)
        try:
            yield
        finally:
            self.update = 0

    def spoil(self, why: str) -> None:
        """Make no program of this run, which goes on. If `why` is not empty, mg.compile warns, and stops tracing."""
        self.spoiled = self.spoiled or why

    def draw(self, op: Any, method: Any, args: Any, kwargs: Any) -> Tensor:
        """Let a Generator draw numbers; the program draws new ones at each call."""
        rng = method.__self__
        if id(rng) not in self.generators:
            self.spoil(f"mg.sample draws of a generator that is made inside: {here()}.")
        path, _, before = self.generators.get(id(rng), ("a generator", rng, generator_state(rng)[0]))
        self.check_draw(path, rng, before)
        drawn = method(*args, **kwargs)
        tensor = constant(as_array(drawn))
        self.generators[id(rng)] = (path, rng, generator_state(rng)[0])
        number = not isinstance(drawn, np.ndarray)
        params = {"method": method.__name__, "args": args, "kwargs": kwargs, "number": number}
        self.values[tensor] = self.step(op, (self.input(GENERATOR, rng, None),), params, tensor._data)
        return tensor

    def check_draw(self, path: str, rng: Any, before: Any) -> None:
        """Refuse a run in which anything but `mg.sample` changed the state of a generator."""
        if generator_state(rng)[0] != before:
            what = f"{path} drew numbers in the traced function, or was set, and its program would not do so anew"
            cure = f"mg.sample({path}.random, ...), of a np.random.Generator; a program then draws anew"
            self.refuse_unless_eager(f"{what}. Draw numbers with {cure}.")

    def ran(self, module: Any, output: Any) -> None:
        """Note that a module ran."""
        self.modules[id(module)] = module
        if isinstance(output, Tensor):
            self.outputs.setdefault(self.value(output), module)

    def refuse(self, tensor: Tensor, how: str) -> None:
        """Refuse a use that would make the value of this call a constant of the program."""
        cure = f"{here()}. {CURES.get(how, CURE)}"
        what = f"{how} of {describe(tensor, 'a tensor')}"
        # str() of an argument is not the same without a trace: there it may be a plain array, so it is always an error.
        as_in_eager = how != "the text" or tensor.op is not None
        if not self.strict and as_in_eager:
            return self.spoil(f"{what} reads today's value in {cure}")
        text = f"{what} in a traced function would make today's value part of the program: {cure}"
        self.refused = self.refused or TraceError(text)
        raise self.refused

    def refuse_shape(self, op: Any) -> None:
        """Refuse a result whose shape depends on values."""
        what = f"how many entries {op.name} gives depends on the values, and a program's shapes are fixed"
        self.refuse_unless_eager(f"{what}: {here()}. Choose with mg.where, or multiply by the mask.")

    def refuse_unless_eager(self, why: str) -> None:
        """Raise if strict. Otherwise this run goes on, since its results are right, but it gives no program."""
        if self.strict:
            raise TraceError(why)
        self.spoil(why)

    def by_numpy(self, error: Exception, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call NumPy's own function where the table has no row; raise if strict, or if an argument requires grad."""
        leaves, rebuild = flatten((args, kwargs))
        if self.strict or any(isinstance(x, Tensor) and x._requires_grad for x in leaves):
            raise error from None
        line, text = here(), str(error)
        if function is getattr:
            text = f"{args[1]!r} of an array is asked for in {line}. Ask outside, and give the answer as an argument."
        self.spoil(text if line in text else f"{text.rstrip('.')}. It is used in {line}.")
        args, kwargs = rebuild([x.number() if type(x) is Scalar else as_ndarray(x) for x in leaves])
        return function(*args, **kwargs)

    # What the program is made of.

    def value(self, x: Any) -> Any:
        """Return the value that a tensor or an array holds now; a number is itself."""
        if isinstance(x, Tensor):
            x = x.tensor if type(x) is Scalar else self.whole.get(x, x)
            self.check_unwritten(x)
            if x not in self.values:
                old = x._order < self.start
                self.values[x] = self.input(TENSOR, x, x._data) if old else self.array(x._data)
            return self.values[x]
        is_subclass = isinstance(x, int | float) and type(x) not in (bool, int, float)  # such as an IntEnum
        if isinstance(x, np.generic | list) or (is_subclass and MAKES_ARRAYS):
            return new(CONSTANT, np.asarray(x))
        if is_subclass:
            return int(x) if isinstance(x, int) else float(x)
        return self.array(x) if is_array(x) else x

    def array(self, x: Any) -> Value:
        """Return the value of an array: one from before the run is read at each call, a copy of a new one is kept."""
        if id(memory_owner(x)) in self.owners or not isinstance(x, np.ndarray):
            return self.input(ARRAY, x, x)
        known = self.inputs.get((CONSTANT, id(x)))
        if known is None or not same_bits(known.of, x):
            written = x.size <= LISTED or constructor(x)  # short enough for the program's text; else it is an input
            known = self.inputs[CONSTANT, id(x)] = new(CONSTANT if written else ARRAY, copy_with_strides(x))
            self.kept.append(x)
        return known

    def input(self, kind: str, of: Any, data: Any) -> Value:
        """Return the program's input for an object; an object has one input of each kind."""
        key = (kind, id(of))  # the value keeps `of` alive, so no other object gets its id
        if key not in self.inputs:
            self.inputs[key] = new(kind, of, data)
            if kind == TENSOR and self.undo is not None:
                self.undo += kept(of)
        return self.inputs[key]

    def step(self, op: Any, inputs: tuple[Any, ...], params: dict[str, Any], data: Any) -> Value:
        """Add a step to the program, and return its output; `data` gives the shape, dtype and strides."""
        if settings() != self.settings:
            self.spoil(f"{op.name} runs where the function changed np.errstate or the warning filters: {here()}.")
        output = new(RESULT, None, data)
        output.backward = self.rules > 0
        self.steps.append(Step(op, inputs, params, output, caller_location(), self.update))
        return output

    def cotangent(self, node: Tensor, g: Any, final: bool = False) -> None:
        """Note the value whose gradient g is: the first one noted, but a leaf replaces the result of an op."""
        value = self.values.get(g)
        if value is None or value.kind != RESULT or node not in self.values:
            return
        if value.cotangent_of is None or (final and value.cotangent_of.kind == RESULT):
            value.backward = True
            value.cotangent_of = self.targets.get(node, self.values[node])

    def check_unwritten(self, x: Tensor) -> None:
        """Refuse a view that is older than a write to its memory: it shows new values; a program writes at its end."""
        target = self.written.get(x._memory) if x._memory is not None else None
        if target is not None and target is not x and x._order < x._memory.written:  # type: ignore[union-attr]
            given = x in self.values and self.values[x].kind == ARGUMENT
            cure = "Give the function a copy of one" if given else "Take the view after the write, or copy it before"
            what = f"{describe(x, 'a tensor')} is a view of {describe(target, 'a tensor')}, which was written to since"
            self.refuse_unless_eager(f"{what}; a program writes last: {here()}. {cure}.")

    def check_whole(self, x: Tensor, target: Value) -> None:
        """Refuse a write to a part of an array that existed before the run: a program writes whole arrays."""
        lasting = {id(memory_owner(y)) for y, value in self.values.items() if value.kind in LASTING}
        if target.kind not in LASTING and id(memory_owner(x)) in lasting:
            what = f"{describe(x, 'a tensor')} is a view, and was written to; a program writes to whole tensors alone"
            self.refuse_unless_eager(f"{what}: {here()}. Make all values with mg.where or mg.scatter, and assign them.")

    def end(self, x: Tensor) -> Any:
        """Return the value of a returned tensor, after all writes if it existed before the trace."""
        target = self.targets.get(x)
        return target if target is not None and target.kind in LASTING else self.value(x)

    def finish(self) -> list[tuple[Value, Value | None]]:
        """Return each lasting value with the gradient that the function left in it; turn `.grad` into arrays again."""
        for stand_in in (x for x in self.values if type(x) is StandIn):  # the function may have kept it
            stand_in.__class__ = Tensor  # type: ignore[assignment]
        gradients = {tensor: tensor._grad for tensor in self.values if isinstance(tensor._grad, Tensor)}
        for tensor, g in gradients.items():
            tensor._grad = np.array(g._data)
        left: list[tuple[Value, Value | None]] = []
        for tensor, value in list(self.values.items()):
            owner = self.targets.get(tensor, value)
            if tensor._order > self.start or owner.kind not in LASTING:
                continue  # the function itself made it, so no later call reads it
            if tensor in gradients and tensor.op is None and value.kind != CONSTANT:
                if gradients[tensor]._requires_grad:
                    self.spoil("it leaves gradients of backward(create_graph=True), which are Tensors, in .grad.")
                self.cotangent(tensor, gradients[tensor], final=True)
                left.append((owner, self.value(gradients[tensor])))
            elif tensor in self.touched and tensor not in gradients:
                left.append((owner, None))
        return left

    def check_modules(self, known: list[Any]) -> None:
        """Refuse a module that keeps what the function computed: a program has no attributes to set."""
        for module in (module for module in known if id(module) in self.modules):
            for path, tensor in module.named_tensors():
                if tensor._order > self.start:
                    what = f"{path} of {type(module).__name__} was set to a Tensor made in the traced function"
                    cure = "Give the module a Tensor of its own before, and write into that with .assign(values)."
                    raise TraceError(f"{what}, and its program would not set it. {cure}")


def gives_number(op: Any, params: dict[str, Any]) -> bool | None:
    """Return True if NumPy gives a 0-d result as a number (np.float64), not as an array; None if that is unknown."""
    if op is TABLE["getitem"]:
        known = not any(part is ... for part in params["index"])
    else:
        known = is_numpys(kernel_of(op)) and not op.views and op not in (TABLE["copy"], TABLE["where"])
    return True if known else None


def detached(args: tuple[Any, ...]) -> list[Any]:
    """Return arguments with the Tensors among them cut from their graphs."""
    return [x.detach() if isinstance(x, Tensor) else x for x in args]


def settings() -> Any:
    """Return NumPy's error settings other than ignore and warn, and the identity of Python's warning filters.

    A program runs with the settings of its call, so a change of them inside the function would be lost.
    """
    errors = {kind: how for kind, how in np.geterr().items() if how not in ("ignore", "warn")}
    return errors, id(warnings.filters), id(warnings.showwarning)


def kept(x: Any) -> list[Undo]:
    """Return functions that restore the present values of an array, or of a Tensor and its gradient."""
    found: list[Undo] = []
    arrays = [x]
    if isinstance(x, Tensor):
        found = [functools.partial(setattr, x, name, getattr(x, name)) for name in ("_data", "_grad")]
        arrays = [x._data, x._grad]
    arrays = [a for a in arrays if isinstance(a, np.ndarray) and a.flags.writeable]
    return found + [functools.partial(np.copyto, a, a.copy(order="K")) for a in arrays]


def memory_owner(x: Any) -> Any:
    """Return the object that owns the memory of an array or Tensor."""
    x = x._data if isinstance(x, Tensor) else x
    while (base := getattr(x, "base", None)) is not None:
        x = base.obj if isinstance(base, memoryview) else base
    return x


def is_array(x: Any) -> bool:
    return has_dtype(x) and not isinstance(x, Tensor | np.generic)
