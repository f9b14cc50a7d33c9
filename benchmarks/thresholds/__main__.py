"""`python -m benchmarks.thresholds`: run `python -m benchmarks thresholds`."""

import sys

from ..__main__ import main

sys.argv.insert(1, "thresholds")
sys.exit(main())
