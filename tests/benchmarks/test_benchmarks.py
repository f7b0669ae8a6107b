"""Ways that are compared compute the same, and the figures are what they are called."""

import numpy as np
import pytest

import micrograd_np as mg
from tests.benchmarks import article, costs, models, optimisers, table, timing


def weights_after(steps, make, monkeypatch):
    """The weights that a way of the article's step ends with, its own arrays."""
    begun = article.first_weights((3, 4), (4, 1))
    monkeypatch.setattr(article, "begin", lambda: begun)
    made = []
    plain = mg.Tensor

    def remembered(*args, **kwargs):
        made.append(plain(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(mg, "Tensor", remembered)
    step = make()
    for _ in range(steps):
        step()
    return [t.data for t in made if t.requires_grad] or begun


@pytest.mark.parametrize("way", ["eager", "calls alone", "eager, seeded"])
def test_the_tape_takes_the_steps_of_the_hand(way, monkeypatch):
    by_hand = weights_after(20, article.by_hand, monkeypatch)
    for ours, theirs in zip(weights_after(20, article.WAYS[way][0], monkeypatch), by_hand, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_articles_own_lines_take_them_but_for_rounding(monkeypatch):
    by_hand = weights_after(20, article.by_hand, monkeypatch)
    for ours, theirs in zip(weights_after(20, article.WAYS["own lines"][0], monkeypatch), by_hand, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("model", [models.mlp, models.convnet, models.transformer, models.gru])
def test_a_model_learns(model):
    step = models.training(model, models.ours())
    first = step().item()
    for _ in range(2):
        last = step().item()
    assert last < first


def test_the_products_are_those_of_the_model(monkeypatch):
    matmul, sizes = np.matmul, []

    def counted(a, b, **out):
        if b.ndim == 2:
            sizes.append(sorted((*a.shape, b.shape[1])))
        return matmul(a, b, **out)

    monkeypatch.setattr(np, "matmul", counted)
    bare = models.products()
    sizes.clear()
    bare()
    bare_sizes = sorted(sizes)
    sizes.clear()
    models.training(models.mlp, models.ours())()
    assert sorted(sizes) == bare_sizes


def test_peak_bytes_are_those_of_the_arrays():
    def step():
        first = np.ones(10**6)
        second = first + 1
        del first
        return second + 1

    assert costs.peak_bytes(step) == pytest.approx(16e6, rel=1e-3)


def test_ways_that_are_not_there_are_left_out():
    def missing():
        raise ModuleNotFoundError("a peer")

    measured = timing.measure({"here": (lambda: lambda: None, 1), "gone": (missing, 1)}, quick=True)
    assert list(measured) == ["here"]
    assert timing.ratio(measured, "gone", "here") is None


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_an_optimiser_takes_the_steps_of_the_hand(name):
    ours, theirs = (optimisers.WAYS[way][0]() for way in (name, f"{name} by hand"))
    for _ in range(5):
        last, expected = ours(), theirs()
    np.testing.assert_allclose(last.data, expected, rtol=1e-12)


def test_the_demo_learns():
    step = models.demo(models.ours(), np.float64)
    first = step().item()
    assert min(step().item() for _ in range(20)) < first


@pytest.mark.parametrize("way", ["natural", "half_squared_error"])
def test_the_ways_people_write_take_the_steps_of_the_hand(way, monkeypatch):
    by_hand = weights_after(20, article.by_hand, monkeypatch)
    for ours, theirs in zip(weights_after(20, article.WAYS[way][0], monkeypatch), by_hand, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_every_row_names_ways_that_there_are():
    for row in table.RATIOS:
        assert {row.way, row.against} <= table.WORKLOADS[row.workload].keys(), row.work


def test_the_table_is_written_between_its_markers():
    page = f"before\n{table.START}\nold\n{table.END}\nafter"
    assert table.written(page, "| new |") == f"before\n{table.START}\n\n| new |\n\n{table.END}\nafter"
    with pytest.raises(ValueError, match="no place"):
        table.written("before", "| new |")


def test_a_ratio_is_the_median_over_rounds():
    assert timing.ratio({"a": [2.0, 30.0, 4.0], "b": [1.0, 1.0, 1.0]}, "a", "b") == 4.0


def test_a_figure_that_misses_its_goal_is_marked():
    figures = [("1.25", "≤ 1.2"), ("1.20", "≤ 1.2"), ("4.6", "≥ 4.7"), ("not there", "≤ 1.2"), ("3 MB", "≤ torch")]
    shown = ["1.25, missed", "1.20", "4.6, missed", "not there", "3 MB"]
    assert [table.marked(*each) for each in figures] == shown
