import tempfile
from pathlib import Path

import pytest

from schemasync.files import kernel_copy
from tests.support.memory import memory

__all__ = ["memory"]


@pytest.fixture
def folder(memory):
    """A folder of the test's own, in memory where there is such a file system."""
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def _small_files_are_copied_by_the_kernel(monkeypatch):
    """Like large ones. The other tests copy with SQLite's backup API."""
    monkeypatch.setattr(kernel_copy, "LARGE", 0)
