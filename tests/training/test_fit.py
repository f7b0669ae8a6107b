"""fit is the loop by hand, and what it adds: validation, patience, schedules, hooks."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

from .examples import SIZE, STEPS, X, Y, accuracy, by_hand, fitted, network, same


def test_fit_is_the_loop_by_hand_to_the_last_bit():
    model, optimiser, history = fitted(3)
    mine, my_optimiser, my_losses = by_hand(3)
    assert same(model, mine)
    assert same(optimiser, my_optimiser)
    np.testing.assert_allclose(history["loss"], my_losses, rtol=1e-14)


def test_validation_is_measured_over_all_samples_in_evaluation():
    model, _, history = fitted(2, validation=(X, Y), metrics={"accuracy": accuracy})
    model.eval()
    assert history["val_loss"][-1] == pytest.approx(nn.cross_entropy(model(X), Y).item(), rel=1e-13)
    assert history["val_accuracy"][-1] == accuracy(model(X), Y)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]


def test_a_metric_may_leave_the_graph():
    history = fitted(1, size=50, metrics={"largest": lambda logits, y: logits.numpy().max()})[2]
    assert np.isfinite(history["largest"][0])


def test_validation_changes_nothing():
    assert same(fitted(3)[0], fitted(3, validation=(X, Y), metrics={"accuracy": accuracy})[0])


def test_each_part_is_in_training_or_evaluation_as_before():
    model, rng = network()
    model[1].eval()
    optimiser = optim.SGD(model.parameters())
    mg.fit(model, nn.cross_entropy, optimiser, (X, Y), epochs=1, rng=rng, validation=(X, Y), quiet=True)
    assert [part.training for part in model.modules()] == [True, True, False, True, True, True]


def test_a_model_in_evaluation_is_trained_in_training():
    model, rng = network()
    model.eval()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    mg.fit(model, nn.cross_entropy, optimiser, (X, Y), epochs=3, size=16, rng=rng, quiet=True)
    assert same(model, by_hand(3)[0])
    assert not model.training


def test_data_may_be_a_function_that_gives_batches():
    model, rng = network()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    mg.fit(model, nn.cross_entropy, optimiser, lambda: mg.data.batches(X, Y, 16, rng=rng), epochs=3, quiet=True)
    assert same(model, by_hand(3)[0])


def test_data_may_be_batches_made_before(tmp_path):
    def trained(epochs, **options):
        model, rng = network()
        loader = mg.data.batches(X, Y, SIZE, rng=rng)
        adam = optim.Adam(model.parameters(), lr=0.01)
        mg.fit(model, nn.cross_entropy, adam, loader, epochs=epochs, rng=rng, quiet=True, **options)
        return model

    assert same(trained(3), by_hand(3)[0])
    path = tmp_path / "run.npz"
    trained(2, checkpoint=path)
    assert same(trained(3, checkpoint=path, resume=True), by_hand(3)[0])


def test_a_model_of_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 1, rng=np.random.default_rng(0))

        def forward(self, x, z):
            return self.layer(x + z)[:, 0]

    model = Sum()
    optimiser, rng = optim.SGD(model.parameters(), lr=0.1), np.random.default_rng(0)
    history = mg.fit(model, nn.mse_loss, optimiser, (X, 2 * X, X.sum(axis=1)), epochs=30, rng=rng, quiet=True)
    assert history["loss"][-1] < 1e-6 < history["loss"][0]


def test_a_schedule_moves_after_each_epoch():
    rates = []
    fitted(3, scheduled=lambda o: optim.StepLR(o, 1, 0.5), on_step=lambda run: rates.append(run.optimiser.lr))
    assert rates == [0.01] * STEPS + [0.005] * STEPS + [0.0025] * STEPS


def test_a_plateau_is_told_the_loss_of_validation():
    seen = []

    class Listening(optim.ReduceLROnPlateau):
        def step(self, metric):
            seen.append(metric)

    history = fitted(3, scheduled=Listening, validation=(X, Y))[2]
    assert seen == history["val_loss"]


def test_hooks_are_called_with_the_run():
    steps, epochs = [], []
    fitted(
        2,
        on_step=lambda run: steps.append((run.epoch, run.step)),
        on_epoch=lambda run: epochs.append((run.epoch, run.history["loss"][-1])),
    )
    assert steps == [(i // STEPS, i + 1) for i in range(2 * STEPS)]
    assert epochs == list(enumerate(fitted(2)[2]["loss"], start=1))


def test_before_step_sees_the_gradients_and_may_change_them():
    norms = []

    def clip(run):
        norms.append(optim.clip_grad_norm_(run.model.parameters(), 0.01))

    def make(model):
        return optim.SGD(model.parameters(), lr=1.0)

    start, end = (model.parameters() for model in (network()[0], fitted(1, make, before_step=clip)[0]))
    moved = sum(np.sum((p.data - q.data) ** 2) for p, q in zip(start, end, strict=True)) ** 0.5
    assert len(norms) == STEPS
    assert 0 < moved < 0.01 * STEPS


@pytest.mark.parametrize("kind", [bool, np.bool_])
def test_true_from_on_epoch_ends_it(kind):
    history = fitted(9, on_epoch=lambda run: kind(run.epoch == 2))[2]
    assert len(history["loss"]) == 2
    assert "Ended by on_epoch after epoch 2." in repr(history)


@pytest.mark.parametrize("answer", [None, 1, "run.npz", [1, 2], np.ones(2)])
def test_what_else_a_hook_returns_ends_nothing(answer):
    assert fitted(3, on_epoch=lambda run: answer)[2].epochs() == 3


def noisy(losses):
    """A loss whose validation takes given values, whatever the model does."""
    values = iter(losses)

    def validate(prediction, target):
        return nn.cross_entropy(prediction, target) if prediction.requires_grad else np.float64(next(values))

    return validate


PATIENCE = [
    ([5, 4, 3, 3, 3, 9], 2, 5, 3),  # losses of validation, patience, epochs taken, the best one
    ([5, 6, 4, 5, 6, 7], 2, 5, 3),
    ([5, 6, 7, 1], 1, 2, 1),
    ([5, 4, 3], 3, 3, 3),
    ([5, 6, 6], 9, 3, 1),
    ([np.nan, 4, 3], 2, 3, 3),
    ([np.nan, 4, np.nan, 5, 1], 2, 4, 2),
]


@pytest.mark.parametrize(("losses", "patience", "taken", "best"), PATIENCE)
def test_patience_ends_the_training_and_goes_back_to_the_best(losses, patience, taken, best):
    kept = []
    model, rng = network()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    history = mg.fit(
        model,
        noisy(losses),
        optimiser,
        (X, Y),
        epochs=len(losses),
        rng=rng,
        validation=(X, Y),
        patience=patience,
        size=50,
        on_epoch=lambda run: kept.append(run.model.state_dict()),
        quiet=True,
    )
    assert np.array_equal(history["val_loss"], losses[:taken], equal_nan=True)
    assert all(np.array_equal(value, kept[best - 1][name]) for name, value in model.state_dict().items())
    assert f"The model is as of epoch {best}, the best." in history.ended


def test_without_a_number_no_epoch_is_the_best():
    model, rng = network()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    options = {"epochs": 5, "rng": rng, "validation": (X, Y), "patience": 2, "size": 50, "quiet": True}
    history = mg.fit(model, noisy([np.nan] * 5), optimiser, (X, Y), **options)
    assert history.ended == "No lower loss for 2 epochs."


def test_without_validation_patience_listens_to_the_loss_of_training():
    history = fitted(500, lambda model: optim.SGD(model.parameters(), lr=1e-12), patience=3)[2]
    assert history.ended.startswith("No lower loss for 3 epochs.")


class Uphill(optim.SGD):
    def update(self, p, g, *args, **options):
        super().update(p, -g, *args, **options)


def test_a_loss_that_rose_is_said():
    history = fitted(3, lambda model: Uphill(model.parameters(), lr=0.1))[2]
    assert "the learning rate (0.1) may be too high" in history.ended
    assert fitted(3)[2].ended == ""


def test_the_history_as_a_table():
    history = fitted(12, metrics={"accuracy": accuracy})[2]
    lines = repr(history).splitlines()
    assert [line.split()[0] for line in lines] == ["epoch", "1", "2", "3", "4", "…", "9", "10", "11", "12"]
    assert lines[0].split() == ["epoch", "loss", "accuracy"]
    assert lines[-1].split()[1] == f"{history['loss'][-1]:.4g}"
    assert len({len(line) for line in lines}) == 1


def test_a_target_without_axes_is_one_sample():
    model = nn.Linear(3, 1, rng=np.random.default_rng(0))
    batch = (X[:1], np.array(3.0))

    def loss(prediction, target):
        return ((prediction - target) ** 2).sum()

    history = mg.fit(
        model,
        loss,
        mg.optim.SGD(model.parameters(), lr=0.1),
        lambda: [batch],
        epochs=2,
        validation=lambda: [batch],
        quiet=True,
    )
    assert history["val_loss"][1] < history["val_loss"][0]
