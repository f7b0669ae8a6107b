"""Batches and splits: every sample once, in an order that the Generator alone decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg
from micrograd_np.data import batches, split

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(deadline=None)
@given(count=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 9))
def test_every_sample_comes_once_with_its_own_label(count, size, seed):
    x = np.arange(count)
    pairs = list(batches(x, x**2, size=size, rng=rng(seed)))
    seen = np.concatenate([part for part, _ in pairs])
    assert np.array_equal(np.sort(seen), x)
    assert all(np.array_equal(a**2, b) for a, b in pairs)
    assert [len(a) for a, _ in pairs[:-1]] == [size] * (len(pairs) - 1)
    assert 0 < len(pairs[-1][0]) <= size


class Labelled:
    """A pandas Series: it has a dtype, NumPy can convert it, and an index is looked up among its labels."""

    def __init__(self, values, labels):
        self.values, self.labels, self.dtype, self.shape = values, labels, values.dtype, values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return Labelled(self.values[[self.labels.index(i) for i in index]], list(index))


def test_a_column_with_labels_is_read_by_position():
    column = Labelled(Y, list(range(10))[::-1])
    x = mg.Tensor(np.ones(10), requires_grad=True)
    assert all(np.array_equal(x[:, 0], 2 * y) for x, y in batches(X, column, 3, rng=rng()))
    assert all(map(np.array_equal, split(column, rng=rng()), split(Y, rng=rng())))
    loss = np.sum(x * column)
    loss.backward()
    assert np.array_equal(x.grad, Y)


def test_the_generator_alone_decides_the_order():
    one, same, other = ([y.tolist() for _, y in batches(X, Y, 3, rng=rng(seed))] for seed in (1, 1, 2))
    assert one == same != other
    assert one != [y.tolist() for _, y in batches(X, Y, 3, shuffle=False)]


def test_the_next_epoch_has_another_order():
    mine = rng()
    assert [y.tolist() for _, y in batches(X, Y, 3, rng=mine)] != [y.tolist() for _, y in batches(X, Y, 3, rng=mine)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_pass_gives_all_batches(shuffle):
    loader = batches(X, Y, 3, shuffle=shuffle, rng=rng())
    passes = [[y.tolist() for _, y in loader] for _ in range(3)]
    assert len(loader) == 4
    assert [sorted(y for batch in each for y in batch) for each in passes] == [sorted(Y.tolist())] * 3
    assert (passes[0] != passes[1] != passes[2]) == shuffle
    mine = rng()
    assert passes == [[y.tolist() for _, y in batches(X, Y, 3, shuffle=shuffle, rng=mine)] for _ in range(3)]


def test_two_passes_at_once_do_not_disturb_each_other():
    loader = batches(X, size=10, rng=rng())
    assert all(not np.array_equal(x, y) for (x,), (y,) in zip(loader, loader, strict=True))


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_the_last_batch_is_smaller_or_left_out(drop_last, sizes):
    assert [len(x) for x, _ in batches(X, Y, size=4, rng=rng(), drop_last=drop_last)] == sizes


def test_batches_of_tensors_are_tensors():
    ((x, _),) = batches(mg.Tensor(X), Y, size=10, shuffle=False)
    assert isinstance(x, mg.Tensor)
    assert np.array_equal(x.data, X)


def test_batches_share_no_memory_with_the_data():
    data = X.copy()
    for (x,) in batches(data, size=5, shuffle=False):
        x[:] = -1
    assert np.array_equal(data, X)


WITH_NAN = np.where(X == 7, np.nan, X)
WRONG_BATCHES = [
    (lambda: batches(X, Y, 3), TypeError, r"rng=np.random.default_rng\(seed\)"),
    (lambda: batches(X, Y, 3, rng=np.random.RandomState(0)), TypeError, "default_rng"),
    (
        lambda: batches(X, Y[:3], 3, rng=rng()),
        ValueError,
        r"equally many .* X \(10, 2\) float64, array 1 \(3,\) int64",
    ),
    (lambda: batches(X[:0], Y[:0], 3, rng=rng()), ValueError, "at least one, not"),
    (lambda: batches(size=3, rng=rng()), ValueError, "not none"),
    (batches, TypeError, "size=32"),
    (lambda: batches(3.0, size=3, rng=rng()), ValueError, "on the first axis"),
    (
        lambda: batches(X, Y, 0, rng=rng()),
        ValueError,
        "size must be a number of samples of at least 1, such as size=32, not 0",
    ),
    (lambda: batches(X, Y, rng=rng()), TypeError, "size=32"),
    (lambda: batches(X, Y, 2.5, rng=rng()), TypeError, "not 2.5"),
    (lambda: batches(X, Y, 11, rng=rng(), drop_last=True), ValueError, "10 samples make no batch of 11"),
    (
        lambda: batches(WITH_NAN, Y, 3, rng=rng()),
        ValueError,
        r"WITH_NAN .* 1 of 20 .* at \(3, 1\): nan",
    ),
    (lambda: batches(X, X * np.nan, size=3, rng=rng()), ValueError, "20 of 20"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG_BATCHES)
def test_what_makes_no_batches_is_said_at_once(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_numbers_whose_sum_overflows_are_no_nan():
    large = np.full((4, 2), 1e308)
    assert len(list(batches(large, size=2, rng=rng()))) == 2


@settings(deadline=None)
@given(count=st.integers(2, 60), test=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_a_split_loses_nothing_and_doubles_nothing(count, test, seed):
    kept = round(test * count)
    if not 0 < kept < count:
        with pytest.raises(ValueError, match="empty"):
            split(np.arange(count), test=test, rng=rng(seed))
        return
    x = np.arange(count)
    train, held, train_squares, held_squares = split(x, x**2, test=test, rng=rng(seed))
    assert len(held) == kept
    assert np.array_equal(np.sort(np.concatenate([train, held])), x)
    assert np.array_equal(train**2, train_squares)
    assert np.array_equal(held**2, held_squares)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5), share=st.floats(0.1, 0.9), seed=st.integers(0, 9))
def test_each_class_gives_its_share(sizes, share, seed):
    labels = rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    kept = round(share * len(labels))
    if not 0 < kept < len(labels):
        return
    train, held = split(labels, test=kept, rng=rng(seed), stratify=labels)
    assert len(held) == kept
    assert len(train) == len(labels) - kept
    wanted = np.array(sizes) * kept / len(labels)
    assert (np.abs(np.bincount(held, minlength=len(sizes)) - wanted) < 1).all()


def test_a_class_too_small_for_its_share_stays_in_train():
    labels = np.array([0] + [1] * 9)
    assert all(split(labels, test=1, rng=rng(seed), stratify=labels)[1] == 1 for seed in range(9))


def test_a_stratified_split_is_drawn_too():
    labels = np.repeat([0, 1], 50)
    x = np.arange(100)
    drawn = [frozenset(split(x, test=20, rng=rng(seed), stratify=labels)[1].tolist()) for seed in range(5)]
    assert len(set(drawn)) == 5
    held = split(x, test=20, rng=rng(), stratify=labels)[1]
    assert not np.array_equal(held, np.sort(held))


WRONG_SPLITS = [
    (lambda: split(X, Y), TypeError, "default_rng"),
    (lambda: split(X, Y, test=0.0, rng=rng()), ValueError, "test must be a number above 0, not 0.0"),
    (lambda: split(X, Y, test=10, rng=rng()), ValueError, "empty"),
    (lambda: split(X, Y, rng=rng(), stratify=Y[:4]), ValueError, "one label for each of the 10"),
    (lambda: split(WITH_NAN, Y, rng=rng()), ValueError, "nan"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG_SPLITS)
def test_what_cannot_be_split_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call()
