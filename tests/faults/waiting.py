"""Wait for another process."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], patience: float = 20.0) -> None:
    """Wait until the condition is true. Fail the test if it is not after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
