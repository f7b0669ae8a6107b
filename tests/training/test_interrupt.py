"""Ctrl-C ends a training after a whole step; what was learned until then stays."""

import os
import signal
import threading

import pytest

from micrograd_np import optim
from micrograd_np.training.loop import interruptible

from .examples import STEPS, X, Y, accuracy, fitted, same


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """A shell that starts the tests in the background has Python ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(run=None):
    os.kill(os.getpid(), signal.SIGINT)


class PressedInside(optim.SGD):
    """Ctrl-C comes while the first of the parameters has changed and the others have not."""

    pressed = False

    def update(self, p, *args, **options):
        super().update(p, *args, **options)
        if not PressedInside.pressed:
            PressedInside.pressed = True
            press()


def first_steps(count):
    """The model after so many steps that nobody interrupted."""
    states = []
    make = {"make": lambda model: optim.SGD(model.parameters(), lr=0.1)}
    fitted(1 + count // STEPS, **make, on_step=lambda run: states.append(run.model.state_dict()))
    return states[count - 1]


def test_an_interrupted_step_is_completed_first():
    PressedInside.pressed = False
    model, _, history = fitted(3, lambda model: PressedInside(model.parameters(), lr=0.1))
    assert PressedInside.pressed
    assert history.ended == "Interrupted after 0 epochs: the model is as of step 1."
    assert history == {"loss": []}
    state = first_steps(1)
    assert all((value == state[name]).all() for name, value in model.state_dict().items())


@pytest.mark.parametrize("step", [1, STEPS, STEPS + 2])
def test_the_model_is_as_of_the_step_that_was_interrupted(step):
    def when(run):
        if run.step == step:
            press()

    model, _, history = fitted(3, lambda model: optim.SGD(model.parameters(), lr=0.1), on_step=when)
    assert history.ended.endswith(f"the model is as of step {step}.")
    assert history.epochs() == (step - 1) // STEPS
    state = first_steps(step)
    assert all((value == state[name]).all() for name, value in model.state_dict().items())


def test_the_epochs_before_are_in_the_history():
    def when(run):
        if run.step == 2 * STEPS + 1:
            press()

    history = fitted(5, on_step=when)[2]
    assert history["loss"] == fitted(2)[2]["loss"]
    assert repr(history).endswith("Interrupted after 2 epochs: the model is as of step 9.")


def test_every_figure_has_a_list_from_the_start(capsys):
    options = {"metrics": {"accuracy": accuracy}, "validation": (X, Y), "on_step": press, "quiet": False}
    history = fitted(1, **options)[2]
    assert history == {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    assert capsys.readouterr().out == "Interrupted after 0 epochs: the model is as of step 1.\n"
    assert repr(history).splitlines()[0].split() == ["epoch", *history]


def test_between_two_epochs_none_is_interrupted():
    def when(run):
        raise KeyboardInterrupt

    assert fitted(3, on_epoch=when)[2].ended == f"Interrupted after 1 epochs: the model is as of step {STEPS}."


def test_a_run_goes_on_from_its_checkpoint_after_ctrl_c(tmp_path):
    path = tmp_path / "run.npz"
    fitted(4, checkpoint=path, on_step=lambda run: press() if run.step == 2 * STEPS + 2 else None)
    assert same(fitted(4, checkpoint=path, resume=True)[0], fitted(4)[0])


def test_ctrl_c_is_pythons_own_again_afterwards():
    before = signal.getsignal(signal.SIGINT)
    fitted(1)
    with pytest.raises(ZeroDivisionError):
        fitted(1, on_step=lambda run: 1 / 0)
    assert signal.getsignal(signal.SIGINT) is before


def test_pressed_twice_it_is_at_once():
    reached = []
    with pytest.raises(KeyboardInterrupt), interruptible() as check:
        press()
        reached.append(1)
        press()
        reached.append(2)
        check()
    assert reached == [1]


def test_a_thread_of_its_own_trains_too():
    done = []
    thread = threading.Thread(target=lambda: done.append(fitted(2)[0]))
    thread.start()
    thread.join()
    assert same(done[0], fitted(2)[0])


@pytest.fixture
def handler():
    """A SIGINT handler of the user's own, that counts; what it does next can be set."""

    def handle(number, frame):
        handle.called.append(number)
        if handle.raises:
            raise handle.raises

    handle.called, handle.raises = [], None
    before = signal.signal(signal.SIGINT, handle)
    yield handle
    signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_users_own_is_called_after_the_step_and_decides(handler):
    def when(run):
        if run.step == 2:
            press()
            assert not handler.called

    model, _, history = fitted(1, on_step=when)
    assert handler.called == [signal.SIGINT]
    assert history.ended == ""
    assert same(model, fitted(1)[0])
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_of_the_users_own_may_end_the_training(handler):
    handler.raises = KeyboardInterrupt
    history = fitted(3, on_step=lambda run: press() if run.step == 2 else None)[2]
    assert history.ended == "Interrupted after 0 epochs: the model is as of step 2."


def test_pressed_twice_a_handler_of_the_users_own_is_called_at_once(handler):
    with interruptible():
        press()
        press()
        assert handler.called == [signal.SIGINT]


@pytest.mark.parametrize("other", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_signal_that_python_does_not_handle_is_left_alone(other):
    before = signal.signal(signal.SIGINT, other)
    try:
        with interruptible() as check:
            assert signal.getsignal(signal.SIGINT) is other
            check()
        assert signal.getsignal(signal.SIGINT) is other
    finally:
        signal.signal(signal.SIGINT, before)
