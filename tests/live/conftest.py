import tempfile
from pathlib import Path

import pytest

from tests.support.memory import memory

__all__ = ["memory"]


@pytest.fixture
def folder(memory):
    """A folder of the test's own, in memory where there is such a file system."""
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)
