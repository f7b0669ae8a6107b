"""Nothing is too strange, or too large, to be drawn."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw, explain
from micrograd_np.drawing.graph import walk
from tests.drawing.scenes import scene, weight


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "[nan 1]"), (np.inf, "[inf 1]"), (-np.inf, "[-inf 1]"), (0.0, "[inf 1]"), (1e-320, "[inf 1]")],
)
def test_strange_numbers_are_drawn(value, words):
    w = mg.Tensor([value, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        loss = np.sum(1 / w)
        loss.backward()
    picture = draw(loss)
    assert words in picture.text
    assert "<svg" in picture.svg


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 3)), np.array(2.0), np.ones((1, 1, 1)), np.ones(2, np.float32), np.arange(3), np.ones(2) * 1j],
    ids=["empty", "0-d", "3-d", "float32", "integer", "complex"],
)
def test_strange_arrays_are_drawn(values):
    picture = draw(mg.Tensor(values) * mg.Tensor(np.float32(1), requires_grad=True))
    assert "<svg" in picture.svg
    assert picture.text


def test_unusual_dtypes_are_named():
    t = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    assert "float32" in draw(t * 2).dot
    assert "(2,) float32" in draw(t * 2).text
    assert "float64" not in draw(weight(2) * 2).dot


def test_sixty_doublings_are_sixty_one_boxes():
    y = weight()
    for _ in range(60):
        y = y + y
    y.backward()
    drawn = scene(y, limit=100)
    assert len(drawn.nodes) == 61
    assert float(drawn.nodes[0].gradient) == 2.0**60


def test_the_walk_is_no_recursion():
    y = weight()
    for _ in range(20_000):
        y = y + 1.0
    assert len(walk([y])) == 20_001


@pytest.mark.parametrize("say", [draw, explain])
def test_what_is_written_down_as_a_program_has_no_numbers_yet(say):
    def step(x):
        loss = np.sum(x * x)
        loss.backward()
        say(loss)
        return loss

    with pytest.raises(TypeError, match=r"Draw what it returns, or its program: mg\.draw\(mg\.trace\(f\)"):
        mg.trace(step)(weight(2))
