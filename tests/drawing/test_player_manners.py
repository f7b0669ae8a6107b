"""The page under the hand, on a phone and on paper; and what it says where there are no numbers."""

import re

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw
from tests.drawing.pages import data, network
from tests.drawing.scenes import weight


def test_space_plays_after_a_button_was_clicked(player):
    page = player(network()[0])
    page.click("#next")
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    assert page.inner_text("#count").startswith("2 of")


def test_a_button_that_was_reached_by_tab_is_pressed_by_space(player):
    page = player(network()[0])
    page.focus("#next")
    page.keyboard.press(" ")
    assert page.inner_text("#count").startswith("2 of")
    assert page.inner_text("#play") == "Play"


def test_play_at_the_end_begins_again(player):
    page = player(network()[0])
    page.keyboard.press("End")
    page.keyboard.press(" ")
    assert page.inner_text("#count").startswith("1 of")
    assert page.inner_text("#play") == "Pause"


def test_on_a_phone_the_lit_box_is_seen_whole(player):
    picture = network()[0]
    page = player(picture, viewport={"width": 390, "height": 800})
    for _ in data(picture)["steps"]:
        ends = page.evaluate(
            """() => { const { left, right } = document.querySelector(".node.lit").getBoundingClientRect();
                return [left, right]; }"""
        )
        assert 0 <= ends[0] < ends[1] <= 390
        page.keyboard.press("ArrowRight")


def test_in_a_frame_it_does_not_scroll_the_page_around_it(browser, tmp_path):
    network()[0].save(tmp_path / "player.html")
    frame = '<iframe src="player.html" style="width: 100%; height: 700px"></iframe>'
    (tmp_path / "around.html").write_text(
        f"<h1 style='height: 500px'>Top</h1>{frame}<p style='height: 2000px'>", "utf-8"
    )
    page = browser.new_page(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    page.goto((tmp_path / "around.html").as_uri())
    page.frame_locator("iframe").locator("#count").wait_for()
    assert page.evaluate("window.scrollY") == 0
    page.close()


def test_rules_are_shown_where_there_is_no_gradient_yet(player):
    w = weight(2)
    page = player(draw(np.sum(np.exp(w))))
    page.keyboard.press("End")
    shown = "texts => texts.filter(text => getComputedStyle(text).visibility === 'visible').length"
    assert page.eval_on_selector_all(".edge text", shown) == 2


def test_a_part_from_an_earlier_backward_is_told_with_the_last_rule(player):
    x = weight(2)
    loss = np.sum(x * x)
    loss.backward()
    loss.backward()
    page = player(draw(loss))
    page.keyboard.press("End")
    headings = page.locator("#panel h3").all_inner_texts()
    said = [re.sub(r"\s+\(2,\)$", "", heading) for heading in headings]
    assert said[-2:] == ["share 3: from an earlier backward", "grad of x, the sum"]


def test_a_long_line_of_source_is_wrapped(player):
    a_weight = weight(2)
    loss = np.sum(np.tanh(a_weight * 1.0) * np.tanh(a_weight * 2.0) * np.tanh(a_weight * 3.0) * np.exp(a_weight))
    page = player(draw(loss))
    line = page.locator("#lines span").first
    assert "np.exp(a_weight))" in line.inner_text()
    assert line.bounding_box()["height"] > 30
    assert page.evaluate("document.getElementById('side').scrollWidth <= document.getElementById('side').clientWidth")


def test_a_program_says_once_that_it_has_no_numbers(player):
    page = player(draw(mg.trace(lambda x: np.exp(x * 2))(weight(2))))
    words = page.inner_text("#panel")
    assert "not known" not in words
    assert "a program has no numbers of its own: they come with each call" in words
    page.keyboard.press("ArrowRight")
    assert "goes in: x" in page.inner_text("#panel")
    assert "not known" not in page.inner_text("#panel")


def test_on_paper_a_tall_drawing_is_one_page(player):
    w = h = weight(2)
    for _ in range(8):
        h = np.tanh(h * w)
    page = player(draw(np.sum(h)))
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1


def test_plus_and_minus_make_the_drawing_larger_and_smaller(player):
    page = player(network()[0])

    def width():
        return page.evaluate("document.querySelector('#graph svg').getBoundingClientRect().width")

    before = width()
    page.keyboard.press("+")
    assert width() == pytest.approx(1.25 * before, abs=1)
    page.click("#smaller")
    assert width() == pytest.approx(before, abs=1)
    page.keyboard.press("f")
    page.click("#larger")
    assert "fit" not in page.get_attribute("#graph", "class")


def test_of_several_outputs_the_panel_says_where_each_is(player):
    x = weight(4)
    a, b = np.split(x, 2)
    loss = np.sum(a * b)
    loss.backward()
    picture = draw(loss)
    page = player(picture)
    cut = next(node for node in picture.scene.nodes if node.op == "split")
    step = next(
        i for i, each in enumerate(data(picture)["steps"]) if each["node"] == cut.id and each["pass"] == "backward"
    )
    page.evaluate("i => show(i)", step)
    assert "2 outputs, each in a box of its own" in page.inner_text("#panel")
    assert "not known" not in page.inner_text("#panel")


@pytest.mark.slow
def test_a_long_name_breaks_in_the_panel(player):
    page = player(
        draw(mg.Tensor(1.0, requires_grad=True, name="long" * 50) * 2), viewport={"width": 390, "height": 800}
    )
    assert page.evaluate("(side => side.scrollWidth <= side.clientWidth)(document.getElementById('side'))")


def test_each_part_has_a_name_for_a_screen_reader(player):
    picture = network()[0]
    page = player(picture)
    names = page.evaluate(
        """() => [...document.querySelectorAll("button, input, [role=button], [role=group], [tabindex]")].map(
            (part) => part.getAttribute("aria-label") || part.textContent.trim())"""
    )
    assert all(names)
    assert {node.title or node.text for node in picture.scene.nodes} <= {name.split(", ")[0] for name in names}
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("#panel", "aria-live") == "polite"
    label = f"the graph of loss: {len(picture.scene.nodes)} boxes, {len(picture.scene.edges)} arrows"
    assert page.get_attribute("#graph", "aria-label").startswith(label)
    assert f'<svg role="img" aria-label="{label}"' in picture.svg


def test_everything_is_reached_by_tab_and_its_focus_is_seen(player):
    picture = network()[0]
    page = player(picture)
    reached, focused = set(), "document.activeElement.id || document.activeElement.tagName"
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
        if page.evaluate("document.activeElement.classList.contains('node')"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert {"previous", "play", "next", "slider", "predict", "fit"} <= reached
    assert {node.id for node in picture.scene.nodes} <= reached
    box = picture.scene.nodes[4]
    page.focus(f"#{box.id}")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2") == (box.title or box.text)


@pytest.mark.parametrize(("motion", "still"), [("reduce", True), ("no-preference", False)])
def test_nothing_moves_for_a_reader_who_asks_for_that(player, motion, still):
    page = player(network()[0], reduced_motion=motion)
    times = page.evaluate(
        "[...document.querySelectorAll('.node, .edge')].map(x => getComputedStyle(x).transitionDuration)"
    )
    assert {time == "0s" for time in times} == {still}
