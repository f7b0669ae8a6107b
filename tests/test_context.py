"""Modes: a with block, a decorator, a decorated generator; and never anybody else's."""

import threading

import pytest

import micrograd_np as mg

w = mg.Tensor([1.0, 2.0], requires_grad=True)


def recorded():
    return (w * 2).requires_grad


def test_no_grad_ends_with_its_block_even_by_an_exception():
    with pytest.raises(KeyError), mg.no_grad():
        assert not recorded()
        raise KeyError
    assert recorded()


def test_no_grad_decorates_a_function():
    assert not mg.no_grad()(recorded)()
    assert recorded()


def test_no_grad_nests_and_is_reentrant():
    mode = mg.no_grad()
    with mode, mode:
        assert not recorded()
    assert recorded()


@mg.no_grad()
def generator():
    try:
        while True:
            sent = yield recorded()
            if sent == "stop":
                return "done"
    except KeyError:
        yield "caught"


def test_no_grad_is_not_seen_outside_a_suspended_generator():
    steps = generator()
    assert next(steps) is False
    assert recorded()
    assert next(steps) is False
    assert steps.throw(KeyError) == "caught"
    steps.close()


def test_a_decorated_generator_receives_and_returns():
    steps = generator()
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send("stop")
    assert end.value.value == "done"


def test_no_grad_in_one_thread_is_not_seen_in_another():
    seen = []
    with mg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(recorded()))
        thread.start()
        thread.join()
    assert seen == [True]
