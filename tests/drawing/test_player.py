"""The page, in a real browser: what it shows at each step is what the tape computed, and nothing leaves the file."""

import numpy as np

import micrograd_np as mg
from micrograd_np.drawing import draw
from tests.drawing.pages import data, network


def count(page):
    return page.inner_text("#count")


def tables(page):
    """The tables of the panel, each cell's whole number, under the headings above them."""
    return page.evaluate(
        """() => {
            const cells = (row) => [...row.children].map((cell) => cell.title);
            const rows = (heading) => [...heading.nextElementSibling.querySelectorAll("tr")].map(cells);
            return [...document.querySelectorAll("#panel h3")].map((h) => [h.textContent, rows(h)]);
        }"""
    )


def seen(page, node, part=""):
    """True if a box, or its value or gradient, is shown in full colour."""
    name = f"a_{node}_{part}" if part else node
    return page.evaluate(
        "id => { const style = getComputedStyle(document.getElementById(id));"
        "return style.visibility === 'visible' && Number(style.opacity) > 0.9 }",
        name,
    )


def array(cells):
    return np.array([[float(text) for text in row] for row in cells])


def test_every_step_shows_the_tapes_numbers(player):
    picture, tensors = network()
    page = player(picture)
    steps = data(picture)["steps"]
    by_id = {node.id: node for node in picture.scene.nodes}
    for i, step in enumerate(steps):
        assert count(page) == f"{i + 1} of {len(steps)}, {'sum' if 'sum' in step else step['pass']}"
        node = by_id[step["node"]]
        shown = dict(tables(page))
        assert page.locator(".node.waiting").count() == max(len(by_id) - 1 - i, 0)
        if step["pass"] == "forward":
            last = list(shown.values())[-1]
            np.testing.assert_array_equal(array(last), np.atleast_2d(node.value))
        elif "sum" in step:
            *parts, last = shown.values()
            np.testing.assert_allclose(sum(map(array, parts)), array(last), rtol=1e-12)
            np.testing.assert_array_equal(array(last), np.atleast_2d(node.gradient))
        else:
            first = next(iter(shown.values()))
            np.testing.assert_array_equal(array(first), np.atleast_2d(node.gradient))
            for send in step["sends"]:
                edge = picture.scene.edges[send["edge"]]
                cells = next(cells for title, cells in shown.items() if edge.rule in title and title.startswith("to "))
                np.testing.assert_array_equal(array(cells), np.atleast_2d(edge.gradient))
        page.keyboard.press("ArrowRight")
    assert count(page).startswith(f"{len(steps)} of")
    for name, tensor in tensors.items():
        node = next(node for node in picture.scene.nodes if node.name == name)
        np.testing.assert_array_equal(node.gradient, tensor.grad)


def test_what_is_not_computed_yet_is_not_shown_yet(player):
    picture, _ = network()
    page = player(picture)
    first, last = picture.scene.nodes[0].id, picture.scene.nodes[-1].id
    assert (seen(page, first), seen(page, last)) == (True, False)
    assert (seen(page, first, "value"), seen(page, last, "value")) == (True, False)
    assert float(page.evaluate("id => getComputedStyle(document.getElementById(id)).opacity", last)) > 0.5  # readable
    page.keyboard.press("End")
    assert all(seen(page, node.id) for node in picture.scene.nodes)
    weight = next(node.id for node in picture.scene.nodes if node.name == "syn0")
    assert seen(page, weight, "gradient")
    page.keyboard.press("ArrowLeft")
    assert not seen(page, weight, "gradient")


def test_keys_buttons_slider_and_clicks_move(player):
    picture, _ = network()
    page = player(picture)
    total = len(data(picture)["steps"])
    for move, place in [
        (lambda: page.keyboard.press("ArrowRight"), 2),
        (lambda: page.click("#next"), 3),
        (lambda: page.click("#previous"), 2),
        (lambda: page.keyboard.press("ArrowLeft"), 1),
        (lambda: page.keyboard.press("ArrowLeft"), 1),
        (lambda: page.keyboard.press("End"), total),
        (lambda: page.keyboard.press("ArrowRight"), total),
        (lambda: page.keyboard.press("Home"), 1),
        (lambda: page.fill("#slider", "5"), 6),
        (lambda: page.click(f"#{picture.scene.nodes[3].id} text"), 4),
    ]:
        move()
        assert count(page).startswith(f"{place} of {total}")


def test_a_click_shows_the_whole_of_a_value(player):
    picture, tensors = network()
    page = player(picture)
    node = next(node for node in picture.scene.nodes if node.name == "syn0")
    page.keyboard.press("End")
    page.click(f"#{node.id} text")
    whole = page.inner_text("#panel").split("the whole of it")[1].split()
    assert [word for word in whole if word in ("value", "gradient")] == ["value", "gradient"]
    assert all(str(x) in whole for x in [*tensors["syn0"].data.ravel(), *tensors["syn0"].grad.ravel()])


def test_play_runs_to_the_end_and_pauses(player):
    picture = draw(mg.Tensor(1.0, requires_grad=True) * 2)
    page = player(picture)
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    page.locator("#play", has_text="Play").wait_for(timeout=5000)
    assert count(page).startswith("2 of 2")


def test_it_fits_a_phone(player):
    page = player(network()[0], viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for part in ("#controls", "#graph", "#side"):
        box = page.locator(part).bounding_box()
        assert box["width"] >= 350
        assert box["height"] > 50


def test_paper_shows_the_end_state(player):
    picture, _ = network()
    page = player(picture, reduced_motion="no-preference")
    page.emulate_media(media="print")
    assert all(seen(page, node.id) for node in picture.scene.nodes)
    assert all(seen(page, node.id, "gradient") for node in picture.scene.nodes if node.gradient is not None)
    assert not page.is_visible("#controls")


def test_a_hostile_name_is_shown_and_not_run(player):
    name = "</script><img src=x onerror=alert(1)><b>w"
    w = mg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    loss = np.sum(w * 2)
    loss.backward()
    page = player(draw(loss))
    assert page.inner_text("#panel h2") == name
    assert page.locator("img, b").count() == 0


def test_the_sum_at_a_fan_out_is_a_step_with_its_numbers(player):
    h = mg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(h * np.array([3.0, 1.0]) + h * np.array([-1.0, 4.0]))
    loss.backward()
    page = player(draw(loss))
    page.keyboard.press("End")
    words = page.inner_text("#panel")
    assert count(page).endswith("sum")
    assert "h is used 2 times, so what comes back is added up: grad of h = share 1 + share 2" in words
    assert "grad of h, entry 1 = 3 + (-1) = 2" in words
    assert page.locator(".edge.lit").count() == 2
    page.locator("#panel td").last.hover()
    assert "grad of h, entry 2 = 1 + 4 = 5" in page.inner_text("#panel")
