"""Draw every picture of docs/images anew: `python docs/draw_pictures.py`; screenshots take playwright and chromium."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.article import report
from micrograd_np.article.networks import THREE_LAYERS, X

IMAGES = Path(__file__).parent / "images"


def classifier():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.Tanh(), nn.Linear(4, 3, rng=rng))
    X, labels = rng.normal(size=(4, 2)), np.array([0, 2, 1, 1])
    loss = nn.cross_entropy(model(X), labels)
    loss.backward()
    return mg.draw(loss)


def unrolled():
    cell = nn.RNNCell(1, 2, bias=False, rng=np.random.default_rng(0))
    xs, h = np.random.default_rng(1).normal(size=(10, 1, 1)), np.zeros((1, 2))
    for x in xs:
        h = cell(x, h)
    loss = (h**2).sum()
    loss.backward()
    return mg.draw(loss)


def training_step():
    """The article's update, as a program."""

    def step(X, y, syn0, syn1):
        l1 = mg.sigmoid(np.dot(X, syn0))
        l2 = mg.sigmoid(np.dot(l1, syn1))
        l2.backward(y - l2)
        syn1 += syn1.grad
        syn0 += syn0.grad

    return mg.draw(mg.trace(step)(X, THREE_LAYERS.y, *THREE_LAYERS.weights()))


def screenshots(page: Path) -> None:
    """The player in the middle of the backward pass, on a desk and, in the dark, on a phone."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, width, height, scheme in [("player", 1100, 640, "light"), ("player_phone", 390, 760, "dark")]:
            size = {"width": width, "height": height}
            tab = browser.new_page(viewport=size, color_scheme=scheme)
            tab.goto(page.as_uri())
            for key in ("End", *["ArrowLeft"] * 3):
                tab.keyboard.press(key)
            tab.wait_for_timeout(500)
            tab.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def main() -> None:
    network = report.graph(THREE_LAYERS)
    network.save(IMAGES / "three_layer.svg")
    classifier().save(IMAGES / "modules.svg")
    training_step().save(IMAGES / "program.svg")
    unrolled().save(IMAGES / "unrolled.svg")
    course = report.course(THREE_LAYERS)
    for name, plot in [("surface", report.surfaces(course)), ("hidden", report.hidden_activations(course))]:
        plot.savefig(IMAGES / f"{name}.png", dpi=144)
    with tempfile.TemporaryDirectory() as folder:
        screenshots(network.save(Path(folder) / "network.html"))
    for image in sorted(IMAGES.iterdir()):
        print(f"{image.name}: {os.path.getsize(image) / 1024:.0f} kB")


if __name__ == "__main__":
    main()
