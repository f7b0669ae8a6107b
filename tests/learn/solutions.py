"""The solutions of all exercises, as a reader would write them."""

import math

import numpy as np

import micrograd_np as mg


def slope(f, x, h):
    return (f(x + h) - f(x)) / h


def product_slopes(a, b):
    return b, a


def square_slope(x):
    return 2 * x


def chain_slopes(a, b):
    outer = 1 - math.tanh(a * b) ** 2
    return outer * b, outer * a


def sigmoid_slope(s):
    return s * (1 - s)


def used_twice(a):
    return 3 + 2 * a


def two_paths(a):
    b = math.tanh(a)
    return b + a * (1 - b**2)


def order(output):
    found, seen, stack = [], set(), [(output, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            found.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.parents)
    return found[::-1]


def backward(output):
    output.grad = 1.0
    for node in order(output):
        for parent, slope in node.parents:
            parent.grad += node.grad * slope


def value_class():
    class Value:
        def __init__(self, data, parents=()):
            self.data, self.parents, self.grad = data, parents, 0.0

        def __add__(self, other):
            return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

        def __mul__(self, other):
            return Value(self.data * other.data, ((self, other.data), (other, self.data)))

        def tanh(self):
            z = math.tanh(self.data)
            return Value(z, ((self, 1 - z * z),))

        def backward(self):
            backward(self)

    return Value


def array_class():
    class Value:
        def __init__(self, data, parents=()):
            self.data, self.parents, self.grad = data, parents, 0.0  # pairs (parent, rule)

        def __add__(self, other):
            return Value(self.data + other.data, ((self, lambda g: g), (other, lambda g: g)))

        def __mul__(self, other):
            return Value(self.data * other.data, ((self, lambda g: g * other.data), (other, lambda g: g * self.data)))

        def __matmul__(self, other):
            rules = (self, lambda g: g @ other.data.T), (other, lambda g: self.data.T @ g)
            return Value(self.data @ other.data, rules)

        def tanh(self):
            z = np.tanh(self.data)
            return Value(z, ((self, lambda g: g * (1 - z * z)),))

        def sum(self):
            return Value(self.data.sum(), ((self, lambda g: g * np.ones_like(self.data)),))

        def backward(self):
            self.grad = 1.0
            for node in order(self):
                for parent, rule in node.parents:
                    parent.grad = parent.grad + rule(node.grad)

    return Value


def tanh_backward(g, x):
    return g * (1 - np.tanh(x) ** 2)


def matmul_backward(g, x, w):
    return g @ w.T, x.T @ g


def bias_backward(g, x, b):
    return g, g.sum(axis=0)


def scale_backward(g, x, s):
    return g * s, (g * x).sum(axis=1, keepdims=True)


def sum_backward(g, x):
    return np.broadcast_to(g, x.shape)


def mean_backward(g, x):
    return np.broadcast_to(g / x.shape[1], x.shape)


def lookup_backward(g, table, index):
    d = np.zeros_like(table)
    np.add.at(d, index, g)
    return d


def relu_backward(g, x):
    return g * (x > 0)


def l2_delta(y, z2):
    l2 = 1 / (1 + np.exp(-z2))
    return (l2 - y) * l2 * (1 - l2)


def l1_delta(g, z1, syn1):
    l1 = 1 / (1 + np.exp(-z1))
    return g.dot(syn1.T) * l1 * (1 - l1)


def eleven_lines(X, y, syn0, syn1):
    l1 = 1 / (1 + np.exp(-(X @ syn0)))
    l2 = 1 / (1 + np.exp(-(l1 @ syn1)))
    d2 = (l2 - y) * l2 * (1 - l2)
    d1 = d2 @ syn1.T * l1 * (1 - l1)
    return X.T @ d1, l1.T @ d2


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=1, keepdims=True))


def log_softmax_backward(g, x):
    return g - softmax(x) * g.sum(axis=1, keepdims=True)


def cross_entropy_backward(scores, labels):
    p = softmax(scores)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


def dropout_backward(g, x, mask):
    return g * mask / 0.75


def norm_backward(g, x, gamma, axis):
    std = np.sqrt(x.var(axis=axis, keepdims=True) + 1e-5)
    n = (x - x.mean(axis=axis, keepdims=True)) / std
    dn = g * gamma
    dx = (dn - dn.mean(axis=axis, keepdims=True) - n * (dn * n).mean(axis=axis, keepdims=True)) / std
    return dx, (g * n).sum(axis=0), g.sum(axis=0)


def layer_norm_backward(g, x, gamma, beta):
    return norm_backward(g, x, gamma, 1)


def batch_norm_backward(g, x, gamma, beta):
    return norm_backward(g, x, gamma, 0)


def attention_backward(g, q, k, v):
    scale = q.shape[1] ** -0.5
    p = softmax(q @ k.T * scale)
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) * scale
    return ds @ k, ds.T @ q, p.T @ g


def rnn_backward(g, xs, w, u):
    hs = [np.zeros((xs.shape[1], u.shape[0]))]
    for x in xs:
        hs.append(np.tanh(x @ w + hs[-1] @ u))
    dw, du, dh = np.zeros_like(w), np.zeros_like(u), g
    for t in reversed(range(len(xs))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dw += xs[t].T @ dz
        du += hs[t].T @ dz
        dh = dz @ u.T
    return dw, du


def lstm_step_backward(g, x, h, c, w, b):
    gh, gc = np.split(g, 2, axis=1)
    D = x.shape[1]
    a = x @ w[:D] + h @ w[D:] + b
    i, f, o, n = np.split(a, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
    n = np.tanh(n)
    t = np.tanh(f * c + i * n)
    dc = gc + gh * o * (1 - t * t)
    gates = [dc * n * i * (1 - i), dc * c * f * (1 - f), gh * t * o * (1 - o), dc * i * (1 - n * n)]
    da = np.concatenate(gates, axis=1)
    return da @ w[:D].T, da @ w[D:].T, dc * f, np.concatenate([x.T @ da, h.T @ da]), da.sum(axis=0)


def convolution_backward(g, x, w):
    dx, dw, T = np.zeros_like(x), np.zeros_like(w), g.shape[1]
    for k in range(len(w)):
        dx[:, k : k + T] += g * w[k]
        dw[k] = (g * x[:, k : k + T]).sum()
    return dx, dw


def max_pool_backward(g, x):
    pairs = x.reshape(len(x), -1, 2)
    return ((pairs == pairs.max(axis=2, keepdims=True)) * g[:, :, None]).reshape(x.shape)


def distance_backward(g, x, y):
    d = g[:, None] * (x - y) / np.sqrt(((x - y) ** 2).sum(axis=1, keepdims=True))
    return d, -d


def gelu_backward(g, x):
    t = np.tanh(0.79788456 * (x + 0.044715 * x**3))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.79788456 * (1 + 3 * 0.044715 * x**2))


def newton_step(f, x):
    return x - mg.grad(f)(x) / mg.grad(mg.grad(f))(x)
