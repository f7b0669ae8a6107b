"""Find the mistake in the source of a backward pass: the one edit that makes the wrong gradient right.

Each edit of the backward pass, and of the user's functions that it calls, is made in turn. Both passes then run on the
user's inputs; an edit that gives the right gradient must give it on other inputs, too.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import os
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ..core.names import is_users_file
from .calling import Pair
from .claims import Closeness, Row, as_hand, differ
from .edits import Edits
from .recordable import codes_in
from .sandbox import MOST_ROWS, Sandbox
from .suspicion import PROVEN
from .syntax import Edit, has_endless_loop, leading_to_loss, operands_of, tree_of

Array = Any
BUDGET = 12.0  # seconds of processor time, after which a search ends
BETTER = 2.0  # seconds to look for a better edit than the first one that is right
OTHER_SCALE = -0.7  # of cotangents
MOST_FUNCTIONS = 6
BATCH = 40  # edits that are compiled at once
# The longest text in which an edit is shown: the first expression around it, and larger ones.
LONG, SHORT = 110, 64
CHOICE, NONE = "_number_of_edit", -1  # the variable that chooses one of them


@dataclass
class Data:
    """The user's functions at some inputs, and the right gradients there.

    `rows` hold them; the gradient by hand is right if it is `factor` times the true one. `broken` lists the labels of
    the wrong ones. The functions run inside of `setting`, which may give them other constants.
    """

    pair: Pair
    outputs: Sequence[Array]
    seeded: bool
    rows: Mapping[str, Row]
    factors: Mapping[str, float]
    broken: Collection[str]
    close: Closeness
    setting: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    def right(self, wanted: str, scale: float = 1.0) -> bool:
        """Return whether the user's functions, as they are now, give a gradient, and spoil no other."""
        try:
            with np.errstate(all="ignore"):
                gradients = self.gradients(scale)
        except Exception:  # an edit does not fit
            return False
        labels = [wanted, *(label for label in self.rows if label not in self.broken)]
        return gradients is not None and all(self.is_right(label, gradients[label] / scale) for label in labels)

    def mended(self) -> set[str]:
        """Return the gradients that are right now."""
        return {label for label, g in (self.gradients() or {}).items() if self.is_right(label, g)}

    def gradients(self, scale: float = 1.0) -> dict[str, Any] | None:
        """Return the gradients by hand; None if the outputs are not what they were, or not all have a gradient."""
        with warnings.catch_warnings(action="ignore"), self.setting():
            played = self.pair.play(scale if self.seeded else 1.0, again=True)
        by = 1.0 if self.seeded else scale
        hand = {str(h.label): by * as_hand(h.label, h.values) for h in played.hand}
        same = all(map(np.array_equal, self.outputs, played.outputs))
        return hand if same and hand.keys() == self.rows.keys() else None

    @property
    def is_defined(self) -> bool:
        """True if the functions, as they are now, give finite gradients: two ids that became equal may give 0 / 0."""
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            return all(np.isfinite(g).all() for g in (self.gradients() or {}).values())
        return True

    def is_right(self, label: str, values: Array) -> bool:
        row = self.rows[label]
        return values.shape == row.true.shape and self.close(
            values / self.factors[label], row.true, row.size, row.slack
        )


def choice(number: int, edit: Edit) -> Any:
    """Return what stands for a node, or a block, if an edit is made only when its number is chosen."""
    test = ast.Compare(ast.Name(CHOICE, ast.Load()), [ast.Eq()], [ast.Constant(number)])
    if isinstance(edit.old, list):
        return [ast.If(test, edit.new, edit.old)]
    if isinstance(edit.old, ast.stmt):
        return ast.If(test, [edit.new], [edit.old])
    return ast.IfExp(test, edit.new, edit.old)


@dataclass
class Source:
    """A function of the user's, its syntax tree, and the variables that it had when it returned."""

    function: FunctionType
    tree: Any
    variables: Mapping[str, Any]

    @property
    def definition(self) -> Any:
        return self.tree.body[0].body[0]  # def _make(free variables): the user's def; so the code keeps its closure

    @contextlib.contextmanager
    def edited(self, edits: Sequence[Edit]) -> Iterator[Callable[[int], None]]:
        """Give the function code with all the edits for a while, and a function that chooses which one is made.

        To compile a function takes longer than to run it, so that many edits are compiled at once.

        Raises
        ------
        SyntaxError, TypeError, ValueError
            If there is no such code.
        """
        before = self.function.__code__
        done: list[tuple[Edit, Any]] = []
        try:
            # Lists come last: what they hold may be edited, too.
            for number, edit in sorted(enumerate(edits), key=lambda pair: isinstance(pair[1].old, list)):
                done.append((edit, edit.old))
                edit.place[edit.key] = choice(number, edit)
            code = code_from(self.tree, self.function)
        finally:
            for edit, old in reversed(done):
                edit.place[edit.key] = old

        def choose(number: int) -> None:
            self.function.__globals__[CHOICE] = number
            self.function.__code__ = before if number == NONE else code

        try:
            yield choose
        finally:
            choose(NONE)

    def edits(self, pair: Pair) -> Iterator[Edit]:
        """Yield the edits; what the forward pass computes with may be missing in the backward pass."""
        operands, fixed = operands_of(self.definition), set[int]()
        forward = getattr(pair.forward, "__func__", pair.forward)
        if self.function is forward:
            fixed = leading_to_loss(self.definition)
        elif isinstance(forward, FunctionType) and (tree := tree_of(forward.__code__)):
            operands += operands_of(tree.body[0].body[0])
        return Edits(self.definition, operands, self.variables, fixed).ranked()


Others = Callable[[], Sequence[Data]]


def repair(
    here: Data, elsewhere: Others, sizes: Others, deciding: Others, wanted: str, copies: Sandbox, share: float
) -> tuple[str, list[str]]:
    """Return the edit that makes the gradient `wanted` right, as a sentence, and all gradients that it makes right.

    Parameters
    ----------
    here : Data
        The user's functions on the user's inputs.
    elsewhere, sizes, deciding : callable
        Give the functions on other inputs of the same sizes, and of other sizes, on which the edit must be right, too;
        and with other constants and signs, which decide between edits: some, such as pi, cannot be others.
    wanted : str
        The gradient.
    copies : Sandbox
        Where all these functions are copied.
    share : float
        The part of the budget that may be spent.
    """
    trial = Trial(here, wanted, lambda: (elsewhere(), sizes(), deciding()))
    return search(trial, sources_of(here.pair, copies), share)


@dataclass
class Trial:
    """The judge of edits: which of them are right, and which of two is better."""

    here: Data
    wanted: str
    make: Callable[[], tuple[Sequence[Data], Sequence[Data], Sequence[Data]]]

    @cached_property
    def data(self) -> tuple[Sequence[Data], Sequence[Data], Sequence[Data]]:
        """The functions on other inputs; of other sizes; and with other constants and signs.

        Of the last two, only where they make sense: there, what is right here must be right, and what has the right
        shape here must have it. It is made while the functions are not edited.
        """
        others, sizes, deciding = self.make()
        return others, [x for x in sizes if self.makes_sense(x)], [x for x in deciding if self.makes_sense(x)]

    def makes_sense(self, data: Data) -> bool:
        """Return whether the user's functions as they are take these data."""
        try:
            gradients = data.gradients()
        except Exception:
            return False
        if gradients is None or data.rows.keys() - data.broken - data.mended():
            return False
        # A nan is an entry of np.empty that was not written: these sizes are others than the functions are for.
        return all(
            gradients[name].shape == row.true.shape and not np.isnan(gradients[name]).any()
            for name, row in data.rows.items()
            if self.here.rows[name].fits
        )

    def mended(self) -> set[str]:
        """Return the gradients that the edited functions make right on all inputs, or none if they are not right."""
        others = [data for data in self.data[0] if data.is_defined]
        every = [self.here, *others]
        true = self.here.rows[self.wanted].true
        # Where the gradient is 0, as of dead units, any edit may fit; without other data, few or equal numbers may.
        if not any(np.any(data.rows[self.wanted].true) for data in every):
            return set()
        proven = others or (true.size >= PROVEN and differ(true))
        if not proven or not all(data.right(self.wanted, OTHER_SCALE) for data in every):
            return set()
        return set(self.here.broken).intersection(*(data.mended() for data in every))

    def score(self, mended: set[str]) -> tuple[int, int, int]:
        """Return how many gradients an edit makes right, and on how many data of either kind it is right."""
        _, *rest = self.data
        of_sizes, of_deciding = (sum(x.right(self.wanted) for x in data) for data in rest)
        return len(mended), of_sizes, of_deciding


def copied_pair(pair: Pair, copies: Sandbox) -> Pair:
    """Return the pair with copies of the user's functions, and of the object whose methods they are."""
    again = copy.copy(pair)
    again.forward, again.backward = copies(pair.forward), copies(pair.backward)
    again.owner = getattr(again.forward, "__self__", None)
    return again


def search(trial: Trial, sources: Sequence[Source], share: float) -> tuple[str, list[str]]:
    """Try the edits, the likeliest first, until the time is over, or one is right that cannot be better.

    After the first right one, some time is left to find one that mends more gradients, or that is right with other
    sizes, constants and signs, too. If the functions do not give the user's own numbers, there is no edit.
    """
    rows = trial.here.rows
    pairs = [(rows[label].hand, again) for label, again in (trial.here.gradients() or {}).items()]
    if not all(x.shape == y.shape and np.allclose(x, y, 1e-9, 1e-12, equal_nan=True) for x, y in pairs):
        return "", []
    deadline = time.thread_time() + share * BUDGET
    best: tuple[int, int, int] = (0, 0, 0)
    found: tuple[str, list[str]] = ("", [])
    for edit, source, fits in tried(trial, sources):
        if time.thread_time() > deadline:
            break
        if not fits:
            continue
        _, sizes, deciding = trial.data
        with source.edited([edit]) as choose:
            choose(0)
            mended = trial.mended()
            score = trial.score(mended) if trial.wanted in mended else (0, 0, 0)
        # The functions may make no sense with some sizes, such as a rotation in four dimensions.
        enough = len(sizes) if edit.has_numbers else len(sizes) / 2
        if score > best and score[1] >= enough and (sizes or not edit.reads_size):
            file = os.path.basename(source.function.__code__.co_filename)
            found = edit_in_words(edit, source.definition, file), [label for label in rows if label in mended]
            deadline = min(deadline, time.thread_time() + BETTER)
            best = score
            if best >= (len(trial.here.broken), len(sizes), len(deciding)):
                break
    return found


def tried(trial: Trial, sources: Sequence[Source]) -> Iterator[tuple[Edit, Source, bool]]:
    """Try the edits, the likeliest first; yield each with whether it makes the gradient right on the user's inputs.

    When it is yielded, the function is as it was.
    """
    pairs = [(edit, source) for source in sources for edit in source.edits(trial.here.pair)]
    ends = {node.lineno for source in sources for node in ast.walk(source.tree) if isinstance(node, ast.Return)}
    # Of edits that are as likely, the last one comes first: what is computed before it then is what its name says.
    pairs.sort(key=lambda pair: (pair[0].rank, pair[0].line in ends, -pair[0].line))
    for start in range(0, len(pairs), BATCH):
        for source in sources:
            edits = [edit for edit, its in pairs[start : start + BATCH] if its is source]
            yield from ((edit, source, fits) for edit, fits in together(trial, source, edits))


def together(trial: Trial, source: Source, edits: Sequence[Edit]) -> Iterator[tuple[Edit, bool]]:
    """Try some edits of one function; where one of them gives no code, the others are compiled without it."""
    with contextlib.ExitStack() as stack:
        try:
            choose = stack.enter_context(source.edited(edits))
        except Exception:
            half = len(edits) // 2
            for part in (edits[:half], edits[half:]) if half else ():
                yield from together(trial, source, part)
            return
        for number, edit in enumerate(edits):
            choose(number)
            fits = trial.here.right(trial.wanted)
            choose(NONE)
            yield edit, fits


def sources_of(pair: Pair, copies: Sandbox) -> list[Source]:
    """Return the user's functions that only the backward pass calls, backward itself first.

    The list is empty if a profiler is on, as `watched` needs its place, for long axes, and for loops that may not end.
    """
    if sys.getprofile() is not None:
        return []
    variables = watched(partial(pair.play, again=True))
    of_forward = {} if pair.backward is None else watched(pair.run)
    last = pair.backward or pair.forward
    first = getattr(last, "__func__", last)
    known = {f.__code__: f for f in copies.functions}
    rows = max((n for slot in pair.slots for n in slot.value.shape), default=0)
    if max(rows, copies.longest) > MOST_ROWS:
        return []
    trees = {code: tree for code in variables if code in known and (tree := tree_of(code))}
    if has_endless_loop(trees.values()):
        return []
    sources = [Source(known[code], tree, variables[code]) for code, tree in trees.items() if code not in of_forward]
    sources.sort(key=lambda source: source.function is not first)
    return sources[:MOST_FUNCTIONS]


def code_from(tree: Any, function: FunctionType) -> CodeType:
    """Return the code of a function with another source."""
    ast.fix_missing_locations(tree)
    with warnings.catch_warnings(action="ignore"):  # such as that a number is indexed
        code = compile(tree, function.__code__.co_filename, "exec")
    return next(x for x in codes_in(code) if x.co_name == function.__code__.co_name)


def watched(run: Callable[[], Any]) -> dict[CodeType, dict[str, Any]]:
    """Return the variables that the user's own functions have when they return, in a run."""
    variables: dict[CodeType, dict[str, Any]] = {}

    def told(frame: Any, event: str, arg: Any) -> None:
        if event == "return" and is_users_file(frame.f_code.co_filename):
            variables[frame.f_code] = {**frame.f_globals, **frame.f_locals}

    sys.setprofile(told)
    try:
        run()
    finally:
        sys.setprofile(None)
    return variables


# An edit in words.


def edit_in_words(edit: Edit, definition: Any, file: str) -> str:
    """Return the edit as a sentence: what should stand where."""
    old = edit.old
    if isinstance(old, list):
        gone = [statement for statement in old if statement not in edit.new]
        if gone:
            return f"`{ast.unparse(gone[0])}` should not be there, {file}:{gone[0].lineno}"
        i = next(i for i, statement in enumerate(old) if statement is not edit.new[i])
        return f"`{ast.unparse(old[i])}` should come after `{ast.unparse(old[i + 1])}`, {file}:{old[i].lineno}"
    shown = old
    around = [node for node in ast.walk(definition) if any(x is old for x in ast.walk(node))]
    # Show the edit inside the largest expression around it that still reads as one line.
    for node in reversed(around[:-1]):
        too_long = len(ast.unparse(node)) > (LONG if shown is old else SHORT)
        if isinstance(node, ast.Tuple | ast.Dict) or hasattr(node, "body") or too_long:
            break
        shown = node
        if isinstance(node, ast.stmt):
            break
    before = ast.unparse(shown)
    edit.place[edit.key] = edit.new
    after = ast.unparse(edit.new if shown is old else shown)
    edit.place[edit.key] = old
    return f"`{before}` should be `{after}`, {file}:{getattr(shown, 'lineno', edit.line)}"
