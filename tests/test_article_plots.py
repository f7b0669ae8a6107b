"""The plots of the article's training show the numbers that it computes by hand."""

import sys

import numpy as np
import pytest

from micrograd_np.article import hand, pictures, plots
from micrograd_np.article.networks import THREE_LAYERS


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["svg", "png"])
@pytest.mark.parametrize(
    "plot", [plots.sigmoid_slopes, lambda: plots.hidden_activations(plots.course(THREE_LAYERS, 3))]
)
def test_a_plot_is_the_same_bytes_each_time(plot, suffix):
    one, two = (plots.rendered(plot(), suffix) for _ in range(2))
    assert one == two


def test_the_sigmoid_shows_the_slopes_of_the_articles_dots():
    labels = [text.get_text() for text in plots.sigmoid_slopes().axes[0].get_legend().get_texts()]
    slopes = [hand.nonlin(hand.nonlin(at), deriv=True) for at in (2.0, 0.0, -1.0)]
    assert labels == [f"x = {at:g}: slope {slope:.3f}" for at, slope in zip((2.0, 0.0, -1.0), slopes, strict=True)]


def by_hand(steps):
    weights = [syn.data for syn in THREE_LAYERS.weights()]
    return [dict(step) for step in hand.three_layers(hand.X, THREE_LAYERS.y, *weights, steps=steps)]


def test_the_plots_of_a_training_show_what_it_computes_by_hand():
    steps, moments = by_hand(120), plots.course(THREE_LAYERS, 120)
    assert moments[0].step == 1
    assert moments[-1].step == 120
    losses = dict(zip(*plots.loss_curves({"a": moments, "b": [], "c": []}).axes[0].lines[0].get_data(), strict=True))
    panels = plots.hidden_activations(moments).axes
    for moment in moments:
        step = steps[moment.step - 1]
        np.testing.assert_allclose(losses[moment.step], np.sum(step["l2_error"] ** 2) / 2)
        np.testing.assert_array_equal(moment.hidden, step["l1"])
    for unit, axes in enumerate(panels):
        for row, line in enumerate(axes.lines):
            assert list(line.get_ydata()) == [steps[moment.step - 1]["l1"][row, unit] for moment in moments]


def test_the_surface_goes_through_the_outputs_at_the_inputs():
    (first, second) = [by_hand(plots.SURFACES[1])[step - 1] for step in plots.SURFACES[:2]]
    panels = plots.surfaces(plots.course(THREE_LAYERS, plots.SURFACES[1])).axes
    for step, axes in zip((first, second), panels, strict=False):
        output = axes.images[0].get_array()
        corners = [output[20 + 40 * x[1], 20 + 40 * x[0]] for x in hand.X]
        np.testing.assert_allclose(corners, step["l2"][:, 0])


def test_without_matplotlib_it_says_what_to_install_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (row,) = pictures.save_plots(tmp_path)
    assert "pip install 'micrograd-np[plots]'" in row.cells[1]
    assert row.held is None
    assert not list(tmp_path.iterdir())
