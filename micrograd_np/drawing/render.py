"""Convert DOT source to SVG, PNG or PDF, with graphviz-pure or the system's Graphviz."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from ..core.errors import FileError, UsageError
from .preview import style

# Before version 3, dot gives a cell its id only where the cell is a link; the drawing then drops the link.
HANDLE = re.compile(r'(<td id="\w+" tooltip="\w+")')
LINK = 'href="#"'
# Text is measured in bytes, of which … has three. What stands for it meanwhile is as wide as a dot, and in no name.
DOTS, STAND_IN = "…", "\x7f."
TITLE = re.compile(rb'(<g id="clust\d+" class="cluster">(?:(?!</g>).)*?)(<text.*?</text>\n)', re.DOTALL)
SIZE = re.compile(rb'(width|height)="([\d.]+)pt"')
SCALE = 1.1  # pixels for a point: formulas are as large as small print
FITTING = b'<svg style="max-width:100%;height:auto" '  # a drawing fits the cell of a notebook
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
