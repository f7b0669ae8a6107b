"""Run a compiled program in place of the user's function.

`Compared` checks once that both give the same bits, and `Runner` makes the function that serves later calls.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Container, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..core.containers import flatten, has_dtype, walk_paths
from ..core.errors import refuse_compiled
from ..core.tensor import Tensor, as_ndarray, constant
from ..core.versions import copy_with_strides
from ..expressions.phrases import same_bits
from ..ops.primitive import Primitive
from .bytecode import following
from .codegen import BEGUN
from .guards import MISFIT, Guard, Names, indented, unchanged
from .ir import ARGUMENT, ARRAY, GENERATOR, GRADIENT, RESULT, TENSOR, Steps, Value, root
from .outside import Outside
from .simplify import overlap, simplified
from .trace import memory_owner

# By the kind of a result (`type_of`): what turns the program's result into the type that the function itself returns.
GIVEN: dict[str, Callable[[Any], Any]] = {
    "array": np.asarray,
    "read-only": lambda x: np.broadcast_to(x, np.shape(x)),
    "tensor": lambda x: constant(np.asarray(x)),
    "recorded": lambda x: without_graph(constant(np.asarray(x))),
    "number": lambda x: np.asarray(x)[()],
    "plain": lambda x: np.asarray(x).item(),
}


def compiled(x: Any) -> Any:
    """Stand for the op of a program's result, where the function itself would return a result with a graph."""
    return x


COMPILED = Primitive(compiled, refuse_compiled)
PATHS = ((0, refuse_compiled),)
NOTHING = constant(np.zeros(()))  # in the place of the graph


def without_graph(x: Tensor) -> Tensor:
    """Return a program's result as one whose graph is missing: `backward` raises, where a constant would be silent."""
    x._requires_grad, x.op, x.params, x._paths = True, COMPILED, {}, PATHS
    x.args, x._values = (NOTHING,), (NOTHING._data,)
    return x


class Left(NamedTuple):
    """The result of a loop that stopped early because a check failed: the number of calls that are left."""

    calls: int


class Runner:
    """A program that runs instead of its function: `call(args, kwargs, n)` does n calls in one go, or returns MISFIT.

    If the program raises, it has written nothing. The function itself then runs, so that the user sees its own error.

    Parameters
    ----------
    compared : Compared
        The program, and what the function itself returned.
    args, kwargs
        Those of the traced call.
    outside : Outside
        What the function reads besides its arguments.
    moving : container of int
        The positions of float arguments that may have other values in each call.
    """

    def __init__(self, compared: Compared, args: Any, kwargs: Any, outside: Outside, moving: Container[int]) -> None:
        self.outside, self.calls = outside, count()
        self.simple = program = compared.program
        self.emitted = compared.emitted
        self.memory = memory_met(program)
        self.repeats = leaves_as_found(program)
        scope: dict[str, Any] = {"owned": owned, "Left": Left, "function": compared.function}
        scope |= {"free": [], "frames": self.frame, "served": self.calls.__next__, "rebuild": program.rebuild}
        names = Names(**scope)
        guard = Guard(args, kwargs, names, self.memory, moving)
        conditions = [*guard.conditions, *guard.asked(outside), *state_conditions(program, names)]
        conditions += [edge.text for edge in outside.edges]
        names.scope |= outside.names.scope
        arrays = ", ".join(map(guard.array, self.emitted.given))
        # def call(args, kwargs, n=1):
        #     ... conditions, else return MISFIT ...
        #     if not n: return None              # only asked whether it fits
        #     served()
        #     frame = free.pop() or a new one    # buffers of an earlier call; two threads never share them
        #     try: run frame[1] for the first n - 1 calls (Left if a check fails), then frame[0]
        #     except Exception: ends = None, but for an error of a write
        #     finally: free.append(frame)
        #     if ends is None: return function(*args, **kwargs)   # the user sees the error of the function itself
        #     ... `after`: write training modes and gradients, return the results ...
        take = ["if not n:", "    return None", "served()", "try:", "    frame = free.pop()"]
        take += ["except IndexError:", "    frame = frames()"]
        take += ["try:", "    if n != 1:", f"        n = frame[1](n, {arrays})", "        if n != 1:"]
        take += ["            return Left(n)", f"    ends = frame[0]({arrays})"]
        take += ["except Exception as error:", *indented(BEGUN), "    ends = None"]
        take += ["finally:", "    free.append(frame)", "if ends is None:", "    return function(*args, **kwargs)"]
        body = [*take, *after(program, guard, compared)]
        self.call = names.function("call(args, kwargs, n=1)", conditions, body)

    def served(self) -> int:
        """Return how many calls were served: `count` is safe in threads, but only its repr shows its value."""
        return int(repr(self.calls).removeprefix("count(").removesuffix(")"))

    def fits(self, args: Any, kwargs: Any) -> bool:
        """Return True if this program serves a call."""
        return self.call(args, kwargs, 0) is not MISFIT

    def frame(self) -> Any:
        """Return the program's (step, loop) on the arrays that stay the same, with buffers of its own."""
        return self.emitted.frame([array_of(x, ()) for x in self.emitted.fixed])


def state_conditions(program: Steps, names: Names) -> list[str]:
    """Return the conditions on the state of Tensors and modules that the function read."""
    state = {x for update in program.updates for x in update.state.values()}
    flags = [(x.of, x.of._requires_grad) for x in program.inputs() if x.kind == TENSOR and x not in state]
    found = [f"{names(tensor)}._requires_grad is {flag}" for tensor, flag in flags]
    found += [f"{names(tensor)}._grad is {'not ' if had else ''}None" for tensor, had in program.met.items()]
    own = {id(module) for module, _ in program.modes}
    read = [module for module in program.modules if id(module) not in own]
    return found + [f"{names(module)}.training is {module.training}" for module in read]


def after(program: Steps, guard: Guard, compared: Compared) -> list[str]:
    """Return the lines that end a call: they set training modes, count writes, set gradients, return the results."""
    lines = [f"{guard.names(module)}.training = {mode}" for module, mode in program.modes]
    lines += guard.marks(program)
    results = [x for x in program.result if isinstance(x, Value) and x.kind == RESULT]
    left = [(target, g) for target, g in program.gradients if g is not None]
    shared = Counter(root(x, program.made) for x in (*results, *(g for _, g in left)))
    for i, (target, g) in enumerate(left, len(results)):
        alone = g.kind == RESULT and shared[root(g, program.made)] == 1
        # A gradient that shares memory with another result must be copied: the user may change it in place.
        end = f"owned(ends[{i}])" if alone else f"array(ends[{i}]).copy()"
        lines.append(f"{guard.tensor(target)}._grad = {end}")
    lines += [f"{guard.tensor(target)}._grad = None" for target, g in program.gradients if g is None]
    ends = (f"ends[{i}]" for i in range(len(results)))
    pairs = enumerate(zip(program.result, compared.types, strict=True))
    given = [returned(x, kind, ends, guard, i in compared.copied) for i, (x, kind) in pairs]
    for i, (x, attribute) in compared.same_memory.items():
        given[i] = f"{guard.tensor(x)}{attribute}"
    for i, first in compared.twins.items():
        given[first], given[i] = f"(r{first} := {given[first]})", f"r{first}"
    alone = len(given) == 1 and program.rebuild(given) is given[0]
    return [*lines, f"return {given[0]}" if alone else f"return rebuild([{', '.join(given)}])"]


def returned(x: Any, kind: str, ends: Iterator[str], guard: Guard, copied: bool) -> str:
    """Return the text of one result, in the type that the function returns."""
    if not isinstance(x, Value):
        return f"{guard.names(x)}.copy('K')" if isinstance(x, np.ndarray) else guard.names(x)
    text = next(ends) if x.kind == RESULT else guard.array(x)
    if copied or x.kind != RESULT:  # what is not to be copied is in `same_memory`
        text = f"{guard.names(copy_with_strides)}({text})"
    return f"{guard.names(GIVEN[kind])}({text})"


def owned(array: Any) -> Any:
    """Return a gradient that owns its memory."""
    array = np.asarray(array)
    return array if array.base is None else array.copy()


class Compared:
    """A call that the function answers, while its program runs on copies: all bits must be the same.

    Attributes
    ----------
    same : bool or None
        None where the program raised: a check of it failed.
    types : list of str
        The kind of each result that the function itself returns, as `type_of` names it.
    same_memory : dict of int to (Value, str)
        By position, the results that show an input's memory: the input, and the attribute of it that is the result.
    copied : set of int
        The positions of the results that a program has to copy.
    twins : dict of int to int
        By position, the results that are one Tensor or array with an earlier one: the position of that.
    shares : str
        What a program would return in another way than the function does, and the cure; empty if nothing.
    """

    def __init__(self, function: Any, steps: Steps, backend: Any, args: Any, kwargs: Any) -> None:
        self.function = function
        self.program = program = simplified(steps)
        self.emitted = emitted = backend(program)
        self.leaves = leaves = flatten((args, kwargs))[0]
        self.shares = ""
        self.copied: set[int] = set()
        self.same_memory: dict[int, tuple[Value, str]] = {}
        self.twins: dict[int, int] = {}
        rngs = {id(x.of): copy.deepcopy(x.of) for x in program.inputs() if x.kind == GENERATOR}
        inputs = {x: array_of(x, leaves) for x in (*emitted.fixed, *emitted.given)}
        targets = {target for target, _ in program.writes}
        before = {x: copy_with_strides(a) for x, a in inputs.items() if x.kind != GENERATOR}
        copies = inputs | {x: a for x, a in before.items() if x in targets}
        copies |= {x: rngs[id(a)] for x, a in inputs.items() if x.kind == GENERATOR}
        # The program runs first, on copies: the function itself changes the state that both read.
        step, _ = emitted.frame([copies[x] for x in emitted.fixed])
        try:
            rest = iter(step(*[copies[x] for x in emitted.given]))
        except Exception:  # the function itself shows what that means
            rest = None
        with following(set()) as self.path:
            self.result = function(*args, **kwargs)
        returned, _ = flatten(self.result)
        self.types = [type_of(x) for x in returned]
        self.same = None if rest is None else len(returned) == len(program.result)
        if not self.same or rest is None:
            return
        # `rest` gives the results, then the gradients, in this order.
        results = [
            (next(rest) if x.kind == RESULT else copies.get(x, x.of)) if isinstance(x, Value) else x
            for x in program.result
        ]
        aliases(returned, results, copies, self)
        lists = [*map(id, containers(self.result))]
        if len({*lists}) < len(lists) or {*lists} & {*map(id, (*steps.returned, *containers((args, kwargs))))}:
            self.shares = "a container that it did not make, or one container twice. Return a copy"
        found = [GIVEN[kind](x) if has_dtype(x) else x for x, kind in zip(results, self.types, strict=True)]
        left = [(value_of(x, leaves)._grad, next(rest)) for x, g in program.gradients if g is not None]
        # What the program does not write to stays as it was, but for other views of what it writes to.
        same = [x for x in before if x in targets or not any(overlap(x, target) for target in targets)]
        alike = equal if emitted.exact else close
        pairs = [*zip(returned, found, strict=True), *left, *((inputs[x], before[x]) for x in same)]
        self.same, self.near = (all(alike(as_ndarray(a), as_ndarray(b)) for a, b in pairs) for alike in (alike, close))


def aliases(returned: list[Any], found: list[Any], copies: dict[Value, Any], compared: Compared) -> None:
    """Note which results show the memory of an input or of its gradient, as with `return w.grad` and `return x`.

    Results of a program must share memory exactly where those of the function do: otherwise a write into a result would
    change an input, or would not. `same_memory` lists results to be taken from an input, `copied` those to be copied,
    and `shares` names the memory where neither helps.
    """
    program, leaves = compared.program, compared.leaves
    # By owner of memory, the input that it belongs to: for the function itself, and for the program, which ran on
    # copies.
    held = [(x, value_of(x, leaves)) for x in dict.fromkeys([*program.inputs(), *(at for at, _ in program.gradients)])]
    owners = {id(memory_owner(getattr(of, "_data", of))): x for x, of in held}
    owners |= {id(memory_owner(of._grad)): x for x, of in held if getattr(of, "_grad", None) is not None}
    of_program = {id(memory_owner(a)): x for x, a in copies.items()}
    targets, shown = {target for target, _ in program.writes}, dict[int, tuple[Any, Any]]()
    for i, y in enumerate(returned):
        if not has_dtype(y) or isinstance(y, np.generic):
            continue
        x: Any = owners.get(id(memory_owner(y)))  # the input whose memory the function's result shows, or None
        at: Any = of_program.get(id(memory_owner(found[i])))  # the same of the program's result
        of = None if x is None else value_of(x, leaves)
        shown[i] = id(memory_owner(y)), id(memory_owner(found[i]))
        is_copy = getattr(program.result[i], "kind", RESULT) != RESULT  # a program returns copies of what it is given
        same = not is_copy and as_ndarray(y).flags.writeable is np.asarray(found[i]).flags.writeable
        differs = (x is None) is not (at is None) or at in targets or (x is not None and not same)
        if x is not None and y is of:
            compared.same_memory[i] = x, ""
        elif isinstance(of, Tensor) and y is of._grad:
            compared.same_memory[i] = x, "._grad"
        elif isinstance(y, Tensor) and (type(y) is not Tensor or y.name or (y._requires_grad and y.op is None)):
            compared.shares = "a new Tensor that is a leaf, has a name, or is of another class. Make it so outside"
        elif x is not None and isinstance(of, Tensor) >= isinstance(y, Tensor) and shows(y) == shows(of):
            attribute = ".detach()" if isinstance(y, Tensor) else ".data"
            compared.same_memory[i] = x, attribute if isinstance(of, Tensor) else ""
        elif x is None and at is not None and at not in targets:
            compared.copied.add(i)
        elif differs:
            compared.shares = f"the memory of {(x or at).name or 'a Tensor'}, or of its gradient. Return a copy"
        if (first := next(j for j in shown if returned[j] is y)) != i:
            compared.twins[i] = first
    # Two results may also share memory with each other.
    own = [i for i in shown if i not in {*compared.same_memory, *compared.copied, *compared.twins}]
    for i, j in itertools.combinations(own, 2):
        if not compared.copied.isdisjoint((i, j)):  # a copy shares its memory with none
            continue
        (one, of_one), (two, of_two) = shown[i], shown[j]
        if of_one == of_two and one != two:
            compared.copied.add(j)
        elif one == two and of_one != of_two:
            compared.shares = "one memory in two results. Return a copy"


def containers(tree: Any) -> list[Any]:
    """The containers in a tree that can be written to."""
    return [x for _, x, is_leaf in walk_paths(tree) if not (is_leaf or isinstance(x, tuple))]


def shows(x: Any) -> Any:
    """Return which memory an array or Tensor shows, and in which way."""
    return as_ndarray(x).__array_interface__


def leaves_as_found(program: Steps) -> bool:
    """Return True if each call leaves the gradients as it found them: a loop then needs no check between calls."""
    left = {target.of: g is not None for target, g in program.gradients if target.kind == TENSOR}
    reads = any(x.kind == GRADIENT for x in program.inputs())
    return not reads and all(left.get(tensor, had) is had for tensor, had in program.met.items())


def memory_met(program: Steps) -> frozenset[int]:
    """Return the ids of the owners of memory that a writing program captured; no argument may share that memory."""
    known = [x.of for x in program.inputs() if x.kind in (TENSOR, ARRAY)] if program.writes else []
    return frozenset(id(memory_owner(x)) for x in known)


def value_of(target: Value, arguments: list[Any]) -> Any:
    """Return the Tensor, array or Generator that an input stands for, in a call with these leaves as arguments."""
    return arguments[target.of] if target.kind == ARGUMENT else target.of


def array_of(x: Value, leaves: Any) -> Any:
    """Return the array that an input stands for; a Generator stays one."""
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)


def type_of(x: Any) -> str:
    """Return the kind of a result, a key of GIVEN; a program's result must have the same."""
    if isinstance(x, Tensor):
        return "recorded" if x._requires_grad and x.op is not None else "tensor"
    if isinstance(x, np.ndarray):
        return "array" if x.flags.writeable else "read-only"
    return "number" if isinstance(x, np.generic) else "plain"


def equal(a: Any, b: Any) -> bool:
    """Return True if two results have the same bits."""
    if not (has_dtype(a) and has_dtype(b)):
        return unchanged(a, b)
    return same_bits(np.asarray(a), np.asarray(b))


def close(a: Any, b: Any) -> bool:
    """Return True if two results are equal up to rounding, for backends that sum in another order."""
    if not (has_dtype(a) and has_dtype(b)):
        return equal(a, b)
    a, b = np.asarray(a), np.asarray(b)
    if (a.shape, a.dtype) != (b.shape, b.dtype) or a.dtype.kind not in "fc":
        return equal(a, b)
    rtol = min(1e-2, max(1e-9, 1000 * float(np.finfo(a.dtype).eps)))  # 1e-4 for float32, 1e-2 for float16
    size = float(np.max(np.abs(a), initial=0, where=np.isfinite(a)))  # nan and inf must not set the tolerance
    return bool(np.allclose(a, b, rtol, rtol * size, equal_nan=True))
