"""An error is of a kind that can be caught, says what to write, and never sends control characters to a terminal."""

import ast
import copy
import functools
import itertools
import pickle

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core import errors
from micrograd_np.core.names import printable
from tests.house import PACKAGE, parsed

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, mg.MicrogradError)]
BUILT_IN = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError, OSError, ImportError)


def tensor(values=(1.0, 3.0, 2.0), **options):
    return mg.Tensor(values, requires_grad=True, **options)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_is_public_documented_and_also_what_python_has(kind):
    assert getattr(mg, kind.__name__) is kind
    assert kind.__doc__
    assert issubclass(kind, BUILT_IN) or kind is mg.MicrogradError
    again = pickle.loads(pickle.dumps(kind("said")))
    assert (type(again), str(again)) == (kind, "said")


SAID = [
    (lambda x: x + np.ones(4), mg.ShapeError),
    (lambda x: x @ np.ones(4), mg.ShapeError),
    (lambda x: x.backward(), mg.ShapeError),
    (lambda x: mg.Tensor([1, 2], requires_grad=True), mg.ArgumentTypeError),
    (lambda x: np.asarray(x), mg.ArgumentTypeError),
    (lambda x: mg.Tensor([1.0]).backward(), mg.GradientError),
    (lambda x: np.add.at(x, 0, 1), mg.UnsupportedError),
    (lambda x: np.busday_count(x, x), mg.UnsupportedError),
]


@pytest.mark.parametrize(("wrong", "kind"), SAID)
def test_what_is_raised_is_of_its_kind(wrong, kind):
    with pytest.raises(kind):
        wrong(tensor())


def test_a_key_error_shows_its_message_as_it_is():
    class UnknownNameError(mg.MicrogradError, KeyError):
        pass

    assert str(UnknownNameError("no 'a' here")) == "no 'a' here"


NASTY = {
    "\x1b[31mred": r"\x1b[31mred",
    "a\nb\r": r"a\nb\r",
    "\u202eright to left": r"\u202eright to left",
    "\u200bzero\x9b": r"\u200bzero\x9b",
    "Größe λ": "Größe λ",
}


@pytest.mark.parametrize(("name", "shown"), NASTY.items())
def test_a_name_is_shown_without_control_characters(name, shown):
    assert printable(name) == shown
    x = tensor(name=name)
    assert x.name == name
    with pytest.raises(ValueError, match="cannot broadcast") as raised:
        x + np.ones(4)
    assert f"broadcast {shown} (3,) float64" in str(raised.value)
    with pytest.raises(np.linalg.LinAlgError) as raised:
        np.linalg.inv(mg.Tensor(np.zeros((2, 2)), name=name))
    assert all(printable(note) == note for note in raised.value.__notes__)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_error_sends_a_control_character_to_the_terminal(kind, name):
    assert all(x.isprintable() or x == "\n" for x in str(kind(f"unknown: {name}\nNothing was changed.")))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", [name for name in NASTY if not name.isprintable()])
def test_the_keys_of_a_file_are_escaped(name, suffix, tmp_path):
    path = tmp_path / f"file{suffix}"
    mg.save(path, {name: np.ones(3)})
    with pytest.raises(mg.LoadError) as raised:
        mg.load(path, into={"w": tensor()})
    assert all(x.isprintable() or x == "\n" for x in str(raised.value))
    assert printable(name) in str(raised.value)


@pytest.mark.parametrize("call", [copy.copy, copy.deepcopy, pickle.dumps, lambda loss: copy.deepcopy({"a": [loss]})])
def test_a_copy_of_a_recorded_tensor_is_called_by_the_users_name(call):
    loss = tensor() * 2
    with pytest.raises(TypeError, match=r"^loss \(3,\) float64 is the result of multiply.*t\.detach\(\)"):
        call(loss)


def test_an_op_that_a_library_calls_is_on_the_users_line():
    x = tensor()
    total = functools.reduce(np.add, list(x))  # the user's line
    with pytest.raises(ValueError, match="needs"):
        total.backward(np.ones(2))
    assert "the user's line" in errors.format_location(total._created_at)


def test_a_singular_matrix_is_no_error_of_shapes():
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix") as raised:
        np.linalg.solve(mg.Tensor(np.zeros((2, 2))), np.ones((2, 3)))
    assert "np.linalg.lstsq" in raised.value.__notes__[0]


METHODS = [(np.maximum, "accumulate"), (np.add, "accumulate"), (np.hypot, "accumulate"), (np.multiply, "accumulate")]
METHODS += [(np.add, "reduce"), (np.logaddexp, "reduce"), (np.hypot, "reduce"), (np.fmin, "reduce")]


@pytest.mark.parametrize(("ufunc", "how"), METHODS)
def test_what_is_to_be_written_for_a_ufuncs_method_gives_its_values(ufunc, how):
    t = tensor()
    with pytest.raises(TypeError, match="is not supported on Tensors") as raised:
        getattr(ufunc, how)(t)
    written = str(raised.value).partition("Write ")[2].removesuffix(".").replace("axis", "0")
    found = eval(written, {"np": np, "mg": mg, "t": t, "itertools": itertools, "functools": functools})
    assert found.requires_grad
    np.testing.assert_allclose(found.data, getattr(ufunc, how)(t.data))


@pytest.mark.parametrize("dtype", [float, int])
def test_a_recorded_tensor_put_into_an_array_says_what_to_write(dtype):
    """For floats, NumPy raises an error of its own; ours is its cause, which a traceback shows above it."""
    array, t = np.zeros(2, dtype), tensor()[0] * 2
    with pytest.raises((ValueError, TypeError)) as raised:
        array[0] = t
    said = str(raised.value.__cause__ or raised.value)
    assert "() would cut t" in said
    assert "np.stack(tensors)" in said


def test_a_keyword_that_is_not_taken_is_named_once():
    with pytest.raises(TypeError) as raised:
        np.sum(tensor(), unknown=1)
    assert str(raised.value).count("sum") <= 1


BUILT_INS = "ValueError TypeError RuntimeError IndexError KeyError OSError FileNotFoundError ImportError".split()
# `context` and `cures` stand above `errors`. Python wants an AttributeError, and pytest an AssertionError.
EXEMPT = {"core/context.py", "cures.py"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_error_is_raised(path):
    if str(path.relative_to(PACKAGE)) in EXEMPT:
        return
    made = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Raise | ast.Return)]
    made = [x.exc if isinstance(x, ast.Raise) else x.value for x in made]
    calls = [x for x in made if isinstance(x, ast.Call) and isinstance(x.func, ast.Name)]
    assert not [f"{path.name}:{x.lineno}: {x.func.id}" for x in calls if x.func.id in BUILT_INS]


NO_NUMBERS = [
    (
        lambda x: x + None,
        "add takes numbers, and argument 1 is None. The .grad of a Tensor is None until loss.backward()",
    ),
    (
        lambda x: x.__isub__(x.grad),
        "subtract takes numbers, and argument 1 is None. The .grad of a Tensor is None until",
    ),
    (lambda x: np.exp(mg.exp(None)), "exp takes numbers, and argument 0 is None"),
    (lambda x: x * "a", "multiply takes numbers, and argument 1 is 'a'"),
    (lambda x: x @ np.array(["a", "b"]), "matmul takes numbers, and argument 1 is array(['a', 'b']"),
    (lambda x: x - [None, 1], "subtract takes numbers, and argument 1 is array([None, 1]"),
    (lambda x: x + np.datetime64("2020-01-01"), "add takes numbers, and argument 1 is datetime.date(2020, 1, 1)"),
]


@pytest.mark.parametrize(("wrong", "words"), NO_NUMBERS, ids=[words[:40] for _, words in NO_NUMBERS])
def test_an_operand_without_numbers_is_named(wrong, words):
    with pytest.raises(mg.ArgumentTypeError) as caught:
        wrong(mg.Tensor([1.0, 2.0], requires_grad=True))
    assert words in str(caught.value)


def test_the_file_of_a_cell_is_called_cell():
    """Jupyter names it by a hash of its text."""
    variables = {"x": mg.Tensor([1.0], requires_grad=True)}
    exec(compile("\nloss = x * 2", "/tmp/ipykernel_7/25531.py", "exec"), variables)
    assert errors.format_location(variables["loss"]._created_at) == "cell:2"
