import pytest

from tests.support.memory import memory, tmp_path

from .stage import Stage

__all__ = ["memory", "tmp_path"]


@pytest.fixture(scope="session")
def stages(memory):
    """name -> Stage, each made when it is first asked for."""
    made = {}

    def stage(name):
        if name not in made:
            made[name] = Stage(name, memory / name)
        return made[name]

    return stage
