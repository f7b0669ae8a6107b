"""A user's script from the command line's side: what it computed last, under its own names."""

import sys

import pytest

from micrograd_np.drawing.script import ScriptError, draw_script

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
        ("{script}:of", ScriptError, "of needs X: draw it from Python"),
        ("{folder}/helper.py", ScriptError, "leaves no Tensor with a graph"),
    ],
)
def test_what_cannot_be_drawn_says_why(script, tmp_path, where, error, words):
    with pytest.raises(error, match=words):
        draw_script(where.format(script=script, folder=tmp_path))
