import os
import tempfile
from pathlib import Path

import pytest

from .stage import Stage


@pytest.fixture(scope="session")
def memory(tmp_path_factory):
    """A folder in memory where there is one: what a killed process leaves does not depend on the disk, and thousands
    of fsyncs take their time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path_factory.mktemp("crash")
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="schemasync-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stages(memory):
    """name -> Stage, each made when it is first asked for."""
    made = {}

    def stage(name):
        if name not in made:
            made[name] = Stage(name, memory / name)
        return made[name]

    return stage


@pytest.fixture
def tmp_path(memory):
    """A folder of the test's own, in memory."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)
