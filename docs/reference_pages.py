"""The reference pages, made from the table of derivatives and from docstrings."""

import inspect
from pathlib import Path

import numpy as np

import micrograd_np as mg
from micrograd_np.core import errors
from micrograd_np.ops import TABLE, namespace

GROUPS = {
    "Tensors and the tape": ["Tensor", "no_grad", "detect_anomaly", "checkpoint", "scope", "custom_op", "sample"],
    "Derivatives of functions": ["grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "gradients"],
    "Checking": ["gradcheck", "verify", "testing.assert_gradients"],
    "Programs": ["trace", "compile"],
    "Pictures": ["draw", "explain", "why_none"],
    "Keeping and training": ["save", "load", "fit", "keep_freed_memory", "export_onnx"],
    "Learning": ["learn.task", "learn.check", "learn.puzzle"],
}


def write(folder: Path) -> None:
    """Write all reference pages."""
    folder.mkdir(exist_ok=True)
    (folder / "api.md").write_text(api(), encoding="utf-8")
    for room in ("nn", "optim", "data"):
        (folder / f"{room}.md").write_text(room_page(room), encoding="utf-8")
    (folder / "errors.md").write_text(error_page(), encoding="utf-8")
    rows = {name: row for name, row in TABLE.items() if namespace(name)}
    (folder / "rows.md").write_text(row_page(rows, folder), encoding="utf-8")


def directive(name: str) -> str:
    thing = mg
    for part in name.split("."):
        thing = getattr(thing, part)
    if inspect.isclass(thing):
        return f"```{{eval-rst}}\n.. autoclass:: micrograd_np.{name}\n   :members:\n```\n"
    return f"```{{eval-rst}}\n.. autofunction:: micrograd_np.{name}\n```\n"


def api() -> str:
    parts = ["# Functions and classes\n"]
    for title, names in GROUPS.items():
        parts += [f"## {title}\n", *map(directive, names)]
    return "\n".join(parts)


def room_page(room: str) -> str:
    module = getattr(mg, room)
    names = [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    return "\n".join([f"# micrograd_np.{room}\n", *(directive(f"{room}.{name}") for name in names)])


def error_page() -> str:
    """A list of the exceptions, each with its bases and its meaning."""
    lines = [
        "# Exceptions\n",
        "Every exception of the package is a `MicrogradError`, and also the built-in one that you would expect.\n",
    ]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.MicrogradError):
            bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
            lines += [f"`{name}` ({bases})", f": {inspect.getdoc(kind).splitlines()[0]}\n"]
    return "\n".join(lines)


def row_page(rows: dict, folder: Path) -> str:
    """One section a row: summary, derivative, example, and the picture of a call."""
    parts = [
        "# The table of derivatives\n",
        "Each function is NumPy's of the same name. `g` is the cotangent of the result `z`.\n",
    ]
    for name in sorted(rows):
        row = rows[name]
        parts += [f"## {namespace(name)}.{name}\n", plain(row.__doc__), ""]
        picture = picture_of(row)
        if picture:
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
            parts.append(f"![The graph of a call of {name}, with its gradient]({name}.svg)\n")
    return "\n".join(parts)


def plain(text: str) -> str:
    """A row's docstring as Markdown: its example and its rules as code."""
    text, _, example = text.partition("Examples\n--------\n")
    text = text.replace("*", r"\*") if "\n    d" not in text else text
    return text + (f"\n```pycon\n{example.strip()}\n```" if example else "")


def picture_of(row) -> str | None:
    """The picture of the row's first example, after backward; None for a row without a derivative."""
    from micrograd_np.expressions.rules import first_case

    case = first_case(row)
    if case is None or not any(row.rules):
        return None
    letters = iter("xyuvw")
    arguments = [
        mg.Tensor(x, requires_grad=True, name=next(letters)) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for x in case.args
    ]
    try:
        z = row(*arguments, **case.kwargs)
        if not getattr(z, "requires_grad", False):
            return None
        z.backward(np.ones(z.shape))
    except (TypeError, ValueError, AttributeError):
        return None
    return mg.draw(z).svg


def write_player(path: Path) -> None:
    """Write the article's three-layer network as a page to step through."""
    picture = article_picture()
    picture.save(path)


def article_picture():
    X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0, 1, 1, 0]]).T
    rng = np.random.RandomState(1)
    syn0 = mg.Tensor(2 * rng.random_sample((3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random_sample((4, 1)) - 1, requires_grad=True)
    l1 = mg.sigmoid(np.dot(X, syn0))
    l2 = mg.sigmoid(np.dot(l1, syn1))
    loss = 0.5 * ((y - l2) ** 2).sum()
    loss.backward()
    return mg.draw(loss)
