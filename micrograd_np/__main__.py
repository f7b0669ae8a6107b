"""`python -m micrograd_np` is the command `micrograd-np`."""

import sys

from .cli import main

sys.exit(main())
