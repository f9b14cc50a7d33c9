import tempfile
from pathlib import Path

import pytest

from schemasync.files import kernel_copy
from tests.support.memory import memory

__all__ = ["memory"]


@pytest.fixture
def folder(memory):
    """A folder for one test, in memory if there is such a file system."""
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def _small_files_are_copied_by_the_kernel(monkeypatch):
    """Let the kernel copy small files like large ones. Tests of other folders copy with SQLite's backup API."""
    monkeypatch.setattr(kernel_copy, "LARGE", 0)
