"""The first guess of a person from PyTorch, NumPy, JAX or micrograd works, or is answered with what to write."""

import inspect
import traceback

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import cures

OWNERS = {"mg": mg, "mg.nn": mg.nn, "mg.nn.init": mg.nn.init, "mg.optim": mg.optim, "mg.data": mg.data}
CURES = [
    (owner, name, code.removeprefix("~ ")) for owner, table in cures.TABLES.items() for name, code in table.items()
]
ELSEWHERE = ("fashion_mnist", "mnist(")  # need files that a user has


@pytest.fixture
def names():
    """The modules, tensors and arrays that the codes use, by name."""
    rng = np.random.default_rng(0)
    model = mg.nn.Sequential(mg.nn.Linear(3, 2, rng=rng))
    x = mg.Tensor([[1.0, 2, 3], [3, 4, 5]], requires_grad=True)
    (x * x).sum().backward()
    return {
        "np": np,
        "mg": mg,
        "nn": mg.nn,
        "optim": mg.optim,
        "x": x,
        "a": np.array([[1.0, 2, 3], [3, 4, 6]]),
        "b": np.ones((2, 3)),
        "w": mg.Tensor(np.ones((2, 3)), requires_grad=True),
        "f": lambda x: np.sum(x * x),
        "loss": (model(x) * 2).sum(),
        "model": model,
        "optimiser": mg.optim.SGD(model.parameters(), lr=0.1),
        "X": np.ones((4, 3)),
        "y": np.ones((4, 2)),
        "p": np.array([[0.2, 0.8], [0.5, 0.5]]),
        "logits": mg.Tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True),
        "labels": np.array([0, 1]),
        "rng": rng,
    }


def instance(owner, names):
    objects = {
        "Tensor": names["x"],
        "Module": names["model"],
        "Picture": mg.draw(names["loss"]),
        "Compiled": mg.compile(names["model"]),
    }
    return (OWNERS | objects)[owner]


def with_leaves(code, names):
    """In-place codes need a leaf, without a graph that still reads it."""
    return names | {"x": names["x"].detach().copy()} if "assign" in code or " = " in code else names


KEYWORDS = [
    (lambda p: mg.optim.Adam(p, learning_rate=0.1), "Adam has no argument 'learning_rate'. Write lr=."),
    (lambda p: mg.optim.SGD(p, wd=0.1), "SGD has no argument 'wd'. Write weight_decay=."),
    (lambda p: mg.optim.SGD([{"params": p, "eta": 1}]), "SGD has no argument 'eta'. Write lr=."),
    (lambda p: mg.optim.Adagrad(p, x=1), "Adagrad has no argument 'x'. It has params, lr, eps, weight_decay."),
    (lambda p: mg.optim.StepLR(mg.optim.SGD(p), stepsize=3), "StepLR has no argument 'stepsize'. Write step_size=."),
    (
        lambda p: mg.optim.ReduceLROnPlateau(optimizer=mg.optim.SGD(p)),
        "ReduceLROnPlateau has no argument 'optimizer'. Write optimiser=.",
    ),
    (lambda p: mg.fit(*"abcd", epochs=1, batch_size=8), "fit has no argument 'batch_size'. Write size=."),
    (lambda p: mg.fit(*"abcd", n_epochs=1), "fit has no argument 'n_epochs'. Write epochs=."),
    (lambda p: mg.data.batches(p, batch_size=8), "batches has no argument 'batch_size'. Write size=."),
    (lambda p: mg.data.split(p, test_size=0.2), "split has no argument 'test_size'. Write test=."),
    (lambda p: mg.Tensor([1.0], require_grad=True), "Tensor has no argument 'require_grad'. Write requires_grad=."),
    (lambda p: mg.nn.Parameter([1.0], device="cpu"), "Parameter has no argument 'device'. It has data, name, dtype."),
    (lambda p: mg.nn.Linear(64, units=10), "Linear has no argument 'units'. Write out_features=."),
    (lambda p: mg.nn.Dropout(rate=0.1), "Dropout has no argument 'rate'. Write p=."),
    (
        lambda p: mg.nn.Linear(4, 2, activation="relu"),
        "Linear has no argument 'activation'. Write mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.ReLU()).",
    ),
    (
        lambda p: mg.verify(np.sum, np.ones_like, p, eps=1e-6),
        "verify has no argument 'eps'. It has output, given, gradient, strict, factor.",
    ),
    (lambda p: mg.gradcheck(np.sum, p, atol=1e-6), "gradcheck has no argument 'atol'. Write rtol=."),
]


@pytest.mark.parametrize(("call", "message"), KEYWORDS, ids=[message for _, message in KEYWORDS])
def test_a_keyword_of_another_library_is_answered(call, message, names):
    with pytest.raises(TypeError) as caught:
        call(names["model"].parameters())
    assert str(caught.value) == message


def test_an_optimiser_of_ones_own_answers_keywords_too(names):
    class Own(mg.optim.SGD):
        def __init__(self, params, lr=0.1):
            super().__init__(params, lr)

    with pytest.raises(TypeError, match=r"^Own has no argument 'learning_rate'\. Write lr="):
        Own(names["model"].parameters(), learning_rate=1.0)


def test_the_arguments_that_are_meant_exist():
    functions = [mg.fit, mg.data.batches, mg.data.split, mg.verify, mg.gradcheck]
    functions += [each for room in (mg.nn, mg.optim) for each in vars(room).values() if isinstance(each, type)]
    known = {name for each in functions for name in inspect.signature(each).parameters}
    meant = [code for code in cures.ARGUMENTS.values() if "(" not in code and code[0] != "~"]
    assert {word for code in meant for word in code.split()} <= known


CALLED = [(name, code) for name, code in (cures.CALLS | cures.ARGUMENTS).items() if "(" in code and code[0] != "~"]


@pytest.mark.parametrize(("name", "code"), CALLED, ids=lambda x: x[:40])
def test_a_call_that_is_said_works(name, code, names, capsys):
    exec(compile(code, name, "exec"), names)


@pytest.mark.parametrize("name", cures.CALLS)
def test_a_call_that_does_not_fit_is_answered_with_one_that_does(name):
    called = next(getattr(owner, name) for owner in OWNERS.values() if hasattr(owner, name))
    for given in ((), range(20)):
        with pytest.raises(TypeError) as caught:
            called(*given)
        if name not in ("grad", "value_and_grad"):  # these say that a function is missing
            assert given or f"Write {cures.CALLS[name]}" in str(caught.value)


MISFITS = [
    ("mg.fit(model, X, y)", "fit: missing a required argument: 'data'. Write mg.fit(model, mg.nn.mse_loss, optimiser,"),
    ("mg.fit(model, f, optimiser, X, y)", "fit: too many positional arguments. Write mg.fit(model, mg.nn.mse_loss,"),
    ("nn.Linear(4)", "Linear: missing a required argument: 'out_features'. Write mg.nn.Linear(3, 2)"),
    ("nn.RNN(4)", "RNN: missing a required argument: 'hidden_size'. Write mg.nn.RNN(3, 4)"),
    ("nn.LSTMCell(4)", "LSTMCell: missing a required argument: 'hidden_size'. It has input_size, hidden_size, bias,"),
    ("mg.trace(f, a)", "trace: too many positional arguments. Write print(mg.trace(f)(a))"),
    ("mg.compile(f, mode='fast')", "compile has no argument 'mode'. It has function, backend."),
    ("mg.gradcheck(f, f, a)", "gradcheck takes one function. For a backward pass by hand write mg.verify(f, g, x)."),
    ("mg.gradcheck(f, [a])", "f was given one list or tuple. If it takes arrays, write gradcheck(f, *inputs)."),
    ("mg.verify(layer, a)", "verify takes functions. Write mg.verify(layer.forward, layer.backward, x)."),
    ("nn.mse_loss(p, labels)", "For labels write mg.one_hot(target, 2), or take cross_entropy."),
    ("nn.Conv2d(3, 8, 3)(np.ones((2, 8, 9, 3)))", "If they are on the last axis, write np.moveaxis(x, -1, 1)."),
    ("nn.BatchNorm2d(3)(np.ones((2, 8, 9, 3)))", "Write np.moveaxis(x, -1, 1), or make it for this size."),
    ("nn.binary_cross_entropy(a, a)", "For logits write binary_cross_entropy_with_logits."),
    ("mg.fit(model, optimiser, f, (X, y), epochs=1)", "loss must be a function, such as mg.nn.mse_loss, not an SGD."),
    ("mg.fit(model, f, optimiser, (X, y), epochs=1, metrics=['f'])", "must be a dict of functions, such as metrics={'"),
]


class Layer:
    """A layer by hand, whose two passes are methods."""

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize(("code", "message"), MISFITS)
def test_a_first_guess_is_answered(code, message, names):
    names["f"] = lambda x: x * x
    with pytest.raises((TypeError, ValueError)) as caught:
        eval(code, names | {"layer": Layer()})
    assert message in str(caught.value)


def test_an_error_inside_of_a_call_is_its_own():
    with pytest.raises(TypeError, match="not 'a'"):
        mg.data.batches(np.ones(3), size="a")
    with pytest.raises(TypeError, match=r"^one too many$"):

        def loss(x):
            raise TypeError("one too many")

        mg.gradcheck(loss, np.ones(3))


@pytest.mark.parametrize(("owner", "name", "code"), CURES, ids=lambda x: x[:40])
def test_a_cure_is_said_and_works(owner, name, code, names, tmp_path, monkeypatch, capsys):
    with pytest.raises(AttributeError) as caught:
        getattr(instance(owner, names), name)
    assert code in str(caught.value)
    if "export_onnx" in code:
        pytest.importorskip("onnx", reason="exporting takes the extra `onnx`")
    if not any(word in code for word in ELSEWHERE):
        monkeypatch.chdir(tmp_path)
        exec(compile(code, name, "exec"), with_leaves(code, names))


def test_what_is_near_vmap_keeps_the_graph(names):
    assert eval(cures.TABLES["mg"]["vmap"].removeprefix("~ "), names).requires_grad


@pytest.mark.parametrize(("owner", "name", "code"), CURES, ids=lambda x: x[:40])
def test_a_cure_hides_nothing_that_exists(owner, name, code, names):
    assert name not in dir(instance(owner, names))


# What works as it is, in the words of the four.
WORKS = """
x.exp() x.log() x.sqrt() x.abs() x.tanh() x.relu() x.sigmoid() x.sin() x.cos() x.square() x.sign() x.floor()
x.softmax() x.softmax(axis=1) x.softmax(dim=1) x.log_softmax(dim=1) x.logsumexp(1) x.norm() x.median() x.matmul(a.T)
x.maximum(b) x.tolist() x.item_ x.sum() x.sum(0) x.sum(dim=0) x.sum(axis=0,keepdims=True) x.sum(dim=0,keepdim=True)
x.mean(dim=1) x.max(dim=1) x.min(dim=1) x.var(dim=1) x.std(0) x.prod(dim=1) x.argmax(dim=1) x.argmin(dim=-1)
x.cumsum(dim=0) x.reshape(3,2) x.reshape((3,2)) x.reshape(-1) x.flatten() x.ravel() x.squeeze() x.transpose()
x.transpose(1,0) x.T x.mT x.swapaxes(0,1) x.repeat(2) x.detach() x.numpy_ x.grad x.grad.shape x.data x.shape
x.shape[0] x.ndim x.size x.dtype x.requires_grad x.is_leaf x.name x.backward_ x.zero_grad() x.astype(np.float32)
x.copy() x.clip(0,1) x.round() x.argsort() x.take([0],axis=1) x.diagonal() x.trace() x.dot(a.T) x.all()
x.any() x[0] x[:,1] x[None] x[...,0] x[x.data>1] x@a.T x+1 1-x x*2 x/2 x**2 -x abs(x) x>1 x==b len(x) list(x) x//2 x%2
2**x np.exp(x) np.sum(x) np.mean(x,axis=0) np.where(x.data>0,x,0) np.concatenate([x,x]) np.stack([x,x]) np.dot(x,a.T)
np.maximum(x,0) np.linalg.norm(x) np.einsum('ij,ij->',x,b) np.matmul(x,a.T) np.tanh(x) np.split(x,3,axis=1)
np.transpose(x) np.clip(x,0,1) mg.exp(x) mg.log(x) mg.relu(x) mg.softmax(x,dim=1) mg.softmax(x,axis=1)
mg.stack([x,x],dim=0) mg.stack([x,x],axis=0) mg.concatenate([x,x],dim=0) mg.concat([x,x]) mg.flip(x,0)
mg.where(x.data>0,x,0) mg.sum(x,dim=1) mg.mean(x,dim=1,keepdim=True) mg.max(x,dim=1) mg.argmax(x,dim=1)
mg.matmul(x,a.T) mg.einsum('ij->ji',x) mg.clip(x,0,1) mg.pow(x,2) mg.outer(x[0],x[1]) mg.tril(x) mg.triu(x)
mg.diag(x[0]) mg.cumsum(x,dim=0) mg.sort(x,dim=1) mg.split(x,3,dim=1) mg.squeeze(x) mg.norm_ mg.no_grad()
mg.detect_anomaly() mg.grad(f)(a) mg.value_and_grad(f)(a) mg.jacobian(f)(a) mg.hessian(f)(a) mg.vjp(f,a)
mg.jvp(f,(a,),(b,)) mg.compile(f) mg.checkpoint(f) mg.trace(f)(a) mg.gradcheck(f,a) mg.linalg.inv(np.eye(2))
mg.linalg.det(np.eye(2)) nn.Linear(3,2) nn.Linear(3,2)(x) nn.ReLU()(x) nn.GELU()(x) nn.Softmax(dim=1)(x)
nn.LogSoftmax(dim=1)(x) nn.Sequential(nn.ReLU()) nn.Conv2d(1,2,3) nn.BatchNorm1d(3)(x) nn.LayerNorm(3)(x)
nn.Dropout(0.5)(x) nn.Embedding(4,3)([0,1]) nn.Flatten()(x) nn.MaxPool2d(2) nn.LSTM(3,4) nn.GRU(3,4) nn.RNN(3,4)
nn.MultiheadAttention(4,2) nn.Parameter(np.ones(3)) nn.Module() nn.cross_entropy(logits,labels) nn.mse_loss(x,b)
nn.l1_loss(x,b) nn.binary_cross_entropy_with_logits(x,b) nn.huber_loss(x,b) model.train() model.eval()
model.parameters() model.named_parameters() model.state_dict() model.zero_grad() model(X) model[0] len(model)
model.modules() optim.SGD(model.parameters(),lr=0.1) optim.SGD(model.parameters(),lr=0.1,momentum=0.9,nesterov=True)
optim.Adam(model.parameters()) optim.AdamW(model.parameters(),lr=1e-3,weight_decay=0.01)
optim.RMSprop(model.parameters()) optim.StepLR(optimiser,10) optim.CosineAnnealingLR(optimiser,10)
optim.ReduceLROnPlateau(optimiser) optimiser.zero_grad() optimiser.param_groups[0]['lr']
nn.CrossEntropyLoss()(logits,labels) nn.MSELoss()(x,b) nn.BCEWithLogitsLoss()(x,b) nn.Identity()(x)
nn.ModuleList([nn.Identity()]) nn.ModuleDict({"a":nn.Identity()}) nn.GroupNorm(1,3)(x) nn.RMSNorm(3)(x)
nn.ConvTranspose2d(1,2,3) nn.AdaptiveAvgPool2d(1) nn.Embedding(4,3,padding_idx=0)
nn.cross_entropy(logits,labels,ignore_index=-100) model.requires_grad_(False)
optimiser.zero_grad(set_to_none=True) model.zero_grad(set_to_none=True) optimiser.state_dict()
optim.clip_grad_norm_(model.parameters(),1.0)
""".split()
WORKS = [code for code in WORKS if not code.endswith("_")]


@pytest.mark.parametrize("code", WORKS)
def test_a_guess_that_works(code, names):
    eval(code, names)


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("from micrograd_np import Value", "mg.Tensor(3.0"),
        ("from micrograd_np import tensor, nn", "mg.Tensor([1.0"),
        ("from micrograd_np.nn.functional import dropout", "mg.nn.Dropout(0.5)"),
        ("from micrograd_np.optim import lr_scheduler", "mg.optim.StepLR("),
        ("from micrograd_np.data import DataLoader", "mg.data.batches("),
        ("from micrograd_np.nn.init import kaiming_normal_", "mg.nn.init.he_normal("),
    ],
)
def test_an_import_is_answered_too(line, cure):
    with pytest.raises(ImportError) as caught:
        exec(line, {})
    assert cure in str(caught.value)


def test_functional_is_a_module_of_functions(names):
    exec("import micrograd_np.nn.functional as F", names)
    for code in ("F.relu(x)", "F.softmax(x, dim=-1)", "F.cross_entropy(logits, labels)", "F.mse_loss(x, b)"):
        assert isinstance(eval(code, names), mg.Tensor)
    assert names["F"].relu is mg.relu and set(dir(names["F"])) >= set(names["F"].__all__)
    with pytest.raises(AttributeError, match=r"Write mg.nn.Dropout"):
        eval("F.dropout(x)", names)


def test_there_are_enough_guesses():
    assert len(WORKS) + len(CURES) > 500 and len(CURES) > 200


REFUSED = [
    ("mg.grad(loss, x)", r"mg\.gradients\(|backward\(\)"),
    ("mg.hessian(loss)", r"lambda|function"),
    ("mg.sofmax(x)", "softmax"),
    ("nn.Liner(3, 2)", "Linear"),
    ("optim.Adan(model.parameters())", "Adam"),
    ("nn.Relu()", "Did you mean 'ReLU'"),
    ("nn.Gelu()", "Did you mean 'GELU'"),
    ("nn.Lstm(3, 4)", "Did you mean 'LSTM'"),
    ("nn.crossentropy", "Did you mean 'cross_entropy'"),
    ("nn.Leaky_ReLU", "Did you mean 'LeakyReLU'"),
    ("mg.Relu", "Did you mean 'relu'"),
    ("mg.soft_max", "Did you mean 'softmax'"),
    ("optim.Sgd", "Did you mean 'SGD'"),
    ("mg.data.Batches", "Did you mean 'batches'"),
    ("mg.numericalgradient", r"has no 'numericalgradient'\. Write mg\.gradcheck\(f, a\)$"),
]


@pytest.mark.parametrize(("code", "cure"), REFUSED)
def test_what_is_typed_wrong_is_answered(code, cure, names):
    with pytest.raises((AttributeError, TypeError), match=cure):
        eval(code, names)


@pytest.mark.parametrize("guess", ["unsqueze", "unsqeeze", "tenser", "transform", "pullbak", "oprators", "cor"])
def test_no_internal_module_and_no_opposite_is_offered(guess):
    with pytest.raises(AttributeError) as caught:
        getattr(mg, guess)
    said = "".join(traceback.format_exception(caught.value))
    assert not any(f"'{name}'" in said for name in ("squeeze", "transforms", "pullback", "operators", "core"))
    assert not set(dir(caught.value.obj)) - set(dir(None))  # what Python looks for a name that is spelled alike


def test_completion_shows_what_is_public(names):
    assert {"grad", "backward", "sum", "exp"} <= set(dir(names["x"]))
    assert not {"op", "args", "params", "scope", "clone", "cpu"} & set(dir(names["x"]))
    assert set(dir(mg)) >= set(mg.__all__)
    assert not {"core", "ops", "operators", "transforms", "pullback", "conversions", "cures"} & set(dir(mg))
    assert not hasattr(mg, "tensor")


def test_a_model_may_use_any_of_the_names(names):
    class Model(mg.nn.Module):
        def __init__(self):
            self.to = mg.nn.Linear(3, 2)
            self.device = "here"

        def predict(self, x):
            return self.to(x)

    model = Model()
    assert model.predict(names["x"]).shape == (2, 2) and model.device == "here"
    assert [name for name, _ in model.named_parameters()] == ["to.weight", "to.bias"]
    assert {"predict", "to", "device"} <= set(dir(model))
