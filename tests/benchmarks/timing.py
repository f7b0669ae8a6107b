"""Times of calls beside each other: they take turns, so that other load meets all alike."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

Step = Callable[[], Any]
Way = tuple[Callable[[], Step], int]  # makes a call, and says how many steps of training one call is

ROUNDS, QUICK_ROUNDS = 15, 5
LEAST = 0.03  # seconds that a turn lasts, so that the clock's own time does not count


def made(ways: dict[str, Way]) -> dict[str, tuple[Step, int]]:
    """The ways that are there, each called often enough to be warm; a peer that is not installed is left out."""
    ready = {}
    for name, (make, steps) in ways.items():
        try:
            call = make()
        except ImportError:
            continue
        for _ in range(3):
            call()
        ready[name] = call, steps
    return ready


def seconds(call: Step, times: int) -> float:
    """The processor time of one call, the mean of several in a row: other load does not count, threads do."""
    start = process_time()
    for _ in range(times):
        call()
    return (process_time() - start) / times


def measure(ways: dict[str, Way], quick: bool = False) -> dict[str, list[float]]:
    """Seconds a step, by way, one figure a round; quickly, in fewer rounds and shorter turns."""
    calls = made(ways)
    rounds, least = (QUICK_ROUNDS, LEAST / 3) if quick else (ROUNDS, LEAST)
    times = {name: max(1, round(least / seconds(call, 1))) for name, (call, _) in calls.items()}
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, steps) in calls.items():
            measured[name].append(seconds(call, times[name]) / steps)
    return measured


def ratio(measured: dict[str, list[float]], way: str, against: str) -> float | None:
    """The time of a way in multiples of the other's, the median over the rounds; None where one is not there."""
    if way not in measured or against not in measured:
        return None
    return median(ours / theirs for ours, theirs in zip(measured[way], measured[against], strict=True))
