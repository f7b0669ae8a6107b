"""einsum is linear in each operand: values are NumPy's, gradients exact, for whatever subscripts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg

from .exactly import check, function, whole

SIZES = {"a": 2, "b": 3, "c": 1, "d": 2}

SPELLINGS = [
    ([(2, 3), (3, 2)], "np.einsum('ij,jk->ik', x, y)"),
    ([(2, 3), (3, 2)], "np.einsum(' ij , jk -> ik ', x, y)"),
    ([(2, 3), (3, 2)], "np.einsum('ij,jk', x, y, optimize=True)"),
    ([(2, 3), (3, 2), (2,)], "np.einsum('ij,jk,i->k', x, y, z, optimize='optimal')"),
    ([(2, 3), (3, 2), (2,)], "np.einsum('ij,jk,i->k', x, y, z, optimize=['einsum_path', (0, 1), (0, 1)])"),
    ([(2, 3)], "np.einsum('ba', x)"),
    ([(2, 3)], "np.einsum('Zj->jZ', x)"),
    ([(1, 3), (2, 3)], "np.einsum('ij,ij->ij', x, y)"),
    ([(1, 3), (2, 3)], "np.einsum('ij,ij->j', x, y)"),
    ([(2, 3), (2, 1)], "np.einsum('ij,ij', x, y)"),
    ([(1, 1), (3,)], "np.einsum('ii,i->i', x, y)"),
    ([(1, 2), (3, 2), (1,)], "np.einsum('ij,ij,k->kj', x, y, z)"),
    ([(1, 2), (3, 2)], "np.einsum('ij,ij->j', x, y)[None]"),
    ([(2, 1, 3), (4, 1)], "np.einsum('...k,...->...k', x, y)"),
    ([(2, 3), ()], "np.einsum('...,...', x, y)"),
    ([(3,)], "np.einsum('i->...i', x)"),
    ([(2, 3)], "np.einsum('i...->...', x)"),
    ([()], "np.einsum('', x)"),
    ([(0, 3), (3, 2)], "np.einsum('ij,jk->ik', x, y)"),
    ([(2, 0), (0, 3)], "np.einsum('ij,jk->ik', x, y)"),
    ([(2, 2, 2)], "np.einsum('iii->i', x)"),
    ([(2, 2, 2)], "np.einsum('iii', x)"),
    ([(3,)], "np.einsum('i,i->i', x, [1, 2, 3])"),
    # What NumPy refuses.
    ([(2, 3)], "np.einsum('...i->i', x)"),
    ([(2, 2)], "np.einsum('ij->ii', x)"),
    ([(2, 2)], "np.einsum('ij->k', x)"),
    ([(2,)], "np.einsum('ij', x)"),
    ([(2, 2)], "np.einsum('i', x)"),
    ([(2, 2)], "np.einsum('ij,jk', x)"),
    ([(2, 2), (2,)], "np.einsum('ij', x, y)"),
    ([(2, 3), (2, 2)], "np.einsum('ij,jk', x, y)"),
    ([(1, 3)], "np.einsum('ii', x)"),
    ([(2, 3)], "np.einsum('ii->i', x)"),
    ([(2, 2)], "np.einsum('i1', x)"),
    ([(2, 2)], "np.einsum('ij-ij', x)"),
    ([(2, 2)], "np.einsum('i..', x)"),
    ([(0, 2), (3, 2)], "np.einsum('ij,ij', x, y)"),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shapes", "expression"), SPELLINGS, ids=lambda part: str(part))
def test_spellings(shapes, expression, dtype):
    check(function(expression), *[whole(shape, dtype) for shape in shapes])


labels = st.text("abcd", max_size=3)


@given(st.lists(st.tuples(labels, st.booleans()), min_size=1, max_size=3), st.data())
@settings(max_examples=150, deadline=None)
def test_any_subscripts(operands, data):
    """Axes named once, twice or thrice, in one operand or several, kept or summed, with unnamed ones or without."""
    terms = [term[:1] + "..." + term[1:] if dots else term for term, dots in operands]
    shapes = []
    for named, dots in operands:
        unnamed = data.draw(st.sampled_from([(), (2,), (1,), (3, 2), (1, 2)])) if dots else ()
        before = named[:1] if dots else named
        shapes.append((*[SIZES[c] for c in before], *unnamed, *[SIZES[c] for c in named[len(before) :]]))
    subscripts = ",".join(terms)
    if data.draw(st.booleans()):
        kept = data.draw(st.permutations(sorted({c for named, _ in operands for c in named})))
        kept = kept[: data.draw(st.integers(0, len(kept)))]
        subscripts += "->" + ("..." if any(dots for _, dots in operands) else "") + "".join(kept)
    optimize = data.draw(st.booleans())
    check(lambda *arrays: np.einsum(subscripts, *arrays, optimize=optimize), *[whole(shape) for shape in shapes])


REFUSED = [
    ("np.einsum('ij,jk', x, y)", r"'ij,jk'.* does not fit x \(2, 3\) float64, y \(2, 4\) .* named j have 3 and 2"),
    ("np.einsum('ij,ij', x[:0], y[:, :3])", "the axes named i have 0 and 2 entries"),
    ("np.einsum('ii', x)", r"the axes named i have 3 and 2 entries"),
    ("np.einsum('ij,jk,k', x, y)", "takes 3 arrays, and was given 2"),
    ("np.einsum('ijk', x)", "too many subscripts for operand 0"),
    ("np.einsum('i', x)", r"operand has more dimensions than subscripts given"),
    ("np.einsum('i...->i', x)", r"output has more dimensions than subscripts given"),
    ("np.einsum('ij->ik', x)", r"output subscript 'k' which never appeared"),
    ("np.einsum('ij->ii', x)", r"output subscript 'i' multiple times"),
]


@pytest.mark.parametrize(("expression", "says"), REFUSED)
def test_refused(expression, says):
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    y = mg.Tensor(np.ones((2, 4)), requires_grad=True, name="y")
    with pytest.raises(ValueError, match=says):
        function(expression)(x, y)


def test_what_a_row_does_not_take_is_refused():
    with pytest.raises(TypeError, match="dtype= is not supported"):
        np.einsum("ii", mg.Tensor(np.eye(2)), dtype=np.float32)


def test_a_diagonal_is_a_view_and_a_write_is_seen_through_it():
    x = mg.Tensor(np.eye(2), requires_grad=True)
    diagonal = np.einsum("ii->i", x)
    loss = np.sum(diagonal * diagonal)
    x.data -= 0.5
    with pytest.raises(RuntimeError, match="was written to"):
        loss.backward()
