"""Training steps of many kinds, each made anew by a function: the step, the calls of it, and what it leaves."""

import copy
import functools
import itertools
import threading

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim

STEPS = {}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), np.array([0, 1, 2, 1, 0, 2])
T, IMAGES = RNG.normal(size=(6, 3)), RNG.normal(size=(3, 1, 6, 6))
SEQUENCES, IDS = RNG.normal(size=(3, 5, 4)), RNG.integers(0, 7, size=(3, 5))


def step(make):
    STEPS[make.__name__] = make
    return make


def rng(seed=0):
    return np.random.default_rng(seed)


def mlp(*sizes, seed=0, **kind):
    r = rng(seed)
    layers = []
    for n, m in itertools.pairwise(sizes):
        layers += [nn.Linear(n, m, rng=r, **kind), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def trained(model, optimiser, loss, *args):
    """A step of the usual form."""

    def run(*batch):
        optimiser.zero_grad()
        value = loss(model, *batch)
        value.backward()
        optimiser.step()
        return value

    return run, [args] * 6, [*model.parameters(), *(x for _, x in optimiser._named_state())]


def classified(model, x, y):
    return nn.cross_entropy(model(x), y)


OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.01),
}
MODELS = {
    "mlp": (lambda: mlp(4, 5, 3), (X, Y)),
    "float32": (lambda: mlp(4, 5, 3, dtype=np.float32), (X.astype(np.float32), Y)),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3, rng=rng()), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3, rng=rng())
        ),
        (IMAGES, Y[:3]),
    ),
    "norm": (lambda: nn.Sequential(mlp(4, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3, rng=rng())), (X, Y)),
    "batch norm": (lambda: nn.Sequential(mlp(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3, rng=rng())), (X, Y)),
    "dropout": (lambda: nn.Sequential(mlp(4, 5), nn.Dropout(0.5, rng=rng(1)), nn.Linear(5, 3, rng=rng())), (X, Y)),
    "embedding": (lambda: Pooled(nn.Embedding(7, 4, rng=rng()), mlp(4, 3)), (IDS, Y[:3])),
    "gru": (lambda: Last(nn.GRU(4, 3, rng=rng())), (SEQUENCES, Y[:3])),
    "lstm": (lambda: Last(nn.LSTM(4, 3, rng=rng())), (SEQUENCES, Y[:3])),
    "attention": (lambda: Attends(), (SEQUENCES, Y[:3])),
}


class Pooled(nn.Module):
    def __init__(self, table, head):
        self.table, self.head = table, head

    def forward(self, ids):
        return self.head(self.table(ids).mean(axis=1))


class Last(nn.Module):
    def __init__(self, body):
        self.body = body

    def forward(self, x):
        return self.body(x)[0][:, -1]


class Attends(nn.Module):
    def __init__(self):
        self.q, self.k, self.v = (nn.Linear(4, 3, rng=rng(i)) for i in range(3))

    def forward(self, x):
        n = x.shape[1]
        scores = self.q(x) @ np.swapaxes(self.k(x), -1, -2) / np.sqrt(3.0)
        scores = np.where(np.tril(np.ones((n, n), bool)), scores, -np.inf)
        return (mg.softmax(scores, axis=-1) @ self.v(x)).mean(axis=1)


def combined(model, optimiser):
    def make():
        build, args = MODELS[model]
        net = build()
        return trained(net, OPTIMISERS[optimiser](net.parameters()), classified, *args)

    return make


for _model in MODELS:
    for _optimiser in OPTIMISERS if _model == "mlp" else ("sgd", "adam"):
        STEPS[f"{_model}, {_optimiser}"] = combined(_model, _optimiser)


def weight(*shape, seed=0):
    return mg.Tensor(rng(seed).normal(size=shape), requires_grad=True)


def by_hand(loss, update=None, count=1, args=(X, T), shape=(4, 3)):
    """A step without an optimiser: a loss of weights, and how they are written."""

    def make():
        ws = [weight(*shape, seed=i) for i in range(count)]

        def run(*batch):
            for w in ws:
                w.zero_grad()
            value = loss(*ws, *batch)
            value.backward()
            for w in ws:
                (update or plain)(w)
            return value

        return run, [args] * 6, ws

    return make


def plain(w):
    w -= 0.1 * w.grad


def assigned(w):
    w.assign(w.data - 0.1 * w.grad)


def through_data(w):
    w.data -= 0.1 * w.grad


def clipped(w):
    w -= 0.1 * np.clip(w.grad, -0.1, 0.1)


def signed(w):
    w -= 0.01 * np.sign(w.grad)


def normed(w):
    w -= 0.1 * w.grad / (np.linalg.norm(w.grad) + 1e-8)


def squared(w, x, t):
    return ((x @ w - t) ** 2).mean()


LOSSES = {
    "squared": squared,
    "absolute": lambda w, x, t: np.abs(x @ w - t).sum(),
    "huber": lambda w, x, t: nn.huber_loss(x @ w, t),
    "log likelihood": lambda w, x, t: -mg.log_softmax(x @ w, axis=-1)[np.arange(6), Y].mean(),
    "logistic": lambda w, x, t: np.log1p(np.exp(-(x @ w) * np.sign(t))).mean(),
    "hinge": lambda w, x, t: np.maximum(0, 1 - (x @ w) * np.sign(t)).mean(),
    "einsum": lambda w, x, t: (np.einsum("ni,ij->nj", x, w) * t).sum(),
    "concatenate": lambda w, x, t: (np.concatenate([x @ w, t], axis=1) ** 2).sum(),
    "where": lambda w, x, t: np.where(x @ w > t, x @ w, t).sum(),
    "cumulative": lambda w, x, t: np.cumsum(np.cumprod(x @ w, axis=1), axis=0).mean(),
    "sorted": lambda w, x, t: np.sort(x @ w, axis=0)[0].sum(),
    "largest": lambda w, x, t: (np.max(x @ w, axis=1) ** 2).sum(),
    "solved": lambda w, x, t: np.linalg.solve(w.T @ w + np.eye(3), t.T).sum(),
    "determinant": lambda w, x, t: np.linalg.slogdet(w.T @ w + np.eye(3))[1],
    "one hot": lambda w, x, t: ((x @ w - np.eye(3)[Y]) ** 2).sum(),
    "outer": lambda w, x, t: np.outer(w[0], w[1]).sum() ** 2,
    "a loop": lambda w, x, t: functools.reduce(lambda h, _: np.tanh(h @ w @ w.T), range(3), x).sum(),
    "a penalty": lambda w, x, t: squared(w, x, t) + 0.1 * (w**2).sum() + 0.01 * np.abs(w).sum(),
    "a gradient": lambda w, x, t: (mg.grad(lambda x: np.tanh(x @ w).sum())(x) ** 2).sum(),
    "a checkpoint": lambda w, x, t: mg.checkpoint(lambda x: np.tanh(x @ w))(x).sum() ** 2,
    "probabilities": lambda w, x, t: nn.binary_cross_entropy(mg.sigmoid(x @ w), (t > 0) * 1.0),
    "a scope": lambda w, x, t: mg.scope("here")(squared)(w, x, t),
    "no gradient": lambda w, x, t: squared(w, x, t) * mg.no_grad()(squared)(w, x, t),
    "stacked": lambda w, x, t: np.stack([x @ w, t]).std(),
    "a norm": lambda w, x, t: np.linalg.norm(x @ w - t, axis=1).mean(),
    "a buffer": lambda w, x, t: filled(w, x),
}


def filled(w, x):
    buffer, total = np.empty(3), 0
    for i in range(3):
        buffer[:] = i + 1
        total = total + ((x @ w) * buffer).sum()
    return total


for _name, _loss in LOSSES.items():
    STEPS[f"loss: {_name}"] = by_hand(_loss)
for _update in (assigned, through_data, clipped, signed, normed):
    STEPS[f"update: {_update.__name__}"] = by_hand(squared, _update)
STEPS["two weights"] = by_hand(
    lambda a, b, x, t: ((np.tanh(x @ a) @ b - t) ** 2).mean(), count=2, args=(X[:, :3], T), shape=(3, 3)
)


@step
def clipped_norm():
    model = mlp(4, 5, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)

    def run(x, y):
        optimiser.zero_grad()
        loss = classified(model, x, y)
        loss.backward()
        norm = optim.clip_grad_norm_(model.parameters(), 0.5)
        optimiser.step()
        return loss, norm

    return run, [(X, Y)] * 6, model.parameters()


@step
def accumulated():
    model = mlp(4, 5, 3)
    optimiser = optim.Adam(model.parameters())

    def run(x, y):
        optimiser.zero_grad()
        for i in (0, 3):
            (classified(model, x[i : i + 3], y[i : i + 3]) / 2).backward()
        optimiser.step()

    return run, [(X, Y)] * 6, model.parameters()


@step
def averaged():
    model, shadow = mlp(4, 3), mlp(4, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)

    def run(x, y):
        optimiser.zero_grad()
        loss = classified(model, x, y)
        loss.backward()
        optimiser.step()
        for p, q in zip(model.parameters(), shadow.parameters(), strict=True):
            q.assign(0.9 * q.data + 0.1 * p.data)
        return loss

    return run, [(X, Y)] * 6, [*model.parameters(), *shadow.parameters()]


@step
def momentum_of_ones_own():
    w, v = weight(4, 3), mg.Tensor(np.zeros((4, 3)))

    def run(x, t):
        nonlocal w, v
        w.zero_grad()
        squared(w, x, t).backward()
        v *= 0.9
        v += w.grad
        w -= 0.1 * v

    return run, [(X, T)] * 6, [w, v]


@step
def adversarial():
    maker, judge = mlp(4, 5, 3), mlp(3, 4, 1, seed=1)
    first, second = optim.Adam(maker.parameters()), optim.Adam(judge.parameters())
    r = rng(3)

    def run(real):
        noise = mg.sample(r.normal, size=(6, 4))
        fake = maker(noise)
        second.zero_grad()
        loss = nn.binary_cross_entropy_with_logits(judge(real), np.ones((6, 1)))
        loss = loss + nn.binary_cross_entropy_with_logits(judge(fake.detach()), np.zeros((6, 1)))
        loss.backward()
        second.step()
        first.zero_grad()
        trick = nn.binary_cross_entropy_with_logits(judge(maker(noise)), np.ones((6, 1)))
        trick.backward()
        first.step()
        return loss, trick

    return run, [(T,)] * 6, [*maker.parameters(), *judge.parameters()]


@step
def meta_learned():
    w = weight(4, 3)

    def run(x, t):
        w.zero_grad()
        inner = mg.grad(lambda w: squared(w, x[:3], t[:3]))
        loss = squared(w - 0.1 * inner(w), x[3:], t[3:])
        loss.backward()
        plain(w)
        return loss

    return run, [(X, T)] * 6, [w]


@step
def penalised_gradient():
    w = weight(4, 3)
    optimiser = optim.SGD([w], lr=0.01)

    def run(x):
        optimiser.zero_grad()
        slope = mg.grad(lambda x: np.tanh(x @ w).sum())(x)
        loss = ((np.linalg.norm(slope, axis=1) - 1) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss

    return run, [(X,)] * 6, [w]


@step
def a_rate_as_an_argument():
    w = weight(4, 3)

    def run(x, t, lr):
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        w.assign(w.data - lr * w.grad)
        return loss

    return run, [(X, T, 0.1 / (1 + i)) for i in range(6)], [w]


@step
def a_rate_in_single_precision():
    w = mg.Tensor(rng().normal(size=(4, 3)).astype(np.float32), requires_grad=True)
    x, t = X.astype(np.float32), T.astype(np.float32)

    def run(x, t, lr, decay):
        w.zero_grad()
        loss = squared(w, x, t) + decay * (w * w).sum() / 2
        loss.backward()
        w.assign(w.data - (lr * 0.5 + decay) * w.grad)
        return loss

    return run, [(x, t, 0.1 / (1 + i), 0.01 * i) for i in range(6)], [w]


@step
def a_rate_that_decides():
    w = weight(4, 3)

    def run(x, t, lr):
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        w.assign(w.data - (lr if lr > 0.03 else 0.03) * w.grad)
        return loss

    return run, [(X, T, 0.1 / (1 + i)) for i in range(6)], [w]


@step
def a_global_rate():
    w, options = weight(4, 3), {"lr": 0.1}

    def run(x, t):
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        w.assign(w.data - options["lr"] * w.grad)
        return loss

    def before(i):
        options["lr"] = 0.1 / (1 + i // 2)

    return run, [(X, T)] * 6, [w], before


@step
def a_schedule_outside():
    model = mlp(4, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.StepLR(optimiser, 2)
    run, calls, left = trained(model, optimiser, classified, X, Y)
    return run, calls, left, lambda i: schedule.step()


@step
def a_rate_that_is_set():
    model = mlp(4, 3)
    optimiser = optim.Adam(model.parameters())
    run, calls, left = trained(model, optimiser, classified, X, Y)
    return run, calls, left, lambda i: setattr(optimiser, "lr", 0.01 / (i + 1))


@step
def frozen_on_the_way():
    model = mlp(4, 5, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)
    run, calls, left = trained(model, optimiser, classified, X, Y)
    return run, calls, left, lambda i: setattr(model.parameters()[0], "requires_grad", i % 4 < 2)


@step
def evaluated_in_between():
    build, args = MODELS["batch norm"]
    model = build()
    run, calls, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, *args)
    return run, calls, left, lambda i: model.train(i % 2 == 0)


@step
def train_as_the_first_line():
    build, args = MODELS["dropout"]
    model = build()
    inner, calls, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, *args)

    def run(*batch):
        model.train()
        return inner(*batch)

    return run, calls, left, lambda i: model.eval()


@step
def loaded_in_between():
    model, other = mlp(4, 3), mlp(4, 3, seed=5)
    run, calls, left = trained(model, optim.Adam(model.parameters()), classified, X, Y)
    return run, calls, left, lambda i: model.load_state_dict(other.state_dict()) if i % 3 == 2 else None


@step
def other_lengths():
    model = Last(nn.GRU(4, 3, rng=rng()))
    run, _, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, SEQUENCES, Y[:3])
    return run, [(SEQUENCES[:, :n], Y[:3]) for n in (5, 3, 5, 3, 5, 3)], left


@step
def other_batches():
    model = mlp(4, 3)
    run, _, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, X, Y)
    return run, [(X[i:] + i, Y[i:]) for i in (0, 0, 0, 1, 0, 1)], left


@step
def augmented():
    model, r = mlp(4, 3), rng(9)

    def loss(model, x, y):
        noise = mg.sample(r.normal, size=x.shape)
        mask = mg.sample(r.random, size=x.shape) < 0.8
        return classified(model, (x + 0.1 * noise) * mask, y)

    return trained(model, optim.SGD(model.parameters(), lr=0.1), loss, X, Y)


@step
def of_a_class():
    class Trainer:
        def __init__(self):
            self.model = mlp(4, 3)
            self.optimiser = optim.Adam(self.model.parameters())
            self.options = {"smoothing": 0.1}
            self.history = []

        def loss(self, x, y):
            return nn.cross_entropy(self.model(x), y) * (1 + self.options["smoothing"])

        def step(self, x, y):
            self.optimiser.zero_grad()
            loss = self.loss(x, y)
            loss.backward()
            self.optimiser.step()
            return {"loss": loss, "size": len(x)}

    trainer = Trainer()
    return trainer.step, [(X, Y)] * 6, trainer.model.parameters(), lambda i: trainer.history.append(i)


@step
def nested():
    model = mlp(4, 3)
    features = mg.compile(lambda x: np.tanh(x * 2))
    return trained(model, optim.SGD(model.parameters(), lr=0.1), lambda m, x, y: classified(m, features(x), y), X, Y)


@step
def partial_and_wrapped():
    model = mlp(4, 3)

    def logged(f):
        @functools.wraps(f)
        def inner(*args):
            return f(*args)

        return inner

    @logged
    def loss(scale, model, x, y):
        return scale * classified(model, x, y)

    return trained(model, optim.SGD(model.parameters(), lr=0.1), functools.partial(loss, 2.0), X, Y)


@step
def reversed_gradient():
    @mg.custom_op(lambda g, z, x: -0.5 * g)
    def back(x):
        return x * 1.0

    return by_hand(lambda w, x, t: squared(back(w), x, t))()


@step
def tied_weights():
    return by_hand(lambda w, x, t: ((x @ w @ w.T - x) ** 2).mean(), shape=(4, 3))()


@step
def of_an_array_alone():
    return (lambda x: (x**2).sum()), [(X,)] * 6, []


@step
def of_plain_numbers():
    return (lambda x, k: {"a": np.sqrt(x * k), "k": k, "n": x.ndim}), [(np.abs(X), float(i)) for i in range(6)], []


@step
def a_gradient_alone():
    return mg.grad(lambda w: squared(w, X, T)), [(rng(i).normal(size=(4, 3)),) for i in range(6)], []


@step
def value_and_gradient():
    return mg.value_and_grad(lambda w: squared(w, X, T)), [(rng(i).normal(size=(4, 3)),) for i in range(6)], []


@step
def a_copy_of_an_argument():
    w = weight(4, 3)

    def run(x, t):
        x = mg.Tensor(x)
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        plain(w)
        return loss

    return run, [(X, T)] * 6, [w]


@step
def labels_in_one_hot():
    w = weight(4, 3)

    def run(x, y):
        w.zero_grad()
        target = np.eye(3)[y]
        loss = ((x @ w - target) ** 2).mean()
        loss.backward()
        plain(w)
        return loss

    return run, [(X, Y)] * 6, [w]


@step
def labels_in_one_hot_by_take():
    w = weight(4, 3)

    def run(x, y):
        w.zero_grad()
        loss = ((x @ w - mg.take(np.eye(3), y, axis=0)) ** 2).mean()
        loss.backward()
        plain(w)
        return loss

    return run, [(X, Y)] * 6, [w]


@step
def plain_momentum():
    w, v = weight(4, 3), np.zeros((4, 3))

    def run(x, t):
        nonlocal v
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        v *= 0.9
        v += w.grad
        w.assign(w.data - 0.1 * v)
        return loss

    return run, [(X, T)] * 6, [w]


@step
def skipped_batches():
    w = weight(4, 3)
    optimiser = optim.SGD([w], lr=0.1)

    def run(x, t):
        optimiser.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        try:
            optimiser.step()
        except FloatingPointError:
            return None
        return loss

    bad = np.where(np.arange(24).reshape(6, 4) == 3, np.nan, X)
    return run, [(x, T) for x in (X, bad, X, X, bad, X)], [w]


@step
def in_threads():
    model = mlp(4, 3)
    inner, calls, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, X, Y)

    def before(i):
        thread = threading.Thread(target=lambda: model(X))
        thread.start()
        thread.join()

    return inner, calls, left, before


@step
def copied_in_between():
    model = mlp(4, 3)
    run, calls, left = trained(model, optim.SGD(model.parameters(), lr=0.1), classified, X, Y)
    return run, calls, left, lambda i: copy.deepcopy(model)(X)


@step
def early_stopped():
    w = weight(4, 3)

    def run(x, t):
        w.zero_grad()
        loss = squared(w, x, t)
        if loss.item() < 0.1:
            return loss
        loss.backward()
        plain(w)
        return loss

    return run, [(X, T)] * 6, [w]


@step
def a_schedule_inside():
    model = mlp(4, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.StepLR(optimiser, 2)
    inner, calls, left = trained(model, optimiser, classified, X, Y)

    def run(*batch):
        loss = inner(*batch)
        schedule.step()
        return loss

    return run, calls, left


@step
def recurrent_by_hand():
    return by_hand(lambda w, x, t: np.tanh(np.tanh(x[:3] @ w).T @ np.tanh(x[3:] @ w)).sum())()


@step
def newton():
    w = weight(3, seed=2)

    def run(x):
        loss = lambda w: (np.cosh(w * x) ** 2).sum()  # noqa: E731
        g, h = mg.grad(loss)(w.data), mg.hessian(loss)(w.data)
        w.assign(w.data - np.linalg.solve(h, g))

    return run, [(np.array([1.0, 2.0, 0.5]),)] * 6, [w]


@step
def decayed_by_a_count():
    w, count = weight(4, 3), mg.Tensor(0.0)

    def run(x, t):
        nonlocal count, w
        count += 1
        w.zero_grad()
        loss = squared(w, x, t)
        loss.backward()
        w -= 0.1 / count * w.grad
        return loss, count * 1

    return run, [(X, T)] * 6, [w, count]


@step
def of_two_models():
    first, second = mlp(4, 5), mlp(5, 3, seed=1)
    optimisers = [optim.SGD(first.parameters(), lr=0.1), optim.Adam(second.parameters())]

    def run(x, y):
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss = nn.cross_entropy(second(np.tanh(first(x))), y)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        return loss.detach(), loss.data

    return run, [(X, Y)] * 6, [*first.parameters(), *second.parameters()]


@step
def groups_of_parameters():
    model = mlp(4, 5, 3)
    first, *rest = model.parameters()
    optimiser = optim.SGD([{"params": [first], "lr": 0.01}, {"params": rest}], lr=0.1)
    return trained(model, optimiser, classified, X, Y)


@step
def inputs_in_a_dict():
    model = mlp(4, 3)
    run, _, left = trained(model, optim.SGD(model.parameters(), lr=0.1), lambda m, b: classified(m, b["x"], b["y"]), {})
    return run, [({"x": X, "y": Y},)] * 6, left
