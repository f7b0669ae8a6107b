"""The article's programs: the same numbers as the article, and the same bits by hand and on the tape."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.article import compare, gradients, hand, networks, pictures, processes, tape
from micrograd_np.article.networks import ELEVEN_LINES, NETWORKS, THREE_LAYERS, TWO_LAYERS
from micrograd_np.core import names as frames
from micrograd_np.drawing import render

BY_NAME = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def unwatched(step):
    pass


def by_hand(network, steps):
    return network.hand(hand.X, network.y, *[syn.data for syn in network.weights()], steps=steps)


def on_tape(network, steps):
    return tape.train(network.tape, mg.Tensor(hand.X), mg.Tensor(network.y), *network.weights(), steps=steps)


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
    syn0, syn1 = hand.weights((3, 4), (4, 1))
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
    syn0, syn1 = hand.weights((3, 4), (4, 1))
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
            assert np.array_equal(ours[name], -theirs[tape.MINUS_GRADIENT_OF[name]].grad), name
    for name in network.shapes:
        assert np.array_equal(ours[name], theirs[name].data)


def test_all_that_has_a_gradient_is_compared():
    assert TWO_LAYERS.deltas == ["l1_error", "l1_delta", "syn0_update"]
    assert THREE_LAYERS.deltas == list(tape.MINUS_GRADIENT_OF)


def test_the_networks_stand_on_the_tape_as_a_users_code_does():
    step = next(on_tape(THREE_LAYERS, 1))
    assert frames.line(step["l1"].where).startswith("tape.py:")
    assert frames.line(step["l1"].where).endswith("l1 = sigmoid(z1)")


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
    assert compare.apart(np.array([a]), np.array([b])) == expected
    assert compare.apart(np.array([[1.0, 1.0], a, [3.0, 0.0]]), np.array([[1.0, 1.0], b, [3.0, 0.0]])) == expected


@BY_NAME
def test_by_hand_against_the_tape_holds(network):
    training = compare.train(network, 300, unwatched)
    section = compare.hand_against_tape(training)
    assert [row.held for row in section.rows] == [True] * len(training.apart)
    if network.exact:
        assert set(training.apart.values()) == {compare.Apart()}
    else:
        assert max(apart.ulp for apart in training.apart.values()) > 0


def altered(program, step, name, change):
    """A program that at one step shows another value than it goes on with."""

    def run(*args, **kwargs):
        for j, variables in enumerate(program(*args, **kwargs)):
            yield variables | {name: change(variables[name])} if j == step else variables

    return run


@pytest.mark.parametrize("step", [0, 1, 7, 19])
@pytest.mark.parametrize("name", THREE_LAYERS.deltas)
@pytest.mark.parametrize("change", [lambda x: np.nextafter(x, 9), lambda x: x * np.nan], ids=["a bit", "nan"])
def test_a_difference_at_any_one_step_does_not_hold(name, step, change, monkeypatch):
    monkeypatch.setattr(compare, "PAGE", 5)
    network = THREE_LAYERS._replace(hand=altered(hand.three_layers, step, name, change))
    training = compare.train(network, 20, unwatched)
    held = {row.cells[0]: row.held for row in compare.hand_against_tape(training).rows}
    assert held == {other: other != name for other in training.apart}


def test_a_difference_after_the_last_step_does_not_hold():
    def stumbles(X, y, syn0, syn1, steps):
        yield from hand.three_layers(X, y, syn0, syn1, steps)
        syn1[2] = np.nextafter(syn1[2], 9)

    training = compare.train(THREE_LAYERS._replace(hand=stumbles), 5, unwatched)
    assert [row.cells[0] for row in compare.hand_against_tape(training).rows if not row.held] == ["syn1"]


@BY_NAME
def test_weights_a_thousandth_off_do_not_hold(network):
    def off(*args, steps):
        args[2][0] *= 1.001
        return network.hand(*args, steps)

    section = compare.hand_against_tape(compare.train(network._replace(hand=off), 3, unwatched))
    assert not any(row.held for row in section.rows)


def test_training_tells_how_far_it_is():
    told = []
    compare.train(TWO_LAYERS, 2_500, told.append)
    assert told == [0, 1_000, 2_000, 2_500]


@pytest.mark.slow
def test_networks_train_side_by_side_as_they_do_alone():
    told = []
    steps = {network.name: 30 for network in NETWORKS}
    found = processes.train(NETWORKS, steps, lambda name, step: told.append((name, step)))
    alone = [compare.train(network, 30, unwatched) for network in NETWORKS]
    assert [training.apart for training in found] == [training.apart for training in alone]
    assert [list(training.figures.values()) for training in found] == [
        list(training.figures.values()) for training in alone
    ]
    assert sorted(told) == sorted((network.name, step) for network in NETWORKS for step in (0, 30))


def test_a_wrong_rule_does_not_hold(wrong_sigmoid):
    section = compare.hand_against_tape(compare.train(TWO_LAYERS, 3, unwatched))
    assert [row.held for row in section.rows] == [False] * 4


def test_a_wrong_figure_does_not_hold():
    wrong = [figure._replace(digits=figure.digits[:-1] + "9") for figure in THREE_LAYERS.figures]
    training = compare.train(THREE_LAYERS._replace(figures=wrong), 1, unwatched)
    assert [row.held for row in compare.printed_figures([training]).rows] == [False] + [None] * 5


@pytest.mark.parametrize("wrong", [np.ndarray, mg.Tensor], ids=["by hand", "on the tape"])
def test_a_figure_that_one_of_the_two_misses_does_not_hold(wrong):
    figure = THREE_LAYERS.figures[0]
    misread = figure._replace(read=lambda step: "0.5" if isinstance(step["l2_error"], wrong) else figure.digits)
    training = compare.train(THREE_LAYERS._replace(figures=[misread]), 1, unwatched)
    assert [row.held for row in compare.printed_figures([training]).rows] == [False]


def test_figures_beyond_the_steps_trained_are_not_compared():
    training = compare.train(TWO_LAYERS, 10, unwatched)
    assert {row.held for row in compare.printed_figures([training]).rows} == {None}


# Gradient checks.


def test_gradient_checks_hold():
    rows = gradients.gradient_checks(NETWORKS).rows
    assert [row.cells[:3] for row in rows] == [
        (network.name, name, "OK") for network in NETWORKS for name in network.shapes
    ]
    assert all(row.held for row in rows)
    assert all(0 <= row.cells[3] < 1e-7 and 0 <= row.cells[4] < 1e-13 for row in rows)


def test_gradient_checks_find_a_wrong_rule(wrong_sigmoid):
    held = {row.cells[:2]: row.held for row in gradients.gradient_checks(NETWORKS).rows}
    assert held == {(network.name, name): network is ELEVEN_LINES for network in NETWORKS for name in network.shapes}


def test_the_complex_step_alone_finds_what_differences_are_too_coarse_for(monkeypatch):
    right = gradients.complex_slopes
    monkeypatch.setattr(gradients, "complex_slopes", lambda *args: right(*args) * (1 + 1e-9))
    assert [(row.cells[2], row.held) for row in gradients.gradient_check(TWO_LAYERS)] == [("OK", False)]


def test_without_a_complex_step_the_differences_decide(monkeypatch):
    monkeypatch.setattr(gradients, "complex_slopes", lambda *args: None)
    assert [(row.cells[2], row.cells[4], row.held) for row in gradients.gradient_check(TWO_LAYERS)] == [
        ("OK", None, True)
    ]


# Pictures.


@pytest.mark.slow
def test_pictures_bear_the_articles_names(tmp_path):
    folder = tmp_path / "made" / "for it"
    section = pictures.save(folder)
    stems = [network.name.replace(" ", "-") for network in NETWORKS]
    graphs = [f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "png", "html")]
    drawn = [f"{name}.{suffix}" for name in ("sigmoid", "loss", "hidden", "surface") for suffix in ("svg", "png")]
    assert [row.cells[1] for row in section.rows] == [str(folder / x) for x in [*graphs, *drawn]]
    assert {str(path) for path in folder.iterdir()} == {row.cells[1] for row in section.rows}
    drawn = (folder / "3-layer-network.svg").read_text()
    for name in "X y syn0 syn1 l1 l2 l2_error loss z1 z2".split():
        assert f">{name}<" in drawn, name


@pytest.mark.parametrize("network", [TWO_LAYERS, THREE_LAYERS], ids=lambda network: network.name)
def test_a_picture_shows_the_values_and_the_gradients_of_the_first_step(network):
    step = next(on_tape(network, 1))
    boxes = {node.name: node for node in pictures.graph(network).scene.nodes if node.name}
    values = [tape.MINUS_GRADIENT_OF[name] for name in network.deltas]
    for name in ("X", "loss", *values):
        assert np.array_equal(boxes[name].value, step[name].data), name
    for name in values:
        assert np.array_equal(boxes[name].gradient, step[name].grad), name


def test_without_graphviz_the_pictures_do_not_hold(tmp_path, monkeypatch):
    def none(format):
        raise RuntimeError("no layout engine was found")

    monkeypatch.setattr(render, "engine", none)
    assert pictures.save_graph(TWO_LAYERS, tmp_path) == [(("2-layer network", "no layout engine was found"), False)]
    assert not list(tmp_path.iterdir())
