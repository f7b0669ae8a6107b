"""What a picture may be asked for: what is none of it is refused, with what there is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..core.variables import Names, is_module
from .model import Scene

DIRECTIONS = ("both", "forward", "backward")


def check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r}: write one of {', '.join(map(repr, DIRECTIONS))}.")


def check_limit(limit: Any) -> None:
    whole = hasattr(limit, "__index__") and not isinstance(limit, bool)
    if limit is not None and not (whole and limit > 0):
        raise ValueError(f"limit={limit!r}: write how many boxes there may be, 1 or more.")


def check_fold(fold: Collection[str], scene: Scene, names: Names | None = None) -> None:
    """Refuse groups that are not in a picture. A module of one box, which has no frame, may be named."""
    if isinstance(fold, str):
        raise TypeError(f"fold={fold!r}: write a list, fold=[{fold!r}].")
    labels = dict.fromkeys(label for node in scene.nodes for label in node.scope)
    known = dict.fromkeys(label.split(": ")[0].split(", run ")[0] for label in labels)
    single = {names.in_module(id(x)) for x in names.held if is_module(x)} if names else set()
    for group in fold:
        if group not in labels and group not in known and group not in single:
            there = f"There are {', '.join(map(repr, known))}" if known else "There is none to fold"
            raise ValueError(f"fold={list(fold)!r}: the picture has no module or scope {group!r}. {there}.")
