"""Every public docstring of nn, optim, data, training and saving describes what it takes, and has an example."""

import inspect
from itertools import pairwise

import pytest

import micrograd_np as mg
from micrograd_np import data, nn, optim, training

ROOMS = {nn: nn.__all__, nn.init: nn.init.PUBLIC, optim: optim.__all__, data: data.__all__, training: training.__all__}
PUBLIC = [getattr(room, name) for room, names in ROOMS.items() for name in names]
PUBLIC = [x for x in PUBLIC if not inspect.ismodule(x)] + [mg.save, mg.load, mg.export_onnx]
METHODS = [
    method
    for cls in PUBLIC
    if inspect.isclass(cls)
    for name, method in vars(cls).items()
    if inspect.isfunction(method) and name[0] != "_"
]


def described(doc):
    """The arguments in a docstring's section on parameters, each with its type, and a description on lines below."""
    lines = inspect.cleandoc(doc or "").partition("Parameters\n")[2].partition("\n\n")[0].splitlines()[1:]
    found = set()
    for line, below in pairwise([*lines, ""]):
        names, colon, kind = line.partition(" : ")
        if colon and kind and line[0] != " " and below[:4] == "    " and below.strip():
            found |= {name.strip(" *") for name in names.split(",")}
    return found


def taken(function):
    return inspect.signature(function).parameters.keys() - {"self"}


@pytest.mark.parametrize("x", PUBLIC, ids=lambda x: x.__name__)
def test_a_docstring_describes_every_parameter_and_no_other(x):
    inherited = {"args", "kwargs"}  # of a base whose subclasses have arguments of their own
    assert described(x.__doc__) ^ (set() if x is training.History else taken(x)) <= inherited


@pytest.mark.parametrize("x", PUBLIC, ids=lambda x: x.__name__)
def test_a_docstring_has_an_example(x):
    assert "Examples\n" in x.__doc__ and ">>> " in x.__doc__


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
def test_a_public_method_describes_every_parameter(method):
    """One that overrides another is described where that one stands; a layer's inputs, where the layer is."""
    if method.__doc__ or method.__name__ not in ("forward", "rate", "update", "step"):
        assert described(method.__doc__) >= taken(method)


def test_a_missing_description_is_seen():
    def f(x, y, *rest):
        """Add.

        Parameters
        ----------
        x, y : float
            Numbers.
        rest
            More.
        """

    assert described(f.__doc__) == {"x", "y"}
    assert described("Add x.") == described(None) == set()
