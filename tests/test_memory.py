"""A value that a rule still has to read may not change silently."""

import numpy as np
import pytest

import micrograd_np as mg


def weights():
    return mg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


def sub_data(w):
    w.data -= 0.1


def set_data(w):
    w.data = np.zeros((2, 2))


def add_in_place(w):
    w += 1


def write_entry(w):
    w[0, 0] = 5


WRITES = [sub_data, set_data, add_in_place, write_entry, lambda w: w.assign(np.zeros((2, 2)))]
VIEWS = [lambda w: w, lambda w: w.T, lambda w: w.reshape(4), lambda w: w[0], lambda w: w.detach()]
VIEWS += [lambda w: w[0][1:], lambda w: w.T.reshape(2, 2)[1], lambda w: w.astype(float, copy=False)]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_to_a_value_that_a_rule_reads_is_refused(write):
    w = weights()
    loss = (w * w).sum()
    write(w)
    with pytest.raises(RuntimeError, match=r"w \(2, 2\) float64 was written to after multiply had used it"):
        loss.backward()


@pytest.mark.parametrize("write", WRITES)
def test_a_write_to_a_value_that_no_rule_reads_is_legal(write):
    w = weights()
    loss = (w * 2 + w).sum()
    write(w)
    loss.backward()
    assert np.array_equal(w.grad, [[3, 3], [3, 3]])


@pytest.mark.parametrize("view", VIEWS)
def test_views_share_the_memory_and_so_its_writes(view):
    w = weights()
    with mg.no_grad():
        alias = view(w)
    loss = (w * w).sum()
    alias.data += 1
    with pytest.raises(RuntimeError, match="was written to after multiply"):
        loss.backward()


def test_a_write_before_the_forward_pass_is_legal():
    w = weights()
    for _ in range(3):
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad
        w.zero_grad()


def test_the_message_has_both_lines():
    w = weights()
    loss = np.exp(w * w).sum()  # used here
    w += 1  # written here
    with pytest.raises(RuntimeError) as caught:
        loss.backward()
    assert "# used here" in str(caught.value)
    assert "# written here" in str(caught.value)


def test_a_written_output_is_noticed_where_the_rule_reads_the_output():
    w = weights()
    h = np.exp(w)
    h.data *= 2
    with pytest.raises(RuntimeError, match=r"h .* was written to after exp"):
        h.sum().backward()


def test_in_place_on_a_recorded_tensor_is_a_new_tensor():
    w = weights()
    loss = (w * 1).sum()
    first = loss
    loss += (w * w).sum()
    assert loss is not first
    loss.backward()
    assert np.array_equal(w.grad, 1 + 2 * w.data)


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda w: w.__iadd__(w * 2), RuntimeError, "in-place write is not recorded.*no_grad.*t = t \\+ u"),
        (lambda w: w.assign(w * 2), RuntimeError, "in-place write is not recorded"),
        (lambda w: (w * 2).__setitem__(0, 1.0), RuntimeError, "result of multiply.*mg.where.*mg.scatter"),
        (lambda w: w.assign(np.ones(3)), ValueError, r"shape \(3,\), and w \(2, 2\)"),
        (lambda w: w.assign(np.ones((2, 2), complex)), TypeError, "same_kind"),
        (lambda w: w.__iadd__(np.ones((3, 2, 2))), ValueError, "add"),
    ],
)
def test_writes_that_are_refused_change_nothing(write, error, message):
    w = weights()
    with pytest.raises(error, match=message):
        write(w)
    assert np.array_equal(w.data, [[1, 2], [3, 4]])


def test_in_place_keeps_the_dtype():
    w = mg.Tensor(np.ones(2, np.float32), requires_grad=True)
    w += np.ones(2)
    w.data -= 0.5 * np.ones(2)
    assert w.dtype == np.float32
