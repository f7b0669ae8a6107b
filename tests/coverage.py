"""Writes docs/coverage.md from NumPy's own list of what can be overridden: `python -m tests.coverage`."""

from pathlib import Path

import numpy as np
import numpy.fft  # NumPy lists only what has been imported
import numpy.polynomial
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

from micrograd_np.ops import BY_FUNCTION
from micrograd_np.ops.primitive import NonDifferentiable, Primitive

PATH = Path(__file__).parents[1] / "docs" / "coverage.md"

HEAD = """# NumPy functions on Tensors

NumPy has {total} functions of numbers that other array types may define. On Tensors,

- {differentiable} of them work and pass gradients,
- {plain} work and have no derivative: they return plain arrays, numbers or constants,
- {missing} are not supported: they raise an error that says how to add them.

`python -m tests.coverage` makes this page.

"""


def full_name(function):
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{function.__name__}"


def has_gradient(entry):
    """A row has one if a rule of it does; a composition is written with rows, unless it says that none passes."""
    if isinstance(entry, Primitive):
        return not isinstance(entry, NonDifferentiable) and any(rule is not None for rule in entry.rules)
    return "no gradient passes" not in (entry.__doc__ or "")


def is_about_numbers(name):
    """Not functions of text, dates, records and files, which hold no numbers to differentiate."""
    last = name.split(".")[-1]
    others = ("datetime", "busday", "is_busday", "save", "load", "from", "gen", "isnat")
    # np.strings.add is np.add.
    of_text = "strings." in name or "char" in name.split(".") or (hasattr(np.strings, last) and not hasattr(np, last))
    return not (last.startswith(("_", *others)) or of_text or "recfunctions" in name or "scimath" in name)


def coverage():
    found = {"pass gradients": set(), "have no derivative": set(), "not supported": set()}
    for function in get_overridable_numpy_ufuncs() | get_overridable_numpy_array_functions():
        entry = BY_FUNCTION.get(function)
        kind = "not supported" if entry is None else "pass gradients" if has_gradient(entry) else "have no derivative"
        if is_about_numbers(full_name(function)):
            found[kind].add(full_name(function))
    found["not supported"] -= found["pass gradients"]  # NumPy has both a function and a ufunc named clip
    return {kind: sorted(names) for kind, names in found.items()}


def page():
    found = coverage()
    counts = [len(names) for names in found.values()]
    head = HEAD.format(total=sum(counts), differentiable=counts[0], plain=counts[1], missing=counts[2])
    sections = [
        f"## {kind[0].upper()}{kind[1:]}\n\n{', '.join(f'`{n}`' for n in names)}\n" for kind, names in found.items()
    ]
    return head + "\n".join(sections)


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
