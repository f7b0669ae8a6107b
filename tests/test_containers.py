"""Nested containers are taken apart and put together again, however deep they are."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg
from micrograd_np.core.containers import flatten, map_leaves, walk_paths

Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Both:
    first: object
    second: object


def containers(children):
    return (
        st.lists(children, max_size=3)
        | st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(0, 9), children, max_size=3)
        | st.builds(Pair, children, children)
        | st.builds(Both, children, children)
    )


TREES = st.recursive(st.integers(0, 9), containers, max_leaves=20)


def shape_of(tree):
    """The same nesting, written as text, with 0 for each leaf."""
    return repr(map_leaves(lambda x: 0, tree))


@settings(deadline=None)
@given(TREES)
def test_what_was_taken_apart_is_put_together_again(tree):
    leaves, rebuild = flatten(tree)
    assert rebuild(leaves) == tree
    assert flatten(rebuild(range(len(leaves))))[0] == list(range(len(leaves)))
    assert shape_of(rebuild(range(len(leaves)))) == shape_of(tree)


@settings(deadline=None)
@given(TREES)
def test_a_path_leads_to_its_value(tree):
    walked = list(walk_paths(tree, "tree"))
    assert [x for _, x, is_leaf in walked if is_leaf] == flatten(tree)[0]
    for path, value, _ in walked:
        assert eval(path, {"tree": tree}) is value


@pytest.mark.parametrize("kind", [OrderedDict, lambda x: defaultdict(list, x)])
def test_a_class_is_kept(kind):
    tree = kind({"a": 1, "b": [2]})
    again = map_leaves(lambda x: x + 1, tree)
    assert type(again) is type(tree)
    assert again == {"a": 2, "b": [3]}
    assert tree == {"a": 1, "b": [2]}


WRAP = {
    "list": lambda x: [x],
    "tuple": lambda x: (x, 1.0),
    "dict": lambda x: {"inner": x},
    "dataclass": lambda x: Both(x, 2.0),
    "named tuple": lambda x: Pair(1.0, x),
}
UNWRAP = {
    "list": lambda x: x[0],
    "tuple": lambda x: x[0],
    "dict": lambda x: x["inner"],
    "dataclass": lambda x: x.first,
    "named tuple": lambda x: x.right,
}


def deep(kind, depth, inner):
    for _ in range(depth):
        inner = WRAP[kind](inner)
    return inner


def innermost(kind, depth, tree):
    for _ in range(depth):
        tree = UNWRAP[kind](tree)
    return tree


@pytest.mark.parametrize("kind", WRAP)
def test_containers_may_be_2000_deep(kind):
    w = np.array([1.0, 2.0])
    tree = deep(kind, 2000, w)

    def f(tree):
        return (innermost(kind, 2000, tree) ** 2).sum()

    assert np.array_equal(innermost(kind, 2000, mg.grad(f)(tree)), 2 * w)
    assert mg.jvp(f, (tree,), (tree,))[1] == 10
    if kind in ("list", "dict"):  # the others hold 2,000 more numbers, each of which is checked
        assert "OK" in str(mg.gradcheck(f, tree))


def test_depth_costs_what_breadth_does():
    leaves, rebuild = flatten(deep("tuple", 100_000, 0.0))
    assert len(leaves) == 100_001
    assert innermost("tuple", 100_000, rebuild(leaves)) == 0.0


@pytest.mark.parametrize("walk", [flatten, lambda tree: list(walk_paths(tree))])
def test_a_container_that_contains_itself_is_refused(walk):
    inner = [1.0]
    tree = {"a": [inner, inner]}
    walk(tree)  # twice in one container is no circle
    inner.append(tree)
    with pytest.raises(mg.ArgumentError, match="contains itself"):
        walk(tree)
