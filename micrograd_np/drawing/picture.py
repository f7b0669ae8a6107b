"""`draw` makes a `Picture`, which can be shown in each format; `draw_script` makes one of a script.

Graphviz renders a picture's DOT source as SVG, PNG or PDF.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from html import escape
from typing import Any, TypeVar

from ..core.backward import FREED
from ..core.containers import flatten
from ..core.errors import ArgumentError, ArgumentTypeError, FileError, MicrogradError, MissingFileError, UsageError
from ..core.names import Names, is_module, live, name_of, watch, watched
from ..core.tensor import Tensor
from ..cures import unknown_name
from ..program import Program
from . import dot, html, text
from .graph import Graph, graph_of, program_graph, walk
from .preview import FITTING, style
from .scene import Scene, scene_of
from .values import fill, nudge

DIRECTIONS = ("both", "forward", "backward")


def check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ArgumentError(f"direction={direction!r}: write one of {', '.join(map(repr, DIRECTIONS))}.")


def check_limit(limit: Any) -> None:
    whole = hasattr(limit, "__index__") and not isinstance(limit, bool)
    if limit is not None and not (whole and limit > 0):
        raise ArgumentError(f"limit={limit!r}: write how many boxes there may be, 1 or more.")


def check_fold(fold: Collection[str], graph: Graph, names: Names | None = None) -> None:
    """Refuse groups that are not in a picture. A module of one box, which has no frame, may be named."""
    if isinstance(fold, str):
        raise ArgumentTypeError(f"fold={fold!r}: write a list, fold=[{fold!r}].")
    labels = dict.fromkeys(label for scope in dict.fromkeys(graph.scopes) for label in scope)
    known = dict.fromkeys(label.split(": ")[0].split(", run ")[0] for label in labels)
    single = {names.in_module(id(x)) for x in names.held if is_module(x)} if names else set()
    for group in fold:
        if group not in labels and group not in known and group not in single:
            there = f"There are {', '.join(map(repr, known))}" if known else "There is none to fold"
            raise ArgumentError(f"fold={list(fold)!r}: the picture has no module or scope {group!r}. {there}.")


Nudged = Callable[[], dict[str, Any]]
Path = TypeVar("Path", str, os.PathLike[str])


class Picture:
    """A drawing of a graph as it was when drawn.

    `.svg` and `.dot` are text, `.png` and `.pdf` bytes; `.save(path)` writes the format that the suffix names.
    """

    def __init__(self, scene: Scene, direction: str, nudged: Nudged = dict) -> None:
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
        drawn = render(self.dot, "svg").decode()
        return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(html.alt(self.scene))}" ', 1)

    @functools.cached_property
    def png(self) -> bytes:
        """A PNG image."""
        return render(self.dot, "png", dpi=144 if len(self.scene.nodes) <= FINE else 72)

    @functools.cached_property
    def pdf(self) -> bytes:
        """A PDF page; needs Graphviz's own `dot`."""
        return render(self.dot, "pdf")

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
        sources = {"": self.dot} | {key: dot.source(each, self.direction) for key, each in self.scene.opened.items()}
        drawings = {key: render(source, "svg").decode() for key, source in sources.items()}
        return html.page(self.scene, drawings, self.nudged())

    def player(self, height: int = 640) -> Player:
        """The page that plays the picture, inside a notebook.

        Parameters
        ----------
        height : int
            Of the frame, in pixels.
        """
        return Player(self.html, height)

    def save(self, path: Path) -> Path:
        """Write the picture in the format that the path's suffix names; returns the path."""
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in FORMATS:
            raise ArgumentError(f"{path}: a picture is saved as {', '.join(FORMATS)}.")
        content = getattr(self, FORMATS[suffix])
        write(path, content if isinstance(content, bytes) else content.encode())
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


class Player:
    """A page in a frame of a notebook's cell."""

    def __init__(self, page: str, height: int) -> None:
        self.page = page
        self.height = height

    def _repr_html_(self) -> str:
        look = f'width="100%" height="{self.height}" style="border:0" title="step through the picture"'
        return f'<iframe {look} srcdoc="{escape(self.page)}"></iframe>'

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
    check_direction(direction)
    check_limit(limit)
    if isinstance(target, Program):
        graph = program_graph(target)
        check_fold(fold, graph)
        return Picture(scene_of(graph, limit, fold, with_opened=True), "forward")
    if (args or kwargs) and not callable(target):
        raise ArgumentTypeError(
            "mg.draw(loss) draws the graph of a tensor, and what follows are the arguments of a function. Write "
            'mg.draw(loss).save("net.svg") for a file.'
        )
    if callable(target):
        check_call(target, args, kwargs)
        result, names = watch(target, *args, **kwargs)
    else:
        result, names = target, None
    outputs = tensors(result)
    if not outputs:
        raise ArgumentTypeError(f"there is no Tensor to draw in {result!r:.80}. {cure(args, kwargs)}")
    return pictured(outputs, names or live(Names(), walk(outputs)), direction, fold, limit)


def required(function: Any) -> list[inspect.Parameter]:
    """Return the parameters that have no default; those of `forward`, if the function is a module."""
    try:
        parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
    except (TypeError, ValueError):  # a function without a signature
        return []
    return [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def check_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise if a function is not given what it needs."""
    needed = required(function)
    by_position = [p for p in needed if p.kind is not p.KEYWORD_ONLY]
    missing = [p for p in needed if p not in by_position[: len(args)] and p.name not in kwargs]
    if missing:
        name = str(name_of(function) or getattr(function, "__name__", f"{type(function).__name__}(...)"))
        call = ", ".join([name, *(p.name if p in by_position else f"{p.name}=..." for p in needed)])
        raise ArgumentTypeError(f"{name} needs {', '.join(p.name for p in missing)}: mg.draw({call}).")


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
    return Picture(fill(scene_of(graph, limit, fold, with_opened=True)), direction, lambda: nudge(outputs, leaves))


def cure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the advice for a target without a Tensor."""
    if any(getattr(x, "ndim", 0) for x in (*args, *kwargs.values())):
        return "A function is given arrays as they are: wrap what wants a gradient, mg.Tensor(x, requires_grad=True)."
    return "Draw a Tensor, or a function that returns one."


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
    (result, since), names = watched(partial(run, path, name, arguments), KEPT)
    outputs = tensors(result)
    if result is None:
        outputs = newest(x for x in names.held if isinstance(x, Tensor) and x._order > since)
    if not outputs and name:
        raise ScriptError(f"{name} returns {result!r:.60}, in which there is no Tensor to draw.")
    if not outputs:
        raise ScriptError(f"{path} leaves no Tensor with a graph in a variable. Name a function: {path}:function.")
    return pictured(outputs, names, **options)


def run(path: str, name: str, arguments: Sequence[str]) -> tuple[Any, int]:
    """The newest value among a script's variables, or what a function of it returns, and when that was called."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[0:0] = [path, *arguments], [os.path.dirname(os.path.abspath(path))]
    try:
        variables = runpy.run_path(path, run_name="__main__")
        if not name:
            return newest(variables.values()) or None, 0
        function, since = function_of(variables, path, name), Tensor(0.0)._order
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


def function_of(variables: dict[str, Any], path: str, name: str) -> Any:
    function = variables.get(name)
    if not callable(function):
        raise ScriptError(f"{path} has no function {name}.")
    if isinstance(function, type):
        raise ScriptError(f"{name} is a class. Name a function that returns a Tensor: {path}:function.")
    needed = ", ".join(p.name for p in required(function))
    if needed:
        raise ScriptError(f"{name} needs {needed}: draw it from Python, with mg.draw({name}, {needed}).")
    return function


def newest(values: Iterable[Any]) -> list[Tensor]:
    """The newest value with a graph, a loss before others, as a list of one; of none, an empty one."""
    recorded = [x for x in values if isinstance(x, Tensor) and x.op is not None and x._paths is not FREED]
    return sorted(recorded, key=lambda x: (x.grad is not None, x.size == 1, x._order))[-1:]


# DOT source as SVG, PNG or PDF, by graphviz-pure or the system's Graphviz.

# Before version 3, dot gives a cell its id only where the cell is a link; the drawing then drops the link.
HANDLE = re.compile(r'(<td id="\w+" tooltip="\w+")')
LINK = 'href="#"'
# Text is measured in bytes, of which … has three. What stands for it meanwhile is as wide as a dot, and in no name.
DOTS, STAND_IN = "…", "\x7f."
TITLE = re.compile(rb'(<g id="clust\d+" class="cluster">(?:(?!</g>).)*?)(<text.*?</text>\n)', re.DOTALL)
SIZE = re.compile(rb'(width|height)="([\d.]+)pt"')
SCALE = 1.1  # pixels for a point: formulas are as large as small print
EDGE = re.compile(rb'<g id="e\d+" class="edge">.*?</g>', re.DOTALL)
HEAD = re.compile(rb"<polygon")
DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")  # without it, the same picture is the same bytes
CURE = "Install one with `pip install graphviz-pure`, or your system's graphviz package."


def engine(format: str) -> str:
    """The layout program: graphviz-pure beside Python, which draws alike everywhere, else a system `dot`."""
    import shutil
    import sysconfig

    scripts = sysconfig.get_path("scripts")
    pure = shutil.which("graphviz-pure", path=scripts)
    if pure and format != "pdf":
        return pure
    if system := shutil.which("dot"):
        return system
    if format == "pdf":
        raise UsageError(
            "PDF needs the program `dot`, and there is none on the PATH. Install your system's graphviz package, "
            "or save as .svg or .png."
        )
    raise UsageError(
        f"no layout engine was found: neither graphviz-pure in {scripts} nor `dot` on the PATH. {CURE} "
        "DOT source (.dot), Mermaid (.mmd) and text (.txt) need none."
    )


def render(source: str, format: str, dpi: int = 96) -> bytes:
    """A drawing of DOT source, in the format's bytes; `dpi` is a PNG's."""
    import subprocess

    command = [engine(format), f"-T{format}"]
    if format == "png":
        command.append(f"-Gdpi={dpi}")
    elif format == "svg":
        source = HANDLE.sub(rf"\1 {LINK}", source)
        source = source.replace(DOTS, STAND_IN)
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"{command[0]} could not draw this: {done.stderr.decode(errors='replace').strip()}")
    if format == "svg":
        return styled(done.stdout)
    return DATE.sub(rb"\g<1>19800101000000", done.stdout) if format == "pdf" else done.stdout


def styled(svg: bytes) -> bytes:
    """A drawing that follows the reader's light or dark page, without the ids that hovering would show."""
    svg = re.sub(rb"<title>[^<]*</title>\n", b"", svg).replace(f" xlink:{LINK}".encode(), b"")
    svg = svg.replace(STAND_IN.encode(), DOTS.encode())
    svg = EDGE.sub(two_ways, svg)
    svg = SIZE.sub(lambda found: b'%s="%.0f"' % (found[1], SCALE * float(found[2])), svg, count=2)
    svg = svg.replace(b"<svg ", FITTING, 1)
    titles = b"".join(found[2] for found in TITLE.finditer(svg))  # go over the arrows that cross them
    svg = TITLE.sub(rb"\1", svg)
    start, end = svg.index(b">", svg.index(b"<svg")) + 1, svg.rindex(b"</g>")
    over = b'<g class="titles">\n' + titles + b"</g>\n" if titles else b""
    return svg[:start] + b"\n" + style().encode() + svg[start:end] + over + svg[end:]


def two_ways(edge: re.Match[bytes]) -> bytes:
    """Return an arrow whose two heads have classes: `back` where the gradient goes, `to` where the value goes."""
    classes = iter((b'<polygon class="back"', b'<polygon class="to"'))
    return HEAD.sub(lambda _: next(classes), edge[0]) if len(HEAD.findall(edge[0])) == 2 else edge[0]


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file or none: write a temporary file in the same folder, then move it into place."""
    folder, name = os.path.split(os.fspath(path))
    beside = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        try:
            with open(beside, "wb") as file:
                file.write(content)
            os.replace(beside, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside)
    except OSError as error:
        raise FileError(
            error.errno, f"cannot write {path}: {error.strerror}. Nothing was written; save to another folder."
        ) from None
