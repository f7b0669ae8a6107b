"""Modes: a with block, a decorator, a decorated generator; and never anybody else's."""

import gc
import itertools
import threading
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.core.context import CURRENT

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


def suspended(mode):
    with mode:
        yield recorded()


def closed(*generators):
    for steps in generators:
        steps.close()


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_interleaved_generators_leave_recording_as_it_was(order, same):
    modes = [mg.no_grad()] * 3 if same else [mg.no_grad() for _ in range(3)]
    steps = [suspended(mode) for mode in modes]
    assert [next(one) for one in steps] == [False] * 3
    for left, i in enumerate(order, 1):
        steps[i].close()
        assert recorded() == (left == 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=20))
def test_after_any_order_of_entering_and_leaving_the_modes_that_are_on_are_the_only_ones(moves):
    """`open` maps each generator to its mode; recording is off exactly while one of the no_grad kind is open."""
    before = CURRENT.get()
    kinds = [mg.no_grad, mg.no_grad, mg.detect_anomaly, lambda: mg.scope("a"), lambda: mg.scope("b")]
    opened = []
    for kind, enter in moves:
        if enter:
            opened.append((kind, suspended(kinds[kind]())))
            next(opened[-1][1])
        elif opened:
            opened.pop(kind % len(opened))[1].close()
        context = CURRENT.get()
        assert context.recording == (not any(kind < 2 for kind, _ in opened))
        assert (context.watch is not None) == any(kind == 2 for kind, _ in opened)
        assert (context.scope == ()) == (not any(kind > 2 for kind, _ in opened))
    closed(*[steps for _, steps in opened])
    after = CURRENT.get()
    assert (after.recording, after.watch, after.scope, after.entered) == (
        before.recording,
        before.watch,
        before.scope,
        before.entered,
    )


class Suspends(nn.Module):
    def __init__(self, steps, at_end):
        self.steps, self.at_end = steps, at_end

    def forward(self, x):
        self.at_end(self.steps)
        return x * 2


@pytest.mark.parametrize("mode", [mg.no_grad, lambda: mg.scope("a")])
def test_a_mode_may_be_left_in_a_module_that_was_called_later(mode):
    steps = suspended(mode())
    next(steps)
    with mg.scope("b"):  # recording may be off: the call alone would not change the context
        Suspends(steps, closed)(w)
        assert recorded()
        assert (w * 2).scope == ("b",) or mode is not mg.no_grad
    assert recorded()
    assert (w * 2).scope == ()


@pytest.mark.parametrize("mode", [mg.no_grad, lambda: mg.scope("a")])
def test_a_mode_may_be_left_after_the_module_in_which_it_was_entered(mode):
    steps = suspended(mode())
    Suspends(steps, next)(w)
    assert recorded() == (mode is not mg.no_grad)
    steps.close()
    assert recorded()
    assert (w * 2).scope == ()


def test_one_no_grad_serves_several_threads_at_once():
    mode, barrier, seen = mg.no_grad(), threading.Barrier(4), []

    def run():
        for _ in range(20):
            with mode:
                barrier.wait()
                seen.append(recorded())
                barrier.wait()
            seen.append(not recorded())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 160


def test_a_mode_that_is_left_in_another_thread_says_so():
    steps = suspended(mg.no_grad())
    thread = threading.Thread(target=next, args=(steps,))
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="in one thread"):
        steps.close()
    assert recorded()


def test_a_mode_leaves_no_reference_cycle():
    gc.collect()
    gc.disable()
    try:
        mode = mg.detect_anomaly()
        watch = weakref.ref(mode)
        with mode:
            recorded()
        del mode
        assert watch() is None
    finally:
        gc.enable()


async def coroutine():
    pass


async def async_generator():
    yield


@pytest.mark.parametrize("function", [coroutine, async_generator])
def test_no_grad_refuses_an_async_function(function):
    with pytest.raises(TypeError, match="is an async function"):
        mg.no_grad()(function)


def test_scope_decorates_a_generator():
    @mg.scope("a")
    def steps():
        yield (w * 2).scope
        yield (w * 2).scope

    made = steps()
    assert [next(made), (w * 2).scope, next(made)] == [("a",), (), ("a",)]


def test_no_grad_in_one_thread_is_not_seen_in_another():
    seen = []
    with mg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(recorded()))
        thread.start()
        thread.join()
    assert seen == [True]
