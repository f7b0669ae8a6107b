"""Functions of functions: exact values, any nesting, any container, and nobody confused."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import micrograd_np as mg

x = np.array([1.0, 2.0, 3.0])
A = np.arange(9.0).reshape(3, 3)


def cubes(x):
    return (x**3).sum()


def test_each_transform_on_cubes():
    eye = np.eye(3)
    assert np.allclose(mg.grad(cubes)(x), 3 * x**2, rtol=1e-15)
    assert np.allclose(mg.jacobian(lambda x: x**3)(x), eye * 3 * x**2, rtol=1e-15)
    assert np.allclose(mg.hessian(cubes)(x), eye * 6 * x, rtol=1e-15)
    assert np.allclose(mg.hvp(cubes)(x, x), 6 * x * x, rtol=1e-15)
    value, gradient = mg.value_and_grad(cubes)(x)
    assert value == 36
    assert np.allclose(gradient, 3 * x**2, rtol=1e-15)
    output, tangent = mg.jvp(lambda x: x**3, (x,), (x,))
    assert np.array_equal(output, x**3)
    assert np.allclose(tangent, 3 * x**3, rtol=1e-15)
    output, pullback = mg.vjp(lambda x: x**3, x)
    assert np.allclose(pullback(x)[0], 3 * x**3, rtol=1e-15)


@pytest.mark.parametrize("order", range(1, 7))
def test_derivatives_of_any_order(order):
    f = np.exp
    for _ in range(order):
        f = mg.grad(f)
    assert np.allclose(f(0.5), np.exp(0.5), rtol=1e-14)


NESTED = [
    ("perturbations of two levels are not confused", mg.grad(lambda x: x * mg.grad(lambda y: x + y)(1.0)), 3.0, 1.0),
    (
        "the inner function closes over the outer argument",
        mg.grad(lambda x: mg.grad(lambda y: x * x * y * y)(x)),
        2.0,
        24.0,
    ),
    ("forward in reverse", mg.grad(lambda x: mg.jvp(lambda y: y**3, (x,), (1.0,))[1]), 2.0, 12.0),
    ("reverse in forward", lambda x: mg.jvp(mg.grad(lambda y: y**3), (x,), (1.0,))[1], 2.0, 12.0),
    (
        "forward in forward",
        lambda x: mg.jvp(lambda z: mg.jvp(lambda y: y**3, (z,), (1.0,))[1], (x,), (1.0,))[1],
        2.0,
        12.0,
    ),
    ("the derivative along the tangent", mg.grad(lambda t: mg.jvp(np.sin, (0.5,), (t,))[1]), 2.0, np.cos(0.5)),
    ("a hessian in a gradient", mg.grad(lambda x: mg.hessian(lambda y: y**4)(x)), 2.0, 48.0),
    ("a hessian-vector product in a gradient", mg.grad(lambda x: mg.hvp(lambda y: y**4)(x, 1.0)), 2.0, 48.0),
    ("a jacobian in a gradient", mg.grad(lambda x: mg.jacobian(lambda y: y**4)(x)), 2.0, 48.0),
]


@pytest.mark.parametrize(("why", "f", "at", "expected"), NESTED, ids=[case[0] for case in NESTED])
def test_nesting(why, f, at, expected):
    assert np.allclose(f(at), expected, rtol=1e-14)


def test_a_jacobian_of_a_hessian_vector_product_of_arrays_is_an_array():
    product = mg.jacobian(lambda v: mg.hvp(cubes)(x, v))(np.ones(3))
    assert isinstance(product, np.ndarray)
    assert np.allclose(product, np.diag(6 * x), rtol=1e-15)


def test_an_in_place_operator_on_an_argument_is_recorded_and_leaves_the_callers_array_alone():
    def f(a):
        a *= 2
        return (a * a).sum()

    mine = x.copy()
    assert np.array_equal(mg.grad(f)(mine), 8 * x)
    assert np.array_equal(mine, x)


def test_writing_an_entry_of_an_argument_is_refused():
    with pytest.raises(RuntimeError, match="cannot be recorded"):
        mg.grad(lambda a: a.__setitem__(0, 5.0))(x)


def test_a_gradient_owns_its_memory():
    gradient = mg.grad(lambda a: a.sum())(x)
    gradient[0] = 5
    assert np.array_equal(gradient, [5, 1, 1])


def test_arrays_in_arrays_out():
    for result in (mg.grad(cubes)(x), mg.hessian(cubes)(x), *mg.jvp(cubes, (x,), (x,)), mg.hvp(cubes)(x, x)):
        assert isinstance(result, np.ndarray)


def test_tensors_in_tensors_out_without_a_past():
    result = mg.grad(cubes)(mg.Tensor(x))
    assert isinstance(result, mg.Tensor)
    assert not result.requires_grad


def test_a_recorded_argument_makes_the_result_differentiable():
    w = mg.Tensor(x, requires_grad=True)
    mg.grad(cubes)(w).sum().backward()
    assert np.allclose(w.grad, 6 * x, rtol=1e-15)


def test_a_recorded_tensor_that_f_closes_over_makes_the_result_differentiable():
    w = mg.Tensor(x, requires_grad=True)
    result = mg.grad(lambda y: (w * y * y).sum())(x)
    result.sum().backward()
    assert np.allclose(w.grad, 2 * x, rtol=1e-15)


def test_transforms_never_touch_grad():
    w = mg.Tensor(x, requires_grad=True)
    w.grad = np.ones(3)
    mg.grad(lambda y: (w * y).sum())(x)
    mg.gradients((w * w).sum(), [w])
    assert np.array_equal(w.grad, np.ones(3))


def test_no_grad_outside_does_not_stop_a_transform_but_keeps_its_result_plain():
    w = mg.Tensor(x, requires_grad=True)
    with mg.no_grad():
        result = mg.grad(lambda y: (w * y * y).sum())(x)
    assert isinstance(result, np.ndarray)
    assert np.array_equal(result, 2 * x * x)


def test_unused_arguments_have_zeros():
    assert np.array_equal(mg.grad(lambda x, y: (x * x).sum(), argnums=1)(x, A), np.zeros((3, 3)))
    assert np.array_equal(mg.hessian(lambda x: x.sum())(x), np.zeros((3, 3)))
    assert np.array_equal(mg.grad(lambda x: 3.0)(x), np.zeros(3))
    assert np.array_equal(mg.jvp(lambda x: A, (x,), (x,))[1], np.zeros((3, 3)))
    assert mg.jacobian(lambda x: x[:0])(x).shape == (0, 3)


def test_argnums():
    f = lambda x, y: (x * y).sum()  # noqa: E731
    assert np.array_equal(mg.grad(f, argnums=1)(x, 2 * x), x)
    assert np.array_equal(mg.grad(f, argnums=-1)(x, 2 * x), x)
    dx, dy = mg.grad(f, argnums=(0, 1))(x, 2 * x)
    assert np.array_equal(dx, 2 * x)
    assert np.array_equal(dy, x)


@dataclasses.dataclass
class Weights:
    w: object
    b: object


class Pair(NamedTuple):
    w: object
    b: object


CONTAINERS = [
    (lambda p: p["w"] * p["b"], {"w": x, "b": 2.0 * x}, lambda g: (g["w"], g["b"])),
    (lambda p: p[0] * p[1][0], [x, (2.0 * x,)], lambda g: (g[0], g[1][0])),
    (lambda p: p.w * p.b, Weights(x, 2.0 * x), lambda g: (g.w, g.b)),
    (lambda p: p.w * p.b, Pair(x, 2.0 * x), lambda g: (g.w, g.b)),
]


@pytest.mark.parametrize(("f", "p", "parts"), CONTAINERS)
def test_containers(f, p, parts):
    gradient = mg.grad(lambda p: f(p).sum())(p)
    assert type(gradient) is type(p)
    w, b = parts(gradient)
    assert np.array_equal(w, 2 * x)
    assert np.array_equal(b, x)
    blocks = parts(mg.jacobian(f)(p))
    assert np.array_equal(blocks[0], np.diag(2 * x))


def test_containers_of_outputs():
    output, pullback = mg.vjp(lambda x: {"a": x * x, "b": (x.sum(), x)}, x)
    assert set(output) == {"a", "b"}
    (gradient,) = pullback({"a": x, "b": (2.0, np.ones(3))})
    assert np.array_equal(gradient, 2 * x * x + 3)
    blocks = mg.jacobian(lambda x: {"a": x * x, "b": x.sum()})(x)
    assert np.array_equal(blocks["a"], np.diag(2 * x))
    assert np.array_equal(blocks["b"], np.ones(3))


def test_auxiliary_outputs():
    f = lambda x: ((x * x).sum(), {"x": x, "note": "as it came"})  # noqa: E731
    gradient, aux = mg.grad(f, has_aux=True)(x)
    assert np.array_equal(gradient, 2 * x)
    assert np.array_equal(aux["x"], x)
    assert aux["note"] == "as it came"
    (value, aux), gradient = mg.value_and_grad(f, has_aux=True)(x)
    assert value == 14
    _, pullback, aux = mg.vjp(f, x, has_aux=True)
    assert np.array_equal(pullback(1.0)[0], 2 * x)


def test_hessian_of_a_container_is_a_container_of_blocks():
    blocks = mg.hessian(lambda p: (p["a"] * p["b"]).sum())({"a": x, "b": x})
    assert np.array_equal(blocks["a"]["b"], np.eye(3))
    assert np.array_equal(blocks["a"]["a"], np.zeros((3, 3)))


def test_a_pullback_can_be_used_again():
    _, pullback = mg.vjp(lambda x: x * x, x)
    assert np.array_equal(pullback(np.ones(3))[0], 2 * x)
    assert np.array_equal(pullback(x)[0], 2 * x * x)


def test_gradients_of_intermediates_and_leaves():
    w = mg.Tensor(x, requires_grad=True)
    h = w * w
    dh, dw = mg.gradients((h * h).sum(), [h, w])
    assert np.array_equal(dh, 2 * x * x)
    assert np.array_equal(dw, 4 * x**3)
    (again,) = mg.gradients(mg.gradients((h * h).sum(), [w], create_graph=True)[0].sum(), [w])
    assert np.allclose(again, 12 * x**2, rtol=1e-14)


w = mg.Tensor(x, requires_grad=True, name="w")
u = mg.Tensor(x, requires_grad=True, name="u")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.grad(lambda x: x * 2)(x), ValueError, r"scalar value.*\(3,\).*mg.jacobian"),
        (lambda: mg.grad(cubes)(np.array([1, 2])), TypeError, "cubes.*an argument.*int64.*astype.*argnums"),
        (lambda: mg.grad(cubes)(3), TypeError, r"respect to 3, which .* Write 3\.0, or choose"),
        (lambda: mg.value_and_grad(cubes)({"a": 2}), TypeError, r"respect to 2, which .* Write 2\.0, or choose"),
        (lambda: mg.grad(cubes, argnums=2)(x), ValueError, "argnums=2 names no argument"),
        (lambda: mg.grad(cubes, argnums=(0, 0))(x), ValueError, "names an argument twice"),
        (lambda: mg.grad(cubes, has_aux=True)(x), TypeError, r"cubes.*\(output, auxiliary\).*returned a Tensor"),
        (lambda: mg.vjp(lambda x: (x, x, x), x, has_aux=True), TypeError, "returned 3 values"),
        (lambda: mg.grad(lambda x: None)(x), TypeError, "returned None.*`return` missing"),
        (lambda: mg.gradients((w * w).sum(), w), TypeError, r"write \[w\] for one"),
        (lambda: mg.gradients((w * w).sum(), [u]), ValueError, r"not made from u \(3,\)"),
        (lambda: mg.gradients(w * w, [w]), ValueError, "scalar"),
        (lambda: mg.vjp(cubes, x)[1](x), ValueError, "one number for each entry"),
        (lambda: mg.vjp(lambda x: (x, x), x)[1](x), ValueError, "the cotangent has 1 parts, and the output has 2"),
        (lambda: mg.jvp(cubes, (x,), (x, x)), ValueError, "tangents has 2 parts"),
        (lambda: mg.jvp(cubes, (x,), (np.ones(4),)), ValueError, r"tangent has shape \(4,\)"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("numbers", [[1.0, 2.0], (1.0,), [[1.0], [2.0]]])
@pytest.mark.parametrize("transform", [mg.grad, mg.jacobian, lambda f: lambda x: mg.vjp(f, x)])
def test_a_list_of_numbers_in_the_place_of_an_array_is_said(transform, numbers):
    with pytest.raises(TypeError) as caught:
        transform(cubes)(numbers)
    assert caught.value.__notes__ == [
        "f was given a list or tuple of numbers. If it takes an array, write np.array([...])."
    ]


@pytest.mark.parametrize("given", [x, [x, x]])
def test_an_error_of_the_function_itself_gets_no_advice(given):
    with pytest.raises(TypeError) as caught:
        mg.grad(lambda x: x + None)(given)
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("transform", [mg.grad, mg.value_and_grad, mg.jacobian, mg.hessian, mg.hvp])
@pytest.mark.parametrize("point", [np.ones(3), 2.0, mg.Tensor([1.0]), (np.ones(3),), None])
def test_a_point_in_the_place_of_argnums_is_refused(transform, point):
    with pytest.raises(
        mg.ArgumentTypeError, match=r"argnums, counts arguments: 0, or \(0, 1\).*Write mg\..*\(f\)\(x\)"
    ):
        transform(lambda x: (x * x).sum(), point)


@pytest.mark.parametrize("argnums", [0, np.int64(0), -1])
def test_positions_count_from_both_ends(argnums):
    assert mg.grad(lambda x: x**3, argnums)(2.0) == 12


def test_jvp_takes_tuples():
    with pytest.raises(mg.ArgumentTypeError, match=r"Write mg.jvp\(f, \(x,\), \(v,\)\)"):
        mg.jvp(np.sin, np.ones(3), np.ones(3))
