"""A change far from a compiled function, and yet in its sight, makes another program."""

import collections
import contextvars
import dataclasses
import importlib
import logging
import operator
import sys
import types

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

X = np.array([-1.0, 2.0, 3.0])


def nested(layer, depth):
    for _ in range(depth):
        layer = nn.Sequential(layer)
    return layer


def item(holder, key):
    return lambda value: operator.setitem(holder, key, value)


def attribute(holder, name):
    return lambda value: setattr(holder, name, value)


class Slope(nn.Module):
    def __init__(self, config):
        self.config = config

    def forward(self, x):
        return np.where(x > 0, x, x * self.config.options["act"]["slope"])


class Shared(nn.Module):
    """Knows its configuration twice: on a short path and on a long one."""

    def __init__(self, config):
        self.config = config
        self.body = nested(Slope(config), 2)

    def forward(self, x):
        return self.body(x)


class Bare(nn.Module):
    slope = 1.0

    def forward(self, x):
        return x * self.slope


class ByName:
    names = ("a", "b")

    def __init__(self):
        self.a, self.b = np.ones(3), np.ones(3)

    def __call__(self, x):
        for name in self.names:
            x = x / (getattr(self, name) + 1e-8)
        return x


class Slots:
    __slots__ = ("options",)


@dataclasses.dataclass(slots=True)
class Record:
    __secret: dict

    def secret(self):
        return self.__secret


class Meta(type):
    scale = 1.0


class OfMeta(metaclass=Meta):
    pass


class Settings:
    scale = 1.0


class Pattern:
    scale = 1.0


def attributed(x):
    return x * attributed.k


def with_default(x, k=1.0):
    return x * k


def recoded(x):
    return x * 1.0


def matched(x):
    match PATTERN:
        case Pattern(scale=scale):
            return x * scale


def ordered(x):
    for value in ORDER.values():
        x = x * value + 1
    return x


attributed.k = CONSTANT = 1.0
PATTERN, CONFIG, INNER = Pattern(), types.SimpleNamespace(options={"act": {"slope": 1.0}}), nn.Sequential(nn.ReLU())
STATS, RECORD, SLOTS = {"layer.std": np.ones(3), 0.5: np.ones(3)}, Record({"k": 1.0}), Slots()
BARE, BY_NAME = Bare(), ByName()
SLOTS.options = {"k": 1.0}
QUEUE, OBJECTS, INSIDE = collections.deque([{"k": 1.0}]), np.array([{"k": 1.0}, 1.0], dtype=object), {"k": 1.0}
BYTES, VARIABLE, ORDER = bytearray(b"\1\2"), contextvars.ContextVar("k", default=1.0), {"a": 1.0, "b": 2.0}
PROXY, VIEW = types.MappingProxyType(INSIDE), memoryview(BYTES)
LONG, LONG_DICT = [1.0] * 2000, dict.fromkeys(range(2000), 1.0)
WEIGHT, scale_of = mg.Tensor(X, requires_grad=True), operator.attrgetter("scale")
DEEP, SHARED = nested(INNER, 20), Shared(CONFIG)

CHANGES = {
    "a layer under twenty": (lambda x: DEEP(x), lambda k: item(INNER.layers, 0)(nn.LeakyReLU(k / 10))),
    "what is met on a long path first": (lambda x: SHARED(x), item(CONFIG.options["act"], "slope")),
    "a key with a dot": (lambda x: x / (STATS["layer.std"] + 1e-8), lambda k: STATS["layer.std"].fill(k)),
    "a number as a key": (lambda x: x / (STATS[0.5] + 1e-8), lambda k: STATS[0.5].fill(k)),
    "an array by its name": (BY_NAME, lambda k: BY_NAME.a.fill(k)),
    "an attribute where there was none": (lambda x: BARE(x), attribute(BARE, "slope")),
    "a function's attribute": (lambda x: attributed(x), attribute(attributed, "k")),
    "a function's default": (lambda x: with_default(x), lambda k: setattr(with_default, "__defaults__", (k,))),
    "a function's code": (lambda x: recoded(x), lambda k: setattr(recoded, "__code__", (lambda x: x * 2.0).__code__)),
    "what hangs from slots": (lambda x: x * SLOTS.options["k"], item(SLOTS.options, "k")),
    "a private slot": (lambda x: x * RECORD.secret()["k"], item(RECORD.secret(), "k")),
    "what hangs from a deque": (lambda x: x * QUEUE[0]["k"], item(QUEUE[0], "k")),
    "what hangs from an array": (lambda x: x * OBJECTS[0]["k"], item(OBJECTS[0], "k")),
    "an array of objects": (lambda x: x * OBJECTS[1], item(OBJECTS, 1)),
    "a view of a dict": (lambda x: x * PROXY["k"], item(INSIDE, "k")),
    "a view of bytes": (lambda x: x * VIEW[0], lambda k: item(BYTES, 0)(int(k))),
    "a context variable": (lambda x: x * VARIABLE.get(), VARIABLE.set),
    "a class of a class": (lambda x: x * OfMeta.scale, attribute(Meta, "scale")),
    "globals()": (lambda x: x * globals()["CONSTANT"], item(globals(), "CONSTANT")),
    "attrgetter": (lambda x: x * scale_of(Settings), attribute(Settings, "scale")),
    "a pattern": (matched, attribute(Pattern, "scale")),
    "the order of a dict": (ordered, lambda k: item(ORDER, "a")(ORDER.pop("a"))),
    "whether a Tensor wants a gradient": (
        lambda x: x * (1.0 + WEIGHT.requires_grad),
        lambda k: setattr(WEIGHT, "requires_grad", k < 4),
    ),
}


@pytest.mark.parametrize(("f", "change"), CHANGES.values(), ids=CHANGES)
def test_what_changes_far_away_is_another_program(f, change):
    compiled = mg.compile(f)
    results = [compiled(X).tobytes() for _ in range(4)]
    assert len(compiled.programs) == 1
    change(4.0)
    assert compiled(X).tobytes() == f(X).tobytes() != results[3]


@pytest.mark.parametrize(
    ("f", "holder"), [(lambda x: x * LONG[1500], LONG), (lambda x: x * LONG_DICT[1500], LONG_DICT)]
)
def test_a_long_collection_is_not_compared_and_the_function_runs_as_it_is(f, holder):
    compiled = mg.compile(f)
    compiled(X)
    with pytest.warns(UserWarning, match="has 2000 entries, more than 1000"):
        compiled(X)
    holder[1500] = 4.0
    assert compiled(X).tobytes() == f(X).tobytes()


far_package = None
PACKAGE = {
    "__init__": "from . import config, ops\nimport far_package.space.config",
    "config": "scale = 1.0",
    "ops": "from . import config\nk = 1.0\ndef f(x):\n    return x * k\n"
    "def g(x):\n    from .late import scale\n    return x * scale",
    "late": "scale = 1.0",
    "space/config": "scale = 1.0",
}


def imports_a_module(x):
    import far_package.config as q

    return x * q.scale


def imports_a_name(x):
    from far_package.config import scale

    return x * scale


@pytest.mark.parametrize(
    ("f", "module", "name"),
    [
        (lambda x: far_package.config.scale * x, "config", "scale"),
        (lambda x: far_package.ops.f(x), "ops", "k"),
        (lambda x: far_package.ops.g(x), "late", "scale"),
        (lambda x: far_package.space.config.scale * x, "space.config", "scale"),
        (imports_a_module, "config", "scale"),
        (imports_a_name, "config", "scale"),
    ],
)
def test_modules_in_packages(f, module, name, tmp_path, monkeypatch):
    (tmp_path / "far_package" / "space").mkdir(parents=True)
    for part, text in PACKAGE.items():
        (tmp_path / "far_package" / f"{part}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for part in [part for part in sys.modules if part.startswith("far_package")]:
        monkeypatch.delitem(sys.modules, part)
    monkeypatch.setitem(globals(), "far_package", importlib.import_module("far_package"))
    compiled = mg.compile(f)
    for _ in range(3):
        assert compiled(X).data.tolist() == X.tolist()
    setattr(importlib.import_module(f"far_package.{module}"), name, 4.0)
    assert compiled(X).data.tolist() == (4.0 * X).tolist()


def test_a_logger_counts_in_its_own_objects(caplog):
    log = logging.getLogger("steps")

    def step(x):
        log.warning("a step")
        return x * 2

    compiled = mg.compile(step)
    assert [compiled(X).data.tolist() for _ in range(4)] == [(2 * X).tolist()] * 4
    assert caplog.messages == ["a step"] * 3
