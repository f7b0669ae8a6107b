"""The layout: a network fits a page, and no line crosses a rule."""

import re
from itertools import pairwise

import numpy as np
import pytest

from micrograd_np import nn
from micrograd_np.drawing import draw
from tests.drawing.test_sums import MODELS, X, linear

LETTER, ABOVE, BELOW = 5.4, 6.5, 1.5  # of the rules' Courier of 9 points: width, and height around the base line


def labels(svg):
    """The lines of text on the arrows: (left, right, top, bottom, text)."""
    found = []
    for edge in re.findall(r'<g id="e\d+" class="edge">.*?</g>', svg, re.DOTALL):
        for x, y, text in re.findall(r'<text[^>]*? x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]*)</text>', edge):
            words = re.sub(r"&#?\w+;", "_", text)
            indent = len(words) - len(words.lstrip())
            left = float(x) + LETTER * indent
            found.append((left, left + LETTER * len(words.strip()), float(y) - ABOVE, float(y) + BELOW, words.strip()))
    return found


def lines(svg):
    """Points along the arrows, at most about a point apart."""
    points = []
    for path in re.findall(r'<g id="e\d+" class="edge">.*?<path[^>]*? d="([^"]*)"', svg, re.DOTALL):
        ends = np.array(re.findall(r"([-\d.]+),([-\d.]+)", path), float)
        for i in range(0, len(ends) - 3, 3):
            t = np.linspace(0, 1, 2 + int(np.abs(np.diff(ends[i : i + 4], axis=0)).sum()))[:, None]
            a, b, c, d = ends[i : i + 4]
            points.append((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)
    return np.concatenate(points)


def crossed(svg):
    x, y = lines(svg).T
    return [text for a, b, c, d, text in labels(svg) if ((a < x) & (x < b) & (c < y) & (y < d)).any()]


def test_a_crossed_label_is_found():
    edge = (
        '<g id="e0" class="edge">\n<path fill="none" d="M0,0C0,30 0,60 0,90"/>\n<text x="{}" y="45">g * x</text>\n</g>'
    )
    assert crossed(edge.format(-3)) == ["g * x"]
    assert crossed(edge.format(2)) == crossed(edge.format(-28)) == []


# Where many arrows leave a fold for one box, Graphviz draws some over labels, which a halo of paper keeps readable.
CROWDED = {"cell": 4, "scopes": 1}


@pytest.mark.parametrize("name", MODELS)
def test_no_line_crosses_a_rule(name):
    loss = MODELS[name]()
    loss.backward()
    svg = draw(loss).svg
    assert len(crossed(svg)) <= CROWDED.get(name, 0) < len(labels(svg)) / 5 or not labels(svg)
    assert ".edge text,.titles text{paint-order:stroke" in svg


def layers(*sizes):
    return lambda: [part for a, b in pairwise(sizes) for part in (linear(a, b), nn.Tanh())]


@pytest.mark.parametrize("sizes", [(3, 4, 4, 1), (3, 8, 8, 1), (3, 32, 32, 10)])
def test_a_network_of_three_layers_fits_a_page(sizes):
    model = nn.Sequential(*layers(*sizes)())
    loss = (model(X) ** 2).mean()
    loss.backward()
    assert "model: Sequential" in draw(loss).svg
    assert int(re.search(r'<svg [^>]*?width="(\d+)"', draw(loss).svg)[1]) <= 1000


def ends(svg, node):
    """The top and the bottom of a box."""
    group = re.search(rf'<g id="{node.id}" class="node[^"]*">.*?</g>', svg, re.DOTALL)[0]
    heights = [
        float(y) for y in re.findall(r"[-\d.]+,([-\d.]+)", " ".join(re.findall(r' (?:d|points)="([^"]*)"', group)))
    ]
    return min(heights), max(heights)


def test_the_weights_of_a_layer_stand_below_what_goes_into_it():
    model = nn.Sequential(*layers(3, 4, 4, 2)())
    loss = (model(X) ** 2).mean()
    loss.backward()
    picture = draw(loss)
    nodes = picture.scene.nodes
    hidden = [node for node in nodes if node.op == "tanh"]
    weights = [node for node in nodes if node.name and node.name.endswith(("weight", "bias"))]
    for before, layer in zip(hidden, ("layers.2", "layers.4"), strict=False):
        for weight in weights:
            if weight.name.startswith(layer):
                assert ends(picture.svg, before)[1] < ends(picture.svg, weight)[0]
