"""A page for the tests of the player, and what it holds."""

import json
import re

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw


def network():
    random = np.random.default_rng(1)
    X, y = random.integers(0, 2, (4, 3)), random.integers(0, 2, (4, 1))
    syn0, syn1 = (mg.Tensor(random.normal(size=shape), requires_grad=True) for shape in ((3, 4), (4, 1)))
    l1 = mg.sigmoid(np.dot(X, syn0))
    l2 = mg.sigmoid(np.dot(l1, syn1))
    l2_error = y - l2
    loss = np.sum(l2_error * l2_error) / 2
    loss.backward()
    return draw(loss), {"syn0": syn0, "syn1": syn1, "l1": l1, "l2": l2, "l2_error": l2_error, "loss": loss}


def data(picture):
    """The part of the picture that the page holds."""
    return json.loads(re.search(r'id="data">(.*?)</script>', picture.html)[1])
