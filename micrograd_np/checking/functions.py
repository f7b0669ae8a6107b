"""Two plain NumPy functions in place of a graph: forward is recorded, backward is run, and names are read from both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..containers import flatten
from ..graph import Tensor
from ..ops.primitive import as_array
from .problem import is_float, parameter_names

Array = Any
Name = Callable[[Any], str | None]
# What backward passes call the gradient that they start from.
SEEDS = ("dout", "dy", "g", "grad", "grad_output", "upstream", "dl", "dz", "dscores", "gradient")


def live_names() -> Name:
    from ..drawing.names import Names, live

    return live(Names())


def run(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any], gradient: Any
) -> tuple[Tensor, Any, dict[Any, Any], Name]:
    """The recorded output, its gradient, the gradients by hand with their keys, and the names of values."""
    from ..drawing.names import watch

    leaves, rebuild = flatten(tuple(inputs))
    parameters = parameter_names(forward)
    labels = label_leaves(inputs, parameters)
    tensors = [
        Tensor(x, requires_grad=True, name=label) if is_float(x) else x for x, label in zip(leaves, labels, strict=True)
    ]
    result, names = watch(forward, *rebuild(tensors))
    output = result[0] if isinstance(result, tuple) else result
    check_output(forward, output)
    plain = forward(*[copied(x) for x in inputs])
    if output.size != 1 and gradient is None:
        gradient = np.random.default_rng(0).uniform(0.5, 1.5, output.shape)
    arguments = arguments_of(backward, plain, inputs, gradient)
    returned = backward(*arguments)
    floats = [tensor for tensor in tensors if isinstance(tensor, Tensor)]
    return output, gradient, keyed(returned, inputs, tensors, floats), names


def label_leaves(inputs: Sequence[Any], parameters: Sequence[str]) -> list[str]:
    found = []
    for position, tree in enumerate(inputs):
        name = parameters[position] if position < len(parameters) else f"input {position}"
        if isinstance(tree, dict):
            found += [str(key) for key, part in tree.items() for _ in flatten(part)[0]]
        else:
            count = len(flatten(tree)[0])
            found += [name] if count == 1 else [f"{name}[{i}]" for i in range(count)]
    return found


def copied(tree: Any) -> Any:
    leaves, rebuild = flatten(tree)
    return rebuild([np.array(x) if hasattr(x, "dtype") else x for x in leaves])


def check_output(forward: Callable[..., Any], output: Any) -> None:
    if not isinstance(output, Tensor) or not output.requires_grad:
        raise TypeError(
            f"{called(forward)} returned {type(output).__name__} that does not depend on the floating inputs in a way "
            "that could be recorded. It must return the loss, or the output, or a tuple that begins with it, computed "
            "with NumPy functions of its arguments."
        )


def called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "the function")


def arguments_of(backward: Callable[..., Any], result: Any, inputs: Sequence[Any], gradient: Any) -> list[Any]:
    """What backward is called with: the output's gradient if it asks for one, and the cache or the inputs."""
    names = parameter_names(backward)
    required = [p for p in inspect.signature(backward).parameters.values() if p.default is p.empty and p.name in names]
    output, *cache = result if isinstance(result, tuple) else (result,)
    seeded = [gradient if gradient is not None else np.ones_like(as_array(output))]
    copies = [copied(x) for x in inputs]
    choices = [copies, [*copies, *cache], cache, [*seeded, *cache], [*seeded, *copies], [*seeded, *copies, *cache]]
    if names and names[0].lower() in SEEDS:
        choices = [choice for choice in choices if choice and choice[0] is seeded[0]]
    elif gradient is None:
        choices = choices[:3]
    for choice in choices:
        if len(choice) == len(required) and (choice or not required):
            return choice
    raise TypeError(
        f"{called(backward)} takes {len(required)} arguments ({', '.join(names)}). It can be given the {len(inputs)} "
        f"inputs, the {len(cache)} values of the forward's cache, or both, after the output's gradient, called dout."
    )


def keyed(returned: Any, inputs: Sequence[Any], tensors: Sequence[Any], floats: Sequence[Tensor]) -> dict[Any, Any]:
    """The gradients that backward returned, by name if it says names, else in the order of the inputs."""
    if isinstance(returned, dict):
        return returned
    found = list(returned) if isinstance(returned, tuple | list) else [returned]
    if len(found) == 1 and isinstance(found[0], dict):
        return found[0]
    values = flatten(found)[0]
    if len(values) == len(tensors):
        pairs = zip(tensors, values, strict=True)
    elif len(values) == len(floats):
        pairs = zip(floats, values, strict=True)
    elif len(values) < len(floats):
        pairs = zip(floats[len(floats) - len(values) :], values, strict=True)
    else:
        raise ValueError(
            f"backward returned {len(values)} gradients, and there are {len(floats)} floating-point inputs. Return one "
            "for each input, in order, or a dict that names them: {'W1': dW1, ...}."
        )
    return {tensor: value for tensor, value in pairs if isinstance(tensor, Tensor) and value is not None}
