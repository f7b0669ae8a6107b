"""The other costs of a tape: time for each recorded op as graphs grow, bytes at the peak of a step, time to begin."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import Any

from . import models

LENGTHS = [10**3, 10**4, 10**5, 10**6]
BEGINNING = 3  # calls of a compiled function: one runs plain, one is traced, one compares the program with it


@contextmanager
def collector(on: bool) -> Iterator[None]:
    """The cyclic garbage collector on or off, and as it was afterwards."""
    was_on = gc.isenabled()
    gc.collect()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if was_on else gc.disable)()


def seconds_an_op(length: int, on: bool) -> float:
    """Of a chain of small multiplications and its backward pass."""
    import micrograd_np as mg

    def chain() -> float:
        z = mg.Tensor(1.0, requires_grad=True)
        start = process_time()
        for _ in range(length):
            z = z * 1.000001
        z.backward()
        return (process_time() - start) / length

    with collector(on):
        return statistics.median(chain() for _ in range(max(1, 10**5 // length)))


def growth(on: bool) -> float:
    """The time an op takes in the largest graph, as a multiple of that in the smallest."""
    times = [seconds_an_op(length, on) for length in LENGTHS]
    return max(times) / times[0]


def peak_bytes(step: Callable[[], Any]) -> int:
    """The most bytes that a step holds beyond those before it; NumPy reports its arrays to tracemalloc."""
    for _ in range(BEGINNING + 1):
        step()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def torch_peak_bytes(step: Callable[[], Any]) -> int:
    """The same of PyTorch, whose profiler lists every allocation and every release of a tensor's memory."""
    from torch.profiler import ProfilerActivity, profile

    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def milliseconds_to_compile() -> float:
    """Cost of the first three calls of the compiled MLP, less three plain steps; the median of five."""
    from micrograd_np import compile

    plain = models.training(models.mlp, models.ours())
    usual, first = [], []
    for _ in range(5):
        for times, step in ((usual, plain), (first, compile(plain))):
            start = process_time()
            for _ in range(BEGINNING):
                step()
            times.append(process_time() - start)
    return 1e3 * (statistics.median(first) - statistics.median(usual))


IMPORT = "import numpy, time; start = time.process_time(); import {}; print(time.process_time() - start)"


def milliseconds_to_import(package: str, times: int = 5) -> float:
    """In a fresh process, where NumPy is there already, and byte code, as `pip install` leaves it."""
    allowed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-X", f"pycache_prefix={cache}", "-c", IMPORT.format(package)]
        runs = [
            subprocess.run(command, env=allowed, capture_output=True, text=True, check=False) for _ in range(1 + times)
        ]
    if any(run.returncode for run in runs):
        raise ModuleNotFoundError(package)
    return 1e3 * statistics.median(float(run.stdout) for run in runs[1:])  # the first writes the byte code
