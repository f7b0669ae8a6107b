"""The networks train side by side, each in a process of its own: two cores take half the time of one."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from . import compare
from .compare import Training
from .networks import Network


def train(networks: list[Network], steps: dict[str, int], tell: Callable[[str, int], None]) -> list[Training]:
    """Train every network for its steps; `tell` is told now and then how far each is."""
    workers = []
    # What a child inherits: Ctrl-C ends this process, and this process its children.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        workers += [start(network, steps[network.name]) for network in networks]
    finally:
        signal.signal(signal.SIGINT, interrupt)
    try:
        return collect([network.name for network in networks], [receiver for _, receiver in workers], tell)
    finally:
        for process, _ in workers:
            process.terminate()
            process.join()


def start(network: Network, steps: int) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(network, steps, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def work(network: Network, steps: int, sender: Connection) -> None:
    """A child's whole life: it sends how far it is, and at last what it found."""
    sender.send(compare.train(network, steps, sender.send))


def collect(names: list[str], receivers: list[Any], tell: Callable[[str, int], None]) -> list[Training]:
    """What the children found, while passing on how far they are."""
    found: dict[Any, Training] = {}
    name = dict(zip(receivers, names, strict=True))
    while len(found) < len(receivers):
        ready: list[Any] = wait([receiver for receiver in receivers if receiver not in found])
        for receiver in ready:
            message = receiver.recv()
            if isinstance(message, Training):
                found[receiver] = message
            else:
                tell(name[receiver], message)
    return [found[receiver] for receiver in receivers]
