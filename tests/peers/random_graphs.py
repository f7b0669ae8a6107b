"""Random graphs of calls that NumPy and PyTorch both have, drawn from a seed and run in either library.

A graph is a pool of values: a few inputs, and what each drawn call makes of values that are in the pool already. A call
is a pair of functions, one for NumPy (arrays or Tensors) and one for PyTorch. The table below says how each is drawn.
Calls whose derivative depends on the order of equal entries are drawn only where no two entries are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import micrograd_np as mg

LARGEST = 50.0  # values beyond are brought back by arctan, so that rounding stays comparable
DTYPES = ("float64", "float64", "float32")


@dataclass
class Step:
    name: str
    places: list[int]  # of the arguments in the pool
    ours: object
    theirs: object


class Draw:
    """The means that the entries of the table draw with: a generator, the pool's values, and the torch module."""

    def __init__(self, seed, torch):
        self.rng = np.random.default_rng(seed)
        self.torch = torch
        self.pool = []  # of torch's tensors

    def number(self, low, high):
        return int(self.rng.integers(low, high))

    def one_of(self, choices):
        return choices[self.number(0, len(choices))]

    def place(self, fits=lambda x: True):
        """A value of the pool that fits, the newer ones more often; None if there is none."""
        fitting = [i for i, x in enumerate(self.pool) if fits(x)]
        return fitting[max(self.number(0, len(fitting)), self.number(0, len(fitting)))] if fitting else None

    def axis(self, x):
        axis = self.number(0, x.ndim)
        return axis - x.ndim if self.rng.random() < 0.5 else axis

    def shape(self, most=3):
        return tuple(self.rng.integers(1, 5, size=self.number(0, most + 1)).tolist())

    def array(self, shape, dtype):
        return self.rng.normal(size=shape).astype(dtype)

    def dtype_of(self, x):
        return str(x.dtype).removeprefix("torch.")


def one(ours, theirs=None, fits=lambda x: True):
    """A function of one value. `theirs` is torch's of the same name unless it is given."""

    def draw(d):
        place = d.place(fits)
        return None if place is None else ([place], ours, theirs(d.torch) if theirs else None)

    return draw


def same(name, guard="x"):
    """`np.name` and `torch.name` of an expression of x that stays inside the domain."""
    ours = eval(f"lambda x: np.{name}({guard})", {"np": np})
    return lambda d: unary(d, ours, eval(f"lambda x: torch.{name}({guard})", {"torch": d.torch, "np": d.torch}))


def unary(d, ours, theirs, fits=lambda x: True):
    place = d.place(fits)
    return None if place is None else ([place], ours, theirs)


ARRAYS_ALONE = (
    "hypot arctan2 logaddexp logaddexp2 copysign maximum minimum fmax fmin".split()
)  # torch takes no numbers there


def broadcasts(x, y):
    return all(a == b or 1 in (a, b) for a, b in zip(x.shape[::-1], y.shape[::-1], strict=False))


def two(name, left="x", right="y", fits=lambda x, y: True):
    """`np.name` and `torch.name` of two values that broadcast: both of the pool, or one a constant or a number.

    Where torch and NumPy promote differently, which is for 0-d tensors and integers beside float32, none is drawn.
    """
    text = f"lambda x, y: np.{name}({left}, {right})"
    ours = eval(text, {"np": np})

    def draw(d):
        theirs = eval(text, {"np": d.torch})
        i = d.place()
        x = d.pool[i]
        kind = d.number(0, 4)
        if kind == 0 and name not in ARRAYS_ALONE:
            number = d.one_of([2, 0.5, -1.5, 3])
            return [i], lambda x: ours(x, number), lambda x: theirs(x, number)
        if kind == 1:
            constant = d.array(x.shape if d.number(0, 2) else x.shape[-1:], d.dtype_of(x))
            if x.dtype == d.torch.float64 and name in ("add", "subtract", "multiply", "true_divide") and d.number(0, 2):
                kinds = [np.round(constant).astype(int), constant.astype("float32"), constant > 0]
                constant = d.one_of(kinds[:2] if name == "subtract" else kinds)  # nobody subtracts booleans
            if not fits(d.torch.tensor(constant), x.detach()):
                return None
            if d.number(0, 2):
                return [i], lambda x: ours(x, constant), lambda x: theirs(x, d.torch.tensor(constant))
            return [i], lambda x: ours(constant, x), lambda x: theirs(d.torch.tensor(constant), x)
        j = d.place(lambda y: broadcasts(x, y) and (y.dtype == x.dtype or (x.ndim > 0 and y.ndim > 0)))
        if not fits(x.detach(), d.pool[j].detach()):
            return None
        return [i, j], ours, theirs

    return draw


def reduced(ours, theirs, fits=lambda d, x, axis: True, every=True):
    """A reduction over one axis, several or all; `theirs` is given torch, the value, the axes and keepdims."""

    def draw(d):
        i = d.place(lambda x: x.ndim > 0)
        if i is None:
            return None
        x = d.pool[i]
        count = d.number(1, x.ndim + 1) if every else 1
        axes = tuple(int(a) for a in d.rng.permutation(x.ndim)[:count])
        axes = tuple(a - x.ndim if d.rng.random() < 0.5 else a for a in axes)
        keep = bool(d.number(0, 2))
        if not fits(d, x, axes):
            return None
        axis = axes if len(axes) > 1 or (d.number(0, 2) and every) else axes[0]
        return [i], lambda x: ours(x, axis, keep), lambda x: theirs(d.torch, x, axes, keep)

    return draw


def distinct(d, x, axes):
    """True if no two entries are equal, whatever is compared."""
    return len(np.unique(x.detach().numpy())) == x.numel()


def no_zero(d, x, axes):
    """True if no entry is 0, where torch's second derivatives of norms are nan even along what moves nothing."""
    return bool((x != 0).all())


def several(d, x, axes):
    return all(x.shape[axis] > 1 for axis in axes)


def along(ours, theirs, fits=lambda d, x, axis: True):
    """A function along one axis."""

    def draw(d):
        i = d.place(lambda x: x.ndim > 0)
        if i is None:
            return None
        axis = d.axis(d.pool[i])
        if not fits(d, d.pool[i], (axis,)):
            return None
        return [i], lambda x: ours(x, axis), lambda x: theirs(d.torch, x, axis)

    return draw


def reshape(d):
    i = d.place()
    size = d.pool[i].numel()
    divisors = [k for k in range(1, size + 1) if size % k == 0]
    first = d.one_of(divisors)
    shape = (first, -1) if d.number(0, 2) else (size // first, first)
    return [i], lambda x: np.reshape(x, shape), lambda x: x.reshape(shape)


def transpose(d):
    i = d.place(lambda x: x.ndim > 1)
    if i is None:
        return None
    order = tuple(int(a) for a in d.rng.permutation(d.pool[i].ndim))
    return [i], lambda x: np.transpose(x, order), lambda x: x.permute(order)


def getitem(d):
    i = d.place(lambda x: x.ndim > 0)
    if i is None:
        return None
    index = []
    arrays = d.number(0, 3) == 0
    for size in d.pool[i].shape[: d.number(1, d.pool[i].ndim + 1)]:
        kind = d.number(0, 3)
        if arrays and not any(isinstance(part, np.ndarray) for part in index):
            index.append(d.rng.integers(-size, size, size=d.number(1, 4)))
        elif kind == 0 and not arrays:  # beside an array, an integer is one more array for NumPy, but not for torch
            index.append(d.number(-size, size))
        elif kind == 1:
            start = d.number(0, size)
            index.append(slice(start, d.number(start + 1, size + 1), d.number(1, 3)))
        else:
            index.append(slice(None))
    if d.number(0, 4) == 0:
        index.insert(0, None)
    ours = tuple(index)
    theirs = tuple(d.torch.tensor(part) if isinstance(part, np.ndarray) else part for part in index)
    return [i], lambda x: x[ours], lambda x: x[theirs]


def mask(d):
    i = d.place(lambda x: x.ndim > 0)
    if i is None:
        return None
    chosen = d.rng.random(tuple(d.pool[i].shape)) < 0.7
    chosen.flat[0] = True
    return [i], lambda x: x[chosen], lambda x: x[d.torch.tensor(chosen)]


def where(d):
    i = d.place()
    j = d.place(lambda y: broadcasts(d.pool[i], y) and y.dtype == d.pool[i].dtype)
    condition = d.rng.random(tuple(d.pool[i].shape)) < 0.5
    return (
        [i, j],
        lambda x, y: np.where(condition, x, y),
        lambda x, y: d.torch.where(d.torch.tensor(condition), x, y),
    )


def joined(ours, theirs):
    def draw(d):
        i = d.place(lambda x: x.ndim > 0)
        if i is None:
            return None
        x = d.pool[i]
        places = [i, *(d.place(lambda y: y.shape == x.shape and y.dtype == x.dtype) for _ in range(d.number(0, 3)))]
        axis = d.axis(x)
        return places, lambda *xs: ours(xs, axis), lambda *xs: theirs(d.torch)(xs, axis)

    return draw


def take_along(d):
    i = d.place(lambda x: x.ndim > 0)
    if i is None:
        return None
    x = d.pool[i]
    axis = d.number(0, x.ndim)
    shape = [d.number(1, 4) if k == axis else size for k, size in enumerate(x.shape)]
    index = d.rng.integers(0, x.shape[axis], size=shape)
    return (
        [i],
        lambda x: np.take_along_axis(x, index, axis),
        lambda x: d.torch.take_along_dim(x, d.torch.tensor(index), axis),
    )


def matmul(d):
    i = d.place(lambda x: 1 <= x.ndim <= 3)
    if i is None:
        return None
    x = d.pool[i]
    j = d.place(lambda y: 1 <= y.ndim <= 2 and y.shape[max(y.ndim - 2, 0)] == x.shape[-1] and y.dtype == x.dtype)
    if j is None or d.number(0, 2):
        constant = d.array((x.shape[-1], d.number(1, 4)), d.dtype_of(x))
        return [i], lambda x: x @ constant, lambda x: x @ d.torch.tensor(constant)
    return [i, j], lambda x, y: np.matmul(x, y), lambda x, y: d.torch.matmul(x, y)


def vectors(ours, theirs, alike=True):
    def draw(d):
        i = d.place(lambda x: x.ndim == 1)
        if i is None:
            return None
        x = d.pool[i]
        j = d.place(lambda y: y.ndim == 1 and y.dtype == x.dtype and (not alike or y.shape == x.shape))
        return [i, j], ours, lambda x, y: theirs(d.torch)(x, y)

    return draw


EINSUMS = [("ij->ji", 2), ("ij->i", 2), ("ij->", 2), ("ijk->ki", 3), ("i->", 1)]


def einsum(d):
    text, count = d.one_of(EINSUMS)
    i = d.place(lambda x: x.ndim == count)
    return None if i is None else ([i], lambda x: np.einsum(text, x), lambda x: d.torch.einsum(text, x))


def contraction(d):
    i = d.place(lambda x: x.ndim == 2)
    if i is None:
        return None
    x = d.pool[i]
    j = d.place(lambda y: y.ndim == 2 and y.shape[0] == x.shape[1] and y.dtype == x.dtype)
    text = d.one_of(["ij,jk->ik", "ij,jk->k", "ij,jk->", "ij,jk->kji"])
    return None if j is None else ([i, j], lambda x, y: np.einsum(text, x, y), lambda x, y: d.torch.einsum(text, x, y))


def square_matrix(f_ours, f_theirs):
    """A function of the well-conditioned, symmetric matrix x xᵀ / n + I."""

    def draw(d):
        i = d.place(lambda x: x.ndim == 2 and x.dtype == d.torch.float64)
        if i is None:
            return None
        n, ours, theirs = d.pool[i].shape[1], f_ours, f_theirs
        scale = float(d.pool[i].detach().abs().max()) + 1.0
        return (
            [i],
            lambda x: ours((x / scale) @ (x / scale).T / n + np.diag(np.arange(1.0, x.shape[0] + 1))),
            lambda x: theirs(d.torch)(
                (x / scale) @ (x / scale).T / n + d.torch.diag(d.torch.arange(1.0, x.shape[0] + 1, dtype=x.dtype))
            ),
        )

    return draw


def solve(d):
    i = d.place(lambda x: x.ndim == 2 and x.dtype == d.torch.float64)
    if i is None:
        return None
    n = d.pool[i].shape[0]
    matrix = d.array((n, n), "float64") + 4 * np.eye(n)
    return [i], lambda x: np.linalg.solve(matrix, x), lambda x: d.torch.linalg.solve(d.torch.tensor(matrix), x)


def pad(d):
    i = d.place(lambda x: 0 < x.ndim < 3)
    if i is None:
        return None
    widths = d.rng.integers(0, 3, size=(d.pool[i].ndim, 2)).tolist()
    flat = [width for pair in widths[::-1] for width in pair]
    return [i], lambda x: np.pad(x, widths), lambda x: d.torch.nn.functional.pad(x, flat)


def broadcast_to(d):
    i = d.place(lambda x: x.ndim < 3)
    if i is None:
        return None
    shape = tuple(d.number(1, 4) if size == 1 else size for size in d.pool[i].shape)
    shape = (d.number(1, 3), *shape)
    return [i], lambda x: np.broadcast_to(x, shape), lambda x: x.broadcast_to(shape)


def astype(d):
    i = d.place()
    name = d.one_of(["float32", "float64"])
    return [i], lambda x: x.astype(name), lambda x: x.to(getattr(d.torch, name))


def convolution(d):
    i = d.place(lambda x: x.ndim == 3)
    if i is None:
        return None
    x = d.pool[i]
    kernel = d.number(1, x.shape[-1] + 1)
    weight = d.array((d.number(1, 3), x.shape[1], kernel), d.dtype_of(x))
    options = {"stride": d.number(1, 3), "padding": d.number(0, 2)}
    return (
        [i],
        lambda x: mg.conv1d(x, weight, **options),
        lambda x: d.torch.nn.functional.conv1d(x, d.torch.tensor(weight), **options),
    )


def pooling(ours, theirs, fits):
    def draw(d):
        i = d.place(lambda x: x.ndim == 3)
        if i is None or not fits(d, d.pool[i], ()):
            return None
        kernel = d.number(1, d.pool[i].shape[-1] + 1)
        return [i], lambda x: ours(x, kernel), lambda x: theirs(d.torch)(x, kernel)

    return draw


def image(ours, theirs, fits=lambda d, x: True):
    """A function of a batch of images, made of one value (channels, height, width)."""

    def draw(d):
        i = d.place(lambda x: x.ndim == 3 and min(x.shape[1:]) > 1 and fits(d, x))
        if i is None:
            return None
        weight = d.array((2, d.pool[i].shape[0], 2, 2), d.dtype_of(d.pool[i]))
        return [i], lambda x: ours(x[None], weight), lambda x: theirs(d.torch, x[None], d.torch.tensor(weight))

    return draw


def layer_norm(d):
    i = d.place(lambda x: x.ndim > 0 and x.shape[-1] > 2)
    if i is None:
        return None
    n = d.pool[i].shape[-1]
    return (
        [i],
        lambda x: mg.nn.LayerNorm(n, elementwise_affine=False)(x),
        lambda x: d.torch.nn.functional.layer_norm(x, (n,)),
    )


def cross_entropy(d):
    i = d.place(lambda x: x.ndim == 2)
    if i is None:
        return None
    rows, classes = d.pool[i].shape
    labels = d.rng.integers(0, classes, size=rows)
    return (
        [i],
        lambda x: mg.nn.cross_entropy(x, labels),
        lambda x: d.torch.nn.functional.cross_entropy(x, d.torch.tensor(labels)),
    )


def of(ours, theirs, fits=lambda d, x, axes: True):
    """A function of any one value whose two spellings differ."""

    def draw(d):
        i = d.place(lambda x: fits(d, x, ()))
        return None if i is None else ([i], ours, lambda x: theirs(d.torch, x))

    return draw


def dims(axes):
    return axes[0] if len(axes) == 1 else axes


CALLS = {
    **{name: same(name) for name in "sin cos tanh arctan arcsinh exp2 expm1 square negative".split()},
    **{name: same(name) for name in "floor ceil trunc round sign positive rad2deg deg2rad".split()},
    "absolute": same("absolute"),
    "exp": same("exp", "np.tanh(x)"),
    "sinh": same("sinh", "np.tanh(x)"),
    "cosh": same("cosh", "np.tanh(x)"),
    "tan": same("tan", "np.tanh(x)"),
    **{name: same(name, "0.9 * np.tanh(x)") for name in "arcsin arccos arctanh".split()},
    **{name: same(name, "np.absolute(x) + 0.5") for name in "log log2 log10 log1p sqrt reciprocal".split()},
    "sinc": same("sinc", "np.absolute(x) + 0.5"),  # nearer to 0, torch's derivative is rounded more
    "arccosh": same("arccosh", "np.absolute(x) + 1.5"),
    **{name: two(name) for name in "add subtract multiply maximum minimum logaddexp".split()},
    **{name: two(name, fits=lambda x, y: bool((x != y).all())) for name in ("fmax", "fmin")},  # torch's ties differ
    "hypot": two("hypot", "x", "np.absolute(y) + 0.1"),
    "arctan2": two("arctan2", "x", "np.absolute(y) + 0.1"),
    "divide": two("true_divide", "x", "(y * y + 0.5)"),
    "power": two("pow", "np.absolute(x) + 0.5", "y"),
    "remainder": two("remainder", "x", "(y * y + 0.5)"),
    "fmod": two("fmod", "x", "(y * y + 0.5)"),
    "copysign": two("copysign", fits=lambda x, y: bool((x != 0).all() and (y != 0).all())),
    "relu": of(mg.relu, lambda t, x: t.relu(x)),
    "sigmoid": of(mg.sigmoid, lambda t, x: t.sigmoid(x)),
    "silu": of(mg.silu, lambda t, x: t.nn.functional.silu(x)),
    "softplus": of(mg.softplus, lambda t, x: t.nn.functional.softplus(x, threshold=1e9)),
    "elu": of(mg.elu, lambda t, x: t.nn.functional.elu(x)),
    "leaky_relu": of(lambda x: mg.leaky_relu(x, 0.2), lambda t, x: t.nn.functional.leaky_relu(x, 0.2)),
    "clip": of(lambda x: np.clip(x, -0.8, 1.1), lambda t, x: t.clip(x, -0.8, 1.1)),
    "sum": reduced(lambda x, a, k: np.sum(x, axis=a, keepdims=k), lambda t, x, a, k: x.sum(a, keepdim=k)),
    "mean": reduced(lambda x, a, k: np.mean(x, axis=a, keepdims=k), lambda t, x, a, k: x.mean(a, keepdim=k)),
    "prod": reduced(
        lambda x, a, k: np.prod(x, axis=a, keepdims=k), lambda t, x, a, k: x.prod(a[0], keepdim=k), every=False
    ),
    "var": reduced(lambda x, a, k: np.var(x, axis=a, keepdims=k), lambda t, x, a, k: x.var(a, correction=0, keepdim=k)),
    "std": reduced(
        lambda x, a, k: np.std(x, axis=a, keepdims=k, ddof=1),
        lambda t, x, a, k: x.std(a, correction=1, keepdim=k),
        lambda d, x, a: several(d, x, a) and distinct(d, x, a),
    ),
    "max": reduced(lambda x, a, k: np.max(x, axis=a, keepdims=k), lambda t, x, a, k: t.amax(x, a, keepdim=k)),
    "min": reduced(lambda x, a, k: np.min(x, axis=a, keepdims=k), lambda t, x, a, k: t.amin(x, a, keepdim=k)),
    "logsumexp": reduced(
        lambda x, a, k: mg.logsumexp(x, axis=a, keepdims=k), lambda t, x, a, k: t.logsumexp(x, a, keepdim=k)
    ),
    "norm": reduced(
        lambda x, a, k: np.linalg.norm(x, axis=a, keepdims=k),
        lambda t, x, a, k: t.linalg.vector_norm(x, dim=a[0], keepdim=k),
        no_zero,
        every=False,
    ),
    "norm 1": reduced(
        lambda x, a, k: np.linalg.norm(x, 1, axis=a, keepdims=k),
        lambda t, x, a, k: t.linalg.vector_norm(x, 1, dim=a[0], keepdim=k),
        no_zero,
        every=False,
    ),
    "norm 3": reduced(
        lambda x, a, k: np.linalg.norm(x, 3, axis=a, keepdims=k),
        lambda t, x, a, k: t.linalg.vector_norm(x, 3, dim=a[0], keepdim=k),
        no_zero,
        every=False,
    ),
    "quantile": reduced(
        lambda x, a, k: np.quantile(x, 0.3, axis=a, keepdims=k),
        lambda t, x, a, k: t.quantile(x, 0.3, dim=a[0], keepdim=k),
        distinct,
        every=False,
    ),
    "cumsum": along(np.cumsum, lambda t, x, a: x.cumsum(a)),
    "cumprod": along(np.cumprod, lambda t, x, a: x.cumprod(a)),
    "sort": along(np.sort, lambda t, x, a: x.sort(a)[0], distinct),
    "flip": along(np.flip, lambda t, x, a: x.flip(a)),
    "roll": along(lambda x, a: np.roll(x, 2, a), lambda t, x, a: x.roll(2, a)),
    "repeat": along(lambda x, a: np.repeat(x, 2, a), lambda t, x, a: x.repeat_interleave(2, a)),
    "diff": along(lambda x, a: np.diff(x, axis=a), lambda t, x, a: x.diff(dim=a), several),
    "softmax": along(lambda x, a: mg.softmax(x, axis=a), lambda t, x, a: x.softmax(a)),
    "log_softmax": along(lambda x, a: mg.log_softmax(x, axis=a), lambda t, x, a: x.log_softmax(a)),
    "split": along(lambda x, a: np.array_split(x, 2, a)[0], lambda t, x, a: x.tensor_split(2, a)[0]),
    "expand_dims": along(np.expand_dims, lambda t, x, a: x.unsqueeze(a), lambda d, x, a: x.ndim < 3 and a[0] >= 0),
    "swapaxes": along(lambda x, a: np.swapaxes(x, a, 0), lambda t, x, a: x.swapaxes(a, 0)),
    "moveaxis": along(lambda x, a: np.moveaxis(x, a, 0), lambda t, x, a: x.movedim(a, 0)),
    "trapezoid": along(lambda x, a: np.trapezoid(x, axis=a), lambda t, x, a: t.trapezoid(x, dim=a), several),
    "erf": of(mg.erf, lambda t, x: t.erf(x)),
    "erfc": of(mg.erfc, lambda t, x: t.erfc(x)),
    "gelu": of(mg.gelu, lambda t, x: t.nn.functional.gelu(x)),
    "gelu tanh": of(lambda x: mg.gelu(x, "tanh"), lambda t, x: t.nn.functional.gelu(x, approximate="tanh")),
    "log_sigmoid": of(mg.log_sigmoid, lambda t, x: t.nn.functional.logsigmoid(x)),
    "nan_to_num": of(np.nan_to_num, lambda t, x: t.nan_to_num(x)),
    "nansum": of(np.nansum, lambda t, x: t.nansum(x)),
    "nanmean": of(np.nanmean, lambda t, x: t.nanmean(x)),
    "logaddexp2": two("logaddexp2"),
    "median": along(
        lambda x, a: np.median(x, a),
        lambda t, x, a: x.median(a)[0],
        lambda d, x, a: x.shape[a[0]] % 2 == 1 and distinct(d, x, a),
    ),
    "cross": of(
        lambda x: np.cross(x, x[..., ::-1] * 2),
        lambda t, x: t.linalg.cross(x, x.flip(-1) * 2),
        lambda d, x, a: x.ndim > 0 and x.shape[-1] == 3,
    ),
    "norm of a matrix": of(
        np.linalg.norm, lambda t, x: t.linalg.norm(x), lambda d, x, a: x.ndim == 2 and no_zero(d, x, a)
    ),
    "conv2d": image(lambda x, w: mg.conv2d(x, w), lambda t, x, w: t.nn.functional.conv2d(x, w)),
    "max_pool2d": image(
        lambda x, w: mg.max_pool2d(x, 2),
        lambda t, x, w: t.nn.functional.max_pool2d(x, 2),
        lambda d, x: distinct(d, x, ()),
    ),
    "avg_pool2d": image(lambda x, w: mg.avg_pool2d(x, 2), lambda t, x, w: t.nn.functional.avg_pool2d(x, 2)),
    "mse_loss": of(
        lambda x: mg.nn.mse_loss(x, np.full(x.shape, 0.3, x.dtype)),
        lambda t, x: t.nn.functional.mse_loss(x, t.full_like(x, 0.3)),
    ),
    "l1_loss": of(
        lambda x: mg.nn.l1_loss(x, np.full(x.shape, 0.3, x.dtype)),
        lambda t, x: t.nn.functional.l1_loss(x, t.full_like(x, 0.3)),
    ),
    "huber_loss": of(
        lambda x: mg.nn.huber_loss(x, np.full(x.shape, 0.3, x.dtype)),
        lambda t, x: t.nn.functional.huber_loss(x, t.full_like(x, 0.3)),
    ),
    "ravel": of(np.ravel, lambda t, x: x.ravel()),
    "squeeze": of(np.squeeze, lambda t, x: x.squeeze()),
    "tril": of(np.tril, lambda t, x: x.tril(), lambda d, x, a: x.ndim > 1),
    "triu": of(lambda x: np.triu(x, 1), lambda t, x: x.triu(1), lambda d, x, a: x.ndim > 1),
    "trace": of(np.trace, lambda t, x: x.trace(), lambda d, x, a: x.ndim == 2),
    "diagonal": of(np.diagonal, lambda t, x: x.diagonal(), lambda d, x, a: x.ndim == 2),
    "diag": of(np.diag, lambda t, x: x.diag(), lambda d, x, a: x.ndim == 1),
    "rot90": of(np.rot90, lambda t, x: x.rot90(), lambda d, x, a: x.ndim > 1),
    "tile": of(lambda x: np.tile(x, (2, 1)), lambda t, x: x.repeat(2, 1), lambda d, x, a: x.ndim == 2),
    "copy": of(lambda x: x.copy(), lambda t, x: x.clone()),
    "reshape": reshape,
    "transpose": transpose,
    "getitem": getitem,
    "mask": mask,
    "where": where,
    "concatenate": joined(np.concatenate, lambda t: t.cat),
    "stack": joined(np.stack, lambda t: t.stack),
    "take_along_axis": take_along,
    "matmul": matmul,
    "dot": vectors(np.dot, lambda t: t.dot),
    "inner": vectors(np.inner, lambda t: t.inner),
    "vdot": vectors(np.vdot, lambda t: t.vdot),
    "outer": vectors(np.outer, lambda t: t.outer, alike=False),
    "kron": vectors(np.kron, lambda t: t.kron, alike=False),
    "einsum": einsum,
    "contraction": contraction,
    "tensordot": of(lambda x: np.tensordot(x, x, 2), lambda t, x: t.tensordot(x, x, 2), lambda d, x, a: x.ndim == 2),
    "inv": square_matrix(np.linalg.inv, lambda t: t.linalg.inv),
    "det": square_matrix(np.linalg.det, lambda t: t.linalg.det),
    "slogdet": square_matrix(lambda x: np.linalg.slogdet(x)[1], lambda t: lambda x: t.linalg.slogdet(x)[1]),
    "cholesky": square_matrix(np.linalg.cholesky, lambda t: t.linalg.cholesky),
    "eigvalsh": square_matrix(np.linalg.eigvalsh, lambda t: t.linalg.eigvalsh),
    "singular values": square_matrix(
        lambda x: np.linalg.svd(x, compute_uv=False), lambda t: lambda x: t.linalg.svdvals(x)
    ),
    "pinv": square_matrix(np.linalg.pinv, lambda t: t.linalg.pinv),
    "matrix_power": square_matrix(lambda x: np.linalg.matrix_power(x, 3), lambda t: lambda x: t.matrix_power(x, 3)),
    "solve": solve,
    "pad": pad,
    "broadcast_to": broadcast_to,
    "astype": astype,
    "conv1d": convolution,
    "max_pool1d": pooling(mg.max_pool1d, lambda t: t.nn.functional.max_pool1d, distinct),
    "avg_pool1d": pooling(mg.avg_pool1d, lambda t: t.nn.functional.avg_pool1d, lambda d, x, axes: True),
    "LayerNorm": layer_norm,
    "cross_entropy": cross_entropy,
}
MOST_ENTRIES = 200  # of a value


def draw_graph(seed, torch, steps=8):
    """Return the inputs, as arrays, and the steps of a graph."""
    d = Draw(seed, torch)
    rounded = d.number(0, 4) == 0  # many zeros, and entries that are equal
    inputs = []
    for _ in range(d.number(1, 4)):
        x = d.array(d.shape(), d.one_of(DTYPES))
        inputs.append(np.round(2 * x) / 2 if rounded else x)
    d.pool = [torch.tensor(x, requires_grad=True) for x in inputs]
    graph = []
    names = list(CALLS)
    for _ in range(100):
        if len(graph) >= steps:
            break
        name = d.one_of(names)
        drawn = CALLS[name](d)
        if drawn is None:
            continue
        places, ours, theirs = drawn
        z = theirs(*[d.pool[i] for i in places])
        if z.numel() > MOST_ENTRIES or z.numel() == 0 or not z.isfinite().all():
            continue
        graph.append(Step(name, places, ours, theirs))
        d.pool.append(z)
        if z.detach().abs().max() > LARGEST:
            graph.append(Step("arctan", [len(d.pool) - 1], np.arctan, torch.arctan))
            d.pool.append(torch.arctan(z))
    return inputs, graph


def run(pool, graph, library):
    """Run the graph's calls of a library, `ours` or `theirs`, and return all values."""
    pool = list(pool)
    for step in graph:
        pool.append(getattr(step, library)(*[pool[i] for i in step.places]))
    return pool
