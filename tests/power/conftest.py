import shutil
import tempfile
from pathlib import Path

import pytest

from tests.crash.conftest import prepare
from tests.support.memory import memory, tmp_path

__all__ = ["memory", "prepare", "tmp_path"]


@pytest.fixture
def open_folder():
    """A folder to which every user may write."""
    folder = Path(tempfile.mkdtemp(prefix="schemasync-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)
