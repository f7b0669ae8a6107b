"""The state of a PyTorch model, where it does not fit."""

import numpy as np
import pytest

from micrograd_np import nn


def test_all_missing_and_unknown_names_are_listed_at_once():
    state = {"0.weight": np.zeros((3, 2)), "head.bias": np.zeros(1), "0.bias": np.zeros(5)}
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = model.state_dict()
    with pytest.raises(ValueError, match="nothing was changed") as caught:
        model.load_state_dict(state)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "layers.0.bias: (5,) float64 given, (3,) float64 needed",
        "missing: layers.1.bias",
        "missing: layers.1.weight",
        "unknown: head.bias",
    ]
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_path_is_no_state():
    with pytest.raises(TypeError, match="load_state_dict takes the dict that state_dict gave, not a str"):
        nn.Linear(2, 1).load_state_dict("state.npz")
