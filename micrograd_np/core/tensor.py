"""A Tensor: an array, its gradient, and how it was made.

A Tensor is the node of the graph itself. When an op runs, `dispatch.apply` stores the op, its arguments and parameters
on the result; `backward.backpropagate` reads them. A leaf was made by no op.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from . import errors
from .backward import Paths, Rule, backpropagate, free_graph, pull_tensors, store_gradient
from .context import Mode, current_context, tracing
from .names import Location, caller_location
from .versions import Memory, expose, memory_of, next_id


class Tensor:
    """An array that records how it was made.

    Parameters
    ----------
    data : array_like
        Copied, as `np.array` does.
    requires_grad : bool
        True records the tensor's use, so that `backward` sets its gradient; floating-point data only.
    name : str, optional
        The name in errors and pictures; without one, the variable's name.
    dtype : dtype, optional
        As for `np.array`.

    Attributes
    ----------
    op
        The row of the table that made it, None for a leaf.
    args, params
        The arguments of the op: arrays and Tensors, and the other arguments by name.
    scope
        The `mg.scope` names and calls of modules in which it was made.

    Raises
    ------
    TypeError
        If gradients are required for integers, booleans or complex numbers.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    _data: Any
    _grad: Any
    _memory: Memory | None
    _requires_grad: bool
    op: Any
    args: tuple[Any, ...]
    _values: Any  # the arguments as the kernel got them
    params: Any
    _paths: Paths
    _order: int
    _code: Any  # where the user's code made it: the code and the instruction, not as a tuple, since each container of a
    _instruction: Any  # node costs the garbage collector time
    scope: tuple[str, ...]
    name: str | None

    __slots__ = (*__annotations__, "__weakref__")

    def __init__(self, data: Any, requires_grad: bool = False, *, name: str | None = None, dtype: Any = None) -> None:
        trace = current_context().trace
        if isinstance(data, Tensor):
            kind = type(self).__name__
            errors.check_uncut(data, f"{kind}(tensor)", f"Use it as it is, or write {kind}(t.detach()) for its values.")
        errors.check_plain(data)
        array = np.array(as_ndarray(data), dtype=dtype)
        init_leaf(self, array)
        self.name = name
        self.requires_grad = requires_grad
        errors.check_numbers(array.dtype)
        if trace is not None:
            trace.copied(self, data)

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    is_leaf = property(lambda self: self.op is None)

    @property
    def _parents(self) -> list[tuple[Any, Rule]]:
        """The tensors that receive a gradient from this node, each with its VJP."""
        return [(self.args[i] if self.args else None, rule) for i, rule in self._paths]

    @property
    def _created_at(self) -> Location | None:
        """The place in the user's code where it was made; for a leaf, where it was detached, or None."""
        return self._code and (self._code, self._instruction)

    @_created_at.setter
    def _created_at(self, where: Location | None) -> None:
        self._code, self._instruction = where or (None, None)

    @property
    def data(self) -> Any:
        """The values. Assigning writes them into the tensor's memory."""
        return current_context().trace.shown(self) if tracing() else expose(self)

    @data.setter
    def data(self, values: Any) -> None:
        assign(self, values)

    @property
    def grad(self) -> Any:
        """The gradient that `backward` stored, an array of the tensor's shape, or None."""
        trace = current_context().trace
        if trace is not None:
            return trace.gradient(self)
        g = self._grad
        return np.asarray(g) if type(g) is not ndarray and isinstance(g, np.generic) else g

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self._grad = None if gradient is None else cotangent(self, gradient)
        trace = current_context().trace
        if trace is not None:
            trace.set_gradient(self)

    @property
    def requires_grad(self) -> bool:
        """True if the tensor requires a gradient."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted:
            errors.check_differentiable(self)
        else:
            errors.check_leaf(self, errors.FREEZE)
        self._requires_grad = bool(wanted)

    def detach(self) -> Tensor:
        """Return a leaf with the same memory; no gradient passes through it."""
        detached = constant(self._data)
        detached._memory = memory_of(self)
        detached._created_at = caller_location()
        trace = current_context().trace
        if trace is not None:
            trace.same(detached, self)
        return detached

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None again."""
        self.grad = None

    def backward(self, gradient: Any = None, *, retain_graph: bool = True, create_graph: bool = False) -> None:
        """Set `.grad` of every tensor that this one was made from; leaves accumulate, intermediates never.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to start from, in this tensor's shape; the default is 1 for a scalar.
        retain_graph : bool
            False frees the graph: values and gradients stay, but a second backward pass raises an error.
        create_graph : bool
            True makes the gradients Tensors that can be differentiated again.

        Raises
        ------
        ValueError
            If this is not a scalar and no gradient is given, or if the gradient has another shape.
        RuntimeError
            If a value that a rule needs was overwritten after its use, or the graph was freed.
        """
        g = seed(self, gradient)
        visit = store_gradient if retain_graph else free_graph
        traced = tracing()
        if create_graph or traced:
            g = gradient if isinstance(gradient, Tensor) else as_tensor(g)
            with Mode(recording=create_graph):
                leaves = backpropagate(self, g, visit, pull_tensors)
        else:
            leaves = backpropagate(self, g, visit)
        added = False
        for leaf, g in leaves.items():
            before = leaf.grad if traced else leaf._grad
            if before is not None:
                g, added = before + g, True
            leaf._grad = g
        if added:
            del g, leaf  # as they would count as the user's references
            errors.warn_of_history(self, leaves)

    def numpy(self) -> Any:
        """Return the values as an array that shares the tensor's memory; refused where a gradient would be lost."""
        check_untraced(self, ".numpy()")
        errors.check_uncut(self, ".numpy()", "Write .data or .detach().numpy() for the values alone.")
        return expose(self)

    def item(self) -> Any:
        """Return the one number of a tensor of one entry."""
        check_untraced(self, ".item()")
        errors.check_size(
            self, ".item() is the number of a tensor of one entry", "Write t[index].item(), or t.tolist()."
        )
        return self._data.item()

    def tolist(self) -> Any:
        """Return the numbers in nested lists; a number alone, of a tensor without axes."""
        check_untraced(self, ".tolist()")
        return self._data.tolist()

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._data)))  # type: ignore[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        errors.check_leaf(self, errors.WRITE)
        check_untraced(self, "t[index] = values")
        errors.check_write(self, value)
        self._data[as_ndarray(index)] = as_ndarray(value)
        memory_of(self).write()

    def __contains__(self, value: Any) -> bool:
        check_untraced(self, "in")
        return as_ndarray(value) in self._data

    # Conversions; they raise if they would silently cut the graph, or make a value a constant of a program.

    def __bool__(self) -> bool:
        check_untraced(self, "bool()")
        return bool(self._data)

    def __float__(self) -> float:
        check_untraced(self, "float()")
        errors.check_uncut(self, "float()", errors.NUMBER)
        return float(self._data)

    def __int__(self) -> int:
        check_untraced(self, "int()")
        errors.check_uncut(self, "int()", errors.NUMBER)
        return int(self._data)

    def __index__(self) -> int:
        check_untraced(self, "an index")
        return operator.index(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        check_untraced(self, "conversion to an array")
        errors.check_uncut(self, "conversion to an array", errors.ARRAY)
        return np.array(expose(self), dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        """Pickle and copy a leaf as its values; raise for a recorded tensor, as it holds a graph."""
        check_untraced(self, "a copy by copy or pickle")
        errors.check_leaf(self, errors.COPY, errors.ArgumentTypeError)
        return _leaf, (type(self), self._data, self._requires_grad, self.name, self._grad)

    def __format__(self, spec: str) -> str:
        check_untraced(self, "the text")
        return format(self._data.item() if self.size == 1 else self._data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        check_untraced(self, "the text")
        facts = [np.array2string(self._data, separator=", ", prefix="Tensor(")]
        facts += [f"dtype={self.dtype}"] if self.dtype not in (np.dtype(float), np.dtype(int), np.dtype(bool)) else []
        facts += [f"name={self.name!r}"] if self.name else []
        facts += ["requires_grad=True"] if self._requires_grad and self.op is None else []
        facts += [f"op={self.op.name}"] if self.op is not None else []
        return f"Tensor({', '.join(facts)})"


allocate = Tensor.__new__


def _leaf(kind: type[Tensor], data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    leaf = kind.__new__(kind)
    Tensor.__init__(leaf, data, requires_grad, name=name)
    leaf._grad = grad
    return leaf


def check_untraced(tensor: Tensor, how: str) -> None:
    """Raise if an operation would make the current value a constant of a program."""
    trace = current_context().trace
    if trace is not None:
        trace.refuse(tensor, how)


def as_ndarray(x: Any) -> Any:
    """Return the array of a Tensor, and anything else as it is."""
    return x._data if isinstance(x, Tensor) else x


def constant(data: Any) -> Tensor:
    """Return a leaf that holds an array, without a copy."""
    return init_leaf(allocate(Tensor), data)


def init_leaf(leaf: Tensor, data: Any) -> Tensor:
    """Initialise a leaf: no op, no parents."""
    leaf._data = data
    leaf._requires_grad = False
    leaf._grad = leaf._memory = leaf.name = leaf.op = leaf.params = leaf._code = leaf._instruction = None
    leaf.args = leaf._values = leaf._paths = leaf.scope = ()
    leaf._order = next_id()
    return leaf


def trace_constant(data: Any) -> Any:
    """While tracing, wrap an array that depends only on shapes as a constant."""
    trace = current_context().trace
    if trace is None:
        return data
    tensor = constant(data)
    trace.fixed(tensor)
    return tensor


def as_tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else constant(x)


def borrowed(array: Any) -> Tensor:
    """Return a Tensor that holds an array to which other code may write."""
    tensor = constant(array)
    expose(tensor)
    return tensor


def assign(tensor: Tensor, values: Any) -> Tensor:
    """Write values of the same shape into a tensor's memory, unrecorded; return the tensor."""
    errors.check_write(tensor, values)
    trace = current_context().trace
    if trace is not None:
        trace.wrote(tensor, values)
    if values is not tensor._data:
        errors.check_plain(values)
        values = values._data if isinstance(values, Tensor) else np.asarray(values, like=tensor._data)
        errors.check_shape("the new value", values, tensor)
        np.copyto(tensor._data, values, casting="same_kind")
    memory_of(tensor).write()
    return tensor


def seed(output: Tensor, gradient: Any) -> Any:
    """Return the cotangent that the backward pass starts from: the given one, or 1 for a scalar."""
    errors.check_recorded(output)
    if gradient is not None:
        return cotangent(output, gradient)
    cure = "Reduce it to a loss, say with .sum(), or give backward(gradient) an array of its shape."
    errors.check_size(output, "backward() starts from a scalar", cure)
    g = output._data.copy()
    g[...] = 1
    return trace_constant(g)


def cotangent(tensor: Tensor, values: Any) -> Any:
    """Return a copy of the values in the tensor's dtype; raise if they do not have its shape."""
    if tracing():
        values = values if isinstance(values, Tensor) else Tensor(values)
        errors.check_shape("the gradient", values, tensor)
        return values.astype(tensor.dtype)
    values = values._data if isinstance(values, Tensor) else values
    array = np.array(values, dtype=tensor._data.dtype, like=tensor._data)
    errors.check_shape("the gradient", array, tensor)
    return array
