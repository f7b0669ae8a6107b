"""Answers for names from PyTorch, NumPy, JAX and micrograd that do not exist here: `cures.txt` says what to write."""

from __future__ import annotations

import difflib
import dis
import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeVar

from .core.errors import ArgumentTypeError

F = TypeVar("F", bound=Callable[..., Any])


def read_tables(text: str) -> dict[str, dict[str, str]]:
    """The sections of a text as {owner: {name: code}}; the owner is a class or module.

    A line is `name: code`, or `name: ~ code` where the code is near, but not the same.
    """
    tables = {}
    for section in text.split("\n[")[1:]:
        owner, lines = section.split("]\n", 1)
        tables[owner] = dict(line.split(": ", 1) for line in lines.strip().splitlines())
    return tables


# Names of arguments in other libraries, by the names of the same arguments here.
ARGUMENTS = {
    other: name
    for name, others in {
        "betas": "beta beta1 beta2 beta_1 beta_2",
        "drop_last": "drop_remainder",
        "epochs": "epoch n_epochs num_epochs nb_epochs max_epochs max_iter",
        "eps": "epsilon",
        "gamma": "decay_rate",
        "lr": "learning_rate learningrate eta alpha rate",
        "lr_lambda": "func",
        "on_epoch": "callback callbacks on_epoch_end",
        "on_step": "on_batch_end",
        "optimiser": "optimizer opt",
        "params": "parameters",
        "patience": "early_stopping n_iter_no_change",
        "quiet": "verbose",
        "rng": "seed random_state generator",
        "schedule": "scheduler lr_scheduler",
        "size": "batch_size batch bs",
        "step_size": "decay_steps",
        "stratify": "stratified",
        "test": "test_size",
        "T_max": "t_max steps",
        "validation": "validation_data val val_data valid eval_set",
        "weight_decay": "l2 wd decay weight_decay_rate",
    }.items()
    for other in others.split()
}


TABLES = read_tables((pkgutil.get_data(__package__, "cures.txt") or b"").decode())


def unknown_name(owner: str, name: str, public: Iterable[str]) -> AttributeError:
    """Return the error for a name that does not exist: it says what to write, or which public name is spelled alike.

    The error carries `obj=None`. With the module there, Python would add its own suggestion, by spelling alone: squeeze
    for unsqueeze.
    """
    text = f"{owner} has no {name!r}."
    table = TABLES[owner]
    meant = name
    if not name.startswith("_") and (near := difflib.get_close_matches(name, {*public, *table}, 1, 0.75)):
        meant = near[0]
        if meant != name:
            text += f" Did you mean {meant!r}?"
    if code := table.get(meant):
        text += f" The nearest here: {code[2:]}" if code.startswith("~ ") else f" Write {code}"
    return AttributeError(text, name=name, obj=None)


def answering(function: F) -> F:
    """Decorate a function: a keyword that it does not have is answered with the one that is meant."""
    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return function
    name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(function)
    def answered(*args: Any, **options: Any) -> Any:
        for unknown in options.keys() - parameters.keys():
            raise unknown_argument(name, unknown, [each for each in parameters if each != "self"])
        return function(*args, **options)

    return answered  # type: ignore[return-value]


class Answering:
    """A base of classes whose `__init__` answers unknown keywords."""

    def __init_subclass__(cls) -> None:
        if "__init__" in vars(cls):
            cls.__init__ = answering(cls.__init__)  # type: ignore[method-assign]


def unknown_argument(owner: str, name: str, known: list[str]) -> ArgumentTypeError:
    """Return the error for a keyword that a function does not have."""
    meant = ARGUMENTS.get(name)
    if meant not in known:
        meant = next(iter(difflib.get_close_matches(name, known, 1, 0.75)), None)
    cure = f"Write {meant}=" if meant else f"It has {', '.join(known)}"
    return ArgumentTypeError(f"{owner} has no argument {name!r}. {cure}.")


def answer(owner: str, name: str, public: Iterable[str]) -> Exception:
    """Return what a module's `__getattr__` has to raise.

    `from module import name` would replace the text of an AttributeError by its own, so that it gets an ImportError.
    """
    error = unknown_name(owner, name, public)
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == dis.opmap["IMPORT_FROM"]:
        return ImportError(str(error), name=name)
    return error


def contents(owner: str, names: dict[str, Any], modules: str = "") -> tuple[list[str], Any, Any]:
    """The `__all__`, `__getattr__` and `__dir__` of a package: all that its `__init__` imports is public.

    Of modules, only the named ones are: Python adds the others as a side effect of imports.
    """
    known = modules.split()
    public = [name for name in sorted(names) if not isinstance(names[name], ModuleType) or name in known]
    public = [name for name in public if name[0] != "_"]

    def __getattr__(name: str) -> Any:
        raise answer(owner, name, public)

    return public, __getattr__, lambda: [*public, *(name for name in names if name.startswith("__"))]


class Cure:
    """An attribute that raises an error with the code to write; `__getattr__` would slow down all other attributes."""

    __slots__ = ("name", "otherwise", "owner")

    def __init__(self, owner: str, name: str, otherwise: Callable[..., Any] | None) -> None:
        self.owner, self.name, self.otherwise = owner, name, otherwise

    def __get__(self, instance: Any, cls: Any) -> Any:
        error = unknown_name(self.owner, self.name, ())
        if instance is None or self.otherwise is None:
            raise error
        return self.otherwise(error, instance, self.name)


def install(cls: type, owner: str, hidden: Iterable[str] = (), otherwise: Callable[..., Any] | None = None) -> None:
    """Give a class an attribute for each name of its table; completion shows neither these nor the hidden names.

    `otherwise(error, instance, name)` may answer instead of raising the error.
    """
    for name in TABLES[owner]:
        if not hasattr(cls, name):
            setattr(cls, name, Cure(owner, name, otherwise))

    def __dir__(self: Any) -> list[str]:
        names = [name for name in object.__dir__(self) if name not in TABLES[owner] or has_own(self, name)]
        return [name for name in names if name not in hidden]

    cls.__dir__ = __dir__  # type: ignore[assignment, method-assign]


def has_own(instance: Any, name: str) -> bool:
    """True if an object has an attribute that is not a Cure."""
    if name in getattr(instance, "__dict__", ()):
        return True
    found = next((vars(cls)[name] for cls in type(instance).__mro__ if name in vars(cls)), None)
    return not isinstance(found, Cure)
