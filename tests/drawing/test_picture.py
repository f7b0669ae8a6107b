"""Every format, and what happens where one cannot be made: a clear error, and nothing half-written."""

import os
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import dot, draw

HOSTILE = [
    "<script>alert(1)</script>",
    '"quoted"',
    "back\\slash\\n",
    "two\nlines",
    "&amp; & ]]> -->",
    "\x00\x1b[31m\ud800",
    "σ漢字🙂",
    "{record|<port>}",
    "%s{}'`",
    "#quot; ::: classDef",
    "",
    " ",
    "x" * 300,
]


def weight(name=None):
    return mg.Tensor(np.linspace(-1, 1, 6).reshape(2, 3), requires_grad=True, name=name)


@pytest.fixture
def picture():
    w = weight("w")
    loss = np.sum(np.tanh(w) * w)
    loss.backward()
    return draw(loss)


def words(svg):
    """The words of a drawing, as a browser would read them."""
    return " ".join("".join(each.itertext()) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def test_the_svg_shows_names_values_gradients_and_rules(picture):
    shown = words(picture.svg)
    for part in ("w", "tanh(w)", "-0.76", "gradient", "g * (1 - z * z)", "leaf: wants a gradient", "loss"):
        assert part in shown


def test_the_svg_has_a_counterpart_for_each_colour_on_a_dark_page(picture):
    root = ET.fromstring(picture.svg)
    drawn = {each.get(key) for each in root.iter() for key in ("fill", "stroke")} - {
        None,
        "none",
        "transparent",
        "black",
    }
    sheet = picture.svg[picture.svg.index("<style>") : picture.svg.index("</style>")]
    assert drawn
    assert all(colour in sheet for colour in drawn)


def test_the_png_is_one(picture):
    assert picture.png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture.png) > 10_000


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_directions(picture, direction):
    w = weight("w")
    loss = np.sum(w * 3)
    loss.backward()
    drawn = draw(loss, direction=direction)
    shown = words(drawn.svg)
    assert ("g * 3" in shown) == (direction != "forward")
    assert ("-1.0" in shown) == (direction != "backward")
    assert ("dir=back" in drawn.dot) == (direction == "backward")


def test_where_no_gradient_flows_the_arrow_is_dashed():
    X, w = np.ones(3), weight("w")
    assert [line for line in draw(X * w).dot.splitlines() if "dashed" in line] == ["\tn0 -> n2 [id=e0 style=dashed]"]


def test_an_unknown_direction_says_which_there_are():
    with pytest.raises(ValueError, match="'both', 'forward', 'backward'"):
        draw(weight(), direction="up")


def test_nothing_to_draw_says_so():
    with pytest.raises(TypeError, match="no Tensor to draw in 3"):
        draw(3)


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name)[:20] for name in HOSTILE])
def test_a_hostile_name_is_only_a_name(name):
    w = weight(name)
    with mg.scope(name):
        loss = np.sum(w * 2)
    picture = draw(loss)
    root = ET.fromstring(picture.svg)
    tags = {each.tag.split("}")[-1] for each in root.iter()}
    assert tags <= {"svg", "g", "title", "style", "text", "polygon", "path", "polyline", "a"}
    assert len(picture.scene.nodes) == 3
    assert picture.mermaid.count("\n") == len(picture.mermaid.splitlines())
    assert "<script" not in picture.mermaid
    assert '[""]' not in picture.mermaid
    assert "\x1b" not in picture.text
    assert picture.png


@pytest.mark.parametrize("suffix", [".svg", ".png", ".dot", ".mmd", ".txt"])
def test_saving_writes_the_format_of_the_suffix(picture, tmp_path, suffix):
    path = tmp_path / f"graph{suffix}"
    assert picture.save(path) is path
    assert path.stat().st_size > 100
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_saving_takes_a_string(picture, tmp_path):
    assert os.path.exists(picture.save(str(tmp_path / "graph.SVG")))


def test_an_unknown_suffix_lists_the_known(picture, tmp_path):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf"):
        picture.save(tmp_path / "graph.jpeg")


def test_a_folder_that_is_not_there_leaves_nothing_behind(picture, tmp_path):
    with pytest.raises(OSError, match=r"cannot save .*missing"):
        picture.save(tmp_path / "missing" / "graph.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_whole(picture, tmp_path, monkeypatch):
    path = tmp_path / "graph.svg"
    path.write_text("before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        picture.save(path)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["graph.svg"]


def test_it_draws_with_an_empty_path(picture, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "<svg" in picture.svg


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))


def test_without_an_engine_the_error_names_the_cure(picture, no_engine):
    with pytest.raises(RuntimeError, match="pip install graphviz-pure"):
        picture.svg  # noqa: B018
    assert "digraph" in picture.dot
    assert "loss" in picture.text


def test_without_an_engine_a_notebook_shows_the_text(picture, no_engine):
    assert picture._repr_mimebundle_() == {"text/plain": picture.text}


def test_a_notebook_shows_the_drawing(picture):
    assert picture._repr_mimebundle_()["image/svg+xml"] == picture.svg


def test_pdf_needs_dot_and_says_so(picture, no_engine):
    with pytest.raises(RuntimeError, match="PDF needs the program `dot`"):
        picture.pdf  # noqa: B018


def test_pdf_is_not_asked_of_the_engine_that_cannot(picture, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="PDF needs the program `dot`"):
        picture.pdf  # noqa: B018


@pytest.mark.skipif(shutil.which("dot") is None, reason="PDF is made by Graphviz's own dot, which is not installed")
def test_pdf_is_one(picture):
    assert picture.pdf[:5] == b"%PDF-"


def test_what_the_engine_cannot_draw_is_its_own_words():
    with pytest.raises(RuntimeError, match="could not draw this"):
        dot.render("digraph {", "svg")


SCRIPT = """
import sys
import numpy as np, micrograd_np as mg
from micrograd_np.drawing import draw

w = mg.Tensor(np.linspace(-1, 1, 40).reshape(4, 10), requires_grad=True)
params = {"b": mg.Tensor(np.zeros(10), requires_grad=True), "c": mg.Tensor(np.ones(10), requires_grad=True)}
with mg.scope("one"):
    h = np.tanh(np.ones((2, 4)) @ w + params["b"])
with mg.scope("two"):
    loss = np.sum(h * params["c"] + h)
loss.backward()
picture = draw(loss)
sys.stdout.buffer.write(picture.png + picture.svg.encode() + picture.mermaid.encode() + picture.text.encode())
"""


@pytest.mark.slow
def test_the_same_script_gives_the_same_bytes():
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    ]
    assert len(runs[0]) > 10_000
    assert runs[0] == runs[1]
