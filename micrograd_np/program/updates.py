"""An optimiser's update as one function of a program's text, called for each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

from .ir import ARGUMENT, CONSTANT, Step, Steps, Update, Value
from .simplify import draws

LEAST = 4  # steps of an update that are worth a function


class Part(NamedTuple):
    """One update: its steps, the values that they read from outside, and the writes."""

    update: Update
    steps: list[Step]
    inputs: list[Value]
    writes: list[tuple[Value, Value]]


class Call(NamedTuple):
    """A call of an update's function, and what it writes to."""

    name: str
    inputs: list[Value]
    targets: list[Value]


def factored(program: Steps) -> tuple[Steps, list[Steps], list[Call]]:
    """The program without its updates; these as functions; and the calls of them, which come last.

    Two updates are one function if the same rows are wired in the same way. An update that something else reads from,
    or that reads what another writes, stays where it is.
    """
    alike: dict[Any, list[Part]] = defaultdict(list)
    for part in separable(program):
        alike[form(part)].append(part)
    functions: list[Steps] = []
    calls: list[Call] = []
    steps, writes = list(program.steps), list(program.writes)
    names: set[str] = set()
    for group in alike.values():
        if len(group) < 2 or len(group[0].steps) < LEAST:
            continue
        name = next(x for x in numbered(group[0].update.name.lower()) if x not in names)
        names.add(name)
        order = ordered(group[0])
        functions.append(function(name, group[0], order))
        for part in group:
            calls.append(Call(name, [part.inputs[i] for i in order], [target for target, _ in part.writes]))
            gone = {step.output for step in part.steps}
            steps = [step for step in steps if step.output not in gone]
            writes = [(target, value) for target, value in writes if value not in gone]
    return replace(program, steps=steps, writes=writes), functions, calls


def numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{i}" for i in range(2, 100))


def separable(program: Steps) -> Iterator[Part]:
    """The updates that nothing else reads from, and that read nothing that another writes."""
    readers: dict[Any, set[Any]] = defaultdict(set)
    for step in program.steps:
        for x in step.inputs:
            if isinstance(x, Value):
                readers[x].add(step.output)
    others = [*program.result, *program.finite, *(g for _, g in program.gradients)]
    targets = {target for target, _ in program.writes}
    for number, update in enumerate(program.updates, 1):
        own = {update.parameter, *update.state.values()}
        writes = [(target, value) for target, value in program.writes if target in own]
        ends = {value for target, value in program.writes if target not in own} | {x for x in others if x is not None}
        inside: set[Value] = set()
        steps = []
        for step in reversed(program.steps):
            own_step = step.update == number and not draws(step.op)  # a draw that moved would give other numbers
            if own_step and readers[step.output] <= inside and step.output not in ends:
                inside.add(step.output)
                steps.append(step)
        steps.reverse()
        inputs = list(
            dict.fromkeys(
                x
                for step in steps
                for x in step.inputs
                if isinstance(x, Value) and x.kind != CONSTANT and x not in inside
            )
        )
        inputs += [target for target, _ in writes if target not in inputs]
        apart = not any(x in targets and x not in own for x in inputs)
        if apart and writes and all(value in inside for _, value in writes):
            yield Part(update, steps, inputs, writes)


def form(part: Part) -> Any:
    """Return a key that is equal for updates that can share one function."""
    known: dict[Any, Any] = {x: ("input", i) for i, x in enumerate(part.inputs)}
    found: list[Any] = [part.update.name, *(role(part.update, x) for x in part.inputs)]
    for step in part.steps:
        read = [known[x] if x in known else constant_form(x) for x in step.inputs]
        found.append((step.op, tuple(read), repr(step.params), step.output.dtype))
        known[step.output] = ("step", len(found))
    return (*found, *((known[target], known[value]) for target, value in part.writes))


def constant_form(x: Any) -> Any:
    return (x.of.dtype, x.of.shape, x.of.tobytes()) if isinstance(x, Value) else repr(x)


def role(update: Update, x: Value) -> str:
    """The name of an input in the function."""
    roles = {update.gradient: "g", update.parameter: "p", **{value: kind for kind, value in update.state.items()}}
    return roles.get(x) or x.name or "t"


def ordered(part: Part) -> list[int]:
    """The order of a function's parameters: p, g, the state, the options."""
    roles = ["p", "g", *part.update.state]
    places = {name: i for i, name in enumerate(roles)}
    return sorted(range(len(part.inputs)), key=lambda i: places.get(role(part.update, part.inputs[i]), len(roles)))


def function(name: str, part: Part, order: list[int]) -> Steps:
    """An update as a program of its own."""
    own: dict[Any, Value] = {}
    for place, i in enumerate(order):
        x = part.inputs[i]
        own[x] = copy(x)
        own[x].kind, own[x].of, own[x].name = ARGUMENT, place, role(part.update, x)
        own[x].cotangent_of = None
    for step in part.steps:
        own[step.output] = copy(step.output)
        own[step.output].cotangent_of = None
    steps = [
        step._replace(inputs=tuple(own.get(x, x) for x in step.inputs), output=own[step.output]) for step in part.steps
    ]
    writes = [(own[target], own[value]) for target, value in part.writes]
    return Steps(name, steps, [own[part.inputs[i]] for i in order], [None], lambda leaves: leaves[0], writes, [])
