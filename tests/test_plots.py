"""Plots of a user's own training show the numbers that they are given."""

import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, plots

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


def test_a_history_is_a_line_for_each_name():
    model = nn.Linear(4, 3, rng=np.random.default_rng(0))
    optimiser = mg.optim.SGD(model.parameters(), lr=0.1)
    history = mg.fit(model, nn.cross_entropy, optimiser, mg.data.iris(), epochs=3, rng=np.random.default_rng(0))
    lines = plots.losses(history).axes[0].lines
    assert [line.get_label() for line in lines] == list(history)
    for line, values in zip(lines, history.values(), strict=True):
        np.testing.assert_array_equal(line.get_data(), [[1, 2, 3], values])


def test_a_surface_is_what_the_network_answers():
    model = nn.Sequential(nn.Linear(2, 3, rng=np.random.default_rng(0)), nn.Sigmoid(), nn.Linear(3, 1))
    figure = plots.surface({"before": model, "doubled": lambda x: 2 * model(x)}, CORNERS, XOR, border=0.0)
    before, doubled = [axes.images[0].get_array() for axes in figure.axes[:2]]
    np.testing.assert_allclose(before[20::40, 20::40].ravel(), model(CORNERS[[0, 2, 1, 3]]).data.ravel())
    np.testing.assert_allclose(doubled, 2 * before)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["before", "doubled"]
    reach = abs(doubled).max()
    assert [axes.images[0].get_clim() for axes in figure.axes[:2]] == [(-reach, reach)] * 2


def test_a_surface_shows_the_inputs_of_each_class():
    drawn = [line.get_xydata().tolist() for line in plots.surface(lambda x: x[:, 0], CORNERS, XOR).axes[0].lines]
    assert drawn == [CORNERS[[0, 3]].tolist(), CORNERS[[1, 2]].tolist()]


def test_a_surface_of_several_numbers_says_how_to_choose_one():
    with pytest.raises(ValueError, match=r"shape \(6561, 2\).*model\(x\)\[:, 0\]"):
        plots.surface(lambda x: x, CORNERS, XOR)


def test_activations_are_a_panel_a_unit_and_a_line_an_input():
    course = {1: mg.Tensor([[0.1, 0.2], [0.3, 0.4]]), 10: mg.Tensor([[0.5, 0.6], [0.7, 0.8]])}
    panels = plots.activations(course, y=[0, 1], names=["first", "second"]).axes
    lines = [[line.get_ydata().tolist() for line in axes.lines] for axes in panels]
    assert lines == [[[0.1, 0.5], [0.3, 0.7]], [[0.2, 0.6], [0.4, 0.8]]]
    assert [line.get_label() for line in panels[0].lines] == ["first", "second"]


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'micrograd-np\[plots\]'"):
        plots.losses({"loss": [1.0]})
