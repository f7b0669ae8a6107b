"""Memory that a step frees is kept for the next one, if the user asks for it."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
{}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    return [np.ones(2**18) for _ in range(16)]

step()
before = faults()
step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_a_second_step_asks_for_no_page(monkeypatch):
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_"):
        monkeypatch.delenv(name, raising=False)

    def faults(preparation):
        code = FAULTS.format(preparation)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    assert (
        faults("import micrograd_np as mg; mg.keep_freed_memory()")
        < 1000
        < faults("import micrograd_np.nn, micrograd_np.training")
    )
