"""micrograd_np: a table of derivatives, one tape, and many readers of them.

The modules in reading order: each imports only those above it.

frames, errors      the user's own line and names, and what is said when something cannot be done
context, memory     what surrounds a computation; when each array was last written to
rules, graph        a value remembers how it was made, and one loop walks that memory back
ops                 the table of derivatives
tensor              operators, methods and NumPy's protocols, bound from the table
pullback, transforms    derivatives of functions
anomaly, custom, checkpoint    where a nan came from; rows of one's own; recompute instead of remember
checking            how to doubt a derivative
drawing             the same walk as a picture
article, cli        the article's networks, by hand and on the tape
"""

from . import tensor as _tensor  # noqa: F401 - binds the operators
from .anomaly import detect_anomaly
from .checkpoint import checkpoint
from .context import no_grad
from .custom import custom_op
from .graph import Tensor
from .ops import FUNCTIONS as _FUNCTIONS
from .pullback import gradients, vjp
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad

globals().update({name: function for name, function in _FUNCTIONS.items() if name not in ("trace", "alias", "pack")})

__all__ = [
    *("Tensor", "checkpoint", "custom_op", "detect_anomaly", "no_grad"),
    *("grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    *(name for name in _FUNCTIONS if name in globals()),
]
