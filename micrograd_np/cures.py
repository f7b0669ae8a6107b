"""Names from PyTorch, NumPy, JAX and micrograd that do not exist here, and what to write instead.

One line for each: the name, a colon, code that can be pasted, in which x, a and b are arrays or Tensors, `f` is a
function with a scalar value, `model` a Module and `optimiser` one of `mg.optim`. After a ~ stands the nearest thing
that there is.
"""

from __future__ import annotations

import difflib
import dis
import sys
from collections.abc import Callable, Iterable
from typing import Any

MG = """
Value: mg.Tensor(3.0, requires_grad=True)
Variable: mg.Tensor([1.0, 2.0], requires_grad=True)
Parameter: mg.nn.Parameter(np.zeros(3))
Module: mg.nn.Module
Sequential: mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.ReLU())
tensor: mg.Tensor([1.0, 2.0], requires_grad=True)
as_tensor: mg.Tensor(a)
from_numpy: mg.Tensor(a)
from_array: mg.Tensor(a)
array: mg.Tensor([1.0, 2.0])
asarray: mg.Tensor(a)
FloatTensor: mg.Tensor([1.0, 2.0], dtype=np.float32)
LongTensor: mg.Tensor([1, 2])
zeros: mg.Tensor(np.zeros((2, 3)))
ones: mg.Tensor(np.ones((2, 3)))
empty: mg.Tensor(np.empty((2, 3)))
full: mg.Tensor(np.full((2, 3), 7.0))
eye: mg.Tensor(np.eye(3))
arange: mg.Tensor(np.arange(6.0))
linspace: mg.Tensor(np.linspace(0, 1, 5))
logspace: mg.Tensor(np.logspace(0, 1, 5))
rand: mg.Tensor(np.random.default_rng(0).random((2, 3)))
randn: mg.Tensor(np.random.default_rng(0).normal(size=(2, 3)))
randint: mg.Tensor(np.random.default_rng(0).integers(0, 10, (2, 3)))
randperm: np.random.default_rng(0).permutation(10)
normal: mg.Tensor(np.random.default_rng(0).normal(0, 1, (2, 3)))
bernoulli: mg.Tensor(np.random.default_rng(0).random((2, 3)) < 0.5)
multinomial: np.random.default_rng(0).choice(3, p=[0.2, 0.3, 0.5])
rand_like: mg.Tensor(np.random.default_rng(0).random(x.shape))
randn_like: mg.Tensor(np.random.default_rng(0).normal(size=x.shape))
manual_seed: rng = np.random.default_rng(0)
seed: rng = np.random.default_rng(0)
Generator: rng = np.random.default_rng(0)
PRNGKey: rng = np.random.default_rng(0)
float32: np.float32
float64: np.float64
float16: np.float16
int64: np.int64
int32: np.int32
long: np.int64
bool: np.bool_
dtype: x.dtype
pi: np.pi
inf: np.inf
nan: np.nan
newaxis: np.newaxis
cat: mg.concatenate([x, x], axis=0)
view: x.reshape(3, 2)
permute: mg.transpose(x, (1, 0))
unsqueeze: mg.expand_dims(x, 0)
expand: mg.broadcast_to(x, (4, 2, 3))
chunk: mg.array_split(x, 2, axis=0)
unbind: list(x)
gather: mg.take_along_axis(x, np.array([[0], [2]]), axis=1)
index_select: mg.take(x, [0, 2], axis=1)
masked_select: x[x.data > 0]
masked_fill: mg.where(x.data > 0, 0.0, x)
scatter_add: mg.scatter(x, [0, 1], shape=(4, 3))
narrow: x[:, 1:3]
movedim: mg.moveaxis(x, 0, 1)
t: x.T
numel: x.size
repeat_interleave: mg.repeat(x, 2, axis=0)
topk: np.argsort(-x.data, axis=1)[:, :2]
clamp: mg.clip(x, -1, 1)
clamp_min: mg.maximum(x, 0)
clamp_max: mg.minimum(x, 1)
mul: mg.multiply(x, b)
sub: mg.subtract(x, b)
div: mg.divide(x, b)
neg: mg.negative(x)
rsqrt: 1 / mg.sqrt(mg.abs(x) + 1)
mm: x @ a.T
bmm: mg.matmul(x, a.T)
mv: x @ np.ones(3)
norm: mg.linalg.norm(x)
det: mg.linalg.det(np.eye(3))
inverse: mg.linalg.inv(np.eye(3))
inv: mg.linalg.inv(np.eye(3))
svd: mg.linalg.svd(x)
eigh: mg.linalg.eigh(np.eye(3))
cholesky: mg.linalg.cholesky(np.eye(3))
solve: mg.linalg.solve(np.eye(3), np.ones(3))
pinv: mg.linalg.pinv(x)
lerp: x + 0.5 * (b - x)
addmm: x + x @ np.eye(3)
std_mean: (mg.std(x), mg.mean(x))
unique: np.unique(x.data)
histogram: np.histogram(x.data)
bincount: np.bincount([0, 1, 1])
is_tensor: isinstance(x, mg.Tensor)
nograd: mg.no_grad()
inference_mode: mg.no_grad()
enable_grad: mg.Tensor([1.0], requires_grad=True)
set_grad_enabled: mg.no_grad()
set_anomaly_enabled: mg.detect_anomaly()
stop_gradient: x.detach()
autograd: mg.grad(f)(a)
functional: mg.nn.cross_entropy(logits, labels)
func: mg.grad(f)(a)
vmap: ~ mg.stack([mg.Tensor(row) * 2 for row in x.data])
jit: mg.compile(f)
script: mg.compile(f)
make_jaxpr: mg.trace(f)(a)
jacrev: mg.jacobian(f)(a)
jacfwd: mg.jacobian(f)(a)
grad_and_value: mg.value_and_grad(f)(a)
scan: ~ mg.stack(list(x))
custom_vjp: mg.custom_op(lambda g, z, x: g * 2 * x)(lambda x: x * x)
custom_gradient: mg.custom_op(lambda g, z, x: g * 2 * x)(lambda x: x * x)
Function: mg.custom_op(lambda g, z, x: g * 2 * x)(lambda x: x * x)
primitive: mg.custom_op(lambda g, z, x: g * 2 * x)(lambda x: x * x)
check_grads: mg.gradcheck(f, a)
check_grad: mg.gradcheck(f, a)
elementwise_grad: mg.grad(lambda a: np.tanh(a).sum())(a)
draw_dot: mg.draw(loss)
make_dot: mg.draw(loss)
visualize: mg.draw(loss)
plot: mg.draw(loss)
swish: mg.silu(x)
dropout: mg.nn.Dropout(0.5)(x)
max_pool: mg.max_pool2d(np.ones((1, 1, 4, 4)), 2)
batchnorm: mg.batch_norm(x)
relu6: mg.clip(x, 0, 6)
hardtanh: mg.clip(x, -1, 1)
logsigmoid: mg.log_sigmoid(x)
nll_loss: mg.nn.cross_entropy(logits, labels)
mse_loss: mg.nn.mse_loss(x, b)
Adam: mg.optim.Adam(model.parameters())
SGD: mg.optim.SGD(model.parameters(), lr=0.1)
DataLoader: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
utils: mg.optim.clip_grad_norm_(model.parameters(), 1.0)
cuda: np.asarray(a)  # everything is on the CPU
device: np.asarray(a)  # everything is on the CPU
Graph: mg.draw(loss)
print_graph: print(mg.explain(x))
backward: loss.backward()
gradient: mg.grad(f)(a)
derivative: mg.grad(f)(a)
value_and_gradient: mg.value_and_grad(f)(a)
train: mg.fit(model, mg.nn.mse_loss, optimiser, (X, y), epochs=1, rng=np.random.default_rng(0))
export: mg.export_onnx(model, X)
numerical_grad: mg.gradcheck(f, a)
"""

TENSOR = """
argpartition: np.argpartition(x.data, 1, axis=0)
base: x.data.base
compress: mg.compress([True, False], x, axis=0)
fill: x.assign(np.full(x.shape, 1.0))
flags: x.data.flags
flat: x.data.flat
itemsize: x.data.itemsize
put: x[0] = 1.0
searchsorted: np.searchsorted(x.data[0], 0.5)
tobytes: x.data.tobytes()
clone: x.copy()
contiguous: x.copy()
cpu: x  # everything is on the CPU
cuda: x  # everything is on the CPU
to: x.astype(np.float32)
type: x.astype(np.float32)
float: x.astype(np.float32)
double: x.astype(np.float64)
half: x.astype(np.float16)
long: x.astype(np.int64)
int: x.astype(np.int64)
bool: x.astype(bool)
type_as: x.astype(np.float32)
retain_grad: x.grad
requires_grad_: x.requires_grad = True
detach_: x.detach()
zero_: x.data = np.zeros(x.shape)
fill_: x.data = np.full(x.shape, 1.0)
copy_: x.assign(a)
add_: x.assign(x.data + 1)
sub_: x.assign(x.data - 1)
mul_: x.assign(x.data * 2)
div_: x.assign(x.data / 2)
clamp_: x.assign(x.data.clip(-1, 1))
uniform_: x.assign(np.random.default_rng(0).uniform(-1, 1, x.shape))
normal_: x.assign(np.random.default_rng(0).normal(size=x.shape))
device: x  # everything is on the CPU
is_cuda: x  # everything is on the CPU
grad_fn: mg.explain(x)
register_hook: mg.hook(x, print)
view: x.reshape(3, 2)
view_as: x.reshape(a.shape)
reshape_as: x.reshape(a.shape)
permute: x.transpose(1, 0)
unsqueeze: x[None]
expand: mg.broadcast_to(x, (4, 2, 3))
expand_as: mg.broadcast_to(x, a.shape)
chunk: mg.array_split(x, 2, axis=0)
split: mg.split(x, 3, axis=1)
unbind: list(x)
gather: mg.take_along_axis(x, np.array([[0], [2]]), axis=1)
index_select: x.take([0, 2], axis=1)
masked_select: x[x.data > 0]
masked_fill: mg.where(x.data > 0, 0.0, x)
scatter: mg.scatter(x, [0, 1], shape=(4, 3))
scatter_add: mg.scatter(x, [0, 1], shape=(4, 3))
narrow: x[:, 1:3]
numel: x.size
nelement: x.size
dim: x.ndim
ndimension: x.ndim
element_size: x.data.itemsize
nbytes: x.data.nbytes
strides: x.data.strides
t: x.T
movedim: mg.moveaxis(x, 0, 1)
flip: mg.flip(x, 0)
roll: mg.roll(x, 1)
tile: mg.tile(x, (2, 1))
topk: np.argsort(-x.data, axis=1)[:, :2]
clamp: x.clip(-1, 1)
clamp_min: mg.maximum(x, 0)
add: x + b
sub: x - b
subtract: x - b
mul: x * b
multiply: x * b
div: x / b
divide: x / b
true_divide: x / b
neg: -x
mm: x @ a.T
bmm: mg.matmul(x, a.T)
mv: x @ np.ones(3)
pow: x ** 2
reciprocal: 1 / x
rsqrt: 1 / mg.sqrt(mg.abs(x) + 1)
eq: x == b
ne: x != b
gt: x > b
lt: x < b
ge: x >= b
le: x <= b
logical_not: mg.logical_not(x)
inverse: mg.linalg.inv(np.eye(3))
det: mg.linalg.det(np.eye(3))
leaky_relu: mg.leaky_relu(x)
elu: mg.elu(x)
dropout: mg.nn.Dropout(0.5)(x)
unique: np.unique(x.data)
nonzero: mg.nonzero(x)
quantile: mg.quantile(x, 0.5)
allclose: mg.allclose(x, b)
equal: mg.array_equal(x, b)
stop_gradient: x.detach()
at: mg.where(x.data > 0, 1.0, x)
gradient: x.grad
value: x.data
label: x.name
"""

MODULE = """
to: model  # everything is on the CPU
cuda: model  # everything is on the CPU
cpu: model  # everything is on the CPU
double: mg.nn.Linear(3, 2, dtype=np.float64)
float: mg.nn.Linear(3, 2, dtype=np.float32)
half: mg.nn.Linear(3, 2, dtype=np.float16)
children: model.named_modules()
named_children: model.named_modules()
buffers: [t for _, t in model.named_tensors()]
named_buffers: model.named_tensors()
register_buffer: model.running = mg.Tensor(np.zeros(3))
register_parameter: model.scale = mg.nn.Parameter(np.ones(3))
add_module: model.extra = mg.nn.Linear(3, 2)
register_module: model.extra = mg.nn.Linear(3, 2)
register_forward_hook: mg.hook(x, print)
apply: [p.assign(p.data * 0.5) for p in model.parameters()]
unfreeze: model.freeze(False)
predict: model(X)
fit: mg.fit(model, mg.nn.mse_loss, optimiser, (X, y), epochs=1, rng=np.random.default_rng(0))
save: mg.save("model.npz", model.state_dict())
load: model.load_state_dict(model.state_dict())
count_parameters: model.num_parameters()
"""

NN = """
functional: mg.nn.cross_entropy(logits, labels)
F: mg.nn.cross_entropy(logits, labels)
utils: mg.optim.clip_grad_norm_(model.parameters(), 1.0)
relu: mg.relu(x)
gelu: mg.gelu(x)
silu: mg.silu(x)
sigmoid: mg.sigmoid(x)
tanh: mg.tanh(x)
softmax: mg.softmax(x, axis=-1)
log_softmax: mg.log_softmax(x, axis=-1)
softplus: mg.softplus(x)
elu: mg.elu(x)
leaky_relu: mg.leaky_relu(x)
linear: mg.linear(x, np.ones((2, 3)))
conv1d: mg.conv1d(np.ones((1, 1, 5)), np.ones((1, 1, 3)))
conv2d: mg.conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)))
max_pool2d: mg.max_pool2d(np.ones((1, 1, 4, 4)), 2)
avg_pool2d: mg.avg_pool2d(np.ones((1, 1, 4, 4)), 2)
layer_norm: mg.layer_norm(x, 3)
batch_norm: mg.batch_norm(x)
dropout: mg.nn.Dropout(0.5)(x)
embedding: mg.embedding([0, 1], np.ones((4, 3)))
one_hot: mg.one_hot([0, 2, 1], 3)
pad: mg.pad(x, 1)
Swish: mg.nn.SiLU()
Dense: mg.nn.Linear(3, 2)
Conv: mg.nn.Conv2d(1, 2, 3)
MaxPool: mg.nn.MaxPool2d(2)
BatchNorm: mg.nn.BatchNorm1d(3)
Dropout2d: mg.nn.Dropout(0.5)
NLLLoss: mg.nn.cross_entropy(logits, labels)
nll_loss: mg.nn.cross_entropy(logits, labels)
SmoothL1Loss: mg.nn.huber_loss(x, b)
smooth_l1_loss: mg.nn.huber_loss(x, b)
KLDivLoss: (p * (np.log(p) - mg.log_softmax(logits))).sum()
kl_div: (p * (np.log(p) - mg.log_softmax(logits))).sum()
CosineSimilarity: (x * b).sum() / (mg.linalg.norm(x) * mg.linalg.norm(b))
MLP: mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.ReLU(), mg.nn.Linear(4, 2))
Layer: mg.nn.Linear(3, 2)
Neuron: mg.nn.Linear(3, 1)
ReLU6: mg.nn.Sequential(lambda x: mg.clip(x, 0, 6))
Hardtanh: mg.nn.Sequential(lambda x: mg.clip(x, -1, 1))
ParameterList: [mg.nn.Parameter(np.zeros(3))]
ParameterDict: {"w": mg.nn.Parameter(np.zeros(3))}
Buffer: mg.Tensor(np.zeros(3))
Unflatten: mg.nn.Sequential(lambda x: x.reshape(2, 1, 3))
Transformer: ~ mg.nn.MultiheadAttention(4, 2, batch_first=True)
scaled_dot_product_attention: ~ mg.nn.MultiheadAttention(4, 2, batch_first=True)
Tensor: mg.Tensor([1.0, 2.0])
bce_loss: mg.nn.binary_cross_entropy(p, [[0, 1], [1, 0]])
clip_grad_norm_: mg.optim.clip_grad_norm_(model.parameters(), 1.0)
"""

INIT = """
kaiming_uniform_: mg.nn.init.he_uniform(rng, (2, 3))
kaiming_normal_: mg.nn.init.he_normal(rng, (2, 3))
kaiming_uniform: mg.nn.init.he_uniform(rng, (2, 3))
kaiming_normal: mg.nn.init.he_normal(rng, (2, 3))
xavier_uniform_: mg.nn.init.xavier_uniform(rng, (2, 3))
xavier_normal_: mg.nn.init.xavier_normal(rng, (2, 3))
glorot_uniform: mg.nn.init.xavier_uniform(rng, (2, 3))
glorot_normal: mg.nn.init.xavier_normal(rng, (2, 3))
orthogonal_: mg.nn.init.orthogonal(rng, (2, 3))
uniform_: mg.nn.init.uniform(rng, (2, 3), 0.1)
normal_: w.assign(rng.normal(0, 0.02, w.shape))
normal: rng.normal(0, 0.02, (2, 3))
zeros_: w.assign(np.zeros(w.shape))
ones_: w.assign(np.ones(w.shape))
ones: np.ones((2, 3))
constant_: w.assign(np.full(w.shape, 0.1))
trunc_normal_: w.assign(rng.normal(0, 0.02, w.shape).clip(-0.04, 0.04))
eye_: w.assign(np.eye(*w.shape))
calculate_gain: np.sqrt(2)
"""

OPTIM = """
lr_scheduler: mg.optim.StepLR(optimiser, 10)
Optimizer: mg.optim.Optimiser
sgd: mg.optim.SGD(model.parameters(), lr=0.1)
adam: mg.optim.Adam(model.parameters())
adamw: mg.optim.AdamW(model.parameters())
RMSProp: mg.optim.RMSprop(model.parameters())
AdaGrad: mg.optim.Adagrad(model.parameters())
Momentum: mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
Nesterov: mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
NAdam: ~ mg.optim.Adam(model.parameters())
RAdam: ~ mg.optim.Adam(model.parameters())
Adamax: ~ mg.optim.Adam(model.parameters())
ExponentialLR: mg.optim.StepLR(optimiser, 1, gamma=0.95)
MultiStepLR: mg.optim.LambdaLR(optimiser, lambda t: 0.1 ** sum(t >= m for m in (30, 80)))
ConstantLR: mg.optim.LinearLR(optimiser, 1.0, 1.0)
OneCycleLR: ~ mg.optim.CosineAnnealingLR(optimiser, 100)
CosineAnnealingWarmRestarts: ~ mg.optim.CosineAnnealingLR(optimiser, 100)
PolynomialLR: mg.optim.LambdaLR(optimiser, lambda t: (1 - t / 100) ** 2)
clip_grad_norm: mg.optim.clip_grad_norm_(model.parameters(), 1.0)
clip_by_global_norm: mg.optim.clip_grad_norm_(model.parameters(), 1.0)
clip_grad_value: mg.optim.clip_grad_value_(model.parameters(), 1.0)
apply_updates: loss.backward(); optimiser.step()
"""

DATA = """
DataLoader: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
Dataset: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
TensorDataset: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
Subset: X[[0, 2]]
random_split: mg.data.split(X, y, test=0.5, rng=np.random.default_rng(0))
train_test_split: mg.data.split(X, y, test=0.5, rng=np.random.default_rng(0))
StandardScaler: mg.data.standardise(X)
standardize: mg.data.standardise(X)
normalize: mg.data.standardise(X)
load_iris: mg.data.iris()
load_digits: mg.data.digits()
FashionMNIST: mg.data.fashion_mnist()
MNIST: mg.data.mnist("folder")
loadtxt: mg.data.read_csv(["1,2", "3,4"], header=0)
to_categorical: mg.data.one_hot([0, 2, 1])
shuffle: rng.permutation(len(X))
utils: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
minibatches: mg.data.batches(X, y, size=2, rng=np.random.default_rng(0))
"""


def read(text: str) -> dict[str, str]:
    """The lines of a table as {name: code}."""
    return dict(line.split(": ", 1) for line in text.strip().splitlines())


TABLES = {
    "mg": read(MG),
    "mg.nn": read(NN),
    "mg.nn.init": read(INIT),
    "mg.optim": read(OPTIM),
    "mg.data": read(DATA),
    "Tensor": read(TENSOR),
    "Module": read(MODULE),
}


def missing(owner: str, name: str, public: Iterable[str]) -> AttributeError:
    """Return the error for a name that does not exist: it names the cure, or a public name with a similar spelling.

    The error carries `obj=None`. With the module there, Python would add its own suggestion, by spelling alone: squeeze
    for unsqueeze.
    """
    asked, text = name, f"{owner} has no {name!r}."
    table = TABLES[owner]
    if not name.startswith("_") and (near := difflib.get_close_matches(name, {*public, *table}, 1, 0.75)):
        name = near[0]
        text += "" if name in table and f"{name!r}" in text else f" Did you mean {name!r}?"
    if code := table.get(name):
        text += f" The nearest here: {code[2:]}" if code.startswith("~ ") else f" Write {code}"
    return AttributeError(text, name=asked, obj=None)


def answer(owner: str, name: str, public: Iterable[str]) -> Exception:
    """Return what a module's `__getattr__` has to raise.

    `from module import name` hides any AttributeError behind a message of its own, so that it gets an ImportError.
    """
    error = missing(owner, name, public)
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == dis.opmap["IMPORT_FROM"]:
        return ImportError(str(error), name=name)
    return error


def answering(owner: str, public: list[str]) -> Callable[[str], Any]:
    """A module's `__getattr__`."""

    def __getattr__(name: str) -> Any:
        raise answer(owner, name, public)

    return __getattr__


class Cure:
    """An attribute that does not exist, and says what to write; a `__getattr__` would slow down all that do exist."""

    __slots__ = ("name", "otherwise", "owner")

    def __init__(self, owner: str, name: str, otherwise: Callable[..., Any] | None) -> None:
        self.owner, self.name, self.otherwise = owner, name, otherwise

    def __get__(self, instance: Any, cls: Any) -> Any:
        error = missing(self.owner, self.name, ())
        if instance is None or self.otherwise is None:
            raise error
        return self.otherwise(error, instance, self.name)


def install(cls: type, owner: str, hidden: Iterable[str] = (), otherwise: Callable[..., Any] | None = None) -> None:
    """Give a class its table of cures, which completion does not show; nor does it the hidden, the engine's own.

    `otherwise(error, instance, name)` may answer instead of raising the error.
    """
    for name in TABLES[owner]:
        if not hasattr(cls, name):
            setattr(cls, name, Cure(owner, name, otherwise))

    def __dir__(self: Any) -> list[str]:
        names = [name for name in object.__dir__(self) if name not in TABLES[owner] or own(self, name)]
        return [name for name in names if name not in hidden]

    cls.__dir__ = __dir__  # type: ignore[assignment, method-assign]


def own(instance: Any, name: str) -> bool:
    """Return whether an object has an attribute that is not a Cure."""
    if name in getattr(instance, "__dict__", ()):
        return True
    found = next((vars(cls)[name] for cls in type(instance).__mro__ if name in vars(cls)), None)
    return not isinstance(found, Cure)
