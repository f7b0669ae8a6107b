"""micrograd_np: a table of derivatives, one tape, and several readers of them.

The modules in reading order; each imports only those above it.

core                the tape: Tensor, the backward pass, how an op runs, names, errors
cures               names and calls from elsewhere, and what to write instead
ops                 the table of derivatives
operators, linalg   Tensor's operators, methods and protocols, and np.linalg's names, from the table
transforms          derivatives of functions
anomaly, custom, checkpoint    the op that made a nan; rows of your own; recompute values to save memory
expressions         one printer of formulas: docstrings, pictures, explanations and source
checking, testing    checks of derivatives: gradcheck, verify
random, program     a tape as a program: print it, compile it
nn, optim    layers, losses and models; optimisers
saving              a state as one file
drawing             the graph as a picture, as a page to step through, and in words
data, training      batches, scaling, data sets; the training loop
plots, learn        plots of a training; lessons, and exercises that check your answers
article, cli        the article's networks, by hand and on the tape
"""

__version__ = "0.1.0"

from collections.abc import Callable as _Callable
from importlib import import_module as _import_module

from . import cures as _cures
from . import linalg
from . import operators as _operators
from .anomaly import detect_anomaly
from .checkpoint import checkpoint
from .core import errors as _errors
from .core.context import no_grad, scope
from .core.tensor import Tensor
from .custom import CustomOp as _CustomOp
from .custom import custom_op
from .ops import FUNCTIONS as _FUNCTIONS
from .ops import namespace as _namespace
from .ops.primitive import GeneratedDoc as _GeneratedDoc
from .random import sample
from .transforms import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def _late(module: str, name: str) -> _Callable[..., object]:
    """A function that is imported when it is first called: a reader of the tape stands below what it reads."""

    def call(*args: object, **kwargs: object) -> object:
        return getattr(_import_module(f".{module}", __name__), name)(*args, **kwargs)

    return call


_GeneratedDoc.write = _late("expressions.rules", "docstring")
_CustomOp.gradcheck = _late("checking", "of_op")
Tensor._repr_html_ = _late("drawing.html", "tensor_html")

# What a bare tape does not need is imported when it is first asked for.
_MODULES = ("data", "learn", "nn", "optim", "plots", "testing")
_ROOMS = dict.fromkeys(("gradcheck", "verify"), "checking")
_ROOMS |= dict.fromkeys(("Compiled", "Program", "compile", "trace"), "program")
_ROOMS |= dict.fromkeys(("Picture", "draw", "explain", "why_none"), "drawing")
_ROOMS |= dict.fromkeys(("load", "save"), "saving")
_ROOMS |= dict.fromkeys(("export_onnx",), "saving.onnx")
_ROOMS |= dict.fromkeys(("fit", "keep_freed_memory"), "training")

_TABLE = {name: function for name, function in _FUNCTIONS.items() if _namespace(name) == "mg" and name != "trace"}
_ERRORS = {name: kind for name, kind in vars(_errors).items() if name.endswith("Error")}
globals().update(_TABLE | _ERRORS)

__all__ = [
    *("Tensor", "checkpoint", "custom_op", "detect_anomaly", "linalg", "no_grad", "scope"),
    *("grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    *("data", "learn", "nn", "optim", "plots", "sample", "testing"),
    *_ERRORS,
    *_ROOMS,
    *_TABLE,
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return _import_module(f".{name}", __name__)
    if name in _ROOMS:
        return getattr(_import_module(f".{_ROOMS[name]}", __name__), name)
    raise _cures.answer("mg", name, __all__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
