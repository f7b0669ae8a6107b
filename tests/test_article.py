"""The article's programs: the same numbers as the article, and the same bits by hand and on the tape."""

import re
import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.article import networks, report
from micrograd_np.article.networks import ELEVEN_LINES, NETWORKS, THREE_LAYERS, TWO_LAYERS
from micrograd_np.core import names as frames

BY_NAME = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def by_hand(network, steps):
    return network.hand(networks.X, network.y, *[syn.data for syn in network.weights()], steps=steps)


def on_tape(network, steps):
    return networks.train_on_tape(
        network.tape, mg.Tensor(networks.X), mg.Tensor(network.y), *network.weights(), steps=steps
    )


def last(program):
    for step in program:  # noqa: B007
        pass
    return step


def broken(rule):
    return lambda *args, **params: 1.001 * rule(*args, **params)


@pytest.fixture
def wrong_sigmoid(monkeypatch):
    """The slope of the sigmoid, 0.1 % too steep."""
    monkeypatch.setattr(mg.sigmoid, "rules", [broken(rule) for rule in mg.sigmoid.rules])


# By hand.


def test_the_first_weights_follow_the_articles_seed_and_leave_the_callers_generator_alone():
    before = np.random.get_state()
    syn0, syn1 = networks.first_weights((3, 4), (4, 1))
    assert np.array_equal(np.random.get_state()[1], before[1])
    try:
        np.random.seed(1)
        assert np.array_equal(syn0, 2 * np.random.random((3, 4)) - 1)
        assert np.array_equal(syn1, 2 * np.random.random((4, 1)) - 1)
    finally:
        np.random.set_state(before)


@pytest.mark.parametrize(
    ("network", "steps"), [(TWO_LAYERS, 10_000), (THREE_LAYERS, 10_001)], ids=["2 layers", "3 layers"]
)
def test_by_hand_prints_what_the_article_prints(network, steps):
    due = {figure: figure.step for figure in network.figures if figure.step < steps}
    found = {}
    for j, step in enumerate(by_hand(network, steps)):
        found |= {figure: figure.read(step) for figure, due_at in due.items() if due_at == j}
    assert [found[figure] for figure in due] == [figure.digits for figure in due]
    assert len(due) >= 2


def test_the_eleven_lines_are_the_3_layer_network():
    short, long = last(by_hand(ELEVEN_LINES, 500)), last(by_hand(THREE_LAYERS, 500))
    for name in ("l1", "l2", "l2_delta", "l1_delta", "syn0", "syn1"):
        assert np.array_equal(short[name], long[name])


def test_a_program_yields_before_its_weights_move():
    first = next(by_hand(THREE_LAYERS, 1))
    syn0, syn1 = networks.first_weights((3, 4), (4, 1))
    assert np.array_equal(first["syn0"], syn0)
    assert np.array_equal(first["syn1"], syn1)
    moved = last(by_hand(THREE_LAYERS, 1))
    assert np.array_equal(moved["syn0"], syn0 + first["syn0_update"])
    assert np.array_equal(moved["syn1"], syn1 + first["syn1_update"])


# On the tape.


def test_the_tape_prints_what_the_article_prints():
    assert networks.error(next(on_tape(THREE_LAYERS, 1))) == "0.496410031903"
    step = last(on_tape(TWO_LAYERS, 10_000))
    assert [figure.read(step) for figure in TWO_LAYERS.figures] == [
        "0.00966449",
        "0.00786506",
        "0.99358898",
        "0.99211957",
    ]


@BY_NAME
def test_the_loss_is_half_the_sum_of_squares(network):
    step = next(on_tape(network, 1))
    outputs = step["l1" if network is TWO_LAYERS else "l2"].data
    assert step["loss"].item() == pytest.approx(0.5 * sum((network.y - outputs).ravel() ** 2), rel=1e-15)


@pytest.mark.parametrize("network", [TWO_LAYERS, THREE_LAYERS], ids=lambda network: network.name)
def test_errors_deltas_and_updates_are_minus_the_gradients_to_the_last_bit(network):
    pairs = zip(by_hand(network, 200), on_tape(network, 200), strict=True)
    for ours, theirs in pairs:
        for name in network.deltas:
            assert np.array_equal(ours[name], -theirs[networks.MINUS_GRADIENT_OF[name]].grad), name
    for name in network.shapes:
        assert np.array_equal(ours[name], theirs[name].data)


def test_all_that_has_a_gradient_is_compared():
    assert TWO_LAYERS.deltas == ["l1_error", "l1_delta", "syn0_update"]
    assert THREE_LAYERS.deltas == list(networks.MINUS_GRADIENT_OF)


def test_the_networks_stand_on_the_tape_as_a_users_code_does():
    step = next(on_tape(THREE_LAYERS, 1))
    assert frames.format_location(step["l1"]._created_at).startswith("networks.py:")
    assert frames.format_location(step["l1"]._created_at).endswith("l1 = sigmoid(z1)")


# Compared.

ADJACENT = np.nextafter(8.0, 9.0)
APART = [
    ([1.0, 2.0], [1.0, 2.0], 0, 0),
    ([0.0, 1.0], [-0.0, 1.0], 0, 0),
    ([0.0, 0.0], [-0.0, 0.0], 0, 0),
    ([1.0, 8.0], [1.0, ADJACENT], 1, (ADJACENT - 8) / ADJACENT),
    ([-8.0, 1.0], [-ADJACENT, 1.0], 1, (ADJACENT - 8) / ADJACENT),
    ([8.0, 1.0], [9.0, 1.0], 1 / np.spacing(9.0), 1 / 9),
    ([np.nan, 1.0], [2.0, 1.0], np.nan, np.nan),
    ([np.nan, 1.0], [np.nan, 1.0], np.nan, np.nan),
    ([np.inf, 1.0], [np.inf, 1.0], 0, 0),
    ([np.inf, 1.0], [2.0, 1.0], np.nan, np.nan),
]


@pytest.mark.parametrize(("a", "b", "ulp", "relative"), APART)
def test_apart(a, b, ulp, relative):
    expected = pytest.approx((ulp, relative), rel=1e-15, abs=0, nan_ok=True)
    assert report.apart(np.array([a]), np.array([b])) == expected
    assert report.apart(np.array([[1.0, 1.0], a, [3.0, 0.0]]), np.array([[1.0, 1.0], b, [3.0, 0.0]])) == expected


@BY_NAME
def test_by_hand_against_the_tape_holds(network):
    training = report.train(network, 300)
    section = report.hand_against_tape(training)
    assert [row.cells[0] for row in section.rows] == [*network.deltas, *network.shapes]
    assert all(row.held for row in section.rows)
    assert (max(row.cells[2] for row in section.rows) == 0) == network.exact


def altered(program, step, name, change):
    """A program that at one step shows another value than it goes on with."""

    def run(*args, **kwargs):
        for j, variables in enumerate(program(*args, **kwargs)):
            yield variables | {name: change(variables[name])} if j == step else variables

    return run


@pytest.mark.parametrize("step", [0, 1, 7, 19])
@pytest.mark.parametrize("name", THREE_LAYERS.deltas)
@pytest.mark.parametrize("change", [lambda x: np.nextafter(x, 9), lambda x: x * np.nan], ids=["a bit", "nan"])
def test_a_difference_at_any_one_step_does_not_hold(name, step, change):
    network = THREE_LAYERS._replace(hand=altered(networks.three_layers_by_hand, step, name, change))
    training = report.train(network, 20)
    held = {row.cells[0]: row.held for row in report.hand_against_tape(training).rows}
    assert held == {other: other != name for other in [*network.deltas, *network.shapes]}


def test_a_difference_after_the_last_step_does_not_hold():
    def stumbles(X, y, syn0, syn1, steps):
        yield from networks.three_layers_by_hand(X, y, syn0, syn1, steps)
        syn1[2] = np.nextafter(syn1[2], 9)

    training = report.train(THREE_LAYERS._replace(hand=stumbles), 5)
    assert [row.cells[0] for row in report.hand_against_tape(training).rows if not row.held] == ["syn1"]


@BY_NAME
def test_weights_a_thousandth_off_do_not_hold(network):
    def off(*args, steps):
        args[2][0] *= 1.001
        return network.hand(*args, steps)

    section = report.hand_against_tape(report.train(network._replace(hand=off), 3))
    assert not any(row.held for row in section.rows)


def test_training_tells_how_far_it_is():
    told = []
    report.train(TWO_LAYERS, 2_500, told.append)
    assert told == [1_000, 1_000, 500]


def test_a_wrong_rule_does_not_hold(wrong_sigmoid):
    section = report.hand_against_tape(report.train(TWO_LAYERS, 3))
    assert [row.held for row in section.rows] == [False] * 4


def test_a_wrong_figure_does_not_hold():
    wrong = [figure._replace(digits=figure.digits[:-1] + "9") for figure in THREE_LAYERS.figures]
    training = report.train(THREE_LAYERS._replace(figures=wrong), 1)
    assert [row.held for row in report.printed_figures([training]).rows] == [False] + [None] * 5


@pytest.mark.parametrize("wrong", [np.ndarray, mg.Tensor], ids=["by hand", "on the tape"])
def test_a_figure_that_one_of_the_two_misses_does_not_hold(wrong):
    figure = THREE_LAYERS.figures[0]
    misread = figure._replace(read=lambda step: "0.5" if isinstance(step["l2_error"], wrong) else figure.digits)
    training = report.train(THREE_LAYERS._replace(figures=[misread]), 1)
    assert [row.held for row in report.printed_figures([training]).rows] == [False]


def test_figures_beyond_the_steps_trained_are_not_compared():
    training = report.train(TWO_LAYERS, 10)
    assert {row.held for row in report.printed_figures([training]).rows} == {None}


# Gradient checks.


def test_gradient_checks_hold():
    rows = report.gradient_checks(NETWORKS).rows
    assert [row.cells[:3] for row in rows] == [
        (network.name, name, "OK") for network in NETWORKS for name in network.shapes
    ]
    assert all(row.held for row in rows)
    assert all(0 <= row.cells[3] < 1e-7 for row in rows)


def test_gradient_checks_find_a_wrong_rule(wrong_sigmoid):
    held = {row.cells[:2]: row.held for row in report.gradient_checks(NETWORKS).rows}
    assert held == {(network.name, name): network is ELEVEN_LINES for network in NETWORKS for name in network.shapes}


# Pictures.


@pytest.mark.slow
def test_pictures_bear_the_articles_names(tmp_path):
    folder = tmp_path / "made" / "for it"
    section = report.pictures(folder)
    stems = [network.name.replace(" ", "-") for network in NETWORKS]
    graphs = [f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "html")]
    plots = ["loss.svg", "hidden.svg", "surface.svg"]
    assert [row.cells[1] for row in section.rows] == [str(folder / x) for x in [*graphs, *plots]]
    assert {str(path) for path in folder.iterdir()} == {row.cells[1] for row in section.rows}
    drawn = (folder / "3-layer-network.svg").read_text()
    for name in "X y syn0 syn1 l1 l2 l2_error loss z1 z2".split():
        assert f">{name}<" in drawn, name


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_lines_below_a_picture_have_the_names_of_its_boxes(network):
    names = {node.name for node in report.graph(network).scene.nodes if node.name}
    for node in report.graph(network).scene.nodes:
        if node.where and "np.dot(" in node.where:
            inner = re.findall(r"np\.dot\((\w+), (\w+)\)", node.where)[0]
            assert set(inner) <= names, node.where


@pytest.mark.parametrize("network", [TWO_LAYERS, THREE_LAYERS], ids=lambda network: network.name)
def test_a_picture_shows_the_values_and_the_gradients_of_the_first_step(network):
    step = next(on_tape(network, 1))
    boxes = {node.name: node for node in report.graph(network).scene.nodes if node.name}
    values = [networks.MINUS_GRADIENT_OF[name] for name in network.deltas]
    for name in ("X", "loss", *values):
        assert np.array_equal(boxes[name].value, step[name].data), name
    for name in values:
        assert np.array_equal(boxes[name].gradient, step[name].grad), name


def hand_steps(steps):
    return [dict(step) for step in by_hand(THREE_LAYERS, steps)]


def test_the_plots_of_a_training_show_what_it_computes_by_hand():
    steps, course = hand_steps(120), report.course(THREE_LAYERS, 120)
    assert min(course) == 1
    assert 120 in course
    panels = report.hidden_activations(course).axes
    for i, step in course.items():
        np.testing.assert_allclose(step["loss"].item(), np.sum(steps[i - 1]["l2_error"] ** 2) / 2)
        np.testing.assert_array_equal(step["l1"].data, steps[i - 1]["l1"])
    for unit, axes in enumerate(panels):
        for row, line in enumerate(axes.lines):
            assert list(line.get_ydata()) == [steps[i - 1]["l1"][row, unit] for i in course]


def test_the_surface_goes_through_the_outputs_at_the_inputs():
    first, second = [hand_steps(report.SURFACES[1])[step - 1] for step in report.SURFACES[:2]]
    panels = report.surfaces(report.course(THREE_LAYERS, report.SURFACES[1])).axes
    for step, axes in zip((first, second), panels, strict=False):
        output = axes.images[0].get_array()
        corners = [output[20 + 40 * x[1], 20 + 40 * x[0]] for x in networks.X]
        np.testing.assert_allclose(corners, step["l2"][:, 0])


def test_without_matplotlib_it_says_what_to_install_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    *graphs, plots = report.pictures(tmp_path).rows
    assert len(graphs) == 6
    assert "pip install 'micrograd-np[plots]'" in plots.cells[1]
