"""Each object shows itself in words, at a prompt and in a notebook."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim


def model():
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))


def loss_of(w):
    loss = (w * w).sum()
    loss.backward()
    return loss


W = mg.Tensor([1.0, 2.0], requires_grad=True)
LOSS = loss_of(W)
ADAM = optim.Adam(model().parameters(), lr=0.01)

# What is shown, the text that it has to have, and whether a notebook is given HTML.
DISPLAYS = {
    "tensor": (W, "Tensor([1., 2.]", True),
    "explain": (mg.explain(W), "From LOSS back to W", True),
    "why_none": (mg.why_none(W), "has a gradient", True),
    "summary": (model().summary((1, 2)), "Linear", True),
    "module": (model(), "Linear(weight=Parameter(3, 2)", False),
    "program": (mg.trace(lambda x: np.exp(x).sum())(np.ones(2)), "np.sum(np.exp(x))", True),
    "optimiser": (ADAM, "Adam(4 parameters, 13 numbers, lr=0.01", False),
    "schedule": (optim.StepLR(ADAM, 10), "StepLR(after 0 steps, lr=0.01)", False),
    "plateau": (optim.ReduceLROnPlateau(ADAM), "lr=0.01", False),
    "no_grad": (mg.no_grad(), "no_grad()", False),
    "scope": (mg.scope("encoder"), "scope('encoder')", False),
    "detect_anomaly": (mg.detect_anomaly(), "a mode that sets watch", False),
    "compiled": (mg.compile(lambda x: x * x), "compiled", False),
    "picture": (mg.draw(LOSS), "Picture of 3 boxes", True),
    "gradcheck": (mg.gradcheck(lambda x: (x * x).sum(), np.ones(2)), "gradcheck: OK", True),
    "verify": (mg.verify(LOSS, {W: 2 * W.data}), "verify: OK", True),
    "row": (mg.exp, "exp", False),
    "task": (mg.learn.task("product"), "def product_slopes", False),
    "answer": (mg.learn.check("product", lambda a, b: (a, b)), "Swapped", False),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_it_shows_itself(name):
    thing, words, in_html = DISPLAYS[name]
    assert words in repr(thing)
    assert " object at 0x" not in repr(thing)
    bundle = getattr(thing, "_repr_mimebundle_", dict)()
    page = (
        thing._repr_html_() if hasattr(thing, "_repr_html_") else bundle.get("text/html") or bundle.get("image/svg+xml")
    )
    assert bool(page) is in_html
