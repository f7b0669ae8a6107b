"""`verify`: compare gradients by hand with the tape and with finite differences; say which is wrong, and why."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from ..cures import answering
from .by_hand import LABEL_NAMES
from .calling import Pair
from .cases import (
    Case,
    case_of_numbers,
    function_case,
    graph_case,
    on_other_data,
    other_reading,
    special_inputs,
)
from .claims import GIVEN, Closeness, Row, meanings, parallel, precision_of
from .claims import WRONG as WRONG_ROW
from .comparison import NUMERIC, OK, TOO_COARSE, WRONG, largest
from .conventions import sizes_of
from .diagnosis import BUDGET, DESCRIPTIONS, Examined, examine
from .hypotheses import Cause
from .kinks import Kinks
from .other_inputs import moved_off, of_other_sizes
from .repair import Data, copied_pair, repair
from .replay import Recording, in_float64
from .sandbox import Sandbox
from .script import repair_script
from .tape_check import check_tape, lost_digits, vague_entries
from .verify_report import AT_KINK, VerifyReport

Array = Any
Setting = Callable[[], AbstractContextManager[None]]
MOST_SIZES = 5
MOST_MEASURED = 200  # entries whose derivatives are measured with other sizes, too
OTHER_DATA = 2  # sets of other inputs on which causes are tested
MOST_REPAIRED = 2  # wrong rows
SHARE_IF_NAMED = 0.4  # of the budget, to find the place in the source of a mistake that has a name


@answering
def verify(
    output: Any,
    *given: Any,
    gradient: Any = None,
    strict: bool | None = None,
    factor: float | None = None,
) -> VerifyReport:
    """Compare gradients by hand with the tape and with numbers; say which is wrong first, and which mistake gives it.

    Three forms: `verify(loss, {tensor_or_name: array})` on a recorded graph, before the weights are updated;
    `verify(forward, backward, *inputs)` with two NumPy functions or methods; `verify(loss_and_grad, *inputs)` with one
    that returns (loss, gradients). The report is true if the hand is right.

    Parameters
    ----------
    output : Tensor, or callable
        The loss; or the forward pass, (*inputs) to the loss, to one or more outputs, or to these and a cache.
    *given : dict; or callable and inputs; or inputs
        Gradients by hand, under tensors, their names, or names made of these such as `l1_delta`, `dW1`. Or the backward
        pass, which is given what it asks for (the outputs' gradients, the cache, the inputs), and the inputs.
    gradient : array_like, optional
        The gradient of an output that is not a scalar.
    strict : bool, optional
        Whether a common factor such as -1 is a mistake. By default it is, except where a scalar loss leaves it open.
    factor : float, optional
        The factor that all gradients must have, such as -1 for updates that are added.

    Raises
    ------
    TypeError, ValueError
        If the call has none of these forms, or a gradient belongs to nothing in the graph.

    Examples
    --------
    >>> def forward(w):
    ...     return np.sum(np.tanh(w) ** 2)
    >>> def backward(w):
    ...     return 2 * np.tanh(w)
    >>> report = verify(forward, backward, np.array([0.3, -0.5, 0.9]))
    >>> bool(report), report.findings[0].causes[0].kind
    (False, 'derivative left out')
    """
    check_form(output, given)
    if isinstance(output, Tensor):
        case = graph_case(output, given[0], gradient)
    else:
        two = bool(given) and callable(given[0]) and not isinstance(given[0], Tensor)
        case = function_case(Pair(output, given[0] if two else None, given[two:], gradient))
    if strict is not None:
        case.factor = 1.0 if strict else None
    if factor is not None:
        case.factor = factor
    with np.errstate(all="ignore"):
        report = judge_readings(case)
        if report.verdict == WRONG:
            name_repairs(report)
        report.repair = None
        if case.pair:
            with suppress(Exception):  # what the functions store outside, such as a cache, holds arrays again
                case.pair.play()
    if not report:
        report.notes += case.guesses
    return report


def name_repairs(report: VerifyReport) -> None:
    """Look for the edits of the user's source that make wrong gradients right; each is a cause if no other is known."""
    repair, report.repair = report.repair, None  # it holds the user's frame
    if not repair:
        return
    pending = list(report.findings)
    report.findings = kept = []
    while pending:
        finding = pending.pop(0)
        kept.append(finding)
        label, mended = finding.row.label, list[str]()
        if len(kept) <= MOST_REPAIRED and all(each.edit for each in kept[:-1]):
            with suppress(Exception):  # the search never ends a check
                share = SHARE_IF_NAMED if any(cause.kind not in DESCRIPTIONS for cause in finding.causes) else 1.0
                finding.edit, mended = repair(label, share)
        if any({label, *mended} < set(cause.rows) for cause in finding.causes):
            finding.edit, mended = "", []  # it mends this row alone, where one mistake explains several
        if finding.edit:
            labels = [label, *(other for other in mended if other != label)]
            known = finding.causes[0] if len(finding.causes) == 1 else Cause("edit", finding.edit, labels)
            finding.causes = [replace(known, rows=labels)]
            pending = [other for other in pending if other.row.label not in mended]


def judge_readings(case: Case) -> VerifyReport:
    """Return the report of the first way to read the user's functions under which the hand is right, or of the first.

    If the gradient of an input is a multiple of that of another, as in (p - y)**2, nothing tells them apart, and what
    was returned is taken for that of the first: a wrong sign is no gradient of the other. Labels yield to other inputs.
    """
    report = first = judge(case)
    if report.verdict == OK:
        return shown_by_others(case, report)
    close = Closeness()
    while not report and (other := other_reading(case.pair)):
        try:
            case = function_case(other)
            case.factor = case.factor if first.case.factor is None else first.case.factor
            if not may_be_right(case):
                continue
        except Exception:  # this way does not fit, nor any after it
            break
        report = judge(case)
        yields = [sum(row.label.lower() in LABEL_NAMES for row in each.rows) for each in (first, report)]
        alike = all(row.fits and parallel(row.hand, row.true, close) for row in first.rows)
        if report and alike and yields[0] <= yields[1]:
            report = first
    return report or first


def shown_by_others(case: Case, report: VerifyReport) -> VerifyReport:
    """Return the report; or one on other inputs, where the user's are special and these show a mistake.

    With a scale of ones, as in each new layer, a backward pass that forgets the scale is right. With one sample, one
    that divides by their number is: of this there is a note.
    """

    for why, make, makes_sense in special_inputs(case):
        found = judge_other(case, make)
        if found is None or found.verdict != WRONG or not all(row.fits for row in found.rows):
            continue
        if makes_sense:
            found.notes.insert(
                0,
                f"On these inputs your gradients are right, because {why}. The rows above are for other numbers, as "
                "training makes them.",
            )
            return found
        name_repairs(found)  # the code may be for these sizes only, so the verdict stays, and only edits are said
        if edits := [finding.edit for finding in found.findings if finding.edit]:
            report.notes.insert(0, f"Right, but {why}. With one more sample, {' and '.join(edits)}.")
            return report
    return report


def may_be_right(case: Case) -> bool:
    """Return whether most entries are right, so that a case is worth judging: the others may lie on kinks."""
    if case.factor is None:
        return True
    rows = prepare(case)[1]
    return not case.faults and all(
        row.hand.size == row.true.size > 0
        and np.mean(np.isclose(row.hand.ravel() / case.factor, row.true.ravel(), 1e-3, 1e-6 * largest(row.true))) > 0.5
        for row in rows
    )


def check_form(output: Any, given: Sequence[Any]) -> None:
    """Raise if a call of `verify` has none of its forms."""
    if isinstance(output, Tensor):
        fits = len(given) == 1 and isinstance(given[0], dict)
    else:
        fits = callable(output) and (bool(given) or getattr(output, "__self__", None) is not None)
    if callable(output) and given and given[0] is None:
        raise ArgumentTypeError("verify(forward, None, ...): the backward pass is None.")
    if not fits and hasattr(output, "forward") and hasattr(output, "backward"):
        raise ArgumentTypeError("verify takes functions. Write mg.verify(layer.forward, layer.backward, x).")
    if not fits:
        raise ArgumentTypeError(
            "verify takes a recorded loss and its gradients by hand, verify(loss, {'W1': dW1, w2: dw2}); two functions "
            "and their inputs, verify(forward, backward, x, w); or one that returns the loss and its gradients, "
            f"verify(loss_and_grad, x, w); not {', '.join(type(x).__name__ for x in (output, *given))}."
        )


def check_gradients(output: Tensor, hand: Any, gradient: Any) -> None:
    if not hand:
        raise ArgumentError("verify was given no gradient by hand: name at least one, as in {'W1': dW1}.")
    if output.size != 1 and gradient is None:
        raise ShapeError(
            f"verify starts from a loss, and the output has shape {output.shape}. Give the loss itself, or the "
            "gradient that your backward pass starts from: verify(output, {...}, gradient=dout)."
        )
    if not np.isfinite(output._data).all():
        raise ArgumentError(
            f"the output is {output._data}, so there is no gradient to compare with. mg.detect_anomaly() names the op "
            "that made the first nan or inf."
        )


def judge(case: Case) -> VerifyReport:
    """Return the report on a case."""
    check_gradients(case.output, case.hand, case.gradient)
    recording, rows, close, name = prepare(case)
    if not any(row.true.size for row in rows):
        labels = " and ".join(row.label for row in rows)
        raise ArgumentError(f"{labels} has no entries, so there is nothing to compare.")
    if not case.unrecorded and (said := nan_of_the_tape(rows)):
        if not case.pair:
            raise ArgumentError(f"{said}; mg.detect_anomaly() names the op that makes the nan.")
        report = judge(case_of_numbers(case))
        report.notes.insert(0, f"{said}, so it is compared with numbers.")
        return report
    sizes = sizes_of(recording, name)
    budget = BUDGET if case.pair is None else BUDGET // 3  # their source will be searched, too
    found = examine(rows, recording, close, sizes, name, case.factor, lambda: other_data(case), budget)
    if look_again(case, rows, found):
        return judge(case)
    notes = list(case.notes)
    report = VerifyReport(**vars(found), case=case, sizes=sizes, faults=case.faults, notes=notes)
    if found.findings:
        report.repair = partial(repaired if case.pair else repaired_line, case, rows, close, found)
    if case.unchecked:
        report.notes.append(f"Not checked: {', '.join(case.unchecked)}, which only a recorded forward pass has.")
    for finding in found.findings if report.faults else ():  # a backward pass that updates weights is not linear, too
        if updates := [cause for cause in finding.causes if cause.kind == "after the update"]:
            finding.causes, report.faults = updates, []
    on_kinks = recording.kinks.count()[0] if recording.kinks else sum(int(d.kinked.sum()) for d in case.differences)
    if found.findings and on_kinks:
        return off_the_kinks(report, recording, case)
    if found.findings and not case.unrecorded and (where := lost_digits(recording, report)):
        return by_numbers_alone(case) or left_open(report, TOO_COARSE, where, False)
    if report and (where := vague_entries(case, rows, found.convention)):
        nearby = judge_nearby(case)
        return left_open(report, TOO_COARSE, where, nearby is not None and nearby.verdict == OK)
    if not case.unrecorded:
        report.wrong_ops = check_tape(found.rows, recording)
        unsure = not report.wrong_ops and any(row.numeric == TOO_COARSE for row in rows)
        if unsure and case.pair:  # does the output depend on an input that the graph misses?
            if not (recording.kinks or Kinks(recording)):
                return by_numbers_alone(case) or report
            nearby = judge_nearby(case)
            return report if nearby is None or nearby else nearby
    return report


def nan_of_the_tape(rows: Sequence[Row]) -> str:
    """Return where the tape has nan or inf for a finite gradient by hand, or an empty text."""
    for row in rows:
        bad = ~np.isfinite(row.true)
        if bad.any() and np.isfinite(row.hand).all() and row.hand.shape == row.true.shape:
            return f"The tape's gradient of {row.label} is nan or inf in {bad.sum()} of {bad.size} entries"
    return ""


def repaired_line(
    case: Case, rows: Sequence[Row], close: Closeness, found: Examined, wanted: str, share: float
) -> tuple[str, list[str]]:
    """Return the edit of a line beside the graph that makes a wrong row right, and all rows that it makes right."""
    # Where no right row shows a factor that all have, an edit that needs none comes first.
    for convention in dict.fromkeys([*([] if found.convention.seen else [(1.0, 1.0)]), found.convention.factors]):
        given = []
        for row, x in zip(rows, case.hand.values(), strict=True):
            right = row.true if row.status == GIVEN else row.expected  # a gradient above that is wrong itself stays so
            given.append((replace(row, true=right * convention[row.leaf]), x))
        edit, mended = repair_script(case.frame, case.output, given, wanted, close, share)
        if edit:
            return edit, mended
    return "", []


def repaired(
    case: Case, rows: Sequence[Row], close: Closeness, found: Examined, wanted: str, share: float
) -> tuple[str, list[str]]:
    """Return the edit of the user's source that makes a wrong row right, and all rows that it makes right."""
    assert case.pair
    broken = {row.label for row in rows if not row.fits or row.status == WRONG_ROW}

    copies = Sandbox()

    def data(case: Case, rows: Sequence[Row], close: Closeness, setting: Setting = nullcontext) -> Data:
        assert case.pair
        pair = copied_pair(case.pair, copies)
        played = pair.play()
        by_label = {row.label: row for row in rows}
        factors = {row.label: found.convention.of(row) for row in rows}
        return Data(pair, played.outputs, played.seeded, by_label, factors, broken, close, setting)

    def made(choices: Iterable[Callable[[], Pair]], setting: Setting = nullcontext) -> list[Data]:
        return first_that_works(choices, setting, lambda case, _, rows, close, __: data(case, rows, close, setting))

    def elsewhere() -> list[Data]:
        return [each for seed in range(OTHER_DATA) for each in made(on_other_data(case, here.pair, seed=seed))]

    def sizes() -> list[Data]:
        slow = case.unrecorded and sum(row.true.size for row in rows) > MOST_MEASURED
        pairs = () if slow else islice(of_other_sizes(here.pair, case.among), MOST_SIZES)
        # The pairs are made already: a copy is what makes one.
        return [each for choices in pairs for each in made(partial(copy.copy, pair) for pair in choices)]

    def deciding() -> list[Data]:
        other_signs = on_other_data(case, here.pair, seed=0, other_signs=True)[:1]
        return made(on_other_data(case, here.pair, seed=0), copies.other_constants) + made(other_signs)

    try:
        here = data(case, rows, close)
        return repair(here, elsewhere, sizes, deciding, wanted, copies, share)
    except Exception:  # they cannot be copied, or need what does not exist in the sandbox
        return "", []


def other_data(case: Case) -> list[Any]:
    """Return what the user's functions give on other data, where they can run there and be recorded."""
    found = []
    for seed in range(0 if case.unrecorded else OTHER_DATA):
        for other, recording, rows, _, name in first_that_works(on_other_data(case, case.pair, seed=seed)):
            found += [] if other.unrecorded else [(recording, rows, name)]
    return found


def first_that_works(
    makes: Iterable[Callable[[], Pair]], setting: Setting = nullcontext, use: Callable[..., Any] = lambda *found: found
) -> list[Any]:
    """Return a list with what `use` gives for the first functions that take their data and give no nan or inf, if any.

    `use` gets their case, and what `prepare` returns for it; by default these are in the list, as a tuple.
    """
    for make in makes:
        with suppress(Exception), setting():  # they do not take other data, as sizes or labels that must fit
            other = function_case(make())
            prepared = prepare(other)
            if all(np.isfinite(x).all() for row in prepared[1] for x in (other.output._data, row.true, row.hand)):
                return [use(other, *prepared)]
    return []


def judge_other(case: Case, make: Callable[[], Pair], **known: Any) -> VerifyReport | None:
    """Return the report on the same functions elsewhere; None if they do not run there, which ends no check."""
    with suppress(Exception):
        return judge(replace(function_case(make()), factor=case.factor, **known))
    return None


def judge_nearby(case: Case) -> VerifyReport | None:
    """Return the report with all inputs moved by a thousandth, once; None if they cannot be moved."""
    if case.pair is None or case.moved:
        return None
    return judge_other(case, partial(moved_off, case.pair), moved=True)


def by_numbers_alone(case: Case) -> VerifyReport | None:
    """Return the report without the graph; None if there are no functions, or their derivatives cannot be measured."""
    with suppress(Exception):
        return judge(case_of_numbers(case))
    return None


def look_again(case: Case, rows: Sequence[Row], found: Examined) -> bool:
    """Measure numeric derivatives that contradict the hand again; tell whether any was less exact than known."""
    pairs = zip(rows, case.differences, strict=False) if found.findings else ()
    fitting = [(row, d) for row, d in pairs if row.hand.shape == d.gradient.shape]
    return any(d.measure_again(row.hand / found.convention.of(row)) for row, d in fitting)


def off_the_kinks(report: VerifyReport, recording: Recording, case: Case) -> VerifyReport:
    """Return the report if rows are wrong and entries lie on kinks; move the inputs off the kinks if possible."""
    alone = sum(int(d.kinked.sum()) for d in case.differences), sum(d.gradient.size for d in case.differences)
    entries, size = recording.kinks.count() if recording.kinks else alone
    where = f"{entries:,} of {size:,} entries lie on a kink, where any value between the slopes on both sides is right"
    nearby = judge_nearby(case)
    if nearby is None:
        if not recording.kinks or not all(row.status != WRONG_ROW or confined(row, recording) for row in report.rows):
            return report
        says = f"{where}. This data cannot tell: move the inputs by 1e-3, and ask again"
        return left_open(report, AT_KINK, says, False)
    if nearby.verdict == OK:
        return left_open(report, AT_KINK, f"{where}. With the inputs moved by 1e-3 your gradients are right", True)
    nearby.notes = [f"{where}; so the inputs were moved by 1e-3 for what follows.", *nearby.notes]
    return nearby


def left_open(report: VerifyReport, verdict: str, says: str, passes: bool) -> VerifyReport:
    """Return the report with a verdict for what this data leaves open."""
    report.left_open = verdict, says, passes
    report.findings = []
    for row in report.rows:
        if row.status == WRONG_ROW or row.numeric == TOO_COARSE:
            row.status = "left open, at a kink" if verdict == AT_KINK else "left open"
    return report


def confined(row: Row, recording: Recording) -> bool:
    """Return whether a row is wrong only in entries that another choice at kinks could change."""
    reached = np.zeros(row.true.shape, bool)
    usual = recording.true.get(row.tensor)
    for choice in recording.kinks.choices():
        other = recording.walk(overrides=choice).get(row.tensor)
        if other is not None and usual is not None:
            reached |= np.abs(other - usual) > 1e-9 * np.max(np.abs(usual), initial=0)
    off = np.abs(row.hand - row.true) > 1e-6 * np.max(np.abs(row.true), initial=0)
    return bool(np.all(reached | ~off))


def prepare(case: Case) -> tuple[Recording, list[Row], Closeness, Callable[[Any], str | None]]:
    """Return the recording in float64, a row for each gradient by hand, the tolerance, and the names."""
    recording = given = Recording(case.output, case.gradient)
    named: dict[str, list[Tensor]] = {}
    for called, tensor in (*((case.name(node), node) for node in given.nodes), *case.variables.items()):
        if called:
            named.setdefault(called, []).append(tensor)
    hand = meanings(case.hand, given, named)
    close, double = Closeness(), {x: x for x in given.nodes}
    if any(getattr(x._data, "dtype", None) == np.float32 for x in given.nodes):
        output, double = in_float64(given.output)
        recording = Recording(output, np.asarray(given.seed, dtype=np.float64))
        pairs = [(given.true[x], recording.true[double[x]]) for _, x, _, _ in hand if x in given.true]
        lost = [np.max(np.abs(g - true), initial=0) / max(largest(true), 1e-300) for g, true in pairs]
        close = Closeness(1e-4, float(np.clip(30 * max(lost, default=0.0), 1e-5, 1e-2)))
    former = {new: old for old, new in double.items()}
    factor = 1.0 if case.factor is None else abs(case.factor)
    rows = []
    for label, tensor, values, notes in hand:
        x = double.get(tensor, tensor)
        row = Row(label, x, values, notes=notes, slack=factor * case.slack.get(tensor, 0.0))
        row.true = recording.true.get(x, np.zeros(x.shape))  # zeros: the output does not depend on it
        row.size = recording.sizes.get(x, 0.0)
        rows.append(row)
    close = close.at_best(max(map(precision_of, case.hand.values())))
    if case.unrecorded:
        close = Closeness(max(close.rtol, NUMERIC.rtol), max(close.floor, NUMERIC.floor))
    return recording, rows, close, lambda x: case.name(former.get(x, x) if isinstance(x, Tensor) else x)
