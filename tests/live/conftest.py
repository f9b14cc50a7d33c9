import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path):
    """A folder of the test's own, in memory where there is such a file system."""
    place = Path("/dev/shm")
    if not place.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=place, prefix="schemasync-live-") as name:
        yield Path(name)
