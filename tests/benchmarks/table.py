"""One table of what is measured, with its goal and its result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from . import article, costs, models, optimisers
from .timing import Way, measure, ratio

WORKLOADS: dict[str, dict[str, Way]] = {
    "article": article.WAYS,
    "mlp": models.MLP,
    "convnet": models.CONVNET,
    "transformer": models.TRANSFORMER,
    "gru": models.GRU,
    "moons": models.MOONS,
    "optimisers": optimisers.WAYS,
}


class Ratio(NamedTuple):
    """The time of one way of a workload, in multiples of another's."""

    work: str
    goal: str
    workload: str
    way: str
    against: str


class Cost(NamedTuple):
    """A figure that is no ratio of times."""

    work: str
    goal: str
    figure: Callable[[], str]


START, END = "<!-- the table: python -m tests.benchmarks --write -->", "<!-- end of the table -->"
ARTICLE = "the article's 3-layer step"
MLP = "MLP 784-512-512-10, batch 256, float32"
CONVNET = "conv net on 28×28, batch 64, float32"
TRANSFORMER = "char transformer, 2 layers, width 64, context 64, batch 16"
GRU = "GRU classifier, 20 steps, width 16, batch 16, float32"
MOONS = "micrograd's demo, 2-16-16-1 on 100 points"
PARAMETERS = "30 parameters of 10 to 4,096 numbers"

RATIOS = [
    Ratio(f"{ARTICLE}, eager / by hand", "≤ 2.1", "article", "eager", "by hand"),
    Ratio(f"{ARTICLE}, eager, seeded with the error / by hand", "≤ 1.7", "article", "eager, seeded", "by hand"),
    Ratio(
        f"{ARTICLE}, nn.half_squared_error, updated by hand / by hand",
        "≤ 2.5",
        "article",
        "half_squared_error",
        "by hand",
    ),
    Ratio(f"{ARTICLE}, mse_loss / by hand", "≤ 2.7", "article", "mse_loss", "by hand"),
    Ratio(f"{ARTICLE}, 0.5 * ((y - l2) ** 2).sum(), np.dot / by hand", "≤ 3.6", "article", "natural", "by hand"),
    Ratio(f"{ARTICLE}, in the article's own lines / by hand", "≤ 4.9", "article", "own lines", "by hand"),
    Ratio(f"{ARTICLE}, optim.SGD / by hand", "≤ 3.0", "article", "SGD", "by hand"),
    Ratio(f"{ARTICLE}, Sequential and SGD / by hand", "≤ 5.0", "article", "layers, SGD", "by hand"),
    Ratio(f"{ARTICLE}, Sequential and Adam / by hand", "≤ 6.0", "article", "layers, Adam", "by hand"),
    Ratio(f"{ARTICLE}, Sequential and SGD, torch / by hand", "", "article", "torch, layers, SGD", "by hand"),
    Ratio(f"{ARTICLE}, Sequential and Adam, torch / by hand", "", "article", "torch, layers, Adam", "by hand"),
    Ratio(f"{ARTICLE}, the NumPy calls of the eager one alone / by hand", "", "article", "calls alone", "by hand"),
    Ratio(f"{ARTICLE}, compiled / by hand", "≤ 0.80", "article", "compiled", "by hand"),
    Ratio(f"{ARTICLE}, compiled loop / by hand", "≤ 0.72", "article", "compiled loop", "by hand"),
    Ratio(f"{ARTICLE}, with an optimiser, eager / by hand", "", "article", "optimiser", "by hand"),
    Ratio(f"{ARTICLE}, with an optimiser, compiled / by hand", "≤ 1.25", "article", "optimiser, compiled", "by hand"),
    Ratio(
        f"{ARTICLE}, with an optimiser, compiled loop / by hand",
        "≤ 0.87",
        "article",
        "optimiser, compiled loop",
        "by hand",
    ),
    Ratio(f"{ARTICLE}, a traced program / its text", "≤ 1.1", "article", "traced", "text"),
    Ratio(f"{ARTICLE}, compiled loop, numba / by hand", "≤ 0.03", "article", "compiled loop, numba", "by hand"),
    Ratio(f"{ARTICLE}, torch / eager", "≥ 4.7", "article", "torch", "eager"),
    Ratio(f"{ARTICLE}, autograd / eager", "≥ 11", "article", "autograd", "eager"),
    Ratio(f"{ARTICLE}, mygrad / eager", "≥ 8.8", "article", "mygrad", "eager"),
    Ratio(f"{ARTICLE}, micrograd / by hand", "", "article", "micrograd", "by hand"),
    Ratio(f"{ARTICLE}, jax.jit, a call / by hand", "", "article", "jax.jit", "by hand"),
    Ratio(f"{ARTICLE}, jax, eager / by hand", "", "article", "jax", "by hand"),
    Ratio(f"{ARTICLE}, jax fori_loop / by hand", "", "article", "jax loop", "by hand"),
    Ratio(f"{ARTICLE}, the hand code in numba / by hand", "", "article", "numba loop by hand", "by hand"),
    Ratio(f"{MLP}, eager / its matrix products", "≤ 1.12", "mlp", "eager", "products"),
    Ratio(f"{MLP}, compiled / its matrix products", "≤ 1.06", "mlp", "compiled", "products"),
    Ratio(f"{MLP}, torch / its matrix products", "", "mlp", "torch", "products"),
    Ratio(f"{MLP}, eager / torch", "≤ 0.9", "mlp", "eager", "torch"),
    Ratio(f"{MLP}, compiled / torch", "≤ 0.9", "mlp", "compiled", "torch"),
    Ratio(f"{CONVNET}, eager / torch", "≤ 1.1", "convnet", "eager", "torch"),
    Ratio(f"{CONVNET}, compiled / torch", "≤ 1.1", "convnet", "compiled", "torch"),
    Ratio(f"{TRANSFORMER}, eager / torch", "≤ 1.2", "transformer", "eager", "torch"),
    Ratio(f"{TRANSFORMER}, compiled / torch", "≤ 1.0", "transformer", "compiled", "torch"),
    Ratio(f"{GRU}, eager / torch", "≤ 1.0", "gru", "eager", "torch"),
    Ratio(f"{GRU}, compiled / torch", "", "gru", "compiled", "torch"),
    Ratio(f"{MOONS}, eager / torch", "≤ 0.45", "moons", "eager", "torch"),
    Ratio(f"{MOONS}, eager / micrograd", "", "moons", "eager", "micrograd"),
    Ratio(f"{PARAMETERS}, a step of Adam / by hand", "≤ 1.15", "optimisers", "Adam", "Adam by hand"),
    Ratio(f"{PARAMETERS}, a step of Adam / torch", "", "optimisers", "Adam", "Adam, torch"),
    Ratio(f"{PARAMETERS}, a step of SGD / by hand", "", "optimisers", "SGD", "SGD by hand"),
    Ratio(f"{PARAMETERS}, a step of SGD / torch", "", "optimisers", "SGD", "SGD, torch"),
]


def peaks() -> str:
    """Megabytes at the peak of a step of the MLP, by way."""
    ways = {
        "keeping": lambda: costs.peak_bytes(models.training(models.mlp, models.ours())),
        "forgetting": lambda: costs.peak_bytes(models.training(models.mlp, models.ours(), retain_graph=False)),
        "compiled": lambda: costs.peak_bytes(models.compiled(models.mlp)),
        "torch": lambda: costs.torch_peak_bytes(models.training(models.mlp, models.torch())),
    }
    return ", ".join(f"{way} {or_not_there(lambda peak=peak: f'{peak() / 1e6:.1f} MB')}" for way, peak in ways.items())


def imports() -> str:
    """Milliseconds to import each package."""
    packages = ["micrograd_np", "torch", "mygrad", "jax", "autograd"]
    milliseconds = {
        name: or_not_there(lambda name=name: f"{costs.milliseconds_to_import(name):.0f} ms") for name in packages
    }
    return ", ".join(f"{name} {figure}" for name, figure in milliseconds.items())


COSTS = [
    Cost("an op in a graph of 10⁶ / of 10³, collector off", "≤ 1.4", lambda: f"{costs.growth(on=False):.2f}"),
    Cost("the same, collector on", "≤ 1.75", lambda: f"{costs.growth(on=True):.2f}"),
    Cost(f"{MLP}: bytes of arrays at the peak", "compiled ≤ torch, forgetting ≤ 1.4 torch", peaks),
    Cost(f"{MLP}: trace and compile", "≤ 50 ms", lambda: f"{costs.milliseconds_to_compile():.0f} ms"),
    Cost("import, NumPy being there", "≤ 30 ms", imports),
]


def or_not_there(figure: Callable[[], str]) -> str:
    try:
        return figure()
    except ImportError:
        return "not there"


def machine() -> str:
    """The versions and the machine that the figures depend on."""
    names = ["numpy", "torch", "autograd", "mygrad", "jax", "numba", "micrograd"]
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"Python {platform.python_version()}, {', '.join(versions)}; {platform.machine()}, {os.cpu_count()} cores, one "
        f"thread each; load {load} at the start."
    )


def rows(chosen: set[str], quick: bool) -> Iterator[tuple[str, str, str]]:
    """(work, goal, reached) of the chosen workloads, and of all else if none was chosen; quickly, without the costs."""
    measured = {name: measure(ways, quick) for name, ways in WORKLOADS.items() if not chosen or name in chosen}
    for row in RATIOS:
        if row.workload in measured:
            figure = ratio(measured[row.workload], row.way, row.against)
            yield row.work, row.goal, "not there" if figure is None else marked(f"{figure:.2f}", row.goal)
    for cost in [] if chosen or quick else COSTS:
        yield cost.work, cost.goal, marked(or_not_there(cost.figure), cost.goal)


def marked(figure: str, goal: str) -> str:
    """Return a figure, with a word if it misses its goal; one in other words, as of bytes, stays as it is."""
    bound, number = re.fullmatch(r"([≤≥]) ([\d.]+)", goal), re.fullmatch(r"[\d.]+", figure)
    if not bound or not number:
        return figure
    reached, wanted = float(figure), float(bound[2])
    return figure if (reached <= wanted if bound[1] == "≤" else reached >= wanted) else f"{figure}, missed"


def written(text: str, table: str) -> str:
    """Return a page with the table between its markers."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"the page has no place for the table: {START} and {END}.")
    return f"{before}{start}\n\n{table}\n\n{end}{after}"
