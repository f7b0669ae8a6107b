"""Every argument of every constructor and function of nn, optim, data, training and saving refuses bad values in words.

The table has a good call for each, and for each argument bad values with what the message must contain. A test reads
the signatures: a new argument without an entry fails.
"""

import inspect
import pydoc

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import data, nn, optim

SIZE = [(0, "at least 1, not 0"), (-1, "not -1"), (2.5, "not 2.5"), (None, "not None"), (True, "not True")]
COUNT = [(-1, "at least 0, not -1"), (1.5, "not 1.5"), (None, "not None")]
FLAG = [(2, "True or False, not 2"), (None, "True or False, not None"), ("no", "not 'no'")]
NONNEGATIVE = [(-0.1, "at least 0, not -0.1"), (np.nan, "not nan"), (np.inf, "not inf"), (None, "not None")]
NONNEGATIVE += [("0.1", "not '0.1'")]
POSITIVE = [*NONNEGATIVE[1:], (0, "above 0, not 0"), (-1.0, "not -1.0")]
DECAY = [(1.0, "below 1, not 1.0"), (-0.1, "not -0.1"), (None, "not None"), (np.nan, "not nan")]
FRACTION = [(1.1, "0 to 1, not 1.1"), (-0.1, "not -0.1"), (None, "not None")]
NUMBER = [(None, "not None"), (np.inf, "not inf"), ("a", "not 'a'")]
DTYPE = [(int, "floating-point numbers, such as float or 'float32', not int"), (None, "not None"), ("f99", "not 'f99'")]
RNG = [(0, "rng must be a Generator, such as rng=np.random.default_rng(seed), not 0"), (np.random, "not a module")]
INIT = [(3, "init must be a function, not 3"), (lambda rng, shape: np.zeros(3), "init must return an array of shape")]
EACH = [*SIZE[:3], ((1, 2, 3), "axes that the kernel moves along, not (1, 2, 3)")]
EACH_PADDING = [*COUNT[:2], ((1, 2, 3), "axes that the kernel moves along")]
REDUCTION = [("average", "reduction must be one of 'none', 'mean', 'sum', not 'average'"), (None, "not None")]
FUNCTION = [(3, "must be a function, not 3"), ("f", "not 'f'")]

W = nn.Parameter([1.0])
OPTIMISER = optim.SGD([W])
OTHER = optim.SGD([W])
PARAMS = [
    (W, "must be a list of tensors, such as model.parameters() or [w], not value (1,)"),
    ([], "no parameters: pass model.parameters()"),
    (3, "params must be a list of tensors, such as model.parameters() or [w], not 3"),
    (nn.Linear(1, 1), "such as model.parameters() or [w], not a Linear"),
    ([3], "int"),
]
OPTIMISERS = [(3, "optimiser must be an Optimiser, not 3"), (nn.Linear(1, 1), "not a Linear")]
LISTS = [(3, "must be a list of tensors, such as model.parameters() or [w], not 3"), ([3], "must be a Tensor, not 3")]
LISTS += [(nn.Linear(1, 1), "such as model.parameters() or [w], not a Linear")]

WEIGHTED = {"rng": RNG, "dtype": DTYPE}
CONVOLUTION = WEIGHTED | {
    "in_channels": SIZE,
    "out_channels": SIZE,
    "kernel_size": EACH,
    "stride": EACH,
    "padding": [*EACH_PADDING, ("some", "not 'some'")],
    "dilation": EACH,
    "groups": [*SIZE, (3, "groups=3 must divide in_channels=4 and out_channels=2")],
    "bias": FLAG,
    "init": INIT,
}
TRANSPOSED = {name: bad for name, bad in CONVOLUTION.items() if name not in ("padding", "dilation")} | {
    "padding": [*EACH_PADDING, ("same", "not 'same'")],
    "output_padding": [
        *EACH_PADDING,
        (1, "must be below the stride"),
    ],
}
REDUCTION_OF_LAYER = [("average", "reduction must be one of 'mean', 'sum', 'none', not 'average'"), (None, "not None")]
BATCH_NORM = {
    "num_features": SIZE,
    "eps": NONNEGATIVE,
    "momentum": [(-0.1, "from 0 to 1, not -0.1"), (1.5, "not 1.5"), ("a", "not 'a'")],
    "affine": FLAG,
    "dtype": DTYPE,
}
CELL = WEIGHTED | {"input_size": SIZE, "hidden_size": SIZE, "bias": FLAG}
RECURRENT = {
    "input_size": SIZE,
    "hidden_size": SIZE,
    "num_layers": SIZE,
    "bias": FLAG,
    "batch_first": FLAG,
    "dropout": [(1.0, "below 1, not 1.0"), (-0.5, "not -0.5")],
    "bidirectional": FLAG,
    "rng": RNG,
    "options": [],
}
MAX_POOL = {"kernel_size": EACH, "stride": EACH[:3], "padding": EACH_PADDING, "dilation": EACH}
AVG_POOL = {"kernel_size": EACH, "stride": EACH[:3], "padding": EACH_PADDING}
AXIS = {"axis": [(1.5, "axis must be a whole number, not 1.5"), (None, "not None")]}
OPTIONS_OF_SGD = {"params": PARAMS, "lr": NONNEGATIVE, "weight_decay": NONNEGATIVE}
OPTIONS = {"params": PARAMS, "lr": NONNEGATIVE, "eps": NONNEGATIVE, "weight_decay": NONNEGATIVE}
BETAS = [((1.0, 0.9), "beta1 must be a number of at least 0 and below 1, not 1.0"), ((0.9, -0.1), "beta2 .* not -0.1")]
BETAS += [(0.9, "betas must be two numbers, such as (0.9, 0.999), not 0.9"), ((0.9,), "two numbers")]

X, Y = np.random.default_rng(0).random((8, 3)), np.array([0, 1, 2, 0, 1, 2, 0, 1])
MODEL = nn.Linear(3, 3)
TRAINER = optim.SGD(MODEL.parameters(), lr=0.1)
PAIR = {"prediction": np.ones(2), "target": np.zeros(2)}
UNEQUAL = [(np.ones(3), "have different shapes")]
ENTRIES = {"prediction": UNEQUAL, "target": UNEQUAL}
ENTRIES_OF_LOGITS = {"logits": UNEQUAL, "target": UNEQUAL}
LOGITS = {"logits": np.zeros((2, 3)), "labels": np.array([0, 1])}


APPROXIMATE = {name: [("sin", "one of 'none', 'tanh', not 'sin'")] for name in inspect.signature(nn.GELU).parameters}


BATCH_SIZE = [(0, "such as size=32, not 0"), (None, "such as size=32, not Y (8,)"), (2.5, "not 2.5")]


def rate(t):
    return 1.0


# For each: a good call, and for each argument the bad values, with a part of the message.
CASES = {
    nn.Linear: (
        {"in_features": 4, "out_features": 2},
        WEIGHTED | {"init": INIT, "bias": FLAG} | {"in_features": SIZE, "out_features": SIZE},
    ),
    nn.Embedding: (
        {"num_embeddings": 4, "embedding_dim": 2},
        WEIGHTED
        | {"num_embeddings": SIZE, "embedding_dim": SIZE}
        | {"padding_idx": [(4, "an id from -4 to 3, or None, not 4"), (0.5, "not 0.5")]},
    ),
    nn.Dropout: ({}, {"p": DECAY, "rng": RNG}),
    nn.Sequential: ({}, {"layers": []}),
    nn.Flatten: ({}, {"start_dim": [(0.5, "whole number, not 0.5")], "end_dim": [(None, "whole number, not None")]}),
    nn.Conv1d: ({"in_channels": 4, "out_channels": 2, "kernel_size": 3}, CONVOLUTION),
    nn.Conv2d: ({"in_channels": 4, "out_channels": 2, "kernel_size": 3}, CONVOLUTION),
    nn.ConvTranspose1d: ({"in_channels": 4, "out_channels": 2, "kernel_size": 3}, TRANSPOSED),
    nn.ConvTranspose2d: ({"in_channels": 4, "out_channels": 2, "kernel_size": 3}, TRANSPOSED),
    nn.AdaptiveAvgPool1d: ({"output_size": 2}, {"output_size": EACH}),
    nn.AdaptiveAvgPool2d: ({"output_size": 2}, {"output_size": EACH}),
    nn.ModuleList: ({}, {"modules": [([3], "module must be a Module, not 3")]}),
    nn.ModuleDict: (
        {},
        {
            "modules": [
                ([3], "must be a Mapping, not [3]"),
                ({"a": 3}, "a must be a Module, not 3"),
                ({"items": nn.Identity()}, "'items' cannot be the name of an entry"),
                ({"a.b": nn.Identity()}, "'a.b' cannot be the name"),
            ]
        },
    ),
    nn.Identity: ({}, {}),
    nn.RMSNorm: (
        {"normalized_shape": 3},
        {
            "normalized_shape": [*SIZE[:3], ((2, 0), "at least 1, not (2, 0)")],
            "eps": NONNEGATIVE[:3],
            "elementwise_affine": FLAG,
            "dtype": DTYPE,
        },
    ),
    nn.GroupNorm: (
        {"num_groups": 2, "num_channels": 4},
        {
            "num_groups": [*SIZE, (3, "num_groups=3 must divide num_channels=4")],
            "num_channels": SIZE,
            "eps": NONNEGATIVE,
            "affine": FLAG,
            "dtype": DTYPE,
        },
    ),
    nn.MSELoss: ({}, {"reduction": REDUCTION_OF_LAYER}),
    nn.L1Loss: ({}, {"reduction": REDUCTION_OF_LAYER}),
    nn.HuberLoss: ({}, {"reduction": REDUCTION_OF_LAYER, "delta": POSITIVE}),
    nn.BCELoss: ({}, {"reduction": REDUCTION_OF_LAYER}),
    nn.BCEWithLogitsLoss: ({}, {"reduction": REDUCTION_OF_LAYER, "pos_weight": []}),
    nn.CrossEntropyLoss: (
        {},
        {
            "reduction": [*REDUCTION_OF_LAYER, (np.ones(3), "not value (3,)")],
            "weight": [],
            "label_smoothing": FRACTION,
            "ignore_index": [(0.5, "must be a label, not 0.5")],
        },
    ),
    nn.BatchNorm1d: ({"num_features": 3}, BATCH_NORM),
    nn.BatchNorm2d: ({"num_features": 3}, BATCH_NORM),
    nn.LayerNorm: (
        {"normalized_shape": 3},
        {
            "normalized_shape": [*SIZE[:3], ((2, 0), "at least 1, not (2, 0)")],
            "eps": NONNEGATIVE,
            "elementwise_affine": FLAG,
            "bias": FLAG,
            "dtype": DTYPE,
        },
    ),
    nn.MultiheadAttention: (
        {"embed_dim": 4, "num_heads": 2},
        WEIGHTED
        | {
            "embed_dim": [*SIZE, (5, "num_heads=2 does not divide embed_dim=5")],
            "num_heads": [*SIZE, (3, "num_heads=3 does not divide embed_dim=4")],
            "dropout": DECAY,
            "bias": FLAG,
            "batch_first": FLAG,
        },
    ),
    nn.RNNCell: ({"input_size": 3, "hidden_size": 4}, CELL | {"nonlinearity": [("sin", "one of 'tanh', 'relu', not")]}),
    nn.LSTMCell: ({"input_size": 3, "hidden_size": 4}, CELL),
    nn.GRUCell: ({"input_size": 3, "hidden_size": 4}, CELL),
    nn.RNN: ({"input_size": 3, "hidden_size": 4}, RECURRENT),
    nn.LSTM: ({"input_size": 3, "hidden_size": 4}, RECURRENT),
    nn.GRU: ({"input_size": 3, "hidden_size": 4}, RECURRENT),
    nn.MaxPool1d: ({"kernel_size": 2}, MAX_POOL),
    nn.MaxPool2d: ({"kernel_size": 2}, MAX_POOL),
    nn.AvgPool1d: ({"kernel_size": 2}, AVG_POOL),
    nn.AvgPool2d: ({"kernel_size": 2}, AVG_POOL),
    nn.LeakyReLU: ({}, {"negative_slope": NUMBER}),
    nn.ELU: ({}, {"alpha": NUMBER}),
    nn.GELU: ({}, APPROXIMATE),
    nn.Softplus: ({}, {"beta": POSITIVE}),
    nn.Softmax: ({}, AXIS),
    nn.LogSoftmax: ({}, AXIS),
    **{layer: ({}, {}) for layer in (nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.LogSigmoid)},
    nn.Parameter: (
        {"data": 1.0},
        {"data": [("a", "number")], "name": [], "dtype": [(int, "gradients need real floating-point data")]},
    ),
    nn.half_squared_error: (PAIR, ENTRIES),
    nn.mse_loss: (PAIR, ENTRIES | {"reduction": REDUCTION}),
    nn.l1_loss: (PAIR, ENTRIES | {"reduction": REDUCTION}),
    nn.huber_loss: (PAIR, ENTRIES | {"reduction": REDUCTION, "delta": POSITIVE}),
    nn.binary_cross_entropy: (
        {"probability": np.ones(2), "target": np.zeros(2)},
        {"probability": [*UNEQUAL, (np.full(2, 2.0), "from 0 to 1")], "target": UNEQUAL, "reduction": REDUCTION},
    ),
    nn.binary_cross_entropy_with_logits: (
        {"logits": np.ones(2), "target": np.zeros(2)},
        {
            "logits": UNEQUAL,
            "target": UNEQUAL,
            "reduction": REDUCTION,
            "pos_weight": [(np.ones(3), "shape () or (2,)")],
        },
    ),
    nn.cross_entropy: (
        LOGITS,
        {
            "logits": [(np.zeros((3, 2)), "takes labels of shape (3,)")],
            "labels": [(np.array([0.0, 1.0]), "labels")],
            "reduction": REDUCTION,
            "weight": [(np.ones(2), "shape (3,)")],
            "label_smoothing": FRACTION,
            "ignore_index": [(0.5, "must be a label, not 0.5")],
        },
    ),
    optim.SGD: (
        {"params": [W]},
        OPTIONS_OF_SGD | {"momentum": NONNEGATIVE, "nesterov": [*FLAG, (True, "a momentum above 0")]},
    ),
    optim.Adam: ({"params": [W]}, OPTIONS | {"betas": BETAS}),
    optim.AdamW: ({"params": [W]}, OPTIONS | {"betas": BETAS}),
    optim.RMSprop: ({"params": [W]}, OPTIONS | {"alpha": DECAY, "momentum": NONNEGATIVE}),
    optim.Adagrad: ({"params": [W]}, OPTIONS),
    optim.StepLR: (
        {"optimiser": OPTIMISER, "step_size": 2},
        {"optimiser": OPTIMISERS, "step_size": SIZE, "gamma": NONNEGATIVE},
    ),
    optim.CosineAnnealingLR: (
        {"optimiser": OPTIMISER, "T_max": 2},
        {"optimiser": OPTIMISERS, "T_max": SIZE, "eta_min": NONNEGATIVE},
    ),
    optim.LinearLR: (
        {"optimiser": OPTIMISER},
        {"optimiser": OPTIMISERS, "start_factor": NONNEGATIVE, "end_factor": NONNEGATIVE, "total_iters": SIZE},
    ),
    optim.LambdaLR: (
        {"optimiser": OPTIMISER, "lr_lambda": rate},
        {
            "optimiser": OPTIMISERS,
            "lr_lambda": [*FUNCTION, (lambda t: -1.0, "lr must be a number of at least 0, not -0.001")],
        },
    ),
    optim.SequentialLR: (
        {"optimiser": OPTIMISER, "schedules": [optim.LambdaLR(OPTIMISER, rate)], "milestones": []},
        {
            "optimiser": OPTIMISERS,
            "schedules": [
                ([], "takes schedules of this optimiser, one or more"),
                ([3], "takes schedules of this optimiser, one or more"),
                ([optim.LambdaLR(OTHER, rate)], "takes schedules of this optimiser"),
            ],
            "milestones": [([3], "milestones the steps at which"), ([2, 1], "which increase")],
        },
    ),
    optim.ReduceLROnPlateau: (
        {"optimiser": OPTIMISER},
        {
            "optimiser": OPTIMISERS,
            "mode": [("low", "one of 'min', 'max', not 'low'")],
            "factor": [
                *POSITIVE[1:-2],
                (0, "above 0 and below 1, not 0"),
                (-1.0, "not -1.0"),
                (1.0, "below 1, not 1.0"),
            ],
            "patience": COUNT,
            "threshold": NONNEGATIVE,
            "min_lr": NONNEGATIVE,
        },
    ),
    optim.clip_grad_norm_: (
        {"parameters": [W], "max_norm": 1.0},
        {
            "parameters": LISTS,
            "max_norm": NONNEGATIVE,
            "norm_type": [(0, "above 0, or inf, not 0"), (None, "not None")],
        },
    ),
    optim.clip_grad_value_: ({"parameters": [W], "clip_value": 1.0}, {"parameters": LISTS, "clip_value": NONNEGATIVE}),
    optim.trim_deltas: ({"parameters": [W], "threshold": 1.0}, {"parameters": LISTS, "threshold": NONNEGATIVE}),
    data.batches: (
        {"size": 4, "rng": np.random.default_rng(0)},
        {
            "arrays": [],
            "size": BATCH_SIZE,
            "shuffle": FLAG,
            "rng": [(0, "default_rng(seed), not 0")],
            "drop_last": FLAG,
        },
    ),
    data.split: (
        {"rng": np.random.default_rng(0)},
        {
            "arrays": [],
            "test": [(0, "above 0, not 0"), (1.0, "test=1.0 of 8 samples"), (np.nan, "not nan"), (8, "test=8 of 8")],
            "rng": [(None, "default_rng(seed), not None")],
            "stratify": [(Y[:3], "one label for each of the 8 samples")],
        },
    ),
    data.one_hot: ({"labels": Y}, {"labels": [([0.5], "labels"), ([], "no labels")], "classes": SIZE[:3]}),
    data.standardise: ({"train": X}, {"train": [(X * np.nan, "nan or inf")], "others": []}),
    data.read_csv: (
        {"path": ["a,b", "1,2"]},
        {"path": [("no such file", "no such file")], "header": COUNT[:2], "delimiter": [], "options": []},
    ),
    mg.fit: (
        {"model": MODEL, "loss": nn.cross_entropy, "optimiser": TRAINER, "data": (X, Y), "epochs": 1, "quiet": True}
        | {"rng": np.random.default_rng(0)},
        {
            "model": [(np.tanh, "model must be a Module, not")],
            "loss": [
                ("mse", "loss must be a function, such as mg.nn.mse_loss, not 'mse'"),
                (lambda x, y: None, "must return a Tensor made from the model's output, but returned None"),
                (lambda x, y: 1.0, "but returned 1.0"),
                (lambda x, y: nn.cross_entropy(x, y, "none"), "must be one number, such as a mean over the batch"),
            ],
            "optimiser": [*OPTIMISERS, (OPTIMISER, "was not given weight, bias of this model")],
            "data": [
                (X, "must be a pair of arrays (x, y)"),
                (lambda: [X], "a batch must be a tuple (x, y) of arrays, not"),
            ],
            "epochs": COUNT,
            "size": [(0, "such as size=32, not 0"), (2.5, "not 2.5"), (None, "not None")],
            "rng": [(None, "default_rng(seed), not None")],
            "validation": [(X, "must be a pair of arrays (x, y)"), (lambda: [X], "must be a tuple (x, y)")],
            "metrics": [
                (3, "must be a dict of functions, such as metrics={'accuracy': accuracy}, not 3"),
                ({"loss": rate}, 'has a "loss" of what is trained'),
                ({"a": 3}, "metrics['a'] must be a function, not 3"),
                (
                    {"a": lambda x, y: None},
                    "the metric 'a' must be one number, such as a mean over the batch, but is",
                ),
                ({"a": lambda x, y: x}, "the metric 'a' must be one number"),
                ({"a": lambda x, y: [0.5]}, "the metric 'a' must be one number"),
            ],
            "schedule": [(3, "must be a Schedule or a ReduceLROnPlateau, not 3")],
            "patience": SIZE[:3],
            "before_step": FUNCTION,
            "on_step": FUNCTION,
            "on_epoch": FUNCTION,
            "checkpoint": [("run.pt", "saved as .npz or .safetensors")],
            "resume": FLAG,
            "quiet": FLAG,
        },
    ),
}
POSITIONAL = {data.batches: (X, Y), data.split: (X, Y)}
# Read from files, or called with a Generator, or with nothing that could be wrong; tested elsewhere.
# Messages that name another thing than the function or its argument: the learning rate, the file, the user's array.
INDIRECT = {"have different shapes", "lr must be a number of at least 0, not -0.001", "nan or inf", "no such file"}
INDIRECT |= {"was not given weight, bias of this model", "saved as .npz or .safetensors", "must be a tuple (x, y)"}
ELSEWHERE = {nn.Module, nn.init, nn.functional, optim.Optimiser, optim.Schedule, data.digits, data.iris, data.mnist}
ELSEWHERE |= {data.fashion_mnist, data.read_idx, data.text}
BAD = [
    (f, name, value, says) for f, (_, bad) in CASES.items() for name, entries in bad.items() for value, says in entries
]


def test_every_argument_has_its_bad_values():
    public = {getattr(room, name) for room in (nn, optim, data) for name in room.__all__} | {mg.fit}
    assert public - ELSEWHERE == set(CASES)
    for f, (_, bad) in CASES.items():
        assert set(inspect.signature(f).parameters) == set(bad), f.__name__


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_the_good_call_is_good(f):
    f(*POSITIONAL.get(f, ()), **CASES[f][0])


@pytest.mark.parametrize(
    ("f", "name", "value", "says"), BAD, ids=[f"{f.__name__}-{name}-{i}" for i, (f, name, *_) in enumerate(BAD)]
)
def test_a_bad_argument_is_refused_in_words(f, name, value, says):
    before = [p.data.copy() for p in MODEL.parameters()]
    with pytest.raises((TypeError, ValueError, FileNotFoundError)) as caught:
        f(*POSITIONAL.get(f, ()), **CASES[f][0] | {name: value})
    missing = [part for part in says.split(" .* ") if part not in str(caught.value)]
    assert not missing, str(caught.value)
    assert f.__name__ in str(caught.value) or name in str(caught.value) or says in INDIRECT
    assert all(np.array_equal(p.data, old) for p, old in zip(MODEL.parameters(), before, strict=True)) or f is mg.fit


@pytest.mark.parametrize("f", [*CASES, mg.save, mg.load], ids=lambda f: f.__name__)
def test_help_shows_no_default_that_cannot_be_read(f):
    assert "<function" not in pydoc.render_doc(f).partition("Methods defined")[0].partition("Static methods")[0]
