"""The lessons run, open as notebooks, and are listed with what is done."""

import ast
import json
import os
import stat
import subprocess
import sys

import pytest

import micrograd_np as mg
from micrograd_np import cli, learn
from micrograd_np.learn import ladder

from . import solutions
from .test_exercises import function_of

LESSONS = ladder.lessons()


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(ladder.PROGRESS, str(tmp_path / "progress.json"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # no Jupyter is started


def run(code):
    """Run the code cells of a lesson; return what each shows."""
    scope, shown = {"__name__": "lesson"}, []
    for source in code:
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "lesson", "exec"), scope)
        if last:
            shown.append(eval(compile(ast.Expression(last.value), "lesson", "eval"), scope))
    return shown


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_runs_and_asks_its_exercises(number):
    found = ladder.cells(LESSONS[number].read_text(encoding="utf-8"))
    shown = run(source for kind, source in found if kind == "code")
    answers = [x for x in shown if isinstance(x, learn.Answer)]
    assert {x.name for x in answers} == {e.name for e in learn.EXERCISES.values() if e.lesson == number}
    assert all(x.status == "not yet" for x in answers)


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_has_its_parts(number):
    text = LESSONS[number].read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[0].startswith(f"# Lesson {number}: ")
    assert "## Think about it" in headings


def test_there_are_ten():
    assert list(LESSONS) == list(range(1, 11))


def test_a_notebook_is_whole(tmp_path):
    path, new = ladder.write_notebook(3, tmp_path)
    assert new
    book = json.loads(path.read_text(encoding="utf-8"))
    assert book["nbformat"] == 4
    assert {cell["cell_type"] for cell in book["cells"]} == {"markdown", "code"}
    assert all(cell["outputs"] == [] for cell in book["cells"] if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbformat.validate(nbformat.from_dict(book))


def test_answers_in_a_notebook_are_never_overwritten(tmp_path):
    path, _ = ladder.write_notebook(3, tmp_path)
    path.write_text("mine", encoding="utf-8")
    assert ladder.write_notebook(3, tmp_path) == (path, False)
    assert path.read_text() == "mine"


def test_the_command_lists_what_is_done_and_names_the_next(capsys):
    for name in ("slope", "product"):
        assert learn.check(name, function_of(learn.EXERCISES[name].template, vars(solutions)))
    assert cli.main(["learn"]) == 0
    printed = capsys.readouterr().out
    assert "1. a slope (2 of 3)" in printed
    assert "[x] slope" in printed
    assert "[ ] square" in printed
    assert "Next: micrograd-np learn 1" in printed


def test_the_command_goes_on_to_the_next_lesson(capsys, tmp_path):
    for name in ("slope", "product", "square"):
        ladder.keep(name)
    assert cli.main(["learn", "next"]) == 0
    assert "lesson_2.ipynb written" in capsys.readouterr().out
    assert (tmp_path / "lesson_2.ipynb").exists()
    assert cli.main(["learn", "2"]) == 0
    assert "it was kept" in capsys.readouterr().out


def test_at_the_end_it_says_so(capsys):
    for name in learn.EXERCISES:
        ladder.keep(name)
    assert cli.main(["learn"]) == 0
    assert "All exercises are done." in capsys.readouterr().out
    assert cli.main(["learn", "next"]) == 0


@pytest.mark.parametrize("number", ["0", "11", "one"])
def test_there_is_no_such_lesson(number, capsys):
    assert cli.main(["learn", number]) == 2
    assert "1 to 10" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_right_answer_stays_right_where_it_cannot_be_noted(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        answer = learn.check("square", lambda x: 2 * x)
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert answer
    assert "Not noted" in answer.message


def test_the_package_does_not_load_lessons():
    code = "import sys, micrograd_np; assert not [m for m in sys.modules if m.startswith('micrograd_np.learn')]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_report_in_a_lesson_is_told_as_it_is(capsys):
    """The lines that lesson 8 speaks of are those that the report has."""
    puzzle = learn.puzzle(level=1, seed=4)
    report = str(mg.verify(puzzle.forward, puzzle.backward, *puzzle.inputs))
    text = ladder.lessons()[8].read_text(encoding="utf-8")
    assert ":9." in report.splitlines()[0] and "`puzzle_1:9` is line 9" in text
    assert "\nIn terms of the forward pass: " in report and "*In terms of the forward pass*" in text
