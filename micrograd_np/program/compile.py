"""Decide at each call whether a function runs as a program that is known to compute the same, or as itself."""

from __future__ import annotations

import functools
import importlib.util
import operator
import re
import threading
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import cures
from ..core.containers import flatten, has_dtype
from ..core.context import CURRENT
from ..core.errors import ArgumentError, ArgumentTypeError, GradientError, MissingPackageError, TraceError
from ..core.names import format_location, is_users_file, user_frame
from ..core.tensor import Tensor
from ..core.versions import check_unwritten
from .bytecode import TABLE, following
from .execution import Compared, Left, Runner, containers, memory_met
from .guards import MISFIT, Guard, Names, misfit
from .ir import Steps
from .outside import Outside, TooMuch
from .readers import LONG
from .record import record
from .trace import memory_owner

KINDS = 64  # the most kinds of arguments that get programs
TRACES = 8  # this many traces of one kind, or kinds with traces, are free; after that, each trace has to pay
PAYS = 30  # a trace pays if this many calls use it
KEPT = 16  # the most programs of one kind
FAILURES = 3  # after more failed comparisons than this, a kind gets no program
CACHES = 2  # a function that changes what it reads in this many runs in a row does not only fill a cache
RETURN = "Do that outside, with what the function returns, or hold it in a Tensor and write to that."
OTHER_BITS = "its program gives other last bits. Does NumPy round plain arrays in another way there? Give it Tensors."
OTHER_NUMBERS = (
    "its program gives other numbers. Does it compute with what is another at each call? Give that as an argument, and "
    "draw with mg.sample. Does it write to what it reads by another name? Give it copies."
)
ASKED = "it returns a value whose gradient may be asked, and a program keeps no graph. Return value.detach()."
UNLIKE = "it goes another way while it is traced. Does it ask whether something is an array? That is a Tensor then."
FOR_KINDS = "Give arrays of one shape; a number that changes as a float or an array; what stays as a variable."
MANY_KINDS = f"{KINDS} kinds of arguments: shapes, dtypes, numbers, or another object at each call. {FOR_KINDS}"
OWN_WAY = "it was given a container that finds what is in it in a way of its own. Give a dict, list or dataclass."
MANY_ARGUMENTS = f"{LONG} arguments, lists counted by entries. Give an array."
GIVE = "Give what changes as an argument, or hold it in a Tensor."
# The module and the class of each backend; a module is imported when it is first used.
BACKENDS = {"numpy": (".codegen", "Emitted"), "numba": (".numba_backend", "Machine")}
Call = Callable[..., Any]


class Compiled:
    """A compiled function, as `mg.compile` returns it; it is called like the plain one."""

    _guarded = ("function",)  # what is compared before each call
    # With slots, `__dict__` holds only the attributes that the user sets, as on a function.
    __slots__ = ("__dict__", "__weakref__", "alike", "backend", "function", "kinds", "latest", "told", "turns")

    def __init__(self, function: Call, backend: Callable[[Steps], Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.backend = backend
        self.kinds: list[Kind] = []
        self.alike: dict[Any, list[Kind]] = defaultdict(list)  # the kinds, by their outline
        self.latest: Callable[[Any, Any], Any] = misfit  # what the last call used; tried first
        self.turns = threading.RLock()  # only one thread at a time traces
        self.told: set[str] = set()  # the warnings given, without their numbers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.latest(args, kwargs)
        return self.other(args, kwargs) if result is MISFIT else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Bound(self, instance)

    def __reduce__(self) -> Any:  # a copy has programs and turns of its own
        return Compiled, (self.function, self.backend)

    def __repr__(self) -> str:
        return f"<compiled {self.name}: {len(self.kinds)} {'kind' if len(self.kinds) == 1 else 'kinds'} of arguments>"

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", "function"))

    @property
    def programs(self) -> list[Runner]:
        """The programs of all kinds of arguments."""
        return [runner for kind in self.kinds for runner in kind.runners]

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        """Return the result of the last of n calls; a known program runs the rest without a check between them."""
        left, result = checked_count(n), None
        while left:
            _, runner = self.known(args, kwargs)
            if runner and runner.repeats:
                result = runner.call(args, kwargs, left)
                if isinstance(result, Left):
                    left = result.calls  # the next call is one that the function itself answers
                elif result is not MISFIT:
                    return result
            result = self(*args, **kwargs)
            left -= 1
        return result

    def known(self, args: Any, kwargs: Any) -> tuple[Kind | None, Runner | None]:
        """Return the kind of a call, and the program that serves it; None for what is not there yet."""
        alike = self.alike.get(outline(args, kwargs), ())  # the kinds that may fit
        kind = next((kind for kind in alike if kind.fits(args, kwargs)), None)
        return kind, kind.serving(args, kwargs) if kind else None

    def other(self, args: Any, kwargs: Any) -> Any:
        """Answer a call that the latest program does not serve: by another program, or by the function itself."""
        kind, runner = self.known(args, kwargs)
        if runner is None:
            return self.itself(kind, args, kwargs)
        self.latest = runner.call
        return runner.call(args, kwargs)

    @following(None)
    def itself(self, kind: Kind | None, args: Any, kwargs: Any) -> Any:
        """Answer a call by the function itself, and perhaps trace it to make a program."""
        leaves = flatten((args, kwargs))[0]
        if kind and kind.stopped:
            self.latest = kind.plainly(self.function)
            return self.function(*args, **kwargs)
        has_graph = any(isinstance(x, Tensor) and x.op is not None for x in leaves)
        if has_graph or CURRENT.get().watch is not None:  # a program would not extend the graph, or be watched
            return self.function(*args, **kwargs)
        many = len(self.kinds) >= KINDS
        if kind is None and (many or len(leaves) > LONG):
            self.warn(f"it was called with more than {MANY_KINDS if many else MANY_ARGUMENTS}")
            self.latest = lambda args, kwargs: self.function(*args, **kwargs)  # no program serves it any more
            return self.function(*args, **kwargs)
        with self.turns:
            if kind is None:  # the first call only runs: there may be no second, and it may fill caches
                kind = Kind(args, kwargs)
                if not kind.is_plain:
                    self.stop(kind, OWN_WAY)
                result = self.function(*args, **kwargs)
                self.kinds.append(kind)
                self.alike[outline(args, kwargs)].append(kind)
                return result
            if runner := kind.serving(args, kwargs):
                return runner.call(args, kwargs)
            kind.calls += 1
            # If many kinds are traced already, such as many batch sizes, only one with many calls is traced, too.
            traced = [other for other in self.kinds if other.traces and other is not kind]
            if kind.calls < PAYS and len(traced) >= TRACES:
                return self.function(*args, **kwargs)
            return self.trace(kind, args, kwargs)

    def trace(self, kind: Kind, args: Any, kwargs: Any) -> Any:
        """Trace the function and undo its writes; then run the function, and compare its program on copies."""
        leaves, _ = flatten((args, kwargs))
        owners = {id(memory_owner(x)) for x in leaves if has_dtype(x)}
        # A function that asks for types may use another factor for a Tensor, which zeros would hide: no comparison.
        arrays = [x for x in leaves if has_dtype(x) and not isinstance(x, Tensor) and x.dtype.kind == "f" and x.size]
        zeros = bool(arrays) and not any(map(np.any, arrays))
        # No program is made if an argument shares memory with a Tensor or array that a program reads or writes.
        if (kind.asks and zeros) or not all(runner.memory.isdisjoint(owners) for runner in kind.runners):
            return self.function(*args, **kwargs)
        kind.move(leaves)
        try:
            # Programs pay if they have served enough calls for their traces.
            if kind.traces >= TRACES and sum(runner.served() for runner in kind.runners) <= PAYS * kind.traces:
                path = kind.runners and kind.runners[0].outside.first_changed()
                raise TooMuch(f"{path or 'something that it reads'} is another at each call")
            outside = Outside(self.function, [*args, *kwargs.values()])
            if path := outside.first_changed():
                raise TooMuch(f"{path} is not even like itself")
        except TooMuch as reason:
            self.stop(kind, f"{reason}. {GIVE}")
        else:
            kind.asks = not outside.named.isdisjoint(TABLE["who questions"])  # isinstance and the like
        if kind.stopped or (kind.asks and zeros):
            return self.function(*args, **kwargs)
        steps = self.recorded(kind, args, kwargs, outside)
        if isinstance(steps, str):
            result = self.function(*args, **kwargs)  # if it raises the same error, its arguments are wrong
            self.failed(kind, steps)
            return result
        kind.traces += 1
        if kind.stopped or steps is None or not memory_met(steps).isdisjoint(owners):
            return self.function(*args, **kwargs)
        found = Compared(self.function, steps, self.backend, args, kwargs)
        steps.returned.clear()
        if found.path != steps.path:
            self.stop(kind, UNLIKE)
        elif found.shares:
            self.stop(kind, f"it returns {found.shares}.")
        elif found.same:
            kind.runners = [Runner(found, args, kwargs, outside, frozenset(kind.moving)), *kind.runners][:KEPT]
        elif found.same is None:
            self.failed(kind, "a check of its program fails where the function goes on.")
        elif len(found.types) != len(steps.result):
            self.stop(kind, "it returns another number of results at each call.")
        else:
            self.stop(kind, OTHER_BITS if found.near else OTHER_NUMBERS)
        return found.result

    def recorded(self, kind: Kind, args: Any, kwargs: Any, outside: Outside) -> Steps | str | None:
        """Trace the function and undo its writes. Return its steps, the text of an error, or None for no program."""
        undo: list[Callable[[], Any]] = []
        try:
            with following(set()) as path:
                result, steps = record(self.function, args, kwargs, True, outside, kind.moving, undo)
            asked = any(map(may_be_asked, flatten(result)[0]))
            steps.path, steps.returned = path, containers(result)
        except TraceError:
            raise
        except Exception as error:  # which the function itself may not raise
            frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
            lines = [format_location((x.f_code, x.f_lasti)) for x in frames if is_users_file(x.f_code.co_filename)]
            return f"as a trace it raises {type(error).__name__}: {error}: {''.join(lines[-1:])}"
        finally:
            for put_back in reversed(undo):  # the oldest entry is from before any write, so it comes last
                put_back()
            changed, kept = outside.restore()
        if kept:
            told = f"{self.name} changed {kept} itself, which its program would not do, and that cannot be put back"
            raise TraceError(f"{told}; all else is as before the call. {RETURN}")
        if steps.spoiled:  # a reason to stop for all calls of this kind
            self.stop(kind, steps.spoiled)
        if steps.spoiled is not None:
            return None
        kind.changed = kind.changed + 1 if changed else 0
        if kind.changed == CACHES:
            self.stop(kind, f"it changes {changed} itself. {RETURN}")
        if changed:
            return None
        if asked:
            if steps.gradients or steps.writes:
                self.stop(kind, ASKED)
            kind.stopped = True
        return steps

    def failed(self, kind: Kind, why: str) -> None:
        """Count a failed trace or comparison; stop after too many."""
        kind.failures += 1
        if kind.failures > FAILURES:
            self.stop(kind, why)

    def stop(self, kind: Kind, why: str) -> None:
        """Let the function itself answer all calls of a kind from now on, and warn."""
        kind.stopped, kind.runners = True, []
        self.warn(why)

    def warn(self, why: str) -> None:
        """Warn that calls run without a program; texts that differ only in numbers, such as shapes, are one warning."""
        known = re.sub(r"\d+", "", why)
        if known not in self.told:
            self.told.add(known)
            told, frame = f"{self.name} runs as it is, not as a program: {why}", user_frame()
            warnings.warn_explicit(told, UserWarning, frame.f_code.co_filename, frame.f_lineno)


cures.install(Compiled, "Compiled")


def outline(args: Any, kwargs: Any) -> Any:
    """Return a key that differs for most kinds of arguments: shapes, integers, types and keywords."""

    def part(x: Any) -> Any:
        if isinstance(x, np.ndarray | Tensor):
            return x.shape
        return x if type(x) is int else type(x)

    return (*map(part, args), *kwargs)


class Kind:
    """A kind of arguments: the guard that recognises it, and the programs that serve its calls."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        names = Names()
        guard = Guard(args, kwargs, names)
        self.call = names.function("call(args, kwargs)", guard.conditions, [f"return [{', '.join(guard.paths)}]"])
        found = self.call(args, kwargs)
        self.is_plain = found is MISFIT or all(map(operator.is_, found, guard.leaves))  # containers give what they hold
        self.floats = {i: guard.leaves[i] for i in guard.floats}  # as they were at the first call
        self.paths = guard.paths
        self.moving: set[int] = set()  # the places of floats that have changed since
        self.runners: list[Runner] = []
        self.traces = 0
        self.calls = 0  # how many calls had no program
        self.stopped = False  # whether the function itself answers all calls
        self.asks = False  # whether the function asks for types
        self.failures = 0  # how many traces or comparisons failed
        self.changed = 0  # how many runs in a row changed what they read

    def fits(self, args: Any, kwargs: Any) -> bool:
        return self.call(args, kwargs) is not MISFIT

    def plainly(self, function: Call) -> Callable[[Any, Any], Any]:
        """Return a callable that runs the function for calls of this kind, and gives MISFIT for others."""
        return lambda args, kwargs: function(*args, **kwargs) if self.fits(args, kwargs) else MISFIT

    def serving(self, args: Any, kwargs: Any) -> Runner | None:
        """Return the program for a call, or None; move it to the front of the list."""
        runner = next((x for x in self.runners if x.fits(args, kwargs)), None)
        if runner and runner is not self.runners[0]:
            self.runners = [runner, *(x for x in self.runners if x is not runner)]
        return runner

    def move(self, leaves: list[Any]) -> None:
        """Make inputs of the floats that are not what they were at the first call; drop the programs made before."""
        new = {i for i, then in self.floats.items() if repr(leaves[i]) != repr(then)} - self.moving
        if new:
            self.moving |= new
            self.runners = []


class Bound(functools.partial[Any]):
    """A compiled method of an object."""

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        return self.func.loop(n, *self.args, *args, **kwargs)  # type: ignore[attr-defined]


def may_be_asked(x: Any) -> bool:
    """Return True if the caller may call `backward` on a result: it would reach a leaf, and none has run yet.

    False if `backward` would raise, because an update has overwritten a value that a rule of the graph reads.
    """
    pending = [x] if isinstance(x, Tensor) and x._requires_grad and x.op is not None else []
    seen, asked = set(pending), False
    while pending:
        node = pending.pop()
        if node.op is None:
            asked = True
        elif node._grad is None:  # else a backward pass inside of the function went through it
            try:
                check_unwritten(node)
            except GradientError:
                return False
            new = {parent for parent, _ in node._parents} - seen
            seen |= new
            pending += new
    return asked


def checked_count(n: Any) -> int:
    """Return the number of calls of a loop as an int; raise if it is no count."""
    try:
        n = operator.index(n)
    except TypeError:
        told = f"loop(n, X, y) is told how many calls to make, and was given a {type(n).__name__}."
        raise ArgumentTypeError(told) from None
    if n < 0:
        raise ArgumentError(f"loop(n) makes n calls, and n is {n}.")
    return int(n)


@cures.answering
def compile(function: Call | None = None, backend: str = "numpy") -> Any:
    """The same function, run as a program from the third call of a kind on; a decorator, too.

    Arguments are of one kind if their shapes, dtypes and other facts agree. The first call runs the function. The
    second traces it and undoes what the trace changed; then it runs the function and its program, and drops a program
    whose results differ in any bit. So results are those of the function, bit for bit and type for type. Before each
    call, what the function reads besides its arguments is compared with what it was. If it cannot be compared, an error
    is raised; if it keeps changing, the function runs without a program, after one warning.

    Parameters
    ----------
    function : callable
        Best a whole training step: loss, backward and update. If its result still has a graph for `backward`, it runs
        without a program. Without a function, a decorator is returned: `@mg.compile(backend="numba")`.
    backend : {"numpy", "numba"}
        "numba" makes machine code, and needs numba. It rounds differently (compared to 1e-9, float32 1e-4), and has no
        loops for some rows, which it names. `step.loop(n)` then runs n steps without a return to Python.

    Raises
    ------
    TypeError
        If the function branches on a value of a Tensor; see `mg.trace`. If it reads something that changes by itself:
        a file, the clock, an iterator.

    Examples
    --------
    >>> import numpy as np
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> @compile
    ... def step(x):
    ...     loss = ((w - x) ** 2).sum()
    ...     loss.backward()
    ...     w.assign(w.data - 0.25 * w.grad)
    ...     w.zero_grad()
    ...     return loss
    >>> for _ in range(4):
    ...     loss = step(np.zeros(2))
    >>> w.data
    array([0.0625, 0.125 ])
    """
    if not (callable(function) or function is None):
        raise ArgumentTypeError(f"mg.compile takes a function, not {type(function).__name__}: write mg.compile(step).")
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise ArgumentError(f"there is no backend {backend!r}; there are {', '.join(map(repr, BACKENDS))}.")
    if backend == "numba" and importlib.util.find_spec("numba") is None:
        raise MissingPackageError("backend='numba' needs numba: pip install 'micrograd-np[numba]'.")
    if function is None:
        return functools.partial(compile, backend=backend)
    module, name = BACKENDS[backend]
    return Compiled(function, getattr(importlib.import_module(module, __package__), name))
