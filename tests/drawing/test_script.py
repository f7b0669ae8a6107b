"""A user's script from the command line's side: what it computed last, under its own names."""

import sys

import pytest

from micrograd_np.drawing.picture import ScriptError, draw_script

SCRIPT = """
import numpy as np
import micrograd_np as mg
import helper

syn0 = mg.Tensor(np.ones((3, 1)), requires_grad=True)

def network(X=helper.X):
    l1 = mg.sigmoid(np.dot(X, syn0))
    return np.sum(l1)

def of(X):
    return network(X)

if __name__ == "__main__":
    for step in range(2):
        loss = network()
        loss.backward()
    size = loss * 2
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "helper.py").write_text("import numpy as np\nX = np.ones((4, 3))\n")
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    yield str(path)
    sys.modules.pop("helper", None)


def names(picture):
    return [node.name for node in picture.scene.nodes]


def test_the_loss_of_a_script_under_its_own_names(script):
    picture = draw_script(script)
    assert names(picture)[1::2] == ["syn0", "l1"]
    assert names(picture)[-1] == "loss"


def test_a_function_of_a_script(script):
    assert names(draw_script(f"{script}:network", direction="forward")) == ["X", "syn0", None, "l1", None]


def test_argv_and_path_are_as_before(script):
    before = sys.argv[:], sys.path[:]
    draw_script(script)
    assert (sys.argv, sys.path) == before


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("missing.py", FileNotFoundError, "no such file"),
        ("{script}:nothing", ScriptError, "has no function nothing"),
        ("{script}:of", ScriptError, r"of\(\) missing 1 required positional argument: 'X'"),
        ("{folder}/helper.py", ScriptError, "leaves no Tensor with a graph"),
    ],
)
def test_what_cannot_be_drawn_says_why(script, tmp_path, where, error, words):
    with pytest.raises(error, match=words):
        draw_script(where.format(script=script, folder=tmp_path))


@pytest.fixture
def written(tmp_path):
    """Writes a script, and gives its path."""

    def write(text):
        path = tmp_path / "script.py"
        path.write_text("import sys\nimport micrograd_np as mg\nx = mg.Tensor(3.0, requires_grad=True)\n" + text)
        return str(path)

    return write


MAIN = """
def main():
    loss = x * x
    loss.backward()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("function", ["", ":main"])
def test_a_loss_that_only_a_function_knew(written, function):
    assert names(draw_script(written(MAIN) + function)) == ["x", "loss"]


def test_a_function_that_computes_nothing_draws_nothing_of_the_script(written):
    with pytest.raises(ScriptError, match="nothing returns None"):
        draw_script(written("loss = x * x\ndef nothing(): pass") + ":nothing")


def test_a_script_that_ends_itself(written):
    assert names(draw_script(written("loss = x * x\nsys.exit(0)"))) == ["x", "loss"]
    with pytest.raises(SystemExit, match="no data"):
        draw_script(written("loss = x * x\nsys.exit('no data')"))


def test_a_scripts_arguments(written):
    picture = draw_script(written("loss = x * float(sys.argv[1])"), ["7"])
    assert picture.scene.nodes[-1].text == "x * 7"


def test_of_a_script_that_fails_only_its_own_lines_are_shown(written):
    path = written("def f():\n    return 1 / 0\nf()")
    with pytest.raises(ScriptError) as caught:
        draw_script(path)
    said = str(caught.value)
    assert "ZeroDivisionError" in said
    assert said.count("File ") == said.count(f'File "{path}"') == 2


def test_what_a_training_left_behind_is_not_held(written):
    text = """
import gc
from weakref import ref
seen = []
def step():
    loss = x * x
    seen.append(ref(loss))
    return loss
for _ in range(100):
    loss = step()
gc.collect()
alive = sum(each() is not None for each in seen)
loss = x * float(alive < 20)
"""
    assert draw_script(written(text)).scene.nodes[-1].text == "x * 1"


def test_what_is_computed_without_a_graph_afterwards_takes_no_names(written):
    text = """
def model(x):
    h = x * x
    return h * 2
loss = model(x)
loss.backward()
with mg.no_grad():
    for _ in range(50):
        model(x)
"""
    assert names(draw_script(written(text))) == ["x", "h", "loss"]


def test_a_forgotten_graph_is_not_what_a_script_is_drawn_by(written):
    text = "import micrograd_np as mg\nw = mg.Tensor(2.0, requires_grad=True)\nloss = w * w\nloss.backward()\n"
    gone = "gone = w * 3\ngone.backward(retain_graph=False)\n"
    assert "loss" in names(draw_script(written(text + gone)))
