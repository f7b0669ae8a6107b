"""Every solution is right, every template is not yet answered, every planted mistake is named."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import learn
from micrograd_np.learn import ladder, puzzles
from micrograd_np.learn.tapes import DEPTH, Node, chain, doublings

from . import solutions
from .slips import SLIPS


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(ladder.PROGRESS, str(tmp_path / "progress.json"))


def function_of(template, scope):
    """The function that a template defines, from a scope."""
    name = next(line for line in template.splitlines() if line.startswith("def ")).split("(")[0][4:]
    return scope[name]


@pytest.mark.parametrize("name", learn.EXERCISES)
def test_the_solution_is_right_and_noted(name):
    answer = learn.check(name, function_of(learn.EXERCISES[name].template, vars(solutions)))
    assert answer, answer
    assert ladder.done() == {name}


@pytest.mark.parametrize("name", learn.EXERCISES)
def test_the_template_is_not_yet_answered(name):
    template = learn.EXERCISES[name].template
    scope = {"np": np}
    exec(template, scope)
    answer = learn.check(name, function_of(template, scope))
    assert answer.status == "not yet"
    assert not answer
    assert ladder.done() == set()


@pytest.mark.parametrize(("name", "slip", "words"), SLIPS, ids=[f"{name}-{words}" for name, _, words in SLIPS])
def test_a_planted_mistake_is_named(name, slip, words):
    answer = learn.check(name, slip)
    assert answer.status == "wrong"
    assert words in answer.message


def test_there_are_enough():
    assert len(learn.EXERCISES) >= 25
    assert {exercise.lesson for exercise in learn.EXERCISES.values()} == {1, 2, 3, 4, 5, 6, 7, 10}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("tanh", lambda g, x: mg.vjp(np.tanh, x)[1](g)),
        ("cross_entropy", lambda s, y: mg.grad(lambda s: mg.nn.cross_entropy(s, y))(s)),
        ("square", lambda x: float(mg.grad(lambda x: x * x)(x))),
    ],
)
def test_an_answer_that_uses_the_tape_is_told_so(name, answer):
    marked = learn.check(name, answer)
    assert marked.status == "right, but it used the tape"
    assert not marked
    assert ladder.done() == set()


def test_an_exception_is_answered_with_its_line():
    def broken(g, x):
        return g * y  # noqa: F821

    answer = learn.check("tanh", broken)
    assert "NameError" in answer.message
    assert "of broken. The shapes are g (3, 4), x (3, 4)." in answer.message


def test_an_exception_names_no_line_of_the_package():
    class Value:
        def __init__(self, data):
            self.data = data

        def __add__(self, other):
            return Value(self.data + other.data)

    message = learn.check("value class", Value).message
    assert message == "In a + b: It raises AttributeError: 'Value' object has no attribute 'backward'."


def test_an_answer_that_writes_into_its_input_is_told_so():
    def careless(g, x):
        x *= 0
        return g

    assert "writes into x." in learn.check("tanh", careless).message


def test_a_mistake_that_no_exercise_knows_gets_a_report():
    answer = learn.check("tanh", lambda g, x: g * (1 - np.tanh(x) ** 2) + 0.01 * x)
    assert answer.status == "wrong"
    assert "off in 12 of 12 entries" in answer.message
    assert "verify" in answer.message


def test_the_number_of_gradients_is_checked():
    assert "is 1, and must be 2" in learn.check("matmul", lambda g, x, w: g @ w.T).message


def test_unknown_names_and_results_in_place_of_functions_are_refused():
    with pytest.raises(KeyError, match="'softmax'"):
        learn.check("soft max", lambda g, x: g)
    with pytest.raises(TypeError, match=r"not f\(\.\.\.\)"):
        learn.check("tanh", 3.0)


def test_random_graphs_are_hard_enough():
    assert len(chain(DEPTH)) == DEPTH + 1
    assert doublings(60)[-1].value == 2.0**60
    Node.limit = 0


@pytest.mark.slow
@pytest.mark.parametrize("level", puzzles.LEVELS)
def test_every_puzzle_has_one_mistake_that_verify_sees(level):
    for seed in range(40):
        puzzle = learn.puzzle(level, seed)
        assert not mg.verify(puzzle.forward, puzzle.backward, *puzzle.inputs)
        assert puzzle.guess(puzzle._line).startswith("Right: ")
        assert puzzle.guess(1) == "Line 1 was not changed. Look further down."  # another line may be mended, too
    scope = {"np": np}
    exec(puzzles.LEVELS[level], scope)
    inputs = puzzles.draw_inputs(level, np.random.default_rng(0))
    assert mg.verify(scope["forward"], scope["backward"], *inputs)


@pytest.mark.parametrize("line", [0, 11, "9", 2.5])
def test_a_line_that_is_not_there_is_no_guess(line):
    assert "from 1 to 10" in learn.puzzle(1, 0).guess(line)


def test_reports_of_puzzles_quote_their_own_lines():
    first, second = learn.puzzle(1, 4), learn.puzzle(2, 4)
    for puzzle, words in ((first, "l1 = 1 / (1 +"), (second, "X @ W1 + b1")):
        assert words in str(mg.verify(puzzle.forward, puzzle.backward, *puzzle.inputs))


def test_a_report_names_no_line_that_the_reader_cannot_see():
    def gelu_backward(g, x):
        t = np.tanh(0.79788456 * (x + 0.044715 * x**3))
        return g * 0.5 * (1 + t) + g * 0.5 * x * (1 - t * t)

    message = learn.check("gelu", gelu_backward).message
    assert "inner derivative" in message
    assert "<" not in message


def test_an_order_may_be_any_iterable():
    assert learn.check("order", lambda output: iter(solutions.order(output)))


def test_there_is_no_fourth_level():
    with pytest.raises(ValueError, match="levels 1, 2 and 3"):
        learn.puzzle(4)


def test_a_damaged_file_of_progress_is_left_alone(tmp_path):
    ladder.progress_file().write_text("{", encoding="utf-8")
    answer = learn.check("square", solutions.square_slope)
    assert answer
    assert "not a file of progress" in answer.message
    assert ladder.progress_file().read_text() == "{"
