import pytest

from tests.support.memory import memory, tmp_path

from .prepared_scenario import PreparedScenario

__all__ = ["memory", "tmp_path"]


@pytest.fixture(scope="session")
def prepare(memory):
    """Return a function that maps the name of a scenario to its PreparedScenario, made at the first use."""
    made = {}

    def prepared(name):
        if name not in made:
            made[name] = PreparedScenario(name, memory / name)
        return made[name]

    return prepared
