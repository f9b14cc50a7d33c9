"""Folders in memory, where there is such a file system: thousands of fsyncs take their time."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For tests about what is printed and done, or about what a killed process leaves: neither depends on the disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="schemasync-") as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path(memory: Path) -> Iterator[Path]:
    """A folder of the test's own, in memory."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)
