"""Exercises of lessons 1 to 5: slopes of numbers, the chain rule, and a tape."""

from __future__ import annotations

import math

from .exercise import Exercise
from .marking import mark_values
from .tapes import OF_NUMBERS, mark_backward, mark_class, mark_order


def cube(x: float) -> float:
    return x**3


POINTS = [(0.5, 3.0), (-1.5, 0.5), (0.3, -2.0)]

EXERCISES = [
    Exercise(
        "slope",
        1,
        "Measure a slope: how much does f(x) change when x grows by h, for each unit of h?",
        "def slope(f, x, h):\n    ...",
        "This is an estimate. With h = 0.001 about three digits are right; with a much smaller h, rounding spoils "
        "them.",
        mark_values,
        {
            "truth": lambda f, x, h: (f(x + h) - f(x)) / h,
            "cases": [(math.sin, 0.7, 1e-3), (cube, 2.0, 1e-2), (math.exp, -1.0, 1e-4)],
            "mistakes": [
                (lambda f, x, h: f(x + h) - f(x), "This is the change of f. Divide it by h, the change of x."),
                (lambda f, x, h: f(x + h) - f(x) / h, "Only f(x) is divided by h. Put the difference in parentheses."),
                (lambda f, x, h: (f(x) - f(x + h)) / h, "The sign is wrong: take the new value minus the old one."),
                (lambda f, x, h: (f(x + h) - f(x)) / x, "Divide by the step h, not by the place x."),
                (lambda f, x, h: (f(x + h) - f(x - h)) / h, "From x - h to x + h is a step of 2 h. Start from f(x)."),
                (lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h), "A good estimate, but start from f(x) here."),
            ],
        },
    ),
    Exercise(
        "product",
        1,
        "c = a * b. Return the slope of c by a and the slope of c by b.",
        "def product_slopes(a, b):\n    ...  # return (slope by a, slope by b)",
        "The slope by each factor is the other factor.",
        mark_values,
        {
            "truth": lambda a, b: (b, a),
            "cases": POINTS,
            "mistakes": [
                (lambda a, b: (a, b), "Swapped: when a grows by 0.001, c = a * b grows by 0.001 * b."),
                (lambda a, b: (1.0, 1.0), "These are the slopes of a + b."),
                (lambda a, b: (a * b, a * b), "This is c itself, not its slope."),
            ],
        },
    ),
    Exercise(
        "square",
        1,
        "c = x ** 2. Return the slope of c by x.",
        "def square_slope(x):\n    ...",
        "x ** 2 is x * x: x is used twice, and each use gives x. Lesson 3 is about this.",
        mark_values,
        {
            "truth": lambda x: 2 * x,
            "cases": [(3.0,), (-0.5,), (1.25,)],
            "mistakes": [
                (lambda x: x, "Only one of the two uses of x is counted: x * x has x twice."),
                (lambda x: x * x, "This is the value, not the slope."),
                (lambda x: ((x + 1e-3) ** 2 - x**2) / 1e-3, "This measures the slope. Give the exact one, without h."),
                (lambda x: 2.0, "The slope is not the same at every x: at x = 1 it is 2, at x = 3 it is 6."),
            ],
        },
    ),
    Exercise(
        "chain",
        2,
        "u = a * b and d = tanh(u). Return the slope of d by a and by b. The slope of tanh(u) is 1 - tanh(u) ** 2.",
        "def chain_slopes(a, b):\n    ...  # return (slope by a, slope by b)",
        "The slope of tanh is computed once and used twice. Backward passes save work in this way.",
        mark_values,
        {
            "truth": lambda a, b: ((1 - math.tanh(a * b) ** 2) * b, (1 - math.tanh(a * b) ** 2) * a),
            "cases": POINTS,
            "mistakes": [
                (lambda a, b: (b, a), "The slope of tanh is left out: multiply by 1 - tanh(u) ** 2."),
                (lambda a, b: (1 - math.tanh(a * b) ** 2,) * 2, "The inner slope is left out, that of u = a * b."),
                (lambda a, b: (math.tanh(a * b) * b, math.tanh(a * b) * a), "tanh(u) stands in place of its slope."),
                (
                    lambda a, b: ((1 - math.tanh(a * b) ** 2) * a, (1 - math.tanh(a * b) ** 2) * b),
                    "Swapped: the slope of a * b by a is b.",
                ),
                (
                    lambda a, b: ((1 - math.tanh(a * b) ** 2) + b, (1 - math.tanh(a * b) ** 2) + a),
                    "The two slopes are added. Along one path slopes multiply.",
                ),
                (
                    lambda a, b: ((1 - (a * b) ** 2) * b, (1 - (a * b) ** 2) * a),
                    "The slope of tanh is taken of u. It is 1 - tanh(u) ** 2, of the output.",
                ),
            ],
        },
    ),
    Exercise(
        "sigmoid slope",
        2,
        "s = 1 / (1 + exp(-x)). The function is given s, not x. Return the slope of s by x.",
        "def sigmoid_slope(s):\n    ...",
        "The output s is enough. That is why the article calls nonlin(l1, True): it passes the output of the sigmoid.",
        mark_values,
        {
            "truth": lambda s: s * (1 - s),
            "cases": [(0.2,), (0.5,), (0.9,)],
            "mistakes": [
                (lambda s: 1 - s, "A factor s is missing."),
                (lambda s: s, "A factor 1 - s is missing."),
                (lambda s: 1 - s * s, "This is the slope of tanh."),
                (lambda s: 0.0, "This is 0. In s * 1 - s the product comes first: put 1 - s in parentheses."),
                (
                    lambda s: (lambda t: t * (1 - t))(1 / (1 + math.exp(-s))),
                    "The sigmoid is applied once more: s is the output already.",
                ),
            ],
        },
    ),
    Exercise(
        "used twice",
        3,
        "b = 3 * a, c = a * a, d = b + c. Return the slope of d by a.",
        "def used_twice(a):\n    ...",
        "Two paths lead from a to d, and their slopes add: 3 by way of b, 2 a by way of c.",
        mark_values,
        {
            "truth": lambda a: 3 + 2 * a,
            "cases": [(2.0,), (-1.0,), (0.5,)],
            "mistakes": [
                (lambda a: 3.0, "Only the path by way of b is counted."),
                (lambda a: 2 * a, "Only the path by way of c is counted."),
                (lambda a: 3 + a, "c = a * a uses a twice: its slope is 2 a."),
                (lambda a: 3 * a + a * a, "This is d itself, not its slope."),
                (lambda a: 3 * 2 * a, "The two paths are multiplied. Slopes multiply along a path; paths add."),
            ],
        },
    ),
    Exercise(
        "two paths",
        3,
        "b = tanh(a), c = a * b. Return the slope of c by a. The slope of tanh(a) is 1 - b ** 2.",
        "def two_paths(a):\n    ...",
        "One path is direct, since a is a factor of c. The other goes by way of b.",
        mark_values,
        {
            "truth": lambda a: math.tanh(a) + a * (1 - math.tanh(a) ** 2),
            "cases": [(2.0,), (-1.0,), (0.5,)],
            "mistakes": [
                (lambda a: math.tanh(a), "The path by way of b is missing: b changes too when a does."),
                (lambda a: a * (1 - math.tanh(a) ** 2), "The direct path is missing: a is itself a factor of c."),
                (lambda a: 1 - math.tanh(a) ** 2, "This is the slope of b by a. Go on to c."),
                (lambda a: math.tanh(a) * a * (1 - math.tanh(a) ** 2), "The two paths are multiplied. Paths add."),
                (lambda a: math.tanh(a) + 1 - math.tanh(a) ** 2, "By way of b, the factor a is missing: c is a * b."),
            ],
        },
    ),
    Exercise(
        "order",
        4,
        "Return a list of `output` and all nodes that it was made from. Each node stands once in the list, after all "
        "nodes that were made from it, so output is the first. `node.parents` is a list of pairs (parent, slope).",
        "def order(output):\n    ...",
        "This is a topological order. The package numbers nodes as they are made, and always takes the newest one that "
        "is waiting.",
        mark_order,
        by_hand=False,
    ),
    Exercise(
        "backward",
        5,
        "Set `grad` of `output` and of all nodes that it was made from. `node.parents` is a list of pairs "
        "(parent, slope): the slope of the node by that parent. Before, every `grad` is 0.0. Nothing is returned.",
        "def backward(output):\n    ...",
        "This is reverse mode, all of it. core/backward.py has the same loop; its other lines are there for arrays.",
        mark_backward,
        by_hand=False,
    ),
    Exercise(
        "value class",
        5,
        "Write a class Value of numbers, and return it. Value(2.0) makes one. It has `+`, `*` and `.tanh()`, each of "
        "which gives a Value; `.backward()`; `.data`, the number; and `.grad`.",
        "def value_class():\n    ...  # class Value: ...; return Value",
        "You have written an autograd engine. The next lesson puts arrays in place of the numbers.",
        mark_class,
        OF_NUMBERS,
        by_hand=False,
    ),
]
