"""PyTorch's functions, under its own signatures, as calls of NumPy's: what a person would write in their place.

`CALLS[name]` takes what a sample of torch's op of that name holds, arrays in place of tensors. `UntranslatableError` is
raised where NumPy has no such call.
"""

import math

import numpy as np

import micrograd_np as mg


class UntranslatableError(Exception):
    """NumPy has no call for this sample."""


def none_of(**options):
    """Options that NumPy's call does not have may only hold their defaults."""
    if any(value is not None for value in options.values()):
        raise UntranslatableError(options)


def ax(dim):
    """torch's dim as NumPy's axis; torch takes an empty list for all of them."""
    if isinstance(dim, list | tuple):
        return tuple(dim) or None
    return dim


def unary(f):
    return lambda x: f(x)


def binary(f):
    return lambda x, y: f(x, y)


def offset(f):
    return lambda x, k=0: f(x, k)


def reduction(f):
    def call(x, dim=None, keepdim=False, *, dtype=None):
        none_of(dtype=dtype)
        return f(x, axis=ax(dim) if x.ndim else None, keepdims=keepdim and x.ndim > 0)

    return call


def spread(f):
    """var and std: torch divides by N - correction, 1 unless told."""

    def call(x, dim=None, unbiased=None, correction=None, keepdim=False):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = correction if correction is not None else 1 if unbiased in (None, True) else 0
        return f(x, axis=ax(dim), ddof=ddof, keepdims=keepdim)

    return call


def cumulative(f):
    def call(x, dim, *, dtype=None):
        none_of(dtype=dtype)
        return f(x, axis=dim) if x.ndim else f(x)

    return call


def extreme(f):
    """max and min: of everything, or two tensors; of an axis torch gives the index too, and breaks ties by it."""

    def call(x, dim=None, keepdim=False):
        if hasattr(dim, "shape") and not isinstance(dim, int):
            return {np.max: np.maximum, np.min: np.minimum}[f](x, dim)
        return f(x, axis=dim if x.ndim else None, keepdims=keepdim and x.ndim > 0)

    return call


def add(x, y, *, alpha=1):
    return x + alpha * y


def rsub(x, y, *, alpha=1):
    return y - alpha * x


def div(x, y, *, rounding_mode=None):
    z = x / y
    return {None: lambda z: z, "floor": np.floor, "trunc": np.trunc}[rounding_mode](z)


def clamp(x, min=None, max=None):
    return np.clip(x, min, max)


def product(f):
    """addmm and its family: beta * x + alpha * (a @ b)."""

    def call(x, a, b, *, beta=1, alpha=1):
        return beta * x + alpha * f(a, b)

    return call


def addcmul(x, a, b, *, value=1):
    return x + value * a * b


def addcdiv(x, a, b, *, value=1):
    return x + value * a / b


def lerp(x, y, weight):
    return x + weight * (y - x)


def expand(x, shape):
    added = len(shape) - x.ndim
    return np.broadcast_to(x, tuple(x.shape[i - added] if n == -1 else n for i, n in enumerate(shape)))


def diagonal(x, offset=0, dim1=0, dim2=1):
    return np.diagonal(x, offset, dim1, dim2)


def linalg_diagonal(x, *, offset=0, dim1=-2, dim2=-1):
    return np.diagonal(x, offset, dim1, dim2)


def diff(x, n=1, dim=-1, prepend=None, append=None):
    ends = {key: end for key, end in (("prepend", prepend), ("append", append)) if end is not None}
    return np.diff(x, n, dim, **ends)


def flip(x, dims):
    return np.flip(x, tuple(dims))


def roll(x, shifts, dims=None):
    return np.roll(x, shifts, dims or None if isinstance(dims, list | tuple) else dims)


def rot90(x, k=1, dims=(0, 1)):
    return np.rot90(x, k, tuple(dims))


def split(x, sizes, dim=0):
    equal = isinstance(sizes, int)
    return np.split(x, list(range(sizes, x.shape[dim], sizes)) if equal else list(np.cumsum(sizes)[:-1]), dim)


def chunk(x, chunks, dim=0):
    return split(x, math.ceil(x.shape[dim] / chunks), dim)


def tensor_split(x, sections, dim=0):
    if hasattr(sections, "tolist"):
        sections = sections.tolist()
    return np.array_split(x, sections, dim)


def gather(x, dim, index):
    if not x.ndim:
        return x[None][np.atleast_1d(index)].reshape(index.shape)
    if not index.size:
        raise UntranslatableError("an empty index of another shape")
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim] = index
    return x[tuple(grid)]


def scatter_add(x, dim, index, source):
    if not x.ndim:
        return x + source
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim] = index
    return x + mg.scatter(source[tuple(map(slice, index.shape))], tuple(grid), x.shape)


def index_select(x, dim, index):
    return np.take(x, index, dim) if x.ndim else x


def index_add(x, dim, index, source, *, alpha=1):
    if not x.ndim:
        return x + alpha * source.sum()
    where = tuple(index if axis == dim % x.ndim else slice(None) for axis in range(x.ndim))
    return x + alpha * mg.scatter(source, where, x.shape)


def index_fill(x, dim, index, value):
    if not x.ndim:
        return x * 0 + value
    chosen = np.isin(np.arange(x.shape[dim]), index)
    return np.where(chosen.reshape([-1 if axis == dim % x.ndim else 1 for axis in range(x.ndim)]), value, x)


def masked_fill(x, mask, value):
    return np.where(mask, value, x)


def take(x, index):
    return np.take(x, index)


def sort(x, dim=-1, descending=False, stable=False):
    if not x.ndim:
        return x
    return np.flip(np.sort(x, axis=dim), dim) if descending else np.sort(x, axis=dim)


def topk(x, k, dim=-1, largest=True, sorted=True):
    if not x.ndim:
        return x
    ordered = np.sort(x, axis=dim)
    ordered = np.flip(ordered, dim) if largest else ordered
    return np.take(ordered, np.arange(k), axis=dim)


def repeat(x, sizes):
    return np.tile(x, tuple(sizes))


def repeat_interleave(x, repeats, dim=None, *, output_size=None):
    return np.repeat(x, repeats, dim)


def where(x, condition, y):
    return np.where(condition, x, y)


def squeeze(x, dim=None):
    if dim is None:
        return np.squeeze(x)
    dims = [d % max(x.ndim, 1) for d in ([dim] if isinstance(dim, int) else dim)]
    return np.squeeze(x, tuple(d for d in dims if x.ndim and x.shape[d] == 1))


def flatten(x, start_dim=0, end_dim=-1):
    if not x.ndim:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape((*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :]))


def unflatten(x, dim, sizes):
    dim %= x.ndim
    return x.reshape((*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def narrow(x, dim, start, length):
    start = int(start)
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, start + length if start + length else None),)]


def select(x, dim, index):
    return np.take(x, index, dim)


def slice_(x, dim=0, start=None, end=None, step=1):
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def getitem(x, index):
    return x[tuple(index)] if isinstance(index, list | tuple) else x[index]


def pad(x, widths, mode="constant", value=None):
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    if min(widths) < 0:
        raise UntranslatableError("np.pad does not cut")
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    options = {"constant_values": value or 0} if mode == "constant" else {}
    return np.pad(x, pairs, modes[mode], **options)


def quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    return np.quantile(x, q, axis=dim if x.ndim else None, keepdims=keepdim and x.ndim > 0, method=interpolation)


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    none_of(dtype=dtype)
    return np.linalg.vector_norm(x, ord=ord, axis=ax(dim), keepdims=keepdim)


def matrix_norm(x, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    none_of(dtype=dtype)
    return np.linalg.norm(x, ord, tuple(dim), keepdim)


def linalg_norm(x, ord=None, dim=None, keepdim=False, *, dtype=None):
    none_of(dtype=dtype)
    return np.linalg.norm(x, ord, ax(dim), keepdim)


def norm(x, p="fro", dim=None, keepdim=False, dtype=None):
    none_of(dtype=dtype)
    if p == "nuc":
        return np.linalg.norm(x, "nuc", ax(dim))
    return np.linalg.vector_norm(x, ord=2 if p in ("fro", None) else p, axis=ax(dim), keepdims=keepdim)


def softmax(f):
    def call(x, dim, *, dtype=None):
        return f(x, axis=dim)

    return call


def reduced(losses, reduction):
    return {"none": lambda z: z, "mean": np.mean, "sum": np.sum}[reduction](losses)


def cross_entropy(x, target, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    if weight is not None or label_smoothing or x.ndim == 1 or target.dtype.kind == "f" or ignore_index in target:
        raise UntranslatableError("options that belong to a loss")
    return reduced(mg.cross_entropy(np.moveaxis(x, 1, -1), target), reduction)


def mse_loss(x, y, reduction="mean"):
    return reduced(np.square(x - y), reduction)


def l1_loss(x, y, reduction="mean"):
    return reduced(np.abs(x - y), reduction)


def linear(x, weight, bias=None):
    y = np.matmul(x, weight.T if weight.ndim > 1 else weight)
    return y if bias is None else y + bias


def embedding(ids, weight, **options):
    if any(options.values()):
        raise UntranslatableError(options)
    return mg.embedding(weight, ids)


def einsum(operands, subscripts):
    return np.einsum(subscripts, *operands)


def tensordot(x, y, dims):
    return np.tensordot(x, y, dims)


def sequence(f):
    """torch's first tensor and the rest, as the one list that NumPy takes."""

    def call(x, *others, dim=None):
        arrays = list(x) if isinstance(x, list | tuple) else [x, *others]
        if arrays and isinstance(arrays[-1], int):
            *arrays, dim = arrays
        return f(arrays) if dim is None else f(arrays, axis=dim)

    return call


def conv(f):
    def call(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        pair = [tuple(v) if isinstance(v, list) else v for v in (stride, padding, dilation)]
        if isinstance(padding, str):
            raise UntranslatableError("padding by name")
        return f(x, weight, bias, *pair, groups)

    return call


def max_pool(f):
    def call(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        sizes = [tuple(v) if isinstance(v, list) else v for v in (kernel_size, stride, padding)]
        if ceil_mode or return_indices or dilation not in (1, [1, 1], (1, 1)):
            raise UntranslatableError("ceil_mode, indices, dilation")
        return f(x, *sizes)

    return call


def avg_pool(f):
    def call(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        if ceil_mode or not count_include_pad or divisor_override:
            raise UntranslatableError("other ways to count")
        return f(x, *[tuple(v) if isinstance(v, list) else v for v in (kernel_size, stride or None, padding)])

    return call


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    return mg.layer_norm(x, tuple(shape), weight, bias, eps)


def eigh(x, UPLO="L"):
    values, vectors = np.linalg.eigh(x, UPLO)
    return values, np.abs(vectors)


def svd(x, full_matrices=True):
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UntranslatableError("the basis of a null space has no derivative")
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.abs(u), s, np.abs(vh)


def solve(a, b, *, left=True):
    if not left or not (b.ndim == 1 or b.ndim == a.ndim):
        raise UntranslatableError("torch reads b as vectors")
    return np.linalg.solve(a, b)


def pinv(x, *, atol=None, rtol=None, hermitian=False):
    none_of(atol=atol, rtol=rtol)
    return np.linalg.pinv(x)


def trapezoid(y, x=None, *, dx=1.0, dim=-1):
    return np.trapezoid(y, x, dx, dim)


def logsumexp(x, dim, keepdim=False):
    return mg.logsumexp(x, axis=ax(dim) if x.ndim else None, keepdims=keepdim and x.ndim > 0)


UNARY = """
    abs arccos:acos arccosh:acosh arcsin:asin arcsinh:asinh arctan:atan arctanh:atanh ceil cos cosh deg2rad
    exp exp2 expm1 fix:trunc floor fliplr flipud log log10 log1p log2 negative:neg positive rad2deg ravel
    reciprocal sign sign:sgn sin sinc sinh sqrt square tan tanh trunc conj conj:conj_physical real nan_to_num
    copy:clone copy:contiguous transpose:t transpose:T linalg.inv linalg.det linalg.slogdet linalg.svdvals
""".split()
BINARY = """
    arctan2:atan2 copysign fmax fmin fmod remainder heaviside hypot logaddexp logaddexp2 maximum minimum dot
    vdot outer inner kron matmul matmul:mm matmul:bmm matmul:mv divide:true_divide multiply:mul float_power
    ldexp power:pow
""".split()


def named(words, wrap):
    """`numpy_name:torch_name` words as calls."""
    found = {}
    for word in words:
        name, _, theirs = word.partition(":")
        function = np
        for part in name.split("."):
            function = getattr(function, part)
        found[theirs or name] = wrap(function)
    return found


CALLS = {
    **named(UNARY, unary),
    **named(BINARY, binary),
    **{name: reduction(getattr(np, name)) for name in ("sum", "mean", "prod", "amax", "amin", "nansum", "nanmean")},
    **{name: cumulative(getattr(np, name)) for name in ("cumsum", "cumprod")},
    **{name: unary(getattr(mg, name)) for name in ("sigmoid",)},
    **{f"nn.functional.{name}": unary(getattr(mg, name)) for name in ("relu", "silu")},
    **{name: sequence(getattr(np, name)) for name in ("stack", "hstack", "vstack", "dstack", "column_stack")},
    **{name: spread(getattr(np, name)) for name in ("var", "std")},
    **{name: offset(getattr(np, name)) for name in ("tril", "triu", "diag", "diagflat")},
    "cat": sequence(np.concatenate),
    "max": extreme(np.max),
    "min": extreme(np.min),
    "add": add,
    "sub": lambda x, y, *, alpha=1: x - alpha * y,
    "rsub": rsub,
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "__rmatmul__": lambda x, y: np.matmul(y, x),
    "div": div,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "frac": lambda x: x - np.trunc(x),
    "clamp": clamp,
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
    "addmm": product(np.matmul),
    "addmv": product(np.matmul),
    "baddbmm": product(np.matmul),
    "addbmm": product(lambda a, b: np.matmul(a, b).sum(0)),
    "addr": product(np.outer),
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "lerp": lerp,
    "expand": expand,
    "broadcast_to": np.broadcast_to,
    "expand_as": lambda x, y: np.broadcast_to(x, y.shape),
    "broadcast_tensors": lambda *arrays: np.broadcast_arrays(*arrays),
    "diagonal": diagonal,
    "linalg.diagonal": linalg_diagonal,
    "trace": np.trace,
    "diff": diff,
    "flip": flip,
    "roll": roll,
    "rot90": rot90,
    "split": split,
    "split_with_sizes": split,
    "unsafe_split": split,
    "chunk": chunk,
    "unsafe_chunk": chunk,
    "tensor_split": tensor_split,
    "hsplit": np.hsplit,
    "vsplit": np.vsplit,
    "dsplit": np.dsplit,
    "unbind": lambda x, dim=0: list(np.moveaxis(x, dim, 0)),
    "gather": gather,
    "take_along_dim": lambda x, index, dim=None: np.take_along_axis(x, index, dim),
    "scatter_add": scatter_add,
    "index_select": index_select,
    "index_add": index_add,
    "index_fill": index_fill,
    "masked_fill": masked_fill,
    "masked_select": lambda x, mask: np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape))[
        np.broadcast_to(mask, np.broadcast_shapes(x.shape, mask.shape))
    ],
    "take": take,
    "sort": sort,
    "msort": lambda x: np.sort(x, axis=0),
    "topk": topk,
    "repeat": repeat,
    "tile": repeat,
    "repeat_interleave": repeat_interleave,
    "where": where,
    "squeeze": squeeze,
    "unsqueeze": np.expand_dims,
    "flatten": flatten,
    "unflatten": unflatten,
    "reshape": np.reshape,
    "view": np.reshape,
    "reshape_as": lambda x, y: x.reshape(y.shape),
    "view_as": lambda x, y: x.reshape(y.shape),
    "permute": np.transpose,
    "transpose": np.swapaxes,
    "mT": lambda x: x.mT,
    "movedim": np.moveaxis,
    "atleast_1d": lambda *x: np.atleast_1d(*x),
    "atleast_2d": lambda *x: np.atleast_2d(*x),
    "narrow": narrow,
    "select": select,
    "slice": slice_,
    "__getitem__": getitem,
    "constant_pad_nd": lambda x, widths, value=0: pad(x, widths, "constant", value),
    "nn.functional.pad": pad,
    "quantile": quantile,
    "norm": norm,
    "linalg.norm": linalg_norm,
    "linalg.vector_norm": vector_norm,
    "linalg.matrix_norm": matrix_norm,
    "linalg.cross": lambda x, y, *, dim=-1: np.cross(x, y, axis=dim),
    "cross": lambda x, y, dim=None: np.cross(x, y, axis=-1 if dim is None else dim),
    "linalg.multi_dot": np.linalg.multi_dot,
    "linalg.matrix_power": np.linalg.matrix_power,
    "linalg.vecdot": lambda x, y, *, dim=-1: np.linalg.vecdot(x, y, axis=dim),
    "linalg.solve": solve,
    "linalg.pinv": pinv,
    "linalg.eigh": eigh,
    "linalg.eigvalsh": lambda x, UPLO="L": np.linalg.eigvalsh(x, UPLO),
    "linalg.cholesky": lambda x, *, upper=False: np.linalg.cholesky(x, upper=upper),
    "linalg.svd": svd,
    "linalg.qr": lambda x, mode="reduced": np.linalg.qr(x, mode),
    "tensordot": tensordot,
    "einsum": einsum,
    "softmax": softmax(mg.softmax),
    "log_softmax": softmax(mg.log_softmax),
    "nn.functional.softmin": lambda x, dim, **_: mg.softmax(-x, axis=dim),
    "logsumexp": logsumexp,
    "trapezoid": trapezoid,
    "trapz": trapezoid,
    "nn.functional.linear": linear,
    "nn.functional.embedding": embedding,
    "nn.functional.cross_entropy": cross_entropy,
    "nn.functional.mse_loss": mse_loss,
    "nn.functional.l1_loss": l1_loss,
    "nn.functional.leaky_relu": lambda x, negative_slope=0.01: mg.leaky_relu(x, negative_slope),
    "nn.functional.elu": lambda x, alpha=1.0: mg.elu(x, alpha),
    "nn.functional.gelu": mg.gelu,
    "nn.functional.softplus": lambda x, beta=1.0: mg.softplus(beta * x) / beta,
    "nn.functional.logsigmoid": lambda x: -mg.softplus(-x),
    "nn.functional.conv1d": conv(mg.conv1d),
    "nn.functional.conv2d": conv(mg.conv2d),
    "nn.functional.max_pool1d": max_pool(mg.max_pool1d),
    "nn.functional.max_pool2d": max_pool(mg.max_pool2d),
    "nn.functional.avg_pool1d": avg_pool(mg.avg_pool1d),
    "nn.functional.avg_pool2d": avg_pool(mg.avg_pool2d),
    "nn.functional.layer_norm": layer_norm,
}
