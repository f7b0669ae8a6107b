"""Each way of each workload under pytest-benchmark: `python -m pytest tests/benchmarks/bench_ways.py`.

The name keeps it out of a plain test run. It asserts no time: what a time means is the ratio to another one.
"""

from importlib.util import find_spec

import pytest

from tests.benchmarks.table import WORKLOADS

pytestmark = [
    pytest.mark.skipif(find_spec("pytest_benchmark") is None, reason="needs pytest-benchmark (extra peers)"),
    pytest.mark.filterwarnings("ignore"),  # the peers'
]
WAYS = [(workload, way) for workload, ways in WORKLOADS.items() for way in ways]


@pytest.mark.parametrize(("workload", "way"), WAYS, ids=lambda name: name.replace(" ", "-"))
def test_way(workload, way, benchmark):
    make, steps = WORKLOADS[workload][way]
    try:
        call = make()
    except ImportError as missing:
        pytest.skip(f"{missing} (extra peers)")
    benchmark.group = workload
    benchmark.extra_info["steps a call"] = steps
    benchmark(call)
