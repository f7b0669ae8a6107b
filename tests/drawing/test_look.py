"""The look of a drawing: words fit their boxes, lines spare them, the legend says what is there, PDFs have no date."""

import re
import shutil

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import draw
from micrograd_np.drawing.dot import render
from micrograd_np.drawing.preview import GRADIENT, LINE
from tests.drawing.scenes import weight


def width(text):
    label = f'<<table border="0"><tr><td>{text}</td></tr></table>>'
    svg = render(f"digraph {{node [shape=plain fontname=Courier] a [label={label}]}}", "svg").decode()
    assert f">{text}<" in svg
    return re.search(r'width="(\d+)"', svg)[1]


def test_dots_are_as_wide_as_one_letter():
    assert width("sigmoid(…) * tanh(…)") == width("sigmoid(x) * tanh(x)")


def test_the_title_of_a_frame_goes_over_the_arrows_that_cross_it():
    w = weight(2)
    with mg.scope("layer 1"):
        h = np.tanh(w)
        loss = np.sum(h)
    svg = draw(loss).svg
    title = svg.index("layer 1")
    assert svg.rindex('class="edge"') < svg.index('class="titles"') < title
    assert svg.count("layer 1") == 1
    assert ".titles text{paint-order:stroke" in svg


def test_the_legend_says_what_z_is_where_a_rule_reads_it():
    w = weight(2)
    h, z = np.tanh(w), np.exp(w)
    assert "z is its value" in draw(np.tanh(np.tanh(w))).dot
    assert "z is its value" not in draw(h * 2.0).dot
    assert "z is its value" not in draw(h * z).dot
    assert "gradient: g = d output / d (this box)" in draw(h * 2.0).dot


def test_the_head_where_the_gradient_goes_is_orange_for_graphviz_itself_so_that_a_png_has_it_too():
    for direction, colours in [("both", [GRADIENT, LINE]), ("forward", [LINE]), ("backward", [GRADIENT])]:
        svg = draw(weight(2) * 2.0, direction=direction).svg
        arrow = svg[svg.index('class="edge"') :].partition("</g>")[0]
        assert re.findall(r'<polygon (?:class="\w+" )?fill="(#\w+)"', arrow) == colours


def test_the_shares_of_a_short_vector_can_be_added_up():
    w = weight(2)
    loss = np.sum(w * np.array([3.0, 1.0]) + w * np.array([-1.0, 4.0]))
    loss.backward()
    dot = draw(loss).dot
    assert "share: [3 1]" in dot
    assert "share: [-1 4]" in dot
    assert w.grad.tolist() == [2, 5]


def test_an_arrow_into_a_fold_has_its_share_alone():
    w = weight(2)
    with mg.scope("encoder"):
        h = np.tanh(w * 2.0)
    loss = np.sum(h * w)
    loss.backward()
    dot = draw(loss, fold=["encoder"]).dot
    labels = [label for label in re.findall(r"label=<(.*?)> (?:\w+=|\])", dot) if "share: " in label]
    assert sorted(label.partition("share")[0] for label in labels) == ["  ", "  g * h <br/>  "]


def test_what_was_folded_is_said_once_however_long_it_is():
    h = weight(2)
    names = "sin cos tanh exp arctan square sinh arcsinh absolute cbrt log1p expm1 exp2 negative".split()
    for _ in range(30):
        for name in names:
            h = getattr(np, name)(h)
    picture = draw(h)
    assert len(picture.scene.folded) == 1
    assert len(picture.scene.folded[0]) > 100
    assert picture.dot.count("folded: ") == 1


@pytest.mark.skipif(shutil.which("dot") is None, reason="PDF is made by Graphviz's own dot, which is not installed")
def test_a_pdf_does_not_say_when_it_was_made():
    dates = re.findall(rb"/CreationDate \(D:(\d+)", draw(weight(2) * 2).pdf)
    assert set(dates) <= {b"19800101000000"}


def test_a_rule_of_which_little_is_left_is_named():
    model = nn.Sequential(nn.Linear(3, 4, rng=np.random.default_rng(0)), nn.BatchNorm1d(4))
    loss = (model(np.random.default_rng(1).normal(size=(8, 3))) ** 2).sum()
    loss.backward()
    dot = draw(loss).dot
    assert "its rule for x" in dot and "standardize: its rule is (g - mean(g) - " in dot
    assert not re.search(r"label=<[^>]*…[^>]*…[^>]*…", dot)


def test_what_a_leaf_of_many_folds_is_told_is_in_lines_of_their_own():
    cell = nn.RNNCell(1, 2, rng=np.random.default_rng(0))
    h = np.zeros((1, 2))
    for x in np.ones((10, 1, 1)):
        h = cell(x, h)
    loss = h.sum()
    loss.backward()
    dot = draw(loss).dot
    assert ">goes into 8 more folded boxes<" in dot and ">share: [" in dot
