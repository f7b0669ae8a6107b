"""Wrong answers as readers write them, each with words of the sentence that must name the mistake."""

import math

import numpy as np

from .solutions import array_class, attention_backward, batch_norm_backward, eleven_lines, order, softmax


def backward_that_overwrites(output):
    output.grad = 1.0
    for node in order(output):
        for parent, slope in node.parents:
            parent.grad = node.grad * slope


def backward_in_preorder(output):
    output.grad, stack, seen = 1.0, [output], set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for parent, slope in node.parents:
            parent.grad += node.grad * slope
            stack.append(parent)


def backward_breadth_first(output):
    output.grad, queue, seen = 1.0, [output], {id(output)}
    for node in queue:
        for parent, slope in node.parents:
            parent.grad += node.grad * slope
            if id(parent) not in seen:
                seen.add(id(parent))
                queue.append(parent)


def backward_on_every_path(output):
    output.grad, stack = 1.0, [(output, 1.0)]
    while stack:
        node, share = stack.pop()
        for parent, slope in node.parents:
            parent.grad += share * slope
            stack.append((parent, share * slope))


def backward_recursive(output):
    found, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent, _ in node.parents:
                visit(parent)
            found.append(node)

    visit(output)
    output.grad = 1.0
    for node in reversed(found):
        for parent, slope in node.parents:
            parent.grad += node.grad * slope


def backward_without_seed(output):
    for node in order(output):
        for parent, slope in node.parents:
            parent.grad += node.grad * slope


def backward_that_forgets_its_own_gradient(output):
    output.grad = 1.0
    for node in order(output):
        for parent, slope in node.parents:
            parent.grad += slope


def backward_of_the_first_parent(output):
    output.grad = 1.0
    for node in order(output):
        for parent, slope in node.parents[:1]:
            parent.grad += node.grad * slope


def order_recursive(output):
    found = []

    def visit(node):
        if node not in found:
            for parent, _ in node.parents:
                visit(parent)
            found.append(node)

    visit(output)
    return reversed(found)


def order_without_a_set(output):
    found = [output]
    for node in found:
        found.extend(parent for parent, _ in node.parents)
    return found


def order_breadth_first(output):
    found, seen = [output], {id(output)}
    for node in found:
        for parent, _ in node.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                found.append(parent)
    return found


def value_class_that_overwrites():
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
            backward_that_overwrites(self)

    return Value


def array_class_with(**changes):
    """The right class of arrays with some of its methods replaced."""

    def answer():
        kind = array_class()
        for name, method in changes.items():
            setattr(kind, name, method)
        return kind

    return answer


def sum_without_ones(self):
    return type(self + self)(self.data.sum(), ((self, lambda g: g),))


def sum_without_g(self):
    return type(self + self)(self.data.sum(), ((self, lambda g: np.ones_like(self.data)),))


def tanh_without_g(self):
    z = np.tanh(self.data)
    return type(self + self)(z, ((self, lambda g: 1 - z * z),))


def product_without_g(self, other):
    return type(self + self)(self.data * other.data, ((self, lambda g: other.data), (other, lambda g: self.data)))


def addition_without_g(self, other):
    ones = np.ones_like(self.data)
    return type(self * self)(self.data + other.data, ((self, lambda g: ones), (other, lambda g: ones)))


def lookup_by_index(g, table, index):
    d = np.zeros_like(table)
    for i in index:
        d[i] += g[i]
    return d


def product_with_swapped_rules(self, other):
    return type(self + self)(
        self.data * other.data, ((self, lambda g: g * self.data), (other, lambda g: g * other.data))
    )


def walk_that_overwrites(self):
    self.grad = 1.0
    for node in order(self):
        for parent, rule in node.parents:
            parent.grad = rule(node.grad)


def walk_too_early(self):
    self.grad, found = 1.0, [self]
    for node in found:
        for parent, rule in node.parents:
            parent.grad = parent.grad + rule(node.grad)
            if parent not in found:
                found.append(parent)


def lookup_with_plain_indexing(g, table, index):
    d = np.zeros_like(table)
    d[index] += g
    return d


def batch_norm_mean_held(g, x, gamma, beta):
    std = np.sqrt(x.var(axis=0) + 1e-5)
    n = (x - x.mean(axis=0)) / std
    dn = g * gamma
    return (dn - n * (dn * n).mean(axis=0)) / std, (g * n).sum(axis=0), g.sum(axis=0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SLIPS = [
    ("slope", lambda f, x, h: f(x + h) - f(x), "Divide it by h"),
    ("slope", lambda f, x, h: (f(x) - f(x + h)) / h, "sign"),
    ("slope", lambda f, x, h: f(x + h) - f(x) / h, "parentheses"),
    ("slope", lambda f, x, h: (f(x + h) - f(x - h)) / h, "step of 2 h"),
    ("slope", lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h), "A good estimate"),
    ("product", lambda a, b: (a, b), "Swapped"),
    ("square", lambda x: x, "two uses"),
    ("square", lambda x: ((x + 0.001) ** 2 - x**2) / 0.001, "exact one"),
    ("chain", lambda a, b: (math.tanh(a * b) * b, math.tanh(a * b) * a), "in place of its slope"),
    ("chain", lambda a, b: (1 - math.tanh(a * b) ** 2,) * 2, "inner slope"),
    ("chain", lambda a, b: (b, a), "slope of tanh is left out"),
    ("chain", lambda a, b: ((1 - (a * b) ** 2) * b, (1 - (a * b) ** 2) * a), "taken of u"),
    ("sigmoid slope", lambda s: 1 - s, "factor s"),
    ("sigmoid slope", lambda s: 5.0, "is right"),
    ("sigmoid slope", lambda s: s * 1 - s, "in parentheses"),
    ("chain", lambda a, b: 1.0, "Return 2 numbers"),
    ("chain", lambda a, b: print(b), "return"),
    ("used twice", lambda a: 2 * a, "by way of c"),
    ("used twice", lambda a: 3 * a + a * a, "not its slope"),
    ("two paths", lambda a: math.tanh(a), "by way of b"),
    ("two paths", lambda a: math.tanh(a) * a * (1 - math.tanh(a) ** 2), "multiplied"),
    ("two paths", lambda a: math.tanh(a) + (1 - math.tanh(a) ** 2), "the factor a is missing"),
    ("order", lambda output: order(output)[::-1], "wrong way round"),
    ("order", lambda output: order(output)[:-1], "missing"),
    ("order", order_without_a_set, "twice"),
    ("order", order_breadth_first, "not be complete"),
    ("order", lambda output: [*order(output), output], "twice"),
    ("order", lambda output: 5, "Return a list"),
    ("order", order_recursive, "right for small graphs"),
    ("backward", backward_that_overwrites, "Gradients add"),
    ("backward", backward_in_preorder, "before it is complete"),
    ("backward", backward_breadth_first, "before it is complete"),
    ("backward", backward_on_every_path, "each path"),
    ("backward", backward_recursive, "recursive"),
    ("backward", backward_without_seed, "output.grad = 1"),
    ("backward", backward_that_forgets_its_own_gradient, "multiply along a path"),
    ("backward", backward_of_the_first_parent, "some of the parents"),
    ("value class", value_class_that_overwrites, "shares add"),
    ("value class", value_class_that_overwrites(), "shares add"),
    ("value class", lambda: 5, "Return the class"),
    ("value class", lambda: 1 / 0, "ZeroDivisionError"),
    ("value class", array_class_with(tanh=lambda self: self), "the value is"),
    ("array class", array_class_with(sum=sum_without_ones), "the gradient of x has shape ()"),
    (
        "array class",
        array_class_with(__mul__=product_with_swapped_rules),
        "(x * y).sum(): the gradient of x is wrong in 15",
    ),
    ("array class", array_class_with(sum=sum_without_g), "x.sum() * y.sum(), where each sum is given g"),
    ("array class", array_class_with(tanh=tanh_without_g), "(x.tanh() * y).sum(), where tanh is given g"),
    ("array class", array_class_with(__mul__=product_without_g), "must use the g that it is given"),
    ("array class", array_class_with(__add__=addition_without_g), "where + is given g"),
    ("array class", array_class_with(backward=walk_that_overwrites), "used twice gets a share from each use"),
    ("array class", array_class_with(backward=walk_too_early), "must wait"),
    ("tanh", lambda g, x: print(g), "End the function with `return"),
    ("tanh", lambda g, x: 1 - np.tanh(x) ** 2, "g is left out"),
    ("tanh", lambda g, x: g * (1 - x**2), "taken of x"),
    ("tanh", lambda g, x: -g * (1 - np.tanh(x) ** 2), "minus the gradient"),
    ("matmul", lambda g, x, w: (x.T @ g, g @ w.T), "wrong order"),
    ("matmul", lambda g, x, w: (g @ w.T, (x.T @ g) / len(x)), "number of rows"),
    ("matmul", lambda g, x, w: (g @ w.T, (x.T @ g).T), "shape"),
    ("bias", lambda g, x, b: (g, g), "over axis 0"),
    ("bias", lambda g, x, b: (x, b), "Multiply by g."),
    ("bias", lambda g, x, b: (g, g.mean(axis=0)), "mean over the rows"),
    ("broadcast product", lambda g, x, s: (g * s, g * x), "keepdims"),
    ("broadcast product", lambda g, x, s: (g * s, g.sum(axis=1, keepdims=True)), "The sum comes last"),
    ("sum", lambda g, x: g, "repeat g"),
    ("mean", lambda g, x: np.broadcast_to(g, x.shape), "rule of the sum"),
    ("mean", lambda g, x: np.broadcast_to(g / len(x), x.shape), "number of rows"),
    ("sum", lambda g, x: g * x, "the slope 1"),
    ("lookup", lookup_with_plain_indexing, "np.add.at"),
    ("lookup", lookup_by_index, "belongs to row index[i]"),
    ("lookup", lambda g, table, index: g[index], "belongs to row index[i]"),
    ("relu", lambda g, x: g, "passed on everywhere"),
    ("relu", lambda g, x: g * (x >= 0), "not x >= 0"),
    ("relu", lambda g, x: g * (x < 0), "x is negative"),
    ("relu", lambda g, x: g * (x > 0) * (g > 0), "sign of g decides too"),
    ("l2_delta", lambda y, z2: sigmoid(z2) - y, "slope of the sigmoid is left out"),
    ("l2_delta", lambda y, z2: (y - sigmoid(z2)) * sigmoid(z2) * (1 - sigmoid(z2)), "minus the gradient"),
    ("l1_delta", lambda g, z1, syn1: g @ syn1.T, "l1_error"),
    ("l1_delta", lambda g, z1, syn1: (g @ syn1.T) * z1 * (1 - z1), "taken of z1"),
    ("eleven lines", lambda X, y, a, b: eleven_lines(X, y, a, b)[::-1], "wrong order"),
    ("eleven lines", lambda X, y, a, b: tuple(v / len(X) for v in eleven_lines(X, y, a, b)), "number of rows"),
    ("softmax", lambda g, x: g * softmax(x) * (1 - softmax(x)), "diagonal"),
    ("softmax", lambda g, x: g * softmax(x), "denominator"),
    ("log_softmax", lambda g, x: g - softmax(x) * g, "row's sum"),
    ("log_softmax", lambda g, x: g - softmax(x), "not multiplied by anything"),
    ("cross_entropy", lambda s, y: softmax(s) - np.eye(4)[y], "1/N"),
    ("cross_entropy", lambda s, y: softmax(s) / len(y), "not subtracted"),
    ("cross_entropy", lambda s, y: (softmax(s) - np.eye(4)[y]) / 4, "number of classes"),
    ("dropout", lambda g, x, mask: g * mask, "scale"),
    ("dropout", lambda g, x, mask: x * mask / 0.75, "z itself"),
    ("layer_norm", lambda g, x, a, b: batch_norm_backward(g, x, a, b), "axis 0"),
    ("batch_norm", batch_norm_mean_held, "mean is treated as a constant"),
    (
        "attention",
        lambda g, q, k, v: (
            *[d * 3**0.5 for d in attention_backward(g, q, k, v)[:2]],
            attention_backward(g, q, k, v)[2],
        ),
        "1 / sqrt(D)",
    ),
    ("max_pool", lambda g, x: np.repeat(g, 2, axis=1) / 2, "Half of g"),
    ("distance", lambda g, x, y: (g[:, None] * (x - y), g[:, None] * (y - x)), "division by the distance"),
    ("newton", lambda f, x: x, "is right"),
]
