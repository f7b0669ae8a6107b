"""Freed memory that is kept for the next step: a step of training frees its graph at once, and builds one as large.

The C library gives much freed memory back to the system, and each page that is asked for again costs a fault. How much
is much it learns from the largest block that it has seen freed: glibc from at most 32 MiB, of which it keeps twice.
Where MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ is set, that counts instead.
"""

import numpy as np

LARGEST = 2**25 - 2**16


def keep_freed_memory() -> None:
    """Show the C library a large block, of which no page is touched."""
    np.empty(LARGEST, np.uint8)
