"""The player asks and tells: rules with numbers, predictions, nudges, the line that runs."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw


@pytest.fixture
def loss():
    x, w = mg.Tensor([0.5, -0.25], requires_grad=True), np.array([2.0, 4.0])
    n = x * w
    o = np.tanh(n)
    loss = o.sum()
    loss.backward()
    return draw(loss)


def panel(page):
    return page.inner_text("#panel")


def test_it_opens_with_what_to_do(player, loss):
    page = player(loss)
    assert "how loss was computed" in panel(page) and "Press Next" in panel(page)
    page.keyboard.press("ArrowRight")
    assert "Press Next" not in panel(page)


def test_a_rule_has_its_numbers_filled_in_for_the_entry_under_the_pointer(player, loss):
    page = player(loss)
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert "d loss / d n = d loss / d o · d o / d n" in panel(page)
    assert "entry 1: 1 × (1 - 0.762 × 0.762) = 0.420" in panel(page)
    page.locator("#panel table").last.locator("td").nth(1).hover()
    assert "entry 2: 1 × (1 - (-0.762) × (-0.762)) = 0.420" in panel(page)


def test_heads_of_arrows_point_where_numbers_go(player, loss):
    page = player(loss)
    seen = "[...document.querySelectorAll('.edge polygon')].filter(x => getComputedStyle(x).display != 'none')"
    assert set(page.evaluate(f"{seen}.map(x => x.getAttribute('class'))")) == {"to", None}
    page.keyboard.press("End")
    assert set(page.evaluate(f"{seen}.map(x => x.getAttribute('class'))")) == {"back", None}


def test_a_prediction_is_asked_for_and_counted(player, loss):
    page = player(loss)
    page.click("#predict")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "Predict the first entry" in panel(page) and "comes out" not in panel(page)
    hidden = (
        "[...document.querySelectorAll('.lit [id$=_value], [id$=_value].lit')].map(x => x.classList.contains('hidden'))"
    )
    assert page.evaluate(hidden) == [True]
    page.fill("#panel input", "1")
    page.keyboard.press("Enter")
    assert "Right. 1 of 1 predictions right" in panel(page) and "comes out" in panel(page)
    assert page.evaluate(hidden) == [False]
    page.keyboard.press("ArrowRight")
    page.fill("#panel input", "3")
    page.keyboard.press("Enter")
    assert "Not quite. 1 of 2" in panel(page)


def test_a_nudge_says_the_predicted_and_the_true_change(player, loss):
    page = player(loss)
    page.locator("#panel td").last.click()
    step = np.tanh((-0.25 + 0.001) * 4.0) - np.tanh(-1.0)
    predicted = (1 - np.tanh(-1.0) ** 2) * 4.0 * 0.001
    assert f"{predicted:.3g} (predicted" in panel(page) and f"in truth by {step:.3g}" in panel(page)


def test_of_random_numbers_a_nudge_keeps_those_that_were_drawn():
    x = mg.Tensor(np.ones(8), requires_grad=True)
    loss = mg.nn.Dropout(0.5, rng=np.random.default_rng(0))(x * 2.0).sum()
    loss.backward()
    (changes,) = draw(loss).nudged().values()
    np.testing.assert_allclose(changes, x.grad * 0.001, rtol=1e-6)


def test_the_line_that_runs_is_marked_and_leads_to_its_step(player, loss):
    page = player(loss)
    page.keyboard.press("End")
    assert page.inner_text("#lines .now").endswith("n = x * w")
    page.locator("#lines span", has_text="o.sum()").click()
    assert page.inner_text("#panel h2") == "loss"
    assert page.inner_text("#lines .now").endswith("loss = o.sum()")


def test_the_player_is_a_frame_of_a_notebook(loss, browser):
    html = loss.player(400)._repr_html_()
    assert html.startswith("<iframe") and "srcdoc=" in html and 'height="400"' in html
    page = browser.new_page()
    page.set_content(html)
    assert "how loss was computed" in page.frame_locator("iframe").locator("#panel").inner_text()
    page.close()
