"""Where the first nan or inf came from, and which saved array was changed behind the tape's back."""

from __future__ import annotations

from typing import Any
from weakref import finalize

import numpy as np

from .core.backward import Pull, Pulled
from .core.context import Mode
from .core.errors import called
from .core.names import line, spot
from .core.rules import reads
from .core.tensor import Tensor
from .ops.several import Outputs

Saved = list[tuple[Any, Any, Any]]


def detect_anomaly() -> Mode:
    """A context in which the first op to make a nan or inf is an error, forward and backward.

    Ops that only pass one on are not blamed. Arrays that a rule has yet to read are copied, and a write to one of
    them that the tape cannot see, such as `w.data[0] = 1`, is an error in the backward pass. Slow: for debugging.

    Raises
    ------
    FloatingPointError
        Naming the op, the tensor, the index, the line, and the cure where one is known.
    RuntimeError
        Naming the changed array, the index and the op that needed it.

    Examples
    --------
    >>> x = Tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly(), np.errstate(divide="ignore"):
    ...     np.log(x)
    Traceback (most recent call last):
    FloatingPointError: log made -inf at index (1,) from finite arguments x (2,) float64: ...
    """
    return Mode(watch=Watch())


class Watch:
    """Looks at every value that an op makes and at every cotangent that a rule sends."""

    def __init__(self) -> None:
        self.saved: dict[int, Saved] = {}  # by the node's birth, for as long as the node lives

    def made(self, node: Tensor, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        arrays = [x._data if isinstance(x, Tensor) else x for x in args]
        index = first_nonfinite(node._data)
        if index is not None and all(first_nonfinite(x) is None for x in arrays):
            raise nonfinite_value(op, args, node, index)
        self.saved[node.birth] = [
            (value, array, array.copy())
            for position, (value, array) in enumerate(zip((node, *args), (node._data, *arrays), strict=True))
            if getattr(array, "dtype", None) is not None and any(reads(rule, position) for _, rule in node.edges)
        ]
        finalize(node, self.saved.pop, node.birth)

    def reading(self, pull: Pull) -> Pull:
        """The same reader, which looks at what it reads and at what it sends."""

        def watched(node: Tensor, g: Any) -> Pulled:
            for value, array, copy in self.saved.get(node.birth, ()):
                changed = (array != copy) & ((array == array) | (copy == copy))  # nan where nan was is no change
                if changed.any():
                    raise changed_behind(node, value, tuple(map(int, np.argwhere(changed)[0])))
            pulled = pull(node, g)
            if all(first_nonfinite(x) is None for x in (g, node, *node.args)):
                for x, cotangent in pulled:
                    index = first_nonfinite(cotangent)
                    if index is not None:
                        raise nonfinite_cotangent(node, x, index, raw(cotangent))
            return pulled

        return watched


def raw(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def first_nonfinite(x: Any) -> tuple[int, ...] | None:
    """The index of the first nan or inf; for several outputs, that in the first that has one."""
    x = raw(x)
    if isinstance(x, Outputs):
        return next((index for part in x if part is not None and (index := first_nonfinite(part)) is not None), None)
    if getattr(x, "dtype", np.dtype(int)).kind not in "fc":
        return None
    wrong = ~np.isfinite(x)
    return tuple(map(int, np.argwhere(wrong)[0])) if wrong.any() else None


CURES = {
    "log": "Choose before the logarithm, not after it: np.log(np.where(x > 0, x, 1)).",
    "divide": "Choose before the division, not after it: x / np.where(y == 0, 1, y).",
    "power": "Choose the base before the power: np.where(x > 0, x, 1) ** y.",
    "sqrt": "Its slope at 0 is infinite; choose before the root, not after it: np.sqrt(np.where(x > 0, x, 1)).",
    "exp": "exp overflows beyond 709, float32 beyond 88: subtract the maximum first, or use mg.logsumexp, mg.softmax.",
}


def nonfinite_value(op: Any, args: tuple[Any, ...], node: Any, index: tuple[int, ...]) -> FloatingPointError:
    listed = ", ".join(called(x, f"argument {i}") for i, x in enumerate(args))
    value = node.data[index] if hasattr(node.data, "shape") else "a nan or inf"
    return FloatingPointError(
        f"{op.name} made {value} at index {index} from finite arguments {listed}: {line(node.where or spot())}. "
        f"{CURES.get(op.name, '')}".rstrip()
    )


def nonfinite_cotangent(node: Any, x: Any, index: tuple[int, ...], cotangent: Any) -> FloatingPointError:
    value = cotangent[index] if hasattr(cotangent, "shape") else "a nan or inf"
    return FloatingPointError(
        f"the derivative of {node.op.name} made {value} at index {index} of the gradient of "
        f"{called(x, 'its argument')}. "
        f"{CURES.get(node.op.name, '')}".rstrip()
    )


def changed_behind(node: Any, value: Any, index: tuple[int, ...]) -> RuntimeError:
    return RuntimeError(
        f"{called(value, 'an array')} was changed at index {index} after {node.op.name} had used it, and the "
        "derivative needs the old values. Write to the array before the forward pass, or after backward()."
    )
