"""Marking: run a reader's function, compare it with the truth, and name the mistake.

A mistake is named only if it gives the reader's numbers on every draw of the inputs. If no known mistake does, the
report of `mg.verify` is shown.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..checking import verify
from ..core.context import Mode
from ..core.names import ENGINE
from ..core.tensor import Tensor
from ..transforms import value_and_grad, vjp
from .exercise import USED_THE_TAPE, Answer, Exercise, Gradients, Mistake

SEEDS = (1, 2)
RTOL, ATOL = 1e-6, 1e-9
UNNAMED = "<task>"  # the file that reports name for a forward pass: it has no line that a reader could look at


class TapeUse:
    """Notes whether any op ran on a Tensor while it watched."""

    def __init__(self) -> None:
        self.seen = False

    def made(self, node: Any, op: Any, args: Any, params: Any) -> None:
        self.seen = True

    def reading(self, pull: Any) -> Any:
        return pull


def mark_answer(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Return the mark of a reader's function."""
    use = TapeUse()

    @functools.wraps(answer)
    def watched(*args: Any) -> Any:
        with Mode(watch=use):
            return answer(*args)

    marked = exercise.mark(exercise, watched)
    if marked and use.seen and exercise.by_hand:
        return Answer(exercise.name, USED_THE_TAPE, "The numbers are right. Derive them by hand, in plain NumPy.")
    return marked


# --- functions of numbers, compared with the right value


def mark_values(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Mark a function by its values at some arguments.

    The options are `cases`, a list of argument tuples, `truth`, the right function, and `mistakes`, pairs of a wrong
    function and a sentence.
    """
    truth, cases = exercise.options["truth"], exercise.options["cases"]
    results = []
    for case in cases:
        try:
            result = answer(*case)
        except Exception as error:
            return exercise.wrong(raised(error))
        if is_nothing(result):
            return exercise.unanswered(answer)
        results.append(result)
    if all(same_numbers(result, truth(*case)) for result, case in zip(results, cases, strict=True)):
        return exercise.right()
    for wrong, sentence in exercise.options.get("mistakes", ()):
        if all(same_numbers(result, wrong(*case)) for result, case in zip(results, cases, strict=True)):
            return exercise.wrong(sentence)
    result, case = next((r, c) for r, c in zip(results, cases, strict=True) if not same_numbers(r, truth(*c)))
    names = argument_names(exercise.template)
    shown = ", ".join(f"{name} = {in_words(x)}" for name, x in zip(names, case, strict=True))
    right = truth(*case)
    if isinstance(right, tuple) and (not isinstance(result, tuple | list) or len(result) != len(right)):
        return exercise.wrong(f"For {shown} it returns {in_words(result)}. Return {len(right)} numbers.")
    return exercise.wrong(f"For {shown} it returns {in_words(result)}, and {in_words(right)} is right.")


def in_words(value: Any) -> str:
    """Return a number with six digits, a tuple of numbers in brackets, or a function's name."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(in_words, value))})"
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(getattr(value, "__name__", value))


def same_numbers(x: Any, y: Any) -> bool:
    """Tell whether two nested tuples of numbers agree."""
    if isinstance(y, tuple):
        return isinstance(x, tuple | list) and len(x) == len(y) and all(map(same_numbers, x, y))
    try:
        x = np.asarray(x, dtype=float)
    except (TypeError, ValueError):
        return False
    return x.shape == np.shape(y) and bool(np.allclose(x, y, rtol=RTOL, atol=ATOL))


# --- backward passes, judged by mg.verify


def mark_gradients(exercise: Exercise, answer: Callable[..., Any]) -> Answer:
    """Mark a backward pass.

    The options are `forward`, `draw` (a generator to inputs), `mistakes`, and `wanted`, the positions of the inputs
    whose gradients the answer returns. A forward pass with a scalar result is a loss: the answer then takes no `g`.
    """
    forward, draw = exercise.options["forward"], exercise.options["draw"]
    wanted = exercise.options["wanted"]
    draws, names = [], argument_names(exercise.template)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        inputs = draw(rng)
        output = np.asarray(forward(*inputs))
        g = rng.normal(size=output.shape) if output.ndim else None
        true = gradients_from_tape(forward, wanted, g, inputs)
        given = [np.copy(x) for x in inputs]
        try:
            result = answer(*given) if g is None else answer(g.copy(), *given)
        except Exception as error:
            shapes = ", ".join(
                f"{name} {x.shape}" for name, x in zip(names, given if g is None else (g, *given), strict=True)
            )
            return exercise.wrong(f"{raised(error)} The shapes are {shapes}.")
        if is_nothing(result):
            return exercise.unanswered(answer)
        changed = next((i for i, x in enumerate(inputs) if not np.array_equal(x, given[i])), None)
        if changed is not None:
            return exercise.wrong(f"It writes into {names[changed + (g is not None)]}. Work on a copy.")
        hand = result if isinstance(result, tuple | list) else (result,)
        if len(hand) != len(wanted):
            return exercise.wrong(f"The number of gradients is {len(hand)}, and must be {len(wanted)}.")
        draws.append((inputs, g, true, tuple(np.asarray(x) for x in hand)))
    if all(agree(hand, true) for _, _, true, hand in draws):
        report = judge(exercise, answer, draws[0][0])
        return exercise.right() if report else exercise.wrong(str(report))
    for mistake in (*exercise.options["mistakes"], *general_mistakes(len(wanted))):
        if all(agree(hand, numbers_of(mistake, forward, wanted, g, inputs, true)) for inputs, g, true, hand in draws):
            return exercise.wrong(mistake.sentence)
    inputs, _, true, hand = draws[0]
    message = first_difference(exercise, true, hand)
    if [x.shape for x in true] == [x.shape for x in hand]:
        message += f"\n{judge(exercise, answer, inputs)}".replace(f" ({UNNAMED}:2)", "").replace("dout", "g")
    return exercise.wrong(message)


def judge(exercise: Exercise, answer: Callable[..., Any], inputs: Any) -> Any:
    """Return the report of `verify` on an answer."""
    names = [name for name in argument_names(exercise.template) if name != "g"]
    forward = with_names(exercise.options["forward"], names)
    return verify(forward, named_like(exercise, answer, exercise.options["wanted"]), *inputs)


def named_like(exercise: Exercise, answer: Callable[..., Any], wanted: tuple[int, ...]) -> Callable[..., Any]:
    """Return the answer with the argument names of the template, its gradients in a dict by input name."""
    names = argument_names(exercise.template)
    inputs = [name for name in names if name != "g"]

    def call(*values: Any) -> dict[str, Any]:
        result = answer(*values)
        parts = result if isinstance(result, tuple | list) else (result,)
        return {f"d{inputs[i]}": x for i, x in zip(wanted, parts, strict=True)}

    call.__name__ = exercise.template.split("(")[0].removeprefix("def ")
    return with_names(call, names)


def with_names(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    """Return the function with these argument names, by which `verify` passes and reports values."""
    scope: dict[str, Any] = {"function": function}
    source = f"def named({', '.join(names)}):\n    return function({', '.join(names)})"
    exec(compile(source, UNNAMED, "exec"), scope)
    named: Callable[..., Any] = scope["named"]
    named.__name__ = getattr(function, "__name__", "forward")
    return named


def argument_names(template: str) -> list[str]:
    """Return the argument names of the function that a template defines.

    Examples
    --------
    >>> argument_names("def tanh_backward(g, x):")
    ['g', 'x']
    """
    line = next(line for line in template.splitlines() if line.startswith("def "))
    return [name.strip() for name in line[line.index("(") + 1 : line.rindex(")")].split(",")]


def gradients_from_tape(forward: Callable[..., Any], wanted: tuple[int, ...], g: Any, inputs: Any) -> Gradients:
    """Return the gradients of the wanted inputs, from the tape."""

    def of_wanted(*values: Any) -> Any:
        mixed = list(inputs)
        for i, value in zip(wanted, values, strict=True):
            mixed[i] = value
        return forward(*mixed)

    values = [np.asarray(inputs[i], dtype=float) for i in wanted]
    if g is None:
        _, gradients = value_and_grad(of_wanted, argnums=tuple(range(len(wanted))))(*values)
    else:
        _, pull = vjp(of_wanted, *values)
        gradients = pull(g)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return tuple(x.data if isinstance(x, Tensor) else np.asarray(x) for x in gradients)


def numbers_of(
    mistake: Mistake, forward: Callable[..., Any], wanted: tuple[int, ...], g: Any, inputs: Any, true: Gradients
) -> Gradients | None:
    """Return the gradients that a mistake gives, or None where it cannot be made on these inputs."""
    try:
        if mistake.forward is not None:
            return gradients_from_tape(mistake.forward, wanted, g, inputs)
        assert mistake.change is not None
        numbers = mistake.change(true, g, *inputs)
    except (ValueError, TypeError, IndexError):
        return None
    return numbers if isinstance(numbers, tuple) else (numbers,)


def general_mistakes(count: int) -> Iterator[Mistake]:
    """Yield the mistakes that can be made in any backward pass with `count` gradients."""
    if count == 2:
        yield Mistake("The two gradients are returned in the wrong order.", lambda d, g, *x: (d[1], d[0]))
    yield Mistake(
        "The sign is wrong: this is minus the gradient, in every entry.", lambda d, g, *x: tuple(-v for v in d)
    )
    yield Mistake(
        "A factor of 2 is too much. Look at the derivative of a square.", lambda d, g, *x: tuple(2 * v for v in d)
    )
    yield Mistake(
        "A factor of 2 is missing. Look at the derivative of a square.", lambda d, g, *x: tuple(v / 2 for v in d)
    )
    yield Mistake(
        "The gradient is transposed: it must have the shape of its input.", lambda d, g, *x: tuple(v.T for v in d)
    )


def agree(hand: Gradients, true: Gradients | None) -> bool:
    """Tell whether gradients agree in number, shapes and values."""
    return (
        true is not None
        and len(hand) == len(true)
        and all(
            x.shape == np.shape(y) and x.dtype.kind in "biuf" and bool(np.allclose(x, y, rtol=RTOL, atol=ATOL))
            for x, y in zip(hand, true, strict=True)
        )
    )


def first_difference(exercise: Exercise, true: Gradients, hand: Gradients) -> str:
    """Return a sentence that says which gradient is off first, and by what."""
    inputs = [name for name in argument_names(exercise.template) if name != "g"]
    for position, x, y in zip(exercise.options["wanted"], hand, true, strict=True):
        name = inputs[position]
        if x.shape != y.shape:
            return f"The gradient of {name} has shape {x.shape}; {name} has shape {y.shape}, and so must its gradient."
        off = ~np.isclose(x.astype(float), y, rtol=RTOL, atol=ATOL)
        if off.any():
            at = tuple(map(int, np.argwhere(off)[0]))
            return (
                f"The gradient of {name} is off in {int(off.sum())} of {off.size} entries: at {list(at)} it is "
                f"{x[at]:.6g}, and {y[at]:.6g} is right."
            )
    return ""


def is_nothing(result: Any) -> bool:
    """Tell whether a result is None or `...`, or a tuple of these."""
    parts = result if isinstance(result, tuple | list) and result else (result,)
    return all(x is None or x is ... for x in parts)


def raised(error: Exception) -> str:
    """Return a sentence about an exception that the reader's function raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ENGINE)]
    line = f" in line {frames[-1].lineno} of {frames[-1].name}" if frames else ""
    return f"It raises {type(error).__name__}: {error}{line}."
