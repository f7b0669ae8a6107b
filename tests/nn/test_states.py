"""Files of a PyTorch model's state, where they do not fit or are something else."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn


def test_all_missing_and_unknown_names_are_listed_at_once(tmp_path):
    np.savez(tmp_path / "state.npz", **{"0.weight": np.zeros((3, 2)), "head.bias": np.zeros(1), "0.bias": np.zeros(5)})
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = model.state_dict()
    with pytest.raises(ValueError, match="nothing was changed") as caught:
        model.load_state_dict(tmp_path / "state.npz")
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "layers.0.bias: (5,) float64 given, (3,) float64 needed",
        "missing: layers.1.bias",
        "missing: layers.1.weight",
        "unknown: head.bias",
    ]
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_other_files_are_refused_with_what_to_write(suffix, tmp_path):
    path, model = tmp_path / f"state{suffix}", nn.Linear(2, 1)
    mg.save(path, model)
    with pytest.raises(ValueError, match=r"was written by mg.save: write mg.load\(.*into=model\)"):
        model.load_state_dict(path)
    with pytest.raises(ValueError, match=r"load_state_dict reads .safetensors and .npz"):
        model.load_state_dict("state.pt")
    with pytest.raises(mg.MissingFileError, match="there is no file"):
        model.load_state_dict(tmp_path / f"none{suffix}")
