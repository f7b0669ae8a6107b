"""Plots of a user's own training show the numbers that they are given."""

import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, plots
from micrograd_np.training import History

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


def test_a_history_is_over_epochs_and_a_metric_has_its_own_panel():
    history = History()
    for accuracy in (0.0, 0.5, 0.9):
        history.add({"loss": 1 - accuracy, "accuracy": accuracy, "val_loss": 1.0, "val_accuracy": accuracy / 2})
    panels = plots.losses(history).axes
    assert [axes.get_ylabel() for axes in panels] == ["loss", "accuracy"]
    assert [[line.get_label() for line in axes.lines] for axes in panels] == [
        ["loss", "val_loss"],
        ["accuracy", "val_accuracy"],
    ]
    assert panels[-1].get_xlabel() == "epoch"
    assert {axes.get_xscale() for axes in panels} == {axes.get_yscale() for axes in panels} == {"linear"}
    assert plots.losses({"SGD": [1.0], "Adam": [2.0]}).axes[0].get_xlabel() == "step"


PLOTTED = [
    lambda axes, w: axes.plot(w),
    lambda axes, w: axes.plot([0, 1], w * 2),
    lambda axes, w: axes.scatter(w.detach(), w.detach()),
]


@pytest.mark.parametrize("plot", PLOTTED)
def test_matplotlib_is_given_arrays(plot):
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"Give matplotlib, which .*, t\.data"):
        plot(plots.blank((1, 1)).subplots(), w)


SCALES = [
    ({1: 1.0, 1000: 0.001}, "log", "log"),
    ({0: 1.0, 1000: 0.5}, "symlog", "linear"),
    ([1.0, 0.001], "linear", "log"),
    ([1.0, 0.0], "linear", "linear"),
    ([-3.0, 900.0], "linear", "linear"),
    ([np.nan, 1.0], "linear", "linear"),
    ([], "linear", "linear"),
]


def test_a_list_alone_is_the_loss():
    (line,) = plots.losses([0.7, 0.5]).axes[0].lines
    assert (line.get_label(), list(line.get_ydata())) == ("loss", [0.7, 0.5])


@pytest.mark.parametrize(("curve", "x", "y"), SCALES)
def test_an_axis_is_logarithmic_over_a_wide_range_and_hides_nothing(curve, x, y):
    axes = plots.losses({"loss": curve}).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == (x, y)


def test_activations_show_a_step_0():
    figure = plots.activations({0: np.zeros((2, 3)), 200: np.ones((2, 3))})
    assert {axes.get_xscale() for axes in figure.axes} == {"symlog"}


def test_a_constant_column_and_a_constant_output_have_a_surface():
    (axes, _) = plots.surface(lambda x: 0.5 + 0 * x[:, 0], [[1, 0], [1, 1]], [0, 1]).axes
    low, high, bottom, top = axes.images[0].get_extent()
    assert low < 1 < high
    assert bottom < 0 < 1 < top
    assert axes.images[0].get_clim() == (-0.5, 1.5)


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


def test_labels_of_a_column_of_floats_are_classes():
    assert len(plots.activations({1: np.zeros((2, 3)), 10: np.ones((2, 3))}, y=[[0.0], [1.0]]).axes) == 3


def test_many_units_are_rows_of_panels():
    figure = plots.activations({1: np.zeros((3, 10)), 10: np.ones((3, 10))})
    assert [axes.get_title() for axes in figure.axes] == [f"unit {i}" for i in range(10)]
    places = {tuple(axes.get_subplotspec().get_gridspec().get_geometry()) for axes in figure.axes}
    assert places == {(3, 4)}
    assert figure.get_figwidth() < 12


def boxes(figure):
    figure.draw_without_rendering()
    return figure.legends[0].get_window_extent(), [axes.get_window_extent() for axes in figure.axes]


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plots.losses({"loss": [0.7, 0.5], "val_loss": [0.9, 0.8]}),
        lambda: plots.activations({1: np.zeros((3, 6)), 2: np.ones((3, 6))}),
    ],
    ids=["losses", "activations"],
)
def test_a_legend_is_never_over_a_plot(plot):
    legend, panels = boxes(plot())
    assert not any(legend.overlaps(panel) for panel in panels)


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        (lambda: plots.activations({1: np.ones((3, 2))}, y=[0, 1]), "y has 2 classes for 3 inputs"),
        (lambda: plots.activations({1: np.ones((3, 2)), 2: np.ones((4, 2))}), r"\(3, 2\) at step 1, \(4, 2\)"),
        (lambda: plots.activations({1: np.ones(3)}), r"one shape \(inputs, units\)"),
        (lambda: plots.activations({}), "these are none"),
        (lambda: plots.surface(lambda x: x[:, 0], CORNERS, [0, 1]), "y has 2 classes for 4 inputs"),
        (lambda: plots.surface(lambda x: x[:, 0], CORNERS[:, :1], XOR), r"X has the shape \(4, 1\)"),
    ],
)
def test_wrong_lengths_are_errors_in_words(plot, words):
    with pytest.raises(ValueError, match=words):
        plot()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'micrograd-np\[plots\]'"):
        plots.losses({"loss": [1.0]})
