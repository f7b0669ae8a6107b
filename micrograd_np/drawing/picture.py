"""`draw` makes a `Picture`, which can be shown in each format; `draw_script` makes one of a script."""

from __future__ import annotations

import functools
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from html import escape
from numbers import Integral
from typing import Any, TypeVar

from ..core.backward import FREED
from ..core.containers import flatten
from ..core.errors import ArgumentError, ArgumentTypeError, MicrogradError, MissingFileError
from ..core.names import Names, is_module, live, watch
from ..core.tensor import Tensor
from ..cures import unknown_name
from ..program import Program
from ..saving.files import replacing
from . import dot, html, text
from .collapse import is_of_group
from .graph import Graph, graph_of, program_graph, walk
from .scene import Scene, fill, scene_of

DIRECTIONS = ("both", "forward", "backward")


def check_options(direction: str, limit: Any) -> None:
    if direction not in DIRECTIONS:
        raise ArgumentError(f"direction={direction!r}: write one of {', '.join(map(repr, DIRECTIONS))}.")
    whole = isinstance(limit, Integral) and not isinstance(limit, bool)
    if limit is not None and not (whole and limit > 0):
        raise ArgumentError(f"limit={limit!r}: write how many boxes there may be, 1 or more.")


def check_fold(fold: Collection[str], graph: Graph, names: Names) -> None:
    """Refuse groups that are not in a picture. A module of one box, which has no frame, may be named."""
    if isinstance(fold, str):
        raise ArgumentTypeError(f"fold={fold!r}: write a list, fold=[{fold!r}].")
    labels = dict.fromkeys(label for scope in dict.fromkeys(graph.scopes) for label in scope)
    single = {names.in_module(id(x)) for x in names.held if is_module(x)}
    for group in fold:
        if group not in single and not any(is_of_group(label, group) for label in labels):
            known = dict.fromkeys(label.split(": ")[0] for label in labels)
            there = f"There are {', '.join(map(repr, known))}" if known else "There is none to fold"
            raise ArgumentError(f"fold={list(fold)!r}: the picture has no module or scope {group!r}. {there}.")


Path = TypeVar("Path", str, os.PathLike[str])


class Picture:
    """A drawing of a graph as it was when drawn.

    `.svg` and `.dot` are text, `.png` and `.pdf` bytes; `.save(path)` writes the format that the suffix names.
    """

    def __init__(self, scene: Scene, direction: str, nudged: Callable[[], dict[str, Any]] = dict) -> None:
        self.scene = scene
        self.direction = direction
        self.nudged = nudged

    @functools.cached_property
    def dot(self) -> str:
        """DOT source."""
        return dot.source(self.scene, self.direction)

    @functools.cached_property
    def svg(self) -> str:
        """An SVG drawing, for light and dark pages."""
        drawn = dot.render(self.dot, "svg").decode()
        return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(html.alt(self.scene))}" ', 1)

    @functools.cached_property
    def png(self) -> bytes:
        """A PNG image."""
        return dot.render(self.dot, "png", f"-Gdpi={144 if len(self.scene.nodes) <= FINE else 72}")

    @functools.cached_property
    def pdf(self) -> bytes:
        """A PDF page; needs Graphviz's own `dot`."""
        return dot.render(self.dot, "pdf")

    @functools.cached_property
    def mermaid(self) -> str:
        """A Mermaid flowchart."""
        return text.mermaid(self.scene, self.direction)

    @functools.cached_property
    def text(self) -> str:
        """Lines for a terminal."""
        return text.text(self.scene, self.direction)

    @functools.cached_property
    def html(self) -> str:
        """One page that plays the picture, forward and back, in any browser; it needs no network."""
        return html.page(self.scene, dot.render(self.dot, "svg").decode(), self.nudged())

    def player(self, height: int = 640) -> Player:
        """The page that plays the picture, inside a notebook.

        Parameters
        ----------
        height : int
            Of the frame, in pixels.
        """
        look = f'width="100%" height="{height}" style="border:0" title="step through the picture"'
        return Player(f'<iframe {look} srcdoc="{escape(self.html)}"></iframe>')

    def save(self, path: Path) -> Path:
        """Write the picture in the format that the path's suffix names; returns the path."""
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in FORMATS:
            raise ArgumentError(f"{path}: a picture is saved as {', '.join(FORMATS)}.")
        content = getattr(self, FORMATS[suffix])
        with replacing(path) as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows: the drawing, or the text if Graphviz is missing or fails."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except (RuntimeError, OSError, ImportError):
            return {"text/plain": self.text}

    def __getattr__(self, name: str) -> Any:
        raise unknown_name("Picture", name, dir(type(self)))

    def __repr__(self) -> str:
        return f'<Picture of {len(self.scene.nodes)} boxes; .save("graph.html") writes a page, "graph.svg" a drawing>'


class Player(str):
    """A page in a frame, as HTML that a notebook shows."""

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return "<Player; shown in a notebook, or written by picture.save('page.html')>"


FINE = 60  # boxes; a larger picture has a lower resolution
FORMATS = {f".{name}": name for name in ("svg", "png", "pdf", "dot", "html")} | {".mmd": "mermaid", ".txt": "text"}


def draw(
    target: Any,
    *args: Any,
    direction: str = "both",
    fold: Collection[str] = (),
    limit: int | None = None,
    **kwargs: Any,
) -> Picture:
    """A picture of a tensor's graph, of the graph that a function makes of its arguments, or of a traced program.

    Parameters
    ----------
    target : Tensor, callable or Program
    *args, **kwargs
        What a function is called with; values get the names of its variables.
    direction : {"both", "forward", "backward"}
        Whether values, gradients or both are shown.
    fold : collection of str
        Modules, by their paths, and scopes to draw as one box each.
    limit : int, optional
        With more boxes than this, modules, scopes and loops are folded; folded boxes say what is in them. Without
        it, loops and modules that run again fold over 40 boxes, all modules over 120, and anything over 300.

    Raises
    ------
    TypeError
        If there is no Tensor to draw.
    ValueError
        If there is no such direction, module or scope, or no box may be drawn.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> loss = w * w
    >>> loss.backward()
    >>> draw(loss)
    <Picture of 2 boxes; .save("graph.html") writes a page, "graph.svg" a drawing>
    """
    check_options(direction, limit)
    if isinstance(target, Program):
        graph = program_graph(target)
        check_fold(fold, graph, Names())
        return Picture(scene_of(graph, limit, fold), "forward")
    names = None
    if callable(target):
        target, names = watch(partial(target, *args, **kwargs))
    elif args or kwargs:
        raise ArgumentTypeError(
            "mg.draw(loss) draws the graph of a tensor, and what follows are the arguments of a function. Write "
            'mg.draw(loss).save("net.svg") for a file.'
        )
    outputs = tensors(target)
    if not outputs:
        raise ArgumentTypeError(
            f"there is no Tensor to draw in {target!r:.80}. Draw a Tensor, or a function that returns one. A function "
            "is given arrays as they are: wrap what wants a gradient, mg.Tensor(x, requires_grad=True)."
        )
    return pictured(outputs, names or live(Names(), walk(outputs)), direction, fold, limit)


def pictured(
    outputs: list[Tensor],
    names: Names,
    direction: str = "both",
    fold: Collection[str] = (),
    limit: int | None = None,
) -> Picture:
    """The picture of values whose names are known."""
    graph = graph_of(outputs, names)
    check_fold(fold, graph, names)
    leaves = {id(x): f"n{i}" for i, x in enumerate(graph.values) if graph.kinds[i] == "leaf"}
    return Picture(fill(scene_of(graph, limit, fold)), direction, lambda: html.nudge(outputs, leaves))


def tensors(result: Any) -> list[Tensor]:
    """Return the tensors in what a function returned."""
    return [x for x in flatten(result)[0] if isinstance(x, Tensor)]


KEPT = 8  # calls of each of the script's functions whose values are named


class ScriptError(MicrogradError):
    """A script that leaves nothing to draw, and what to do about it."""


def draw_script(where: str, arguments: Sequence[str] = (), **options: Any) -> Picture:
    """The picture of `file.py`, or of what a function in it returns: `file.py:function`.

    Parameters
    ----------
    where : str
        Of a file, the newest value with a graph among its variables is drawn, a loss before others; where there is
        none, that among the variables of its functions.
    arguments : sequence of str
        What the script finds in `sys.argv`.
    **options
        As for `draw`.

    Raises
    ------
    FileNotFoundError, ScriptError
        If there is no such file or function, it fails, it needs arguments, or nothing with a graph was computed.
    """
    path, _, name = where.rpartition(":") if ".py:" in where else (where, "", "")
    if not os.path.isfile(path):
        raise MissingFileError(f"{path}: there is no such file to draw.")
    (result, since), names = watch(partial(run, path, name, arguments), KEPT)
    outputs = tensors(result)
    if result is None:
        outputs = newest(x for x in names.held if isinstance(x, Tensor) and x._order > since)
    if outputs:
        return pictured(outputs, names, **options)
    if name:
        raise ScriptError(f"{name} returns {result!r:.60}, in which there is no Tensor to draw.")
    raise ScriptError(f"{path} leaves no Tensor with a graph in a variable. Name a function: {path}:function.")


def run(path: str, name: str, arguments: Sequence[str]) -> tuple[Any, int]:
    """The newest value among a script's variables, or what a function of it returns, and when that was called."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[0:0] = [path, *arguments], [os.path.dirname(os.path.abspath(path))]
    try:
        variables = runpy.run_path(path, run_name="__main__")
        if not name:
            return newest(variables.values()) or None, 0
        function = variables.get(name)
        if not callable(function):
            raise ScriptError(f"{path} has no function {name}.")
        since = Tensor(0.0)._order
        return function(), since
    except SystemExit as end:
        if end.code or name:
            raise
        return None, 0
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"{path} failed.\n{users_traceback(error, path)}") from None
    finally:
        sys.argv, sys.path[:] = before


def users_traceback(error: Exception, path: str) -> str:
    """A traceback from the script on."""
    at = error.__traceback__
    while at and at.tb_frame.f_code.co_filename != path:
        at = at.tb_next
    return "".join(traceback.format_exception(type(error), error, at)).rstrip()


def newest(values: Iterable[Any]) -> list[Tensor]:
    """The newest value with a graph, a loss before others, as a list of one; of none, an empty one."""
    recorded = [x for x in values if isinstance(x, Tensor) and x.op is not None and x._paths is not FREED]
    return sorted(recorded, key=lambda x: (x.grad is not None, x.size == 1, x._order))[-1:]
