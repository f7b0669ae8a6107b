"""Prints the table of speeds: `python -m tests.benchmarks`, or only some: `python -m tests.benchmarks mlp convnet`."""

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))  # read when NumPy and the peers are imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import micrograd_np as mg  # noqa: E402

from .table import WORKLOADS, machine, rows  # noqa: E402

mg.keep_freed_memory()

chosen = set(sys.argv[1:])
if chosen - WORKLOADS.keys():
    sys.exit(f"There is no workload {', '.join(chosen - WORKLOADS.keys())}; there are {', '.join(WORKLOADS)}.")
print(machine(), "\n\n| work | goal | reached |\n| --- | --- | --- |")
for row in rows(chosen):
    print("|", " | ".join(row), "|", flush=True)
