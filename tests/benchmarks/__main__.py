"""Prints the table of speeds: `python -m tests.benchmarks`, or only some: `python -m tests.benchmarks mlp convnet`.

`--quick` takes two minutes, with rougher figures; `--write` puts the table into docs/speed.md.
"""

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))  # read when NumPy and the peers are imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

from pathlib import Path  # noqa: E402

import micrograd_np as mg  # noqa: E402

from .table import WORKLOADS, machine, rows, written  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
OPTIONS = {"--quick", "--write"}

if {"-h", "--help"} & set(sys.argv):
    print(f"{__doc__}\nThe workloads: {', '.join(WORKLOADS)}.")
    sys.exit()

mg.keep_freed_memory()

chosen = set(sys.argv[1:]) - OPTIONS
if chosen - WORKLOADS.keys():
    sys.exit(f"There is no workload {', '.join(chosen - WORKLOADS.keys())}; there are {', '.join(WORKLOADS)}.")
if chosen and "--write" in sys.argv:
    sys.exit("--write takes the whole table: leave out the names of workloads.")
lines = [f"{machine()}\n", "| work | goal | reached |", "| --- | --- | --- |"]
print(*lines, sep="\n")
for row in rows(chosen, "--quick" in sys.argv):
    lines.append(f"| {' | '.join(row)} |")
    print(lines[-1], flush=True)
if "--write" in sys.argv:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), "\n".join(lines)), encoding="utf-8")
