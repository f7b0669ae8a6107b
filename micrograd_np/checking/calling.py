"""Plain NumPy functions in place of a graph: forward is recorded, backward is run, names are read from both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..core.containers import flatten
from ..core.names import user_frame
from ..core.tensor import Tensor
from ..ops.primitive import as_array
from .flat_function import is_float, parameter_names, plain

Array = Any

UNRECORDABLE = (
    "verify runs the forward pass with tensors, to record it. What fills a buffer in a loop cannot be recorded: "
    "collect the parts in a list, and np.stack them. Against numbers alone it can be checked as it is, with "
    "op = mg.custom_op(lambda g, z, x: backward(g, x))(forward) and mg.gradcheck(op, x)."
)
Name = Callable[[Any], str | None]
# What backward passes call the gradient that they start from.
SEEDS = ("dout", "dy", "g", "grad", "grad_output", "upstream", "dl", "dz", "dscores", "gradient")


def variables() -> dict[str, Tensor]:
    """The tensors that the user's own frame has variables for; one may have several."""
    frame = user_frame()
    return {name: x for name, x in {**frame.f_globals, **frame.f_locals}.items() if isinstance(x, Tensor)}


def live_names() -> Name:
    from ..core.variables import Names, live

    return live(Names())


def run(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any], gradient: Any
) -> tuple[Tensor, Any, dict[Any, Any], Name]:
    """The recorded output, its gradient, the gradients by hand with their keys, and the names of values."""
    from ..core.variables import watch

    check_inputs(forward, inputs)
    leaves, rebuild = flatten(tuple(inputs))
    parameters = parameter_names(forward)
    labels = label_leaves(inputs, parameters)
    tensors = [
        Tensor(x, requires_grad=True, name=label) if is_float(x) else x for x, label in zip(leaves, labels, strict=True)
    ]
    try:
        result, names = watch(forward, *rebuild(tensors))
    except Exception as error:
        error.add_note(UNRECORDABLE)
        raise
    output = result[0] if isinstance(result, tuple) else result
    check_output(forward, output)
    plain = forward(*[copied(x) for x in inputs])
    check_repeats(forward, output, plain)
    if output.size != 1 and gradient is None:
        gradient = np.random.default_rng(0).uniform(0.5, 1.5, output.shape)
    arguments = arguments_of(backward, plain, inputs, gradient)
    returned = backward(*arguments)
    if returned is None:
        raise TypeError(f"{called(backward)} returned None: did it forget its return?")
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


def arguments_of(backward: Callable[..., Any], result: Any, inputs: Sequence[Any], gradient: Any) -> list[Any]:
    """What backward is called with: the output's gradient if it asks for one, and the cache or the inputs."""
    names = parameter_names(backward)
    parameters = inspect.signature(backward).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.name in names]
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
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return copies if gradient is None else [*seeded, *copies]
    raise TypeError(
        f"{called(backward)} takes {len(required)} arguments ({', '.join(names)}). It can be given the {len(inputs)} "
        f"inputs, the {len(cache)} values of the forward's cache, or both, after the output's gradient, called dout."
    )


def keyed(returned: Any, inputs: Sequence[Any], tensors: Sequence[Any], floats: Sequence[Tensor]) -> dict[Any, Any]:
    """The gradients that backward returned, by name if it says names, else in the order of the inputs."""
    if isinstance(returned, dict):
        return returned
    found = list(returned) if isinstance(returned, tuple | list) else [returned]
    named = [x for x in found if isinstance(x, dict)]
    if len(named) == 1 and all(np.ndim(x) == 0 for x in found if x is not named[0]):
        return named[0]  # alone, or beside the loss
    values = flatten(found)[0]
    if len(values) > 1 and np.ndim(values[0]) == 0 and values[0] is not None and all(x.ndim for x in floats):
        values = values[1:]  # the loss, in front of the gradients
    if len(values) == len(tensors):
        pairs = zip(tensors, values, strict=True)
    elif len(values) == len(floats):
        pairs = zip(floats, values, strict=True)
    elif len(values) < len(floats):
        pairs = zip(fitting(values, floats), values, strict=True)
    else:
        raise ValueError(
            f"backward returned {len(values)} gradients, and there are {len(floats)} floating-point inputs. Return one "
            "for each input, in order, or a dict that names them: {'W1': dW1, ...}."
        )
    return {tensor: value for tensor, value in pairs if isinstance(tensor, Tensor) and value is not None}


def fitting(values: Sequence[Any], floats: Sequence[Tensor]) -> Sequence[Tensor]:
    """Whose gradients these are, if there are fewer than inputs: those of their shapes, else the last."""
    shapes = [np.shape(x) for x in values]
    found = [chosen for chosen in combinations(floats, len(values)) if [x.shape for x in chosen] == shapes]
    return found[0] if len(found) == 1 else floats[len(floats) - len(values) :]


def check_form(output: Any, given: Sequence[Any]) -> None:
    """Refuse a call of `verify` that has neither of its forms."""
    if isinstance(output, Tensor) and len(given) == 1 and isinstance(given[0], dict):
        return
    if callable(output) and not isinstance(output, Tensor) and len(given) > 1 and callable(given[0]):
        return
    raise TypeError(
        "verify takes a recorded loss and its gradients by hand, verify(loss, {'W1': dW1, w2: dw2}), or two functions "
        f"and their inputs, verify(forward, backward, x, w); not {', '.join(map(kind, (output, *given)))}."
    )


def kind(x: Any) -> str:
    return "a function" if callable(x) and not isinstance(x, Tensor) else type(x).__name__


def check_gradients(output: Tensor, hand: Any, gradient: Any) -> None:
    if not hand:
        raise ValueError("verify was given no gradient by hand: name at least one, as in {'W1': dW1}.")
    if output.size != 1 and gradient is None:
        raise ValueError(
            f"verify starts from a loss, and the output has shape {output.shape}. Give the loss itself, or the "
            "gradient that your backward pass starts from: verify(output, {...}, gradient=dout)."
        )
    if not np.isfinite(output._data).all():
        raise ValueError(
            f"the output is {output._data}, so there is no gradient to compare with. mg.detect_anomaly() names the op "
            "that made the first nan or inf."
        )


def check_output(forward: Callable[..., Any], output: Any) -> None:
    if not isinstance(output, Tensor) or not output.requires_grad:
        raise TypeError(
            f"{called(forward)} returned {type(output).__name__} that does not depend on the floating inputs in a way "
            "that could be recorded. It must return the loss, or the output, or a tuple that begins with it, computed "
            "with NumPy functions of its arguments."
        )


def check_inputs(forward: Callable[..., Any], inputs: Sequence[Any]) -> None:
    try:
        inspect.signature(forward).bind(*inputs)
    except TypeError:
        raise TypeError(
            f"{called(forward)} takes {', '.join(parameter_names(forward))}, and verify was given {len(inputs)} inputs "
            "for it: write verify(forward, backward, *inputs)."
        ) from None
    except ValueError:
        return  # a function that does not say what it takes


def check_repeats(forward: Callable[..., Any], output: Tensor, result: Any) -> None:
    again = result[0] if isinstance(result, tuple) else result
    if not np.allclose(output._data, plain(again), equal_nan=True):
        raise ValueError(
            f"{called(forward)} gave two outputs for the same inputs, so its gradients cannot be compared. Draw random "
            "numbers, such as a dropout mask, outside of it, or make their generator anew in each call."
        )


def called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "the function")
